"""Changes of a drive, each of which happens completely or not at all, and the log that delta reads."""

from __future__ import annotations

import bisect
import copy
import secrets
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from airflow_provider_onedrive.emulator.model.drive import Drive, Item

# The log is in memory. Older tokens get 410, as after a reset of the service.
LOG_LIMIT = 500_000


@dataclass(frozen=True, slots=True)
class Tombstone:
    """The remains of a deleted item.

    :param position: position of the deletion in the log.
    """

    id: str
    guid: uuid.UUID
    parent_id: str
    name: str
    is_folder: bool
    position: int = 0


@dataclass(frozen=True)
class Round:
    """A round of delta: its entries are fixed when the first page is requested.

    :param position: position in the change log at which the next round begins.
    """

    entries: list[Item | Tombstone]
    position: int
    id: str = field(default_factory=lambda: secrets.token_hex(8))


class Change:
    """All steps of one change of a drive.

    :ivar touched: new or changed items by id, in the order of their last change.
    :ivar removed: items that left the tree.
    :ivar purged: items that left the recycle bin for good.
    :ivar advanced: folders of which only a descendant changed.
    :ivar tombstones: tombstones of the removed items, set when the change ends.
    """

    def __init__(self) -> None:
        self.touched: dict[str, Item] = {}
        self.removed: dict[str, Item] = {}
        self.purged: list[Item] = []
        self.tombstones: list[Tombstone] = []
        self.advanced: list[Item] = []
        self._undo: list[Callable[[], object]] = []

    def edit(self, item: Item) -> None:
        """Call this before fields of the item are set."""
        if item.id not in self.touched:
            # A shallow copy is enough: fields of items are replaced and never altered.
            self.on_undo(partial(_bring_back, item, copy.copy(item)))
        self.touched.pop(item.id, None)
        self.touched[item.id] = item

    def rename(self, item: Item, name: str) -> None:
        self.on_undo(partial(setattr, item, "name", item.name))
        item.name = name

    def remove(self, item: Item) -> None:
        self.touched.pop(item.id, None)
        self.removed[item.id] = item

    def bring_back(self, item: Item) -> None:
        """Call this for an item that returns from the recycle bin."""
        self.removed.pop(item.id, None)
        self.edit(item)

    def on_undo(self, action: Callable[[], object]) -> None:
        """Register the action that reverts the last step. The actions run in reverse order."""
        self._undo.append(action)

    def undo(self) -> None:
        # In reverse order, because a later step may depend on an earlier one.
        while self._undo:
            self._undo.pop()()

    @property
    def ids(self) -> list[str]:
        return [*self.touched, *self.removed]


class Journal(Protocol):
    """Where changes are written down."""

    def write(self, drive: Drive, change: Change, moment: float) -> None:
        """Keep all of it, or raise and keep nothing."""


class NoJournal:
    """The drive lives in memory only."""

    def write(self, drive: Drive, change: Change, moment: float) -> None:
        pass


class ChangeLog:
    """The ids of changed items in order. Each entry has a position, and the oldest entries are dropped.

    :ivar first: position of the oldest entry that remains.
    """

    def __init__(self, limit: int = LOG_LIMIT) -> None:
        self.first = 0
        self.limit = limit
        self._ids: list[str] = []
        self._times: list[float] = []

    @property
    def position(self) -> int:
        """Return the position that the next entry will have."""
        return self.first + len(self._ids)

    def next_moment(self) -> float:
        """Return the current time, which is never before that of the last entry."""
        # The system's clock may be set back, but timestamps of the log must not decrease: they are tokens.
        return max(time.time(), self._times[-1]) if self._times else time.time()

    def entries(self) -> list[tuple[int, str, float]]:
        """Return position, id and moment of each entry."""
        return list(zip(range(self.first, self.position), self._ids, self._times, strict=True))

    def load(self, entries: list[tuple[int, str, float]]) -> None:
        self.first = entries[0][0] if entries else 0
        self._ids = [item_id for _, item_id, _ in entries]
        self._times = [moment for _, _, moment in entries]
        self.forget(self.position - self.limit)

    def append(self, ids: Iterable[str], moment: float) -> None:
        self._ids.extend(ids)
        self._times.extend([moment] * (len(self._ids) - len(self._times)))
        # Deleting from the front of a list is slow, so it is done rarely and for many entries at once.
        if len(self._ids) > self.limit + self.limit // 4:
            self.forget(self.position - self.limit)

    def forget(self, position: int) -> None:
        """Drop the entries before a position."""
        count = max(0, position - self.first)
        del self._ids[:count], self._times[:count]
        self.first += count

    def since(self, position: int) -> list[str]:
        """Return the ids from a position on, each once, in the order of their last change."""
        # The last of several changes of an item decides its position: delta reports each item once, as it is now.
        latest = dict.fromkeys(reversed(self._ids[max(0, position - self.first) :]))
        return list(reversed(latest))

    def at(self, moment: float) -> int:
        """Return the position of the first entry that is not older than a moment."""
        return self.first + bisect.bisect_left(self._times, moment)


def _bring_back(item: Item, before: Item) -> None:
    for each in fields(before):
        setattr(item, each.name, getattr(before, each.name))
