"""Start when files come into a folder, are written to or go; nothing runs as long as nothing happens.

The DAG needs the connection ``onedrive_default`` and Airflow 3. The triggerer looks for changes, and a run starts as
soon as there are some; while it goes on, what comes is for the next one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Asset, AssetWatcher, dag, task

from airflow_provider_onedrive.triggers.onedrive import OneDriveChangesTrigger

INBOX = Asset(
    name="example_onedrive_inbox",
    watchers=[
        AssetWatcher(
            name="changes",
            trigger=OneDriveChangesTrigger(location="myfiles/Inbox", file_pattern="*.csv", poke_interval=30),
        )
    ],
)


@task
def changes(triggering_asset_events: Any = None) -> list[dict[str, Any]]:
    """Return what has changed: a run may have been started by several events, and one may come twice."""
    told = [event.extra["payload"]["changes"] for event in triggering_asset_events[INBOX]]
    return list({change["change_id"]: change for part in told for change in part}.values())


@task
def work_off(change: dict[str, Any]) -> str:
    """Do something about each change; here it is only told."""
    return f"{change['change']}: {change['path']}"


@dag(
    schedule=[INBOX],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["example", "onedrive"],
)
def example_onedrive_watcher() -> None:
    work_off.expand(change=changes())


example_onedrive_watcher()
