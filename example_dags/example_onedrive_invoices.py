"""Invoices in OneDrive, end to end: create, update, save, wait, list, download, add up, delete.

It leaves one small file, ``myfiles/Airflow example/<run>/summary.json``; everything else goes to the recycle bin. The
DAG needs only the connection ``onedrive_default``: it makes its folders.

Tasks pass local files to each other here (``workspace``), so all of them must run on one worker, or on workers that
share the disk of the temporary folder. ``in_one_task`` works on any worker: it reads and writes in one task.
"""

from __future__ import annotations

import csv
import shutil
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import dag, task

from airflow_provider_onedrive.hooks.onedrive import OneDriveHook
from airflow_provider_onedrive.operators.onedrive import (
    OneDriveDeleteOperator,
    OneDriveDownloadOperator,
    OneDriveListOperator,
    OneDriveSaveOperator,
    OneDriveUpdateOperator,
    OneDriveUploadOperator,
)
from airflow_provider_onedrive.sensors.onedrive import OneDriveFileSensor

# One folder per run. OneDrive allows no ":" in names, and run ids have some.
FOLDER = "myfiles/Airflow example/{{ run_id | replace(':', '-') }}"
INCOMING = FOLDER + "/Incoming"
FROM_COLLEAGUE = INCOMING + "/Müller & Söhne, 100% #1+.csv"


def write_csv(path: Path, amounts: dict[str, float]) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("position", "amount"), *amounts.items()])
    return str(path)


@task
def make_workspace() -> str:
    return tempfile.mkdtemp(prefix="invoices-") + "/"


@task
def write_invoice(workspace: str) -> str:
    return write_csv(Path(workspace, "O'Brien Q1.csv"), {"Consulting": 1200.0, "Travel": 80.5})


@task
def correct_invoice(workspace: str) -> str:
    return write_csv(Path(workspace, "corrected.csv"), {"Consulting": 1200.0, "Travel": 95.0})


@task
def colleague_works(params: dict[str, Any] | None = None) -> None:
    """Take as long as a colleague who puts a file into the same folder."""
    time.sleep((params or {})["colleague_seconds"])


@task
def add_up(downloads: list[dict[str, Any]]) -> float:
    """Return the sum of all amounts. The item dict of a download has ``local_path``."""
    total = 0.0
    for item in downloads:
        with Path(item["local_path"]).open(newline="", encoding="utf-8") as file:
            total += sum(float(row["amount"]) for row in csv.DictReader(file))
    return total


@task
def in_one_task(folder: str) -> int:
    """Upload, download and delete a note in one task, through the hook, so that no other task needs its local file."""
    with OneDriveHook().get_conn() as client, tempfile.TemporaryDirectory() as local:
        note = client.save(f"{folder}/note.txt", content=b"made, read and deleted in one task\n")
        text = Path(client.download(note.location, f"{local}/").local_path or "").read_text()
        client.delete(note.location)
    return len(text)


@task
def remove_workspace(workspace: str) -> None:
    shutil.rmtree(workspace, ignore_errors=True)


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    params={"colleague_seconds": 5},
    default_args={"retries": 1, "retry_delay": timedelta(seconds=5)},
    tags=["example", "onedrive"],
    doc_md=__doc__,
)
def example_onedrive_invoices() -> None:
    workspace = make_workspace()

    # create: an existing file of this name would be an error (if_exists="fail")
    create = OneDriveUploadOperator(
        task_id="create",
        local_path=write_invoice(workspace),
        location=INCOMING + "/",
        create_folders=True,
    )

    # update: replaces that file, and only if nobody changed it meanwhile
    corrected = correct_invoice(workspace)
    update = OneDriveUpdateOperator(
        task_id="update",
        local_path=corrected,
        location=create.output,
        expected_etag="{{ ti.xcom_pull(task_ids='create')['etag'] }}",
    )

    # save: create or replace, here content made from a template
    save_summary = OneDriveSaveOperator(
        task_id="save_summary",
        location=FOLDER + "/summary.json",
        content={
            "run": "{{ run_id }}",
            "invoice": "{{ ti.xcom_pull(task_ids='update')['name'] }}",
            "bytes": "{{ ti.xcom_pull(task_ids='update')['size'] }}",
        },
    )

    # the colleague: a branch of its own, which takes as long as a person
    colleague = colleague_works()
    colleague_saves = OneDriveSaveOperator(
        task_id="colleague_saves",
        location=FROM_COLLEAGUE,
        content="position,amount\nScrews,17.25\nNails,2.75\n",
        create_folders=True,
    )

    # wait: polls once, then waits in the triggerer and leaves the worker free
    wait = OneDriveFileSensor(
        task_id="wait_for_colleague",
        location=FROM_COLLEAGUE,
        deferrable=True,
        poke_interval=2,
        timeout=600,
    )

    listing = OneDriveListOperator(task_id="list_incoming", location=INCOMING + "/")
    download = OneDriveDownloadOperator.partial(task_id="download", local_path=workspace).expand(
        location=listing.output
    )
    total = add_up(download.output)

    # teardowns also run after a failure, and the state of the run is that of the tasks before them
    delete = OneDriveDeleteOperator(
        task_id="delete_incoming", location=INCOMING, recursive=True, ignore_if_missing=True
    ).as_teardown(setups=create)
    remove = remove_workspace(workspace).as_teardown(setups=workspace)

    create >> corrected >> update >> save_summary >> wait >> listing
    colleague >> colleague_saves >> delete
    save_summary >> in_one_task(INCOMING) >> listing
    total >> [delete, remove]


example_onedrive_invoices()
