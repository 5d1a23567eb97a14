"""Flows that prove an absence: one answer of 404 does not.

Listings, items and deletions that were answered with 404 once or twice although the item was there have been recorded;
a repeat found it. So an item has gone only if two reads of it by its id, seconds apart, and the listing of its folder,
which is another kind of request, agree.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any, cast

from airflow_provider_onedrive.graph.flows.items import LATER, children_json, stat, whole_item
from airflow_provider_onedrive.graph.flows.pages import FolderListing
from airflow_provider_onedrive.graph.protocol.addresses import Address, item_address
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    DriveNotFound,
    ItemNotFound,
    NotFound,
    ServiceUnavailable,
)
from airflow_provider_onedrive.graph.protocol.messages import Flow, Request
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.names import comparison_key

_IDS = "id,name"


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
    for folder in folders:
        listed[folder] = yield from _listed(*cast("tuple[str, str]", folder))
    gone = {number for number in missing if items[number].id not in (listed[_folder_of(items[number])] or ())}
    return [number in gone for number in range(len(items))]


def find_again(address: Address) -> Flow[DriveItem | None]:
    """Look once more for an item that was not found: by its address, then in the listing of its folder.

    :return: the item; None if it is proven not to be there.
    :raises DriveNotFound: if the drive is not there either.
    """
    try:
        return (yield from stat(address, failures=LATER))
    except ItemNotFound:
        if address.is_base:
            return None
    try:
        parent = yield from _folder_again(address.parent)
        if parent is None:
            return None
        values, is_whole = yield from _listing(address.parent.by_id(parent.drive_id, parent.id), "")
    except AccessDenied:  # a permission for one file does not reach its folder, so the two reads are all there is
        return None
    name = comparison_key(address.names[-1])
    for data in values:
        if comparison_key(str(data.get("name"))) == name:
            return whole_item(data, address)
    # An item whose name cannot be read may be this one.
    if not is_whole or not all(isinstance(data.get("name"), str) for data in values):
        raise ServiceUnavailable(f"{address} was not found, and the listing of its folder is not whole.")
    return None


def _folder_again(address: Address) -> Flow[DriveItem | None]:
    try:
        return (yield from stat(address))
    except ItemNotFound:
        return (yield from find_again(address))


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
    folder = _folder_of(item)
    listed = None if folder is None else (yield from _listed(*folder))
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
