"""Flows that delete one item."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_onedrive.graph.flows.items import stat
from airflow_provider_onedrive.graph.flows.walk import FolderWalk, read_page
from airflow_provider_onedrive.graph.protocol.errors import ItemNotFound, LocationError
from airflow_provider_onedrive.graph.protocol.locations import Address, item_url
from airflow_provider_onedrive.graph.protocol.messages import Flow, Request
from airflow_provider_onedrive.graph.protocol.models import DriveItem


@dataclass(frozen=True)
class Removal:
    """How an item is deleted.

    :param recursive: also a folder with items in it.
    :param permanent: not to the recycle bin.
    :param max_items: a folder with more items is refused.
    :param dry_run: delete nothing.
    :param ignore_if_missing: a missing item is no error, and the result is empty.
    """

    recursive: bool = False
    permanent: bool = False
    max_items: int = 1000
    dry_run: bool = False
    ignore_if_missing: bool = False


def remove(address: Address, how: Removal) -> Flow[list[DriveItem]]:
    """Delete an item.

    :raises LocationError: if it is the root of a drive, a folder that holds something and not ``recursive``, or holds
        too much.
    """
    try:
        item = yield from _deletable(address, recursive=how.recursive)
    except ItemNotFound:
        if not how.ignore_if_missing:
            raise
        return []
    if item.may_hold_something:
        yield from _check_count(item, address, how.max_items)
    if not how.dry_run:
        yield from _delete(item, permanent=how.permanent)
    return [item]


def _delete(item: DriveItem, *, permanent: bool) -> Flow[None]:
    """Delete an item that was just seen; that it has gone meanwhile is as good.

    https://learn.microsoft.com/en-us/graph/api/driveitem-delete,
    https://learn.microsoft.com/en-us/graph/api/driveitem-permanentdelete
    """
    url = item_url(item.drive_id, item.id)
    try:
        yield Request("POST", f"{url}/permanentDelete") if permanent else Request("DELETE", url)
    except ItemNotFound:
        return


def _check_count(item: DriveItem, address: Address, max_items: int) -> Flow[None]:
    """Count the items below a folder, and stop counting at the limit."""
    walk, count = FolderWalk(address.by_id(item.drive_id, item.id)), 0
    while walk.has_more:
        count += len((yield from read_page(walk)))
        if count > max_items:
            raise LocationError(
                f"{address} holds more than {max_items} items.", advice="Raise max_items if all of them may go."
            )


def _deletable(address: Address, *, recursive: bool) -> Flow[DriveItem]:
    """Read what is to be deleted, and refuse what must not be.

    :raises LocationError: if it is the root of a drive, or a folder that holds something and not ``recursive``.
    """
    item = yield from stat(address)
    if item.is_root:
        raise LocationError(f"{address} is the root of a drive and is never deleted.", advice="Name something in it.")
    if item.may_hold_something and not recursive:
        count = "" if item.child_count is None else f"{item.child_count} "
        raise LocationError(f"{address} is a folder with {count}items.", advice="Pass recursive=True to delete all.")
    return item
