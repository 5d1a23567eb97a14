"""What was read of items and folders in the last seconds."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from airflow_provider_onedrive.graph.flows.downloads import Link
from airflow_provider_onedrive.graph.protocol.names import comparison_key

T = TypeVar("T")
Info = dict[str, Any]
"""A file or folder as fsspec describes it."""
_MOST = 50_000


@dataclass
class _Recent(Generic[T]):
    """Values with the time they were read at."""

    seconds: float
    values: dict[str, tuple[float, T]] = field(default_factory=dict)

    def get(self, key: str) -> T | None:
        read_at, value = self.values.get(key, (0.0, None))
        return value if value is not None and time.monotonic() - read_at < self.seconds else None

    def note(self, key: str, value: T) -> None:
        if len(self.values) >= _MOST:
            now = time.monotonic()
            recent = {name: each for name, each in self.values.items() if now - each[0] < self.seconds}
            self.values = recent if len(recent) < _MOST else {}
        self.values[key] = (time.monotonic(), value)

    def forget(self, key: str) -> None:
        """Forget an item, all that is in it, and the folders above it, which changed with it."""
        below = f"{key}/"
        self.values = {
            name: each
            for name, each in self.values.items()
            if not (name == key or name.startswith(below) or key.startswith(f"{name}/"))
        }


class InfoCache:
    """Keeps what was read for seconds; what is changed meanwhile is forgotten. Threads may share it.

    :param seconds: 0 keeps nothing.
    """

    def __init__(self, seconds: float) -> None:
        self._lock = threading.Lock()
        self._infos = _Recent[Info](seconds)
        self._links = _Recent[Link](seconds)
        self._listings = _Recent[list[Info]](seconds)
        self.changes = 0
        """How often something was forgotten: what was asked before is not noted after it."""

    def info(self, name: str) -> Info | None:
        with self._lock:
            return self._infos.get(comparison_key(name))

    def link(self, name: str) -> Link | None:
        with self._lock:
            return self._links.get(comparison_key(name))

    def listing(self, name: str) -> list[Info] | None:
        with self._lock:
            return self._listings.get(comparison_key(name))

    def note_infos(self, infos: list[Info], changes: int) -> None:
        with self._lock:
            for info in infos if changes == self.changes else ():
                self._infos.note(comparison_key(info["name"]), info)

    def note_link(self, name: str, link: Link, changes: int) -> None:
        with self._lock:
            if changes == self.changes:
                self._links.note(comparison_key(name), link)

    def note_listing(self, name: str, infos: list[Info], changes: int) -> None:
        with self._lock:
            if changes == self.changes:
                self._listings.note(comparison_key(name), infos)
        self.note_infos(infos, changes)

    def forget(self, name: str | None) -> None:
        """Forget an item and what depends on it; None forgets all."""
        with self._lock:
            self.changes += 1
            for recent in (self._infos, self._links, self._listings):
                if name is None:
                    recent.values.clear()
                else:
                    recent.forget(comparison_key(name))
