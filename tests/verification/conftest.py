"""Comparisons of an emulator with the local OneDrive: the first plays the real drive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from verifying import PATIENCE, connections_of, settings_of

from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.verification.comparison import Comparison
from airflow_provider_onedrive.verification.run import target_of
from airflow_provider_onedrive.verification.table import CASES


@pytest.fixture
def compare(onedrive_emulator: Any) -> Iterator[Callable[..., Comparison]]:
    """Make a comparison of some cases, or of all, with the drive of ``myfiles``."""
    clients: list[Client] = []

    def make(
        *names: str, location: str = "myfiles/", needs: frozenset[str] = frozenset(), **changes: Any
    ) -> Comparison:
        cases = [each for each in CASES if each.name in names or not names]
        assert len(cases) == (len(names) or len(CASES))
        connections = connections_of(settings_of(onedrive_emulator, **changes))
        clients.append(connections.client)
        return Comparison(connections, target_of(connections.client, location), cases, needs=needs, patience=PATIENCE)

    yield make
    for client in clients:
        client.close()
