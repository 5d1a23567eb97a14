"""What the fault tests share: a scene with clients whose retries do not wait."""

from __future__ import annotations

import json
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fault_scenarios import Scenario
from fault_scene import Scene
from quick_retries import QUICK

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.config.settings import Settings

EVERY_STEP = {
    *("upload_small_fail_free", "upload_large_fail_free", "upload_resumed", "update_large_etag", "download_large"),
    *("download_resumed", "create_folder", "delete_file", "delete_matching", "walk"),
    *("move", "copy", "upload_tree_mirror", "download_tree_move", "sync_second"),
}
"""One operation of each kind: the sample has every fault at every step of it, but of those that are alike some."""
ALIKE = 5
"""Of the faults that are alike, the sample has one in so many."""
KILLS = 4
"""Of the steps at which a worker is killed, the sample has one in so many."""
OTHERS = 16
"""Of the scenarios of the other operations, the sample has one in so many."""


@pytest.hookimpl(tryfirst=True)  # the marker decides what is selected
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Choose the sample by the tests' names, so that it is the same in every run and on every machine."""
    meetings = dict[object, list[pytest.Item]]()
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        if "step" in parameters and "task" in parameters:
            meetings.setdefault((parameters["task"].name, "is_late" in parameters), []).append(item)
        elif "step" in parameters and _number(item) % KILLS:
            item.add_marker(pytest.mark.full)
        if "scenario" in parameters and _number(item) % _one_in(parameters["scenario"]):
            item.add_marker(pytest.mark.full)
    # For each task two steps at which tries meet: one where the second ends, and one where it is killed.
    for same in meetings.values():
        for item in sorted(same, key=_number)[1:]:
            item.add_marker(pytest.mark.full)


def _number(item: pytest.Item) -> int:
    return zlib.crc32(item.name.encode())


def _one_in(scenario: Scenario) -> int:
    """Return the share of such scenarios that the sample has."""
    if scenario.operation.name not in EVERY_STEP:
        return OTHERS
    is_one = len(scenario.meets) == 1
    return ALIKE if is_one and scenario.meets[0].case.is_alike else 1


@pytest.fixture
def secrets(onedrive_emulator: Emulator) -> list[str]:
    """What must not be shown: the client's secret, every token, and what the pre-authorised URLs hold."""
    return [onedrive_emulator.client_secret, "tempauth", "uploadSession?", "download.aspx"]


@pytest.fixture
def connect(onedrive_emulator: Emulator, secrets: list[str]) -> Iterator[Callable[..., Client]]:
    """Make clients of the emulator, as tests/graph does."""
    clients: list[Client] = []
    known = json.loads(onedrive_emulator.connection)
    fields = {"client_id": known["login"], "client_secret": known["password"], **known["extra"]}

    def make(**changes: Any) -> Client:
        settings = Settings.from_fields({**fields, **changes}, trusted_hosts=["localhost"])
        client = Client(settings, on_secret=secrets.append)
        client.retry_policy = QUICK
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def scene(onedrive_emulator: Emulator, connect: Callable[..., Client]) -> Iterator[Scene]:
    """An empty drive, and a folder that is gone after the test: there are thousands of them."""
    with tempfile.TemporaryDirectory(prefix="onedrive_faults_") as folder:
        yield Scene(onedrive_emulator, Path(folder), connect)
