"""What waiting costs: ``python benchmarks/triggers.py``, or ``make bench-triggers``.

A thousand triggers on one event loop, as in a triggerer, wait for files in fifty folders, which are empty: to be sure
of that takes a second request. Beside them the same number of tasks that do it the plain way: each looks for itself
after each interval, with the same client. The memory of a trigger is what it takes beyond a task that only sleeps; who
comes second finds memory that the first gave back. The emulator runs in threads of the same process, so the time of the
processor is that of the loop's thread alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from report import Report

if TYPE_CHECKING:
    from airflow_provider_onedrive.emulator import Emulator

_FIRST = -1  # its folder has a file
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
Wait = Callable[[int], Coroutine[Any, Any, object]]
"""Waits as one of the tasks; its number says for which folder."""


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as home:
        os.environ["AIRFLOW_HOME"] = home
        found = _compare(options)
    if options.json:
        print(json.dumps(found))
        return
    report = Report(1)
    report.say_machine()
    report.say("waits", f"{options.triggers} in {options.folders} folders, every {options.interval:g} s")
    for name, figures in found.items():
        report.say(
            name,
            f"{figures['requests_a_minute']:.0f} requests a minute, {figures['a_folder_and_interval']:.2f} for each "
            f"folder and interval; {figures['cpu']:.1%} of a core; {figures['kib_each']:.1f} KiB each; "
            f"seen {figures['delay_seconds']:.1f} s after the file came (median; slowest "
            f"{figures['slowest_seconds']:.1f})",
        )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what waiting in the triggerer costs.")
    parser.add_argument("--triggers", type=int, default=1000)
    parser.add_argument("--folders", type=int, default=50)
    parser.add_argument("--interval", type=float, default=30.0, help="seconds between two looks")
    parser.add_argument("--intervals", type=int, default=2, help="for how many of them requests are counted")
    parser.add_argument("--json", action="store_true", help="print nothing but the figures, as JSON")
    return parser.parse_args()


def _compare(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    from airflow_provider_onedrive.conditions import FileCondition  # noqa: PLC0415 - Airflow reads its home on import
    from airflow_provider_onedrive.emulator import Emulator  # noqa: PLC0415 - as above
    from airflow_provider_onedrive.sharedclients import shared_client  # noqa: PLC0415 - as above
    from airflow_provider_onedrive.triggers.onedrive import OneDriveFileTrigger  # noqa: PLC0415 - as above

    def folder(number: int) -> str:
        return "myfiles/first/" if number == _FIRST else f"myfiles/{number % options.folders}/"

    async def trigger(number: int) -> object:
        waiting = OneDriveFileTrigger(location=folder(number), file_pattern="*.csv", poke_interval=options.interval)
        return await anext(waiting.run())

    async def plainly(number: int) -> None:
        async with shared_client("onedrive_default") as client:
            await asyncio.sleep(
                max(number, 0) / options.triggers * options.interval
            )  # they did not begin at one moment
            while not await client.run(FileCondition(folder(number), "*.csv").look(client)):  # noqa: ASYNC110 - it polls
                await asyncio.sleep(options.interval)

    found = {}
    for name, wait in (("OneDriveFileTrigger", trigger), ("each for itself", plainly)):
        with Emulator() as emulator:
            os.environ["AIRFLOW_CONN_ONEDRIVE_DEFAULT"] = emulator.connection
            os.environ["AIRFLOW__ONEDRIVE__TRUSTED_HOSTS"] = "localhost"
            for number in range(options.folders):
                emulator.drive().folder(str(number))
            emulator.drive().put("first/a.csv", b"1")
            found[name] = asyncio.run(_measured(emulator, wait, options))
    return found


async def _measured(emulator: Emulator, wait: Wait, options: argparse.Namespace) -> dict[str, float]:
    await wait(_FIRST)  # which loads what all of them share
    sleepers_bytes = await _bytes_of_sleepers(options)
    before_bytes, ends = _resident_bytes(), dict[int, float]()

    async def timed(number: int) -> None:
        await wait(number)
        ends[number] = time.monotonic()

    tasks = [asyncio.create_task(timed(number)) for number in range(options.triggers)]
    await asyncio.sleep(2 * options.interval)  # all have looked, and found their rhythm
    own_bytes = _resident_bytes() - before_bytes - sleepers_bytes
    emulator.requests.clear()
    start, start_cpu = time.monotonic(), time.thread_time()
    await asyncio.sleep(options.intervals * options.interval)
    cpu, requests = time.thread_time() - start_cpu, len(emulator.requests)
    seconds = time.monotonic() - start
    came = await _drop_files(emulator, options)
    await asyncio.gather(*tasks)
    delays = [ends[number] - came[number % options.folders] for number in ends]
    return {
        "requests_a_minute": requests / seconds * 60,
        "a_folder_and_interval": requests / options.folders / options.intervals,
        "cpu": cpu / seconds,
        "kib_each": own_bytes / options.triggers / 1024,
        "delay_seconds": statistics.median(delays),
        "slowest_seconds": max(delays),
    }


async def _bytes_of_sleepers(options: argparse.Namespace) -> int:
    before_bytes = _resident_bytes()
    tasks = [asyncio.create_task(asyncio.sleep(3600)) for _ in range(options.triggers)]
    await asyncio.sleep(0)
    taken_bytes = _resident_bytes() - before_bytes
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return taken_bytes


async def _drop_files(emulator: Emulator, options: argparse.Namespace) -> dict[int, float]:
    """Let a file come into each folder, spread over an interval; return when."""
    came = {}
    for number in range(options.folders):
        emulator.drive().put(f"{number}/a.csv", b"1")
        came[number] = time.monotonic()
        await asyncio.sleep(options.interval / options.folders)
    return came


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    logging.disable()
    main()
