"""The example DAG about paths, run by Airflow against the emulator."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
from filesystems import forgotten_filesystems

EXAMPLE = Path(__file__).parents[2] / "example_dags" / "example_onedrive_objectstorage.py"

__all__ = ["forgotten_filesystems"]


@pytest.mark.usefixtures("forgotten_filesystems")
def test_example_writes_copies_and_fetches(run_dag: Any, onedrive_emulator: Any) -> None:
    """Every task succeeds; the file, its copy on the server and the local one hold the same."""
    run = run_dag(runpy.run_path(str(EXAMPLE))["example_onedrive_objectstorage"]())
    states = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
    assert set(states.values()) == {"success"}, states
    content = b"name,amount\na,1.5\nb,2.5\n"
    written = onedrive_emulator.drive().read_all()
    assert {name: each.replace(b"\r\n", b"\n") for name, each in written.items()} == {
        "Airflow object storage/amounts.csv": content,
        "Airflow object storage/archive/amounts 2026 #1.csv": content,
    }
    xcoms = {ti.task_id: ti.xcom_pull(task_ids=ti.task_id) for ti in run.get_task_instances()}
    assert (xcoms["add_up"], xcoms["archive"]) == (4.0, ["amounts 2026 #1.csv", "amounts.csv"])
    assert onedrive_emulator.requests.matching(operation="copy")
