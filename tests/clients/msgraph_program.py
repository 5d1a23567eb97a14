"""Do some steps with Microsoft's own SDK and print, as JSON, what each one gave.

It runs in the environment of the clients and knows nothing of the emulator; how the SDK is pointed at another address
stands in ``client``: only parameters that it offers for that.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from azure.identity import ClientSecretCredential
from kiota_abstractions.api_error import APIError
from kiota_abstractions.base_request_configuration import RequestConfiguration
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from kiota_http.middleware.options import HeadersInspectionHandlerOption
from msgraph import GraphRequestAdapter, GraphServiceClient
from msgraph.generated.drives.item.items.item.children.children_request_builder import ChildrenRequestBuilder
from msgraph.generated.drives.item.items.item.copy.copy_post_request_body import CopyPostRequestBody
from msgraph.generated.drives.item.items.item.create_link.create_link_post_request_body import CreateLinkPostRequestBody
from msgraph.generated.drives.item.items.item.create_upload_session.create_upload_session_post_request_body import (
    CreateUploadSessionPostRequestBody,
)
from msgraph.generated.drives.item.items.item.drive_item_item_request_builder import DriveItemItemRequestBuilder
from msgraph.generated.models.drive_item import DriveItem
from msgraph.generated.models.drive_item_uploadable_properties import DriveItemUploadableProperties
from msgraph.generated.models.folder import Folder
from msgraph.generated.models.item_reference import ItemReference
from msgraph_core import GraphClientFactory
from msgraph_core.tasks.large_file_upload import LargeFileUploadTask


class Steps:
    """:param plain: for addresses that carry their permission with them."""

    def __init__(self, client, drive_id, plain):
        self.adapter = client.request_adapter
        self.drive_builder = client.drives.by_drive_id(drive_id)
        self.plain = plain

    def at(self, path):
        return self.drive_builder.items.by_drive_item_id(f"root:/{path}:" if path else "root")

    async def drive(self):
        drive = await self.drive_builder.get()
        return {"type": drive.drive_type, "total": drive.quota.total, "used": drive.quota.used}

    async def put(self, path, text):
        return shown(await self.at(path).content.put(text.encode()))

    async def get(self, path):
        return shown(await self.at(path).get())

    async def rename_if(self, path, etag, name):
        configuration = RequestConfiguration()
        configuration.headers.add("If-Match", etag)
        return shown(await self.at(path).patch(DriveItem(name=name), configuration))

    async def read(self, path):
        return (await self.at(path).content.get()).decode()

    async def download(self, path, local_path):
        return write(local_path, await self.at(path).content.get())

    async def folder(self, path, name):
        return shown(await self.at(path).children.post(DriveItem(name=name, folder=Folder())))

    async def children(self, path, top):
        parameters = ChildrenRequestBuilder.ChildrenRequestBuilderGetQueryParameters(top=top, select=["id", "name"])
        builder = self.at(path).children
        page = await builder.get(request_configuration=RequestConfiguration(query_parameters=parameters))
        pages = [page]
        while pages[-1].odata_next_link:
            pages.append(await builder.with_url(pages[-1].odata_next_link).get())
        return [[item.name for item in page.value] for page in pages]

    async def expanded(self, path):
        parameters = DriveItemItemRequestBuilder.DriveItemItemRequestBuilderGetQueryParameters(expand=["children"])
        item = await self.at(path).get(request_configuration=RequestConfiguration(query_parameters=parameters))
        return [child.name for child in item.children]

    async def delta(self, link=None):
        root = self.at("").delta if link is None else self.at("").delta.with_url(link)
        page = await root.get()
        items = list(page.value)
        while page.odata_next_link:
            page = await self.at("").delta.with_url(page.odata_next_link).get()
            items += page.value
        told = [[item.name, item.id, item.deleted is not None] for item in items]
        return {"items": told, "link": page.odata_delta_link}

    async def move(self, path, folder, name):
        parent = await self.at(folder).get()
        change = DriveItem(name=name, parent_reference=ItemReference(id=parent.id))
        return shown(await self.at(path).patch(change))

    async def copy(self, path, folder, name):
        """Return what the monitor said at last: the SDK leaves asking it to the caller."""
        parent = await self.at(folder).get()
        reference = ItemReference(drive_id=parent.parent_reference.drive_id, id=parent.id)
        headers = HeadersInspectionHandlerOption()
        body = CopyPostRequestBody(name=name, parent_reference=reference)
        await self.at(path).copy.post(body, RequestConfiguration(options=[headers]))
        return await self.end_of_job(*headers.response_headers.get("location"))

    async def end_of_job(self, address):
        while True:
            said = (await self.plain.get(address)).json()
            if said["status"] in {"completed", "failed"}:
                return [said["status"], said.get("error", {}).get("code")]
            await asyncio.sleep(0.01)

    async def delete(self, path):
        await self.at(path).delete()

    async def delete_permanently(self, path):
        await self.at(path).permanent_delete.post()

    async def versions(self, path):
        return [version.id for version in (await self.at(path).versions.get()).value]

    async def search(self, text):
        return [item.name for item in (await self.at("").search_with_q(text).get()).value]

    async def link(self, path):
        body = CreateLinkPostRequestBody(type="view", scope="organization")
        return (await self.at(path).create_link.post(body)).link.web_url

    async def upload(self, path, local_path, fragment_bytes):
        """Use the task that comes with the SDK, and say how it ended besides: see the README."""
        properties = DriveItemUploadableProperties(
            additional_data={"@microsoft.graph.conflictBehavior": "replace"}, name=path.rpartition("/")[2]
        )
        body = CreateUploadSessionPostRequestBody(item=properties)
        session = await self.at(path).create_upload_session.post(body)
        task = LargeFileUploadTask(session, self.adapter, read(local_path), DriveItem, fragment_bytes)
        try:
            await task.upload()
        except APIError as error:
            return {"raised": error.response_status_code}
        return {"raised": None}


def read(path):
    return BytesIO(Path(path).read_bytes())


def write(path, content):
    return Path(path).write_bytes(content)


def shown(item):
    return {
        "id": item.id,
        "name": item.name,
        "size": item.size,
        "etag": item.e_tag,
        "hash": item.file and item.file.hashes and item.file.hashes.quick_xor_hash,
        "is_folder": item.folder is not None,
    }


def http_client(settings):
    return httpx.AsyncClient(verify=ssl.create_default_context(cafile=settings["ca_file"]), trust_env=False, timeout=60)


def client(settings):
    credential = ClientSecretCredential(
        settings["tenant_id"],
        settings["client_id"],
        settings["client_secret"],
        authority=settings["authority_url"],
        disable_instance_discovery=True,
        connection_verify=settings["ca_file"],
    )
    scopes = [settings["graph_url"] + "/.default"]
    hosts = [urlsplit(settings["graph_url"]).hostname]
    authentication = AzureIdentityAuthenticationProvider(credential, scopes=scopes, allowed_hosts=hosts)
    http = GraphClientFactory.create_with_default_middleware(client=http_client(settings))
    adapter = GraphRequestAdapter(authentication, http)
    adapter.base_url = settings["graph_url"] + "/v1.0/"
    return GraphServiceClient(request_adapter=adapter)


async def result(steps, name, arguments):
    try:
        return await getattr(steps, name)(*arguments)
    except APIError as error:
        said = getattr(error, "error", None)
        return {"status": error.response_status_code, "code": said and said.code}


async def run(settings, steps):
    served = Steps(client(settings), settings["drive_id"], http_client(settings))
    return [await result(served, name, arguments) for name, *arguments in steps]


def main():
    task = json.load(sys.stdin)
    json.dump(asyncio.run(run(task["settings"], task["steps"])), sys.stdout)


if __name__ == "__main__":
    main()
