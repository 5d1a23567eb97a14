"""In a real Airflow: a file that is dropped starts the DAG that watches; its triggerer is killed with -9 meanwhile."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from airflow_provider_onedrive.emulator import Emulator
from demo.rest import RestClient
from demo.standalone import USER, Standalone, standalone

pytestmark = [pytest.mark.airflow3, pytest.mark.system, pytest.mark.timeout(600)]

SECONDS = 180
DAG_ID = "example_onedrive_watcher"
EXAMPLE = Path(__file__).parents[2] / "example_dags" / f"{DAG_ID}.py"


@dataclass
class Running:
    """Airflow with the example, the OneDrive that it watches, and its triggerer."""

    emulator: Emulator
    airflow: Standalone
    rest: RestClient

    def until(self, happens: Callable[[], Any]) -> None:
        end = time.monotonic() + SECONDS
        while not happens():
            assert self.airflow.is_running(), self.airflow.output(50)
            assert time.monotonic() < end, self.airflow.output(80)
            threading.Event().wait(0.2)

    def looks(self) -> int:
        return len(self.emulator.requests.matching(operation="delta"))

    def until_it_looks_again(self) -> None:
        wanted = self.looks() + 2
        self.until(lambda: self.looks() >= wanted)

    def told(self) -> list[dict[str, Any]]:
        """Return the changes of all events so far, the oldest first."""
        events = self.rest.get("/api/v2/assets/events", {"order_by": "timestamp", "limit": 100})["asset_events"]
        return [change for event in events for change in event["extra"]["payload"]["changes"]]

    def paths(self) -> list[str]:
        return [f"{change['change']}: {change['path']}" for change in self.told()]

    def worked_off(self) -> list[str]:
        """Return what the tasks of all runs so far have returned."""
        runs = self.rest.get(f"/api/v2/dags/{DAG_ID}/dagRuns")["dag_runs"]
        tasks = [task for run in runs for task in self.rest.tasks(DAG_ID, run["dag_run_id"])]
        return sorted(
            self.result(task) for task in tasks if (task["task_id"], task["state"]) == ("work_off", "success")
        )

    def result(self, task: dict[str, Any]) -> str:
        run = f"/api/v2/dags/{DAG_ID}/dagRuns/{task['dag_run_id']}"
        path = f"{run}/taskInstances/work_off/xcomEntries/return_value"
        return str(self.rest.get(path, {"map_index": task["map_index"]})["value"])

    def triggerers(self) -> list[psutil.Process]:
        """Return the triggerer and its runner."""
        family = psutil.Process(self.airflow.process.pid).children(recursive=True)
        (first,) = (each for each in family if "triggerer" in each.cmdline() and is_first(each))
        return [first, *first.children(recursive=True)]


def is_first(process: psutil.Process) -> bool:
    parent = process.parent()
    return parent is None or "triggerer" not in parent.cmdline()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    dags = tmp_path / "dags"
    dags.mkdir()
    text = EXAMPLE.read_text(encoding="utf-8")
    assert "poke_interval=30" in text
    (dags / EXAMPLE.name).write_text(text.replace("poke_interval=30", "poke_interval=1"), encoding="utf-8")
    with (
        Emulator() as emulator,
        standalone(dags, emulator.environment, [emulator.client_secret]) as airflow,
        RestClient(airflow.url) as rest,
    ):
        emulator.drive().put("Inbox/old.csv", b"1")
        running = Running(emulator, airflow, rest)
        running.until(rest.is_healthy)
        rest.log_in(USER, airflow.password)
        running.until(lambda: rest.has_dag(DAG_ID))
        rest.unpause(DAG_ID)
        running.until_it_looks_again()
        yield running


def test_a_dropped_file_starts_the_dag(running: Running) -> None:
    """Each change is told once, in order, and worked off; what happens while the triggerer is dead as well."""
    drive = running.emulator.drive()
    drive.put_all({"Inbox/new.csv": b"1", "Inbox/notes.txt": b"2"})
    running.until(lambda: running.worked_off() == ["created: Inbox/new.csv"])

    triggerers = running.triggerers()
    environment = triggerers[0].environ()
    command = triggerers[0].cmdline()
    for process in triggerers:
        process.kill()
    psutil.wait_procs(triggerers, timeout=30)
    drive.put("Inbox/new.csv", b"newer")
    drive.delete("Inbox/old.csv")
    drive.put("Inbox/while dead.csv", b"3")
    other = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        running.until(lambda: len(running.told()) >= 4)
        assert running.paths() == [
            *("created: Inbox/new.csv", "created: Inbox/while dead.csv", "updated: Inbox/new.csv"),
            "deleted: Inbox/old.csv",
        ]
        running.until(lambda: len(running.worked_off()) == 4)
        running.until_it_looks_again()
        assert len(running.told()) == 4  # nothing was told twice
    finally:
        other.terminate()
        other.wait(30)
    assert "tempauth" not in running.airflow.output(10_000)
