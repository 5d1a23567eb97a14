"""Start a DAG when files of a folder are created, updated or deleted.

The DAG needs the connection ``onedrive_default`` and Airflow 3. The triggerer polls for changes, and the first ones
start a run; the next run gets the changes that happen meanwhile.
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
    """Return the changes of all events that started the run."""
    parts = [event.extra["payload"]["changes"] for event in triggering_asset_events[INBOX]]
    # An event may be delivered twice, if a process was killed; its changes have the same ids then.
    return list({change["change_id"]: change for part in parts for change in part}.values())


@task
def handle(change: dict[str, Any]) -> str:
    """Handle one change; this example only describes it."""
    return f"{change['change']}: {change['path']}"


@dag(
    schedule=[INBOX],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["example", "onedrive"],
)
def example_onedrive_watcher() -> None:
    handle.expand(change=changes())


example_onedrive_watcher()
