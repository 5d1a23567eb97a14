"""How fast bytes may pass on one connection."""

from __future__ import annotations

import threading
import time

from airflow_provider_onedrive.emulator.errors.problems import ConnectionDropped

# So many pieces pass in a second, that a slow body is slow all along and not in bursts.
_PIECES_PER_SECOND = 20
_MAX_PIECE_BYTES = 256 * 1024


class Throughput:
    """Waits in the connection's own thread, so nobody else is kept waiting; stopping the emulator ends the wait."""

    def __init__(self, seconds_per_byte: float, stopping: threading.Event) -> None:
        self.seconds_per_byte = seconds_per_byte
        self._stopping = stopping
        self._due: float | None = None

    @property
    def piece_bytes(self) -> int:
        return max(1, min(_MAX_PIECE_BYTES, int(1 / (self.seconds_per_byte * _PIECES_PER_SECOND))))

    def pass_on(self, count: int) -> None:
        """Wait as long as so many bytes take."""
        now = time.monotonic()
        self._due = max(self._due or now, now - 1) + count * self.seconds_per_byte
        if self._due > now and self._stopping.wait(self._due - now):
            raise ConnectionDropped
