"""Two tries of one task at once: the first is stopped at each step, the second ends, and the first goes on."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fault_scene import NEW, OLD
from patience import HANG_SECONDS

from airflow_provider_onedrive.compat import AirflowFailException
from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import Fault, status
from airflow_provider_onedrive.graph.protocol.errors import OneDriveError
from airflow_provider_onedrive.graph.protocol.options import UNIT_BYTES
from airflow_provider_onedrive.operators import onedrive

SENDING = {"single_put_bytes": 64 * 1024, "fragment_bytes": UNIT_BYTES}
FRAGMENTS = ("create_session", "fragment", "fragment2", "fragment3")
SMALL, LARGE = NEW["small"], NEW["large"]


@dataclass(frozen=True)
class Delay(Fault):
    """Hold a request, or its answer, until the second try has ended; then it goes on as if nothing were.

    :param is_done: do it first; else it is done late.
    """

    is_done: bool
    met: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def before(self, *_: object) -> None:
        if not self.is_done:
            self._wait()

    def after(self, *_: object) -> None:
        if self.is_done:
            self._wait()

    def _wait(self) -> None:
        self.met.set()
        self.released.wait(HANG_SECONDS)


@dataclass(frozen=True)
class Task:
    """A task whose tries meet.

    :param before: the files of the drive; ``after`` those that are there in the end.
    :param kwargs: of the operator; ``LOCAL`` stands for the folder of local files.
    :param versions: how many versions a file may have then.
    :param local: the local folder that is looked at; ``local_after`` the files in it.
    """

    name: str
    operator: str
    kwargs: Mapping[str, Any]
    steps: tuple[str, ...]
    after: Mapping[str, bytes]
    before: Mapping[str, bytes | None] = field(default_factory=dict)
    versions: int = 1
    local: str = ""
    local_after: Mapping[str, bytes] | None = None


def upload(name: str, if_exists: str, size: str, *steps: str, **more: Any) -> Task:
    kwargs = {"local_path": f"LOCAL/{size}", "location": "myfiles/in/a.csv", "if_exists": if_exists, **SENDING}
    return Task(name, "OneDriveUploadOperator", kwargs, ("get", *steps), **more)


OTHERS = {"in/b.csv": OLD}
TAKEN = {"in/a.csv": OLD, **OTHERS}
UPDATE = {"location": "myfiles/in/a.csv", **SENDING}
MIRROR = {
    "local_path": "LOCAL/tree/",
    "location": "myfiles/in/",
    "recursive": True,
    "delete_extra": True,
    "if_exists": "replace",
    **SENDING,
}
TASKS = [
    upload("upload", "fail", "small", "upload", before=OTHERS, after={"in/a.csv": SMALL, **OTHERS}),
    upload("upload_large", "fail", "large", *FRAGMENTS, before=OTHERS, after={"in/a.csv": LARGE, **OTHERS}),
    upload("upload_rename", "rename", "small", "upload", "upload2", before=TAKEN, after={"in/a 1.csv": SMALL, **TAKEN}),
    upload("upload_rename_free", "rename", "small", "upload", before=OTHERS, after={"in/a.csv": SMALL, **OTHERS}),
    upload(
        *("upload_rename_large", "rename", "large", *FRAGMENTS, "create_session2"),
        before=TAKEN,
        after={"in/a 1.csv": LARGE, **TAKEN},
    ),
    upload(
        "upload_skip", "skip_if_same", "small", "upload", before=TAKEN, after={**TAKEN, "in/a.csv": SMALL}, versions=2
    ),
    Task(
        "update",
        "OneDriveUpdateOperator",
        {"local_path": "LOCAL/small", **UPDATE},
        ("get", "upload"),
        before=TAKEN,
        after={**TAKEN, "in/a.csv": SMALL},
        versions=2,
    ),
    Task(
        "update_large",
        "OneDriveUpdateOperator",
        {"local_path": "LOCAL/large", **UPDATE},
        ("get", *FRAGMENTS),
        before=TAKEN,
        after={**TAKEN, "in/a.csv": LARGE},
        versions=2,
    ),
    Task(
        "save",
        "OneDriveSaveOperator",
        {"content": "text", **UPDATE},
        ("get", "upload"),
        before=TAKEN,
        after={**TAKEN, "in/a.csv": b"text"},
        versions=3,  # a request that was on its way already makes a version more, of the same content
    ),
    Task(
        "create_folder",
        "OneDriveCreateFolderOperator",
        {"location": "myfiles/in/new", "exist_ok": False},
        ("get", "create_folder"),
        before=OTHERS,
        after=OTHERS,
    ),
    Task(
        "delete",
        "OneDriveDeleteOperator",
        {"location": "myfiles/in/a.csv"},
        ("get", "delete"),
        before=TAKEN,
        after=OTHERS,
    ),
    Task(
        "delete_pattern",
        "OneDriveDeleteOperator",
        {"location": "myfiles/in/*.csv"},
        ("children", "batch"),
        before={f"in/{number}.csv": OLD for number in range(45)},
        after={},
    ),
    Task(
        "move",
        "OneDriveMoveOperator",
        {"location": "myfiles/in/a.csv", "destination": "myfiles/out/"},
        ("get", "get2", "update"),
        before={**TAKEN, "out/": None},
        after={**OTHERS, "out/a.csv": OLD},
    ),
    Task(
        "move_rename",
        "OneDriveMoveOperator",
        {"location": "myfiles/in/a.csv", "destination": "myfiles/out/", "if_exists": "rename"},
        # Not behind update2: a later try cannot tell the moved file from the other one, and says so.
        ("get", "update"),
        before={**TAKEN, "out/a.csv": SMALL},
        after={**OTHERS, "out/a.csv": SMALL, "out/a 1.csv": OLD},
    ),
    Task(
        "copy",
        "OneDriveCopyOperator",
        {"location": "myfiles/in/a.csv", "destination": "myfiles/out/", "deferrable": False},
        ("get", "copy", "monitor"),
        before={**TAKEN, "out/": None},
        after={**TAKEN, "out/a.csv": OLD},
    ),
    Task(
        "mirror",
        "OneDriveUploadOperator",
        MIRROR,
        ("get", "children", "upload", "upload2", "batch"),
        before={"in/a.csv": OLD, "in/extra.csv": OLD, "b.csv": OLD},
        after={"in/a.csv": b"1", "in/x.csv": b"2", "b.csv": OLD},
        versions=3,
    ),
    Task(
        "upload_move",
        "OneDriveUploadOperator",
        {"local_path": "LOCAL/tree/", "location": "myfiles/in/", "recursive": True, "move": True, **SENDING},
        ("get", "upload", "upload2"),
        before=OTHERS,
        after={"in/a.csv": b"1", "in/x.csv": b"2", **OTHERS},
        local="tree",
        local_after={},
    ),
    Task(
        "download_move",
        "OneDriveDownloadOperator",
        {"location": "myfiles/in/", "local_path": "LOCAL/here/", "recursive": True, "move": True},
        ("get", "children", "download", "batch"),
        before={"in/a.csv": SMALL, "in/b.csv": OLD},
        after={},
        local="here",
        local_after={"a.csv": SMALL, "b.csv": OLD},
    ),
]


def context(try_number: int) -> dict[str, Any]:
    names = {"dag_id": "d", "run_id": "r", "task_id": "task", "map_index": -1, "max_tries": 3}
    return {"ti": SimpleNamespace(try_number=try_number, xcom_push=lambda **_: None, **names)}


def run(operator: str, kwargs: Mapping[str, Any], try_number: int) -> None:
    getattr(onedrive, operator)(task_id="task", **kwargs).execute(context(try_number))


def work(environment: dict[str, str], operator: str, kwargs: Mapping[str, Any], end: Any) -> None:
    """Be the worker of the first try, and say how it ended."""
    os.environ.update(environment)
    try:
        run(operator, kwargs, 1)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the test is to see it
        cause = error.__cause__ if type(error).__name__ == "AirflowFailException" else error
        end.send(f"{type(cause).__name__}: {cause}")
    else:
        end.send("done")


@pytest.fixture(scope="module")
def processes() -> Any:
    made = multiprocessing.get_context("forkserver")
    made.set_forkserver_preload([onedrive.__name__, "airflow_provider_onedrive.graph.client"])
    return made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Local files, and where the marks and sessions of tries are kept."""
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__RESUME_DIRECTORY", str(tmp_path / "kept"))
    for name in ("small", "large"):
        (tmp_path / name).write_bytes(NEW[name])
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "a.csv").write_bytes(b"1")
    (tmp_path / "tree" / "x.csv").write_bytes(b"2")
    return tmp_path


