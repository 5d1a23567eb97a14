"""Downloads into Airflow's ObjectStoragePath: the paths of tests/graph, behind a connection of Airflow."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from object_store import ObjectStore

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import corrupt_response, cut_response
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.protocol.errors import LocalFileError, VerificationFailed
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook

CONTENT = hashlib.shake_128(b"content").digest(1_000_000)
WHEN = datetime(2024, 2, 29, 12, 30, 15, tzinfo=UTC)


@pytest.fixture
def drive(onedrive_emulator: Emulator) -> Any:
    drive = onedrive_emulator.drive()
    drive.put("a.csv", CONTENT, modified_at=WHEN)
    return drive


@pytest.fixture
def client(drive: Any) -> Iterator[Client]:
    with OneDriveHook().get_conn() as client:
        yield client


@pytest.mark.parametrize(("given", "written"), [("z/c.csv", "z/c.csv"), ("x", "x/a.csv")], ids=["file", "folder"])
def test_download_to_file_url_writes_a_local_file(client: Client, tmp_path: Path, given: str, written: str) -> None:
    """``file://`` is the local disk, with its times and names."""
    (tmp_path / "x").mkdir()
    item = client.download("myfiles/a.csv", ObjectStoragePath(f"file://{tmp_path}/{given}"))
    assert item.local_path == f"{tmp_path}/{written}"
    assert (tmp_path / written).read_bytes() == CONTENT
    assert (tmp_path / written).stat().st_mtime == WHEN.timestamp()


def test_download_to_object_appears_whole(client: Client, onedrive_emulator: Emulator, s3: ObjectStore) -> None:
    """A broken download is resumed, and the object's text keeps the connection's name."""
    onedrive_emulator.faults.add(operation="download", do=cut_response(600_000))
    item = client.download("myfiles/a.csv", ObjectStoragePath(s3.url("x/a.csv")))
    assert (item.local_path, s3.objects()) == (s3.url("x/a.csv"), {"x/a.csv": CONTENT})


def test_failed_download_keeps_the_old_object(client: Client, onedrive_emulator: Emulator, s3: ObjectStore) -> None:
    """Neither the object nor an unfinished upload of it changes in the store."""
    onedrive_emulator.faults.add(operation="download", times=None, do=corrupt_response(5))
    with pytest.raises(VerificationFailed):
        client.download("myfiles/a.csv", ObjectStoragePath(s3.put("x/a.csv", b"old")))
    assert (s3.objects(), s3.unfinished()) == ({"x/a.csv": b"old"}, [])


@pytest.mark.usefixtures("s3")
def test_download_to_missing_bucket_names_the_object(client: Client) -> None:
    """The error has the text that the user wrote."""
    path = ObjectStoragePath("s3://s3_test@nobody/a.csv")
    with pytest.raises(LocalFileError, match=r"s3://s3_test@nobody/a\.csv cannot be written: .*bucket"):
        client.download("myfiles/a.csv", path)
