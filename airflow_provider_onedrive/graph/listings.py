"""Reads folders and trees for the clients: the drivers of a walk, in threads and on an event loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from functools import partial

from airflow_provider_onedrive.graph.content.filters import Filters
from airflow_provider_onedrive.graph.content.selection import Selection
from airflow_provider_onedrive.graph.flows.walk import FolderWalk, PageStep, Visit, Walk, walk_of
from airflow_provider_onedrive.graph.location_context import LocationContext
from airflow_provider_onedrive.graph.protocol.addresses import Address
from airflow_provider_onedrive.graph.protocol.errors import OneDriveError
from airflow_provider_onedrive.graph.protocol.locations import LocationLike
from airflow_provider_onedrive.graph.protocol.messages import Flow, Page, T
from airflow_provider_onedrive.graph.protocol.models import DriveItem

_FOLDERS_AT_ONCE = 8


class Listings(LocationContext, ABC):
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
        """Yield the items below a folder that the filters choose.

        :param location: the folder.
        :param filters: choose among the files.
        :param kind: ``file``, ``folder`` or ``any``; of a folder only the patterns are compared.
        :param recursive: also the items in the folders below; a pattern with ``/`` includes them anyway.
        """
        selection = Selection(filters, kind, recursive)
        selection.check()
        selection = selection.read_by(self.parser)
        address = self.address(location)
        walk = walk_of(address, has_delta=self.settings.has_delta, recursive=selection.is_deep)
        return (each.item for each in self.visits(walk) if selection.matches(each.item, each.path))

    def children_of(self, address: Address) -> Iterator[DriveItem]:
        """Yield the items directly in a folder."""
        return (each.item for each in self.visits(FolderWalk(address, recursive=False)))

    def walk_from(self, address: Address) -> Iterator[DriveItem]:
        """Yield all items below a folder."""
        return (each.item for each in self.visits(walk_of(address, has_delta=self.settings.has_delta)))

    def visits(self, walk: Walk) -> Iterator[Visit]:
        """Drive a walk, and yield each item as its page is read: several pages at once, of different folders."""
        while steps := walk.frontier():
            # The pages come as they end, so a slow folder does not hold back the items of the others.
            for number, page in self._pages(walk, steps):
                if isinstance(page, OneDriveError):
                    raise page
                yield from _taken(walk, steps[number], page)

    def _pages(self, walk: Walk, steps: Sequence[PageStep]) -> Iterator[tuple[int, Page | OneDriveError | None]]:
        # One page is read in this thread, when its items are asked for: children() and a large folder need no threads.
        asks = [partial(self._page, walk, step) for step in steps]
        return self.run_each(asks, _FOLDERS_AT_ONCE) if len(asks) > 1 else iter([(0, asks[0]())])

    def _page(self, walk: Walk, step: PageStep) -> Page | None:
        return self._about("list", step.address, walk.read(step))


class AsyncListings(LocationContext, ABC):
    """Reads folders and trees on an event loop."""

    @abstractmethod
    async def _about(self, operation: str, address: Address, flow: Flow[T]) -> T:
        """Drive a flow to its end; its errors name the operation and the address."""

    async def _children(self, address: Address) -> AsyncIterator[DriveItem]:
        async for visit in self.visits(FolderWalk(address, recursive=False)):
            yield visit.item

    async def _walk(self, address: Address) -> AsyncIterator[DriveItem]:
        async for visit in self.visits(walk_of(address, has_delta=self.settings.has_delta)):
            yield visit.item

    async def visits(self, walk: Walk) -> AsyncIterator[Visit]:
        """Drive a walk, and yield each item as its page is read."""
        while walk.has_more:
            step = walk.next_step()
            for visit in _taken(walk, step, await self._about("list", step.address, walk.read(step))):
                yield visit


def _taken(walk: Walk, step: PageStep, page: Page | None) -> Iterator[Visit]:
    """Yield the items of a page; the error of a page that cannot be read names the folder."""
    try:
        yield from walk.take(step, page)
    except OneDriveError as error:
        raise error.about("list", str(step.address)) from error.__cause__
