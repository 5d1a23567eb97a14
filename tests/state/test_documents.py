"""The private folder for downloads that name no path."""

from __future__ import annotations

import os
import socket
import stat
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, LocalFileError
from airflow_provider_onedrive.state.documents import document_path, documents_folder, safe_name


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__DOCUMENTS_FOLDER", str(tmp_path / "documents"))
    return tmp_path / "documents"


def instance(**changes: Any) -> Any:
    return SimpleNamespace(**({"dag_id": "dag", "run_id": "run", "task_id": "task", "map_index": -1} | changes))


def test_the_path_names_the_task_instance(folder: Path) -> None:
    """Downloads of two task instances never meet."""
    assert document_path(instance(map_index=3), "a.csv") == folder / "dag/run/task/3/a.csv"


def test_the_folders_are_private(folder: Path) -> None:
    """Other users of the worker can list none of the folders."""
    path = document_path(instance(), "a.csv")
    made = [folder, *(parent for parent in path.parents if folder in parent.parents)]
    assert {stat.S_IMODE(part.stat().st_mode) for part in made} == {0o700}


def test_a_folder_that_cannot_be_made(folder: Path) -> None:
    """The error names the folder and the setting."""
    folder.write_text("a file is in the way")
    with pytest.raises(LocalFileError, match=rf"{folder}.* cannot be made.*\[onedrive\] documents_folder"):
        document_path(instance(), "a.csv")


def test_the_default_is_below_airflow_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without configuration documents lie below AIRFLOW_HOME."""
    monkeypatch.setenv("AIRFLOW_HOME", "/home/of/airflow")
    assert documents_folder() == Path("/home/of/airflow/onedrive_documents")


@pytest.mark.parametrize("name", ["a.csv", "Q1 100% #3 'x' + ü.xlsx", "no suffix", "a.tar.gz"])
def test_harmless_names_stay(name: str) -> None:
    """A name that every file system takes is kept as it is."""
    assert safe_name(name) == name


def test_a_changed_name_keeps_its_suffix() -> None:
    """Programs that go by the suffix still know the file."""
    assert safe_name("a:b.csv").startswith("a_b-")
    assert safe_name("a:b.csv").endswith(".csv")


def test_changed_names_stay_apart() -> None:
    """Two names that look alike once changed are two files."""
    assert len({safe_name("a:b"), safe_name("a*b"), safe_name("a_b")}) == 3


@given(st.text(max_size=400))
def test_any_name_is_one_safe_name(name: str) -> None:
    """Whatever a run or a file is called, it stays one name in its own folder, short enough for every file system."""
    safe = safe_name(name)
    assert safe == Path(safe).name
    assert safe not in ("", ".", "..")
    assert len(safe.encode()) <= 255
    assert "\0" not in safe


def test_folders_of_the_drive_are_kept_apart(folder: Path) -> None:
    """Two files of one name from two folders of the drive do not meet, and no part leaves the place."""
    assert document_path(instance(), "Q1/a.csv") == folder / "dag/run/task/0/Q1/a.csv"
    assert document_path(instance(), "Q1/../../a.csv").parent.parent == folder / "dag/run/task/0/Q1" / safe_name("..")


def test_an_object_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """On an object store the place has the same parts, and nothing is made before it is written."""
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__DOCUMENTS_FOLDER", "file:///tmp/documents/")
    path = document_path(instance(run_id="manual__2026-01-02T03:04:05"), "Q1/a.csv")
    run = safe_name("manual__2026-01-02T03:04:05")
    assert path.path == f"/tmp/documents/dag/{run}/task/0/Q1/a.csv"
    assert not Path("/tmp/documents").exists()


def written(folder: Path, days_ago: float) -> Path:
    """Make a run whose task wrote a file so long ago."""
    place = folder / f"dag/{days_ago:g} days/task/0"
    place.mkdir(parents=True)
    (place / "a.csv").write_text("a")
    then = time.time() - days_ago * 24 * 3600
    for each in (place, place.parent, place.parent.parent):
        os.utime(each, (then, then))
    return place.parent.parent


@pytest.mark.parametrize(("days", "left"), [("30", {"1 days", "29 days"}), ("7", {"1 days"}), ("0", None)])
def test_old_runs_are_removed(folder: Path, monkeypatch: pytest.MonkeyPatch, days: str, left: set[str] | None) -> None:
    """Runs nobody has written to for so long go, with what is in them; 0 keeps all."""
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__DOCUMENTS_RETENTION_DAYS", days)
    runs = {run.name for run in (written(folder, 1), written(folder, 29), written(folder, 31))}
    document_path(instance(dag_id="other"), "b.csv")
    assert {run.name for run in (folder / "dag").iterdir()} == (left or runs)


def test_a_run_that_goes_on_is_kept(folder: Path) -> None:
    """An old run in which some task wrote lately is not removed, however old its first files are."""
    run = written(folder, 100)
    (run / "late/0").mkdir(parents=True)
    os.utime(run, (0, 0))
    document_path(instance(), "b.csv")
    assert run.exists()


def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    """A link among the runs leads nowhere: what it points to is not ours to remove."""
    precious = written(tmp_path / "precious", 100)
    (folder / "dag").mkdir(parents=True)
    (folder / "dag/link").symlink_to(precious)
    document_path(instance(), "b.csv")
    assert precious.exists()


@pytest.mark.parametrize("days", ["soon", "-1", "nan"])
def test_retention_that_is_no_number(folder: Path, monkeypatch: pytest.MonkeyPatch, days: str) -> None:
    """A mistake in the configuration is named, and nothing is removed."""
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__DOCUMENTS_RETENTION_DAYS", days)
    run = written(folder, 100)
    with pytest.raises(ConfigurationError, match=r"\[onedrive\] documents_retention_days is"):
        document_path(instance(), "b.csv")
    assert run.exists()


@pytest.mark.parametrize(
    ("executor", "configured", "warns"),
    [("CeleryExecutor", False, True), ("LocalExecutor", False, False), ("CeleryExecutor", True, False)],
)
def test_who_else_can_read_it(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    executor: str,
    *,
    configured: bool,
    warns: bool,
) -> None:
    """Where tasks run on several machines and nobody chose a shared folder, a warning names host and path."""
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    if configured:
        monkeypatch.setenv("AIRFLOW__ONEDRIVE__DOCUMENTS_FOLDER", str(tmp_path / "shared"))
    path = document_path(instance(), "a.csv")
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert [str(path) in text and socket.gethostname() in text for text in warnings] == ([True] if warns else [])
