"""Walks of a tree, without I/O: the pages to ask for come out, their answers go in, and the items come out.

One walk serves both clients, folder transfers, conditions, syncs and watchers. A driver repeats three steps:
:meth:`Walk.frontier` names the pages to ask for, the flow :meth:`Walk.read` asks for one of them, and :meth:`Walk.take`
turns it into items. The pages of one frontier may be asked for at once, and taken in any order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, cast

from airflow_provider_onedrive.graph.flows import delta
from airflow_provider_onedrive.graph.flows.absence import find_again, is_unlisted
from airflow_provider_onedrive.graph.flows.items import (
    ITEM_FIELDS,
    LATER,
    children_json,
    stat_or_none,
    unless_denied_for_long,
)
from airflow_provider_onedrive.graph.flows.pages import PAGE_ITEMS, FolderListing, PageLinks
from airflow_provider_onedrive.graph.protocol.addresses import Address, path_reference
from airflow_provider_onedrive.graph.protocol.errors import ItemNotFound, UnreadableAnswer
from airflow_provider_onedrive.graph.protocol.fields import has_id, identifier, nested, required
from airflow_provider_onedrive.graph.protocol.item_states import State, UnusableItem, read_item
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.protocol.messages import Flow, Page, Request
from airflow_provider_onedrive.graph.protocol.models import DriveItem

log = logger(__name__)

# Old personal drives answer about one of a hundred listings of their root with 404.
# One or two 404s for the listing of a folder that exists were recorded, and for the folder itself.
_FAILURES_BEFORE_READS = (0, LATER, LATER + 1)
"""The failures before each look at a folder that was not found: three looks take a driver 6 to 12 s."""


@dataclass(frozen=True, slots=True)
class Visit:
    """An item that a walk has come to.

    :param path: below the walk's root, names separated by ``/``.
    :param data: the item as Graph sent it, which may hold the secret URL of its content; empty in a walk by delta.
    """

    path: str
    item: DriveItem
    data: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class PageStep:
    """A page that a walk asks for.

    :param address: of the folder, drive or item that the page is of.
    :param visit: the folder or item that the page is of; None for the walk's root.
    :param url: the link to the page; None for the first of a listing.
    :param links: those of a delta's pages so far; None for the first.
    :param listing: the folder's pages so far; None for the first.
    """

    address: Address
    visit: Visit | None = None
    url: str | None = None
    links: PageLinks | None = None
    listing: FolderListing | None = None


_HOLDS_NOTHING = Page((), None)


class Walk(ABC):
    """A walk of a tree, each folder before the items in it.

    :param root: the folder to begin with, which itself is no item of the walk. It has to exist; any other folder that
        vanishes during the walk is left out, with a warning.
    """

    unread: list[Visit]
    """The folders that were not read whole. Nothing is known about the items below them: none of these may be deleted,
    or reported as deleted, because the walk did not come to it."""
    unusable: list[UnusableItem]
    """The items that cannot be used. They count as present, and of a folder also the items in it."""
    is_root_unread = False
    """Whether the walk's root itself was not read whole."""
    date: str | None = None
    """When Graph answered first, as its ``Date`` says; None where it did not say."""

    def __init__(self, root: Address, first: Visit | None = None) -> None:
        self.root = root
        self.unread, self.unusable = [], []
        self._steps = [PageStep(root, first)]

    @property
    def has_more(self) -> bool:
        """Whether there are pages to ask for."""
        return bool(self._steps)

    def frontier(self) -> list[PageStep]:
        """Return every page that can be asked for now, and expect all of them to be taken."""
        steps, self._steps = self._steps, []
        return steps

    def next_step(self) -> PageStep:
        """Return one page to ask for."""
        # The newest, so that the walk goes down before it goes on: fewer folders wait than level by level.
        return self._steps.pop()

    @abstractmethod
    def read(self, step: PageStep) -> Flow[Page | None]:
        """Ask for a page; None if its folder has vanished."""

    @abstractmethod
    def take(self, step: PageStep, page: Page | None) -> Iterator[Visit]:
        """Yield the items of a page, and extend the frontier. An item that cannot be used is left out by itself."""

    @property
    def unread_ids(self) -> set[str]:
        """The ids of all of which nothing, or not all, is known."""
        return {visit.item.id for visit in self.unread} | {item.id for item in self.unusable}

    def _address_of(self, item: DriveItem) -> Address:
        return self.root.by_id(item.drive_id, item.id) if item.drive_id else self.root.sibling(item.id)

    def _leave_out(self, visit: Visit) -> None:
        self.unread.append(visit)
        name = visit.path or visit.item.name  # a walk that begins with the vanished folder has no path for it
        log.warning("%s in %s vanished while it was listed, and is left out.", name, self.root)

    def _refuse(self, item: UnusableItem) -> None:
        self.unusable.append(item)
        log.warning("%s in %s cannot be used, and is left out: %s.", item, self.root, item.reason)

    def _doubt(self, step: PageStep, reason: str) -> None:
        """Note that a folder was not read whole."""
        log.warning("The listing of %s %s, and may lack others.", step.visit.path if step.visit else self.root, reason)
        if step.visit is None:
            self.is_root_unread = True
        else:
            self.unread.append(step.visit)

    def _go_on(self, step: PageStep, page: Page, listing: str) -> None:
        """Expect the next page of a listing."""
        links = step.links or PageLinks(listing)
        if (url := links.next_url(page)) is not None:
            self._steps.append(PageStep(step.address, step.visit, url, links))


