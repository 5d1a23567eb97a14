"""Lists of patterns and of local paths, from every form in which Airflow gives a list."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, overload

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, BaseOperator
from watching import Watching

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.graph import ConfigurationError, Filters, LocalFileError
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook
from airflow_provider_onedrive.operators.onedrive import (
    OneDriveDeleteOperator,
    OneDriveDownloadOperator,
    OneDriveListOperator,
    OneDriveSaveOperator,
    OneDriveUpdateOperator,
    OneDriveUploadOperator,
)
from airflow_provider_onedrive.sensors.base import OneDriveSensorError
from airflow_provider_onedrive.sensors.onedrive import OneDriveChangesSensor, OneDriveFileSensor
from airflow_provider_onedrive.state import change_store

NAMES = ("a.csv", "b.XLSX", "c.txt", "d.pdf")
PATTERNS = ["*.csv", "*.xlsx"]
CHOSEN = ["a.csv", "b.XLSX"]


class MappedResults(Sequence[str]):
    """The results of mapped tasks are no list, but a sequence that reads them one by one."""

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: Any) -> Any:
        return PATTERNS[index]

    def __len__(self) -> int:
        return len(PATTERNS)


class NoVariables:
    """Airflow's Variables, as long as a test runs, without Airflow's database."""

    @classmethod
    def get(cls, _key: str, default: Any) -> Any:
        return default

    @classmethod
    def set(cls, key: str, value: str, description: str) -> None:
        """Keep nothing."""


@pytest.fixture
def drive(onedrive_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(change_store, "Variable", NoVariables)
    drive = onedrive_emulator.drive()
    drive.put_all({f"in/{name}": name for name in NAMES})
    return drive


def make_list(given: dict[str, Any], _tmp: Path) -> BaseOperator:
    return OneDriveListOperator(location="myfiles/in/", kind="file", **({"task_id": "task"} | given))


def make_delete(given: dict[str, Any], _tmp: Path) -> BaseOperator:
    return OneDriveDeleteOperator(location="myfiles/in/", **({"task_id": "task"} | given))


def make_download(given: dict[str, Any], tmp: Path) -> BaseOperator:
    return OneDriveDownloadOperator(
        location="myfiles/in/", local_path=f"{tmp}/back/", if_none="skip", **({"task_id": "task"} | given)
    )


def make_upload(given: dict[str, Any], tmp: Path) -> BaseOperator:
    (tmp / "source").mkdir()
    for name in NAMES:
        (tmp / "source" / name).write_text(name)
    return OneDriveUploadOperator(
        local_path=f"{tmp}/source/",
        location="myfiles/up/",
        create_folders=True,
        if_none="skip",
        **({"task_id": "task"} | given),
    )


def make_sensor(given: dict[str, Any], _tmp: Path) -> BaseOperator:
    return OneDriveFileSensor(location="myfiles/in", timeout=20, deferrable=False, **({"task_id": "task"} | given))


def make_changes_sensor(given: dict[str, Any], _tmp: Path) -> BaseOperator:
    return OneDriveChangesSensor(
        location="myfiles/in", on_start="emit_existing", timeout=20, deferrable=False, **({"task_id": "task"} | given)
    )


def execute(operator: Any, context: Any) -> Any:
    return operator.execute(context)


def execute_deferred(sensor: Any, context: Any) -> Any:
    """Wait in another process, as Airflow does: the trigger's parameters are stored as JSON."""
    trigger = sensor.trigger(context, time.time() + 20)
    _, stored = trigger.serialize()
    trigger = type(trigger)(**json.loads(json.dumps(stored)))

    async def wait() -> Any:
        return (await anext(trigger.run())).payload

    return sensor.execute_complete(context, asyncio.run(wait()))


Make = Callable[[dict[str, Any], Path], Any]
READERS: dict[str, tuple[Make, Callable[[Any, Any], Any], str]] = {
    "list": (make_list, execute, "exclude"),
    "delete": (make_delete, execute, "exclude"),
    "download": (make_download, execute, "exclude"),
    "upload": (make_upload, execute, "exclude"),
    "file sensor": (make_sensor, execute, "ignore"),
    "file sensor, deferred": (make_sensor, execute_deferred, "ignore"),
    "changes sensor": (make_changes_sensor, execute, "ignore"),
}
"""How each is made, how it waits or works, and its parameter of what is left out."""

