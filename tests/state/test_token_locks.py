"""The lock of the token cache in the hands of real processes: stopped, forked and waiting ones."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from patience import HANG_SECONDS, MUCH_LONGER_SECONDS

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.errors.problems import Problem
from airflow_provider_onedrive.emulator.faults.fault import Fault
from airflow_provider_onedrive.graph.auth.token_cache import forget_all
from airflow_provider_onedrive.graph.client import AsyncClient, Client
from airflow_provider_onedrive.graph.http.stop_flag import StopFlag
from airflow_provider_onedrive.graph.protocol.errors import Stopped
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook
from airflow_provider_onedrive.state import tokens
from airflow_provider_onedrive.state.tokens import FileTokenStore

HOLDER = """
import fcntl, sys
with open(sys.argv[1], "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIRFLOW__ONEDRIVE__TOKEN_CACHE_FOLDER", str(tmp_path / "tokens"))
    return tmp_path / "tokens"


@pytest.fixture
def hook(folder: Path, onedrive_emulator: Emulator) -> OneDriveHook:
    """A hook whose connection has used the folder before; nothing of that is left in memory, or in a token's file."""
    hook = OneDriveHook()
    with hook.get_conn() as client:
        client.stat("myfiles")
    forget_all()
    for path in folder.iterdir():
        if path.suffix != ".lock":
            path.unlink()
    onedrive_emulator.requests.clear()
    return hook


@pytest.fixture
def stopped_holder(hook: OneDriveHook, folder: Path) -> Iterator[None]:
    """A process that took the lock of the cache and was stopped: by Ctrl-Z, a debugger, or a frozen container."""
    (lock,) = folder.glob("*.lock")
    with holding(lock) as process:
        process.send_signal(signal.SIGSTOP)
        yield


