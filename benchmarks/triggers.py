"""What waiting costs in Airflow: ``python benchmarks/triggers.py``, or ``make bench-triggers`` (about half an hour).

A thousand tasks wait for a file each, in fifty folders, which are empty. For each way to wait an airflow standalone is
started with one triggerer, and a local OneDrive beside it, which is not measured. The first way only sleeps: what the
others take beyond it is theirs. A delay is the time from a file's coming to the end of its task, which our sensor and
the plain loop reach in the triggerer; Airflow's MSGraphSensor goes back to a worker at each look.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from report import Report

sys.path.insert(0, str(Path(__file__).parents[1]))

from airflow_provider_onedrive.emulator import Emulator
from demo.rest import RestClient
from demo.standalone import Standalone, standalone

WAYS = {
    "only sleeping": "Waits(task_id=name, trigger='SleepTrigger', trigger_kwargs={})",
    "OneDriveFileSensor": (
        "OneDriveFileSensor(task_id=name, location=f'myfiles/{folder}/', file_pattern=file, "
        "poke_interval=INTERVAL, timeout=86400, start_from_trigger=True, end_from_trigger=True)"
    ),
    "plain loop, a client each": (
        "Waits(task_id=name, trigger='NaiveTrigger', "
        "trigger_kwargs={'folder': folder, 'name': file, 'interval': INTERVAL})"
    ),
    "Airflow's MSGraphSensor": (
        "MSGraphSensor(task_id=name, url=f'{DRIVE}/root:/{folder}:/children', timeout=86400, retry_delay=INTERVAL, "
        "event_processor=lambda found, name=file, **_: has(name, found), result_processor=lambda found, **_: None)"
    ),
}
DAG_FILE = """
from airflow.sdk import DAG
from airflow_provider_onedrive.sensors.onedrive import OneDriveFileSensor
from waiting_tasks import Waits, has
{more_imports}
INTERVAL, DRIVE = {interval}, {drive!r}
for first in range(0, {tasks}, {dag_tasks}):
    with DAG(f"waiting_{{first}}", schedule=None, max_active_tasks={dag_tasks}) as dag:
        for number in range(first, min(first + {dag_tasks}, {tasks})):
            name, folder, file = f"wait_{{number}}", str(number % {folders}), f"{{number}}.csv"
            {task}
    globals()[dag.dag_id] = dag
