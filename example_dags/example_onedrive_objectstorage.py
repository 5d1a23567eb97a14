"""Read and write files in OneDrive by paths, as in any other store of Airflow.

The DAG needs the connection ``onedrive_default`` and the extra ``fs``. ``onedrive_default`` stands in front of the
location; without it, the default connection is meant as well.
"""

from __future__ import annotations

import csv
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from airflow.providers.common.compat.sdk import ObjectStoragePath, chain, dag, task
from airflow.providers.common.io.operators.file_transfer import FileTransferOperator

# Making a path looks up no connection, so it may stand in a DAG file.
FOLDER = ObjectStoragePath("onedrive://onedrive_default@myfiles/Airflow object storage")
COPY = Path(tempfile.gettempdir(), "example_onedrive_objectstorage.csv")


@task
def write() -> None:
    """Write a file; it appears when its block ends, and not at all if the block raises."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "amounts.csv").open("w") as file:
        rows = csv.writer(file)
        rows.writerow(("name", "amount"))
        rows.writerows((("a", 1.5), ("b", 2.5)))


@task
def archive() -> list[str]:
    """Copy the file on the server, rename the copy, and list the folder."""
    (FOLDER / "amounts.csv").copy(FOLDER / "copy.csv")
    (FOLDER / "copy.csv").rename(FOLDER / "archive" / "amounts 2026 #1.csv")
    return sorted(path.name for path in FOLDER.rglob("*.csv"))


@task
def add_up() -> float:
    """Add up the amounts in the local copy."""
    with COPY.open(newline="") as file:
        return sum(float(row["amount"]) for row in csv.DictReader(file))


@dag(schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False, tags=["example", "onedrive"])
def example_onedrive_objectstorage() -> None:
    fetch = FileTransferOperator(task_id="fetch", src=str(FOLDER / "amounts.csv"), dst=f"file://{COPY}", overwrite=True)
    chain(write(), [archive(), fetch], add_up())


example_onedrive_objectstorage()