class FolderWalk(Walk):
    """A walk that lists folder by folder.

    :param recursive: also the folders below the root.
    :param fields: of each item; empty takes the fields that Graph shows by default, with the URL of the content.
    :param was_read: the root was read just now, so neither a 404 nor a 403 of its listing is believed at once.
    :param is_poll: a 404 of the root is believed at once, because the next poll looks again; else it is proven.
    :param seen_as: the root, as delta named it, if it may have vanished since; None if it has to exist.
    """

    def __init__(
        self,
        root: Address,
        *,
        recursive: bool = True,
        fields: str = ITEM_FIELDS,
        was_read: bool = False,
        is_poll: bool = False,
        seen_as: DriveItem | None = None,
    ) -> None:
        super().__init__(root, None if seen_as is None else Visit("", seen_as))
        self._was_read = was_read
        self._is_poll = is_poll
        self._recursive = recursive
        self._fields = fields
        self._entered = set() if seen_as is None else {(seen_as.drive_id, seen_as.id)}

    def read(self, step: PageStep) -> Flow[Page | None]:
        """Ask for a page of a folder.

        :return: an empty page of a folder that is proven to be gone; None if it cannot be read, and may be there.
        :raises ItemNotFound: if the root is proven to be missing, or if a folder exists and its listing is missing
            nevertheless.
        """
        visit = step.visit
        was_read = self._was_read or visit is not None or step.url is not None
        for failures in _FAILURES_BEFORE_READS:
            try:
                return (yield from unless_denied_for_long(partial(self._page, step, failures), was_read=was_read))
            except ItemNotFound as error:
                if visit is None and not self._was_read:
                    if self._is_poll or (yield from find_again(self.root)) is None:
                        raise error from None
                    self._was_read = True
                missing = error
            # Another request for the same folder: a 404 of its listing alone does not prove that it has vanished.
            is_there = yield from _is_there(step.address)
        if is_there or visit is None:
            raise missing
        return _HOLDS_NOTHING if (yield from is_unlisted(visit.item)) else None

    def _page(self, step: PageStep, misses: int, denials: int) -> Flow[Page]:
        size = step.listing.page_items if step.listing else PAGE_ITEMS
        failures = max(misses, denials)
        return children_json(step.address, step.url, fields=self._fields, page_items=size, failures=failures)

    def take(self, step: PageStep, page: Page | None) -> Iterator[Visit]:
        """Yield the items of a page, and extend the frontier. An item that cannot be used is left out by itself."""
        if page is None:
            self._leave_out(cast("Visit", step.visit))
            return
        self.date = self.date or page.date
        listing = step.listing or FolderListing(step.address.url("children"))
        yield from self._visits(step, page, listing)
        if page.unnamed:
            self._doubt(step, f"has {page.unnamed} items without an id")
        url = listing.next_url(page)
        if url is not None or listing.begins_again():
            self._steps.append(PageStep(step.address, step.visit, url, listing=listing))
        elif listing.has_repeats:
            self._doubt(step, "repeats items")

    def _visits(self, step: PageStep, page: Page, listing: FolderListing) -> Iterator[Visit]:
        folder_path = step.visit.path if step.visit else ""
        parent = _Parent(step, page)
        for data in listing.new_items(page):
            try:
                item = read_item(parent.named_in(data), self.root.locate)
            except UnreadableAnswer as error:
                self._refuse(UnusableItem.of(data, error, folder_path))
                continue
            visit = Visit(f"{folder_path}/{item.name}" if folder_path else item.name, item, data)
            if step.visit is None and item.parent_id:
                self._entered.add((item.drive_id, item.parent_id))  # the root, should it hold itself
            if self._recursive and item.may_hold_something:  # no request for a folder that is surely empty
                self._enter(visit)
            yield visit

    def _enter(self, visit: Visit) -> None:
        """Expect a folder's listing, once: a folder that is moved meanwhile may come twice, and a loop for ever."""
        ids = visit.item.drive_id, visit.item.id
        # By ids, because a page of a personal drive was seen to repeat an item of the page before (OD#1472).
        if ids not in self._entered:
            self._entered.add(ids)
            # Without the folder's JSON: in a wide tree many thousand folders wait here.
            folder = Visit(visit.path, visit.item)
            self._steps.append(PageStep(self._address_of(visit.item), folder))