@contextmanager
def holding(lock: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def in_a_thread(act: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Start an action; return its thread, and the list that gets its result or its error."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(act())
        except Stopped as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


def token_requests(emulator: Emulator) -> int:
    return len(emulator.requests.matching(path="/token$"))


@pytest.mark.usefixtures("stopped_holder")
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_stopped_process_delays_no_client_for_ever(
    hook: OneDriveHook, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: type
) -> None:
    """After some seconds a client requests a token without the lock, and stores it for the others."""
    monkeypatch.setattr(tokens, "LOCK_SECONDS", 0.2)

    async def look() -> Any:
        async with await hook.get_async_conn() as client:
            return await client.stat("myfiles")

    if kind is Client:
        with hook.get_conn() as client:
            item = client.stat("myfiles")
    else:
        item = asyncio.run(look())
    assert item.is_root
    assert "going on without the lock" in caplog.text


@pytest.mark.usefixtures("stopped_holder")
def test_stored_token_is_read_without_the_lock(
    hook: OneDriveHook, monkeypatch: pytest.MonkeyPatch, onedrive_emulator: Emulator
) -> None:
    """Only the first of several processes waits for the stopped one."""
    monkeypatch.setattr(tokens, "LOCK_SECONDS", 0.2)
    with hook.get_conn() as client:
        client.stat("myfiles")
    monkeypatch.setattr(tokens, "LOCK_SECONDS", MUCH_LONGER_SECONDS)
    forget_all()  # as another process
    with hook.get_conn() as client:
        client.stat("myfiles")
    assert token_requests(onedrive_emulator) == 1


@pytest.mark.usefixtures("stopped_holder")
def test_token_that_is_stored_meanwhile_ends_the_wait(
    hook: OneDriveHook, folder: Path, monkeypatch: pytest.MonkeyPatch, onedrive_emulator: Emulator
) -> None:
    """A process that waits for the stopped one takes the token that a third one stores."""
    monkeypatch.setattr(tokens, "LOCK_SECONDS", MUCH_LONGER_SECONDS)
    (lock,) = folder.glob("*.lock")
    with hook.get_conn() as client:
        thread, results = in_a_thread(lambda: client.stat("myfiles"))
        text = json.dumps({"access_token": onedrive_emulator.token(), "ends_at": 4e9})
        FileTokenStore(lock.with_suffix("")).write(text)
        thread.join(HANG_SECONDS)
    assert [item.is_root for item in results] == [True]
    assert token_requests(onedrive_emulator) == 0


@pytest.mark.usefixtures("stopped_holder")
def test_stop_ends_the_wait_for_a_stopped_process(hook: OneDriveHook, monkeypatch: pytest.MonkeyPatch) -> None:
    """``on_kill`` of a task and Ctrl-C call it."""
    monkeypatch.setattr(tokens, "LOCK_SECONDS", MUCH_LONGER_SECONDS)
    with hook.get_conn() as client:
        thread, results = in_a_thread(lambda: client.stat("myfiles"))
        client.stop()
        thread.join(HANG_SECONDS)
    assert [type(each) for each in results] == [Stopped]


@pytest.mark.usefixtures("stopped_holder")
def test_a_dozen_triggers_leave_the_triggerers_threads_alone(
    hook: OneDriveHook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All threads of the loop work for others while a dozen tasks wait for the lock; closing the client ends that."""
    monkeypatch.setattr(tokens, "LOCK_SECONDS", MUCH_LONGER_SECONDS)

    async def crowd() -> list[Any]:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
        client = await hook.get_async_conn()
        waiting = [asyncio.create_task(client.stat("myfiles")) for _ in range(12)]
        await asyncio.sleep(0)
        assert await asyncio.gather(*(asyncio.to_thread(lambda: "free") for _ in range(2))) == ["free"] * 2
        await client.aclose()
        return await asyncio.gather(*waiting, return_exceptions=True)

    results = asyncio.run(asyncio.wait_for(crowd(), HANG_SECONDS))
    assert [type(each) for each in results] == [Stopped] * 12


def test_a_forked_child_does_not_keep_the_lock(folder: Path) -> None:
    """Airflow forks at any time, and the child has a copy of the open lock; leaving the block releases it."""
    store, flag = FileTokenStore(folder / "one"), StopFlag()
    read, write = os.pipe()
    with store.alone():
        child = os.fork()
        if not child:  # it lives until the test is over
            os.close(write)
            os.read(read, 1)
            os._exit(0)
    os.close(read)
    try:
        entered = []
        thread, _ = in_a_thread(lambda: enter(store, flag, entered))
        thread.join(HANG_SECONDS)
        assert entered == ["without a wait"]
    finally:
        flag.set()
        os.close(write)
        os.waitpid(child, 0)


def enter(store: FileTokenStore, flag: StopFlag, entered: list[str]) -> None:
    waits: list[bool] = []
    with store.alone(flag, lambda: bool(waits.append(True))):
        entered.append("after a wait" if waits else "without a wait")


@dataclass(frozen=True)
class RefuseToken(Fault):
    """Answer 401 to every request with one token."""

    token: str

    def before(self, request: Any, *_: object) -> None:
        if request.header("Authorization") == f"Bearer {self.token}":
            raise Problem(401, "InvalidAuthenticationToken", "The token was revoked.")


def look(environment: dict[str, str], told: Connection) -> None:
    """Be a process that has a token, and uses it once it is told to."""
    os.environ.update(environment)
    with OneDriveHook().get_conn() as client:
        client._tokens.token()
        told.send("ready")
        told.recv()
        client.stat("myfiles")


def test_processes_replace_a_refused_token_once(
    hook: OneDriveHook, processes: Any, onedrive_emulator: Emulator
) -> None:
    """Both have taken the token of the cache: the first replaces it there, and the second takes the new one."""
    with hook.get_conn() as client:
        client.stat("myfiles")
        token = client._tokens.token()
    onedrive_emulator.faults.add(origin="graph", times=None, do=RefuseToken(token))
    pipes = [processes.Pipe() for _ in range(2)]
    workers = [processes.Process(target=look, args=(dict(os.environ), theirs)) for _, theirs in pipes]
    try:
        for worker in workers:
            worker.start()
        assert [ours.recv() for ours, _ in pipes] == ["ready"] * 2
        for worker, (ours, _) in zip(workers, pipes, strict=True):
            ours.send("go")
            worker.join(HANG_SECONDS)
    finally:
        for worker, (ours, theirs) in zip(workers, pipes, strict=True):
            worker.kill()
            ours.close()
            theirs.close()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert token_requests(onedrive_emulator) == 2
