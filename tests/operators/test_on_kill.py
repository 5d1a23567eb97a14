"""Killing a task stops its client at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from patience import HANG_SECONDS

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.errors.problems import Problem
from airflow_provider_onedrive.emulator.faults import Fault
from airflow_provider_onedrive.graph.protocol.errors import Stopped
from airflow_provider_onedrive.operators.onedrive import OneDriveListOperator
from airflow_provider_onedrive.sensors.onedrive import OneDriveFileSensor

PAUSE_SECONDS = 290  # a longer one is not waited for


@dataclass(frozen=True)
class Busy(Fault):
    """Ask for two minutes, and say that it was asked."""

    met: threading.Event = field(default_factory=threading.Event)

    def before(self, request: Any, context: Any) -> None:
        del request, context
        self.met.set()
        raise Problem(429, "activityLimitReached", "Busy", headers={"Retry-After": str(PAUSE_SECONDS)})


@pytest.mark.parametrize("kind", [OneDriveListOperator, OneDriveFileSensor])
def test_on_kill_ends_every_wait(
    onedrive_emulator: Emulator, task_context: Callable[..., Any], kind: Callable[..., Any]
) -> None:
    """A task that waits for a busy Graph ends when it is killed, and sends nothing more."""
    busy = Busy()
    onedrive_emulator.faults.add(origin="graph", times=None, do=busy)
    task = kind(task_id="task", location="myfiles/")
    killer = threading.Thread(target=lambda: busy.met.wait(HANG_SECONDS) and task.on_kill())
    killer.start()
    started = time.monotonic()
    with pytest.raises(Stopped):
        task.execute(task_context())
    assert time.monotonic() - started < PAUSE_SECONDS, "the pause was not waited for"
    killer.join()
    assert len(onedrive_emulator.requests.matching(origin="graph")) == 1


@pytest.mark.parametrize("kind", [OneDriveListOperator, OneDriveFileSensor])
def test_on_kill_of_a_task_that_holds_no_client(kind: Callable[..., Any]) -> None:
    """A task that is killed before or after its work has nothing to stop."""
    kind(task_id="task", location="myfiles/").on_kill()
