"""Folders and patterns through the operators."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from patience import HANG_SECONDS

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import Fault, status
from airflow_provider_onedrive.emulator.http.messages import Reply
from airflow_provider_onedrive.graph.protocol.errors import FilesFailed
from airflow_provider_onedrive.operators import onedrive
from airflow_provider_onedrive.operators.onedrive import (
    OneDriveDeleteOperator,
    OneDriveDownloadOperator,
    OneDriveListOperator,
    OneDriveUploadOperator,
)

Context = Callable[..., Any]

DOCUMENTS = "https://contoso-my.sharepoint.com/personal/anna_contoso_example/Documents"
LINK = "https://h.example/:f:/s/SECRET?e=SECRET"
TREE = {"a.csv": b"1", "b.txt": b"22", "x/c.csv": b"333"}


def write(folder: Path, contents: dict[str, bytes]) -> Path:
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def read(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def names(items: list[dict[str, Any]]) -> list[str]:
    return sorted(item["name"] for item in items)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "source", TREE)


@pytest.fixture
def drive(onedrive_emulator: Emulator) -> Any:
    return onedrive_emulator.drive()


@pytest.fixture
def filled(drive: Any) -> Any:
    drive.put_all({f"in/{path}": content for path, content in TREE.items()})
    return drive


@pytest.mark.parametrize(
    ("place", "kwargs", "sent"),
    [
        ("{}/", {}, ["a.csv", "b.txt"]),
        ("{}", {"recursive": True}, ["a.csv", "b.txt", "c.csv"]),
        ("{}/*.csv", {}, ["a.csv"]),
        ("{}/*.csv", {"recursive": True}, ["a.csv", "c.csv"]),
        ("{}/**/*.csv", {}, ["a.csv", "c.csv"]),
        ("{}/**", {"exclude": "*.txt"}, ["a.csv", "c.csv"]),
        ("{}/", {"file_pattern": "**/?.csv"}, ["a.csv", "c.csv"]),
        ("{}/", {"recursive": True, "regex": "^x/"}, ["c.csv"]),
        ("{}/", {"recursive": True, "min_size": 2, "max_size": 2}, ["b.txt"]),
        ("{}/", {"newer_than": "2020-01-01"}, ["a.csv", "b.txt"]),
    ],
)
def test_what_names_many_files(  # noqa: PLR0917 - fixtures
    drive: Any, task_context: Context, source: Path, place: str, kwargs: dict[str, Any], sent: list[str]
) -> None:
    """A ``/`` at the end, ``recursive`` or a pattern: the same for an upload, a download and a listing."""
    upload = OneDriveUploadOperator(
        task_id="task", local_path=place.format(source), location="myfiles/in/", create_folders=True, **kwargs
    )
    assert names(upload.execute(task_context())) == sent
    back = str(source.parent / "back")
    download = OneDriveDownloadOperator(
        task_id="task", location=place.format("myfiles/in"), local_path=back, **{**kwargs, "recursive": True}
    )
    assert names(download.execute(task_context())) == sent
    assert read(source.parent / "back") == {path: TREE[path] for path in TREE if Path(path).name in sent}
    listing = OneDriveListOperator(task_id="task", location=place.format("myfiles/in"), kind="file", **kwargs)
    assert names(listing.execute(task_context())) == sent


def test_the_report(drive: Any, task_context: Context, source: Path) -> None:
    """It is in XCom under its own key, as plain JSON, also when the task fails."""
    write(source, {"b:c": b""})
    context = task_context()
    with pytest.raises(AirflowFailException, match=r"1 files could not be uploaded, 3 could: b:c"):
        OneDriveUploadOperator(task_id="task", local_path=source, location="myfiles/", recursive=True).execute(context)
    report = context["ti"].xcoms["report"]
    assert json.loads(json.dumps(report)) == report
    assert {name: number for name, number in report["counts"].items() if number} == {"done": 3, "failed": 1}
    assert sorted(report["done"]) == sorted(TREE)
    assert report["failed"][0]["path"] == "b:c"
    assert report["bytes"] == 6


def test_what_a_retry_may_cure_is_raised_as_it_is(
    onedrive_emulator: Emulator, task_context: Context, forget_cool_downs: Callable[[], None], source: Path
) -> None:
    """Airflow's retries have their turn, and send what is missing."""
    onedrive_emulator.faults.add(operation="upload", path="c.csv", times=None, do=status(503, retry_after=400))
    operator = OneDriveUploadOperator(
        task_id="task", local_path=source, location="myfiles/", recursive=True, max_concurrent=1
    )
    with pytest.raises(FilesFailed, match="1 files could not be uploaded, 2 could"):
        operator.execute(task_context())
    onedrive_emulator.faults.clear()
    forget_cool_downs()
    assert names(operator.execute(task_context(2))) == ["a.csv", "b.txt", "c.csv"]
    assert onedrive_emulator.drive().read_all() == TREE