FORMS: dict[str, Any] = {
    "list": PATTERNS,
    "tuple": tuple(PATTERNS),
    "set": set(PATTERNS),
    "results of mapped tasks": MappedResults(),
    "list of templates": ["*.{{ params.first }}", "*.xlsx"],
    "template that renders natively": "{{ params.patterns }}",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", READERS)
def test_list_of_patterns_chooses_what_one_of_them_matches(
    drive: Any, task_context: Any, tmp_path: Path, name: str, form: str
) -> None:
    """As ``file_pattern``, and as what is left out."""
    del drive
    make, work, _ = READERS[name]
    with DAG("dag", schedule=None, render_template_as_native_obj=True):
        operator = make({"file_pattern": FORMS[form]}, tmp_path)
    context = task_context()
    operator.render_template_fields(context | {"params": {"first": "csv", "patterns": PATTERNS}})
    assert sorted(item["name"] for item in work(operator, context)) == CHOSEN


@pytest.mark.parametrize("name", READERS)
def test_list_of_patterns_leaves_out_what_one_of_them_matches(
    drive: Any, task_context: Any, tmp_path: Path, name: str
) -> None:
    """Together with a pattern that takes all."""
    del drive
    make, work, left_out = READERS[name]
    operator = make({"file_pattern": "*", left_out: ("*.txt", "d.*")}, tmp_path)
    assert sorted(item["name"] for item in work(operator, task_context())) == CHOSEN


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ([], "file_pattern is empty"),
        (["*.csv", ""], "file_pattern is empty"),
        ("['*.csv', '*.xlsx']", "file_pattern is the text of a list"),
        (["*.csv", ["*.xlsx"]], "which is of type list"),
        ({"a": "*.csv"}, "which is of type dict"),
    ],
)
@pytest.mark.parametrize("name", READERS)
def test_what_a_template_makes_is_checked_when_the_task_runs(  # noqa: PLR0917 - fixtures
    drive: Any, task_context: Any, tmp_path: Path, name: str, pattern: Any, message: str
) -> None:
    """It neither chooses nothing nor everything."""
    make, work, _ = READERS[name]
    operator = make({"file_pattern": "{{ params.pattern }}"}, tmp_path)
    operator.file_pattern = pattern
    with pytest.raises((AirflowFailException, OneDriveSensorError), match=message):
        work(operator, task_context())
    assert sorted(drive.read_all("in")) == [f"in/{name}" for name in NAMES]


@pytest.mark.parametrize("name", READERS)
def test_wrong_type_is_an_error_when_the_dag_is_read(tmp_path: Path, name: str) -> None:
    """Unless the value comes from another task."""
    make, _, left_out = READERS[name]
    wrong: list[tuple[str, Any]] = [("file_pattern", {"a": "*"}), ("regex", ["a"]), (left_out, [["*.tmp"]])]
    for number, (parameter, value) in enumerate(wrong):
        (tmp_path / str(number)).mkdir()
        with pytest.raises(ConfigurationError, match=f"{parameter} (has|is) .*which is of type"):
            make({parameter: value}, tmp_path / str(number))
    with DAG("dag", schedule=None):
        output = OneDriveListOperator(task_id="before", location="myfiles/").output
        for number, value in enumerate([output, [output, "*.csv"]], start=len(wrong)):
            (tmp_path / str(number)).mkdir()
            make({"file_pattern": value, "task_id": f"task{number}"}, tmp_path / str(number))


def test_watcher_takes_list_of_patterns(drive: Any, onedrive_emulator: Emulator) -> None:
    """Its parameters are stored, too."""
    watching = Watching(
        onedrive_emulator, location="myfiles/in", on_start="emit_existing", file_pattern=tuple(PATTERNS)
    )
    assert sorted(change["name"] for change in watching.next()["changes"]) == CHOSEN
    watching.close()


