"""Python clients that others wrote, in an environment of their own: each reads its work and prints what it cost.

Every one is pointed at the emulator by parameters that it offers, or by an attribute where it offers none.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import ssl
import sys
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_UNIT_OF_RSS = 1 if sys.platform == "darwin" else 1024
_FRAGMENT_BYTES = 10 * 1024 * 1024


class Sdk:
    """Microsoft's ``msgraph-sdk``: asynchronous, whole files in memory."""

    def __init__(self, facts: dict[str, Any]) -> None:
        import httpx  # noqa: PLC0415 - each client loads its own
        from azure.identity import ClientSecretCredential  # noqa: PLC0415
        from kiota_authentication_azure.azure_identity_authentication_provider import (  # noqa: PLC0415
            AzureIdentityAuthenticationProvider,
        )
        from msgraph import GraphRequestAdapter, GraphServiceClient  # noqa: PLC0415
        from msgraph_core import GraphClientFactory  # noqa: PLC0415

        self._loop = asyncio.new_event_loop()
        authority = _ca_file(facts)
        credential = ClientSecretCredential(
            facts["tenant_id"],
            facts["client_id"],
            facts["client_secret"],
            authority=facts["authority_url"],
            disable_instance_discovery=True,
            connection_verify=authority,
        )
        provider = AzureIdentityAuthenticationProvider(
            credential,
            scopes=[facts["graph_url"] + "/.default"],
            allowed_hosts=[str(urlsplit(facts["graph_url"]).hostname)],
        )
        plain = httpx.AsyncClient(verify=ssl.create_default_context(cafile=authority), trust_env=False, timeout=60)
        self._adapter = GraphRequestAdapter(provider, GraphClientFactory.create_with_default_middleware(client=plain))
        self._adapter.base_url = facts["graph_url"] + "/v1.0/"
        client = GraphServiceClient(request_adapter=self._adapter)
        self._items = client.drives.by_drive_id(facts["drive_id"]).items

    def upload(self, path: str, name: str) -> None:
        self._loop.run_until_complete(self._upload(path, name))

    def download(self, name: str, path: str) -> None:
        content = self._loop.run_until_complete(self._at(name).content.get())
        Path(path).write_bytes(content)

    def many_up(self, paths: list[Path], folder: str, at_once: int) -> None:
        works = [lambda p=path: self._at(f"{folder}/{p.name}").content.put(p.read_bytes()) for path in paths]
        self._loop.run_until_complete(self._all(works, at_once))

    def many_down(self, names: list[str], folder: Path, at_once: int) -> None:
        async def one(name: str) -> None:
            content = await self._at(name).content.get()
            (folder / Path(name).name).write_bytes(content)

        self._loop.run_until_complete(self._all([lambda n=name: one(n) for name in names], at_once))

    def list(self, folder: str) -> int:
        return self._loop.run_until_complete(self._list(folder))

    def _at(self, path: str) -> Any:
        return self._items.by_drive_item_id(f"root:/{path}:")

    async def _all(self, works: list[Any], at_once: int) -> None:
        limit = asyncio.Semaphore(at_once)

        async def one(work: Any) -> None:
            async with limit:
                await work()

        await asyncio.gather(*(one(work) for work in works))

    async def _upload(self, path: str, name: str) -> None:
        """Use the task that comes with it, which raises after the end although the file is there."""
        from kiota_abstractions.api_error import APIError  # noqa: PLC0415
        from msgraph.generated.drives.item.items.item.create_upload_session.create_upload_session_post_request_body import (  # noqa: E501, PLC0415
            CreateUploadSessionPostRequestBody,
        )
        from msgraph.generated.models.drive_item import DriveItem  # noqa: PLC0415
        from msgraph_core.tasks.large_file_upload import LargeFileUploadTask  # noqa: PLC0415

        session = await self._at(name).create_upload_session.post(CreateUploadSessionPostRequestBody())
        content = BytesIO(Path(path).read_bytes())  # noqa: ASYNC240 - nothing else runs
        try:
            await LargeFileUploadTask(session, self._adapter, content, DriveItem, _FRAGMENT_BYTES).upload()
        except APIError:
            return

    async def _list(self, folder: str) -> int:
        from kiota_abstractions.base_request_configuration import RequestConfiguration  # noqa: PLC0415
        from msgraph.generated.drives.item.items.item.children.children_request_builder import (  # noqa: PLC0415
            ChildrenRequestBuilder,
        )

        parameters = ChildrenRequestBuilder.ChildrenRequestBuilderGetQueryParameters(top=1000)
        builder = self._at(folder).children
        page = await builder.get(request_configuration=RequestConfiguration(query_parameters=parameters))
        found = len(page.value)
        while page.odata_next_link:
            page = await builder.with_url(page.odata_next_link).get()
            found += len(page.value)
        return found


