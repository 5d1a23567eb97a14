"""An inbox: wait for files that are complete, work each of them off, and move it to where the processed ones are.

The DAG needs the connection ``onedrive_default``, and a folder ``myfiles/Inbox`` into which somebody puts CSV files. It
waits in the triggerer for a minute in which a file did not change, and ends when those files are worked off; what comes
later is for the next run.
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
    """Read a file where it is needed: local files do not travel between workers."""
    with OneDriveHook().get_conn() as client, client.open(file) as content:
        return {"file": file["name"], "region": file["groups"]["region"], "lines": sum(1 for _ in content)}


@task
def report(counts: list[dict[str, Any]]) -> dict[str, int]:
    """Add up by region, which the name of each file says."""
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