@dataclass
class First:
    """The first try, stopped at a step."""

    emulator: Emulator
    hold: Delay
    worker: Any
    end: Any

    def stop(self) -> bool:
        """Stop it as it meets the step; False if it ends without it."""
        while not self.hold.met.wait(0.02):
            if self.end.poll():
                return False
        os.kill(self.worker.pid, signal.SIGSTOP)
        return True

    def go_on(self) -> str:
        os.kill(self.worker.pid, signal.SIGCONT)
        self.hold.released.set()
        assert self.end.poll(HANG_SECONDS), "the first try does not end"
        outcome: str = self.end.recv()
        self.worker.join()
        return outcome


@pytest.fixture
def begin(onedrive_emulator: Emulator, processes: Any, folder: Path) -> Iterator[Callable[..., First]]:
    begun: list[First] = []

    def make(task: Task, kwargs: Mapping[str, Any], step: str, *, is_done: bool) -> First:
        operation = step.rstrip("0123456789")
        hold = Delay(is_done)
        after = int(step.removeprefix(operation) or 1) - 1
        onedrive_emulator.faults.add(operation=operation, after=after, do=hold)
        environment = {
            **onedrive_emulator.environment,
            "AIRFLOW__ONEDRIVE__RESUME_DIRECTORY": os.environ.get("AIRFLOW__ONEDRIVE__RESUME_DIRECTORY", ""),
        }
        here, there = processes.Pipe()
        worker = processes.Process(target=work, args=(environment, task.operator, kwargs, there))
        worker.start()
        begun.append(First(onedrive_emulator, hold, worker, here))
        return begun[-1]

    del folder
    yield make
    for first in begun:
        first.hold.released.set()
        first.worker.kill()
        first.worker.join()