class Msgraphfs:
    """``msgraphfs``: an fsspec file system."""

    def __init__(self, facts: dict[str, Any]) -> None:
        from msgraphfs import MSGDriveFS  # noqa: PLC0415

        authority = ssl.create_default_context(cafile=_ca_file(facts))
        self._fs = MSGDriveFS(
            drive_id=facts["drive_id"],
            oauth2_client_params={
                "client_id": facts["client_id"],
                "client_secret": facts["client_secret"],
                "scope": facts["graph_url"] + "/.default",
                "token_endpoint": f"{facts['authority_url']}/{facts['tenant_id']}/oauth2/v2.0/token",
                "grant_type": "client_credentials",
                "verify": authority,
            },
        )
        self._fs.drive_url = f"{facts['graph_url']}/v1.0/drives/{facts['drive_id']}"

    def upload(self, path: str, name: str) -> None:
        self._fs.put_file(path, f"/{name}")

    def download(self, name: str, path: str) -> None:
        self._fs.get_file(f"/{name}", path)

    def many_up(self, paths: list[Path], folder: str, at_once: int) -> None:
        self._fs.put([str(path) for path in paths], [f"/{folder}/{path.name}" for path in paths], batch_size=at_once)

    def many_down(self, names: list[str], folder: Path, at_once: int) -> None:
        targets = [str(folder / Path(name).name) for name in names]
        self._fs.get([f"/{name}" for name in names], targets, batch_size=at_once)

    def list(self, folder: str) -> int:
        return len(self._fs.ls(f"/{folder}", detail=False))


class O365:
    """``O365``: blocking, with ``requests``; it is used from threads, which share its session."""

    def __init__(self, facts: dict[str, Any]) -> None:
        from O365 import Account, MSGraphProtocol  # noqa: PLC0415

        os.environ["REQUESTS_CA_BUNDLE"] = _ca_file(facts)

        class Protocol(MSGraphProtocol):
            _protocol_url = facts["graph_url"] + "/"

        protocol = Protocol()
        account = Account(
            ("id", "secret"), protocol=protocol, auth_flow_type="credentials", tenant_id=facts["tenant_id"]
        )
        connection = account.connection
        connection.requests_delay = 0
        connection.session = connection.get_session(load_token=False)
        connection.session.headers["Authorization"] = f"Bearer {facts['token']}"
        self._drive = account.storage().get_drive(facts["drive_id"])

    def upload(self, path: str, name: str) -> None:
        folder = self._drive.get_root_folder()
        if not folder.upload_file(path, item_name=name, chunk_size=_FRAGMENT_BYTES):
            raise RuntimeError("O365 says that it failed")

    def download(self, name: str, path: str) -> None:
        target = Path(path)
        if not self._drive.get_item_by_path(f"/{name}").download(to_path=target.parent, name=target.name):
            raise RuntimeError("O365 says that it failed")

    def many_up(self, paths: list[Path], folder: str, at_once: int) -> None:
        into = self._drive.get_item_by_path(f"/{folder}")
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(into.upload_file, map(str, paths)))

    def many_down(self, names: list[str], folder: Path, at_once: int) -> None:
        with ThreadPoolExecutor(at_once) as pool:
            list(pool.map(lambda name: self.download(name, str(folder / Path(name).name)), names))

    def list(self, folder: str) -> int:
        return sum(1 for _ in self._drive.get_item_by_path(f"/{folder}").get_items(limit=None, batch=999))


CLIENTS = {"msgraph-sdk": Sdk, "msgraphfs": Msgraphfs, "O365": O365}


def _ca_file(facts: dict[str, Any]) -> str:
    """Write the authority down for clients that want a file."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem", delete=False) as file:
        file.write(facts["ca"])
    return file.name


def _do(client: Any, work: dict[str, Any]) -> None:
    folder = Path(work.get("path", "."))
    if work["do"] == "many_up":
        client.many_up(sorted(folder.iterdir()), "many0000", work["at_once"])
    elif work["do"] == "many_down":
        folder.mkdir()
        names = [f"many0000/file {number:06}.bin" for number in range(work["count"])]
        client.many_down(names, folder, work["at_once"])
        _expect(len(list(folder.iterdir())), work["count"])
    elif work["do"] == "list":
        _expect(client.list("many0000"), work["count"])
    elif work["do"] == "upload":
        client.upload(work["path"], "large.bin")
    else:
        client.download(work.get("name", "large.bin"), work["path"])


def _expect(found: int, count: int) -> None:
    if found != count:
        raise RuntimeError(f"{found} instead of {count}")


def _used() -> tuple[float, float]:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _UNIT_OF_RSS


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable()
    work = json.loads(sys.stdin.read())
    client = CLIENTS[work["client"]](work["facts"])
    used, _ = _used()
    began = time.perf_counter()
    _do(client, work)
    seconds, (cpu_seconds, peak) = time.perf_counter() - began, _used()
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds - used, "memory_bytes": peak}))


if __name__ == "__main__":
    main()
