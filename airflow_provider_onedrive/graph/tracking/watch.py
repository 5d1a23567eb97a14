"""Finds out what changed in a folder: from a round of delta, or from a complete listing where that does not help.

What is known of the folder is a value that is never changed: a look that fails half-way leaves nothing behind, and what
is kept somewhere can always be gone on with.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.flows import delta, items
from airflow_provider_onedrive.graph.flows.delta import Round
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    ConfigurationError,
    DriveNotFound,
    NotFound,
)
from airflow_provider_onedrive.graph.protocol.locations import Address
from airflow_provider_onedrive.graph.protocol.messages import Flow
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.tracking.sync import caught_up, drive_root, take
from airflow_provider_onedrive.graph.tracking.tree import Changes, FolderIndex

log = logging.getLogger(__name__)

LocationLike = str | Mapping[str, Any]
Names = Mapping[str, tuple[str, str | None]]
"""By id, the name of a folder and the id of the one it is in."""


class Addressing(Protocol):
    """What of a client is needed."""

    settings: Settings

    def locate(self, location: LocationLike) -> Flow[Address]: ...
    def forget(self, address: Address) -> None: ...


@dataclass(frozen=True)
class FolderSnapshot:
    """What is known of a watched folder.

    :param folder: None where it is not there.
    :param cursor: where delta goes on; None where all is listed each time.
    :param full_at: when all was listed last.
    :param above: the folder itself and those it lies in: where one of them is renamed or moved, delta tells only of it.
    :param items: by id, everything below the folder.
    """

    folder: DriveItem | None
    cursor: str | None
    full_at: datetime
    above: Names = field(default_factory=dict)
    items: Mapping[str, DriveItem] = field(default_factory=dict)

    def concerns(self, told: Round) -> bool:
        """Say whether a round can change anything here: of most, what changed lies elsewhere."""
        return any(
            data["id"] in self.items or _parent_id(data) in self.items or self._is_folder(_parent_id(data))
            for data in told.items
            if not self._is_folder(data["id"])
        )

    def is_moved_by(self, told: Round) -> bool:
        """Say whether the folder itself, or one above it, has another name or another place now."""
        return any(
            "deleted" in data or (data.get("name"), _parent_id(data)) != tuple(self.above[data["id"]])
            for data in told.items
            if data["id"] in self.above and "root" not in data
        )

    def _is_folder(self, item_id: str | None) -> bool:
        return self.folder is not None and item_id == self.folder.id


@dataclass(frozen=True)
class Watch:
    """What is watched, and from when on.

    :param on_start: what the first look tells: nothing, everything that is there, or what was created or modified since
        a moment of the server's clock.
    :param full_every: after so long all is listed again, as Microsoft advises; None only does so where it must.
    """

    location: LocationLike
    on_start: Literal["ignore", "emit_existing"] | datetime = "ignore"
    full_every: timedelta | None = timedelta(days=1)

    def check(self) -> None:
        """Refuse what cannot be meant.

        :raises ConfigurationError: naming the parameter.
        """
        if isinstance(self.on_start, datetime) or self.on_start in ("ignore", "emit_existing"):
            return
        raise ConfigurationError(
            f"on_start is {self.on_start!r}.", advice="Use 'ignore', 'emit_existing', or a time with its zone."
        )

    def cursor(self, known: FolderSnapshot | None, now: datetime) -> str | None:
        """Return where a round of delta is to go on; None where all is to be listed instead."""
        if known is None or known.folder is None:
            return None
        is_due = self.full_every is not None and now - known.full_at >= self.full_every
        return None if is_due else known.cursor

    def poll(
        self, client: Addressing, known: FolderSnapshot | None, told: Round | None, now: datetime
    ) -> Flow[tuple[FolderSnapshot, Changes]]:
        """Find out what has changed.

        :param known: None at the first look.
        :param told: what delta told from :meth:`cursor` on; None lists all, and compares it with what is known.
        """
        if known is None or known.folder is None or told is None or known.is_moved_by(told):
            return (yield from self._listed(client, known, now))
        if not known.concerns(told):
            return replace(known, cursor=told.cursor), Changes()
        address = yield from client.locate(self.location)
        tree = FolderIndex(known.folder, known.items.values())
        changes = yield from take(tree, address, told)
        return replace(known, cursor=told.cursor, items=tree.by_id), changes

    def _listed(
        self, client: Addressing, known: FolderSnapshot | None, now: datetime
    ) -> Flow[tuple[FolderSnapshot, Changes]]:
        """List all, and compare it; the cursor is asked for before, so that what happens meanwhile comes again."""
        before = list(known.items.values()) if known is not None else []
        address = yield from client.locate(self.location)
        folder = yield from _folder_or_none(client, address)
        if folder is None:
            return FolderSnapshot(None, None, now), Changes(deleted=before)
        has_delta = client.settings.has_delta
        cursor = (yield from delta.latest(drive_root(folder))) if has_delta else None
        base = address if address.is_drive_root else address.by_id(folder.drive_id, folder.id)
        found = yield from delta.everything(base, has_delta=has_delta)
        listing = yield from caught_up(FolderIndex(folder, found), address, cursor)
        tree, changes = FolderIndex(folder, before), Changes()
        if known is not None and known.folder is not None and known.folder.id != folder.id:
            tree, changes = FolderIndex(folder), Changes(deleted=before)  # another folder has taken its place
        more = tree.replaced_by(listing)
        changes = replace(more, deleted=changes.deleted + more.deleted)
        above = yield from _above(address, folder)
        return FolderSnapshot(folder, cursor, now, above, tree.by_id), self._since_start(
            changes
        ) if known is None else changes

    def _since_start(self, changes: Changes) -> Changes:
        """Return what of the first listing is to be told."""
        if self.on_start == "emit_existing":
            return changes
        if not isinstance(self.on_start, datetime):
            return Changes()
        start = self.on_start
        return Changes(
            created=[item for item in changes.created if item.created_at >= start],
            updated=[item for item in changes.created if item.created_at < start <= item.modified_at],
        )


def _folder_or_none(client: Addressing, address: Address) -> Flow[DriveItem | None]:
    """Read the folder; one that is not there may come, but its drive will not."""
    try:
        return (yield from items.folder(address))
    except NotFound as missing:
        client.forget(address)  # what was looked up before may have been replaced by another of the name
        if isinstance(missing, DriveNotFound):
            raise missing.about("watch", str(address)) from None
        return None


def _above(address: Address, folder: DriveItem) -> Flow[Names]:
    """Read the names of a folder and of those above it, as far as they may be read."""
    names: dict[str, tuple[str, str | None]] = {}
    item: DriveItem | None = folder
    while item is not None and not item.is_root and item.id not in names:
        names[item.id] = (item.name, item.parent_id)
        try:
            item = yield from items.stat_or_none(address.by_id(item.drive_id, str(item.parent_id)))
        except AccessDenied:
            item = None
    return names


def _parent_id(data: Mapping[str, Any]) -> str | None:
    return (data.get("parentReference") or {}).get("id")


def below(folder: DriveItem | None, item: DriveItem) -> Sequence[str]:
    """Return the names that lead from a folder to an item in it."""
    above = folder.path if folder is not None else ""
    return item.path.removeprefix(above).strip("/").split("/")
