"""Slots for connections: numbers that threads take and give back, without a lock."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue

from airflow_provider_onedrive.graph.http.stop_flag import StopFlag

_SLICE_SECONDS = 0.2


class ConnectionSlots:
    """Gives out the numbers of pools, one for each connection.

    The number that was given back last is taken first: its connection is the most likely to be alive. If there is none,
    a thread waits in a queue. There is no lock, which a signal handler or a fork might meet in a locked state. Each
    operation of a deque is atomic, and after each addition to one of the two deques they are matched.

    :param numbers: in the order in which they are taken at first.
    :param flag: ends all waits.
    """

    def __init__(self, numbers: Iterable[int], flag: StopFlag) -> None:
        self._free = deque(numbers)
        self._waiting: deque[_Waiter] = deque()
        self._flag = flag

    def take(self, timeout: float | None = None) -> int:
        """Take a number.

        :raises TimeoutError: if none was given back in time.
        :raises OSError: once the flag is set.
        """
        # Through the queue even if a number is free: a thread that came first is served first.
        waiter = _Waiter()
        self._waiting.append(waiter)
        self._match()
        try:
            return waiter.wait(self._flag, math.inf if timeout is None else time.monotonic() + timeout)
        except BaseException:
            if not waiter.decide():  # a number came at the same moment, and must not be lost
                self.give(waiter.number.get())
            raise

    def give(self, number: int) -> None:
        """Return a number to the pool."""
        self._free.appendleft(number)
        self._match()

    def _match(self) -> None:
        while self._free and self._waiting:
            with suppress(IndexError):  # another thread was faster; the loop checks again
                number = self._free.popleft()
                if not self._hand_over(number):
                    self._free.appendleft(number)

    def _hand_over(self, number: int) -> bool:
        """Pass a number to the first thread that still waits; return False if there is none."""
        with suppress(IndexError):
            while not (waiter := self._waiting.popleft()).decide():
                pass
            waiter.number.put(number)
            return True
        return False


class _Waiter:
    """Waits for a number, and either gets one or leaves, whichever is decided first."""

    def __init__(self) -> None:
        self.number: SimpleQueue[int] = SimpleQueue()
        self._open = [True]

    def decide(self) -> bool:
        """Return whether this call is the first to decide: of several threads only one can pop the element."""
        with suppress(IndexError):
            return self._open.pop()
        return False

    def wait(self, flag: StopFlag, end: float) -> int:
        while not flag.is_set():
            with suppress(Empty):
                return self.number.get(timeout=_SLICE_SECONDS)
            if time.monotonic() >= end:
                raise TimeoutError("timed out")
        raise OSError("stopped")
