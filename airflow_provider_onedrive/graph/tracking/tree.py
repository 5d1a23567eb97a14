"""The items of a folder tree, and what changed in it: pure, from rounds of delta or from a listing.

https://learn.microsoft.com/en-us/graph/api/driveitem-delta
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from airflow_provider_onedrive.graph.protocol.errors import UnreadableAnswer
from airflow_provider_onedrive.graph.protocol.fields import nested, unreadable
from airflow_provider_onedrive.graph.protocol.item_states import (
    State,
    UnusableItem,
    is_deleted,
    is_root,
    parent_id_of,
    read_item,
)
from airflow_provider_onedrive.graph.protocol.models import DriveItem

KINDS = ("created", "updated", "moved", "renamed", "deleted")


@dataclass
class Changes:
    """The changed items, each in its latest state; a deleted item in its last one.

    An item that was moved, renamed and written to at once is in each of the lists.

    :param before: by id, the earlier state of the items that were moved or renamed.
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

    def in_order(self) -> Changes:
        """Return the same changes, each kind in the order of the paths."""
        lists = {kind: sorted(getattr(self, kind), key=lambda item: (item.path.split("/"), item.id)) for kind in KINDS}
        return Changes(**lists, before=self.before)

    def items(self) -> Iterator[tuple[str, DriveItem]]:
        """Yield each change with its kind."""
        for kind in KINDS:
            for item in getattr(self, kind):
                yield kind, item


