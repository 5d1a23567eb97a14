"""Run the example DAG in a real Airflow against the local OneDrive and show what happened.

Ends with 0 when everything succeeded. Ctrl-C, an end from outside and a failure leave no process and no folder behind.
A failure ends in one sentence, which names the file with Airflow's log.
"""

from __future__ import annotations

import argparse
import errno
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

from airflow_provider_onedrive.emulator import Emulator
from demo import company, report
from demo.progress import Progress
from demo.rest import RestClient
from demo.settings import USER
from demo.standalone import Standalone, standalone
from demo.waiting import DemoError

DAGS = Path(__file__).parent.parent / "example_dags"
DAG_ID = "example_onedrive_invoices"
# Long enough for the sensor to be there first and to wait in the triggerer.
COLLEAGUE_SECONDS = 15
INTERRUPTED = 130
ADVICE = {
    errno.ENOSPC: ": free some space, or let the variable TMPDIR name a folder with more",
    errno.EDQUOT: ": free some space, or let the variable TMPDIR name a folder with more",
    errno.EACCES: ": let the variable TMPDIR name a folder that you may write to",
    errno.EROFS: ": let the variable TMPDIR name a folder that you may write to",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--ui", action="store_true", help="stay up afterwards and print the address of the web page")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin with it ignored
    progress = Progress()
    code = run_or_explain(progress, keep=options.ui)
    progress.print(f"{progress.seconds():.0f} seconds in all")
    return code


def end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


def run_or_explain(progress: Progress, *, keep: bool) -> int:
    """Run the demo and return its exit code; a failure is explained in one sentence."""
    try:
        run(progress, keep=keep)
    except KeyboardInterrupt:
        progress.print("Stopped.")
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the outermost line: whatever it is, one sentence and no traceback
        progress.print(f"FAILED: {sentence(error)}")
        return 1
    return 0


def sentence(error: Exception) -> str:
    """Return the error, and the notes that it got on its way, as one sentence."""
    if isinstance(error, DemoError):
        text = str(error)
    elif isinstance(error, OSError):
        text = f"{error}{ADVICE.get(error.errno or 0, '')}"
    else:
        line = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__} in {line.filename}, line {line.lineno}: {error}"
    return "; ".join([" ".join(text.split()), *getattr(error, "__notes__", [])]) + "."


def run(progress: Progress, *, keep: bool) -> None:
    with Emulator() as emulator:
        drive = emulator.drive()
        company.seed(drive)
        before = report.drive_paths(drive)
        progress.print(f"OneDrive emulator on {emulator.graph_url}. The drive before:\n{report.drive_table(before)}\n")
        with (
            standalone(DAGS, emulator.environment, [emulator.client_secret], progress) as airflow,
            RestClient(airflow) as rest,
        ):
            failed = run_dag(airflow, rest)
            progress.print(f"The drive after:\n{report.drive_table(report.drive_paths(drive), before)}")
            if keep:
                stay(airflow)
            if failed:
                raise DemoError(f"The DAG did not succeed: {', '.join(failed)}")


def run_dag(airflow: Standalone, rest: RestClient) -> list[str]:
    """Start the DAG, wait for its end and print its tasks; return what failed."""
    rest.prepare(DAG_ID)
    run_id = rest.trigger(DAG_ID, {"colleague_seconds": COLLEAGUE_SECONDS})
    state = rest.wait_for_run(DAG_ID, run_id)
    tasks = rest.tasks(DAG_ID, run_id)
    airflow.progress.print(f"{DAG_ID}: {state}\n{report.task_table(tasks, rest.deferred)}")
    for task in tasks:
        if task["state"] == "failed":
            print_log(airflow, rest, task)
    return failures(state, tasks)


def failures(run_state: str, tasks: list[dict[str, Any]]) -> list[str]:
    """Return what went wrong, without the tasks that only wait on those."""
    named = [f"{task['task_id']}: {task['state']}" for task in tasks if task["state"] != "success"]
    causes = [name for name in named if not name.endswith("upstream_failed")]
    return causes or named or ([] if run_state == "success" else [f"the run: {run_state}"])


def print_log(airflow: Standalone, rest: RestClient, task: dict[str, Any]) -> None:
    lines = "\n".join(rest.log(task)[-30:])
    airflow.progress.print(f"The end of the log of {task['task_id']}:\n{airflow.redact(lines)}")


def stay(airflow: Standalone) -> None:
    """Leave Airflow open until Ctrl-C, which is the customary end and no failure."""
    airflow.progress.print(
        f"Airflow is open: {airflow.url}   user {USER}   password {airflow.password}\nCtrl-C ends it."
    )
    try:
        airflow.wait()
    except KeyboardInterrupt:
        airflow.progress.print("Closing Airflow's web page ...")


if __name__ == "__main__":
    sys.exit(main())
