"""Flows that delete one item, and see that it has gone."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_onedrive.graph.config.deployment import DeploymentPolicy
from airflow_provider_onedrive.graph.flows.absence import has_gone, stat_surely
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.flows.walk import FolderWalk, read_page
from airflow_provider_onedrive.graph.protocol.addresses import Address, item_url
from airflow_provider_onedrive.graph.protocol.errors import (
    DeletionStopped,
    FolderNotEmpty,
    GraphError,
    ItemNotFound,
    LocationError,
    OnHold,
    ServiceUnavailable,
)
from airflow_provider_onedrive.graph.protocol.messages import Flow, Request
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.options import DeleteOptions

# Of permanentDelete as well, which is a POST.
_DONE = (204,)
_EMPTIABLE = (
    "It keeps folders as long as something is in them: on_hold='delete_contents' of a deletion with recursive deletes "
    "that first, where the deployment allows it."
)
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

    :return: also what was in it, if ``on_hold`` had that deleted.
    :raises LocationError: if it is the root of a drive, a folder that holds something and not ``recursive``, or holds
        too much.
    :raises ConfigurationError: if it holds more than the deployment permits to delete.
    :raises OnHold: if a retention policy or a hold keeps it.
    """
    options.check(recursive=recursive)
    is_ignored = ignore_if_missing or (attempt.retrying and not options.dry_run)
    item = yield from _deletable(address, recursive=recursive, is_ignored=is_ignored)
    if item is None:
        return []
    is_unlimited = options.max_items is None and policy.max_delete is None
    if item.may_hold_something and not is_unlimited:
        yield from _items_below(item, address, options.max_items, policy)
    if options.dry_run:
        return [item]
    try:
        yield from delete(item, permanent=permanent)
    except OnHold as held:
        if not item.is_folder:
            raise
        if options.on_hold == "fail":
            raise held.with_advice(f"Nothing was deleted. {held.remedy} {_EMPTIABLE}") from None
        # Listed anew, because nobody knows what has come in since it was counted.
        below = yield from _items_below(item, address, options.max_items, policy)
        return (yield from _delete_one_by_one([*below, item], permanent=permanent))
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
            yield Request(
                method, at, headers=headers, failures=failures, expected_statuses=_DONE, etags={item.id: item.etag}
            )
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


def _delete_one_by_one(items: Sequence[DriveItem], *, permanent: bool) -> Flow[list[DriveItem]]:
    """Delete what a folder on hold holds, and the folder: the policy keeps files and empty folders of their own.

    :param items: each after all that is in it.
    :raises DeletionStopped: at the first that is itself refused, such as a record.
    """
    deleted: list[DriveItem] = []
    for number, item in enumerate(items):
        try:
            yield from delete(item, permanent=permanent)
        except GraphError as refused:
            went, stayed = [each.location for each in deleted], [each.location for each in items[number:]]
            text = f"{item.location} is refused after {len(went)} of {len(items)} items were deleted: {refused.message}"
            if refused.is_retryable:
                raise refused.with_advice(f"{text}. A later attempt deletes the rest.") from None
            raise DeletionStopped(text, advice=refused.remedy).with_items(went, stayed) from refused
        deleted.append(item)
    return deleted


def _items_below(
    folder: DriveItem, address: Address, max_items: int | None, policy: DeploymentPolicy
) -> Flow[list[DriveItem]]:
    """List what is in a folder, each folder after what is in it, and stop at the limit."""
    walk, items = FolderWalk(address.by_id(folder.drive_id, folder.id), was_read=True), list[DriveItem]()
    while walk.has_more:
        # Page by page: a folder of a million items is refused after the page that exceeds the limit.
        items += [visit.item for visit in (yield from read_page(walk))]
        if walk.unread or walk.is_root_unread or any(each.may_be_folder for each in walk.unusable):
            raise ServiceUnavailable(f"A folder in {address} could not be read, so nobody knows what would go.")
        count = len(items) + len(walk.unusable)
        policy.check_count(count)
        if max_items is not None and count > max_items:
            raise LocationError(
                f"{address} holds more than {max_items} items.", advice="Raise max_items if all of them may go."
            )
    return items[::-1]  # a walk meets each folder before what is in it


def _deletable(address: Address, *, recursive: bool, is_ignored: bool) -> Flow[DriveItem | None]:
    """Read what is to be deleted, and refuse what must not be; None if it is missing and that is ignored.

    :raises LocationError: if it is the root of a drive, or a folder that holds something and not ``recursive``.
    """
    try:
        item = yield from stat_surely(address)  # it would be called deleted, and it has to be found to be deleted
    except ItemNotFound:
        if is_ignored:
            return None
        raise
    # Graph refuses it too, but with 400 or 403, which stand for much else.
    if item.is_root:
        raise LocationError(f"{address} is the root of a drive and is never deleted.", advice="Name something in it.")
    if item.may_hold_something and not recursive:
        count = "" if item.child_count is None else f"{item.child_count} "
        raise FolderNotEmpty(f"{address} is a folder with {count}items.", advice="Pass recursive=True to delete all.")
    return item
