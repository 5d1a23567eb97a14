"""Who does the work of a task instance: the newest of its tries, and no other one.

After a SIGKILL of Airflow's supervisor the first process of a task goes on beside its own retry, and may outlive it.
Graph has no fence for a single request, so each try marks that it has begun, for good. Before every step that cannot be
repeated a try looks for the mark of the next one, and ends if it is there.

The marks lie in the task state store of Airflow 3.3, or before that in files below ``[onedrive] resume_directory``.
A mark is written once and never changed, so two tries that write at once cannot undo each other.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol, cast

from airflow_provider_onedrive.compat import StateStoreError, conf
from airflow_provider_onedrive.graph.protocol.digests import digest
from airflow_provider_onedrive.graph.protocol.errors import OwnerUnknown, TakenOver
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.state.files import atomic_write

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logger(__name__)

KEY = "onedrive_try"

STORE_LOCK = Lock()
"""Held while Airflow's state store is asked: not every supervisor takes requests of several threads at once."""

_PAUSES_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Half a minute: after about 45 s without its API server Airflow ends the task itself."""
_KEPT_SECONDS = 30 * 24 * 3600
"""As long as Airflow's state store keeps a value."""


class Marks(Protocol):
    """Where tries leave their marks."""

    def add(self, number: int) -> None: ...
    def has(self, number: int) -> bool: ...


class Ownership:
    """The right of one try to do the work.

    :param marks: None where the tries share no store: then each of them takes itself for the owner.
    :param number: of the try, from 1.
    """

    def __init__(self, marks: Marks | None, number: int) -> None:
        self._marks = marks
        self._number = number
        self._lock = Lock()
        self._ticks = itertools.count()
        self._asked_at = -1
        self._answer = False

    def claim(self) -> None:
        """Take the work from all earlier tries; the first try finds nobody to take it from, and asks nothing.

        :raises OwnerUnknown: if the marks cannot be written.
        """
        if self._marks is None:
            return
        for number in range(2, self._number + 1):
            # All of them, for a try that never got here has left no mark of its own.
            _patiently(partial(self._marks.add, number), time.sleep)

    def check(self, wait: Callable[[float], None]) -> None:
        """See that no later try has taken the work.

        :param wait: pauses for some seconds, or raises if the task has been stopped.
        :raises TakenOver: if one has, or if nobody is left who could tell.
        :raises OwnerUnknown: if Airflow does not answer.
        """
        if self._marks is not None and _patiently(self._has_successor, wait):
            raise TakenOver(f"Try {self._number + 1} of this task has taken the work from try {self._number}")

    def is_lost(self) -> bool:
        """Return whether a later try is known to have taken the work, without any patience."""
        try:
            return self._marks is not None and self._has_successor()
        except (EOFError, ConnectionError):
            return True
        except (StateStoreError, OSError):
            return False

    def _has_successor(self) -> bool:
        """Read the next try's mark; threads that come while it is read share the next look."""
        came_at = next(self._ticks)
        with self._lock:
            if self._asked_at < came_at:
                asked_at = next(self._ticks)
                self._answer = cast("Marks", self._marks).has(self._number + 1)
                self._asked_at = asked_at  # only now: a look that failed has no answer to share
            return self._answer


def ownership_of(context: Context) -> Ownership:
    """Return the ownership of a task instance's try."""
    ti, store = context["ti"], context.get("task_state_store")
    if store is not None:
        return Ownership(StoredMarks(store), ti.try_number)
    directory = conf.get("onedrive", "resume_directory", fallback="")
    names = json.dumps([ti.dag_id, ti.run_id, ti.task_id, ti.map_index])
    marks = FileMarks(Path(directory).expanduser(), digest(names)) if directory else None
    return Ownership(marks, ti.try_number)


class StoredMarks:
    """Marks in Airflow's task state store."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def add(self, number: int) -> None:
        with STORE_LOCK:
            self._store.set(f"{KEY}_{number}", number)

    def has(self, number: int) -> bool:
        with STORE_LOCK:
            return self._store.get(f"{KEY}_{number}") is not None


class FileMarks:
    """Marks as empty files in a folder that all workers share.

    :param name: of the task instance.
    """

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._name = name

    def add(self, number: int) -> None:
        atomic_write(self._path(number), "")
        self._forget_old()

    def has(self, number: int) -> bool:
        return self._path(number).exists()

    def _path(self, number: int) -> Path:
        return self._directory / f"{self._name}.try{number}"

    def _forget_old(self) -> None:
        # They stay after a success, for an orphan may outlive the try that succeeded; but not for ever.
        newest = time.time() - _KEPT_SECONDS
        for path in self._directory.glob("*.try*"):
            with suppress(OSError):  # somebody else removed it
                if path.stat().st_mtime < newest:
                    path.unlink()


def _patiently(ask: Callable[[], Any], wait: Callable[[float], None]) -> Any:
    """Ask a store, for a while also one that does not answer.

    :raises TakenOver: if the supervisor of this process has gone, so that this is an orphan.
    :raises OwnerUnknown: if it does not answer at all.
    """
    for seconds in (*_PAUSES_SECONDS, None):
        try:
            return ask()
        except (EOFError, ConnectionError) as gone:
            raise TakenOver("Airflow's supervisor of this process has gone, so another try may do the work") from gone
        except (StateStoreError, OSError) as error:
            if seconds is None:
                raise OwnerUnknown(f"Nobody can tell whether another try has taken the work: {error}") from error
            log.info(
                "Whether another try has taken the work cannot be read, asking again in %.1f s: %s", seconds, error
            )
            wait(seconds)
    raise AssertionError
