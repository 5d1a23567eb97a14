"""Flows that prove an absence: one answer of 404 does not.

Listings, items and deletions that were answered with 404 once or twice although the item was there have been recorded;
a repeat found it. So an item has gone only if two reads of it by its id, seconds apart, and the listing of its folder,
which is another kind of request, agree.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any, cast

from airflow_provider_onedrive.graph.flows.items import (
    LATER,
    children_json,
    folder,
    item_of,
    stat,
    stat_or_none,
    whole_item,
)
from airflow_provider_onedrive.graph.flows.pages import FolderListing
from airflow_provider_onedrive.graph.protocol.addresses import Address, item_address
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    DriveNotFound,
    ItemNotFound,
    LocationError,
    NotFound,
    ServiceUnavailable,
)
from airflow_provider_onedrive.graph.protocol.messages import Flow, Request, T
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.names import comparison_key

_IDS = "id,name"
_FAILURES_BEFORE_READS = (0, 2, LATER)
"""The failures before each read where one 404 contradicts another answer: three reads take a driver 2 to 5 s."""


def has_gone(item: DriveItem) -> Flow[bool]:
    """Return whether an item that was seen is proven to be gone."""
    return (yield from gone_among([item]))[0]


def gone_among(items: Sequence[DriveItem]) -> Flow[list[bool]]:
    """Return for each item that was seen whether it is proven to be gone."""
    missing = list(range(len(items)))
    for failures in (0, LATER):
        there = set[int]()
        for number in missing:
            # One pause for all: it is the time since the first answer that counts.
            item = items[number]
            if (yield from _is_there(item.drive_id, item.id, failures if number == missing[0] else 0)):
                there.add(number)
        missing = [number for number in missing if number not in there]
    folders = {_folder_of(items[number]) for number in missing} - {None}
    listed: dict[Any, Container[str] | None] = {None: None}  # without a folder, the two reads are all there is
    for each in folders:
        listed[each] = yield from _listed(*cast("tuple[str, str]", each))
    gone = {number for number in missing if items[number].id not in (listed[_folder_of(items[number])] or ())}
    return [number in gone for number in range(len(items))]


def exists(address: Address) -> Flow[bool]:
    """Return whether an item is there: one request if it is, and a proof if it was not found.

    :raises DriveNotFound: if its drive is not there.
    """
    try:
        yield from stat(address)
    except ItemNotFound:
        try:
            return (yield from find_again(address)) is not None
        except LocationError:  # a name above it is that of a file, and nothing is below a file
            return False
    return True


def stat_surely(address: Address) -> Flow[DriveItem]:
    """Read one item, and believe that it is missing only if that is proven.

    :raises ItemNotFound: if the item is proven not to be there.
    :raises DriveNotFound: if the drive is not there either.
    """
    try:
        return (yield from stat(address))
    except ItemNotFound as missing:
        return (yield from _proven_there(address, missing))


def folder_surely(address: Address, *, create: bool = False) -> Flow[DriveItem]:
    """Read one item that has to be a folder; see :func:`items.folder`.

    :param create: create it if it is missing. Then nothing has to be proven: Graph refuses to create what is there.
    """
    return (yield from folder(address, create=True) if create else surely(address, folder))


def surely(address: Address, read: Callable[[Address], Flow[T]]) -> Flow[T]:
    """Read something of an item, and believe that the item is missing only if that is proven.

    :param read: asks for the item; it is called once more if the item was not found and is there nevertheless.
    :raises ItemNotFound: if the item is proven not to be there.
    :raises DriveNotFound: if the drive is not there either.
    """
    try:
        return (yield from read(address))
    except ItemNotFound as missing:
        item = yield from _proven_there(address, missing)
    # By its id, which is another shape of request than the one that has just failed twice.
    return (yield from read(address.by_id(item.drive_id, item.id)))


def _proven_there(address: Address, missing: ItemNotFound) -> Flow[DriveItem]:
    item = yield from find_again(address)
    if item is None:
        raise missing from None
    return item


def find_again(address: Address) -> Flow[DriveItem | None]:
    """Look once more for an item that was not found: by its address, then in the listing of its folder.

    There is one pause, however many of the folders above it are missing as well.

    :return: the item; None if it is proven not to be there.
    :raises DriveNotFound: if the drive is not there either.
    :raises ServiceUnavailable: if nothing is proven.
    """
    try:
        return (yield from stat(address, failures=LATER))
    except ItemNotFound:
        if address.is_base:
            return None
    try:
        return (yield from _find_listed(address))
    except AccessDenied:  # a permission for one file does not reach its folder, so the two reads are all there is
        return None


def holder_of(address: Address) -> Flow[DriveItem | None]:
    """Look some times for the item that has a name which Graph refused as taken.

    That refusal and a 404 of the look contradict each other, and mostly the 404 is the one that passes.

    :param address: of the name in a folder that was read.
    :return: None if nothing can be seen: an upload session that was never finished holds its name, too.
    """
    for failures in _FAILURES_BEFORE_READS:
        try:
            return item_of((yield Request("GET", address.url(), failures=failures)), address)
        except ItemNotFound:
            pass
    return None


def _find_listed(address: Address) -> Flow[DriveItem | None]:
    """Look for an item in the listing of its folder; if that is missing, too, in those of the folders above it.

    The listing of the nearest folder that shows itself has the next name on the way, or proves that all below it are
    missing.
    """
    above, missing = address.parent, [address]
    while (item := (yield from stat_or_none(above))) is None and not above.is_base:
        missing.append(above)
        above = above.parent
    if item is None:
        item = yield from find_again(above)
    while missing and item is not None:
        item = yield from _listed_as(missing.pop(), item)
    return item


def _listed_as(address: Address, parent: DriveItem) -> Flow[DriveItem | None]:
    """Find an item by its name in the listing of its folder; None if the listing proves that it is not there."""
    values, is_whole = yield from _listing_again(address.parent.by_id(parent.drive_id, parent.id), address)
    name = comparison_key(address.names[-1])
    for data in values:
        if comparison_key(str(data.get("name"))) == name:
            return whole_item(data, address)
    # An item whose name cannot be read may be this one.
    if not is_whole or not all(isinstance(data.get("name"), str) for data in values):
        raise ServiceUnavailable(f"{address} was not found, and the listing of its folder is not whole.")
    return None


def _listing_again(parent: Address, address: Address) -> Flow[tuple[list[Mapping[str, Any]], bool]]:
    """List a folder that was just read; a 404 of its listing says no more than one of an item."""
    for failures in _FAILURES_BEFORE_READS:
        try:
            return (yield from _listing(parent, "", failures))
        except ItemNotFound as missing:
            problem = missing
    message = f"{address} was not found, and its folder is there and cannot be listed: {problem.message}"
    raise ServiceUnavailable(message) from None


def _is_there(drive_id: str, item_id: str, failures: int = 0) -> Flow[bool]:
    try:
        yield Request("GET", f"{item_address(drive_id, item_id).url()}?$select=id", failures=failures)
    except ItemNotFound:
        return False
    return True


def _folder_of(item: DriveItem) -> tuple[str, str] | None:
    return (item.drive_id, item.parent_id) if item.parent_id else None


def is_unlisted(item: DriveItem) -> Flow[bool]:
    """Return whether the listing of an item's folder shows that the item is not there."""
    parent = _folder_of(item)
    listed = None if parent is None else (yield from _listed(*parent))
    return listed is not None and item.id not in listed


