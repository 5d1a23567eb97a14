"""Flows that delete one item, and see that it has gone."""

from __future__ import annotations

from airflow_provider_onedrive.graph.config.deployment import DeploymentPolicy
from airflow_provider_onedrive.graph.flows.absence import find_again, has_gone
from airflow_provider_onedrive.graph.flows.items import stat
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.flows.walk import FolderWalk, read_page
from airflow_provider_onedrive.graph.protocol.addresses import Address, item_url
from airflow_provider_onedrive.graph.protocol.errors import ItemNotFound, LocationError, ServiceUnavailable
from airflow_provider_onedrive.graph.protocol.messages import Flow, Request
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.options import DeleteOptions

# Of permanentDelete as well, which is a POST.
_DONE = (204,)
DELETES = 4
"""How often a deletion is sent that Graph answers with 404 although the item is there."""


def remove(
    address: Address,
    *,
    recursive: bool = False,
    permanent: bool = False,
    ignore_if_missing: bool = False,
    options: DeleteOptions = DeleteOptions(),
    attempt: TaskAttempt = TaskAttempt(),
    policy: DeploymentPolicy = DeploymentPolicy(),
) -> Flow[list[DriveItem]]:
    """Delete an item; return it, or nothing if it is missing and that is ignored.

    A later attempt ignores it, because an earlier one may have deleted the item.

    :raises LocationError: if it is the root of a drive, a folder that holds something and not ``recursive``, or holds
        too much.
    :raises ConfigurationError: if it holds more than the deployment permits to delete.
    """
    is_ignored = ignore_if_missing or (attempt.retrying and not options.dry_run)
    item = yield from _deletable(address, recursive=recursive, is_ignored=is_ignored)
    if item is None:
        return []
    if item.may_hold_something:
        yield from _check_count(item, address, options.max_items, policy)
    if not options.dry_run:
        yield from delete(item, permanent=permanent)
    return [item]


def delete(item: DriveItem, *, permanent: bool = False, if_match: str | None = None) -> Flow[None]:
    """Delete an item that was seen; that it has gone meanwhile is as good.

    https://learn.microsoft.com/en-us/graph/api/driveitem-delete,
    https://learn.microsoft.com/en-us/graph/api/driveitem-permanentdelete

    :param if_match: the eTag that it must still have; None asks for none.
    :raises ServiceUnavailable: if Graph does not find it, and shows it nevertheless.
    """
    url, headers = item_url(item.drive_id, item.id), {"If-Match": if_match} if if_match else {}
    for failures in range(DELETES):
        method, at = ("POST", f"{url}/permanentDelete") if permanent else ("DELETE", url)
        try:
            yield Request(method, at, headers=headers, failures=failures, expected_statuses=_DONE)
        except ItemNotFound as missing:  # an answer was lost, somebody was faster, or it is there and this passes
            if (yield from has_gone(item)):
                return
            problem = not_deleted(missing)
        else:
            return
    raise problem


def not_deleted(missing: ItemNotFound) -> ServiceUnavailable:
    """Return the error of an item that Graph does not find to delete it, and shows nevertheless."""
    return ServiceUnavailable.of(missing).with_advice("The item is still there: retry later.")


def _check_count(item: DriveItem, address: Address, max_items: int, policy: DeploymentPolicy) -> Flow[None]:
    """Count the items below a folder, and stop counting at the limit."""
    walk, count = FolderWalk(address.by_id(item.drive_id, item.id), was_read=True), 0
    while walk.has_more:
        # Page by page: a folder of a million items is refused after the page that exceeds the limit.
        count += len((yield from read_page(walk)))
        if walk.unread or walk.is_root_unread or any(each.may_be_folder for each in walk.unusable):
            raise ServiceUnavailable(f"A folder in {address} could not be read, so nobody knows what would go.")
        policy.check_count(count + len(walk.unusable))
        if count + len(walk.unusable) > max_items:
            raise LocationError(
                f"{address} holds more than {max_items} items.", advice="Raise max_items if all of them may go."
            )


def _deletable(address: Address, *, recursive: bool, is_ignored: bool) -> Flow[DriveItem | None]:
    """Read what is to be deleted, and refuse what must not be; None if it is missing and that is ignored.

    :raises LocationError: if it is the root of a drive, or a folder that holds something and not ``recursive``.
    """
    try:
        item = yield from stat(address)
    except ItemNotFound as missing:
        again = yield from find_again(address)  # it would be called deleted, and it has to be found to be deleted
        if again is None:
            if is_ignored:
                return None
            raise missing from None
        item = again
    # Graph refuses it too, but with 400 or 403, which stand for much else.
    if item.is_root:
        raise LocationError(f"{address} is the root of a drive and is never deleted.", advice="Name something in it.")
    if item.may_hold_something and not recursive:
        count = "" if item.child_count is None else f"{item.child_count} "
        raise LocationError(f"{address} is a folder with {count}items.", advice="Pass recursive=True to delete all.")
    return item
