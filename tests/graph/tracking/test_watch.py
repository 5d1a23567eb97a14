"""A watched folder, polled with a client of the local OneDrive; the triggers' tests have the rest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_onedrive.emulator.faults import status
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.flows.delta import Round
from airflow_provider_onedrive.graph.tracking.watch import FolderSnapshot, Watch

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Poll = Callable[..., tuple[FolderSnapshot, list[str]]]


@pytest.fixture
def poll(client: Client) -> Poll:
    def run(snapshot: FolderSnapshot | None = None, events: Round | None = None) -> tuple[FolderSnapshot, list[str]]:
        flow = Watch("myfiles/in", "emit_existing").poll(client, snapshot, events, NOW)
        snapshot, changes = client.run(flow)
        return snapshot, sorted(f"{kind} {item.path}" for kind, item in changes.items())

    return run


@pytest.mark.parametrize("times", [1, 2])
def test_folder_that_the_first_poll_does_not_see_is_not_new(
    client: Client, drive: Any, faults: Any, times: int
) -> None:
    """Else the second poll would report all that has been there all the time as created."""
    drive.put("in/a.csv", b"1")
    faults.add(operation="get", times=times, do=status(404))
    watch = Watch("myfiles/in", "ignore")
    snapshot, _ = client.run(watch.poll(client, None, None, NOW))
    assert snapshot.folder is not None
    _, changes = client.run(watch.poll(client, snapshot, None, NOW))
    assert list(changes.items()) == []


def test_folder_that_vanishes_for_a_moment_is_not_reported_as_deleted(
    client: Client, drive: Any, faults: Any, poll: Poll
) -> None:
    """Its items stay in the snapshot, whose cursor is None: the next poll lists everything."""
    drive.put_all({"in/a.csv": b"1", "in/sub/b.csv": b"2", "in/sub/deep/c.csv": b"3"})
    snapshot, _ = poll()
    faults.add(path=client.stat("myfiles/in/sub").id, times=6, do=status(404))
    drive.delete("in/a.csv")
    snapshot, changes = poll(snapshot)
    assert changes == ["deleted in/a.csv"]
    assert (snapshot.cursor, len(snapshot.items)) == (None, 4)
    snapshot, changes = poll(snapshot)
    assert changes == []
    assert snapshot.cursor is not None
