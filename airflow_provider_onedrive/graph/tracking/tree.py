"""What is known of a folder tree, and what changed in it: pure, from pages of delta or from a listing.

https://learn.microsoft.com/en-us/graph/api/driveitem-delta
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_onedrive.graph.protocol.models import DriveItem

KINDS = ("created", "updated", "moved", "renamed", "deleted")


@dataclass
class Changes:
    """What became of items, each by its latest state; what was deleted by its last one.

    An item that was moved and renamed and written to at once is in each of the lists.

    :param before: by id, what those that were moved or renamed were before.
    """

    created: list[DriveItem] = field(default_factory=list)
    updated: list[DriveItem] = field(default_factory=list)
    moved: list[DriveItem] = field(default_factory=list)
    renamed: list[DriveItem] = field(default_factory=list)
    deleted: list[DriveItem] = field(default_factory=list)
    before: dict[str, DriveItem] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(getattr(self, kind) for kind in KINDS)

    def counts(self) -> dict[str, int]:
        return {kind: len(getattr(self, kind)) for kind in KINDS}

    def items(self) -> Iterator[tuple[str, DriveItem]]:
        """Give each change with its kind."""
        for kind in KINDS:
            for item in getattr(self, kind):
                yield kind, item


class FolderIndex:
    """The items below a folder, by id.

    :param folder: their root, which itself is not one of them.
    :param known: what is there.
    """

    def __init__(self, folder: DriveItem, known: Iterable[DriveItem] = ()) -> None:
        self.folder = folder
        self._items = {item.id: item for item in known}

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[DriveItem]:
        """Give all items, each folder before what is in it, by their paths."""
        return iter(sorted(self._items.values(), key=lambda item: item.path.split("/")))

    @property
    def by_id(self) -> Mapping[str, DriveItem]:
        return self._items

    def replaced_by(self, listing: Iterable[DriveItem]) -> Changes:
        """Take a complete listing; what is not in it has been deleted."""
        before, self._items = self._items, {item.id: item for item in listing}
        changes = Changes(deleted=[item for key, item in before.items() if key not in self._items])
        for item in self._items.values():
            _note(changes, before.get(item.id), item)
        return changes

    def take(self, round_: Sequence[Mapping[str, Any]]) -> tuple[Changes, list[DriveItem]]:
        """Take a whole round of delta: the latest state of each item of the drive that changed.

        :return: what changed, and the folders that came from elsewhere: what is in them is still to be listed, and
            told by :meth:`add`.
        """
        latest = {data["id"]: data for data in round_}
        before = dict(self._items)
        for key, data in latest.items():
            if "deleted" in data:
                self._items.pop(key, None)
        arrived = self._place(data for data in latest.values() if "deleted" not in data and "root" not in data)
        self._drop_what_lies_elsewhere()
        self._write_paths()
        changes = Changes(deleted=[item for key, item in before.items() if key not in self._items])
        for item in self._items.values():
            _note(changes, before.get(item.id), item)
        new = {item.id for item in arrived}
        return changes, [item for item in arrived if item.id in self._items and item.parent_id not in new]

    def add(self, found: Iterable[DriveItem]) -> list[DriveItem]:
        """Take what lies in a folder that came from elsewhere; return what was not known."""
        new = [item for item in found if item.id not in self._items]
        self._items |= {item.id: item for item in new}
        return new

    def _place(self, data: Iterable[Mapping[str, Any]]) -> list[DriveItem]:
        """Take the new state of items, in and out of the folder; return folders that were not known."""
        arrived = []
        for each in data:
            item = DriveItem.from_json(each, lambda drive_id, item_id, _: f"items/{drive_id}/{item_id}")
            if item.id == self.folder.id:
                continue
            if item.id not in self._items and item.may_hold_something:
                arrived.append(item)
            self._items[item.id] = item
        return arrived

    def _drop_what_lies_elsewhere(self) -> None:
        """Keep only what leads to the folder, through its folders."""
        inside = {self.folder.id: True}

        def is_inside(key: str | None) -> bool:
            if key is None or key not in self._items:
                return inside.get(key or "", False)
            if key not in inside:
                inside[key] = False  # should a server ever send a loop
                inside[key] = is_inside(self._items[key].parent_id)
            return inside[key]

        self._items = {key: item for key, item in self._items.items() if is_inside(key)}

    def _write_paths(self) -> None:
        """Give each item the path and the location that its folders make: delta tells of a renamed folder alone."""
        paths: dict[str, str] = {self.folder.id: self.folder.path}

        def path_of(item: DriveItem) -> str:
            if item.id not in paths:
                parent = self._items.get(item.parent_id or "")
                above = self.folder.path if parent is None else path_of(parent)
                paths[item.id] = "/".join(filter(None, (above, item.name)))
            return paths[item.id]

        for key, item in self._items.items():
            path = path_of(item)
            location = self._location(path)
            if (item.path, item.location) != (path, location):
                self._items[key] = replace(item, path=path, location=location)

    def _location(self, path: str) -> str:
        below = path.removeprefix(self.folder.path).strip("/")
        return f"{self.folder.location.rstrip('/')}/{below}"


def _note(changes: Changes, before: DriveItem | None, item: DriveItem) -> None:
    if before is None:
        changes.created.append(item)
        return
    if before.path != item.path or before.name != item.name:
        changes.before[item.id] = before
    if before.name != item.name:
        changes.renamed.append(item)
    elif before.path != item.path:
        changes.moved.append(item)  # also what lies in a folder that was moved or renamed
    if before.parent_id != item.parent_id and before.name != item.name:
        changes.moved.append(item)
    if not item.is_folder and not _has_same_content(before, item):
        changes.updated.append(item)


def _has_same_content(before: DriveItem, item: DriveItem) -> bool:
    """Compare by what both have: delta may leave out the cTag, Graph the hash; and a move changes the eTag."""
    if before.size != item.size:
        return False
    for mark, other in ((before.quick_xor_hash, item.quick_xor_hash), (before.ctag, item.ctag)):
        if mark and other:
            return mark == other
    return before.etag == item.etag or before.modified_at == item.modified_at