class FolderIndex:
    """The items below a folder, by id.

    :param folder: their root, which itself is not one of them.
    :param items: the items that are there.
    """

    def __init__(self, folder: DriveItem, items: Iterable[DriveItem] = ()) -> None:
        self.folder = folder
        self.unusable: Sequence[UnusableItem] = ()
        """The items of the last round of delta whose state could not be used."""
        self._items = {item.id: item for item in items if item.id != folder.id}  # a folder may hold itself

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[DriveItem]:
        """Yield all items, each folder before the items in it, by their paths."""
        return iter(sorted(self._items.values(), key=lambda item: item.path.split("/")))

    @property
    def by_id(self) -> Mapping[str, DriveItem]:
        return self._items

    def replaced_by(self, listing: FolderIndex, unread: Collection[str] = ()) -> Changes:
        """Take a listing, and return what changed since this state.

        An item that the listing lacks has been deleted, unless nothing is known about it.

        :param unread: the ids of the folders that were not read whole, and of the items that could not be used.
        """
        before, self._items = self._items, dict(listing.by_id)
        if unread:
            # They and the items below them stay as they were. Their folder may have been renamed or deleted with one
            # above it.
            inside = _Ancestry(before, unread)
            self._items |= {key: item for key, item in before.items() if key not in self._items and inside.holds(key)}
            self._drop_items_elsewhere()
            self._write_paths()
        return self.changes_since(before)

    def take(self, states: Sequence[State]) -> tuple[Changes, list[DriveItem]]:
        """Take a whole round of delta: the latest state of each item of the drive that changed.

        An item whose state cannot be used stays as it was; :attr:`unusable` names it, unless it lies elsewhere.

        :return: what changed, and the folders that came from elsewhere. Delta does not name the items in them: they are
            to be listed, and given to :meth:`add`.
        """
        latest = {data["id"]: data for data in states}
        before = dict(self._items)
        for key, data in latest.items():
            if is_deleted(data):  # of a deleted folder delta may name only the folder; its items are dropped below
                self._items.pop(key, None)
        unusable: list[UnusableItem] = []
        arrived = self._update((data for data in latest.values() if not (is_deleted(data) or is_root(data))), unusable)
        self._drop_items_elsewhere()
        self._write_paths()
        self.unusable = [item for item in unusable if self._may_hold(item)]
        # A folder inside another new one is listed with it.
        new = {item.id for item in arrived}
        return self.changes_since(before), [
            self._items[item.id] for item in arrived if item.id in self._items and item.parent_id not in new
        ]

    def keep(self, items: Iterable[UnusableItem]) -> None:
        """Keep items that cannot be used as they were, each in the folder that it is in now."""
        for item in items:
            self._move(item.id, item.parent_id)

    def _may_hold(self, item: UnusableItem) -> bool:
        """Return whether an item lies in the folder, as far as that is known."""
        parent_id = item.parent_id
        return item.id in self._items or parent_id in (None, self.folder.id) or parent_id in self._items

    def add(self, items: Iterable[DriveItem]) -> list[DriveItem]:
        """Take the items of a folder that came from elsewhere; return the new ones."""
        new = [item for item in items if item.id not in self._items and item.id != self.folder.id]
        self._items |= {item.id: item for item in new}
        return new

    def drop_homeless(self) -> bool:
        """Drop the items that do not say in which folder they are, and return whether there are any.

        Graph leaves the ``parentReference`` out of some items (OD#535).
        """
        count = len(self._items)
        self._items = {key: item for key, item in self._items.items() if item.parent_id}
        return len(self._items) < count

    def changes_since(self, before: Mapping[str, DriveItem]) -> Changes:
        """Compare with the items of an earlier time, by id."""
        changes = Changes(deleted=[item for key, item in before.items() if key not in self._items])
        for item in self._items.values():
            # An item that no event named is the same object, which saves most of the comparisons.
            if (earlier := before.get(item.id)) is not item:
                _note(changes, earlier, item)
        return changes

    def _update(self, states: Iterable[State], unusable: list[UnusableItem]) -> list[DriveItem]:
        """Take the new state of items, in the folder and elsewhere; return the folders that are new.

        :param unusable: takes those whose state cannot be used.
        """
        arrived = []
        for data in states:
            if data["id"] == self.folder.id:
                continue
            try:
                item = self._read(data)
            except UnreadableAnswer as error:
                unusable.append(UnusableItem.of(data, error))
                self._move(data["id"], parent_id_of(data))
                continue
            if item.id not in self._items and item.may_hold_something:
                arrived.append(item)
            self._items[item.id] = item
        return arrived

    def _read(self, data: State) -> DriveItem:
        """Read the state of an item.

        :raises UnreadableAnswer: if it cannot be used, also because it does not name its folder: it would be taken for
            an item that has left this one.
        """
        # The final location follows from the folders, once all of the round's items are known.
        state = {**data, "parentReference": {"driveId": self.folder.drive_id, **nested(data, "parentReference")}}
        item = read_item(state, lambda drive_id, item_id, _: f"items/{drive_id}/{item_id}")
        if not item.parent_id:
            raise unreadable("parentReference", data.get("parentReference"), dict)
        return item

    def _move(self, item_id: str, parent_id: str | None) -> None:
        """Keep an item as it was, in the folder that it is in now if that is known."""
        if parent_id is not None and item_id in self._items:
            self._items[item_id] = replace(self._items[item_id], parent_id=parent_id)

    def _drop_items_elsewhere(self) -> None:
        """Keep only the items whose folders lead up to the root."""
        inside = _Ancestry(self._items, (self.folder.id,))
        self._items = {key: item for key, item in self._items.items() if inside.holds(key)}

    def _write_paths(self) -> None:
        """Set each item's path and location from its folders: of a renamed folder delta names only the folder."""
        paths: dict[str, str] = {self.folder.id: self.folder.path}
        for item in list(self._items.values()):
            for each in self._unnamed(item, paths):
                above = paths.get(each.parent_id or "", self.folder.path)
                paths[each.id] = "/".join(filter(None, (above, each.name)))
            path, location = paths[item.id], self._location(paths[item.id])
            if (item.path, item.location) != (path, location):
                self._items[item.id] = replace(item, path=path, location=location)

    def _unnamed(self, item: DriveItem, paths: Mapping[str, str]) -> list[DriveItem]:
        """Return an item and the folders above it that have no path yet, from the top down."""
        chain: list[DriveItem] = []
        above: DriveItem | None = item
        while above is not None and above.id not in paths:
            chain.append(above)
            above = self._items.get(above.parent_id or "")
        return chain[::-1]

    def _location(self, path: str) -> str:
        below = path.removeprefix(self.folder.path).strip("/")
        return f"{self.folder.location.rstrip('/')}/{below}"


class _Ancestry:
    """Decides which items lie below some roots, or are one of them.

    :param items: by id.
    :param roots: ids.
    """

    def __init__(self, items: Mapping[str, DriveItem], roots: Collection[str]) -> None:
        self._items = items
        self._decided = dict.fromkeys(roots, True)

    def holds(self, item_id: str) -> bool:
        chain: list[str] = []
        key: str | None = item_id
        while key is not None and key not in self._decided:
            self._decided[key] = False  # ends a loop of folders, should Graph ever send one
            chain.append(key)
            key = self._items[key].parent_id if key in self._items else None
        is_inside = key is not None and self._decided[key]
        self._decided |= dict.fromkeys(chain, is_inside)
        return is_inside


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
    # https://learn.microsoft.com/en-us/graph/api/driveitem-delta#remarks: of what was created or modified, drives of
    # work or school leave out the cTag.
    if None not in (before.size, item.size) and before.size != item.size:
        return False
    for mark, other in ((before.quick_xor_hash, item.quick_xor_hash), (before.ctag, item.ctag)):
        if mark and other:
            return mark == other
    return before.etag == item.etag or before.modified_at == item.modified_at
