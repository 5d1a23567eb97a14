"""Reads folders and trees for the clients: how the pages of a listing are asked for, one by one or several at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import partial
from typing import Any

from airflow_provider_onedrive.graph.content.filters import Filters, reaches_below
from airflow_provider_onedrive.graph.flows import delta as changes
from airflow_provider_onedrive.graph.flows import items
from airflow_provider_onedrive.graph.flows.downloads import Link, linked_children
from airflow_provider_onedrive.graph.location_context import Addresses, LocationLike
from airflow_provider_onedrive.graph.protocol.errors import ItemNotFound, OneDriveError
from airflow_provider_onedrive.graph.protocol.locations import Address
from airflow_provider_onedrive.graph.protocol.messages import Flow, Page, T
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.transfers import bulk as many

ListPage = Callable[[Address, str | None], Flow[Page]]
"""Asks for one page of a folder."""

_FOLDERS_AT_ONCE = 8


class Listings(Addresses, ABC):
    """Reads folders and trees in threads."""

    @abstractmethod
    def address(self, location: LocationLike) -> Address:
        """Turn a location into Graph's terms."""

    @abstractmethod
    def run_each(self, works: Iterable[Callable[[], T]], at_once: int) -> Iterator[tuple[int, T | OneDriveError]]:
        """Do works in threads, so many at once, each with its own end; they are begun as earlier ones end.

        :return: the number of each and what came of it, as they end.
        """

    @abstractmethod
    def _about(self, operation: str, address: Address, flow: Flow[T]) -> T:
        """Drive a flow to its end; its errors name the operation and the address."""

    def find(
        self, location: LocationLike, filters: Filters, *, kind: str = "file", recursive: bool = False
    ) -> Iterator[DriveItem]:
        """Give what the filters choose below a folder.

        :param kind: ``file``, ``folder`` or ``any``; of a folder only the patterns are compared.
        :param recursive: also in its folders; a pattern with ``/`` looks there anyway.
        """
        address = self.address(location)
        if not (recursive or reaches_below(filters.file_pattern)):
            return (item for item in self.children_of(address) if many.is_chosen(item, item.name, filters, kind))
        base_path = "" if address.is_drive_root else self._about("list", address, items.folder(address)).path
        found = ((item, many.path_below(item, base_path)) for item in self.walk_from(address))
        return (item for item, path in found if many.is_chosen(item, path, filters, kind))

    def children_of(self, address: Address) -> Iterator[DriveItem]:
        """Give what lies directly in a folder."""
        return self._pages(address, items.children)

    def walk_from(self, address: Address) -> Iterator[DriveItem]:
        """Give everything below a folder: of a whole drive by delta, else its folders several at once."""
        is_by_delta = address.is_drive_root and self.settings.has_delta
        return self._by_delta(address) if is_by_delta else self._by_level(address, items.children, lambda item: item)

    def links_of(self, address: Address, *, recursive: bool) -> Iterator[Link]:
        """Give what lies in a folder, or everything below it, each file with a link to its content."""
        if recursive:
            return self._by_level(address, linked_children, lambda link: link.item)
        return self._pages(address, linked_children)

    def _pages(self, address: Address, list_page: ListPage) -> Iterator[Any]:
        url: str | None = None
        while True:
            page = self._about("list", address, list_page(address, url))
            yield from page.items
            if (url := page.next_url) is None:
                return

    def _by_delta(self, address: Address) -> Iterator[DriveItem]:
        tree = changes.DeltaPathResolver(address)
        url: str | None = None
        while True:
            page = self._about("list", address, changes.page(address, url))
            for data in page.items:
                yield from tree.items(data)
            if (url := page.next_url) is None:
                break
        for drive_id, item_id in tree.homeless():
            item = self._about("list", address, items.stat_or_none(address.by_id(drive_id, item_id)))
            if item is not None:
                yield item

    def _by_level(self, address: Address, list_page: ListPage, item_of: Callable[[Any], DriveItem]) -> Iterator[Any]:
        """Read a page of each folder that is known, several at once; then of those found there, and the next pages.

        A folder that has gone since it was found is left out.
        """
        level: list[tuple[Address, str | None]] = [(address, None)]
        while level:
            asked, level = level, []
            works = (partial(self._about, "list", folder, list_page(folder, url)) for folder, url in asked)
            for number, page in self.run_each(works, _FOLDERS_AT_ONCE):
                folder = asked[number][0]
                if isinstance(page, OneDriveError):
                    if folder is address or not self._has_gone(folder, page):
                        raise page
                    continue
                for found in page.items:
                    yield found
                    if (item := item_of(found)).may_hold_something:
                        level.append((address.by_id(item.drive_id, item.id), None))
                if page.next_url is not None:
                    level.append((folder, page.next_url))

    def _has_gone(self, address: Address, problem: OneDriveError) -> bool:
        """Look once more before something is left out."""
        return isinstance(problem, ItemNotFound) and self._about("list", address, items.stat_or_none(address)) is None


class AsyncListings(Addresses, ABC):
    """Reads folders and trees on an event loop."""

    @abstractmethod
    async def _about(self, operation: str, address: Address, flow: Flow[T]) -> T:
        """Drive a flow to its end; its errors name the operation and the address."""

    async def _children(self, address: Address) -> AsyncIterator[DriveItem]:
        url: str | None = None
        while True:
            page = await self._about("list", address, items.children(address, url))
            for item in page.items:
                yield item
            if (url := page.next_url) is None:
                return

    async def _walk(self, address: Address) -> AsyncIterator[DriveItem]:
        async for item in self._children(address):
            yield item
            if item.may_hold_something:
                async for below in self._walk(address.by_id(item.drive_id, item.id)):
                    yield below