def test_client_takes_list_of_patterns(drive: Any) -> None:
    """And refuses one that could not be meant."""
    del drive
    with OneDriveHook().get_conn() as client:
        assert sorted(item.name for item in client.find("myfiles/in/", Filters(file_pattern=PATTERNS))) == CHOSEN
        with pytest.raises(ConfigurationError, match="file_pattern is empty"):
            client.find("myfiles/in/", Filters(file_pattern=[]))


# --- local paths


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder of files with their paths as content."""
    for path in ("a.csv", "b.csv", "c.txt", "x/d.csv", "x/y/e.csv", "z/a.csv"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    return tmp_path


def upload(context: Any, local_path: Any, **given: Any) -> list[dict[str, Any]]:
    operator = OneDriveUploadOperator(
        **({"task_id": "task", "location": "myfiles/up/", "create_folders": True, "local_path": local_path} | given)
    )
    items: list[dict[str, Any]] = operator.execute(context)
    return items


@pytest.mark.parametrize(
    ("paths", "given", "sent"),
    [
        (["a.csv"], {}, ["a.csv"]),
        (("a.csv", "c.txt"), {}, ["a.csv", "c.txt"]),
        (["*.csv", "c.txt", "a.csv"], {}, ["a.csv", "b.csv", "c.txt"]),
        (["c.txt", "x/"], {}, ["c.txt", "d.csv"]),
        (["c.txt", "x"], {"recursive": True}, ["c.txt", "d.csv", "y/e.csv"]),
        (["x/**/*.csv", "*.txt"], {}, ["c.txt", "d.csv", "y/e.csv"]),
        (["*.csv", "x/"], {"file_pattern": ["a*", "d*"]}, ["a.csv", "d.csv"]),
        (["x/**/e.csv", "a.csv"], {"keep_directory_structure": False}, ["a.csv", "e.csv"]),
        (["*.pdf"], {"if_none": "skip"}, []),
        ([], {"if_none": "skip"}, []),
    ],
)
@pytest.mark.parametrize("as_objects", [False, True])
def test_list_of_paths_is_uploaded(  # noqa: PLR0917 - fixtures
    drive: Any, task_context: Any, tree: Path, paths: Any, given: dict[str, Any], sent: list[str], as_objects: bool
) -> None:
    """Files, folders and patterns, of the disk or of a store: each file once, each folder's below it."""
    scheme = "file://" if as_objects else ""
    upload(task_context(), type(paths)(f"{scheme}{tree}/{path}" for path in paths), **given)
    assert [path for path in drive.paths() if path.startswith("up/") and not path.endswith("/")] == [
        f"up/{path}" for path in sent
    ]


def test_list_of_objects_is_uploaded(drive: Any, s3: Any, task_context: Any) -> None:
    """An object, a prefix and a pattern; ``move`` deletes each from where it is."""
    for name in ("a.csv", "x/b.csv", "y/c.csv", "y/d.txt"):
        s3.put(name, name.encode())
    paths = [s3.url("a.csv"), s3.url("x/"), s3.url("y/*.csv")]
    upload(task_context(), paths, move=True)
    assert drive.read_all("up") == {"up/a.csv": b"a.csv", "up/b.csv": b"x/b.csv", "up/c.csv": b"y/c.csv"}
    assert list(s3.objects()) == ["y/d.txt"]
    upload(task_context(2), paths, move=True)
    with pytest.raises(AirflowFailException, match=r"a\.csv cannot be read"):
        upload(task_context(), paths, move=True)


def test_list_of_paths_from_mapped_tasks_and_templates(drive: Any, task_context: Any, tree: Path) -> None:
    """A sequence of Airflow's own, and a template that renders natively."""

    class Paths(MappedResults):
        def __getitem__(self, index: Any) -> Any:
            return [f"{tree}/a.csv", f"{tree}/b.csv"][index]

    assert len(upload(task_context(), Paths())) == 2
    with DAG("dag", schedule=None, render_template_as_native_obj=True):
        operator = OneDriveUploadOperator(
            task_id="task", local_path="{{ params.paths }}", location="myfiles/in/", if_exists="replace"
        )
    context = task_context()
    operator.render_template_fields(context | {"params": {"paths": [f"{tree}/b.csv", f"{tree}/z/"]}})
    assert sorted(item["path"] for item in operator.execute(context)) == ["in/a.csv", "in/b.csv"]
    assert drive.read("in/a.csv") == b"z/a.csv"


