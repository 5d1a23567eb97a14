"""How many requests it takes when Graph throttles: ``python benchmarks/throttled.py``, or ``make bench-throttled``.

Many processes share one connection, and with it a budget of resource units; each saves some small files and looks at
them. The least number of requests is what the same work takes without a budget. Refused requests come on top of it. The
emulator's minute is shorter than a real one, and so is what it asks everybody to wait: only time is scaled.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from report import Report

LATENCY_SECONDS = 0.05
_ORIGINS = ("graph", "store")


def main() -> None:
    options = _options()
    if options.serve:
        _serve()
        return
    found = _compare(options)
    if options.json:
        print(json.dumps(found))
    elif found["with the shared cool-down"]["ratio"] > options.most:
        raise SystemExit(f"more than {options.most} times the least number of requests")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Count requests under throttling.")
    parser.add_argument("--processes", type=int, default=100)
    parser.add_argument("--files", type=int, default=12, help="that each process saves and looks at")
    parser.add_argument("--units", type=int, default=1250, help="the budget of a minute")
    parser.add_argument("--minute-seconds", type=int, default=10, help="how long the emulator's minute is")
    parser.add_argument("--pause-seconds", type=float, default=0.2, help="what a process does between two files")
    parser.add_argument("--most", type=float, default=1.3, help="fail where it takes more times the least number")
    parser.add_argument("--no-retry-after", action="store_true", help="refuse without saying for how long")
    parser.add_argument("--shared-only", action="store_true", help="leave out the comparison")
    parser.add_argument("--json", action="store_true", help="print nothing but the figures, as JSON")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _compare(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    report = Report(1)
    if not options.json:
        report.say_machine()
        report.say("budget", f"{options.units} units a minute; a minute is {options.minute_seconds} s")
    found = {}
    with _served() as emulator, tempfile.TemporaryDirectory() as folder:
        least = _requests(emulator, options, processes=1, cool_down_folder=None)
        ways = {"with the shared cool-down": Path(folder) / "cool"} | (
            {} if options.shared_only else {"without it": None}
        )
        for name, shared in ways.items():
            emulator.limit(options)
            cost = _requests(emulator, options, processes=options.processes, cool_down_folder=shared)
            minimum = least["requests"] * options.processes
            found[name] = cost | {"minimum": minimum, "ratio": round(cost["requests"] / minimum, 3)}
            if not options.json:
                report.say(
                    f"{options.processes} processes {name}",
                    f"{cost['requests']} requests, at least {minimum}: {found[name]['ratio']:.3f} times; "
                    f"{cost['seconds']:.0f} s, {cost['failed']} processes failed",
                )
    return found


@dataclass(frozen=True)
class _Emulator:
    """The emulator in another process, over its control path."""

    connection: dict[str, Any]
    http: httpx.Client

    def limit(self, options: argparse.Namespace) -> None:
        """Begin with a fresh budget."""
        budget = {"units_per_minute": options.units, "minute_seconds": options.minute_seconds}
        self.http.post("throttling", json=budget).raise_for_status()
        self.http.post("quirks", json={"retry_after_missing": options.no_retry_after}).raise_for_status()

    def requests(self) -> int:
        """Count what was asked of Graph and of its storage."""
        totals = [self.http.get("log", params={"origin": name, "limit": 0}).json()["total"] for name in _ORIGINS]
        return sum(total["requests"] for total in totals)


def _requests(
    emulator: _Emulator, options: argparse.Namespace, *, processes: int, cool_down_folder: Path | None
) -> dict[str, float]:
    """Let processes do their work, and count what they ask."""
    before, start = emulator.requests(), time.monotonic()
    context = multiprocessing.get_context("fork")
    arguments = (emulator.connection, options.files, options.pause_seconds, cool_down_folder)
    workers = [context.Process(target=_work, args=(number, *arguments)) for number in range(processes)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {
        "requests": emulator.requests() - before,
        "seconds": round(time.monotonic() - start, 1),
        "failed": sum(bool(worker.exitcode) for worker in workers),
    }


def _work(
    number: int, connection: Mapping[str, Any], files: int, pause_seconds: float, cool_down_folder: Path | None
) -> None:
    """Be one of the tasks; what becomes of one that gives up is the exit code."""
    with suppress(OneDriveError):
        _save_and_look(number, connection, files, pause_seconds, cool_down_folder)
        return
    raise SystemExit(1)


def _save_and_look(
    number: int, connection: Mapping[str, Any], files: int, pause_seconds: float, cool_down_folder: Path | None
) -> None:
    fields = {"client_id": connection["login"], "client_secret": connection["password"], **connection["extra"]}
    settings = Settings.from_fields(fields, trusted_hosts=["localhost"])
    with Client(settings, cool_down_folder=cool_down_folder) as client:
        for file in range(files):
            location = f"myfiles/in/{number}-{file}.csv"
            client.save(location, content=b"id;total\n1;2\n")
            client.stat(location)
            time.sleep(pause_seconds)


@contextmanager
def _served() -> Iterator[_Emulator]:
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        said = json.loads(process.stdout.readline() if process.stdout else "")
        connection = said["connection"]
        verify = ssl.create_default_context(cadata=connection["extra"]["ca_certificate"])
        base, headers = f"{said['graph_url']}/__emulator__/", {"X-Emulator-Key": said["control_key"]}
        with httpx.Client(base_url=base, headers=headers, verify=verify, trust_env=False, timeout=60) as http:
            yield _Emulator(connection, http)


def _serve() -> None:
    """Be the emulator until the input ends."""
    from airflow_provider_onedrive.emulator import Emulator  # noqa: PLC0415 - the other processes need none of it
    from airflow_provider_onedrive.emulator.faults import latency  # noqa: PLC0415 - as above

    with Emulator() as emulator:
        emulator.drive().folder("in")
        emulator.faults.add(times=None, do=latency(LATENCY_SECONDS))
        said = {"graph_url": emulator.graph_url, "control_key": emulator.control_key}
        print(json.dumps(said | {"connection": json.loads(emulator.connection)}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from airflow_provider_onedrive.graph import Client, OneDriveError, Settings

    logging.disable()
    main()
