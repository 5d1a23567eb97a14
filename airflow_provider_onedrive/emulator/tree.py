"""One drive: a tree of folders and files."""

from __future__ import annotations

import bisect
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from typing import Any

from airflow_provider_onedrive.emulator import clock, ids, names
from airflow_provider_onedrive.emulator.contents import Content
from airflow_provider_onedrive.emulator.problems import item_not_found

Identity = dict[str, Any]
SortKey = tuple[int, str]


@dataclass(frozen=True)
class FileTimes:
    """What Graph calls fileSystemInfo: the moments the client gives, where it gives any."""

    created: datetime | None = None
    modified: datetime | None = None


@dataclass(eq=False)
class Item:
    """A folder when it has no content."""

    id: str
    guid: uuid.UUID
    name: str
    parent: Item | None
    by: Identity
    content: Content | None = None
    size: int = 0
    description: str | None = None
    etag_version: int = 1
    ctag_version: int = 1
    versions: int = 1
    created: datetime = field(default_factory=clock.now)
    modified: datetime = field(default_factory=clock.now)
    client_created: datetime = field(default_factory=clock.now)
    client_modified: datetime = field(default_factory=clock.now)
    modified_by: Identity = field(default_factory=dict)
    children: dict[str, Item] = field(default_factory=dict)
    _listing: list[SortKey] | None = None

    @property
    def is_folder(self) -> bool:
        return self.content is None

    @property
    def etag(self) -> str:
        return ids.etag(self.guid, self.etag_version)

    @property
    def ctag(self) -> str:
        return ids.ctag(self.guid, self.ctag_version)

    @property
    def path_names(self) -> list[str]:
        """Return the names from below the root down to this item."""
        return [*self.parent.path_names, self.name] if self.parent else []

    @property
    def path(self) -> str:
        return "/".join(self.path_names)

    @property
    def sort_key(self) -> SortKey:
        """Folders come first, then files, each by name."""
        return (0 if self.is_folder else 1, names.key(self.name))

    def child(self, name: str) -> Item | None:
        return self.children.get(names.key(name))

    def page(self, after: SortKey | None, size: int) -> tuple[list[Item], bool]:
        """Return the children that follow a position, and whether still more follow.

        The position is a name, not a number: what is added or removed between two pages shifts nothing else.
        """
        if self._listing is None:
            self._listing = sorted(child.sort_key for child in self.children.values())
        start = bisect.bisect_right(self._listing, after) if after else 0
        keys = self._listing[start : start + size]
        return [self.children[name] for _, name in keys], start + size < len(self._listing)

    def adopt(self, item: Item) -> None:
        self.children[names.key(item.name)] = item
        item.parent = self
        self._listing = None
        self.grow(item.size)

    def release(self, item: Item) -> None:
        del self.children[names.key(item.name)]
        self._listing = None
        self.grow(-item.size)

    def grow(self, size: int) -> None:
        """Add to the size of the folder and those above: it is that of all that lies below."""
        folder: Item | None = self
        while folder:
            folder.size += size
            folder = folder.parent

    def touch(self, by: Identity, times: FileTimes | None = None) -> None:
        moment = clock.now()
        times = times or FileTimes()
        self.modified, self.modified_by = moment, by
        self.etag_version += 1
        self.client_created = times.created or self.client_created
        self.client_modified = times.modified or moment

    def walk(self) -> Iterator[Item]:
        """Yield everything below, parents before children."""
        for child in list(self.children.values()):
            yield child
            yield from child.walk()


class Drive:
    """Callers hold ``lock`` around a look and the change that depends on it."""

    def __init__(self, *, owner: Identity, web_path: str) -> None:
        self.id = ids.new_drive_id()
        self.owner = owner
        self.web_path = web_path
        self.lock = threading.RLock()
        self.deny = False
        self.recycle_bin: list[str] = []
        self.created = clock.now()
        self._prefix = ids.new_item_prefix()
        self._items: dict[str, Item] = {}
        self.root = self._new("root", owner)
        self._items[self.root.id] = self.root

    def get(self, item_id: str) -> Item:
        """Find by id; the GUID of the list item is an id too."""
        item = self.root if item_id == "root" else self._items.get(item_id) or self._by_guid(item_id)
        if item is None:
            raise item_not_found()
        return item

    def find(self, start: Item, path: tuple[str, ...]) -> Item:
        found = self.look(start, path)
        if found is None:
            raise item_not_found()
        return found

    def look(self, start: Item, path: tuple[str, ...]) -> Item | None:
        item: Item | None = start
        for name in path:
            names.check_segment(name)
            item = item.child(name) if item else None
        return item

    def add_folder(self, parent: Item, name: str, by: Identity) -> Item:
        return self._add(parent, self._new(name, by))

    def add_file(self, parent: Item, name: str, content: Content, by: Identity, times: FileTimes | None = None) -> Item:
        item = self._new(name, by)
        item.content, item.size = content, content.size
        times = times or FileTimes()
        item.client_created = times.created or item.created
        item.client_modified = times.modified or item.modified
        return self._add(parent, item)

    def replace(self, item: Item, content: Content, by: Identity, times: FileTimes | None = None) -> Item:
        item.grow(content.size - item.size)
        item.content = content
        item.ctag_version += 1
        item.versions += 1
        item.touch(by, times)
        return item

    def move(self, item: Item, parent: Item, name: str) -> None:
        self.check_name(parent, name, folder=item.is_folder)
        if item.parent:
            item.parent.release(item)
        item.name = name
        parent.adopt(item)

    def remove(self, item: Item, *, permanent: bool = False) -> None:
        """Take out of the tree, with all that lies below; into the recycle bin unless ``permanent``."""
        path = item.path
        for gone in (item, *item.walk()):
            del self._items[gone.id]
        if item.parent:
            item.parent.release(item)
        if not permanent:
            self.recycle_bin.append(path)

    def check_name(self, parent: Item, name: str, *, folder: bool) -> None:
        names.check_new(name, folder=folder, at_root=parent is self.root)
        names.check_path("/".join([*parent.path_names, name]))

    def free_name(self, parent: Item, name: str, *, folder: bool) -> str:
        """Append the lowest number that is free."""
        tries = (names.numbered(name, number, folder=folder) for number in count(1))
        return next(candidate for candidate in tries if parent.child(candidate) is None)

    def _new(self, name: str, by: Identity) -> Item:
        guid = uuid.uuid4()
        return Item(ids.item_id(self._prefix, guid), guid, name, None, by, modified_by=by)

    def _add(self, parent: Item, item: Item) -> Item:
        self.check_name(parent, item.name, folder=item.is_folder)
        self._items[item.id] = item
        parent.adopt(item)
        return item

    def _by_guid(self, text: str) -> Item | None:
        try:
            guid = uuid.UUID(text)
        except ValueError:
            return None
        return self._items.get(ids.item_id(self._prefix, guid))
