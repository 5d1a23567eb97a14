"""Marks of tries in the task runner, and in files: who has lost the work sends nothing more."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from patience import HANG_SECONDS

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.graph.protocol.errors import OwnerUnknown, TakenOver
from airflow_provider_onedrive.operators.onedrive import OneDriveDeleteOperator, OneDriveSaveOperator
from airflow_provider_onedrive.state import ownership
from airflow_provider_onedrive.state.ownership import FileMarks, Ownership, ownership_of

FRAGMENT = 10 * 327_680
RunTask = Callable[..., Any]


def save(**more: Any) -> OneDriveSaveOperator:
    return OneDriveSaveOperator(task_id="task", location="myfiles/a.csv", retries=3, **{"content": "1", **more})


def asked_of_store(paths: list[str]) -> Callable[[httpx.Request], None]:
    """Note what the state store is asked for."""

    def note(request: httpx.Request) -> None:
        if "/store/ti/" in request.url.path:
            paths.append(f"{request.method} {request.url.path.rpartition('/')[2]}")

    return note


@pytest.mark.airflow3
def test_try_whose_successor_has_begun_sends_nothing(onedrive_emulator: Emulator, run_task: RunTask) -> None:
    """It ends as taken over, and may be retried: on Airflow 2 a final end would end the other try too."""
    end = run_task(save(), store={"onedrive_try_2": 2})
    assert (end.state, type(end.error)) == ("up_for_retry", TakenOver)
    assert onedrive_emulator.drive().paths() == []


@pytest.mark.airflow3
def test_later_try_marks_all_before_it(onedrive_emulator: Emulator, run_task: RunTask) -> None:
    """The second may have died before it left a mark of its own."""
    store: dict[str, Any] = {}
    assert run_task(save(), try_number=3, max_tries=3, store=store).state == "success"
    assert store == {"onedrive_try_2": 2, "onedrive_try_3": 3}
    for number in (1, 2):
        end = run_task(save(content="other"), try_number=number, max_tries=3, store=store)
        assert (end.state, type(end.error)) == ("up_for_retry", TakenOver)
    assert onedrive_emulator.drive().version_count("a.csv") == 1


@pytest.mark.airflow3
@pytest.mark.parametrize("size", [1, 4 * FRAGMENT])
def test_store_is_asked_once_for_each_step(onedrive_emulator: Emulator, run_task: RunTask, size: int) -> None:
    """Once before a file is put, twice for a session, whatever number of fragments it has."""
    paths: list[str] = []
    content = hashlib.shake_128(b"x").digest(size)
    task = save(content=content, fragment_bytes=FRAGMENT)
    assert run_task(task, max_tries=0, answer=asked_of_store(paths)).state == "success"
    assert paths == (["GET onedrive_try_2"] if size == 1 else ["GET onedrive_upload", *["GET onedrive_try_2"] * 2])
    assert onedrive_emulator.drive().read("a.csv") == content


class Marks:
    """Fails so often."""

    def __init__(self, error: Exception, failures: int) -> None:
        self.error = error
        self.failures = failures
        self.asked = 0

    def add(self, number: int) -> None:
        self.has(number)

    def has(self, number: int) -> bool:
        del number
        self.asked += 1
        if self.asked <= self.failures:
            raise self.error
        return False


@pytest.mark.parametrize("act", ["check", "claim"])
def test_store_that_does_not_answer_ends_a_try(monkeypatch: pytest.MonkeyPatch, act: str) -> None:
    """It is asked for half a minute; nobody knows then who does the work, so nothing is sent."""
    monkeypatch.setattr(ownership, "_PAUSES_SECONDS", (0.0, 0.0))
    for failures in (2, 3):
        marks = Marks(OSError("no room"), failures)
        tried = Ownership(marks, 2)
        work = tried.claim if act == "claim" else partial(tried.check, lambda _seconds: None)
        if failures == 2:
            work()
        else:
            with pytest.raises(OwnerUnknown, match="no room"):
                work()
            assert not tried.is_lost()


def test_threads_that_come_at_once_share_a_look() -> None:
    """Sixteen files at once ask the store twice: a look counts only if it began after they came."""
    reading, go_on = threading.Event(), threading.Event()

    class Slow(Marks):
        def has(self, number: int) -> bool:
            reading.set()
            assert go_on.wait(HANG_SECONDS)
            return super().has(number)

    marks = Slow(OSError(), 0)
    tried = Ownership(marks, 1)
    with ThreadPoolExecutor(16) as pool:
        first = pool.submit(tried.check, time.sleep)
        assert reading.wait(HANG_SECONDS)
        others = [pool.submit(tried.check, time.sleep) for _ in range(15)]
        while next(copy(tried._ticks)) < 17:  # all have come
            threading.Event().wait(0.001)
        go_on.set()
        for each in (first, *others):
            each.result()
    assert marks.asked == 2


@pytest.mark.airflow3
def test_batch_of_deletions_stops_at_the_next(onedrive_emulator: Emulator, run_task: RunTask) -> None:
    """What is left is the other try's."""
    drive, store = onedrive_emulator.drive(), dict[str, Any]()
    drive.put_all(dict.fromkeys((f"in/{number}.csv" for number in range(45)), b"1"))
    reads: list[str] = []

    def taken_meanwhile(request: httpx.Request) -> None:
        if request.method == "GET" and request.url.path.endswith("onedrive_try_2"):
            reads.append("")
            if len(reads) == 2:
                store["onedrive_try_2"] = 2

    task = OneDriveDeleteOperator(task_id="task", location="myfiles/in/*.csv", retries=1)
    end = run_task(task, store=store, answer=taken_meanwhile)
    assert (end.state, type(end.error)) == ("up_for_retry", TakenOver)
    assert len(drive.read_all()) >= 5


def attempt(number: int) -> dict[str, Any]:
    return {"ti": SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1, try_number=number, max_tries=3)}


def test_marks_in_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before Airflow 3.3 they lie beside the sessions; each task instance has its own."""
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__RESUME_DIRECTORY", str(tmp_path / "kept"))
    first, second = ownership_of(attempt(1)), ownership_of(attempt(2))
    first.claim()
    first.check(time.sleep)
    second.claim()
    second.check(time.sleep)
    with pytest.raises(TakenOver, match="Try 2 of this task has taken the work from try 1"):
        first.check(time.sleep)
    other = attempt(1)
    other["ti"].map_index = 7
    ownership_of(other).check(time.sleep)


def test_old_marks_are_removed(tmp_path: Path) -> None:
    """They stay as long as an orphan may, not for ever."""
    marks, old = FileMarks(tmp_path, "a"), FileMarks(tmp_path, "b")
    old.add(2)
    month_ago = time.time() - 31 * 24 * 3600
    os.utime(tmp_path / "b.try2", (month_ago, month_ago))
    marks.add(2)
    assert (marks.has(2), old.has(2)) == (True, False)


def test_without_a_store_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each try takes itself for the owner."""
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__RESUME_DIRECTORY", "")
    alone = ownership_of(attempt(2))
    alone.claim()
    alone.check(time.sleep)
    assert not alone.is_lost()


@pytest.mark.parametrize("error", [EOFError(), BrokenPipeError(), ConnectionResetError()])
def test_process_without_a_supervisor_is_an_orphan(error: Exception) -> None:
    """Its socket to Airflow is closed, so it cannot ask; and another try has begun, or will."""

    with pytest.raises(TakenOver, match="supervisor"):
        Ownership(Marks(error, 9), 1).check(time.sleep)
    assert Ownership(Marks(error, 9), 1).is_lost()
