"""A worker is killed after Graph did the work and before it heard of it; the next try ends in one correct file."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from patience import HANG_SECONDS

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import Fault
from airflow_provider_onedrive.emulator.http.messages import Reply
from airflow_provider_onedrive.operators import onedrive

BIG = os.urandom(1024) * 2048
SMALL = b"id,total\n1,2\n"


@dataclass(frozen=True)
class Hold(Fault):
    """Do it, say so, and hold the answer back."""

    done: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def after(self, reply: Reply, *_: object) -> None:
        del reply
        self.done.set()
        self.released.wait(HANG_SECONDS)


def work(environment: dict[str, str], name: str, kwargs: dict[str, Any]) -> None:
    """Be the worker: run an operator's first try."""
    os.environ.update(environment)
    operator = getattr(onedrive, name)(task_id="task", **kwargs)
    operator.execute({"ti": SimpleNamespace(try_number=1, dag_id="d", run_id="r", task_id="task", map_index=-1)})


@pytest.fixture
def kill_first_try(onedrive_emulator: Emulator, processes: Any) -> Iterator[Callable[..., None]]:
    hold = Hold()

    def run(name: str, kwargs: dict[str, Any], **held: Any) -> None:
        onedrive_emulator.faults.add(do=hold, **held)
        worker = processes.Process(target=work, args=(onedrive_emulator.environment, name, kwargs))
        worker.start()
        while not hold.done.wait(0.1):
            assert worker.is_alive(), "the request that was to be held never came"
        worker.kill()
        worker.join()
        assert worker.exitcode == -9
        hold.released.set()

    yield run
    hold.released.set()


def second_try(name: str, kwargs: dict[str, Any], task_context: Callable[..., Any]) -> Any:
    return getattr(onedrive, name)(task_id="task", **kwargs).execute(task_context(2))


@pytest.mark.parametrize("if_exists", ["fail", "replace", "rename"])
@pytest.mark.parametrize(("put_bytes", "origin"), [(10**7, "graph"), (0, "store")], ids=["put", "session"])
def test_upload(  # noqa: PLR0917 - fixtures
    onedrive_emulator: Emulator,
    kill_first_try: Callable[..., None],
    task_context: Callable[..., Any],
    tmp_path: Path,
    if_exists: str,
    put_bytes: int,
    origin: str,
) -> None:
    """No conflict with the own file, no ``a 1.csv``, and the right content, at every size."""
    (tmp_path / "a.csv").write_bytes(BIG)
    onedrive_emulator.drive().folder("in")
    kwargs = {"local_path": str(tmp_path / "a.csv"), "location": "myfiles/in/", "if_exists": if_exists}
    kwargs |= {"single_put_bytes": put_bytes}
    kill_first_try("OneDriveUploadOperator", kwargs, method="PUT", origin=origin)
    assert onedrive_emulator.drive().read("in/a.csv") == BIG
    item = second_try("OneDriveUploadOperator", kwargs, task_context)
    assert onedrive_emulator.drive().paths() == ["in/", "in/a.csv"]
    assert onedrive_emulator.drive().read("in/a.csv") == BIG
    assert item["id"] == onedrive_emulator.drive().item("in/a.csv")["id"]
    assert item["outcome"] in (("replaced", "already_there") if if_exists == "replace" else ("already_there",))


@pytest.mark.parametrize(("put_bytes", "origin"), [(10**7, "graph"), (0, "store")], ids=["put", "session"])
@pytest.mark.parametrize("name", ["OneDriveUpdateOperator", "OneDriveSaveOperator"])
def test_update_and_save(  # noqa: PLR0917 - fixtures
    onedrive_emulator: Emulator,
    kill_first_try: Callable[..., None],
    task_context: Callable[..., Any],
    tmp_path: Path,
    name: str,
    put_bytes: int,
    origin: str,
) -> None:
    """Replacing twice is replacing once."""
    (tmp_path / "a.csv").write_bytes(BIG)
    onedrive_emulator.drive().put("a.csv", b"old")
    kwargs = {"local_path": str(tmp_path / "a.csv"), "location": "myfiles/a.csv", "single_put_bytes": put_bytes}
    kill_first_try(name, kwargs, method="PUT", origin=origin)
    second_try(name, kwargs, task_context)
    assert onedrive_emulator.drive().paths() == ["a.csv"]
    assert onedrive_emulator.drive().read("a.csv") == BIG


