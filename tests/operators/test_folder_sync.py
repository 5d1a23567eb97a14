"""The folder sync as a task: its summary and its changes in XCom, on a disk and in an object store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_onedrive.compat import AirflowFailException
from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.operators.onedrive import OneDriveFolderSyncOperator


@pytest.fixture
def sync(task_context: Any) -> Any:
    """Run the task; return its summary and the changes."""

    def run(manifest: Any, **kwargs: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        operator = OneDriveFolderSyncOperator(task_id="sync", location="myfiles/in", manifest=manifest, **kwargs)
        context = task_context()
        changed = operator.execute(context)
        return context["ti"].xcoms["summary"], changed

    return run


def test_what_is_in_xcom(onedrive_emulator: Emulator, sync: Any, tmp_path: Path) -> None:
    """The changed items as the result, whose dicts are locations for the next tasks, and numbers beside it."""
    drive = onedrive_emulator.drive()
    drive.put_all({"in/a.csv": b"1", "in/b.csv": b"2"})
    manifest = tmp_path / "folders/manifest.jsonl"
    summary, changed = sync(str(manifest))
    counts = {"created": 2, "updated": 0, "moved": 0, "renamed": 0, "deleted": 0}
    assert summary == {
        "manifest": str(manifest),
        "items": 2,
        **counts,
        "full_because": "there is no manifest yet",
        "cursor_age_seconds": None,
    }
    assert [(item["change"], item["location"]) for item in changed] == [
        ("created", "myfiles/in/a.csv"),
        ("created", "myfiles/in/b.csv"),
    ]
    assert json.loads(json.dumps(changed)) == changed
    drive.delete("in/a.csv")
    summary, changed = sync(str(manifest))
    assert (summary["items"], summary["deleted"], summary["full_because"]) == (1, 1, "")
    assert [(item["change"], item["path"]) for item in changed] == [("deleted", "in/a.csv")]


def test_a_cap(onedrive_emulator: Emulator, sync: Any, tmp_path: Path) -> None:
    """XCom holds so many changes at most; the numbers count all of them."""
    onedrive_emulator.drive().put_all({f"in/{number}": b"" for number in range(5)})
    summary, changed = sync(str(tmp_path / "m"), max_changed=2)
    assert (summary["created"], len(changed)) == (5, 2)


@pytest.mark.parametrize("manifest", ["", "  ", None])
def test_no_manifest(onedrive_emulator: Emulator, sync: Any, manifest: Any) -> None:
    """An empty template is told, and nothing is asked."""
    with pytest.raises(AirflowFailException, match="manifest is empty"):
        sync(manifest)
    assert len(onedrive_emulator.requests) == 0


def test_full_every_is_iso(onedrive_emulator: Emulator, task_context: Any, tmp_path: Path) -> None:
    """Text that is not a duration is refused before anything is sent."""
    given = {"location": "myfiles/", "manifest": str(tmp_path / "m.jsonl"), "full_every": "12 h"}
    with pytest.raises(AirflowFailException, match=r"full_every is '12 h'.* Did you mean PT12H\?"):
        OneDriveFolderSyncOperator(task_id="sync", **given).execute(task_context())
    assert len(onedrive_emulator.requests) == 0
    assert OneDriveFolderSyncOperator(task_id="sync", **given | {"full_every": "PT12H"}).execute(task_context()) == []


def test_in_an_object_store(onedrive_emulator: Emulator, sync: Any, tmp_path: Path) -> None:
    """``file://`` stands for any store that fsspec reaches."""
    onedrive_emulator.drive().put("in/a.csv", b"1")
    sync(f"file://{tmp_path}/m.jsonl")
    summary, changed = sync(f"file://{tmp_path}/m.jsonl")
    assert (summary["items"], summary["full_because"], changed) == (1, "", [])


def test_templates() -> None:
    """The connection, the folder and the manifest; no file is read as one."""
    assert set(OneDriveFolderSyncOperator.template_fields) == {"onedrive_conn_id", "location", "manifest"}
    assert tuple(OneDriveFolderSyncOperator.template_ext) == ()
