"""What the operator adds to the client: the same small file by both, the operator in Airflow's own task runner.

It reads its work as JSON and prints the seconds of each way: a task that does nothing, a task that saves, and the
client alone, made anew as the operator makes it.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LOCATION, CONTENT = "myfiles/one.bin", "x" * 10_240


def main() -> None:
    work = json.loads(sys.stdin.read())
    sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests/support")]
    import airflow_support as support  # noqa: PLC0415 - it makes Airflow's environment, and has the task runner that the tests use

    os.environ.update(work["facts"]["environment"])
    logging.disable()
    print(json.dumps(_poke(support) if work["do"] == "poke" else _seconds(support, work)))


def _seconds(support: Any, work: dict[str, Any]) -> dict[str, list[float]]:
    from airflow.sdk import BaseOperator  # noqa: PLC0415 - the environment comes first
    from ours import connect  # noqa: PLC0415 - as above

    from airflow_provider_onedrive.operators.onedrive import OneDriveSaveOperator  # noqa: PLC0415 - as above

    class Nothing(BaseOperator):
        def execute(self, context: Any) -> None:
            pass

    def saved() -> None:
        with connect(work["facts"]) as client:
            client.save(LOCATION, content=CONTENT.encode())

    ways = {
        "nothing": lambda: _ran(support, Nothing(task_id="nothing")),
        "operator": lambda: _ran(support, OneDriveSaveOperator(task_id="save", location=LOCATION, content=CONTENT)),
        "client": saved,
    }
    for way in ways.values():  # what is loaded once is no cost of one task
        way()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(work["runs"]):
        for name, way in ways.items():
            taken[name].append(_timed(way))
    return taken


def _poke(support: Any) -> str:
    from airflow_provider_onedrive.sensors.onedrive import OneDriveFileSensor  # noqa: PLC0415 - as above

    sensor = OneDriveFileSensor(task_id="wait", location="myfiles/many0000/file 000000.bin", timeout=60)
    _ran(support, sensor)
    return "success"


def _ran(support: Any, task: Any) -> None:
    end = support.run_one_task(task)
    if end.state != "success":
        raise RuntimeError(f"{end.state}: {end.error}")


def _timed(way: Callable[[], None]) -> float:
    began = time.perf_counter()
    way()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
