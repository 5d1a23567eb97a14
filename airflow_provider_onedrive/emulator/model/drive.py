"""A drive: a tree of folders and files, and one way to change it."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import count, islice

from airflow_provider_onedrive.emulator.errors.problems import Problem, invalid_request, missing_item
from airflow_provider_onedrive.emulator.model import clock, ids, names, spool
from airflow_provider_onedrive.emulator.model.changes import Change, ChangeLog, Journal, NoJournal, Round, Tombstone
from airflow_provider_onedrive.emulator.model.contents import Content
from airflow_provider_onedrive.emulator.model.item import FileTimes, Identity, Item, Remote, SortKey, Version
from airflow_provider_onedrive.emulator.model.library import Library, Personality
from airflow_provider_onedrive.emulator.model.quota import Quota

__all__ = ["Drive", "FileTimes", "Identity", "Item", "Personality", "Recycled", "SortKey", "Version"]

# Delta needs the former folders of a moved item; a limit keeps an item that moves for ever small.
_REMEMBERED_MOVES = 20


@dataclass(frozen=True, slots=True)
class Recycled:
    """An item in the recycle bin, with all that lay below it.

    :param path: where it was.
    """

    item: Item
    path: str
    parent_id: str
    deleted: datetime = field(default_factory=clock.now)


class Drive:
    """A drive. Callers hold ``lock`` while they read, and ``change()`` while they read and change."""

    def __init__(self, *, owner: Identity, web_path: str = "", library: Library | None = None) -> None:
        self.library = library or Library(ids.new_drive_id(), web_path)
        self.id = self.library.drive_id
        self.owner = owner
        self.web_path = self.library.web_path
        # Re-entrant: a handler that holds the lock calls methods that take it, too.
        self.lock = threading.RLock()
        self.deny = False
        self.personality: Personality = self.library.personality
        self.quota = Quota()
        self._numbers: dict[str, int] = {}
        self.created = clock.now()
        self.log = ChangeLog()
        self.delta_generation = 0
        self.tombstones: dict[str, Tombstone] = {}
        self.recycled: dict[str, Recycled] = {}
        self.rounds: dict[str, Round] = {}
        self.locked_items: set[str] = set()
        self.held_items: set[str] = set()
        self.journal: Journal = NoJournal()
        self.spool = spool.DEFAULT
        self.name_rules: names.NameRules = names.UsualNameRules()
        self._change: Change | None = None
        self._prefix = ids.new_item_prefix()
        self._items: dict[str, Item] = {}
        self.numbers_items = False
        self.root = self._new("root", self.author, ids.ROOT_GUID)
        self._items[self.root.id] = self.root

    def get(self, item_id: str) -> Item:
        """Find by id; the GUID of the list item is an id too."""
        item = self.root if item_id == "root" else self._items.get(item_id) or self._by_other_id(item_id)
        if item is None:
            raise self._no_item(item_id)
        return item

    def live(self, item_id: str) -> Item | None:
        """Find an item that is in the tree."""
        return self._items.get(item_id)

    def find(self, start: Item, path: tuple[str, ...]) -> Item:
        item = self.resolve(start, path)
        if item is None:
            raise missing_item()
        return item

    def resolve(self, start: Item, path: tuple[str, ...]) -> Item | None:
        item: Item | None = start
        for name in path:
            names.check_segment(name)
            item = item.child(name) if item else None
        return item

    @contextmanager
    def change(self) -> Iterator[Change]:
        """Change the drive as a whole or, when an exception leaves the block, not at all.

        A block inside another one belongs to the outer change.
        """
        with self.lock:
            # A nested change belongs to the outer one, so that both are undone together.
            if self._change is not None:
                yield self._change
                return
            change = self._change = Change()
            try:
                yield change
                self._record(change)
            except BaseException:
                change.undo()
                raise
            finally:
                self._change = None

    @property
    def recycle_bin(self) -> list[str]:
        """Return the former paths of the items in the recycle bin."""
        return [recycled.path for recycled in self.recycled.values()]

    def add_folder(self, parent: Item, name: str, by: Identity) -> Item:
        # Even an empty folder is refused if the quota is exceeded already.
        self.quota.check(self.root.size, 0)
        folder = self._new(name, by)
        # Recorded: for work or school it stays 0, whatever happens in the folder.
        folder.ctag_version = 1 if self.personality == "personal" else 0
        return self._add(parent, folder)

    def add_shortcut(self, parent: Item, name: str, by: Identity, remote: Remote) -> Item:
        item = self._new(name, by)
        item.remote = remote
        return self._add(parent, item)

    def add_file(self, parent: Item, name: str, content: Content, by: Identity, times: FileTimes | None = None) -> Item:
        self.quota.check(self.root.size, content.size)
        item = self._new(name, by)
        item.content, item.size = content, content.size
        times = times or FileTimes()
        item.client_created = times.created or item.created
        item.client_modified = times.modified or item.modified
        return self._add(parent, item)

    def replace(self, item: Item, content: Content, by: Identity, times: FileTimes | None = None) -> Item:
        self.quota.check(self.root.size, content.size - item.size)
        with self.change() as change:
            change.edit(item)
            item.begin_version()
            self._grow(change, item, content.size - item.size)
            item.content, item.malware = content, None
            item.ctag_version += 1
            item.touch(by, times)
        return item

    def rewrite(self, item: Item, content: Content) -> None:
        """Replace the content as the service itself does: without a version and without a modifying user."""
        with self.change() as change:
            change.edit(item)
            self._grow(change, item, content.size - item.size)
            item.content = content
            item.ctag_version += 1
            item.etag_version += 1

    def advance_etag(self, item: Item) -> None:
        """Move the eTag and nothing else."""
        with self.change() as change:
            change.edit(item)
            item.etag_version += 1

    def move(self, item: Item, parent: Item, name: str) -> None:
        # A moved folder may exceed the length of paths at its new parent.
        self.check_name(parent, name, folder=item.is_folder)
        with self.change() as change:
            change.edit(item)
            if item.parent:
                self._unlink(change, item.parent, item)
                item.left = item.left if item.parent is parent else (*item.left, item.parent.id)[-_REMEMBERED_MOVES:]
            change.rename(item, name)
            self._link(change, parent, item)

    def remove(self, item: Item, *, permanent: bool = False) -> None:
        """Remove an item and all below it; into the recycle bin unless ``permanent``."""
        parent = item.parent or self.root
        with self.change() as change:
            # First, because the path needs the folders above.
            recycled = Recycled(item, item.path, parent.id)
            for gone in (item, *item.walk()):
                del self._items[gone.id]
                change.on_undo(partial(self._items.__setitem__, gone.id, gone))
                change.remove(gone)
            self._unlink(change, parent, item)
            if not permanent:
                self.recycled[item.id] = recycled
                change.on_undo(partial(self.recycled.pop, item.id))

    def check_arrival(self, item: Item, parent: Item, name: str) -> None:
        """Raise the error of :meth:`take_in`, if there will be one."""
        self.check_name(parent, name, folder=item.is_folder)
        self.quota.check(self.root.size, item.size)

    def take_in(self, item: Item, parent: Item, name: str) -> None:
        """Take an item that another drive gave up, with all that lies below it, under the ids it had."""
        self.check_arrival(item, parent, name)
        with self.change() as change:
            for each in (item, *item.walk()):
                self._items[each.id] = each
                change.on_undo(partial(self._items.pop, each.id))
                change.edit(each)
            change.rename(item, name)
            self._link(change, parent, item)

    def restore(self, recycled: Recycled, parent: Item, name: str) -> Item:
        """Bring an item back out of the recycle bin, with all that lay below it, under the ids it had."""
        item = recycled.item
        self.check_name(parent, name, folder=item.is_folder)
        with self.change() as change:
            del self.recycled[item.id]
            change.on_undo(partial(self.recycled.__setitem__, item.id, recycled))
            for back in (item, *item.walk()):
                self._items[back.id] = back
                change.on_undo(partial(self._items.pop, back.id))
                change.bring_back(back)
            change.rename(item, name)
            self._link(change, parent, item)
        return item

    def revert(self, item: Item, version: Version, by: Identity) -> Item:
        """Restore the content of a version, which adds one more version."""
        return self.replace(item, version.content, by)

    def forget_version(self, item: Item, version: Version) -> None:
        with self.change() as change:
            change.edit(item)
            item.past = tuple(other for other in item.past if other is not version)

    def purge(self, recycled: Recycled) -> None:
        """Remove something from the recycle bin for good."""
        with self.change() as change:
            del self.recycled[recycled.item.id]
            change.on_undo(partial(self.recycled.__setitem__, recycled.item.id, recycled))
            change.purged += [recycled.item, *recycled.item.walk()]

    def is_called(self, drive_id: str) -> bool:
        """Return True if this is the drive's id, in any of its forms."""
        return ids.same_drive(drive_id) == self.id

    @property
    def author(self) -> Identity:
        """Return the identity that created the initial items."""
        return self.owner if "user" in self.owner else {"user": {"displayName": "System Account"}}

    def number(self, item: Item) -> int:
        """Return the number of the item in its list. It is assigned at the first use."""
        with self.lock:
            return self._numbers.setdefault(item.id, len(self._numbers) + 1)

    def numbered(self, number: int) -> Item | None:
        with self.lock:
            item = next((item_id for item_id, item_number in self._numbers.items() if item_number == number), None)
            return self.live(item) if item else None

    @property
    def deleted_bytes(self) -> int:
        return sum(recycled.item.size for recycled in self.recycled.values())

    def take_over(self, root: Item, items: dict[str, Item], recycled: dict[str, Recycled]) -> None:
        """Take the tree that a store has loaded."""
        self.root, self._items, self.recycled = root, items, recycled

    def expire_delta_tokens(self) -> None:
        """Let every token that delta gave so far be answered with 410."""
        with self.change():
            self.delta_generation += 1

    def check_name(self, parent: Item, name: str, *, folder: bool) -> None:
        # Documented: requests below a shortcut need the ids of its target.
        if parent.remote:
            raise invalid_request("A shortcut holds nothing itself: use the ids in remoteItem.")
        names.check_new(name, folder=folder, at_root=parent is self.root)
        names.check_path("/".join([*parent.path_names, name]))

    def free_name(self, parent: Item, name: str, *, folder: bool) -> str:
        """Append the lowest number that is free."""
        tries = (names.numbered(name, number, folder=folder) for number in count(1))
        return next(candidate for candidate in tries if parent.child(candidate) is None)

    def _new(self, name: str, by: Identity, guid: uuid.UUID | None = None) -> Item:
        guid = guid or uuid.uuid4()
        return Item(self._new_id(guid), guid, name, None, by, modified_by=by)

    def _new_id(self, guid: uuid.UUID) -> str:
        if self.numbers_items and self.personality == "personal":
            numbered = (f"{self.id.upper()}!{number}" for number in count(102))
            return next(item_id for item_id in numbered if item_id not in self._items)
        return self._item_id(guid)

    def _add(self, parent: Item, item: Item) -> Item:
        self.check_name(parent, item.name, folder=item.is_folder)
        with self.change() as change:
            change.edit(item)
            self._items[item.id] = item
            change.on_undo(partial(self._items.pop, item.id))
            self._link(change, parent, item)
        return item

    def _link(self, change: Change, parent: Item, item: Item) -> None:
        parent.adopt(item, self.name_rules)
        change.on_undo(partial(parent.release, item))

    def _unlink(self, change: Change, parent: Item, item: Item) -> None:
        parent.release(item)
        change.on_undo(partial(parent.adopt, item, self.name_rules))

    def _grow(self, change: Change, item: Item, size: int) -> None:
        item.grow(size)
        change.on_undo(partial(item.grow, -size))

    def _record(self, change: Change) -> None:
        """Write the change to the journal and then to the log. If the journal fails, the change is undone."""
        moment, first = self.log.next_moment(), self.log.position + len(change.touched)
        change.tombstones = [_tombstone(item, number) for number, item in enumerate(change.removed.values(), first)]
        if self.personality == "personal":
            self._advance_folders(change)
        self.journal.write(self, change, moment)
        self.log.append(change.ids, moment)
        for item_id in change.touched:
            self.tombstones.pop(item_id, None)
        self.tombstones.update((tombstone.id, tombstone) for tombstone in change.tombstones)
        self._forget_tombstones()

    def _advance_folders(self, change: Change) -> None:
        """Move the cTag of every folder above a change; only a consumer's folders have one."""
        above: dict[str, Item] = {}
        for item in (*change.touched.values(), *change.removed.values()):
            former = self._items.get(item.left[-1]) if item.left else None
            for folder in (item.parent, former):
                while folder and folder.id not in above:
                    above[folder.id] = folder
                    folder = folder.parent  # noqa: PLW2901 - that is how one climbs
        for folder in above.values():
            folder.ctag_version += 1
            change.on_undo(partial(setattr, folder, "ctag_version", folder.ctag_version - 1))
        change.advanced = [folder for folder in above.values() if folder.id in self._items]

    def _forget_tombstones(self) -> None:
        """Drop the tombstones that the log no longer names. The oldest are first."""
        # Only some at a time, so that no single change becomes slow.
        for tombstone in list(islice(self.tombstones.values(), 1000)):
            if tombstone.position >= self.log.first:
                return
            del self.tombstones[tombstone.id]

    def _by_other_id(self, text: str) -> Item | None:
        if self.personality == "personal":
            # Consumers' ids occur in several spellings. https://github.com/abraunegg/onedrive/issues/3072
            return self._items.get(ids.same_personal_item(text))
        try:
            guid = uuid.UUID(text)
        except ValueError:
            return None
        return self.by_guid(guid)

    def by_guid(self, guid: uuid.UUID) -> Item | None:
        item = self._items.get(self._item_id(guid))
        if item is None and self.personality == "personal":
            # An old id does not hold the GUID.
            return next((each for each in list(self._items.values()) if each.guid == guid), None)
        return item

    def resource_id(self, item: Item) -> str:
        """Return the id by which a monitor names an item. A consumer's has the form of work or school, too."""
        # Recorded in 2025: no request finds the item of a personal drive by it.
        return ids.item_id(self._prefix, item.guid) if self.personality == "personal" else item.id

    def _no_item(self, item_id: str) -> Problem:
        if self.personality == "business" and ids.is_malformed_item(item_id):
            return invalid_request("The provided item id appears to be malformed.")
        return missing_item()

    def _item_id(self, guid: uuid.UUID) -> str:
        is_personal = self.personality == "personal"
        return ids.personal_item_id(self.id, guid) if is_personal else ids.item_id(self._prefix, guid)


def _tombstone(item: Item, position: int) -> Tombstone:
    parent_id = item.parent.id if item.parent else ""
    return Tombstone(item.id, item.guid, parent_id, item.name, item.is_folder, position)
