"""Files that cannot be changed at the moment: open in an editor, or checked out by another user.

https://learn.microsoft.com/graph/api/driveitem-checkout
"""

from __future__ import annotations

from airflow_provider_onedrive.emulator.errors.defaults import graph_error
from airflow_provider_onedrive.emulator.errors.problems import Problem
from airflow_provider_onedrive.emulator.model.drive import Drive, Identity, Item

_LOCKED = 423


def check(drive: Drive, item: Item, by: Identity, operation: str) -> None:
    """Raise the operation's 423 if the user may not change an item."""
    if is_locked(drive, item, by):
        raise refusal(operation)


def check_tree(drive: Drive, item: Item, by: Identity, operation: str) -> None:
    """Raise 423 when the item, or one below it, may not be changed."""
    # Walking a large tree for nothing would make deletions slow.
    if drive.locked_items or _has_checkouts(item):
        for each in (item, *item.walk()):
            check(drive, each, by, operation)


def is_locked(drive: Drive, item: Item, by: Identity) -> bool:
    return item.id in drive.locked_items or (item.checkout is not None and item.checkout.by != by)


def refusal(operation: str) -> Problem:
    error = graph_error(_LOCKED, operation)
    return Problem(_LOCKED, error.code, error.message, inner=error.inner)


def _has_checkouts(item: Item) -> bool:
    return item.checkout is not None or any(each.checkout is not None for each in item.walk())