"""
DAG_TASKS = 10  # the triggerer reads the whole DAG for each of its tasks, and a process keeps what it once had
MS_GRAPH = "from airflow.providers.microsoft.azure.sensors.msgraph import MSGraphSensor"
_PATIENCE_SECONDS = 240


@dataclass(frozen=True)
class Figures:
    """:param waiting: tasks that the triggerer had when it was measured."""

    waiting: int
    requests_a_minute: float
    runner_cpu: float
    all_cpu: float
    runner_bytes: int
    delays_seconds: list[float]


def main() -> None:
    options = _options()
    report = Report(1)
    report.say_machine()
    report.say("tasks", f"{options.tasks} in {options.folders} empty folders, every {options.interval:g} s")
    slept = 0
    for way in options.ways or WAYS:
        figures = _measured(way, options)
        slept = slept or figures.runner_bytes
        report.say(way, _told(figures, slept, options))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what waiting in Airflow's triggerer costs.")
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--folders", type=int, default=50)
    parser.add_argument("--interval", type=float, default=30.0, help="seconds between two looks")
    parser.add_argument("--ways", nargs="*", choices=WAYS, help="only these; the first is what the others are beyond")
    parser.add_argument("--intervals", type=int, default=3, help="for how many of them is measured")
    return parser.parse_args()


def _told(figures: Figures, slept_bytes: int, options: argparse.Namespace) -> str:
    kib_each = (figures.runner_bytes - slept_bytes) / max(figures.waiting, 1) / 1024
    memory = f"{kib_each:.0f} KiB each" if figures.waiting >= options.tasks else "its memory says nothing"
    requests = figures.requests_a_minute / options.folders / 60 * options.interval
    delays = figures.delays_seconds
    seen = f"{statistics.median(delays):.1f} s (slowest {max(delays):.1f})" if delays else "-"
    return (
        f"{figures.waiting} in the triggerer; {figures.requests_a_minute:.0f} requests a minute, {requests:.2f} for "
        f"each folder and interval; runner {figures.runner_cpu:.1%} of a core, all of Airflow {figures.all_cpu:.0%}; "
        f"{memory}; {len(delays)} ended, from file to end {seen}"
    )


def _measured(way: str, options: argparse.Namespace) -> Figures:
    with tempfile.TemporaryDirectory() as folder, Emulator() as emulator:
        dags = Path(folder)
        (dags / "waiting.py").write_text(_dag(way, options, emulator), encoding="utf-8")
        for number in range(options.folders):
            emulator.drive().folder(str(number))
        environment = _environment(emulator, dags)
        with (
            standalone(dags, environment, [emulator.client_secret]) as airflow,
            RestClient(airflow) as rest,
        ):
            _begin(rest, [f"waiting_{first}" for first in range(0, options.tasks, DAG_TASKS)])
            return _watched(airflow, emulator, options, drops=way != "only sleeping")


def _dag(way: str, options: argparse.Namespace, emulator: Emulator) -> str:
    return DAG_FILE.format(
        more_imports=MS_GRAPH if "MSGraph" in way else "",
        task=WAYS[way],
        tasks=options.tasks,
        dag_tasks=DAG_TASKS,
        folders=options.folders,
        interval=options.interval,
        drive=f"drives/{emulator.drive().id}",
    )


def _environment(emulator: Emulator, folder: Path) -> dict[str, str]:
    known = json.loads(emulator.connection)
    authority = emulator.authority_url
    certificate = folder / "authority.pem"
    certificate.write_text(known["extra"]["ca_certificate"], encoding="ascii")
    ms_graph = {
        "conn_type": "msgraph",
        "login": known["login"],
        "password": known["password"],
        "schema": "https",
        "host": emulator.graph_url.removeprefix("https://"),
        "extra": {
            "tenant_id": known["extra"]["tenant_id"],
            "authority": authority,
            "disable_instance_discovery": True,
            "verify": False,
            "allowed_hosts": f"localhost,{emulator.graph_url.removeprefix('https://')}",
        },
    }
    return {
        **emulator.environment,
        "AIRFLOW_CONN_MSGRAPH_DEFAULT": json.dumps(ms_graph),
        "AIRFLOW__TRIGGERER__CAPACITY": "2000",
        "PYTHONPATH": str(Path(__file__).parent),
        "SSL_CERT_FILE": str(certificate),
        "WAITING_CLIENT_ID": known["login"],
        "WAITING_CLIENT_SECRET": known["password"],
        "WAITING_SCOPE": "https://graph.microsoft.com/.default",
        "WAITING_TOKEN_URL": f"{authority}/{known['extra']['tenant_id']}/oauth2/v2.0/token",
        "WAITING_DRIVE_URL": f"{emulator.graph_url}/v1.0/drives/{emulator.drive().id}",
    }


def _begin(rest: RestClient, dag_ids: list[str]) -> None:
    rest.prepare(*dag_ids)
    for dag_id in dag_ids:
        rest.trigger(dag_id, {})


def _watched(airflow: Standalone, emulator: Emulator, options: argparse.Namespace, *, drops: bool) -> Figures:
    _until(lambda: _running(airflow) >= options.tasks, airflow, may_fail=True)
    _pause(2 * options.interval)  # all have looked, and found their rhythm
    runner = _runner(airflow)
    family = [psutil.Process(airflow.process.pid), *psutil.Process(airflow.process.pid).children(recursive=True)]
    emulator.requests.clear()
    start, cpu, all_cpu = time.monotonic(), _cpu_seconds([runner]), _cpu_seconds(family)
    _pause(options.intervals * options.interval)
    seconds = time.monotonic() - start
    figures = {
        "waiting": _running(airflow),
        "requests_a_minute": len(emulator.requests) / seconds * 60,
        "runner_cpu": (_cpu_seconds([runner]) - cpu) / seconds,
        "all_cpu": (_cpu_seconds(family) - all_cpu) / seconds,
        "runner_bytes": runner.memory_full_info().uss,
    }
    return Figures(**figures, delays_seconds=_delays(airflow, emulator, options) if drops else [])


def _delays(airflow: Standalone, emulator: Emulator, options: argparse.Namespace) -> list[float]:
    """Let the files come, in any order and spread over an interval; see when the tasks end."""
    came, start = {}, time.monotonic()
    for count, number in enumerate(random.sample(range(options.tasks), options.tasks), start=1):
        emulator.drive().put(f"{number % options.folders}/{number}.csv", b"1")
        came[number] = time.time()
        _pause(max(0.0, start + options.interval * count / options.tasks - time.monotonic()))
    _until(lambda: len(_ends(airflow)) >= options.tasks, airflow, 3 * options.interval, may_fail=True)
    return [end - came[number] for number, end in _ends(airflow).items()]


def _until(happens: Any, airflow: Standalone, seconds: float = _PATIENCE_SECONDS, *, may_fail: bool = False) -> None:
    end = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > end:
            if may_fail:
                return
            sys.exit(airflow.output(40))
        _pause(1.0)


def _pause(seconds: float) -> None:
    threading.Event().wait(seconds)


def _running(airflow: Standalone) -> int:
    """Return how many triggers the triggerer said last that it runs; it does once a minute."""
    said = re.findall(r"(\d+) triggers currently running", airflow.output(20_000))
    return int(said[-1]) if said else 0


def _ends(airflow: Standalone) -> dict[int, float]:
    """Return when the tasks ended that have, by their numbers."""
    rows = _asked(airflow, "SELECT task_id, end_date FROM task_instance WHERE state = 'success'")
    return {int(name.rpartition("_")[2]): datetime.fromisoformat(f"{end}+00:00").timestamp() for name, end in rows}


def _asked(airflow: Standalone, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{airflow.home}/airflow.db?mode=ro", uri=True, timeout=60)) as database:
        return database.execute(query).fetchall()


def _runner(airflow: Standalone) -> psutil.Process:
    """Find the process that runs the triggers: the triggerer's own child."""
    found: list[psutil.Process] = []

    def is_there() -> bool:  # a busy triggerer may be starting another one
        found.extend(filter(_is_runner, psutil.Process(airflow.process.pid).children(recursive=True)))
        return bool(found)

    _until(is_there, airflow)
    return max(found, key=lambda each: each.create_time())


def _is_runner(process: psutil.Process) -> bool:
    with suppress(psutil.Error):  # it has ended
        return "triggerer" in " ".join(process.cmdline()) and not process.children()
    return False


def _cpu_seconds(processes: list[psutil.Process]) -> float:
    """Add up what processes and those that ended below them have used."""
    total = 0.0
    for process in processes:
        with suppress(psutil.Error):  # it has ended
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


if __name__ == "__main__":
    main()
