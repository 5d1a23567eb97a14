"""What a task has moved, in Airflow's metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_onedrive import compat
from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import status
from airflow_provider_onedrive.graph.protocol.errors import Throttled
from airflow_provider_onedrive.operators.onedrive import (
    OneDriveDownloadOperator,
    OneDriveListOperator,
    OneDriveUploadOperator,
)
from airflow_provider_onedrive.sensors.onedrive import OneDriveFileSensor

Context = Callable[..., Any]


class Backend:
    """Takes metrics, as a StatsD server would."""

    def __init__(self) -> None:
        self.counters: dict[str, int] = {}

    def incr(self, stat: str, count: int = 1, **_: Any) -> None:
        if stat.startswith("onedrive."):
            self.counters[stat] = self.counters.get(stat, 0) + count

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


@pytest.fixture
def counters(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """The counters that Airflow itself is given, on either of its lines."""
    backend = Backend()
    try:
        stats: Any = import_module("airflow.sdk.observability.stats")
    except ImportError:  # Airflow 2
        monkeypatch.setattr(import_module("airflow.stats").Stats, "instance", backend)
        yield backend.counters
    else:
        stats.initialize(factory=lambda: backend, export_legacy_names=False)
        yield backend.counters
        logger = import_module("airflow.sdk._shared.observability.metrics.base_stats_logger")
        stats.initialize(factory=logger.NoStatsLogger, export_legacy_names=True)


def asked(emulator: Emulator) -> int:
    return len(emulator.requests) - len(emulator.requests.matching(origin="login"))


def test_bytes_and_requests(
    onedrive_emulator: Emulator, task_context: Context, counters: dict[str, int], tmp_path: Path
) -> None:
    """Each task adds what it sent, fetched and asked; what it did not do is not mentioned."""
    (tmp_path / "a.csv").write_bytes(b"id,total\n1,2\n")
    OneDriveUploadOperator(task_id="up", local_path=f"{tmp_path}/a.csv", location="myfiles/").execute(task_context())
    assert counters == {"onedrive.bytes_sent": 13, "onedrive.requests": asked(onedrive_emulator)}
    down = OneDriveDownloadOperator(task_id="down", location="myfiles/a.csv", local_path=f"{tmp_path}/b.csv")
    down.execute(task_context())
    assert counters == {
        "onedrive.bytes_sent": 13,
        "onedrive.bytes_received": 13,
        "onedrive.requests": asked(onedrive_emulator),
    }


def test_a_task_that_fails(onedrive_emulator: Emulator, task_context: Context, counters: dict[str, int]) -> None:
    """What a failed try asked counts too: Graph counts it as well."""
    onedrive_emulator.faults.add(origin="graph", times=None, do=status(429, retry_after=400))
    with pytest.raises(Throttled):
        OneDriveListOperator(task_id="list", location="myfiles/").execute(task_context())
    assert counters == {"onedrive.requests": 1}


def test_a_pause(onedrive_emulator: Emulator, task_context: Context, counters: dict[str, int]) -> None:
    """The seconds that Graph asked a task to wait."""
    onedrive_emulator.faults.add(origin="graph", times=1, do=status(429, retry_after=1))
    OneDriveListOperator(task_id="list", location="myfiles/").execute(task_context())
    assert counters["onedrive.requests"] == asked(onedrive_emulator)
    assert counters["onedrive.throttled_seconds"] >= 1


def test_what_an_earlier_try_sent(
    onedrive_emulator: Emulator,
    task_context: Context,
    counters: dict[str, int],
    *,
    tmp_path: Path,
    forget_cool_downs: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A retry that goes on says how much it found."""
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__RESUME_DIRECTORY", str(tmp_path / "kept"))
    (tmp_path / "a.bin").write_bytes(bytes(3 * 327_680))
    kwargs: dict[str, Any] = {"local_path": f"{tmp_path}/a.bin", "location": "myfiles/"}
    kwargs |= {"task_id": "up", "single_put_bytes": 0, "fragment_bytes": 327_680, "retries": 1}
    onedrive_emulator.faults.add(operation="fragment", after=2, times=None, do=status(429, retry_after=400))
    with pytest.raises(Throttled):
        OneDriveUploadOperator(**kwargs).execute(task_context(max_tries=1))
    onedrive_emulator.faults.clear()
    forget_cool_downs()
    counters.clear()
    OneDriveUploadOperator(**kwargs).execute(task_context(try_number=2, max_tries=1))
    assert (counters["onedrive.resumed_bytes"], counters["onedrive.bytes_sent"]) == (2 * 327_680, 327_680)


def test_a_sensor(onedrive_emulator: Emulator, task_context: Context, counters: dict[str, int]) -> None:
    """A sensor that looks on the worker counts as well."""
    onedrive_emulator.drive().put("a.csv", b"1")
    OneDriveFileSensor(task_id="wait", location="myfiles/a.csv").execute(task_context())
    assert counters == {"onedrive.requests": 1}


def test_an_airflow_without_metrics(
    onedrive_emulator: Emulator, task_context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Airflow has no such thing any more, nothing is counted and nothing fails."""
    monkeypatch.setattr(compat, "Stats", None)
    assert OneDriveListOperator(task_id="list", location="myfiles/").execute(task_context()) == []
