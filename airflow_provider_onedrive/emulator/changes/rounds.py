"""A round of delta: a list of changes that is fixed when its first page is requested.

A change that happens while the pages are read belongs to the next round. A round that was dropped, for example by a
restart, is sent again from its beginning, so clients must accept the same item twice.
"""

from __future__ import annotations

import copy

from airflow_provider_onedrive.emulator.changes.deltatokens import DeltaToken
from airflow_provider_onedrive.emulator.model.changes import Round, Tombstone
from airflow_provider_onedrive.emulator.model.drive import Drive, Item

# Rounds hold copies of their items; clients that never finish one must not fill the memory.
MAX_OPEN_ROUNDS = 16


# A round in memory is cheaper than a snapshot of the drive, and exact.
def find(drive: Drive, scope: Item, token: DeltaToken, page_size: int, *, exclude_parents: bool) -> tuple[Round, int]:
    """Return a round and the number of its entries that were sent. The drive's lock is held."""
    open_round = drive.rounds.get(token.round_id)
    if open_round:
        return open_round, token.offset
    if token.position is None:
        new_round = _everything(drive, scope)
    else:
        new_round = _changes(drive, scope, token.position, exclude_parents=exclude_parents)
    # A round of one page needs no memory: nothing of it is requested again.
    if len(new_round.entries) > page_size:
        _keep(drive, new_round)
    return new_round, 0


def _keep(drive: Drive, new: Round) -> None:
    """Freeze a round: copy its items as they are now."""
    new.entries[:] = [copy.copy(entry) if isinstance(entry, Item) else entry for entry in new.entries]
    drive.rounds[new.id] = new
    while len(drive.rounds) > MAX_OPEN_ROUNDS:
        del drive.rounds[next(iter(drive.rounds))]


def _everything(drive: Drive, scope: Item) -> Round:
    return Round([scope, *scope.walk()], drive.log.position)


def _changes(drive: Drive, scope: Item, position: int, *, exclude_parents: bool) -> Round:
    """List existing items first, parents before children, then tombstones."""
    ids = drive.log.since(position)
    changed = [item for item in map(drive.live, ids) if item]
    inside = [item for item in changed if is_within(item, scope)]
    if not exclude_parents:
        inside = list(dict.fromkeys([*_parents(inside, scope), *inside]))
    # The service does not promise this order, but clients that rely on it work with most answers.
    inside.sort(key=_depth)
    gone = [tombstone for item_id in ids if (tombstone := _tombstone(drive, scope, item_id))]
    return Round([*inside, *gone], drive.log.position)


def is_within(item: Item, scope: Item) -> bool:
    above: Item | None = item
    while above and above is not scope:
        above = above.parent
    return above is scope


def _parents(items: list[Item], scope: Item) -> list[Item]:
    folders: dict[Item, None] = {}
    for item in items:
        above = item.parent if item is not scope else None
        while above and above not in folders:
            folders[above] = None
            above = above.parent if above is not scope else None
    return list(folders)


def _depth(item: Item) -> int:
    depth = 0
    while item.parent:
        item, depth = item.parent, depth + 1
    return depth


def _tombstone(drive: Drive, scope: Item, item_id: str) -> Tombstone | None:
    """Return the tombstone of an item that was deleted or was moved out of the scope."""
    item = drive.live(item_id)
    if item is None:
        tombstone = drive.tombstones.get(item_id)
        return tombstone if tombstone and _was_within(drive, scope, tombstone.parent_id) else None
    # An item that was moved out of the scope looks deleted from inside, so it gets a tombstone.
    if is_within(item, scope) or not any(_was_within(drive, scope, folder_id) for folder_id in item.left):
        return None
    return Tombstone(item.id, item.guid, item.left[-1], item.name, item.is_folder)


def _was_within(drive: Drive, scope: Item, folder_id: str) -> bool:
    while folder_id in drive.tombstones:
        folder_id = drive.tombstones[folder_id].parent_id
    folder = drive.live(folder_id)
    return scope is drive.root or (folder is not None and is_within(folder, scope))