def _listed(drive_id: str, folder_id: str) -> Flow[Container[str] | None]:
    """Return the ids in a folder.

    :return: all ids there are if the listing proves nothing; None if the folder has gone as well, or may not be listed.
    :raises DriveNotFound: if not even the drive is there.
    """
    problem: NotFound | None = None
    for failures in (0, LATER):
        try:
            values, is_whole = yield from _listing(item_address(drive_id, folder_id), _IDS, failures)
        except NotFound as missing:
            problem = missing
            continue
        except AccessDenied:  # a link to one file does not allow to list its folder
            return None
        return {data["id"] for data in values} if is_whole else _Everything()
    if isinstance(problem, DriveNotFound):
        raise problem  # of a drive that does not show itself nothing is proven
    # Both may have been wrong. A folder that shows itself has not gone, whatever is said of its listing.
    return _Everything() if (yield from _is_there(drive_id, folder_id)) else None


class _Everything(Container[str]):
    def __contains__(self, _: object) -> bool:
        return True


def _listing(address: Address, fields: str, failures: int = 0) -> Flow[tuple[list[Mapping[str, Any]], bool]]:
    """Read all pages of a folder.

    :return: also whether they are whole: a listing that repeats an item may lack another one, and so may one with items
        that have no id.
    """
    values, listing, url, has_more = list[Mapping[str, Any]](), FolderListing(address.url("children")), None, True
    unnamed = 0
    while has_more:
        size = listing.page_items
        page = yield from children_json(address, url, fields=fields, page_items=size, failures=failures)
        values += listing.new_items(page)
        unnamed += page.unnamed
        url = listing.next_url(page)
        has_more = url is not None or listing.begins_again()
    return values, not (listing.has_repeats or unnamed)
