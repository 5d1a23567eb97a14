"""Remembers for some seconds which folder an address means: a hundred uploads into it cost a few looks at it."""

from __future__ import annotations

import time
from collections.abc import Callable

from airflow_provider_onedrive.graph.protocol.addresses import Address
from airflow_provider_onedrive.graph.protocol.models import DriveItem

# A folder that somebody else moves keeps its id, so uploads would follow it to where nobody looks for them.
_LIFETIME_SECONDS = 10.0


class FolderCache:
    """Folders by the path that they were read by.

    :param clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._folders: dict[str, tuple[DriveItem, float]] = {}

    def get(self, address: Address) -> DriveItem | None:
        """Return the folder if it was read a moment ago."""
        folder, read_at = self._folders.get(address.url(), (None, 0.0))
        return folder if self._clock() - read_at < _LIFETIME_SECONDS else None

    def note(self, address: Address, folder: DriveItem) -> None:
        """Remember a folder that was read."""
        if folder.drive_id:  # else nothing in it could be addressed, and the next answer may say it
            self._folders[address.url()] = folder, self._clock()

    def forget(self, address: Address) -> None:
        """Forget a folder that is not there any more."""
        self._folders.pop(address.url(), None)

    def clear(self) -> None:
        """Forget all folders: one was moved, and with it those below it."""
        self._folders.clear()
