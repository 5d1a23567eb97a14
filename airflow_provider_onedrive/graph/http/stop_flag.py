"""The flag that stops a client, also from a signal handler."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_SLICE_SECONDS = 0.1


class StopFlag:
    """A flag that is set once, for all threads.

    A signal handler may set it in the middle of its own thread's :meth:`wait`: it takes no lock, where that of a
    ``threading.Event`` would be held by the very frame that the handler interrupts.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._thread = threading.local()

    def set(self) -> None:
        self._is_set = True

    def is_set(self) -> bool:
        if getattr(self._thread, "is_lifted", False):
            return False
        group: StopFlag | None = getattr(self._thread, "group", None)
        return self._is_set or (group is not None and group.is_set())

    def wait(self, seconds: float) -> None:
        """Sleep for some seconds, or until the flag is set."""
        # In slices: Python restarts a sleep after a signal handler has run (PEP 475).
        end = time.monotonic() + seconds
        while not self.is_set() and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _SLICE_SECONDS))

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Let the calling thread, and no other, send a last request after the flag was set."""
        before = getattr(self._thread, "is_lifted", False)
        self._thread.is_lifted = True
        try:
            yield
        finally:
            self._thread.is_lifted = before

    @contextmanager
    def joined(self, group: StopFlag) -> Iterator[None]:
        """Let the calling thread stop for another flag as well: that of a group of threads with one job."""
        self._thread.group = group
        try:
            yield
        finally:
            self._thread.group = None

    @contextmanager
    def set_at_end(self) -> Iterator[None]:
        """Set the flag when the block is left."""
        try:
            yield
        finally:
            self.set()
