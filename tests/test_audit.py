"""The audit names the task that makes a change, whichever way it got its client."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, task

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.graph.auditing import LOGGER
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook
from airflow_provider_onedrive.operators.onedrive import OneDriveDeleteOperator, OneDriveSaveOperator

Context = Callable[..., Any]


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(record.getMessage()))


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    """What a handler gets that a deployment attaches to the logger."""
    logger, handler = logging.getLogger(LOGGER), _Lines()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler.lines
    logger.removeHandler(handler)
    logger.setLevel(level)


@task
def save_by_hook() -> None:
    with OneDriveHook().get_conn() as client:
        client.save("myfiles/hook.csv", content=b"1")


def test_line_names_the_task_instance(
    onedrive_emulator: Emulator, run_dag: Callable[..., Any], lines: list[dict[str, Any]]
) -> None:
    """DAG, run, task, map index, try and connection: of a mapped operator, and of a hook in a task."""
    with DAG("audited", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        (
            OneDriveSaveOperator.partial(task_id="save", location="myfiles/", content="x").expand(
                file_name=["a.csv", "b.csv"]
            )
            >> save_by_hook()
        )
    run = run_dag(dag)
    assert run.state == "success"
    keys = ("connection", "dag", "run", "task", "map_index", "try", "action", "name", "outcome")
    shared = ("onedrive_default", "audited", run.run_id)
    assert sorted(tuple(line[key] for key in keys) for line in lines) == [
        (*shared, "save", 0, 1, "upload", "a.csv", "done"),
        (*shared, "save", 1, 1, "upload", "b.csv", "done"),
        (*shared, "save_by_hook", -1, 1, "upload", "hook.csv", "done"),
    ]


def test_refused_task_is_named_too(
    onedrive_emulator: Emulator, task_context: Context, lines: list[dict[str, Any]]
) -> None:
    """What a deployment does not allow, what the connection does not, and what Graph does not."""
    delete = OneDriveDeleteOperator(task_id="task", location="myfiles/a.csv", permanent=True)
    with pytest.raises(AirflowFailException):
        delete.execute(task_context(try_number=2))
    with pytest.raises(AirflowFailException):
        OneDriveDeleteOperator(task_id="task", location="myfiles/none").execute(task_context())
    assert [(line["action"], line["outcome"], line["task"], line["try"]) for line in lines] == [
        ("OneDriveDeleteOperator", "refused", "task", 2),
        ("delete", "refused", "task", 1),
    ]


def test_script_names_its_connection(onedrive_emulator: Emulator, lines: list[dict[str, Any]]) -> None:
    """There is no task then."""
    with OneDriveHook().get_conn() as client:
        client.save("myfiles/a.csv", content=b"1")
    [line] = lines
    assert (line["connection"], "dag" in line) == ("onedrive_default", False)
