"""In which order children are listed.

https://learn.microsoft.com/onedrive/developer/rest-api/concepts/optional-query-parameters#sorting-collections
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_onedrive.emulator.errors.problems import bad_request, invalid_request
from airflow_provider_onedrive.emulator.items.filters import Filter
from airflow_provider_onedrive.emulator.model import clock, names
from airflow_provider_onedrive.emulator.model.drive import Item, Personality

# The two kinds of accounts sort by different properties; others are refused.
COLUMNS: Mapping[Personality, frozenset[str]] = {
    "business": frozenset({"name", "url"}),
    "personal": frozenset({"name", "size", "lastModifiedDateTime"}),
}
_DIRECTIONS = {"": False, "asc": False, "desc": True}
# The position of an item in a listing: the sorted property, then the name, which is unique in a folder.
Position = tuple[int | str, str]


@dataclass(frozen=True)
class Order:
    """:param column: "" = folders first, then files, each by name: the order of a request without ``$orderby``."""

    column: str = ""
    descending: bool = False

    def position(self, item: Item) -> Position:
        name = names.cased_key(item.name)
        match self.column:
            case "":
                return item.sort_key
            case "size":
                return (item.size, name)
            case "lastModifiedDateTime":
                return (clock.text(item.modified), name)
        return (name, name)  # an address differs from its siblings' in the name only

    def page(
        self, folder: Item, after: Position | None, size: int, wanted: Filter | None = None
    ) -> tuple[list[Item], bool]:
        """Return the children that follow a position, and whether still more follow."""
        if self == Order() and wanted is None:
            return folder.page(_plain(after), size)
        placed = sorted((self.position(child), child.name) for child in _wanted(folder, wanted))
        if self.descending:
            stop = len(placed) if after is None else bisect.bisect_left(placed, after, key=_first)
            chosen, more = placed[max(0, stop - size) : stop][::-1], stop > size
        else:
            start = 0 if after is None else bisect.bisect_right(placed, after, key=_first)
            chosen, more = placed[start : start + size], start + size < len(placed)
        return [folder.children[names.cased_key(name)] for _, name in chosen], more


def parse(text: str | None, personality: Personality) -> Order:
    """Read ``$orderby``: one column, with or without its direction."""
    if text is None:
        return Order()
    column, _, direction = text.strip().partition(" ")
    if direction.strip() not in _DIRECTIONS:
        raise bad_request(f"Syntax error in the orderby clause '{text[:100]}'.")
    if column not in COLUMNS[personality]:
        raise invalid_request(f"The request cannot be sorted by '{column[:100]}'.")
    return Order(column, _DIRECTIONS[direction.strip()])


def _wanted(folder: Item, wanted: Filter | None) -> list[Item]:
    return [child for child in folder.children.values() if wanted is None or wanted(child)]


def _first(placed: tuple[Position, str]) -> Position:
    return placed[0]


def _plain(after: Position | None) -> tuple[int, str] | None:
    return None if after is None else (int(after[0]), after[1])
