"""In a real Airflow: a file that is dropped starts the DAG that watches; its triggerer is killed with -9 meanwhile."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
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

WAITS = """
from datetime import timedelta
from airflow.sdk import DAG
from airflow_provider_onedrive.sensors.onedrive import OneDriveFileSensor

how = {"start_from_trigger": True, "newer_than": timedelta(hours=1), "poke_interval": 1, "timeout": 120}
with DAG("waits", schedule=None):
    OneDriveFileSensor(task_id="start", location="myfiles/{{ dag_run.conf.folder }}/", **how)
    OneDriveFileSensor(task_id="end", location="myfiles/{{ dag_run.conf.folder }}/", end_from_trigger=True, **how)
    OneDriveFileSensor(task_id="wrong", location="{{ dag_run.conf.folder }}/", **how)
"""


@dataclass
class Running:
    """Airflow with the example, the OneDrive that it watches, and its triggerer."""

    emulator: Emulator
    airflow: Standalone
    rest: RestClient
    triggerer: Triggerer = field(init=False)

    def until(self, happens: Callable[[], Any]) -> None:
        end = time.monotonic() + SECONDS
        while not happens():
            assert self.airflow.is_running(), self.airflow.output(50)
            assert time.monotonic() < end, self.airflow.output(80)
            threading.Event().wait(0.2)

    def looks(self) -> int:
        return len(self.emulator.requests.matching(operation="delta"))

    def until_it_looks_again(self) -> None:
        wanted = self.looks() + 3  # a listing has two of them
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

    def result(self, task: dict[str, Any]) -> Any:
        run = f"/api/v2/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}"
        path = f"{run}/taskInstances/{task['task_id']}/xcomEntries/return_value"
        return self.rest.get(path, {"map_index": task["map_index"], "deserialize": True})["value"]

    @contextmanager
    def without_triggerer(self) -> Iterator[None]:
        """Kill the triggerer with -9, and start another one afterwards."""
        self.triggerer.kill()
        yield
        self.triggerer = self.triggerer.successor()


class Triggerer:
    """A process that runs triggers in another one."""

    def __init__(self, process: Any, command: list[str], environment: dict[str, str]) -> None:
        self._process, self._command, self._environment = process, command, environment

    @classmethod
    def of(cls, airflow: Standalone) -> Triggerer:
        family = psutil.Process(airflow.process.pid).children(recursive=True)
        (process,) = (each for each in family if "triggerer" in each.cmdline() and is_first(each))
        return cls(process, process.cmdline(), process.environ())

    def family(self) -> list[psutil.Process]:
        return [self._process, *self._process.children(recursive=True)]

    def kill(self) -> None:
        with suppress(psutil.NoSuchProcess):
            family = self.family()
            for process in family:
                process.kill()
            psutil.wait_procs(family, timeout=30)

    def successor(self) -> Triggerer:
        nowhere = subprocess.DEVNULL
        process = psutil.Popen(
            self._command, env=self._environment, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True
        )
        return Triggerer(process, self._command, self._environment)


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
    (dags / "waits.py").write_text(WAITS, encoding="utf-8")
    with (
        Emulator() as emulator,
        standalone(dags, emulator.environment, [emulator.client_secret]) as airflow,
        RestClient(airflow.url) as rest,
    ):
        emulator.drive().put("Inbox/old.csv", b"1")
        running = Running(emulator, airflow, rest)
        running.until(rest.is_healthy)
        running.triggerer = Triggerer.of(airflow)
        rest.log_in(USER, airflow.password)
        running.until(lambda: rest.has_dag(DAG_ID))
        rest.unpause(DAG_ID)
        running.until_it_looks_again()
        try:
            yield running
        finally:
            running.triggerer.kill()


def test_a_dropped_file_starts_the_dag(running: Running) -> None:
    """Each change is told, in order, and worked off; what happens while the triggerer is dead as well."""
    drive = running.emulator.drive()
    drive.put_all({"Inbox/new.csv": b"1", "Inbox/notes.txt": b"2"})
    running.until(lambda: running.worked_off() == ["created: Inbox/new.csv"])

    with running.without_triggerer():
        drive.put("Inbox/new.csv", b"newer")
        drive.delete("Inbox/old.csv")
        drive.put("Inbox/while dead.csv", b"3")
    running.until(lambda: len(running.told()) >= 4)
    all_told = [
        *("created: Inbox/new.csv", "created: Inbox/while dead.csv", "updated: Inbox/new.csv"),
        "deleted: Inbox/old.csv",
    ]
    assert running.paths() == all_told
    running.until(lambda: running.worked_off() == sorted(all_told))

    drive.put("Inbox/last.csv", b"4")
    running.until(lambda: len(running.told()) > 4)
    with running.without_triggerer():  # which may not know yet that the event is in the database
        drive.put("Inbox/very last.csv", b"5")
    running.until(lambda: "created: Inbox/very last.csv" in running.paths())
    running.until_it_looks_again()
    told = {change["change_id"]: f"{change['change']}: {change['path']}" for change in running.told()}
    assert list(told.values()) == [*all_told, "created: Inbox/last.csv", "created: Inbox/very last.csv"]
    assert len(running.told()) <= len(told) + 1
    check_what_starts_in_the_triggerer(running)
    assert "tempauth" not in running.airflow.output(10_000)


def check_what_starts_in_the_triggerer(running: Running) -> None:
    """Templates are rendered there; what is wrong fails the task with the words that it has on a worker."""
    rest = running.rest
    running.until(lambda: rest.has_dag("waits"))
    rest.unpause("waits")
    run_id = rest.trigger("waits", {"folder": "Inbox"})
    running.until(lambda: rest.run_state("waits", run_id) in ("success", "failed"))
    tasks = {task["task_id"]: task for task in rest.tasks("waits", run_id)}
    states = {name: task["state"] for name, task in tasks.items()}
    assert states == {"start": "success", "end": "success", "wrong": "failed"}
    assert "Did you mean 'myfiles/Inbox/'" in "\n".join(rest.log(tasks["wrong"]))
    found = [item["name"] for item in running.result(tasks["start"])]
    assert found == [item["name"] for item in running.result(tasks["end"])]
    assert "last.csv" in found
