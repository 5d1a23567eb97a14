"""Each change that a client makes or tries is one line of JSON, which costs no request."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_onedrive.emulator.faults import drop_after, status
from airflow_provider_onedrive.graph.auditing import LOGGER
from airflow_provider_onedrive.graph.call_advice import PUBLIC_METHODS
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.config.deployment import DeploymentPolicy
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    ConfigurationError,
    NameAlreadyExists,
    OneDriveError,
    Stopped,
    TakenOver,
)
from airflow_provider_onedrive.graph.protocol.options import (
    UNIT_BYTES,
    DeleteOptions,
    TransferOptions,
    UploadOptions,
)

READERS = {
    *("children", "copied", "copy_progress", "download", "exists", "find", "read_bytes", "read_text"),
    *("shared_folders", "stat", "sync_folder", "walk", "aclose", "close", "stop"),
}
IN_SESSION = UploadOptions(single_put_bytes=0, fragment_bytes=UNIT_BYTES)
SECRET = "https://contoso.sharepoint.com/:x:/s/team/SECRET?e=SECRET"

Act = Callable[[Client, str, Path], Any]
ACTS: dict[str, tuple[Act, list[str]]] = {
    "upload": (lambda client, at, _: client.upload(f"{at}/n.csv", content=b"1"), ["upload"]),
    "update": (lambda client, at, _: client.update(f"{at}/a.csv", content=b"2"), ["upload"]),
    "save": (lambda client, at, _: client.save(f"{at}/a.csv", content=b"2"), ["upload"]),
    "save_large": (
        lambda client, at, _: client.save(f"{at}/a.csv", content=b"2" * 3 * UNIT_BYTES, options=IN_SESSION),
        ["upload"],
    ),
    "open": (lambda client, at, _: client.open(f"{at}/a.csv", "wb").close(), ["upload"]),
    "delete": (lambda client, at, _: client.delete(f"{at}/a.csv"), ["delete"]),
    "delete_permanent": (
        lambda client, at, _: client.delete(f"{at}/a.csv", permanent=True),
        ["delete_permanently"],
    ),
    "delete_all": (lambda client, at, _: client.delete_all(list(client.children(at))), ["delete", "delete"]),
    "move": (lambda client, at, _: client.move(f"{at}/a.csv", f"{at}/m.csv"), ["move"]),
    "copy": (lambda client, at, _: client.copy(f"{at}/a.csv", f"{at}/c.csv"), ["copy"]),
    "start_copy": (lambda client, at, _: client.start_copy(f"{at}/a.csv", f"{at}/c.csv"), ["copy"]),
    "create_folder": (lambda client, at, _: client.create_folder(f"{at}/new"), ["create_folder"]),
    "upload_folder": (
        lambda client, at, path: client.upload_folder(f"{at}/", local_path=path, if_exists="replace"),
        ["upload"],
    ),
    "download_folder": (
        lambda client, at, path: client.download_folder(f"{at}/", path, options=TransferOptions(move=True)),
        ["delete", "delete"],
    ),
    "request": (
        lambda client, _, __: client.request("POST", "/users/anna@contoso.example/drive/root/children", json=FOLDER),
        ["request_post"],
    ),
}
FOLDER = {"name": "x", "folder": {}}
WITHOUT_ITEM = {"copy", "start_copy"}


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, Any]]]:
    """Return what the audit has written since the last time."""
    caplog.set_level(logging.INFO, logger=LOGGER)

    def read() -> list[dict[str, Any]]:
        texts = [record.getMessage() for record in caplog.records if record.name == LOGGER]
        caplog.clear()
        return [json.loads(text) for text in texts]

    return read


Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def filled(drive: Any) -> Any:
    drive.put_all({"in/a.csv": b"1", "in/b.csv": b"22", "out/c.csv": b"3"})
    return drive


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "a.csv").write_bytes(b"new")
    return tmp_path / "up"


def test_table_has_every_method() -> None:
    """A method that is neither here nor a reader has no test."""
    methods = {name for name in PUBLIC_METHODS if any(act.startswith(name) for act in ACTS)}
    assert methods | READERS == set(PUBLIC_METHODS)


@pytest.mark.parametrize("name", ACTS)
def test_change_is_a_line(
    *, client: Client, filled: Any, folder: Path, onedrive_emulator: Any, lines: Lines, name: str
) -> None:
    """With the ids, the versions and the bytes; there are as many lines as changes, and no request more."""
    act, actions = ACTS[name]
    before = {path: filled.item(path)["eTag"] for path in ("in/a.csv", "in/b.csv")}
    client.audit.actor = {"connection": "onedrive_default", "dag": "d", "map_index": 3}
    act(client, "myfiles/in", folder)
    written = lines()
    assert [line["action"] for line in written] == actions
    for line in written:
        assert (line["connection"], line["dag"], line["map_index"]) == ("onedrive_default", "d", 3)
        assert line["client_id"] == client.settings.client_id
        assert line["outcome"] == ("accepted" if "copy" in name else "done")
        assert line["time"].endswith("+00:00")
        assert len(line["client_request_id"]) == 36
        assert line["drive"] == filled.id
        assert line["item"]
        if line["action"] in ("delete", "move", "delete_permanently", "copy"):
            assert line["etag_before"] in before.values()
        if line["action"] in ("upload", "move", "create_folder"):
            assert line["etag_after"] == filled.item(f"in/{line['name']}")["eTag"]
        if line["action"] == "upload":
            assert line["bytes"] == len(filled.read(f"in/{line['name']}"))
    # The emulator notes a batch and each of its parts; a session that is opened changes nothing yet.
    changing = [each for each in onedrive_emulator.requests.matching(origin="graph") if each.method != "GET"]
    steps = [each for each in changing if each.path.endswith(("/$batch", "/createUploadSession"))]
    assert len(changing) - len(steps) + (name == "save_large") == len(actions)


def test_client_request_id_is_sent(client: Client, filled: Any, lines: Lines) -> None:
    """Microsoft's log has the same one: the answer repeats it."""
    response = client.run(_create(client, filled))
    assert response.headers["client-request-id"] == lines()[0]["client_request_id"]


