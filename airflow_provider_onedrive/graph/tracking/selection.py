"""Which changes are told, and how each of them reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from airflow_provider_onedrive.graph.content.filters import Filters, check_kind
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.tracking.tree import KINDS, Changes
from airflow_provider_onedrive.graph.tracking.watch import FolderSnapshot, below


@dataclass(frozen=True)
class Selection:
    """What is told of: items that match are taken for all there is.

    So what is renamed from ``a.tmp`` to ``a.csv`` is ``created`` for who looks at ``*.csv``, and the other way round
    ``deleted``.

    :param events: the kinds of changes.
    :param file_pattern: of the name, or, where it has a ``/``, of the path below the folder.
    :param regex: is searched in the path below the folder; its named groups come with the items.
    :param ignore: patterns of what does not count.
    :param kind: ``file``, ``folder`` or ``any``.
    :param recursive: also what lies in the folders of the folder.
    """

    events: Sequence[str] = KINDS
    file_pattern: str | None = None
    regex: str | None = None
    ignore: Sequence[str] = ()
    kind: str = "file"
    recursive: bool = True

    def check(self) -> None:
        """Refuse what cannot be meant.

        :raises ConfigurationError: naming the parameter.
        """
        self._filters.check()
        check_kind(self.kind)
        if isinstance(self.events, str) or not self.events or not set(self.events) <= set(KINDS):
            raise ConfigurationError(
                f"events is {self.events!r}.", advice=f"Give a list of some of {', '.join(KINDS)}."
            )

    def dicts(self, changes: Changes, was: FolderSnapshot | None, now: FolderSnapshot) -> list[dict[str, Any]]:
        """Return the changes as plain JSON: item dicts with their ``change`` and ``previous_path``.

        :param was: what was known before; ``now`` what is known now.
        """
        told = {
            (kind, item.id): (item, path, previous)
            for kind, item, path, previous in self._seen(changes, was, now)
            if kind in self.events or kind == "created"
        }
        new = {item_id for kind, item_id in told if kind == "created"}
        return [
            _dict(kind, self._with_groups(item, path), previous)
            for (kind, item_id), (item, path, previous) in told.items()
            if kind in self.events and (kind in ("created", "deleted") or item_id not in new)
        ]

    def _seen(
        self, changes: Changes, was: FolderSnapshot | None, now: FolderSnapshot
    ) -> Iterator[tuple[str, DriveItem, str, DriveItem | None]]:
        """Give each change as it looks to who sees only what matches: kind, item, path in the folder, what it was."""
        for kind, item in changes.items():
            before = item if kind == "deleted" else changes.before.get(item.id)
            old_path = self._visible(was, before)
            path = None if kind == "deleted" else self._visible(now, item)
            if kind in ("created", "updated"):
                if path is not None:
                    yield kind, item, path, None
            elif path is not None:
                yield ("created", item, path, None) if old_path is None else (kind, item, path, before)
            elif old_path is not None and before is not None:
                yield "deleted", before, old_path, None

    def _visible(self, known: FolderSnapshot | None, item: DriveItem | None) -> str | None:
        """Return the path of an item below the folder; None where it does not count."""
        if item is None or (self.kind != "any" and item.is_folder != (self.kind == "folder")):
            return None
        names = below(known.folder if known is not None else None, item)
        path = "/".join(names)
        counts = (self.recursive or len(names) == 1) and self._filters.match_path(path)
        return path if counts else None

    def _with_groups(self, item: DriveItem, path: str) -> DriveItem:
        return replace(item, groups=self._filters.groups(path))

    @cached_property
    def _filters(self) -> Filters:
        return Filters(self.file_pattern, self.regex, self.ignore)


def _dict(kind: str, item: DriveItem, before: DriveItem | None) -> dict[str, Any]:
    previous = {"previous_path": before.path} if before is not None else {}
    return {"change": kind, **item.to_xcom(), **previous}