def test_files_of_one_name_in_a_list_are_refused(drive: Any, task_context: Any, tree: Path) -> None:
    """The reason names both, and the other files are uploaded."""
    with pytest.raises(AirflowFailException, match=r"/z/a\.csv' and '[^']*/a\.csv' would both become 'a\.csv'"):
        upload(task_context(), [f"{tree}/a.csv", f"{tree}/z/a.csv", f"{tree}/b.csv"])
    assert list(drive.read_all("up")) == ["up/b.csv"]


def test_retry_of_a_moved_list_sends_what_is_left(drive: Any, task_context: Any, tree: Path) -> None:
    """A file that an earlier attempt has moved is not missing; on the first attempt it is."""
    paths = [f"{tree}/a.csv", f"{tree}/b.csv"]
    (tree / "a.csv").unlink()
    with pytest.raises(AirflowFailException, match=r"a\.csv cannot be read"):
        upload(task_context(), paths, move=True)
    assert not drive.exists("up")
    assert [item["name"] for item in upload(task_context(2), paths, move=True)] == ["b.csv"]
    assert not (tree / "b.csv").exists()


def test_list_of_paths_is_never_mirrored(drive: Any, task_context: Any, tree: Path) -> None:
    """It says nothing of the other files of the target."""
    with pytest.raises(AirflowFailException, match="delete_extra mirrors one folder, and local_path is a list"):
        upload(task_context(), [f"{tree}/a.csv"], location="myfiles/in/", delete_extra=True)
    assert len(drive.read_all("in")) == len(NAMES)


def test_list_of_paths_needs_a_folder(drive: Any, task_context: Any, tree: Path) -> None:
    """As many files do, whatever its length."""
    del drive
    with pytest.raises(AirflowFailException, match="is many files, and myfiles/up names one"):
        upload(task_context(), [f"{tree}/a.csv"], location="myfiles/up")


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (OneDriveUploadOperator, {"local_path": {"local_path": "a"}}, "of type dict. Give its 'local_path'"),
        (OneDriveUploadOperator, {"local_path": ["a", 7]}, "of type int"),
        (OneDriveUpdateOperator, {"local_path": ["a"]}, "of type list. Only an upload of many files takes a list"),
        (OneDriveSaveOperator, {"local_path": ["a"]}, "of type list"),
        (OneDriveDownloadOperator, {"local_path": ["a"]}, "of type list"),
    ],
)
def test_wrong_type_of_path_is_an_error_when_the_dag_is_read(kind: type, given: dict[str, Any], message: str) -> None:
    """With the type, and what to give."""
    with pytest.raises(ConfigurationError, match=message):
        kind(task_id="task", location="myfiles/in/", **given)


@pytest.mark.parametrize(
    "kind", [OneDriveUploadOperator, OneDriveUpdateOperator, OneDriveSaveOperator, OneDriveDownloadOperator]
)
def test_wrong_type_of_path_is_an_error_when_the_task_runs(drive: Any, task_context: Any, kind: Any) -> None:
    """If it comes from a template."""
    del drive
    operator = kind(task_id="task", location="myfiles/in/a.csv", local_path="{{ params.path }}")
    operator.local_path = {"local_path": "a"}
    with pytest.raises(AirflowFailException, match="local_path is of type dict"):
        operator.execute(task_context())


def test_client_takes_list_of_paths(drive: Any, tree: Path) -> None:
    """Files and folders; what is a pattern in an operator is a name here."""
    with OneDriveHook().get_conn() as client:
        report = client.upload_folder("myfiles/in", local_path=[tree / "b.csv", str(tree / "x")])
        assert sorted(item.name for item in report.done) == ["b.csv", "d.csv"]
        with pytest.raises(LocalFileError, match=r"\*\.csv cannot be read"):
            client.upload_folder("myfiles/in", local_path=[str(tree / "*.csv")])
    assert drive.read("in/d.csv") == b"x/d.csv"
