"""In a real Airflow: a file that is dropped starts the DAG that watches; its triggerer is killed with -9 meanwhile."""

from __future__ import annotations

import subprocess
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
from demo.standalone import Standalone, standalone

# A limit against hanging: the waiting ends earlier where nothing happens any more.
pytestmark = [pytest.mark.airflow3, pytest.mark.timeout(7200)]

DAG_ID = "example_onedrive_watcher"
EXAMPLE = Path(__file__).parents[2] / "example_dags" / f"{DAG_ID}.py"

WAITS = """
from datetime import timedelta
from airflow.sdk import DAG
from airflow_provider_onedrive.sensors.onedrive import OneDriveFileSensor

options = {"start_from_trigger": True, "newer_than": timedelta(hours=6), "poke_interval": 1, "timeout": 3600}
with DAG("waits", schedule=None):
    OneDriveFileSensor(task_id="start", location="myfiles/{{ dag_run.conf.folder }}/", **options)
    OneDriveFileSensor(task_id="end", location="myfiles/{{ dag_run.conf.folder }}/", end_from_trigger=True, **options)
    OneDriveFileSensor(task_id="wrong", location="{{ dag_run.conf.folder }}/", **options)
"""


@dataclass
class Running:
    """Airflow with the example, the OneDrive that it watches, and its triggerer."""

    emulator: Emulator
    airflow: Standalone
    rest: RestClient
    triggerer: Triggerer = field(init=False)

    def until(self, step: str, happens: Callable[[], Any]) -> None:
        self.airflow.waiting.until(step, happens)

    def polls(self) -> int:
        return len(self.emulator.requests.matching(operation="delta"))

    def until_next_poll(self) -> None:
        wanted = self.polls() + 3  # a listing has two of them
        self.until("Waiting for the next poll", lambda: self.polls() >= wanted)

    def changes(self) -> list[dict[str, Any]]:
        """Return the changes of all events so far, the oldest first."""
        events = self.rest.get("/api/v2/assets/events", {"order_by": "timestamp", "limit": 100})["asset_events"]
        changes = [change for event in events for change in event["extra"]["payload"]["changes"]]
        self.airflow.waiting.see(("changes", len(changes)))
        return changes

    def paths(self) -> list[str]:
        return [f"{change['change']}: {change['path']}" for change in self.changes()]

    def handled(self) -> list[str]:
        """Return the results of the tasks of all runs so far."""
        runs = self.rest.get(f"/api/v2/dags/{DAG_ID}/dagRuns")["dag_runs"]
        tasks = [task for run in runs for task in self.rest.tasks(DAG_ID, run["dag_run_id"])]
        return sorted(self.result(task) for task in tasks if (task["task_id"], task["state"]) == ("handle", "success"))

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
            # A process whose parent was killed too may stay as a zombie, if nobody collects it.
            while any(map(is_running, family)):
                time.sleep(0.1)
            psutil.wait_procs(family, timeout=0)  # collects those that are ours

    def successor(self) -> Triggerer:
        none = subprocess.DEVNULL
        process = psutil.Popen(
            self._command, env=self._environment, stdin=none, stdout=none, stderr=none, start_new_session=True
        )
        return Triggerer(process, self._command, self._environment)


def is_running(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


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
        RestClient(airflow) as rest,
    ):
        emulator.drive().put("Inbox/old.csv", b"1")
        running = Running(emulator, airflow, rest)
        rest.prepare(DAG_ID)
        running.triggerer = Triggerer.of(airflow)
        running.until_next_poll()
        try:
            yield running
        finally:
            running.triggerer.kill()


def test_watcher_delivers_every_change_though_triggerer_is_killed(running: Running) -> None:
    """Each change is delivered in order and handled, those of the time without a triggerer too."""
    drive = running.emulator.drive()
    drive.put_all({"Inbox/new.csv": b"1", "Inbox/notes.txt": b"2"})
    running.until("Handling the new file", lambda: running.handled() == ["created: Inbox/new.csv"])

    with running.without_triggerer():
        drive.put("Inbox/new.csv", b"newer")
        drive.delete("Inbox/old.csv")
        drive.put("Inbox/while dead.csv", b"3")
    running.until("Delivering four changes", lambda: len(running.changes()) >= 4)
    delivered = [
        *("created: Inbox/new.csv", "created: Inbox/while dead.csv", "updated: Inbox/new.csv"),
        "deleted: Inbox/old.csv",
    ]
    assert running.paths() == delivered
    running.until("Handling four changes", lambda: running.handled() == sorted(delivered))

    drive.put("Inbox/last.csv", b"4")
    running.until("Delivering the fifth change", lambda: len(running.changes()) > 4)
    with running.without_triggerer():  # which may not know yet that the event is in the database
        drive.put("Inbox/very last.csv", b"5")
    running.until("Delivering the sixth change", lambda: "created: Inbox/very last.csv" in running.paths())
    running.until_next_poll()
    changes = {change["change_id"]: f"{change['change']}: {change['path']}" for change in running.changes()}
    assert list(changes.values()) == [*delivered, "created: Inbox/last.csv", "created: Inbox/very last.csv"]
    assert len(running.changes()) <= len(changes) + 1
    check_start_from_trigger(running)
    assert "tempauth" not in running.airflow.output(10_000)


def check_start_from_trigger(running: Running) -> None:
    """Templates are rendered in the triggerer, and a wrong location fails the task with the words of a worker."""
    rest = running.rest
    rest.prepare("waits")
    run_id = rest.trigger("waits", {"folder": "Inbox"})
    rest.wait_for_run("waits", run_id)
    tasks = {task["task_id"]: task for task in rest.tasks("waits", run_id)}
    states = {name: task["state"] for name, task in tasks.items()}
    assert states == {"start": "success", "end": "success", "wrong": "failed"}
    assert "Did you mean 'myfiles/Inbox/'" in "\n".join(rest.log(tasks["wrong"]))
    items = [item["name"] for item in running.result(tasks["start"])]
    assert items == [item["name"] for item in running.result(tasks["end"])]
    assert "last.csv" in items
