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
from airflow_provider_onedrive.state.run_folders import SEEN_OLD


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__DOCUMENTS_FOLDER", str(tmp_path / "documents"))
    return tmp_path / "documents"


def instance(**changes: Any) -> Any:
    return SimpleNamespace(**({"dag_id": "dag", "run_id": "run", "task_id": "task", "map_index": -1} | changes))


def test_the_path_names_the_task_instance(folder: Path) -> None:
    """Downloads of two task instances never meet."""
    assert document_path(instance(map_index=3), "a.csv") == folder / "onedrive_runs/dag/run/task/3/a.csv"


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
    task = folder / "onedrive_runs/dag/run/task/0"
    assert document_path(instance(), "Q1/a.csv") == task / "Q1/a.csv"
    assert document_path(instance(), "Q1/../../a.csv").parent.parent == task / "Q1" / safe_name("..")


def test_an_object_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """On an object store the place has the same parts, and nothing is made before it is written."""
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__DOCUMENTS_FOLDER", "file:///tmp/documents/")
    path = document_path(instance(run_id="manual__2026-01-02T03:04:05"), "Q1/a.csv")
    run = safe_name("manual__2026-01-02T03:04:05")
    assert path.path == f"/tmp/documents/onedrive_runs/dag/{run}/task/0/Q1/a.csv"
    assert not Path("/tmp/documents").exists()


def written(path: Path) -> Path:
    """Write a file that a task downloads: it has the modification time of its original."""
    path.write_text("a")
    os.utime(path, (0, 0))
    return path


def test_folders_of_others_stay(folder: Path) -> None:
    """The documents folder may be one that others use: nothing goes that was not made here, however old it is."""
    theirs = folder / "finance/2020/q1/report.csv"
    theirs.parent.mkdir(parents=True)
    written(theirs)
    for above in list(theirs.parents)[:3]:
        os.utime(above, (0, 0))
    document_path(instance(), "b.csv")
    assert theirs.exists()


def test_clock_that_is_wrong_for_one_call(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download of today stays."""
    path = written(document_path(instance(), "a.csv"))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 10 * 365 * 24 * 3600)
    document_path(instance(run_id="other"), "b.csv")
    assert path.exists()


@pytest.mark.parametrize(("days", "is_noted"), [("30", False), ("1e-9", True), ("0", False)])
def test_tasks_look_for_old_runs(folder: Path, monkeypatch: pytest.MonkeyPatch, days: str, is_noted: bool) -> None:
    """Those of others, after ``documents_retention_days``: the first task notes them, a later one removes them."""
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__DOCUMENTS_RETENTION_DAYS", days)
    path = written(document_path(instance(), "a.csv"))
    note = folder / "onedrive_runs/dag/run" / SEEN_OLD
    for _ in range(10_000):  # the times of files may be coarse
        document_path(instance(run_id="other"), "b.csv")
        if not is_noted or note.exists():
            break
    assert (path.exists(), note.exists()) == (True, is_noted)
    document_path(instance(), "a.csv")
    assert path.exists()


@pytest.mark.parametrize("days", ["soon", "-1", "nan"])
def test_retention_that_is_no_number(folder: Path, monkeypatch: pytest.MonkeyPatch, days: str) -> None:
    """A mistake in the configuration is named, and nothing is made or removed."""
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__DOCUMENTS_RETENTION_DAYS", days)
    with pytest.raises(ConfigurationError, match=r"\[onedrive\] documents_retention_days is"):
        document_path(instance(), "b.csv")
    assert not folder.exists()


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


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
SOMEBODY = 65534


@as_root
@pytest.mark.parametrize("name", ["", "onedrive_runs", "onedrive_runs/dag", "onedrive_runs/dag/run/task/0"])
def test_folder_that_another_user_made_first(folder: Path, tmp_path: Path, name: str) -> None:
    """In a folder like /tmp he can: he would read each document, or change it before the next task reads it."""
    tmp_path.chmod(0o1777)
    if name:
        document_path(instance(), "a.csv")
    (folder / name).mkdir(parents=True, exist_ok=True)
    os.chown(folder / name, SOMEBODY, SOMEBODY)
    said = rf"{folder / name} cannot be used: it belongs to another user \(uid 65534\)"
    with pytest.raises(LocalFileError, match=rf"{said}.*Set \[onedrive\] documents_folder"):
        document_path(instance(), "a.csv")


@pytest.mark.parametrize("name", ["onedrive_runs", "onedrive_runs/dag", "onedrive_runs/dag/run/task"])
def test_link_is_not_followed(folder: Path, tmp_path: Path, name: str) -> None:
    """It may lead to where others read."""
    (folder / name).parent.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (folder / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LocalFileError, match=rf"{folder / name} cannot be used: it is not a folder"):
        document_path(instance(), "a.csv")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_folder_that_everybody_can_replace(folder: Path) -> None:
    """The deployment has named it, and yet nothing in it can be private."""
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(LocalFileError, match="everybody may replace what is in it"):
        document_path(instance(), "a.csv")
    folder.chmod(0o1777)
    assert document_path(instance(), "a.csv").parent.is_dir()


@as_root
def test_volume_of_kubernetes(folder: Path) -> None:
    """It belongs to root and a group, and what is made in it is private all the same."""
    folder.mkdir()
    os.chown(folder, 0, 1000)
    folder.chmod(0o2775)
    path = document_path(instance(), "a.csv")
    made = [parent for parent in path.parents if folder in parent.parents]
    assert {stat.S_IMODE(part.stat().st_mode) & 0o777 for part in made} == {0o700}


@pytest.mark.parametrize("mask", [0o000, 0o022])
def test_folders_are_private_whatever_the_umask_is(folder: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        path = document_path(instance(), "a.csv")
    finally:
        os.umask(before)
    made = [folder, *(parent for parent in path.parents if folder in parent.parents)]
    assert {stat.S_IMODE(part.stat().st_mode) for part in made} == {0o700}


def test_folders_of_an_older_release_become_private(folder: Path) -> None:
    """Or those whose mode somebody has changed."""
    path = document_path(instance(), "a.csv")
    (folder / "onedrive_runs").chmod(0o755)
    path.parent.chmod(0o777)
    document_path(instance(), "a.csv")
    assert {stat.S_IMODE(part.stat().st_mode) for part in (folder / "onedrive_runs", path.parent)} == {0o700}