def test_update_of_an_expected_version(
    onedrive_emulator: Emulator, kill_first_try: Callable[..., None], task_context: Callable[..., Any], tmp_path: Path
) -> None:
    """The eTag that the first try used up does not make the second one fail."""
    (tmp_path / "a.csv").write_bytes(SMALL)
    onedrive_emulator.drive().put("a.csv", b"old")
    etag = onedrive_emulator.drive().item("a.csv")["eTag"]
    kwargs = {"local_path": str(tmp_path / "a.csv"), "location": "myfiles/a.csv", "expected_etag": etag}
    kill_first_try("OneDriveUpdateOperator", kwargs, method="PUT", origin="graph")
    assert second_try("OneDriveUpdateOperator", kwargs, task_context)["outcome"] == "already_there"
    assert onedrive_emulator.drive().read("a.csv") == SMALL


def test_save_of_content(
    onedrive_emulator: Emulator, kill_first_try: Callable[..., None], task_context: Callable[..., Any]
) -> None:
    """Content that came from a template is saved once."""
    kwargs = {"location": "myfiles/a.json", "content": {"total": 2}}
    kill_first_try("OneDriveSaveOperator", kwargs, method="PUT", origin="graph")
    second_try("OneDriveSaveOperator", kwargs, task_context)
    assert onedrive_emulator.drive().paths() == ["a.json"]
    assert onedrive_emulator.drive().read("a.json") == b'{"total": 2}'


@pytest.mark.parametrize("recursive", [False, True])
def test_delete(
    onedrive_emulator: Emulator,
    kill_first_try: Callable[..., None],
    task_context: Callable[..., Any],
    recursive: bool,
) -> None:
    """A delete that finds nothing on the second try is done."""
    onedrive_emulator.drive().put("in/a.csv", SMALL)
    onedrive_emulator.drive().put("keep.csv", SMALL)
    kwargs = {"location": "myfiles/in" if recursive else "myfiles/in/a.csv", "recursive": recursive}
    kill_first_try("OneDriveDeleteOperator", kwargs, method="DELETE")
    assert second_try("OneDriveDeleteOperator", kwargs, task_context) == []
    assert onedrive_emulator.drive().paths() == (["keep.csv"] if recursive else ["in/", "keep.csv"])


def test_download(
    onedrive_emulator: Emulator, kill_first_try: Callable[..., None], task_context: Callable[..., Any], tmp_path: Path
) -> None:
    """No half a file stands under the name, and the second try writes the whole one."""
    onedrive_emulator.drive().put("a.csv", BIG)
    target = tmp_path / "a.csv"
    kwargs = {"location": "myfiles/a.csv", "local_path": str(target)}
    kill_first_try("OneDriveDownloadOperator", kwargs, method="GET", origin="store")
    assert not target.exists()
    second_try("OneDriveDownloadOperator", kwargs, task_context)
    assert target.read_bytes() == BIG


def test_list(
    onedrive_emulator: Emulator, kill_first_try: Callable[..., None], task_context: Callable[..., Any]
) -> None:
    """Reading is simply done again."""
    onedrive_emulator.drive().put("a.csv", SMALL)
    kill_first_try("OneDriveListOperator", {"location": "myfiles/"}, method="GET", path="children$")
    found = second_try("OneDriveListOperator", {"location": "myfiles/"}, task_context)
    assert [item["name"] for item in found] == ["a.csv"]
