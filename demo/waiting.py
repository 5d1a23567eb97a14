"""Waiting for an Airflow as long as it makes progress: the limit guards against hanging, not against slowness."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TypeVar

from demo.progress import Progress

# With 20 busy processes beside it on two cores, a part of Airflow that imports its modules is silent for ten minutes.
STALL_SECONDS = 1800
POLL_SECONDS = 0.5

T = TypeVar("T")


class DemoError(Exception):
    """The demo cannot go on; the text is one sentence."""


class Waiting:
    """Repeat a question until it is answered, Airflow has ended, or nothing new has happened for a long time.

    A sign of progress is a line of the log, a component that turned healthy, a task in another state. It counts only if
    it was never there before: heartbeats, statistics and the same error over and over are no progress.

    :param check: raises :class:`DemoError` once Airflow, or a part of it, has ended
    :param log: the file to which Airflow's output goes
    """

    def __init__(
        self, check: Callable[[], None], log: Path, progress: Progress, stall_seconds: float = STALL_SECONDS
    ) -> None:
        self._check = check
        self._log = log
        self._progress = progress
        self._stall_seconds = stall_seconds
        self._signs: set[Hashable] = set()
        self._offset = 0
        self._last_progress = time.monotonic()
        self._step = ""
        self.waits_for = ""
        self.last_error = ""

    def until(self, step: str, ask: Callable[[], T | None]) -> T:
        """Begin a step, and return the first answer that is true."""
        self._step, self.waits_for, self.last_error = step, "", ""
        self._last_progress = time.monotonic()
        self._progress.update(step)
        return self.repeat(ask)

    def repeat(self, ask: Callable[[], T | None]) -> T:
        """Return the first answer that is true, within the step that was begun last."""
        while not (answer := ask()):
            self.pause()
        return answer

    def pause(self) -> None:
        """Show the progress and let a moment pass.

        :raises DemoError: Airflow has ended, or there was no progress for `stall_seconds`.
        """
        self._check()
        self.see(*self._new_lines())
        if time.monotonic() - self._last_progress > self._stall_seconds:
            raise DemoError(
                f"{self._step}: nothing new has happened for {self._stall_seconds:.0f} s"
                + (f", the step waits for {self._shown()}" if self.waits_for else "")
            )
        self._progress.update(self._step, self.waits_for and f"waits for {self._shown()}")
        time.sleep(POLL_SECONDS)

    def see(self, *signs: Hashable) -> None:
        """Remember signs; a new one is progress."""
        if not self._signs.issuperset(signs):
            self._signs.update(signs)
            self._last_progress = time.monotonic()

    def _shown(self) -> str:
        return f"{self.waits_for} ({self.last_error})" if self.last_error else self.waits_for

    def _new_lines(self) -> list[str]:
        """Return the lines that were added to the log, without the words that have a digit: times, ids, numbers."""
        with self._log.open("rb") as log:
            log.seek(self._offset)
            added = log.read()
        added = added[: added.rfind(b"\n") + 1]
        self._offset += len(added)
        return [re.sub(r"\S*\d\S*", "#", line) for line in added.decode(errors="replace").splitlines()]
