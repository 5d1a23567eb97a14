"""Walks of a tree, without I/O: the pages to ask for come out, their answers go in, and the items come out.

One walk serves both clients, folder transfers, conditions, syncs and watchers. A driver repeats three steps:
:meth:`Walk.frontier` names the pages to ask for, the flow :meth:`Walk.read` asks for one of them, and :meth:`Walk.take`
turns it into items. The pages of one frontier may be asked for at once, and taken in any order.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from airflow_provider_onedrive.graph.flows import delta
from airflow_provider_onedrive.graph.flows.absence import LATER, is_unlisted
from airflow_provider_onedrive.graph.flows.items import ITEM_FIELDS, children_json, stat_or_none
from airflow_provider_onedrive.graph.flows.pages import PAGE_ITEMS, FolderListing, PageLinks
from airflow_provider_onedrive.graph.protocol.addresses import Address
from airflow_provider_onedrive.graph.protocol.errors import ItemNotFound, UnreadableAnswer
from airflow_provider_onedrive.graph.protocol.messages import Flow, Page, Request
from airflow_provider_onedrive.graph.protocol.models import DriveItem

log = logging.getLogger(__name__)

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
    is_root_unread = False
    """Whether the walk's root itself was not read whole."""
    date: str | None = None
    """When Graph answered first, as its ``Date`` says; None where it did not say."""

    def __init__(self, root: Address, first: Visit | None = None) -> None:
        self.root = root
        self.unread = []
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

    def take(self, step: PageStep, page: Page | None) -> Iterator[Visit]:
        """Yield the items of a page, and extend the frontier.

        :raises UnreadableAnswer: naming the request of the page, if an item cannot be read.
        """
        try:
            yield from self._take(step, page)
        except UnreadableAnswer as error:
            request = Request("GET", step.url or step.address.url())
            raise error.of_answer(request.method, request.shown, None) from error.__cause__

    @abstractmethod
    def _take(self, step: PageStep, page: Page | None) -> Iterator[Visit]:
        """Yield the items of a page, and extend the frontier."""

    def _leave_out(self, visit: Visit) -> None:
        self.unread.append(visit)
        name = visit.path or visit.item.name  # a walk that begins with the vanished folder has no path for it
        log.warning("%s in %s vanished while it was listed, and is left out.", name, self.root)

    def _go_on(self, step: PageStep, page: Page, listing: str) -> None:
        """Expect the next page of a listing."""
        links = step.links or PageLinks(listing)
        if (url := links.next_url(page)) is not None:
            self._steps.append(PageStep(step.address, step.visit, url, links))


