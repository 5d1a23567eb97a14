"""A worker is killed with -9 in the middle of each step, or behind it; the next try ends in one correct file."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fault_scene import LARGE, NEW, OLD, SMALL
from try_processes import ALLOW, RESUME_DIRECTORY, Held, be_worker, shared_settings

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import Fault
from airflow_provider_onedrive.graph.protocol.options import UNIT_BYTES
from airflow_provider_onedrive.graph.transfers.download import CHUNK_BYTES
from airflow_provider_onedrive.operators import onedrive

SIGN_IN = ("discovery", "token")
PUT = (*SIGN_IN, "get", "upload")
SESSION = (*SIGN_IN, "get", "create_session", "fragment", "fragment2", "fragment3")
STEPS = {"small": PUT, "large": SESSION}
SENDING = {"single_put_bytes": 64 * 1024, "fragment_bytes": UNIT_BYTES}


def context(try_number: int) -> dict[str, Any]:
    names = {"dag_id": "d", "run_id": "r", "task_id": "task", "map_index": -1, "max_tries": 2}
    return {"ti": SimpleNamespace(try_number=try_number, **names)}


def work(environment: dict[str, str], name: str, kwargs: dict[str, Any]) -> None:
    """Be the worker: run an operator's first try."""
    be_worker(environment)
    getattr(onedrive, name)(task_id="task", **kwargs).execute(context(1))


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where upload sessions are kept between tries."""
    monkeypatch.setenv(RESUME_DIRECTORY, str(tmp_path / "kept"))
    monkeypatch.setenv(ALLOW, "permanent_delete")
    return tmp_path / "kept"


@pytest.fixture
def source(tmp_path: Path) -> Callable[[str], str]:
    """Make the file that is uploaded."""

    def make(size: str) -> str:
        (tmp_path / "a.csv").write_bytes(NEW[size])
        return str(tmp_path / "a.csv")

    return make


@dataclass(frozen=True)
class Tries:
    """Two tries of one task, the first of which is killed."""

    emulator: Emulator
    processes: Any
    kept: Path

    def kill_first(self, name: str, kwargs: dict[str, Any], step: str, hold: Fault, **until: Any) -> None:
        operation = step.rstrip("0123456789")
        after = int(step.removeprefix(operation) or 1) - 1
        self.emulator.faults.add(operation=operation, after=after, do=hold)
        worker = self.processes.Process(target=work, args=(shared_settings(), name, kwargs))
        worker.start()
        is_met: Callable[[float], bool] = until.get("is_met") or hold.met.wait
        while not is_met(0.05):
            assert worker.is_alive(), "the request that was to be held never came"
        worker.kill()
        worker.join()
        assert worker.exitcode == -9

    def second(self, name: str, kwargs: dict[str, Any]) -> Any:
        return getattr(onedrive, name)(task_id="task", **kwargs).execute(context(2))


@pytest.fixture
def tries(onedrive_emulator: Emulator, processes: Any, kept: Path) -> Tries:
    return Tries(onedrive_emulator, processes, kept)


@pytest.fixture
def hold(is_done: bool) -> Iterator[Held]:
    made = Held(is_done, is_lost=True)
    yield made
    made.released.set()


def run_both(tries: Tries, hold: Held, name: str, kwargs: dict[str, Any], step: str) -> Any:
    tries.kill_first(name, kwargs, step, hold)
    hold.released.set()
    return tries.second(name, kwargs)


def check_sending(tries: Tries, step: str, is_done: bool, content: bytes, refused: int = 0) -> None:
    """The session is gone on with, so only the held fragment may come again; none is left but one nobody heard of."""
    asked = tries.emulator.requests
    assert asked.total(operation="fragment").received_bytes <= len(content) + UNIT_BYTES
    assert asked.total(operation="create_session").requests <= 1 + (step == "create_session") + refused
    assert len(tries.emulator.state.sessions) <= (step == "create_session" and is_done)
    assert list(tries.kept.glob("*.state")) == []
    assert tries.emulator.leaks == []


def sized_steps() -> Any:
    """Each step of an upload of each size."""
    found = [(size, step) for size, steps in STEPS.items() for step in steps]
    return pytest.mark.parametrize(("size", "step"), found, ids=[f"{size}-{step}" for size, step in found])


before_and_after = pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])


@before_and_after
@sized_steps()
@pytest.mark.parametrize("if_exists", ["fail", "rename"])
def test_upload(  # noqa: PLR0917 - fixtures
    tries: Tries,
    hold: Held,
    source: Callable[[str], str],
    if_exists: str,
    size: str,
    step: str,
    is_done: bool,
) -> None:
    """One new file: no conflict with the own one, and beside what has the name."""
    drive = tries.emulator.drive()
    there = {"in/b.csv": OLD} | ({"in/a.csv": OLD} if if_exists == "rename" else {})
    drive.put_all(there)
    name = "in/a 1.csv" if if_exists == "rename" else "in/a.csv"
    kwargs = {"local_path": source(size), "location": "myfiles/in/", "if_exists": if_exists, **SENDING}
    item = run_both(tries, hold, "OneDriveUploadOperator", kwargs, step)
    assert drive.read_all() == there | {name: NEW[size]}
    assert (item["path"], item["id"], drive.version_count(name)) == (name, drive.item(name)["id"], 1)
    check_sending(tries, step, is_done, NEW[size], refused=if_exists == "rename")


@before_and_after
@sized_steps()
@pytest.mark.parametrize("name", ["OneDriveUpdateOperator", "OneDriveSaveOperator"])
def test_update_and_save(  # noqa: PLR0917 - fixtures
    tries: Tries,
    hold: Held,
    source: Callable[[str], str],
    name: str,
    size: str,
    step: str,
    is_done: bool,
) -> None:
    """Replacing twice is replacing once, but for a version."""
    drive = tries.emulator.drive()
    drive.put_all({"in/a.csv": OLD, "in/b.csv": OLD})
    kwargs = {"local_path": source(size), "location": "myfiles/in/a.csv", **SENDING}
    run_both(tries, hold, name, kwargs, step)
    assert drive.read_all() == {"in/a.csv": NEW[size], "in/b.csv": OLD}
    assert drive.version_count("in/a.csv") <= 3
    check_sending(tries, step, is_done, NEW[size])


@before_and_after
@sized_steps()
def test_update_of_a_version(  # noqa: PLR0917 - fixtures
    tries: Tries, hold: Held, source: Callable[[str], str], size: str, step: str, is_done: bool
) -> None:
    """The eTag that the first try used up does not make the second one fail."""
    drive = tries.emulator.drive()
    drive.put("in/a.csv", OLD)
    kwargs = {"local_path": source(size), "location": "myfiles/in/a.csv", **SENDING}
    run_both(tries, hold, "OneDriveUpdateOperator", kwargs | {"expected_etag": drive.item("in/a.csv")["eTag"]}, step)
    assert drive.read_all() == {"in/a.csv": NEW[size]}
    assert drive.version_count("in/a.csv") == 2
    check_sending(tries, step, is_done, NEW[size])


@before_and_after
@pytest.mark.parametrize("step", [*SIGN_IN, "get", "download"])
def test_download(tries: Tries, hold: Held, tmp_path: Path, step: str, is_done: bool) -> None:
    """No half a file stands under the name, and the second try writes the whole one and nothing else."""
    tries.emulator.drive().put("a.csv", LARGE)
    target = tmp_path / "here" / "a.csv"
    kwargs = {"location": "myfiles/a.csv", "local_path": str(target)}
    tries.kill_first("OneDriveDownloadOperator", kwargs, step, hold)
    assert not target.exists()
    hold.released.set()
    tries.second("OneDriveDownloadOperator", kwargs)
    assert [(path.name, path.read_bytes()) for path in target.parent.iterdir()] == [("a.csv", LARGE)]


@dataclass(frozen=True)
class SendOnly(Fault):
    """Send so many bytes of a file, and then nothing."""

    bytes: int

    def after(self, reply: Any, *_: object) -> None:
        reply.cut_after, reply.stalls = self.bytes, True


def test_download_in_the_middle(tries: Tries, tmp_path: Path) -> None:
    """What the first try fetched in whole chunks the second does not fetch again."""
    content = os.urandom(1024) * (5 * CHUNK_BYTES // 2048)
    tries.emulator.drive().put("a.csv", content)
    target = tmp_path / "here" / "a.csv"
    kwargs = {"location": "myfiles/a.csv", "local_path": str(target)}
    pause = threading.Event()

    def has_two_chunks(seconds: float) -> bool:
        pause.wait(seconds)
        return any(b"\1\1" in path.read_bytes() for path in target.parent.glob(".*.map"))

    held = SendOnly(2 * CHUNK_BYTES + 5)
    tries.kill_first("OneDriveDownloadOperator", kwargs, "download", held, is_met=has_two_chunks)
    assert not target.exists()
    with tries.emulator.requests.measure() as asked:
        tries.second("OneDriveDownloadOperator", kwargs)
    assert [path.name for path in target.parent.iterdir()] == ["a.csv"]
    assert target.read_bytes() == content
    assert asked.total(operation="download").sent_bytes == len(content) - 2 * CHUNK_BYTES


@before_and_after
@pytest.mark.parametrize("step", [*SIGN_IN, "get", "delete"])
def test_delete_a_file(tries: Tries, hold: Held, step: str, is_done: bool) -> None:
    """A delete that finds nothing on the second try is done."""
    tries.emulator.drive().put_all({"in/a.csv": SMALL, "in/b.csv": OLD})
    run_both(tries, hold, "OneDriveDeleteOperator", {"location": "myfiles/in/a.csv"}, step)
    assert tries.emulator.drive().read_all() == {"in/b.csv": OLD}


@before_and_after
@pytest.mark.parametrize("step", [*SIGN_IN, "get", "children", "children2", "delete", "permanent_delete"])
def test_delete_a_folder(tries: Tries, hold: Held, step: str, is_done: bool) -> None:
    """So it is with a folder and all that is in it."""
    tries.emulator.drive().put_all({"in/deep/a.csv": SMALL, "b.csv": OLD})
    kwargs = {"location": "myfiles/in", "recursive": True, "permanent": step == "permanent_delete"}
    run_both(tries, hold, "OneDriveDeleteOperator", kwargs, step)
    assert tries.emulator.drive().paths() == ["b.csv"]
