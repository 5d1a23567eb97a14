"""``@task.onedrive_sensor``, in DAGs that Airflow runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, XComArg, task

from airflow_provider_onedrive.sensors.onedrive import OneDriveSensorError

PAGE = (Path(__file__).parents[2] / "docs" / "waiting-and-watching.md").read_text(encoding="utf-8")
FOLDER: dict[str, Any] = {"location": "myfiles/Inbox/", "poke_interval": 0.01, "timeout": 20}


@pytest.fixture
def inbox(onedrive_emulator: Any) -> Any:
    drive = onedrive_emulator.drive()
    drive.put("Inbox/north_1.csv", b"1")
    return drive


def result(run: Any, task_id: str) -> Any:
    return run.get_task_instance(task_id).xcom_pull(task_ids=task_id)


def test_a_function_that_decides(inbox: Any, run_dag: Any) -> None:
    """It is asked at each look, with what another task returned; the items that will do are the task's result."""
    asked: list[list[str]] = []
    with DAG("decorated", schedule=None) as dag:

        @task
        def regions() -> list[str]:
            return ["north", "south"]

        @task.onedrive_sensor(**FOLDER)
        def all_have_come(files: list[dict[str, Any]], wanted: list[str], *, suffix: str) -> bool:
            asked.append(sorted(file["name"] for file in files))
            inbox.put("Inbox/south_2.csv", b"2")
            return {file["name"].partition("_")[0] for file in files if file["name"].endswith(suffix)} >= set(wanted)

        all_have_come(regions(), suffix="{{ '.csv' }}")
    run = run_dag(dag)
    assert str(run.state) == "success"
    assert asked == [["north_1.csv"], ["north_1.csv", "south_2.csv"]]
    assert sorted(item["name"] for item in result(run, "all_have_come")) == asked[-1]


def test_what_the_page_shows(onedrive_emulator: Any, run_dag: Any) -> None:
    """The page's example, word by word: it waits for both, and one task follows for each item."""
    [example] = re.findall(r"^```python\n(@task\.onedrive_sensor.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    onedrive_emulator.drive().put_all({"Invoices/north_1.csv": b"1", "Invoices/south_2.csv": b"2"})
    with DAG("decorated_on_the_page", schedule=None) as dag:

        @task
        def handle(file: dict[str, Any]) -> str:
            return str(file["name"])

        exec(example, {"task": task, "handle": handle})
    run = run_dag(dag)
    assert str(run.state) == "success"
    assert sorted(item["name"] for item in result(run, "all_have_come")) == ["north_1.csv", "south_2.csv"]
    assert sum(ti.task_id == "handle" and ti.state == "success" for ti in run.get_task_instances()) == 2


def test_it_may_be_used_twice(inbox: Any) -> None:
    """Each use is a task of its own, and the function's name and text are those of the task."""
    with DAG("decorated_twice", schedule=None) as dag:

        @task.onedrive_sensor(**FOLDER)
        def ready(files: list[dict[str, Any]]) -> bool:
            """Say whether they will do."""
            return bool(files)

        first, second = ready(), ready.override(location="myfiles/Outbox/")()
    assert isinstance(first, XComArg)
    assert isinstance(second, XComArg)
    assert sorted(dag.task_ids) == ["ready", "ready__1"]
    assert dag.get_task("ready").doc_md == "Say whether they will do."
    assert dag.get_task("ready__1").location == "myfiles/Outbox/"


def test_it_does_not_defer(inbox: Any, task_context: Any) -> None:
    """The function runs on the worker, so what asks for the triggerer is refused, as with ``check_fn``."""
    with DAG("decorated_deferrable", schedule=None) as dag:

        @task.onedrive_sensor(**FOLDER, deferrable=True)
        def ready(files: list[dict[str, Any]]) -> bool:
            return bool(files)

        ready()
    with pytest.raises(OneDriveSensorError, match="runs on the worker"):
        dag.get_task("ready").execute(task_context())
