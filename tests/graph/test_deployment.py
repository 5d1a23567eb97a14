"""What a deployment permits: the clients refuse everything else before they send a request."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import fields as fields_of
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_onedrive.graph.client import AsyncClient, Client
from airflow_provider_onedrive.graph.config.deployment import PERMISSIONS, DeploymentPolicy
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.options import DeleteOptions, TransferOptions

Connect = Callable[..., Client]
NOTHING = DeploymentPolicy.from_options({})
REQUIRED = {
    "location": "myfiles/a.csv",
    "local_path": "none",
    "items": [],
    "destination": "myfiles/b.csv",
    "method": "GET",
    "path": "/me",
    "manifest": Path("m.jsonl"),
    "filters": None,
    "copy": {},
    "item_id": "1",
}


def unverified(options: Any) -> Any:
    """Return options without any verification; None if they have none."""
    names = [each.name for each in fields_of(options)]
    changes = {"verify": False} if "verify" in names else {}
    nested = [name for name in names if is_dataclass(getattr(options, name)) and unverified(getattr(options, name))]
    changes |= {name: unverified(getattr(options, name)) for name in nested}
    return replace(options, **changes) if changes else None


def unusual_calls(client: type) -> list[tuple[str, str, dict[str, Any]]]:
    """Find the methods that can be asked for what needs a permission: its name, that of the method, the arguments."""
    calls = []
    for name, method in inspect.getmembers(client, inspect.isfunction):
        if name.startswith("_"):
            continue
        parameters = inspect.signature(method).parameters
        given = {each: REQUIRED[each] for each in parameters if each in REQUIRED}
        if "permanent" in parameters:
            calls.append(("permanent_delete", name, given | {"permanent": True}))
        options = parameters["options"].default if "options" in parameters else None
        if isinstance(options, DeleteOptions):
            emptied = {"options": DeleteOptions(on_hold="delete_contents"), "recursive": True}
            calls.append(("delete_on_hold", name, given | emptied))
        if options is not None and unverified(options):
            calls.append(("skip_verify", name, given | {"options": unverified(options)}))
    return calls


@pytest.fixture
def deployed(connect: Connect, fields: dict[str, Any]) -> Callable[..., Client]:
    """Make a client with the policy of a deployment."""

    def make(policy: DeploymentPolicy = NOTHING, **changes: Any) -> Client:
        client = connect(**changes)
        client.close()
        settings = Settings.from_fields({**fields, **changes}, trusted_hosts=["localhost"], policy=policy)
        return Client(settings)

    return make


def test_calls_that_need_a_permission_are_known() -> None:
    """If a method gets one, the tests below try it."""
    assert sorted((name, permission) for permission, name, _ in unusual_calls(Client)) == [
        ("delete", "delete_on_hold"),
        ("delete", "permanent_delete"),
        ("delete_all", "permanent_delete"),
        ("download", "skip_verify"),
        ("download_folder", "skip_verify"),
        ("save", "skip_verify"),
        ("update", "skip_verify"),
        ("upload", "skip_verify"),
        ("upload_folder", "skip_verify"),
    ]
    assert [name for _, name, _ in unusual_calls(AsyncClient)] == ["delete", "delete"]


@pytest.mark.parametrize(("permission", "name", "given"), unusual_calls(Client), ids=lambda value: str(value)[:20])
def test_client_refuses_before_any_request(
    deployed: Callable[..., Client], onedrive_emulator: Any, permission: str, name: str, given: dict[str, Any]
) -> None:
    """Not even a token is asked for. The error names the option, and who can change it."""
    client = deployed()
    with client, pytest.raises(ConfigurationError, match=rf"\[onedrive\] allow is empty.*add {permission} to it"):
        getattr(client, name)(**given)
    assert onedrive_emulator.requests == []


@pytest.mark.parametrize(("permission", "name", "given"), unusual_calls(AsyncClient), ids=lambda value: str(value)[:20])
def test_async_client_refuses_before_any_request(
    fields: dict[str, Any], onedrive_emulator: Any, permission: str, name: str, given: dict[str, Any]
) -> None:
    """Triggers have no other client."""

    async def call() -> None:
        async with AsyncClient(Settings.from_fields(fields, trusted_hosts=["localhost"], policy=NOTHING)) as client:
            await getattr(client, name)(**given)

    with pytest.raises(ConfigurationError, match=permission):
        asyncio.run(call())
    assert onedrive_emulator.requests == []


RAW = [
    ("POST", "/me/drive/items/1/permanentDelete", None),
    ("post", "/drives/D/items/1/microsoft.graph.permanentDelete()?a=b", None),
    ("POST", "/drives/D/items/1/%70ermanentDELETE/", None),
    ("POST", "/$batch", {"requests": [{"id": "1", "method": "POST", "url": "/drives/D/items/1/permanentDelete"}]}),
]


@pytest.mark.parametrize(("method", "path", "json"), RAW)
def test_raw_request_is_no_way_round(
    deployed: Callable[..., Client], onedrive_emulator: Any, method: str, path: str, json: Any
) -> None:
    """However it is written."""
    with deployed() as client, pytest.raises(ConfigurationError, match="permanent_delete"):
        client.request(method, path, json=json)
    assert onedrive_emulator.requests == []


def test_name_of_a_file_needs_no_permission(deployed: Callable[..., Client], drive: Any) -> None:
    """A file may be called like the action."""
    with deployed() as client:
        client.save("myfiles/permanentDelete", content=b"a")
        client.delete("myfiles/permanentDelete")
    assert len(drive.recycle_bin) == 1


def test_script_is_free(client: Client, drive: Any) -> None:
    """A client that no deployment has made permits what its caller asks for."""
    drive.put("a.csv", b"a")
    client.delete("myfiles/a.csv", permanent=True)
    assert (drive.paths(), drive.recycle_bin) == ([], [])
    assert client.settings.policy == DeploymentPolicy(PERMISSIONS)


def test_permission_permits(deployed: Callable[..., Client], drive: Any) -> None:
    """And permits nothing else."""
    drive.put("a.csv", b"a")
    with deployed(DeploymentPolicy.from_options({"allow": "Permanent_Delete,other"})) as client:
        client.delete("myfiles/a.csv", permanent=True)
        with pytest.raises(ConfigurationError, match="allow names only other, permanent_delete; nothing was sent"):
            client.settings.policy.require("delete_on_hold", "on_hold='delete_contents'")
    assert drive.recycle_bin == []


# --- max_delete


def deletions(tmp_path: Path) -> dict[str, Callable[[Client], object]]:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "new.csv").write_bytes(b"n")
    (tmp_path / "target").mkdir()
    for name in "xyz":
        (tmp_path / "target" / name).write_bytes(b"n")
    mirror, move = TransferOptions(delete_extra=True), TransferOptions(move=True)
    return {
        "delete": lambda client: client.delete("myfiles/in", recursive=True, options=DeleteOptions(max_items=1000)),
        "delete_all": lambda client: client.delete_all(list(client.children("myfiles/in"))),
        "mirror_up": lambda client: client.upload_folder(
            "myfiles/in/", local_path=tmp_path / "source", options=mirror, if_exists="replace"
        ),
        "mirror_down": lambda client: client.download_folder("myfiles/one/", tmp_path / "target", options=mirror),
        "move_down": lambda client: client.download_folder("myfiles/in/", tmp_path / "target", options=move),
        "raw": lambda client: client.request("DELETE", "/me/drive/items/1"),
        "raw_batch": lambda client: client.request("POST", "/$batch", json={"requests": []}),
        "raw_permanent": lambda client: client.request("POST", "/me/drive/items/1/permanentDelete"),
    }


@pytest.mark.parametrize(
    "act", ["delete", "delete_all", "mirror_up", "mirror_down", "move_down", "raw", "raw_batch", "raw_permanent"]
)
def test_deployment_limits_deletions(deployed: Callable[..., Client], drive: Any, tmp_path: Path, act: str) -> None:
    """Whatever the limits of the call are; nothing is changed."""
    drive.put_all({**{f"in/{name}": b"1" for name in "abc"}, "one/only.csv": b"1"})
    before, acts = drive.paths(), deletions(tmp_path)
    with (
        deployed(DeploymentPolicy(max_delete=2)) as client,
        pytest.raises(ConfigurationError, match=r"\[onedrive\] max_delete is (2; nothing was deleted|set)"),
    ):
        acts[act](client)
    assert (drive.paths(), sorted(path.name for path in (tmp_path / "target").iterdir())) == (before, ["x", "y", "z"])


@pytest.mark.parametrize("act", ["delete", "delete_all", "mirror_up", "mirror_down", "move_down"])
def test_as_many_may_be_deleted(deployed: Callable[..., Client], drive: Any, tmp_path: Path, act: str) -> None:
    """The limit itself is allowed."""
    drive.put_all({**{f"in/{name}": b"1" for name in "abc"}, "one/only.csv": b"1"})
    with deployed(DeploymentPolicy(max_delete=3)) as client:
        deletions(tmp_path)[act](client)
    is_down = act == "mirror_down"
    assert ("x" not in [path.name for path in (tmp_path / "target").iterdir()]) is is_down
    assert drive.exists("in/a") is is_down


# --- connections


def test_only_listed_tenants(fields: dict[str, Any]) -> None:
    """By the id or the domain that the connection has, without regard to case."""
    listed = DeploymentPolicy.from_options({"allowed_tenants": f"{fields['tenant_id'].upper()}, other.example"})
    Settings.from_fields(fields, trusted_hosts=["localhost"], policy=listed)
    with pytest.raises(ConfigurationError, match=r"'contoso' is none of .*\[onedrive\] allowed_tenants; nothing was"):
        Settings.from_fields({**fields, "tenant_id": "contoso"}, trusted_hosts=["localhost"], policy=listed)
    user = {"auth": "refresh_token", "client_id": "a", "refresh_token": "b"}
    with pytest.raises(ConfigurationError, match="'common' is none of"):
        Settings.from_fields(user, policy=listed)


@pytest.mark.parametrize("is_listed", [True, False])
def test_tenant_of_a_given_token(
    client: Client, fields: dict[str, Any], onedrive_emulator: Any, *, is_listed: bool
) -> None:
    """The connection names none, so the token itself tells, before it is sent anywhere."""
    token = client.token()
    tenant = fields["tenant_id"] if is_listed else "other"
    given = {"auth": "access_token", "access_token": token, "graph_url": fields["graph_url"]}
    given |= {name: fields[name] for name in ("ca_certificate", "myfiles") if name in fields}
    policy = DeploymentPolicy(allowed_tenants=(tenant,))
    sent = len(onedrive_emulator.requests)
    with Client(Settings.from_fields(given, trusted_hosts=["localhost"], policy=policy)) as limited:
        if is_listed:
            assert limited.stat("myfiles").is_folder
            return
        with pytest.raises(ConfigurationError, match="allowed_tenants; nothing was sent"):
            limited.stat("myfiles")
    assert len(onedrive_emulator.requests) == sent


def test_token_without_a_tenant_is_refused() -> None:
    """The tokens of personal accounts say nothing of one."""
    given = {"auth": "access_token", "access_token": "opaque"}
    policy = DeploymentPolicy(allowed_tenants=("contoso.example",))
    with (
        Client(Settings.from_fields(given, policy=policy)) as client,
        pytest.raises(ConfigurationError, match="does not say whether its tenant is one of"),
    ):
        client.stat("myfiles")


def test_connection_has_to_limit_itself(fields: dict[str, Any]) -> None:
    """If the deployment wants that."""
    policy = DeploymentPolicy.from_options({"require_allowed_locations": "True"})
    with pytest.raises(ConfigurationError, match=r"allowed_locations is empty.*\[onedrive\] require_allowed_locations"):
        Settings.from_fields(fields, trusted_hosts=["localhost"], policy=policy)
    limited = {**fields, "allowed_locations": "myfiles/in"}
    assert Settings.from_fields(limited, trusted_hosts=["localhost"], policy=policy).policy is policy


@pytest.mark.parametrize(
    ("name", "text"),
    [("require_allowed_locations", "maybe"), ("max_delete", "many"), ("max_delete", "0"), ("max_delete", "-1")],
)
def test_option_that_cannot_be_read(name: str, text: str) -> None:
    """A limit that nobody understands is not taken for none."""
    with pytest.raises(ConfigurationError, match=rf"\[onedrive\] {name} is '{text}'"):
        DeploymentPolicy.from_options({name: text})


def test_options_of_an_empty_deployment() -> None:
    """Nothing special is permitted, and no connection is refused."""
    assert DeploymentPolicy(allow=()) == NOTHING
    assert DeploymentPolicy.from_options({"max_delete": " 7 ", "allow": None}) == DeploymentPolicy((), max_delete=7)
