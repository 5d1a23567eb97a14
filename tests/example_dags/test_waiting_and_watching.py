"""The example DAGs about waiting, watching and syncing, against the emulator.

That a file starts the watching one, and how that ends, is in ``tests/system``: it takes a whole Airflow.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from watching import Watching

from airflow_provider_onedrive.emulator import Emulator

EXAMPLES = Path(__file__).parents[2] / "example_dags"


@pytest.fixture
def example() -> Callable[[str], Any]:
    """Read an example DAG."""
    return lambda name: runpy.run_path(str(EXAMPLES / f"{name}.py"))[name]()


def results(run: Any, task_id: str) -> list[Any]:
    """Return what a mapped or single task has left in XCom."""
    found = [ti for ti in run.get_task_instances() if ti.task_id == task_id]
    return [
        ti.xcom_pull(task_ids=task_id, map_indexes=ti.map_index) for ti in sorted(found, key=lambda ti: ti.map_index)
    ]


def test_the_inbox(example: Callable[[str], Any], run_dag: Any, onedrive_emulator: Any) -> None:
    """What has settled is counted and moved; a temporary file and another name are left alone."""
    drive = onedrive_emulator.drive()
    drive.put_all(
        {
            "Inbox/north_2026-01.csv": b"1\n2\n",
            "Inbox/south 2026-01.csv": b"3\n",
            "Inbox/north_2026.tmp": b"x",
            "Inbox/notes.txt": b"n",
            "Inbox/processed/north_2026-01.csv": b"old",
        }
    )
    dag = example("example_onedrive_inbox")
    sensor = dag.get_task("wait")
    sensor.stable_for, sensor.poke_interval = timedelta(0), 0.1
    run = run_dag(dag)
    assert str(run.state) == "success"
    assert results(run, "report") == [{"north": 2, "south": 1}]
    assert set(drive.read_all()) == {
        "Inbox/north_2026.tmp",
        "Inbox/notes.txt",
        "Inbox/processed/north_2026-01 1.csv",
        "Inbox/processed/north_2026-01.csv",
        "Inbox/processed/south 2026-01.csv",
    }


def test_the_folder_sync(example: Callable[[str], Any], run_dag: Any, onedrive_emulator: Any, tmp_path: Path) -> None:
    """The second of two runs returns only the changes since the first."""
    drive = onedrive_emulator.drive()
    drive.put_all({"Reports/a.csv": b"1", "Reports/b.csv": b"2"})
    handled = []
    for _ in range(2):
        dag = example("example_onedrive_folder_sync")
        dag.get_task("sync").manifest = str(tmp_path / "manifest.jsonl")
        run = run_dag(dag)
        assert str(run.state) == "success"
        handled.append(sorted(results(run, "handle")))
        if len(handled) == 1:
            drive.delete("Reports/a.csv")
            drive.put("Reports/c.csv", b"3")
    assert handled == [
        ["created: Reports/a.csv", "created: Reports/b.csv"],
        ["created: Reports/c.csv", "deleted: Reports/a.csv"],
    ]


@pytest.mark.airflow3
def test_the_watcher(onedrive_emulator: Emulator) -> None:
    """Its tasks get the changes, and a change that is delivered twice is handled once."""
    drive = onedrive_emulator.drive()
    drive.put("Inbox/old.csv", b"1")
    known = runpy.run_path(str(EXAMPLES / "example_onedrive_watcher.py"))
    dag, asset = known["example_onedrive_watcher"](), known["INBOX"]
    [watcher] = asset.watchers
    watching = Watching(onedrive_emulator, **watcher.trigger.serialize()[1] | {"poke_interval": 0.01})
    watching.settle()
    drive.put_all({"Inbox/new.csv": b"1", "Inbox/notes.txt": b"2"})
    event = SimpleNamespace(extra={"payload": watching.next()})
    watching.close()
    changes = dag.get_task("changes").python_callable(triggering_asset_events={asset: [event, event]})
    handle = dag.get_task("handle").python_callable
    assert [handle(change) for change in changes] == ["created: Inbox/new.csv"]