def _is_there(address: Address) -> Flow[bool]:
    try:
        return (yield from stat_or_none(address)) is not None
    except UnreadableAnswer:  # of its own properties nothing is needed
        return True


class _Parent:
    """The folder that a page lists, for the items that do not name it.

    Graph leaves ``parentReference`` out of some items (OD#535, OD#834), and all items of a listing have the same.
    """

    def __init__(self, step: PageStep, page: Page) -> None:
        self._step = step
        self._page = page

    def named_in(self, data: State) -> State:
        """Return an item with the folder that it is in."""
        return data if data.get("parentReference") else {**data, "parentReference": self._reference}

    @cached_property
    def _reference(self) -> Mapping[str, Any]:
        parents = (data.get("parentReference") for data in self._page.items)
        named = next((parent for parent in parents if isinstance(parent, dict) and has_id(parent)), {})
        return self._step.address.as_parent | _as_parent(self._step.visit) | named


def _as_parent(visit: Visit | None) -> dict[str, str]:
    if visit is None:
        return {}
    item = visit.item
    reference = {"driveId": item.drive_id, "id": item.id}
    # By its ids an item has a location if Graph does not say what its path is.
    return reference if item.location.startswith("items/") else reference | {"path": path_reference(item.path)}


class DeltaWalk(Walk):
    """A walk of a whole drive by delta: one request for many items, in however many folders they are.

    :param root: of a drive.
    :param was_read: whether the drive could be read before, so that a refusal may pass.
    """

    def __init__(self, root: Address, *, was_read: bool = False) -> None:
        super().__init__(root)
        self._was_read = was_read
        self._resolver = delta.DeltaPathResolver(root)

    def read(self, step: PageStep) -> Flow[Page | None]:
        """Ask for a page of the drive, or for one item whose folder never came."""
        if step.visit is None:
            was_read = self._was_read or step.url is not None
            return (yield from delta.page(step.address, step.url, was_read=was_read))
        try:
            response = yield Request("GET", step.address.url(), reads=identifier)
        except ItemNotFound:
            return None  # nobody can say where it was, so it counts as not read
        identifier(response.body)
        return Page((response.body,), None)

    def take(self, step: PageStep, page: Page | None) -> Iterator[Visit]:
        """Yield the items of a page, and extend the frontier. An item that cannot be used is left out by itself."""
        if page is None:
            self._leave_out(cast("Visit", step.visit))
        elif step.visit is not None:
            yield from self._visits(map(self._located, page.items))
        else:
            for data in page.items:
                yield from self._visits(self._resolver.items(data))
            if page.unnamed:
                self._doubt(step, f"has {page.unnamed} items without an id")
            if page.next_url is None and page.delta_url is None:
                self._doubt(step, "ends without a link")
            self._go_on(step, page, step.address.url("delta"))
            # Graph does not promise that a folder comes before the items in it:
            # https://learn.microsoft.com/en-us/graph/api/driveitem-delta#remarks
            if page.next_url is None:  # not earlier: any later page may name the missing folder
                self._steps += filter(None, map(self._lookup, self._resolver.homeless()))

    def _lookup(self, data: State) -> PageStep | None:
        """Ask for an item by its id: delta did not name the folder that it is in now."""
        try:
            item = read_item(self._resolver.in_drive(data), self.root.locate)
        except UnreadableAnswer as error:
            self._refuse(UnusableItem.of(data, error))
            return None
        return PageStep(self._address_of(item), Visit(item.name, item))

    def _located(self, data: State) -> DriveItem | UnusableItem:
        """Read an item that was asked for by itself, and that has to name its folder."""
        try:
            required(nested(data, "parentReference"), "path", str)
            return read_item(data, self.root.locate)
        except UnreadableAnswer as error:
            return UnusableItem.of(data, error)

    def _visits(self, items: Iterable[DriveItem | UnusableItem]) -> Iterator[Visit]:
        for item in items:
            if isinstance(item, UnusableItem):
                self._refuse(item)
            else:
                yield Visit(item.path, item)


def walk_of(root: Address, *, has_delta: bool, recursive: bool = True, was_read: bool = False) -> Walk:
    """Return the walk of a folder: by delta if it is all of a drive, and if the drive's delta can be relied on."""
    # Asked for a folder below the root, drives of work or school return the delta of the whole drive (rclone's source).
    is_by_delta = has_delta and recursive and root.is_drive_root
    if is_by_delta:
        return DeltaWalk(root, was_read=was_read)
    return FolderWalk(root, recursive=recursive, was_read=was_read)


def read_page(walk: Walk) -> Flow[list[Visit]]:
    """Read one page of a walk."""
    step = walk.next_step()
    return list(walk.take(step, (yield from walk.read(step))))


def read_items(walk: Walk) -> Flow[list[DriveItem]]:
    """Read all pages of a walk, one after the other."""
    items: list[DriveItem] = []
    while walk.has_more:
        items += [visit.item for visit in (yield from read_page(walk))]
    return items