def _create(client: Client, filled: Any) -> Any:
    from airflow_provider_onedrive.graph.protocol.messages import Request  # noqa: PLC0415 - only here

    return (yield Request("POST", f"/drives/{filled.id}/root/children", json={"name": "y", "folder": {}}))


@pytest.mark.parametrize("name", [name for name in ACTS if name not in ("open", "download_folder")])
@pytest.mark.parametrize("limit", ["read_only", "allowed_locations"])
def test_refused_change_is_a_line(
    *, connect: Callable[..., Client], filled: Any, folder: Path, lines: Lines, name: str, limit: str
) -> None:
    """Also what this client refuses, before any request or later."""
    limits = {"read_only": {"read_only": True}, "allowed_locations": {"allowed_locations": ["myfiles/out"]}}[limit]
    client, before = connect(**limits), filled.paths()
    act, actions = ACTS[name]
    at = "myfiles/in"
    failed: Any = None
    try:
        if name == "delete_all" and limit == "allowed_locations":
            failed = client.delete_all(list(connect().children(at)))
        else:
            failed = act(client, at, folder)
    except OneDriveError as error:
        failed = error
    assert failed
    written = lines()
    assert [line["outcome"] for line in written] == ["refused"] * len(written)
    assert {line["error"] for line in written} == {"ConfigurationError"}
    assert len(written) == (len(actions) if limit == "read_only" else 1)
    assert filled.paths() == before


def test_refusal_of_a_deployment_is_a_line(fields: dict[str, Any], filled: Any, lines: Lines) -> None:
    """With the location, as it may be shown: not a link."""
    settings = Settings.from_fields(fields, trusted_hosts=["localhost"], policy=DeploymentPolicy(allow=()))
    with Client(settings) as client:
        for location in ("myfiles/in/a.csv", SECRET, {"drive_id": "D", "id": "I"}):
            with pytest.raises(ConfigurationError):
                client.delete(location, permanent=True)
    written = lines()
    assert [line["action"] for line in written] == ["delete"] * 3
    assert written[0]["location"] == "myfiles/in/a.csv"
    assert (written[2]["drive"], written[2]["item"]) == ("D", "I")
    assert "SECRET" not in json.dumps(written)


