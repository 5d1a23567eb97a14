"""Keeps a manifest of a folder tree current: first by a complete listing, then by the events of delta.

A drive has one delta for all of it; events outside of the folder are skipped.
https://learn.microsoft.com/en-us/graph/api/driveitem-delta
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeGuard

from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.content.sources import StoredObject
from airflow_provider_onedrive.graph.flows import delta
from airflow_provider_onedrive.graph.flows.absence import folder_surely
from airflow_provider_onedrive.graph.flows.delta import Round
from airflow_provider_onedrive.graph.flows.walk import FolderWalk, Visit, Walk, read_items, walk_of
from airflow_provider_onedrive.graph.protocol.addresses import Address, address_of
from airflow_provider_onedrive.graph.protocol.fields import nested
from airflow_provider_onedrive.graph.protocol.locations import Location
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.protocol.messages import Flow, T
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.tracking.manifests import Delivery, Head, Unreadable, open_manifest, write_manifest
from airflow_provider_onedrive.graph.tracking.tree import Changes, FolderIndex

log = logger(__name__)


class Runner(Protocol):
    """The part of a client that is needed."""

    settings: Settings

    def check_owner(self) -> None: ...
    def run(self, flow: Flow[T], /) -> T: ...
    def visits(self, walk: Walk, /) -> Iterator[Visit]: ...


@dataclass(frozen=True)
class Synced:
    """The result of a run.

    :param items: the number of items now.
    :param changes: in the order of the paths.
    :param full_because: why everything was listed; empty if only changes were asked for.
    :param cursor_age_seconds: the age of the manifest that was continued; None if there was none.
    """

    manifest: str
    items: int
    changes: Changes = field(repr=False)
    full_because: str = ""
    cursor_age_seconds: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "manifest": self.manifest,
            "items": self.items,
            **self.changes.counts(),
            "full_because": self.full_because,
            "cursor_age_seconds": self.cursor_age_seconds,
        }


@dataclass(frozen=True)
class SyncRun:
    """The run that gets the changes; the default is a program that is run once.

    :param key: names the run; each attempt of it has the same key. None keeps no changes for another attempt.
    :param has_succeeded: whether the run of a key has its changes for good; None takes that for granted.
    """

    key: str | None = None
    has_succeeded: Callable[[str], bool] | None = field(default=None, repr=False)

    def is_of(self, delivery: Delivery | None) -> TypeGuard[Delivery]:
        """Whether an earlier attempt of this run got these changes."""
        return delivery is not None and delivery.run_key == self.key

    def gets_too(self, delivery: Delivery | None) -> TypeGuard[Delivery]:
        """Whether this run gets changes that another run was given, and may have lost."""
        if delivery is None or delivery.before == {} or self.has_succeeded is None:
            return False
        return not self.has_succeeded(delivery.run_key)


def sync_folder(
    client: Runner, address: Address, output: Path | StoredObject, full_every: timedelta | None, run: SyncRun
) -> Synced:
    """Bring a manifest up to date.

    The manifest is replaced before the run has its changes safe, as in XCom, and the run may end in between. So the
    manifest keeps the changes: another attempt of the run gets the same, and if it never succeeds, the next run gets
    them together with its own.

    :param full_every: the time after which everything is listed again, as Microsoft advises; None never does that by
        itself.
    :raises LocationError: if the location is a file.
    """
    # Before anything is read: the next run's full_every counts from the beginning of this one.
    now = datetime.now(UTC)
    folder = client.run(folder_surely(address))
    head, index, why = _stored(output, folder)
    if head is not None and run.is_of(head.delivery):
        log.info("An earlier attempt of this run has synced %s; the changes are the same.", address)
        return _same_again(output, index, head.delivery)
    before, age = _items_before(index, head, run), _age(head, now)
    if head is not None and not why:
        # Microsoft advises a complete listing now and then, although there is delta:
        # https://learn.microsoft.com/en-us/onedrive/developer/rest-api/concepts/scan-guidance
        why = _is_due(head, full_every, now) or _has_no_cursor(head, client.settings)
    cursor, why = _advance(client, address, index, head.cursor if head else None, why)
    changes = index.changes_since(before).in_order()
    full_at = now.isoformat() if why or head is None else head.full_at
    delivery = None if run.key is None else _delivery(run.key, before, changes, why, age)
    # Items and cursor in one file, so that no crash leaves a cursor that is newer than the items.
    client.check_owner()
    write_manifest(output, Head(index.folder, cursor, now.isoformat(), full_at, delivery), index)
    return Synced(str(output), len(index), changes, why, age)


def _same_again(output: Path | StoredObject, index: FolderIndex, delivery: Delivery) -> Synced:
    changes = index.changes_since(delivery.items_before(index.by_id)).in_order()
    return Synced(str(output), len(index), changes, delivery.full_because, delivery.cursor_age_seconds)


def _items_before(index: FolderIndex, head: Head | None, run: SyncRun) -> dict[str, DriveItem]:
    """Return the items that a run compares with, by id."""
    if head is not None and run.gets_too(head.delivery):
        log.info("The run %s has not succeeded: this run gets its changes too.", head.delivery.run_key)
        return head.delivery.items_before(index.by_id)
    return dict(index.by_id)


def _delivery(
    run_key: str, before: Mapping[str, DriveItem], changes: Changes, full_because: str, age: float | None
) -> Delivery:
    # If all items are new, there may be very many of them, and the manifest has them anyway.
    changed = {item.id: before.get(item.id) for _, item in changes.items()} if before else None
    return Delivery(run_key, changed, full_because, age)


def _advance(
    client: Runner, address: Address, index: FolderIndex, cursor: str | None, full_because: str
) -> tuple[str | None, str]:
    """Bring an index up to date.

    :return: the new cursor, and why everything was listed.
    """
    if not full_because:
        try:
            return _take_changes(client, address, index, str(cursor)), ""
        except delta.CURSOR_LOST as refusal:
            full_because = f"Graph no longer knows the cursor: {refusal.message}"
    # The manifest keeps the items, so even a complete listing returns only the differences.
    log.info("All of %s is listed: %s.", address, full_because)
    return _list_all(client, address, index), full_because


def _stored(output: Path | StoredObject, folder: DriveItem) -> tuple[Head | None, FolderIndex, str]:
    """Read the manifest, and the reason why it cannot be continued; empty if it can."""
    try:
        with open_manifest(output) as manifest:
            if manifest is None:
                return None, FolderIndex(folder), "there is no manifest yet"
            head, rows = manifest
            if (head.folder.drive_id, head.folder.id) != (folder.drive_id, folder.id):
                return None, FolderIndex(folder), f"the manifest is of {head.folder.location}"
            index = FolderIndex(folder, rows)
    except Unreadable as error:
        return None, FolderIndex(folder), f"the manifest cannot be continued, for {error}"
    # Every location in it has another beginning then; delta would name only the folder.
    has_moved = (head.folder.path, head.folder.location) != (folder.path, folder.location)
    return head, index, "the folder has moved" if has_moved else ""


def _is_due(head: Head, full_every: timedelta | None, now: datetime) -> str:
    if full_every is not None and now - datetime.fromisoformat(head.full_at) >= full_every:
        return f"the last complete listing is of {head.full_at}"
    return ""


def _has_no_cursor(head: Head, settings: Settings) -> str:
    if head.cursor:
        return ""
    return "the last run could not read all folders" if settings.has_delta else "there is no delta here"


def _age(head: Head | None, now: datetime) -> float | None:
    return None if head is None else (now - datetime.fromisoformat(head.written_at)).total_seconds()


def _list_all(client: Runner, address: Address, index: FolderIndex) -> str | None:
    """List everything. The cursor is asked for before, so that changes meanwhile are not lost, but come twice."""
    has_delta = client.settings.has_delta
    cursor = client.run(delta.latest(drive_root(index.folder))) if has_delta else None
    walk = walk_of(base_of(address, index.folder), has_delta=has_delta, was_read=True)
    listing = FolderIndex(index.folder, (each.item for each in client.visits(walk)))
    unread = client.run(catch_up(listing, address, cursor, walk))
    index.keep(walk.unusable)
    index.replaced_by(listing, unread)
    # No later round names the items of an unread folder, so there is no cursor to go on from: the next run lists all.
    return None if unread else cursor


def _take_changes(client: Runner, address: Address, index: FolderIndex, cursor: str) -> str | None:
    """Read a whole round of delta, and list the folders that came from elsewhere."""
    events = client.run(delta.since(drive_root(index.folder), cursor))
    _, unread = client.run(take(index, address, events))
    return next_cursor(index, events, cursor, unread)


def next_cursor(index: FolderIndex, events: Round, cursor: str | None, unread: set[str]) -> str | None:
    """Return where the round after this one begins; None if everything has to be listed.

    :param cursor: where this round began. If an item could not be used, the next round begins there as well: then Graph
        names the item again, and the other events change nothing a second time.
    """
    if unread:
        return None
    return cursor if index.unusable or not events.is_whole else events.cursor


def take(index: FolderIndex, address: Address, events: Round) -> Flow[tuple[Changes, set[str]]]:
    """Take a round of delta, and list the folders that came from elsewhere: delta does not name the items in them.

    Items that cannot be used stay as they were; the index names them.

    :return: also the ids of the folders that were not read whole. The index lacks items of them that no later round
        names, so everything has to be listed next time.
    """
    changes, arrived = index.take(events.items)
    for item in index.unusable:
        log.warning("%s in %s cannot be used, and stays as it was: %s.", item, address, item.reason)
    unread: set[str] = set()
    for folder in arrived:
        walk = FolderWalk(address.by_id(folder.drive_id, folder.id), seen_as=folder)
        listing = FolderIndex(folder, (yield from read_items(walk)))
        unread |= walk.unread_ids | ({folder.id} if listing.drop_homeless() else set())
        changes.created += index.add(listing.by_id.values())
    return changes, unread


def _has_home(data: Mapping[str, Any]) -> bool:
    """Return whether an event says in which folder its item is, as only that of a deletion or of the root need not."""
    return "deleted" in data or "root" in data or bool(nested(data, "parentReference").get("id"))


def catch_up(listing: FolderIndex, address: Address, cursor: str | None, walk: Walk) -> Flow[set[str]]:
    """Take what happened since a cursor into a listing: an item that was renamed meanwhile may be missing in it.

    :param cursor: of the time before the listing; None if there is no delta.
    :param walk: the listing's.
    :return: the ids of the folders that were not read whole, and of the items that could not be used, without those
        that have gone, or could be read later, as an event shows.
    """
    unread = {each.item.id for each in walk.unread} | {each.id for each in walk.unusable if each.may_be_folder}
    unusable, named = {each.id for each in walk.unusable}, set[str]()
    is_whole = not (listing.drop_homeless() or walk.is_root_unread)
    if cursor is not None:
        events = yield from delta.since(drive_root(listing.folder), cursor)
        # An item that moved from a folder still to be listed to one that had been is in neither listing.
        unread |= (yield from take(listing, address, events))[1]
        is_whole &= events.is_whole
        named = {data["id"] for data in events.items} - {each.id for each in listing.unusable}
        unusable |= {each.id for each in listing.unusable}
    # A folder that an event named, and that is not in the listing any more, has gone: that is proven.
    unread = {key for key in unread if key in listing.by_id or key not in named} | (unusable - named)
    return unread if is_whole else unread | {listing.folder.id}


def drive_root(folder: DriveItem) -> Address:
    """Address the root of the drive that a folder lies in."""
    return address_of(Location("drives", (folder.drive_id,)))


def base_of(address: Address, folder: DriveItem) -> Address:
    """Address a folder by its id; the root of a drive as what it is, for only that has a delta."""
    return address if address.is_drive_root else address.by_id(folder.drive_id, folder.id)
