"""A client whose work another try has taken over: it may read, and changes nothing more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from any_acts import during

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.protocol.errors import TakenOver
from airflow_provider_onedrive.graph.protocol.options import UNIT_BYTES, TransferOptions, UploadOptions

SMALL_PARTS = UploadOptions(single_put_bytes=0, fragment_bytes=UNIT_BYTES)


class Fence:
    """Lets so many steps pass."""

    def __init__(self, passes: int = 0) -> None:
        self.passes = passes
        self.asked = 0

    def __call__(self, _wait: Callable[[float], None]) -> None:
        self.asked += 1
        if self.asked > self.passes:
            raise TakenOver("Try 2 has taken the work")


@pytest.fixture
def fence(client: Client) -> Fence:
    client.fence = made = Fence()
    return made


ACTS: dict[str, Callable[[Client, Path], Any]] = {
    "upload": lambda client, _: client.upload("myfiles/in/new.csv", content=b"1"),
    "update": lambda client, _: client.update("myfiles/in/a.csv", content=b"2"),
    "save": lambda client, _: client.save("myfiles/in/a.csv", content=b"2"),
    "large": lambda client, _: client.save("myfiles/in/a.csv", content=b"2" * UNIT_BYTES, options=SMALL_PARTS),
    "delete": lambda client, _: client.delete("myfiles/in/a.csv"),
    "permanent": lambda client, _: client.delete("myfiles/in/a.csv", permanent=True),
    "delete_all": lambda client, _: client.delete_all(list(client.children("myfiles/in"))),
    "move": lambda client, _: client.move("myfiles/in/a.csv", "myfiles/out/"),
    "copy": lambda client, _: client.copy("myfiles/in/a.csv", "myfiles/out/"),
    "create_folder": lambda client, _: client.create_folder("myfiles/new"),
    "upload_folder": lambda client, path: client.upload_folder("myfiles/in", local_path=path / "local"),
    "download": lambda client, path: client.download("myfiles/in/a.csv", path / "local" / "new.csv"),
    "move_down": lambda client, path: client.download_folder(
        "myfiles/in", path / "local", options=TransferOptions(move=True)
    ),
    "mirror_down": lambda client, path: client.download_folder(
        "myfiles/in", path / "local", options=TransferOptions(delete_extra=True)
    ),
    "sync": lambda client, path: client.sync_folder("myfiles/in", path / "local" / "manifest.jsonl"),
    "request": lambda client, _: client.request("POST", "/me/drive/root/children", json={"name": "x", "folder": {}}),
}


@pytest.mark.parametrize("name", ACTS)
def test_nothing_is_changed(client: Client, drive: Any, fence: Fence, tmp_path: Path, name: str) -> None:
    """Neither there nor on the disk."""
    drive.put_all({"in/a.csv": b"1", "out/": None})
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "old.csv").write_bytes(b"0")
    with pytest.raises(TakenOver):
        ACTS[name](client, tmp_path)
    assert fence.asked
    assert (drive.paths(), drive.version_count("in/a.csv")) == (["in/", "in/a.csv", "out/"], 1)
    assert [path.name for path in (tmp_path / "local").iterdir()] == ["old.csv"]


def test_reading_asks_nobody(client: Client, drive: Any, fence: Fence) -> None:
    """Whoever has lost the work may look."""
    drive.put("in/a.csv", b"1")
    assert client.stat("myfiles/in/a.csv").size == 1
    assert client.read_bytes("myfiles/in/a.csv") == b"1"
    assert len(list(client.walk("myfiles"))) == 2
    assert fence.asked == 0


def test_fragments_ask_once(client: Client, drive: Any, onedrive_emulator: Emulator) -> None:
    """Before the session is made, and before the last fragment makes the file."""
    client.fence = fence = Fence(passes=2)
    client.save("myfiles/a.bin", content=b"2" * (5 * UNIT_BYTES), options=SMALL_PARTS)
    assert len(onedrive_emulator.requests.matching(operation="fragment")) == 5
    assert fence.asked == 2


def test_lost_before_the_last_fragment(client: Client, drive: Any, onedrive_emulator: Emulator) -> None:
    """The session is the other try's now: it is neither committed nor ended."""
    client.fence = Fence(passes=1)
    with pytest.raises(TakenOver):
        client.save("myfiles/a.bin", content=b"2" * (5 * UNIT_BYTES), options=SMALL_PARTS)
    assert drive.paths() == []
    assert len(onedrive_emulator.requests.matching(operation="fragment")) == 4
    assert len(onedrive_emulator.state.sessions) == 1


def test_session_that_nobody_else_knows_is_ended(client: Client, drive: Any, onedrive_emulator: Emulator) -> None:
    """The other try began while the session was made: it would hold the name for days."""

    class Lost:
        def load(self) -> None:
            return None

        def save(self, _: object) -> bool:
            raise TakenOver("Try 2 has taken the work")

        def forget(self) -> None:
            raise AssertionError

    client.fence = Fence(passes=1)
    attempt = TaskAttempt(has_another=True, keeper_of=lambda _: Lost())
    with pytest.raises(TakenOver):
        client.save("myfiles/a.bin", content=b"2" * UNIT_BYTES, options=SMALL_PARTS, attempt=attempt)
    assert len(onedrive_emulator.state.sessions) == 0
    assert drive.paths() == []


def test_update_replaces_the_version_that_was_seen(client: Client, drive: Any, onedrive_emulator: Emulator) -> None:
    """A version that comes in between is followed; an eTag that was given is not."""
    drive.put("a.csv", b"1")
    onedrive_emulator.faults.add(operation="upload", do=during(lambda: drive.put("a.csv", b"between")))
    assert client.update("myfiles/a.csv", content=b"2").size == 1
    assert [request.status for request in onedrive_emulator.requests.matching(operation="upload")] == [412, 200]
    assert (drive.read("a.csv"), drive.version_count("a.csv")) == (b"2", 3)
