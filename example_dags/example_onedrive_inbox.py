"""An inbox: wait for complete files, process each of them, and move it to the folder of processed files.

The DAG needs the connection ``onedrive_default``, and a folder ``myfiles/Inbox`` with CSV files. It waits in the
triggerer until a file has not changed for a minute, and ends when the complete files are processed. The next run takes
later files.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.common.compat.sdk import dag, task

from airflow_provider_onedrive.hooks.onedrive import OneDriveHook
from airflow_provider_onedrive.operators.onedrive import OneDriveMoveOperator
from airflow_provider_onedrive.sensors.onedrive import OneDriveFileSensor


@task(max_active_tis_per_dagrun=4)
def count_lines(file: dict[str, Any]) -> dict[str, Any]:
    """Return the number of lines of a file."""
    # Each task reads its file from OneDrive: a local file of another task may be on another worker.
    with OneDriveHook().get_conn() as client, client.open(file) as content:
        return {"file": file["name"], "region": file["groups"]["region"], "lines": sum(1 for _ in content)}


@task
def report(counts: list[dict[str, Any]]) -> dict[str, int]:
    """Return the number of lines of each region."""
    regions: dict[str, int] = {}
    for count in counts:
        regions[count["region"]] = regions.get(count["region"], 0) + count["lines"]
    return regions


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    params={"stable_seconds": 60},
    tags=["example", "onedrive"],
)
def example_onedrive_inbox() -> None:
    wait = OneDriveFileSensor(
        task_id="wait",
        location="myfiles/Inbox/",
        # The named group comes with each file as file["groups"]["region"].
        regex=r"^(?P<region>\w+)[ _]\d{4}.*\.csv$",
        stable_for=timedelta(seconds=60),
        poke_interval=30,
        timeout=timedelta(hours=12).total_seconds(),
        deferrable=True,
    )
    counts = count_lines.expand(file=wait.output)
    processed = OneDriveMoveOperator.partial(
        task_id="move", destination="myfiles/Inbox/processed/", if_exists="rename", create_folders=True
    ).expand(location=wait.output)
    counts >> processed
    report(counts)


example_onedrive_inbox()