def test_nothing_chosen(filled: Any, task_context: Context, tmp_path: Path) -> None:
    """It fails without retries, or is fine where that is said."""
    kwargs = {"task_id": "task", "location": "myfiles/in/*.pdf", "local_path": tmp_path}
    with pytest.raises(AirflowFailException, match=r"No file was chosen\. .*if_none='skip'"):
        OneDriveDownloadOperator(**kwargs).execute(task_context())
    assert OneDriveDownloadOperator(**kwargs, if_none="skip").execute(task_context()) == []


def test_mirror_of_nothing_has_to_be_allowed(filled: Any, task_context: Context, tmp_path: Path) -> None:
    """With ``if_none="skip"`` too; then it needs no other parameter."""
    (tmp_path / "unmounted").mkdir()
    kwargs: dict[str, Any] = {"local_path": f"{tmp_path}/unmounted/", "location": "myfiles/in/", "delete_extra": True}
    with pytest.raises(AirflowFailException, match=r"2 files of the target would be deleted.*allow_empty_source=True"):
        OneDriveUploadOperator(task_id="task", if_none="skip", **kwargs).execute(task_context())
    assert filled.read_all("in").keys() == {f"in/{path}" for path in TREE}
    context = task_context()
    OneDriveUploadOperator(task_id="task", allow_empty_source=True, **kwargs).execute(context)
    assert sorted(context["ti"].xcoms["report"]["deleted"]) == ["a.csv", "b.txt"]
    assert list(filled.read_all("in")) == ["in/x/c.csv"]


def test_a_dry_run(filled: Any, task_context: Context, source: Path) -> None:
    """Nothing is done, and the report says what would be."""
    context = task_context()
    operator = OneDriveUploadOperator(
        task_id="task", local_path=f"{source}/*.txt", location="myfiles/in/", delete_extra=True, dry_run=True
    )
    assert operator.execute(context) == []
    planned = {step["path"]: step["action"] for step in context["ti"].xcoms["report"]["planned"]}
    assert planned == {"b.txt": "transfer"}  # only what the pattern means is mirrored
    operator.dry_run()


def test_a_move_whose_retry_finds_nothing(drive: Any, task_context: Context, source: Path) -> None:
    """What an earlier try has moved is not missing."""
    kwargs: dict[str, Any] = {"local_path": source, "location": "myfiles/", "recursive": True, "move": True}
    assert len(OneDriveUploadOperator(task_id="task", **kwargs).execute(task_context())) == 3
    assert OneDriveUploadOperator(task_id="task", **kwargs).execute(task_context(2)) == []
    with pytest.raises(AirflowFailException, match="No file was chosen"):
        OneDriveUploadOperator(task_id="task", **kwargs).execute(task_context())


