"""pytest fixture ``onedrive_emulator``: a local OneDrive, empty at the start of a test, with Airflow pointed at it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airflow_provider_onedrive.emulator.emulator import Emulator


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "onedrive_faults(script): what onedrive_emulator is to do wrong in this test, as Faults.load takes it",
    )


@pytest.fixture(scope="session")
def onedrive_emulator_server() -> Iterator[Emulator]:
    """One server for the whole run; under xdist one for each worker."""
    from airflow_provider_onedrive.emulator.emulator import Emulator  # noqa: PLC0415 - pytest loads this file always

    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def onedrive_emulator(
    onedrive_emulator_server: Emulator, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Emulator:
    """Return a strict emulator with a fresh tenant; ``onedrive_default`` is its connection.

    ``@pytest.mark.onedrive_faults([{"operation": "fragment", "do": {"status": 503}}])`` lets things go wrong.
    """
    onedrive_emulator_server.reset()
    for mark in reversed(list(request.node.iter_markers("onedrive_faults"))):
        onedrive_emulator_server.faults.load(*mark.args)
    for name, value in onedrive_emulator_server.environment.items():
        monkeypatch.setenv(name, value)
    return onedrive_emulator_server
