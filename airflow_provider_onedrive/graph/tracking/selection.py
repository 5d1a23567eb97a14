"""Which changes a watcher reports, and how each of them reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_onedrive.graph.content.selection import Selection
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.location_parser import LocationParser
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.tracking.tree import KINDS, Changes
from airflow_provider_onedrive.graph.tracking.watch import FolderSnapshot, below

_EVERYTHING = Selection(recursive=True)


@dataclass(frozen=True)
class ChangeSelection:
    """Reports the changes of selected items, as if there were no others.

    So an item that is renamed from ``a.tmp`` to ``a.csv`` is ``created`` for a watcher of ``*.csv``, and ``deleted`` if
    it is renamed back.

    :param events: the kinds of changes.
    :param items: the items.
    """

    events: Sequence[str] = KINDS
    items: Selection = _EVERYTHING

    def check(self) -> None:
        """Raise an error if the selection can never be meant.

        :raises ConfigurationError: naming the parameter.
        """
        self.items.check()
        if isinstance(self.events, str) or not self.events or not set(self.events) <= set(KINDS):
            raise ConfigurationError(
                f"events is {self.events!r}.", advice=f"Give a list of some of {', '.join(KINDS)}."
            )

    def read_by(self, parser: LocationParser) -> ChangeSelection:
        """Return the selection with its pattern read as the connection reads names.

        :raises LocationError: if the pattern has a character that no name has.
        """
        return replace(self, items=self.items.read_by(parser))

    def dicts(self, changes: Changes, was: FolderSnapshot | None, now: FolderSnapshot) -> list[dict[str, Any]]:
        """Return the changes as plain JSON: item dicts with their ``change`` and ``previous_path``.

        :param was: the snapshot before the changes; ``now`` the one after them.
        """
        # By kind and item: a rename and a move of one item may both make it "created" for this watcher.
        visible = {
            (kind, item.id): (item, path, previous)
            for kind, item, path, previous in self._visible(changes, was, now)
            if kind in self.events or kind == "created"  # kept even if unselected, to suppress "updated" of new items
        }
        new = {item_id for kind, item_id in visible if kind == "created"}
        return [
            _dict(kind, self.items.with_groups(item, path), previous)
            for (kind, item_id), (item, path, previous) in visible.items()
            if kind in self.events and (kind in ("created", "deleted") or item_id not in new)
        ]

    def _visible(
        self, changes: Changes, was: FolderSnapshot | None, now: FolderSnapshot
    ) -> Iterator[tuple[str, DriveItem, str, DriveItem | None]]:
        """Yield each change as if only selected items existed: kind, item, path in the folder, previous state."""
        for kind, item in changes.items():
            before = item if kind == "deleted" else changes.before.get(item.id)
            old_path = self._path(was, before)
            path = None if kind == "deleted" else self._path(now, item)
            if kind in ("created", "updated"):
                if path is not None:
                    yield kind, item, path, None
            elif path is not None:
                yield ("created", item, path, None) if old_path is None else (kind, item, path, before)
            # It moved, or got another name, and is not selected any more.
            elif old_path is not None and before is not None:
                yield "deleted", before, old_path, None

    def _path(self, snapshot: FolderSnapshot | None, item: DriveItem | None) -> str | None:
        """Return the path of an item below the folder; None if it is not selected."""
        if item is None:
            return None
        path = "/".join(below(snapshot.folder if snapshot is not None else None, item))
        return path if self.items.matches(item, path) else None


def _dict(kind: str, item: DriveItem, before: DriveItem | None) -> dict[str, Any]:
    previous = {"previous_path": before.path} if before is not None else {}
    return {"change": kind, **item.to_dict(), **previous}
