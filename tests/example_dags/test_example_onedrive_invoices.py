"""The example DAG, run by Airflow against the emulator."""

from __future__ import annotations

import json
import runpy
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from forks_of_airflow import ForksOfAirflow

EXAMPLE = Path(__file__).parents[2] / "example_dags" / "example_onedrive_invoices.py"

# Reads the DAG file in a process that may open no connection.
PARSE = """
import runpy, sys
def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise RuntimeError(f"{event} {arguments} while the DAG was read")
sys.addaudithook(refuse)
runpy.run_path(sys.argv[1])
print(sorted({"msal"} & set(sys.modules)))
"""


@pytest.fixture
def example() -> Any:
    dag = runpy.run_path(str(EXAMPLE))["example_onedrive_invoices"]()
    dag.params["colleague_seconds"] = 0
    dag.get_task("wait_for_colleague").poke_interval = 0.1
    for task in dag.tasks:
        task.retry_delay = timedelta(0)
    return dag


def task_states(run: Any) -> dict[tuple[str, int], str]:
    return {(ti.task_id, ti.map_index): str(ti.state) for ti in run.get_task_instances()}


def test_it_runs(example: Any, run_dag: Any, onedrive_emulator: Any) -> None:
    """Every task succeeds, two files are downloaded and added up as corrected, and only the summary stays."""
    run = run_dag(example)
    states = task_states(run)
    assert set(states.values()) == {"success"}, states
    assert {index for task, index in states if task == "download"} == {0, 1}
    folder = f"Airflow example/{run.run_id.replace(':', '-')}/"
    assert set(onedrive_emulator.drive().paths()) == {"Airflow example/", folder, f"{folder}summary.json"}
    (total,) = (ti for ti in run.get_task_instances() if ti.task_id == "add_up")
    assert total.xcom_pull(task_ids="add_up") == pytest.approx(1200 + 95 + 17.25 + 2.75)
    assert json.loads(onedrive_emulator.drive().read(f"{folder}summary.json")) == {
        "run": run.run_id,
        "invoice": "O'Brien Q1.csv",
        "bytes": str(len("position,amount\r\nConsulting,1200.0\r\nTravel,95.0\r\n")),
    }


def test_it_cleans_up_after_a_failure(example: Any, run_dag: Any, onedrive_emulator: Any) -> None:
    """A task that fails in the middle makes the run fail, and the temporary folder is deleted all the same."""
    example.get_task("list_incoming").kind = "neither"
    run = run_dag(example)
    assert str(run.state) == "failed"
    assert task_states(run)["delete_incoming", -1] == "success"
    assert not [path for path in onedrive_emulator.drive().paths() if "Incoming" in path]


def test_reading_it_warns_of_nothing() -> None:
    """No deprecated import or parameter on either line of Airflow."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        runpy.run_path(str(EXAMPLE))
    assert [str(warning.message) for warning in caught] == []


def test_reading_it_does_no_work(forks_of_airflow: ForksOfAirflow) -> None:
    """The scheduler reads the file again and again: no connection is opened, and msal is not imported."""
    code, output = forks_of_airflow.run(PARSE, EXAMPLE)
    assert (code, output.splitlines()[-1]) == (0, "[]"), output