@pytest.mark.parametrize(
    ("fault", "error", "outcome"),
    [
        (status(403), AccessDenied, "refused"),
        (status(409, "nameAlreadyExists"), NameAlreadyExists, "refused"),
        (status(507), OneDriveError, "failed"),
        (drop_after(), OneDriveError, "unknown"),
    ],
)
def test_failed_change_is_a_line(
    *, client: Client, filled: Any, faults: Any, lines: Lines, fault: Any, error: type[OneDriveError], outcome: str
) -> None:
    """What Graph has refused, what has failed, and what may have been done or not."""
    faults.add(operation="create_folder", times=99, do=fault)
    with pytest.raises(error):
        client.request("POST", f"/drives/{filled.id}/root/children", json=FOLDER)
    [line] = lines()
    assert (line["outcome"], line["action"], line["drive"]) == (outcome, "request_post", filled.id)
    assert "message" not in line


def test_parts_of_a_batch_end_differently(client: Client, filled: Any, lines: Lines) -> None:
    """One was changed since it was listed."""
    listed = list(client.children("myfiles/in"))
    filled.put("in/a.csv", b"changed")
    assert len(client.delete_all(listed)) == 1
    assert sorted((line["outcome"], line["status"]) for line in lines()) == [("done", 204), ("refused", 412)]


def test_what_another_try_has_taken_over(client: Client, filled: Any, lines: Lines) -> None:
    """It was refused, and not sent."""

    def fence(_: Any) -> None:
        raise TakenOver("Try 2 has taken the work")

    client.fence = fence
    with pytest.raises(TakenOver):
        client.delete("myfiles/in/a.csv")
    [line] = lines()
    assert (line["outcome"], line["error"], line["item"]) == ("refused", "TakenOver", filled.item("in/a.csv")["id"])


def test_killed_while_a_change_is_under_way(client: Client, filled: Any, faults: Any, lines: Lines) -> None:
    """Nobody knows what became of it."""

    def fence(_: Any) -> None:
        client.stop()

    client.fence = fence  # after this nothing asks before the answer is there
    with pytest.raises(Stopped):
        client.delete("myfiles/in/a.csv")
    [line] = lines()
    assert (line["outcome"], line["error"]) == ("unknown", "Stopped")


def test_reading_and_looking_are_no_lines(client: Client, filled: Any, tmp_path: Path, lines: Lines) -> None:
    """Nor is what changes nothing."""
    client.read_bytes("myfiles/in/a.csv")
    client.download("myfiles/in/a.csv", tmp_path / "a.csv")
    client.delete("myfiles/none", ignore_if_missing=True)
    client.delete("myfiles/in", recursive=True, options=DeleteOptions(dry_run=True))
    client.upload(
        "myfiles/in/a.csv", content=b"x", if_exists="skip_if_same", options=UploadOptions()
    ) if False else None
    assert lines() == []


def test_ids_only(fields: dict[str, Any], filled: Any, folder: Path, lines: Lines) -> None:
    """If the deployment wants no names in its log."""
    policy = DeploymentPolicy.from_options({"log_names": "ids", "allow": "permanent_delete"})
    settings = Settings.from_fields(fields, trusted_hosts=["localhost"], policy=policy)
    with Client(settings) as client:
        for act, _ in (
            ACTS[name] for name in ("save", "save_large", "move", "create_folder", "upload_folder", "request")
        ):
            act(client, "myfiles/in", folder)
        with pytest.raises(OneDriveError):
            client.delete("myfiles/in")
    text = json.dumps(lines())
    assert '"etag_after"' in text
    assert not any(name in text for name in (".csv", "myfiles", "new", '"x"', "anna"))


def test_event_loop_is_audited(connect_async: Any, filled: Any, lines: Lines) -> None:
    """By the same lines."""

    async def act() -> None:
        async with connect_async() as client:
            await client.create_folder("myfiles/new")
            await client.move("myfiles/in/a.csv", "myfiles/new/")
            await client.start_copy("myfiles/in/b.csv", "myfiles/new/")
            await client.request("GET", f"/drives/{filled.id}")
            await client.delete("myfiles/in/b.csv")
            with pytest.raises(OneDriveError):
                await client.delete("myfiles/none")

    asyncio.run(act())
    assert [(line["action"], line["outcome"]) for line in lines()] == [
        ("create_folder", "done"),
        ("move", "done"),
        ("copy", "accepted"),
        ("delete", "done"),
        ("delete", "refused"),
    ]
