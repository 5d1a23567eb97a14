"""Flows that delete one item."""

from __future__ import annotations

from airflow_provider_onedrive.graph.flows.items import stat
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.flows.walk import FolderWalk, read_page
from airflow_provider_onedrive.graph.protocol.addresses import Address, item_url
from airflow_provider_onedrive.graph.protocol.errors import ItemNotFound, LocationError
from airflow_provider_onedrive.graph.protocol.messages import Flow, Request
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.options import DeleteOptions


def remove(
    address: Address,
    *,
    recursive: bool = False,
    permanent: bool = False,
    ignore_if_missing: bool = False,
    options: DeleteOptions = DeleteOptions(),
    attempt: TaskAttempt = TaskAttempt(),
) -> Flow[list[DriveItem]]:
    """Delete an item; return it, or nothing if it is missing and that is ignored.

    A later attempt ignores it, because an earlier one may have deleted the item.

    :raises LocationError: if it is the root of a drive, a folder that holds something and not ``recursive``, or holds
        too much.
    """
    try:
        item = yield from _deletable(address, recursive=recursive)
    except ItemNotFound:
        may_be_done = attempt.retrying and not options.dry_run
        if not (ignore_if_missing or may_be_done):
            raise
        return []
    if item.may_hold_something:
        yield from _check_count(item, address, options.max_items)
    if not options.dry_run:
        yield from _delete(item, permanent=permanent)
    return [item]


def _delete(item: DriveItem, *, permanent: bool) -> Flow[None]:
    """Delete an item that was just seen; that it has gone meanwhile is as good.

    https://learn.microsoft.com/en-us/graph/api/driveitem-delete,
    https://learn.microsoft.com/en-us/graph/api/driveitem-permanentdelete
    """
    url = item_url(item.drive_id, item.id)
    try:
        yield Request("POST", f"{url}/permanentDelete") if permanent else Request("DELETE", url)
    except ItemNotFound:  # an answer was lost and the request sent again, or somebody else was faster
        return


def _check_count(item: DriveItem, address: Address, max_items: int) -> Flow[None]:
    """Count the items below a folder, and stop counting at the limit."""
    walk, count = FolderWalk(address.by_id(item.drive_id, item.id)), 0
    while walk.has_more:
        # Page by page: a folder of a million items is refused after the page that exceeds the limit.
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
    # Graph refuses it too, but with 400 or 403, which stand for much else.
    if item.is_root:
        raise LocationError(f"{address} is the root of a drive and is never deleted.", advice="Name something in it.")
    if item.may_hold_something and not recursive:
        count = "" if item.child_count is None else f"{item.child_count} "
        raise LocationError(f"{address} is a folder with {count}items.", advice="Pass recursive=True to delete all.")
    return item
