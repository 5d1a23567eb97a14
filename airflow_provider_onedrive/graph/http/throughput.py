"""The least speed of an answer: one that comes byte by byte would hold its task for as long as the server likes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class MinThroughput:
    """The speed below which the wait for an answer ends.

    :param bytes_per_second: the mean of one window.
    :param window_seconds: the time of waiting over which the speed is measured.
    :param clock: seconds that never go back.
    """

    bytes_per_second: float = 1024.0
    window_seconds: float = 60.0
    clock: Callable[[], float] = time.monotonic

    def __str__(self) -> str:
        return f"less than {self.bytes_per_second / 1024:g} KiB/s for {self.window_seconds:g} s"


DEFAULT = MinThroughput()


class TooSlow(TimeoutError):
    """An answer came more slowly than is waited for."""


class ThroughputGuard:
    """Measures how fast the answers on one connection come.

    Only the time of waiting for bytes counts: a slow disk, or a limit on this side, is not the server's fault. The wait
    for the first byte does not count either, because a server may work for long before it answers; the timeout of a
    single wait ends that.

    :param least: None takes the default.
    """

    def __init__(self, least: MinThroughput | None = None) -> None:
        self._least = least or DEFAULT
        self._has_begun = False
        self._bytes, self._seconds = 0, 0.0

    def expect_answer(self) -> None:
        """Begin anew, because a request is sent."""
        self._has_begun = False
        self._bytes, self._seconds = 0, 0.0

    def start(self) -> float:
        """Return the moment at which a wait begins."""
        return self._least.clock()

    def received(self, count: int, start: float) -> None:
        """Count the bytes that a wait has brought.

        :param start: the moment at which the wait began.
        :raises TooSlow: if a window has ended, and too few bytes have come in it.
        """
        if not self._has_begun:
            self._has_begun = True
            return
        self._bytes += count
        self._seconds += self._least.clock() - start
        if self._seconds < self._least.window_seconds:
            return
        if self._bytes < self._seconds * self._least.bytes_per_second:
            raise TooSlow(f"the answer came too slowly, {self._least}")
        self._bytes, self._seconds = 0, 0.0
