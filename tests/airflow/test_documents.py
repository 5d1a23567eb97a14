"""The private folder for downloads that name no path."""

from __future__ import annotations

import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_onedrive.documents import document_path, documents_folder, safe_name
from airflow_provider_onedrive.graph.errors import LocalFileError


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