class FolderWalk(Walk):
    """A walk that lists folder by folder.

    :param recursive: also the folders below the root.
    :param fields: of each item; empty takes the fields that Graph shows by default, with the URL of the content.
    :param was_read: the root was read just now, so a 404 of its listing is not believed at once.
    :param seen_as: the root, as delta named it, if it may have vanished since; None if it has to exist.
    """

    def __init__(
        self,
        root: Address,
        *,
        recursive: bool = True,
        fields: str = ITEM_FIELDS,
        was_read: bool = False,
        seen_as: DriveItem | None = None,
    ) -> None:
        super().__init__(root, None if seen_as is None else Visit("", seen_as))
        self._was_read = was_read
        self._recursive = recursive
        self._fields = fields
        self._entered: set[tuple[str, str]] = set()

    def read(self, step: PageStep) -> Flow[Page | None]:
        """Ask for a page of a folder.

        :return: an empty page of a folder that is proven to be gone; None if it cannot be read, and may be there.
        :raises ItemNotFound: if the root is missing, or if a folder exists and its listing is missing nevertheless.
        """
        size, visit = step.listing.page_items if step.listing else PAGE_ITEMS, step.visit
        ask = partial(children_json, step.address, step.url, fields=self._fields, page_items=size)
        for failures in _FAILURES_BEFORE_READS:
            try:
                return (yield from ask(failures=failures))
            except ItemNotFound as error:
                if visit is None and not self._was_read:
                    raise
                missing = error
            # Another request for the same folder: a 404 of its listing alone does not prove that it has vanished.
            is_there = (yield from stat_or_none(step.address)) is not None
        if is_there or visit is None:
            raise missing
        return _HOLDS_NOTHING if (yield from is_unlisted(visit.item)) else None

    def _take(self, step: PageStep, page: Page | None) -> Iterator[Visit]:
        if page is None:
            self._leave_out(cast("Visit", step.visit))
            return
        self.date = self.date or page.date
        prefix = f"{step.visit.path}/" if step.visit and step.visit.path else ""
        listing = step.listing or FolderListing(step.address.url("children"))
        for data in listing.new_items(page):
            item = DriveItem.from_json(data, self.root.locate)
            visit = Visit(f"{prefix}{item.name}", item, data)
            if self._recursive and item.may_hold_something:  # no request for a folder that is surely empty
                self._enter(visit)
            yield visit
        url = listing.next_url(page)
        if url is not None or listing.begins_again():
            self._steps.append(PageStep(step.address, step.visit, url, listing=listing))
        elif listing.has_repeats:
            self._doubt(step)

    def _doubt(self, step: PageStep) -> None:
        """Note that a folder's pages repeat items however they are asked for, so that others may be missing."""
        log.warning(
            "The listing of %s repeats items, and may lack others.", step.visit.path if step.visit else self.root
        )
        if step.visit is None:
            self.is_root_unread = True
        else:
            self.unread.append(step.visit)

    def _enter(self, visit: Visit) -> None:
        """Expect a folder's listing, once: a folder that is moved meanwhile may come twice, and a loop for ever."""
        ids = visit.item.drive_id, visit.item.id
        # By ids, because a page of a personal drive was seen to repeat an item of the page before (OD#1472).
        if ids not in self._entered:
            self._entered.add(ids)
            # Without the folder's JSON: in a wide tree many thousand folders wait here.
            folder = Visit(visit.path, visit.item)
            self._steps.append(PageStep(self.root.by_id(*ids), folder))


class DeltaWalk(Walk):
    """A walk of a whole drive by delta: one request for many items, in however many folders they are.

    :param root: of a drive.
    """

    def __init__(self, root: Address) -> None:
        super().__init__(root)
        self._resolver = delta.DeltaPathResolver(root)

    def read(self, step: PageStep) -> Flow[Page | None]:
        """Ask for a page of the drive, or for one item whose folder never came."""
        if step.visit is None:
            return (yield from delta.page(step.address, step.url))
        try:
            response = yield Request("GET", step.address.url())
        except ItemNotFound:
            return None  # nobody can say where it was, so it counts as not read
        return Page((response.json,), None)

    def _take(self, step: PageStep, page: Page | None) -> Iterator[Visit]:
        if page is None:
            self._leave_out(cast("Visit", step.visit))
        elif step.visit is not None:
            yield from self._visits(DriveItem.from_json(data, self.root.locate) for data in page.items)
        else:
            for data in page.items:
                yield from self._visits(self._resolver.items(data))
            self._go_on(step, page, step.address.url("delta"))
            # Graph does not promise that a folder comes before the items in it:
            # https://learn.microsoft.com/en-us/graph/api/driveitem-delta#remarks
            if page.next_url is None:  # not earlier: any later page may name the missing folder
                self._steps += map(self._lookup, self._resolver.homeless())

    def _lookup(self, data: Mapping[str, Any]) -> PageStep:
        """Ask for an item by its id: delta did not name the folder that it is in now."""
        item = DriveItem.from_json(data, self.root.locate)
        return PageStep(self.root.by_id(item.drive_id, item.id), Visit(item.name, item))

    @staticmethod
    def _visits(items: Iterator[DriveItem]) -> Iterator[Visit]:
        return (Visit(item.path, item) for item in items)


def walk_of(root: Address, *, has_delta: bool, recursive: bool = True, was_read: bool = False) -> Walk:
    """Return the walk of a folder: by delta if it is all of a drive, and if the drive's delta can be relied on."""
    # Asked for a folder below the root, drives of work or school return the delta of the whole drive (rclone's source).
    is_by_delta = has_delta and recursive and root.is_drive_root
    return DeltaWalk(root) if is_by_delta else FolderWalk(root, recursive=recursive, was_read=was_read)


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
