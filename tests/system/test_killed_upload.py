"""In a real Airflow: a worker is killed with -9 in the middle of a gigabyte, and Airflow's own retry goes on."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import Fault
from demo.rest import RestClient
from demo.standalone import Standalone, standalone

# A limit against hanging: the waiting ends earlier where nothing happens any more.
pytestmark = [pytest.mark.airflow3, pytest.mark.timeout(7200)]

SIZE = 1024**3
DAG_FILE = """
from datetime import timedelta
from airflow.sdk import DAG
from airflow_provider_onedrive.operators.onedrive import OneDriveUploadOperator

with DAG("large", schedule=None):
    OneDriveUploadOperator(
        task_id="upload", local_path={path!r}, location="myfiles/large.bin", retries=1, retry_delay=timedelta(seconds=1)
    )
"""


@dataclass(frozen=True)
class HoldAt(Fault):
    """Let the fragment wait that comes once so many bytes are there, until the test goes on."""

    byte: int
    met: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    fragments: list[int] = field(default_factory=list)

    def before(self, request: Any, context: Any) -> None:
        del context
        start, end = request.header("Content-Range").removeprefix("bytes ").partition("/")[0].split("-")
        self.fragments.append(int(end) - int(start) + 1)
        if int(start) >= self.byte and not self.met.is_set():
            self.met.set()
            self.released.wait()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A gigabyte in which no two blocks are alike."""
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        for number in range(SIZE // 1024**2):
            file.write(hashlib.shake_128(number.to_bytes(4, "big")).digest(64) * (1024**2 // 64))
    return path


@pytest.fixture
def airflow(tmp_path: Path, source: Path) -> Iterator[tuple[Emulator, Standalone, RestClient]]:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "large.py").write_text(DAG_FILE.format(path=str(source)))
    with (
        Emulator() as emulator,
        standalone(dags, emulator.environment, [emulator.client_secret]) as running,
        RestClient(running) as rest,
    ):
        rest.prepare("large")
        yield emulator, running, rest


def upload_until_held(running: Standalone, hold: HoldAt) -> None:
    """Wait until the fragment comes that is held; each one before it is progress."""

    def is_held() -> bool:
        running.waiting.see(len(hold.fragments))
        return hold.met.is_set()

    running.waiting.until("Uploading to the held fragment", is_held)


def workers_reading(path: Path) -> list[psutil.Process]:
    """Find the processes that have the file open."""
    return [process for process in psutil.process_iter() if has_open(process, path)]


def has_open(process: psutil.Process, path: Path) -> bool:
    try:
        return any(file.path == str(path) for file in process.open_files())
    except psutil.Error:
        return False


def test_killed_at_sixty_percent(airflow: tuple[Emulator, Standalone, RestClient], source: Path) -> None:
    """The retry resends at most two fragments, and every byte is right."""
    emulator, running, rest = airflow
    hold = HoldAt(SIZE * 6 // 10)
    emulator.faults.add(operation="fragment", times=None, do=hold)
    run_id = rest.trigger("large", {})
    try:
        upload_until_held(running, hold)
        (worker,) = workers_reading(source)
        worker.kill()
        worker.wait()
    finally:
        hold.released.set()
    state = rest.wait_for_run("large", run_id)
    (task,) = rest.tasks("large", run_id)
    log = "\n".join(rest.log(task))
    assert (state, task["try_number"]) == ("success", 2), running.redact(log)
    received = sum(request.received_bytes for request in emulator.requests.matching(operation="fragment"))
    assert received - SIZE <= 2 * max(hold.fragments)
    assert len(emulator.requests.matching(operation="create_session")) == 1
    assert "Going on with an earlier try's upload at byte" in log
    assert "tempauth" not in log
    with source.open("rb") as file:
        wanted = hashlib.file_digest(file, "sha256").hexdigest()
    assert hashlib.sha256(emulator.drive().read("large.bin")).hexdigest() == wanted
    assert emulator.drive().version_count("large.bin") == 1
    print(  # noqa: T201 - the figure
        f"{received - SIZE} bytes were sent again, fragments of {min(hold.fragments)} to {max(hold.fragments)} bytes"
    )
