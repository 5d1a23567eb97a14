"""How fast bytes may pass on one connection."""

from __future__ import annotations

import threading
import time

from airflow_provider_onedrive.emulator.errors.problems import ConnectionDropped

# Pieces per second: a slow body is to be slow all the time and not in bursts.
_PIECES_PER_SECOND = 20
_MAX_PIECE_BYTES = 256 * 1024


class Throughput:
    """Delays the bytes of one connection, in its own thread. Stopping the emulator ends the wait."""

    def __init__(self, seconds_per_byte: float, stopping: threading.Event) -> None:
        self.seconds_per_byte = seconds_per_byte
        self._stopping = stopping
        self._due: float | None = None

    @property
    def piece_bytes(self) -> int:
        return max(1, min(_MAX_PIECE_BYTES, int(1 / (self.seconds_per_byte * _PIECES_PER_SECOND))))

    def pass_on(self, count: int) -> None:
        """Wait for the time that ``count`` bytes take."""
        now = time.monotonic()
        # A pause of the client earns at most one second of burst.
        self._due = max(self._due or now, now - 1) + count * self.seconds_per_byte
        if self._due > now and self._stopping.wait(self._due - now):
            raise ConnectionDropped
