"""Keep a list of all files of a folder, and handle the changes since the last run.

The DAG needs the connection ``onedrive_default``. All runs must be able to read the manifest, a JSON Lines file. Here
it is in the temporary folder of one worker; in production use a shared disk or an object store
(``s3://conn_id@bucket/key``).
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import dag, task

from airflow_provider_onedrive.operators.onedrive import OneDriveFolderSyncOperator

MANIFEST = Path(tempfile.gettempdir(), "example_onedrive_folder_sync.jsonl")


@task
def handle(change: dict[str, Any]) -> str:
    """Handle one change; this example only describes it."""
    return f"{change['change']}: {change['path']}"


@dag(
    schedule=timedelta(minutes=10),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["example", "onedrive"],
)
def example_onedrive_folder_sync() -> None:
    sync = OneDriveFolderSyncOperator(
        task_id="sync", location="myfiles/Reports", manifest=str(MANIFEST), full_every=timedelta(days=1)
    )
    handle.expand(change=sync.output)


example_onedrive_folder_sync()
