"""Finds out what changed in a folder: from a round of delta, or from a complete listing if there is no such round.

A snapshot of the folder is a value that is never changed: a poll that fails half-way leaves nothing behind, and any
snapshot that was kept can be continued.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, Protocol

from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.flows import delta, items
from airflow_provider_onedrive.graph.flows.absence import folder_surely, has_gone
from airflow_provider_onedrive.graph.flows.delta import Round
from airflow_provider_onedrive.graph.flows.walk import read_items, walk_of
from airflow_provider_onedrive.graph.protocol.addresses import Address, item_address
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    ConfigurationError,
    DriveNotFound,
    NotFound,
    UnreadableAnswer,
)
from airflow_provider_onedrive.graph.protocol.item_states import State, is_deleted, is_root, parent_id_of
from airflow_provider_onedrive.graph.protocol.locations import LocationLike
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.protocol.messages import Flow
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.tracking.sync import base_of, catch_up, drive_root, next_cursor, take
from airflow_provider_onedrive.graph.tracking.tree import Changes, FolderIndex

log = logger(__name__)

Names = Mapping[str, tuple[str, str | None]]
"""By id, the name of a folder and the id of the one it is in."""


class Addressing(Protocol):
    """The part of a client that is needed."""

    settings: Settings

    def locate(self, location: LocationLike) -> Flow[Address]: ...
    def forget(self, address: Address) -> None: ...


@dataclass(frozen=True)
class FolderSnapshot:
    """The state of a watched folder at one moment.

    :param folder: None if it is missing.
    :param cursor: where the next round of delta begins; None if everything has to be listed next time.
    :param full_at: when everything was listed last.
    :param above: the folder itself and those above it: if one of them is renamed or moved, delta names only that one.
    :param items: by id, everything below the folder.
    """

    folder: DriveItem | None
    cursor: str | None
    full_at: datetime
    above: Names = field(default_factory=dict)
    items: Mapping[str, DriveItem] = field(default_factory=dict)

    def concerns(self, events: Round) -> bool:
        """Whether a round can change anything here: most rounds are about other parts of the drive."""
        return any(
            data["id"] in self.items or parent_id_of(data) in self.items or self._is_folder(parent_id_of(data))
            for data in events.items
            if not self._is_folder(data["id"])
        )

    def passed(self, events: Round) -> FolderSnapshot:
        """Return the snapshot after a round that changes nothing here.

        If nobody can tell where one of its items lies, the next round begins where this one began: it may be here.
        """
        is_placed = events.is_whole and not any(map(_is_unplaced, events.items))
        return replace(self, cursor=events.cursor) if is_placed else self

    def is_moved_by(self, events: Round) -> bool:
        """Whether the folder itself, or one above it, has another name or another parent now."""
        return any(
            is_deleted(data) or (data.get("name"), parent_id_of(data)) != tuple(self.above[data["id"]])
            for data in events.items
            if data["id"] in self.above and not is_root(data)
        )

    def _is_folder(self, item_id: str | None) -> bool:
        return self.folder is not None and item_id == self.folder.id


@dataclass(frozen=True)
class Watch:
    """The folder to watch, and the moment to begin with.

    :param on_start: the changes that the first poll returns: none, all items that are there, or those that were created
        or modified since a moment of the server's clock.
    :param full_every: the time after which everything is listed again, as Microsoft advises; None only lists where
        there is no cursor.
    """

    location: LocationLike
    on_start: Literal["ignore", "emit_existing"] | datetime = "ignore"
    # https://learn.microsoft.com/en-us/onedrive/developer/rest-api/concepts/scan-guidance
    full_every: timedelta | None = timedelta(days=1)

    def check(self) -> None:
        """Raise an error if a parameter cannot be meant.

        :raises ConfigurationError: naming the parameter.
        """
        if isinstance(self.on_start, datetime) or self.on_start in ("ignore", "emit_existing"):
            return
        raise ConfigurationError(
            f"on_start is {self.on_start!r}.", advice="Use 'ignore', 'emit_existing', or a time with its zone."
        )

    def cursor(self, snapshot: FolderSnapshot | None, now: datetime) -> str | None:
        """Return where the next round of delta begins; None if everything has to be listed instead."""
        if snapshot is None or snapshot.folder is None:
            return None
        is_due = self.full_every is not None and now - snapshot.full_at >= self.full_every
        return None if is_due else snapshot.cursor

    def poll(
        self, client: Addressing, snapshot: FolderSnapshot | None, events: Round | None, now: datetime
    ) -> Flow[tuple[FolderSnapshot, Changes]]:
        """Return the new snapshot, and what has changed since the old one.

        :param snapshot: None at the first poll.
        :param events: delta's round from :meth:`cursor` on; None lists everything, and compares it with the snapshot.
        """
        # If a folder above moved, the watched location may mean another folder now, or none.
        if snapshot is None or snapshot.folder is None or events is None or snapshot.is_moved_by(events):
            return (yield from self._listed(client, snapshot, now))
        # Most rounds end here: one request for the whole drive, and no walk through the snapshot's items.
        if not snapshot.concerns(events):
            return snapshot.passed(events), Changes()
        address = yield from client.locate(self.location)
        index = FolderIndex(snapshot.folder, snapshot.items.values())
        changes, unread = yield from take(index, address, events)
        cursor = next_cursor(index, events, snapshot.cursor, unread)
        return replace(snapshot, cursor=cursor, items=index.by_id), changes

    def _listed(
        self, client: Addressing, snapshot: FolderSnapshot | None, now: datetime
    ) -> Flow[tuple[FolderSnapshot, Changes]]:
        """List everything. The cursor is asked for before, so that changes meanwhile are not lost, but come twice."""
        before = list(snapshot.items.values()) if snapshot is not None else []
        address = yield from client.locate(self.location)
        folder = yield from _folder_or_none(client, address, is_first=snapshot is None)
        if folder is None and snapshot is not None and snapshot.folder and not (yield from _has_left(snapshot.folder)):
            return replace(snapshot, cursor=None), Changes()  # all is listed as soon as it is shown again
        if folder is None:
            return FolderSnapshot(None, None, now), Changes(deleted=before)
        has_delta = client.settings.has_delta
        cursor = (yield from delta.latest(drive_root(folder))) if has_delta else None
        walk = walk_of(base_of(address, folder), has_delta=has_delta, was_read=True)
        listing = FolderIndex(folder, (yield from read_items(walk)))
        unread = yield from catch_up(listing, address, cursor, walk)
        # No cursor while a folder is unread: delta would never name the items that were missed.
        index, changes = FolderIndex(folder, before), Changes()
        if snapshot is not None and snapshot.folder is not None and snapshot.folder.id != folder.id:
            index, changes = FolderIndex(folder), Changes(deleted=before)  # another folder has its name now
        index.keep(walk.unusable)
        more = index.replaced_by(listing, unread)
        changes = replace(more, deleted=changes.deleted + more.deleted)
        above = yield from _above(address, folder)
        new = FolderSnapshot(folder, None if unread else cursor, now, above, index.by_id)
        return new, self._since_start(changes) if snapshot is None else changes

    def _since_start(self, changes: Changes) -> Changes:
        """Return the changes of the first listing that are asked for."""
        if self.on_start == "emit_existing":
            return changes
        if not isinstance(self.on_start, datetime):
            return Changes()
        start = self.on_start
        return Changes(
            created=[item for item in changes.created if _is_since(start, item.created_at)],
            updated=[
                item
                for item in changes.created
                if _is_since(start, item.modified_at) and not _is_since(start, item.created_at)
            ],
        )


def _is_since(start: datetime, time: datetime | None) -> bool:
    # By Graph's times: the clock of this machine may differ by seconds (2.7 s were measured in a cloud).
    return time is not None and time >= start


def _folder_or_none(client: Addressing, address: Address, *, is_first: bool) -> Flow[DriveItem | None]:
    """Read the folder; None if it is missing. A missing folder may appear, but a missing drive will not.

    :param is_first: whether it was never looked for. If it were taken for missing then, the next poll would return all
        that is in it as created.
    """
    try:
        return (yield from folder_surely(address) if is_first else items.folder(address))
    except NotFound as missing:
        client.forget(address)  # its drive may be another one by now
        if isinstance(missing, DriveNotFound):
            raise missing.about("watch", str(address)) from None
        return None


def _has_left(folder: DriveItem) -> Flow[bool]:
    """Return whether a folder that was not found where it was is proven to be gone, or is somewhere else."""
    try:
        now = yield from items.stat(item_address(folder.drive_id, folder.id))
    except NotFound:
        return (yield from has_gone(folder))
    return now.path != folder.path


def _above(address: Address, folder: DriveItem) -> Flow[Names]:
    """Read the names of a folder and of those above it, as far as they may be read."""
    names: dict[str, tuple[str, str | None]] = {}
    item: DriveItem | None = folder
    while item is not None and not item.is_root and item.id not in names:
        names[item.id] = (item.name, item.parent_id)
        item = (yield from _readable(address.by_id(item.drive_id, item.parent_id))) if item.parent_id else None
    return names


def _readable(address: Address) -> Flow[DriveItem | None]:
    """Read a folder above the watched one; None if that is impossible, for nothing of it is needed but its name."""
    try:
        return (yield from items.stat_or_none(address))
    except (AccessDenied, UnreadableAnswer):  # an app with access to one folder may not read those above it
        return None


def _is_unplaced(data: State) -> bool:
    """Return whether nobody can tell in which folder an item is now."""
    return parent_id_of(data) is None and not (is_deleted(data) or is_root(data))


def below(folder: DriveItem | None, item: DriveItem) -> Sequence[str]:
    """Return the names that lead from a folder to an item in it."""
    above = folder.path if folder is not None else ""
    return item.path.removeprefix(above).strip("/").split("/")
