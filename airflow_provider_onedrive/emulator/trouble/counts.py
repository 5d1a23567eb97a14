"""How often something has still to happen, for each of many things."""

from __future__ import annotations

import threading


class Counts:
    def __init__(self) -> None:
        self._left: dict[str, int] = {}
        self._lock = threading.Lock()

    def __contains__(self, key: str) -> bool:
        return self._left.get(key, 0) > 0

    def begin(self, key: str, times: int) -> None:
        if times > 0:
            self._left[key] = times

    def take(self, key: str, times: int = 0) -> bool:
        """Count one, and say whether it still had to happen.

        :param times: of a thing that was not counted before.
        """
        with self._lock:
            left = self._left.get(key, times)
            self._left[key] = max(0, left - 1)
        return left > 0
