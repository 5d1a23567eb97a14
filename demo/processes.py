"""All processes of a session: found and ended, however they have grouped themselves."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

TERM_GRACE_SECONDS = 6.0
# Nobody survives SIGKILL, but on a busy machine it takes its time.
KILL_GRACE_SECONDS = 120.0


def stop(process: subprocess.Popen[bytes], term_grace_seconds: float = TERM_GRACE_SECONDS) -> None:
    """End the whole session: tasks run in process groups of their own, so the group of `process` is not enough."""
    for pid in session_members(process.pid):
        send(pid, signal.SIGTERM)
    deadline = time.monotonic() + term_grace_seconds
    while is_left(process) and time.monotonic() < deadline:
        time.sleep(0.1)
    deadline = time.monotonic() + KILL_GRACE_SECONDS
    while is_left(process) and time.monotonic() < deadline:
        # Each time anew: one that was about to die may have started another.
        for pid in session_members(process.pid):
            send(pid, signal.SIGKILL)
        time.sleep(0.1)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let an impatient second Ctrl-C not stop the cleaning up."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def is_left(process: subprocess.Popen[bytes]) -> bool:
    process.poll()
    return bool(session_members(process.pid))


def session_members(session: int) -> list[int]:
    return [pid for pid in psutil.pids() if is_member(pid, session)]


def is_member(pid: int, session: int) -> bool:
    try:
        return os.getsid(pid) == session and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (OSError, psutil.Error):
        return False  # gone meanwhile, or somebody else's


def send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
