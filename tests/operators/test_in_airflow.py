"""The operators where they belong: in Airflow's own task runner, and in a whole DAG run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import status
from airflow_provider_onedrive.operators.onedrive import (
    OneDriveDeleteOperator,
    OneDriveDownloadOperator,
    OneDriveListOperator,
    OneDriveSaveOperator,
    OneDriveUpdateOperator,
    OneDriveUploadOperator,
)
from airflow_provider_onedrive.sensors.onedrive import OneDriveFileSensor

RunTask = Callable[..., Any]

OPERATORS: list[tuple[Any, dict[str, Any]]] = [
    (OneDriveUploadOperator, {"local_path": "{{ params.folder }}/local.csv", "location": "myfiles/{{ run_id }}.csv"}),
    (OneDriveUpdateOperator, {"local_path": "{{ params.folder }}/local.csv", "location": "myfiles/there.csv"}),
    (
        OneDriveSaveOperator,
        {"location": "myfiles/", "file_name": "{{ run_id }}.json", "content": {"r": "{{ run_id }}"}},
    ),
    (OneDriveDeleteOperator, {"location": "myfiles/{{ 'there' }}.csv"}),
    (OneDriveListOperator, {"location": "myfiles/", "file_pattern": "*.{{ 'csv' }}"}),
    (OneDriveDownloadOperator, {"location": "myfiles/there.csv", "local_path": "{{ params.folder }}/got.csv"}),
    (OneDriveFileSensor, {"location": "myfiles/{{ 'there' }}.csv"}),
]


@pytest.fixture
def folder(onedrive_emulator: Emulator, tmp_path: Path) -> str:
    (tmp_path / "local.csv").write_bytes(b"local")
    onedrive_emulator.drive().put("there.csv", b"there")
    return str(tmp_path)


@pytest.mark.airflow3
@pytest.mark.parametrize(("operator", "kwargs"), OPERATORS)
def test_every_operator_in_the_task_runner(
    onedrive_emulator: Emulator, run_task: RunTask, folder: str, operator: Any, kwargs: dict[str, Any]
) -> None:
    """Templates are rendered, the task succeeds, the XCom is the plain item dict or list, and no secret leaves."""
    end = run_task(operator(task_id="task", params={"folder": folder}, **kwargs))
    assert (end.state, end.error) == ("success", None)
    items = end.result if isinstance(end.result, list) else [end.result]
    assert {item["drive_id"] for item in items} == {onedrive_emulator.drive().id}
    assert "{{" not in json.dumps(end.rendered)
    assert onedrive_emulator.client_secret not in end.sent


@pytest.mark.airflow3
def test_what_the_task_runner_did(onedrive_emulator: Emulator, run_task: RunTask, folder: str) -> None:
    """The rendered names and contents are what is written, read and deleted."""
    for operator, kwargs in OPERATORS[:3]:
        run_task(operator(task_id="task", params={"folder": folder}, **kwargs))
    drive = onedrive_emulator.drive()
    assert drive.paths() == ["run.csv", "run.json", "there.csv"]
    assert (drive.read("run.csv"), drive.read("there.csv"), drive.read("run.json")) == (
        *(b"local", b"local"),
        b'{"r": "run"}',
    )


@pytest.mark.airflow3
@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (status(403), "failed"),
        (status(429, retry_after=400), "up_for_retry"),
        (status(503, retry_after=400), "up_for_retry"),
    ],
)
def test_retries_only_where_they_can_help(
    onedrive_emulator: Emulator, run_task: RunTask, fault: Any, state: str
) -> None:
    """A refusal fails the task for good; a busy Graph leaves it its retries."""
    onedrive_emulator.faults.add(origin="graph", times=None, do=fault)
    assert run_task(OneDriveListOperator(task_id="task", location="myfiles/", retries=2)).state == state


@pytest.mark.airflow3
def test_a_later_try_in_the_task_runner(onedrive_emulator: Emulator, run_task: RunTask, folder: str) -> None:
    """The runner's try number is what tells a retry from a conflict."""
    kwargs: dict[str, Any] = {"task_id": "task", "local_path": f"{folder}/local.csv", "location": "myfiles/new.csv"}
    assert run_task(OneDriveUploadOperator(**kwargs)).result["outcome"] == "created"
    assert run_task(OneDriveUploadOperator(**kwargs)).state == "failed"
    assert run_task(OneDriveUploadOperator(**kwargs), try_number=2).result["outcome"] == "already_there"


def test_a_whole_dag(onedrive_emulator: Emulator, run_dag: Callable[[Any], Any], folder: str) -> None:
    """Create, wait, list, download each by mapping, and delete, in one DAG run on every version of Airflow."""
    with DAG("whole", schedule=None) as dag:
        upload = OneDriveUploadOperator(
            task_id="upload",
            local_path=f"{folder}/local.csv",
            location="myfiles/in/b.csv",
            create_folders=True,
        )
        wait = OneDriveFileSensor(task_id="wait", location="myfiles/in/", file_pattern="*.csv", deferrable=True)
        listing = OneDriveListOperator(task_id="list", location="myfiles/in/")
        download = OneDriveDownloadOperator.partial(task_id="download", local_path=f"{folder}/got/").expand(
            location=listing.output
        )
        delete = OneDriveDeleteOperator.partial(task_id="delete").expand(location=listing.output)
        upload >> wait >> listing
        download >> delete
    onedrive_emulator.drive().put("in/a.csv", b"a")
    dag_run = run_dag(dag)
    states = {(instance.task_id, str(instance.state)) for instance in dag_run.get_task_instances()}
    assert states == {(name, "success") for name in ("upload", "wait", "list", "download", "delete")}
    assert {path.name: path.read_bytes() for path in Path(folder, "got").iterdir()} == {
        "a.csv": b"a",
        "b.csv": b"local",
    }
    assert onedrive_emulator.drive().paths() == ["in/", "there.csv"]
