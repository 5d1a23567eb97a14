"""How fast bytes may pass, over all threads of a client."""

from __future__ import annotations

import time
from collections.abc import Callable


class RateLimiter:
    """Says how long to wait so that at most so many bytes pass in a second.

    It takes no lock: two threads at the same moment may pass a piece too early, and the next waits for both.

    :param bytes_per_second: None lets all pass.
    :param clock: seconds that only grow.
    """

    def __init__(self, bytes_per_second: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds_per_byte = 1 / bytes_per_second if bytes_per_second else 0.0
        self._clock = clock
        self._free_at = clock()

    def wait_seconds(self, count: int) -> float:
        """Return how long to wait before so many bytes pass."""
        now = self._clock()
        start = max(self._free_at, now)
        self._free_at = start + count * self._seconds_per_byte
        return start - now
