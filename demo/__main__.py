"""Run the example DAG in a real Airflow against the local OneDrive and say what happened.

Ends with 0 when everything succeeded. Ctrl-C, an end from outside and a failure leave no process and no folder behind.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from airflow_provider_onedrive.emulator import Emulator
from demo import company, report
from demo.rest import RestClient
from demo.standalone import USER, Standalone, standalone

DAGS = Path(__file__).parent.parent / "example_dags"
DAG_ID = "example_onedrive_invoices"
# Long enough for the sensor to be there first and to wait in the triggerer.
COLLEAGUE_SECONDS = 15
START_SECONDS = 180
RUN_SECONDS = 300


class DemoError(Exception):
    """Something did not go as it should; the text says what."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--ui", action="store_true", help="stay up afterwards and print the address of the web page")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin with it ignored
    started = time.monotonic()
    try:
        run(keep=options.ui)
    except DemoError as failure:
        print(f"\nFAILED: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 0 if options.ui else 130
    finally:
        print(f"{time.monotonic() - started:.0f} seconds in all")
    return 0


def end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def run(*, keep: bool) -> None:
    with Emulator() as emulator:
        drive = emulator.drive()
        company.seed(drive)
        before = report.drive_paths(drive)
        say(f"OneDrive emulator on {emulator.graph_url}. The drive before:\n{report.drive_table(before)}")
        say("Starting Airflow ...")
        with (
            standalone(DAGS, emulator.environment, [emulator.client_secret]) as airflow,
            RestClient(airflow.url) as rest,
        ):
            failed = run_dag(airflow, rest)
            say(f"The drive after:\n{report.drive_table(report.drive_paths(drive), before)}")
            if keep:
                stay(airflow)
    if failed:
        raise DemoError(", ".join(failed))


def run_dag(airflow: Standalone, rest: RestClient) -> list[str]:
    """Start the DAG, wait for its end and print its tasks; what failed is returned."""
    wait_for(airflow, START_SECONDS, "Airflow to be healthy", rest.is_healthy)
    rest.log_in(USER, airflow.password)
    wait_for(airflow, START_SECONDS, f"the DAG {DAG_ID}", lambda: is_parsed(rest))
    rest.unpause(DAG_ID)
    run_id = rest.trigger(DAG_ID, {"colleague_seconds": COLLEAGUE_SECONDS})
    say(f"Running {DAG_ID} ...")
    deferred: set[str] = set()
    wait_for(airflow, RUN_SECONDS, "the DAG run to end", lambda: is_over(rest, run_id, deferred))
    tasks = rest.tasks(DAG_ID, run_id)
    say(f"{DAG_ID}: {rest.run_state(DAG_ID, run_id)}\n{report.task_table(tasks, deferred)}")
    for task in tasks:
        if task["state"] == "failed":
            print_log(airflow, rest, task)
    return failures(rest.run_state(DAG_ID, run_id), tasks)


def failures(run_state: str, tasks: list[dict[str, Any]]) -> list[str]:
    """Say what went wrong, and leave out the tasks that only wait on those."""
    named = [f"{task['task_id']}: {task['state']}" for task in tasks if task["state"] != "success"]
    causes = [name for name in named if not name.endswith("upstream_failed")]
    return causes or named or ([] if run_state == "success" else [f"the run: {run_state}"])


def is_parsed(rest: RestClient) -> bool:
    for error in rest.import_errors():
        raise DemoError(f"Airflow could not read the DAG:\n{error}")
    return rest.has_dag(DAG_ID)


def is_over(rest: RestClient, run_id: str, deferred: set[str]) -> bool:
    deferred.update(task["task_id"] for task in rest.tasks(DAG_ID, run_id) if task["state"] == "deferred")
    return rest.run_state(DAG_ID, run_id) in ("success", "failed")


def print_log(airflow: Standalone, rest: RestClient, task: dict[str, Any]) -> None:
    lines = "\n".join(rest.log(task)[-30:])
    print(f"\nThe end of the log of {task['task_id']}:\n{airflow.redact(lines)}")


def wait_for(airflow: Standalone, limit_seconds: float, what: str, is_done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + limit_seconds
    while not is_done():
        if not airflow.is_running():
            raise DemoError(f"Airflow ended while waiting for {what}. Its last words:\n{airflow.output(40)}")
        if time.monotonic() > deadline:
            raise DemoError(f"{what} took more than {limit_seconds} s. Airflow's last words:\n{airflow.output(40)}")
        time.sleep(0.5)


def stay(airflow: Standalone) -> None:
    say(f"Airflow is open: {airflow.url}   user {USER}   password {airflow.password}\nCtrl-C ends it.")
    while airflow.is_running():
        time.sleep(0.5)


def say(text: str) -> None:
    print(f"\n{text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
