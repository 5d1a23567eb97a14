"""A folder or a file of a drive."""

from __future__ import annotations

import bisect
import copy
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_provider_onedrive.emulator.model import clock, ids, names
from airflow_provider_onedrive.emulator.model.contents import Content
from airflow_provider_onedrive.emulator.model.names import NameRules
from airflow_provider_onedrive.emulator.model.sharing import Permission

Identity = dict[str, Any]
SortKey = tuple[int, str]
# SharePoint's default limit of versions in a library.
MAX_VERSIONS = 500


@dataclass(frozen=True)
class Remote:
    """The target of a shortcut."""

    drive_id: str
    item_id: str


@dataclass(frozen=True)
class FileTimes:
    """Graph's fileSystemInfo: the times that the client set, None = not set."""

    created: datetime | None = None
    modified: datetime | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """A content that a file had before."""

    number: int
    content: Content
    modified: datetime
    modified_by: Identity


@dataclass(frozen=True, slots=True)
class Checkout:
    """The checkout of a file by one user.

    :param version: version that was current at the checkout.
    :param etag_version: of the eTag at the checkout, which others see until the check-in; ``ctag_version`` as well.
    """

    by: Identity
    version: int
    etag_version: int = 0
    ctag_version: int = 0


@dataclass(eq=False, slots=True)
class Item:
    """A file, or a folder if it has no content.

    A field is set only between ``change.edit(item)`` and the end of that change. A list or a dict in it is replaced and
    never altered, so that a change can be undone.

    :param version: number of the current version.
    :param past: the former versions, the latest first.
    :param left: ids of the folders that it was moved out of.
    :param package: kind of a package, such as ``oneNote``.
    :param malware: description of the malware in the file; None = there is none.
    :param remote: target of a shortcut, which is neither a folder nor a file.
    :param special: name of the special folder that it is.
    :param is_former: this is a copy, as others see a file that is checked out.
    :param columns: values of the library's columns, which the item has as an item of a list.
    :param permissions: permissions that were granted on it, without the inherited ones.
    """

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
    version: int = 1
    past: tuple[Version, ...] = ()
    left: tuple[str, ...] = ()
    package: str | None = None
    malware: str | None = None
    checkout: Checkout | None = None
    remote: Remote | None = None
    special: str | None = None
    permissions: tuple[Permission, ...] = ()
    is_former: bool = False
    columns: dict[str, Any] = field(default_factory=dict)
    created: datetime = field(default_factory=clock.now)
    modified: datetime = field(default_factory=clock.now)
    client_created: datetime = field(default_factory=clock.now)
    client_modified: datetime = field(default_factory=clock.now)
    modified_by: Identity = field(default_factory=dict)
    children: dict[str, Item] = field(default_factory=dict)
    _by_normal_form: dict[str, Item] = field(default_factory=dict)
    _listing: list[SortKey] | None = None

    @property
    def is_folder(self) -> bool:
        return self.content is None

    @property
    def versions(self) -> int:
        return len(self.past) + 1

    @property
    def etag(self) -> str:
        return ids.etag(self.guid, self.etag_version)

    @property
    def list_etag(self) -> str:
        """Return the eTag of the item of a list: recorded with a small GUID and without braces."""
        return f'"{self.guid},{self.etag_version}"'

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
        return (0 if self.is_folder else 1, names.cased_key(self.name))

    def child(self, name: str) -> Item | None:
        # Of two normal forms, which may both be there by a quirk, the one that was asked for counts.
        return self.children.get(names.cased_key(name)) or self._by_normal_form.get(names.key(name))

    def page(self, after: SortKey | None, size: int) -> tuple[list[Item], bool]:
        """Return the children after a position, and whether more follow.

        The position is a name and not a number: an item that is added or removed between two pages shifts no other.
        """
        if self._listing is None:
            # Sorted once and kept until the folder changes: a client pages through thousands of children.
            self._listing = sorted(child.sort_key for child in self.children.values())
        start = bisect.bisect_right(self._listing, after) if after else 0
        keys = self._listing[start : start + size]
        return [self.children[name] for _, name in keys], start + size < len(self._listing)

    def adopt(self, item: Item, rules: NameRules) -> None:
        self.enter(item, rules)
        item.parent = self
        self._listing = None
        self.grow(item.size)

    def enter(self, item: Item, rules: NameRules) -> None:
        """Let the item be found by its name."""
        self.children[names.cased_key(item.name)] = item
        # ASCII has one normal form only.
        if not item.name.isascii() and not rules.names_without_normal_form:
            self._by_normal_form[names.key(item.name)] = item

    def release(self, item: Item) -> None:
        del self.children[names.cased_key(item.name)]
        if self._by_normal_form.get(key := names.key(item.name)) is item:
            del self._by_normal_form[key]
        self._listing = None
        self.grow(-item.size)

    def grow(self, size: int) -> None:
        """Add to the size of this folder and of all folders above: a folder has the size of its descendants."""
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
        # Without a time from the client, fileSystemInfo follows the service's own time.
        self.client_modified = times.modified or moment

    def begin_version(self) -> None:
        """Keep the current content and properties as a version before they are replaced."""
        # A checkout and its check-in make one version, however often the file is saved in between.
        is_begun = self.checkout is not None and self.version > self.checkout.version
        if self.content is not None and not is_begun:
            former = Version(self.version, self.content, self.modified, self.modified_by)
            self.past = (former, *self.past)[: MAX_VERSIONS - 1]
            self.version += 1

    def seen_by(self, by: Identity) -> Item:
        """Return the item as somebody sees it: what is saved during a checkout is not seen by others."""
        checkout = self.checkout
        if checkout is None or checkout.by == by:
            return self
        former = next((past for past in self.past if past.number == checkout.version), None)
        if former is None:
            return self
        shown = copy.copy(self)
        shown.is_former, shown.content, shown.size, shown.version = (
            True,
            former.content,
            former.content.size,
            former.number,
        )
        shown.modified, shown.modified_by = former.modified, former.modified_by
        shown.etag_version, shown.ctag_version = checkout.etag_version, checkout.ctag_version
        shown.past = tuple(past for past in self.past if past.number < former.number)
        return shown

    def walk(self) -> Iterator[Item]:
        """Yield everything below, parents before children."""
        # A copy, because another thread may change the folder while a caller without the lock walks.
        for child in list(self.children.values()):
            yield child
            yield from child.walk()
