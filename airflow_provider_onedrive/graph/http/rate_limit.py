"""A limit for bytes or requests per second, shared by all threads of a client."""

from __future__ import annotations

import time
from collections.abc import Callable


class RateLimiter:
    """Computes the waits that keep a rate.

    It takes no lock: two threads at the same moment may pass a piece too early, and the next one waits for both.

    :param bytes_per_second: None limits nothing. Requests are counted in the same way.
    :param clock: seconds that never go back.
    """

    def __init__(self, bytes_per_second: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds_per_byte = 1 / bytes_per_second if bytes_per_second else 0.0
        self._clock = clock
        self._free_at = clock()

    def wait_seconds(self, count: int) -> float:
        """Return the seconds to wait before ``count`` bytes pass."""
        now = self._clock()  # an unused second is not saved for later: bursts are what Graph throttles
        start = max(self._free_at, now)
        self._free_at = start + count * self._seconds_per_byte
        return start - now
