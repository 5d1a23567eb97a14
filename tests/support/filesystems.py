"""Filesystems of the emulator, made with the fields of its connection: fixtures for the folders that import them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from quick_retries import QUICK

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.filesystem import OneDriveFileSystem

CONSUMER = "carl@outlook.example"


@pytest.fixture
def fields(onedrive_emulator: Emulator) -> dict[str, Any]:
    """The emulator's connection, as storage options."""
    connection = json.loads(onedrive_emulator.connection)
    named = {"client_id": connection["login"], "client_secret": connection["password"]}
    return {**named, **connection["extra"], "trusted_hosts": ["localhost"]}


@pytest.fixture
def make_fs(fields: dict[str, Any]) -> Iterator[Callable[..., OneDriveFileSystem]]:
    """Make filesystems; None takes a field away."""
    made: list[OneDriveFileSystem] = []

    def make(**changes: Any) -> OneDriveFileSystem:
        fs = OneDriveFileSystem(skip_instance_cache=True, **{**fields, **changes})
        fs.client.retry_policy = QUICK
        made.append(fs)
        return fs

    yield make
    for fs in made:
        fs.client.close()


@pytest.fixture
def fs(make_fs: Callable[..., OneDriveFileSystem]) -> OneDriveFileSystem:
    return make_fs()


@pytest.fixture
def forgotten_filesystems() -> Iterator[None]:
    """Airflow and fsspec keep filesystems, and so the client of an earlier test's drive."""
    yield
    for each in OneDriveFileSystem._cache.values():
        if each._client is not None:
            each._client.close()
    OneDriveFileSystem.clear_instance_cache()
    for name in ("airflow.sdk.io.store", "airflow.io.store"):
        if name in sys.modules:
            sys.modules[name]._STORE_CACHE.clear()


@pytest.fixture
def drive(onedrive_emulator: Emulator) -> Any:
    """The drive that ``myfiles`` means."""
    return onedrive_emulator.drive()