def prepared(task: Task, emulator: Emulator, folder: Path) -> dict[str, Any]:
    emulator.drive().put_all(task.before)

    def here(value: Any) -> Any:
        return value.replace("LOCAL", str(folder)) if isinstance(value, str) else value

    return {name: here(value) for name, value in task.kwargs.items()}


def check(task: Task, emulator: Emulator, folder: Path) -> None:
    drive = emulator.drive()
    assert drive.read_all() == task.after
    assert {path: drive.version_count(path) for path in task.after if drive.version_count(path) > task.versions} == {}
    assert [path for path in drive.paths() if "new" in path] == (["in/new/"] if task.name == "create_folder" else [])
    if task.local_after is not None:
        files = [path for path in (folder / task.local).rglob("*") if path.is_file() and path.suffix == ".csv"]
        assert {path.name: path.read_bytes() for path in files} == task.local_after


def steps() -> Any:
    cases = [(task, step, is_done) for task in TASKS for step in task.steps for is_done in (False, True)]
    names = [f"{task.name}-{step}-{'after' if is_done else 'before'}" for task, step, is_done in cases]
    return pytest.mark.parametrize(("task", "step", "is_done"), cases, ids=names)


@steps()
def test_orphan_changes_nothing(  # noqa: PLR0917 - fixtures
    onedrive_emulator: Emulator, begin: Callable[..., First], folder: Path, task: Task, step: str, is_done: bool
) -> None:
    """The result is that of one try, and the first ends as taken over or as if it had been alone."""
    kwargs = prepared(task, onedrive_emulator, folder)
    first = begin(task, kwargs, step, is_done=is_done)
    assert first.stop(), f"the first try never came to {step}"
    run(task.operator, kwargs, 2)
    check(task, onedrive_emulator, folder)
    outcome = first.go_on()
    assert outcome == "done" or outcome.startswith("TakenOver"), outcome
    check(task, onedrive_emulator, folder)
    assert len(onedrive_emulator.state.sessions) == 0
    assert list(folder.rglob("*.part")) == []


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_third_try_ends_what_the_second_did_not(
    onedrive_emulator: Emulator, begin: Callable[..., First], folder: Path, task: Task
) -> None:
    """The second is killed as soon as it has taken the work: the first changes nothing, the third does it."""
    kwargs = prepared(task, onedrive_emulator, folder)
    first = begin(task, kwargs, task.steps[0], is_done=True)
    assert first.stop()
    onedrive_emulator.faults.add(path="drive", times=None, do=status(400))
    with pytest.raises((OneDriveError, AirflowFailException)):
        run(task.operator, kwargs, 2)
    onedrive_emulator.faults.clear()
    before = onedrive_emulator.drive().read_all()
    assert first.go_on().startswith("TakenOver")
    assert onedrive_emulator.drive().read_all() == before
    run(task.operator, kwargs, 3)
    check(task, onedrive_emulator, folder)
