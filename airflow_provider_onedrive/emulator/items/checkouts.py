"""A file that one has to himself for a while.

https://learn.microsoft.com/graph/api/driveitem-checkout
https://learn.microsoft.com/graph/api/driveitem-checkin
https://learn.microsoft.com/graph/api/driveitem-discardcheckout
"""

from __future__ import annotations

from airflow_provider_onedrive.emulator.errors.problems import invalid_request, not_supported
from airflow_provider_onedrive.emulator.http.messages import Reply
from airflow_provider_onedrive.emulator.items import locks
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.model.changes import Change
from airflow_provider_onedrive.emulator.model.drive import Item
from airflow_provider_onedrive.emulator.model.item import Checkout

# Documented values of checkInAs, and an absent one.
_LEVELS = frozenset({None, "", "published", "unspecified"})


def begin(call: Call) -> Reply:
    """Check a file out. A second checkout by the same user changes nothing."""
    with call.drive.change() as change:
        item = _file(call)
        locks.check(call.drive, item, call.by, call.request.operation)
        if item.checkout is None:
            change.edit(item)
            # The version is remembered, because discarding the checkout restores it.
            item.etag_version += 1
            item.checkout = Checkout(call.by, item.version, item.etag_version, item.ctag_version)
    return Reply(204)


def end(call: Call) -> Reply:
    body = call.request.json()
    if body.get("checkInAs") not in _LEVELS:
        raise invalid_request("checkInAs is neither 'published' nor 'unspecified'.")
    with call.drive.change() as change:
        item = _checked_out(call)
        locks.check(call.drive, item, call.by, call.request.operation)
        change.edit(item)
        item.checkout = None
        item.etag_version += 1
    return Reply(204)


def discard(call: Call) -> Reply:
    """Restore the content before the checkout. Besides the user who checked it out, an application may do so."""
    with call.drive.change() as change:
        item = _checked_out(call)
        if call.token.user is not None or item.id in call.drive.locked_items:
            locks.check(call.drive, item, call.by, call.request.operation)
        _take_back(call, change, item)
    return Reply(204)


def _take_back(call: Call, change: Change, item: Item) -> None:
    former = next((past for past in item.past if item.checkout and past.number == item.checkout.version), None)
    if former:
        call.drive.rewrite(item, former.content)
    change.edit(item)
    if former:
        item.past = tuple(past for past in item.past if past.number < former.number)
        item.version, item.modified, item.modified_by = former.number, former.modified, former.modified_by
    item.checkout = None
    item.etag_version += 1


def _checked_out(call: Call) -> Item:
    item = _file(call)
    if item.checkout is None:
        raise invalid_request("The file is not checked out.")
    return item


def _file(call: Call) -> Item:
    if call.drive.personality == "personal":
        raise not_supported()
    item = call.item()
    if item.is_folder:
        raise invalid_request("A folder cannot be checked out.")
    return item