def test_a_folder_to_the_documents_folder(
    filled: Any, task_context: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without ``local_path`` the tree goes to the private place of the task; an item dict names a folder too."""
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__DOCUMENTS_FOLDER", str(tmp_path))
    (folder,) = OneDriveListOperator(task_id="task", location="myfiles/").execute(task_context())
    found = OneDriveDownloadOperator(task_id="task", location=folder, recursive=True).execute(task_context())
    assert names(found) == ["a.csv", "b.txt", "c.csv"]
    assert all(Path(item["local_path"]).is_relative_to(tmp_path) for item in found)
    assert {Path(item["local_path"]).read_bytes() for item in found} == set(TREE.values())


def test_a_download_retried_fetches_what_is_missing(
    filled: Any, onedrive_emulator: Emulator, task_context: Context, tmp_path: Path
) -> None:
    """With ``replace`` too, what an earlier try brought is compared first."""
    write(tmp_path, {"a.csv": b"1", "b.txt": b"xx"})
    operator = OneDriveDownloadOperator(task_id="task", location="myfiles/in/", local_path=tmp_path, recursive=True)
    outcomes = {item["name"]: item.get("outcome") for item in operator.execute(task_context(2))}
    assert outcomes == {"a.csv": "skipped", "b.txt": None, "c.csv": None}
    assert len(onedrive_emulator.requests.matching(operation="download")) == 2
    assert read(tmp_path) == TREE


@pytest.mark.parametrize(
    ("operator", "kwargs", "message"),
    [
        (OneDriveUploadOperator, {"local_path": "x/", "location": "myfiles/a.csv"}, "many files.*names one"),
        (OneDriveUploadOperator, {"local_path": "x/", "file_name": "a"}, "many files.*give no file_name"),
        (
            OneDriveUploadOperator,
            {"local_path": "x", "delete_extra": True},
            "delete_extra is for the files",
        ),
        (OneDriveUploadOperator, {"local_path": "x", "dry_run": True}, "dry_run is for the files"),
        (OneDriveUploadOperator, {"local_path": "x", "min_size": 0}, "min_size is for the files"),
        (OneDriveUploadOperator, {"local_path": "*.csv", "file_pattern": "*"}, "two patterns"),
        (OneDriveUploadOperator, {"local_path": "x/", "if_none": "maybe"}, "if_none is 'maybe'"),
        (OneDriveUploadOperator, {"local_path": "x/", "max_concurrent": 0}, "max_concurrent is 0"),
        (OneDriveUploadOperator, {"local_path": "x/", "if_exists": "maybe"}, "if_exists is 'maybe'"),
        (OneDriveUploadOperator, {"local_path": "x/", "move": True, "verify": False}, "only what was verified"),
        (OneDriveUploadOperator, {"local_path": "x/", "newer_than": ""}, "newer_than is ''"),
        (OneDriveUploadOperator, {"local_path": "x/"}, "x is not a folder"),
        (OneDriveDownloadOperator, {"local_path": "x", "expected_etag": "1"}, "expected_etag is of one file"),
        (OneDriveDownloadOperator, {"local_path": "x", "move": True, "delete_extra": True}, "contradict"),
        (OneDriveDownloadOperator, {"local_path": "x", "max_items": 2, "recursive": True}, "more than 2 files"),
        (OneDriveListOperator, {"regex": "("}, "regex .* cannot be read"),
        (OneDriveDeleteOperator, {"location": "myfiles/in/x", "recursive": True, "min_size": 9}, "min_size chooses"),
        (OneDriveDeleteOperator, {"location": "myfiles/in/*", "max_items": 1}, "More than 1 items"),
        (OneDriveDeleteOperator, {"location": "myfiles/in/*.pdf"}, "No file matches myfiles/in/.*pdf"),
        (OneDriveDeleteOperator, {"file_pattern": "*.pdf"}, "No file matches '.*pdf' in myfiles/in/"),
        (
            OneDriveDeleteOperator,
            {"location": f"{DOCUMENTS}/in/?e=S", "file_pattern": "*.pdf"},
            "in https://[a-z.-]*/…",
        ),
        (
            OneDriveDeleteOperator,
            {"location": f"{DOCUMENTS}/in?e=SECRET", "regex": "a"},
            "^https://[^?]*/… is one item",
        ),
        (
            OneDriveUploadOperator,
            {"local_path": "x/", "file_name": "a", "location": LINK},
            "and https://h.example/… names",
        ),
        (OneDriveDeleteOperator, {"location": "myfiles/gone/*.pdf"}, "Cannot list myfiles/gone/"),
        (OneDriveDeleteOperator, {"location": "myfiles/in/*", "regex": ""}, "regex is empty"),
    ],
)
def test_bad_input(
    *,
    filled: Any,
    task_context: Context,
    monkeypatch: pytest.MonkeyPatch,
    operator: type,
    kwargs: dict[str, Any],
    message: str,
) -> None:
    """It ends the task without retries, says what to do, and leaves everything as it was."""
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__ALLOW", "skip_verify")
    with pytest.raises(AirflowFailException, match=f"(?s){message}"):
        operator(task_id="task", **{"location": "myfiles/in/", **kwargs}).execute(task_context())
    assert filled.read_all("in").keys() == {f"in/{path}" for path in TREE}


def test_an_object_store(drive: Any, s3: Any, task_context: Context) -> None:
    """A tree of objects up, down and moved; an object that stands for a folder is none."""
    for path, content in {**TREE, "x/": b""}.items():
        s3.put(f"from/{path}", content)
    kwargs: dict[str, Any] = {"location": "myfiles/in/", "recursive": True, "create_folders": True}
    upload = OneDriveUploadOperator(task_id="task", local_path=s3.url("from/"), **kwargs)
    assert names(upload.execute(task_context())) == ["a.csv", "b.txt", "c.csv"]
    assert drive.read_all("in") == {f"in/{path}": content for path, content in TREE.items()}
    download = OneDriveDownloadOperator(task_id="task", location="myfiles/in/**/*.csv", local_path=s3.url("to/"))
    assert names(download.execute(task_context())) == ["a.csv", "c.csv"]
    assert {key for key in s3.objects() if key.startswith("to/")} == {"to/a.csv", "to/x/c.csv"}
    move = OneDriveUploadOperator(
        task_id="task", local_path=s3.url("to/*.csv"), location="myfiles/", move=True, recursive=True
    )
    move.execute(task_context())
    assert (drive.read("x/c.csv"), s3.unfinished()) == (b"333", [])
    assert set(s3.objects()) == {"from/a.csv", "from/b.txt", "from/x/", "from/x/c.csv"}


# --- delete


@pytest.mark.parametrize(
    ("kwargs", "left"),
    [
        ({"location": "myfiles/in/*.csv"}, ["b.txt", "x/c.csv"]),
        ({"location": "myfiles/in/*.csv", "recursive": True}, ["b.txt"]),
        ({"location": "myfiles/**/*.csv", "exclude": "in/x/*"}, ["b.txt", "x/c.csv"]),
        ({"location": "myfiles/in/**", "min_size": 2, "permanent": True}, ["a.csv"]),
        ({"location": "myfiles/in/**", "dry_run": True}, ["a.csv", "b.txt", "x/c.csv"]),
        ({"location": "myfiles/in/", "file_pattern": "*.csv"}, ["b.txt", "x/c.csv"]),
        ({"location": "myfiles/in", "file_pattern": "*.csv", "recursive": True}, ["b.txt"]),
        ({"location": f"{DOCUMENTS}/in?csf=1&web=1", "file_pattern": "**/c.csv"}, ["a.csv", "b.txt"]),
    ],
)
def test_deleting_a_pattern(
    filled: Any, task_context: Context, monkeypatch: pytest.MonkeyPatch, kwargs: dict[str, Any], left: list[str]
) -> None:
    """Files only: their folders stay. The result says what was deleted, or would be."""
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__ALLOW", "permanent_delete")
    deleted = OneDriveDeleteOperator(task_id="task", **kwargs).execute(task_context())
    assert sorted(filled.read_all("in")) == [f"in/{path}" for path in left]
    assert filled.exists("in/x")
    assert len(deleted) == (3 if kwargs.get("dry_run") else 3 - len(left))
    assert len(filled.recycle_bin) == (0 if {"permanent", "dry_run"} & kwargs.keys() else len(deleted))


def test_pattern_that_a_template_lost_deletes_nothing(filled: Any, task_context: Context) -> None:
    """Without its pattern, the task would delete the folder."""
    operator = OneDriveDeleteOperator(
        task_id="task", location="myfiles/in/", file_pattern="{{ params.pattern }}", recursive=True
    )
    operator.file_pattern = None  # a native template renders this
    with pytest.raises(AirflowFailException, match=r"file_pattern is None\. Check the template"):
        operator.execute(task_context())
    assert filled.read_all("in").keys() == {f"in/{path}" for path in TREE}


@pytest.mark.parametrize("location", ["myfiles/in/*.pdf", "myfiles/gone/*.csv"])
def test_deleting_what_an_earlier_try_deleted(filled: Any, task_context: Context, location: str) -> None:
    """Nothing there is done on a later try, and where that is said on the first one."""
    assert OneDriveDeleteOperator(task_id="task", location=location).execute(task_context(2)) == []
    patient = OneDriveDeleteOperator(task_id="task", location=location, ignore_if_missing=True)
    assert patient.execute(task_context()) == []


def test_folder_of_a_pattern_that_is_missing_for_a_moment_is_emptied(
    filled: Any, onedrive_emulator: Emulator, task_context: Context
) -> None:
    """Nobody is told that nothing was there to be deleted."""
    onedrive_emulator.faults.add(operation="children", times=1, do=status(404))
    operator = OneDriveDeleteOperator(task_id="task", location="myfiles/in/*.csv", ignore_if_missing=True)
    assert [item["name"] for item in operator.execute(task_context())] == ["a.csv"]
    assert not filled.exists("in/a.csv")


def test_some_cannot_be_deleted(filled: Any, onedrive_emulator: Emulator, task_context: Context) -> None:
    """The others are; the error says which not and why, and whether a retry may help."""
    filled.lock("in/a.csv")
    operator = OneDriveDeleteOperator(task_id="task", location="myfiles/in/**")
    with pytest.raises((FilesFailed, AirflowFailException), match=r"1 files could not be deleted, 2 could: .*a\.csv"):
        operator.execute(task_context())
    assert list(filled.read_all("in")) == ["in/a.csv"]


# --- times


# --- Airflow


@pytest.mark.airflow3
def test_in_the_task_runner(
    onedrive_emulator: Emulator,
    run_task: Callable[..., Any],
    forget_cool_downs: Callable[[], None],
    source: Path,
    tmp_path: Path,
) -> None:
    """A list and a report in XCom; a template as a filter; what may pass is up for retry, what will not has failed."""
    upload = OneDriveUploadOperator(
        task_id="upload",
        local_path=str(source),
        location="myfiles/",
        recursive=True,
        exclude=["{{ task.task_id }}*", "*.txt"],
        newer_than=timedelta(days=1),
    )
    end = run_task(upload)
    assert (end.state, names(end.result)) == ("success", ["a.csv", "c.csv"])
    assert end.xcoms["report"]["counts"]["done"] == 2
    onedrive_emulator.faults.add(operation="download", times=None, do=status(503, retry_after=400))
    download = OneDriveDownloadOperator(task_id="d", location="myfiles/*.csv", local_path=str(tmp_path / "back"))
    assert run_task(download).state == "up_for_retry"
    forget_cool_downs()
    again = OneDriveUploadOperator(task_id="again", local_path=f"{source}/*.csv", location="myfiles/")
    end = run_task(again)
    assert (end.state, end.xcoms["report"]["counts"]["failed"]) == ("failed", 1)


# --- killed workers


@dataclass(frozen=True)
class Hold(Fault):
    """Do it, say so, and hold the answer back."""

    done: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    released: threading.Event = field(default_factory=threading.Event)

    def after(self, reply: Reply, *_: object) -> None:
        del reply
        self.done.release()
        self.released.wait(HANG_SECONDS)


def work(environment: dict[str, str], name: str, kwargs: dict[str, Any]) -> None:
    """Be the worker: run an operator's first try."""
    os.environ.update(environment)
    names = {"dag_id": "d", "run_id": "r", "task_id": "task", "map_index": -1}
    ti = SimpleNamespace(try_number=1, xcom_push=lambda **_: None, **names)
    getattr(onedrive, name)(task_id="task", **kwargs).execute({"ti": ti})


@pytest.fixture
def kill_in_the_middle(onedrive_emulator: Emulator, processes: Any) -> Iterator[Callable[..., None]]:
    """Run a first try in a process of its own, and kill it while the answers to some of its requests are held."""
    hold = Hold()

    def run(name: str, kwargs: dict[str, Any], operation: str, after: int, held: int) -> None:
        onedrive_emulator.faults.add(do=hold, operation=operation, after=after, times=None)
        worker = processes.Process(target=work, args=(onedrive_emulator.environment, name, kwargs))
        worker.start()
        for _ in range(held):  # as many as the worker sends at once: then it does nothing more
            while not hold.done.acquire(timeout=0.1):
                assert worker.is_alive(), "the request that was to be held never came"
        worker.kill()
        worker.join()
        assert worker.exitcode == -9
        onedrive_emulator.faults.clear()
        hold.released.set()

    yield run
    hold.released.set()


MANY = {f"{number % 7}/{number}.csv": b"%d" % number for number in range(250)}


@pytest.mark.parametrize("move", [False, True])
@pytest.mark.parametrize("if_exists", ["fail", "replace", "rename"])
def test_an_upload_is_killed(  # noqa: PLR0917 - fixtures
    onedrive_emulator: Emulator,
    kill_in_the_middle: Callable[..., None],
    task_context: Context,
    tmp_path: Path,
    if_exists: str,
    move: bool,
) -> None:
    """The retry sends only what is missing, and each file is there once."""
    files = dict(list(MANY.items())[:60])
    source = write(tmp_path / "source", files)
    kwargs = {"local_path": str(source), "location": "myfiles/", "recursive": True, "move": move}
    kwargs["if_exists"] = if_exists
    kill_in_the_middle("OneDriveUploadOperator", kwargs, "upload", after=20, held=8)
    drive, context = onedrive_emulator.drive(), task_context(2)
    assert len(drive.read_all()) == 28
    assert len(OneDriveUploadOperator(task_id="task", **kwargs).execute(context)) == 60
    counts = context["ti"].xcoms["report"]["counts"]
    assert (counts["done"], counts["skipped"]) == (32, 28)
    assert (drive.read_all(), {drive.version_count(path) for path in files}) == (files, {1})
    assert read(source) == ({} if move else files)


@pytest.mark.full
def test_a_thousand_files_are_killed(
    onedrive_emulator: Emulator, kill_in_the_middle: Callable[..., None], task_context: Context, tmp_path: Path
) -> None:
    """In the middle of a thousand: the retry sends the other half, and no file twice."""
    files = {f"{number % 7}/{number}.csv": b"%d" % number for number in range(1000)}
    kwargs = {"local_path": str(write(tmp_path / "source", files)), "location": "myfiles/", "recursive": True}
    kill_in_the_middle("OneDriveUploadOperator", kwargs, "upload", after=492, held=8)
    drive, context = onedrive_emulator.drive(), task_context(2)
    assert len(drive.read_all()) == 500
    assert len(OneDriveUploadOperator(task_id="task", **kwargs).execute(context)) == 1000
    counts = context["ti"].xcoms["report"]["counts"]
    assert (counts["done"], counts["skipped"]) == (500, 500)
    assert (drive.read_all(), {drive.version_count(path) for path in files}) == (files, {1})


def test_a_download_is_killed(
    onedrive_emulator: Emulator, kill_in_the_middle: Callable[..., None], task_context: Context, tmp_path: Path
) -> None:
    """The retry fetches only what is missing, and no part files are left."""
    onedrive_emulator.drive().put_all(MANY)
    kwargs = {"location": "myfiles/", "local_path": str(tmp_path), "recursive": True}
    kill_in_the_middle("OneDriveDownloadOperator", kwargs, "download", after=120, held=8)
    there = {path for path in read(tmp_path) if path.endswith(".csv")}
    found = OneDriveDownloadOperator(task_id="task", **kwargs).execute(task_context(2))
    assert {item["path"] for item in found if item.get("outcome") == "skipped"} == there
    assert read(tmp_path) == MANY


def test_a_deletion_is_killed(
    onedrive_emulator: Emulator, kill_in_the_middle: Callable[..., None], task_context: Context
) -> None:
    """The retry deletes the rest."""
    onedrive_emulator.drive().put_all({**MANY, "keep.txt": b""})
    kwargs = {"location": "myfiles/**/*.csv"}
    kill_in_the_middle("OneDriveDeleteOperator", kwargs, "batch", after=5, held=4)
    found = OneDriveDeleteOperator(task_id="task", **kwargs).execute(task_context(2))
    assert len(found) == 250 - 9 * 20
    assert set(onedrive_emulator.drive().read_all()) == {"keep.txt"}


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_that_is_none(
    onedrive_emulator: Emulator, task_context: Callable[..., Any], tmp_path: Path, limit: int
) -> None:
    """A limit of nothing would never end: it is refused by name."""
    (tmp_path / "a.csv").write_bytes(b"a")
    kwargs = {"local_path": f"{tmp_path}/", "location": "myfiles/", "bytes_per_second": limit}
    with pytest.raises(AirflowFailException, match="bytes_per_second is"):
        OneDriveUploadOperator(task_id="task", **kwargs).execute(task_context())
    assert onedrive_emulator.drive().paths() == []
