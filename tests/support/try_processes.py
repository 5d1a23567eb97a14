"""Tries of one task, each in a process of its own, that are stopped, killed and let go at a step."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from patience import HANG_SECONDS
from quick_retries import QUICK
from task_runner import run_one_task

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.errors.problems import ConnectionDropped
from airflow_provider_onedrive.emulator.faults import Fault
from airflow_provider_onedrive.graph.client import BaseClient
from airflow_provider_onedrive.graph.tracking import conditions

HAS_TASK_RUNNER = find_spec("airflow.sdk") is not None
"""Whether a task runs outside of the scheduler's code, which is so since Airflow 3."""
RESUME_DIRECTORY = "AIRFLOW__ONEDRIVE__RESUME_DIRECTORY"
ALLOW = "AIRFLOW__ONEDRIVE__ALLOW"
SHARED_SETTINGS = ("AIRFLOW_CONN_ONEDRIVE_DEFAULT", "AIRFLOW__ONEDRIVE__TRUSTED_HOSTS", RESUME_DIRECTORY, ALLOW)
RETRIES = 3


@dataclass(frozen=True)
class Try:
    """One try of a task, as its worker gets it.

    :param operator: the class.
    :param kwargs: of the operator.
    :param store: the folder of the task state store; None where Airflow has none.
    """

    operator: type[Any]
    kwargs: Mapping[str, Any]
    number: int
    store: Path | None


@dataclass(frozen=True)
class TryEnd:
    """How a try ended.

    :param error: the name of its class and its text; empty after a success.
    """

    error: str = ""
    xcoms: Mapping[str, Any] = field(default_factory=dict)


class StoreFolder(MutableMapping[str, Any]):
    """Values in files, so that two processes see one task state store."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder

    def __getitem__(self, key: str) -> Any:
        try:
            return json.loads((self._folder / key).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise KeyError(key) from None

    def __setitem__(self, key: str, value: Any) -> None:
        draft = self._folder / f".{os.getpid()}"
        draft.write_text(json.dumps(value), encoding="utf-8")
        draft.replace(self._folder / key)

    def __delitem__(self, key: str) -> None:
        try:
            (self._folder / key).unlink()
        except FileNotFoundError:
            raise KeyError(key) from None

    def __iter__(self) -> Iterator[str]:
        return (path.name for path in self._folder.iterdir())

    def __len__(self) -> int:
        return len(list(self))


def run_try(tried: Try) -> TryEnd:
    """Run a try in this process: in the task runner of Airflow 3, or with what Airflow 2 puts into a context."""
    return _in_task_runner(tried) if HAS_TASK_RUNNER else _with_context(tried)


def _in_task_runner(tried: Try) -> TryEnd:
    # Airflow before 3.3 has no store: there the key is not in the context.
    hook = {} if tried.store else {"pre_execute": lambda context: context.pop("task_state_store", None)}
    operator = tried.operator(task_id="task", retries=RETRIES, **tried.kwargs, **hook)
    store = StoreFolder(tried.store) if tried.store else None
    end = run_one_task(operator, try_number=tried.number, max_tries=RETRIES, store=store)
    return TryEnd(_named(end.error), end.xcoms)


def _with_context(tried: Try) -> TryEnd:
    from airflow.providers.common.compat.sdk import TaskDeferred  # noqa: PLC0415 - Airflow needs its environment first

    xcoms: dict[str, Any] = {}
    names = {"dag_id": "d", "run_id": "r", "task_id": "task", "map_index": -1, "max_tries": RETRIES}
    ti = SimpleNamespace(try_number=tried.number, **names)
    ti.xcom_push = lambda key, value: xcoms.update({key: value})
    error: BaseException | None = None
    try:
        xcoms["return_value"] = tried.operator(task_id="task", **tried.kwargs).execute({"ti": ti})
    except (Exception, TaskDeferred) as raised:  # noqa: BLE001 - whatever it is, the test is to see it
        error = raised
    return TryEnd(_named(error), xcoms)


def _named(error: BaseException | None) -> str:
    if type(error).__name__ == "AirflowFailException" and error.__cause__ is not None:
        error = error.__cause__
    is_success = error is None or type(error).__name__ == "TaskDeferred"
    return "" if is_success else f"{type(error).__name__}: {error}"


def shared_settings() -> dict[str, str]:
    """Return the settings of the test that its workers have too."""
    return {name: os.environ[name] for name in SHARED_SETTINGS if name in os.environ}


def be_worker(environment: Mapping[str, str]) -> None:
    """Take the settings of the test, and wait no longer than its own process does."""
    os.environ.update(environment)
    BaseClient.retry_policy, conditions.DOUBT_SECONDS = QUICK, 0.01


def _work(tried: Try, environment: Mapping[str, str], end: Any) -> None:
    be_worker(environment)
    end.send(run_try(tried))


@dataclass
class Held(Fault):
    """Hold a request, or its answer, until the test lets it go.

    :param is_done: do it first; else it is done late, or never if it ``is_lost``.
    """

    is_done: bool
    is_lost: bool = False
    met: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def before(self, *_: object) -> None:
        if not self.is_done:
            self._wait()
            if self.is_lost:
                raise ConnectionDropped

    def after(self, *_: object) -> None:
        if self.is_done:
            self._wait()

    def _wait(self) -> None:
        self.met.set()
        self.released.wait(HANG_SECONDS)


class Worker:
    """A process with a try.

    :param held: what its request meets at a step.
    """

    def __init__(self, processes: Any, tried: Try, held: Held) -> None:
        self._held = held
        self._end, there = processes.Pipe()
        self._process = processes.Process(target=_work, args=(tried, shared_settings(), there))
        self._process.start()
        there.close()

    def comes(self) -> bool:
        """Wait until it meets the step; False if it ends without it."""
        while not self._held.met.wait(0.01):
            if self._end.poll():
                return False
        return True

    def stop(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def let_go(self) -> TryEnd:
        """Let it go on, and return how it ends."""
        os.kill(self._process.pid, signal.SIGCONT)
        self._held.released.set()
        assert self._end.poll(HANG_SECONDS), "the try does not end"
        end: TryEnd = self._end.recv()
        self._process.join()
        return end

    def kill(self) -> None:
        """End it with -9; what it has sent and was not done is lost."""
        self._held.is_lost = True
        self._process.kill()
        self._process.join()
        self._held.released.set()

    def close(self) -> None:
        with suppress(ValueError):
            self.kill()
            self._process.close()
        self._end.close()


def hold_at(emulator: Emulator, step: str, *, is_done: bool) -> Held:
    """Let the next requests meet a fault at a step: the operation, and a number from the second one on."""
    operation = step.rstrip("0123456789")
    held = Held(is_done)
    emulator.faults.add(operation=operation, after=int(step.removeprefix(operation) or 1) - 1, do=held)
    return held
