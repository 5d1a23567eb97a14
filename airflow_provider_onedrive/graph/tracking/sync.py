"""Keeps a manifest of a folder tree current: first a complete listing, then only what delta tells.

A drive has one delta, of all of it; what happens outside of the folder is passed over.
https://learn.microsoft.com/en-us/graph/api/driveitem-delta
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.content.sources import StoredObject
from airflow_provider_onedrive.graph.flows import delta, items
from airflow_provider_onedrive.graph.flows.delta import Round
from airflow_provider_onedrive.graph.protocol.locations import Address, Location, address_of
from airflow_provider_onedrive.graph.protocol.messages import Flow, T
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.tracking.manifests import Head, Unreadable, open_manifest, write_manifest
from airflow_provider_onedrive.graph.tracking.tree import Changes, FolderIndex

log = logging.getLogger(__name__)


class Runner(Protocol):
    """What of a client is needed."""

    settings: Settings

    def run(self, flow: Flow[T], /) -> T: ...
    def walk_from(self, address: Address, /) -> Iterator[DriveItem]: ...


@dataclass(frozen=True)
class Synced:
    """What a run has done.

    :param items: how many there are now.
    :param full_because: why all was listed; empty where only changes were asked for.
    :param cursor_age_seconds: how old the manifest was that was gone on with; None where there was none.
    """

    manifest: str
    items: int
    changes: Changes = field(repr=False)
    full_because: str = ""
    cursor_age_seconds: float | None = None

    def to_xcom(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "manifest": self.manifest,
            "items": self.items,
            **self.changes.counts(),
            "full_because": self.full_because,
            "cursor_age_seconds": self.cursor_age_seconds,
        }


def sync_folder(client: Runner, address: Address, place: Path | StoredObject, full_every: timedelta | None) -> Synced:
    """Bring a manifest up to date.

    :param full_every: after so long all is listed again, as Microsoft advises; None never does that by itself.
    :raises LocationError: if the location is a file.
    """
    now = datetime.now(UTC)
    folder = client.run(items.folder(address))
    head, tree, why = _known(place, folder)
    if head is not None and not why:
        why = _is_due(head, full_every, now) or ("" if head.cursor else "there is no delta here")
    changes, cursor = Changes(), head.cursor if head else None
    if not why:
        try:
            changes, cursor = _changes(client, address, tree, str(cursor))
        except delta.CURSOR_LOST as refusal:
            why = f"Graph no longer knows the cursor: {refusal.message}"
    if why:
        log.info("All of %s is listed: %s.", address, why)
        changes, cursor = _listed(client, address, tree)
    full_at = now.isoformat() if why or head is None else head.full_at
    write_manifest(place, Head(tree.folder, cursor, now.isoformat(), full_at), tree)
    return Synced(str(place), len(tree), changes, why, _age(head, now))


def _known(place: Path | StoredObject, folder: DriveItem) -> tuple[Head | None, FolderIndex, str]:
    """Read what is known, and say why it is of no use; empty where it is."""
    try:
        with open_manifest(place) as found:
            if found is None:
                return None, FolderIndex(folder), "there is no manifest yet"
            head, known = found
            if (head.folder.drive_id, head.folder.id) != (folder.drive_id, folder.id):
                return None, FolderIndex(folder), f"the manifest is of {head.folder.location}"
            tree = FolderIndex(folder, known)
    except Unreadable as error:
        return None, FolderIndex(folder), f"the manifest cannot be gone on with, for {error}"
    is_elsewhere = (head.folder.path, head.folder.location) != (folder.path, folder.location)
    return head, tree, "the folder has moved" if is_elsewhere else ""


def _is_due(head: Head, full_every: timedelta | None, now: datetime) -> str:
    if full_every is not None and now - datetime.fromisoformat(head.full_at) >= full_every:
        return f"the last complete listing is of {head.full_at}"
    return ""


def _age(head: Head | None, now: datetime) -> float | None:
    return None if head is None else (now - datetime.fromisoformat(head.written_at)).total_seconds()


def _listed(client: Runner, address: Address, tree: FolderIndex) -> tuple[Changes, str | None]:
    """List all of it; the cursor is asked for before, so that what happens meanwhile comes again, and is not lost."""
    cursor = client.run(delta.latest(drive_root(tree.folder))) if client.settings.has_delta else None
    listing = FolderIndex(tree.folder, client.walk_from(_base(address, tree.folder)))
    return tree.replaced_by(client.run(caught_up(listing, address, cursor))), cursor


def _changes(client: Runner, address: Address, tree: FolderIndex, cursor: str) -> tuple[Changes, str]:
    """Read a whole round of delta, and list the folders that came from elsewhere."""
    told = client.run(delta.since(drive_root(tree.folder), cursor))
    return client.run(take(tree, address, told)), told.cursor


def take(tree: FolderIndex, address: Address, told: Round) -> Flow[Changes]:
    """Take a round of delta, and what is in the folders that came from elsewhere: delta names only the folders."""
    changes, arrived = tree.take(told.items)
    for folder in arrived:
        found = yield from delta.everything(address.by_id(folder.drive_id, folder.id), has_delta=False)
        changes.created += tree.add(found)
    return changes


def caught_up(listing: FolderIndex, address: Address, cursor: str | None) -> Flow[FolderIndex]:
    """Take what has happened since a cursor to a listing: what was renamed while it was read may be missing in it."""
    if cursor is not None:
        told = yield from delta.since(drive_root(listing.folder), cursor)
        yield from take(listing, address, told)
    return listing


def drive_root(folder: DriveItem) -> Address:
    """Address the root of the drive that a folder lies in."""
    return address_of(Location("drives", (folder.drive_id,)))


def _base(address: Address, folder: DriveItem) -> Address:
    return address if address.is_drive_root else address.by_id(folder.drive_id, folder.id)
