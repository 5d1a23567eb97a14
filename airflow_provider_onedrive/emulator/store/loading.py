"""Reading drives back out of the database of a directory."""

from __future__ import annotations

import itertools
from dataclasses import fields
from datetime import datetime
from operator import itemgetter
from typing import Any

from airflow_provider_onedrive.emulator.model import names
from airflow_provider_onedrive.emulator.model.changes import ChangeLog, Tombstone
from airflow_provider_onedrive.emulator.model.drive import Drive, Item, Recycled
from airflow_provider_onedrive.emulator.store.blobs import Locked
from airflow_provider_onedrive.emulator.store.encoding import Encoding


class Loader:
    """:param locked: gives the database for a moment."""

    def __init__(self, locked: Locked, encoding: Encoding) -> None:
        self._locked = locked
        self._encoding = encoding

    def drive(self, drive_id: str, facts: dict[str, Any]) -> Drive:
        drive = Drive(owner=facts["owner"], web_path=facts["web_path"])
        root_id = facts.pop("root")
        vars(drive).update(facts)
        items, recycled_ids = self._load_items(drive_id)
        self._load_versions(drive_id, items)
        drive.take_over(
            items[root_id],
            {item_id: item for item_id, item in items.items() if item_id not in recycled_ids},
            self._load_recycled(drive_id, items),
        )
        drive.log = self._load_log(drive_id)
        drive.tombstones = self._load_tombstones(drive_id, drive.log.first)
        return drive

    def _load_items(self, drive_id: str) -> tuple[dict[str, Item], set[str]]:
        """Return all items, in their folders, and the ids of those that are in the recycle bin."""
        with self._locked() as database:
            query = "SELECT id, parent, recycled, value FROM items WHERE drive = ?"
            rows = database.execute(query, (drive_id,)).fetchall()
            tops = {top for (top,) in database.execute("SELECT id FROM recycled WHERE drive = ?", (drive_id,))}
        items = {item_id: self._load_item(item_id, value) for item_id, _, _, value in rows}
        for item_id, parent_id, _, _ in rows:
            parent, item = items.get(parent_id), items[item_id]
            item.parent = parent
            # The top of a deleted tree is not a child of its former folder, but its descendants keep their folders.
            if parent and item_id not in tops:
                parent.enter(item, names.UsualNameRules())
        for item in items.values():
            _add_size(item, item.size if item.content is not None else 0, tops)
        return items, {item_id for item_id, _, is_recycled, _ in rows if is_recycled}

    def _load_versions(self, drive_id: str, items: dict[str, Item]) -> None:
        with self._locked() as database:
            query = "SELECT item, value FROM versions WHERE drive = ? ORDER BY item, number DESC"
            rows = database.execute(query, (drive_id,)).fetchall()
        for item_id, same in itertools.groupby(rows, key=itemgetter(0)):
            items[item_id].past = tuple(self._encoding.read(value) for _, value in same)

    def _load_item(self, item_id: str, value: str) -> Item:
        names_of_fields = {field.name for field in fields(Item)}
        facts = {name: fact for name, fact in self._encoding.read(value).items() if name in names_of_fields}
        item = Item(**{**facts, "id": item_id, "parent": None})
        item.size = item.content.size if item.content is not None else 0
        return item

    def _load_recycled(self, drive_id: str, items: dict[str, Item]) -> dict[str, Recycled]:
        query = "SELECT id, path, parent, deleted FROM recycled WHERE drive = ? ORDER BY number"
        with self._locked() as database:
            rows = database.execute(query, (drive_id,)).fetchall()
        return {row[0]: Recycled(items[row[0]], row[1], row[2], datetime.fromisoformat(row[3])) for row in rows}

    def _load_log(self, drive_id: str) -> ChangeLog:
        log = ChangeLog()
        with self._locked() as database:
            query = "SELECT position, item, moment FROM log WHERE drive = ? ORDER BY position"
            rows = database.execute(query, (drive_id,)).fetchall()
            log.load(rows)
            database.execute("DELETE FROM log WHERE drive = ? AND position < ?", (drive_id, log.first))
        return log

    def _load_tombstones(self, drive_id: str, first: int) -> dict[str, Tombstone]:
        with self._locked() as database:
            rows = database.execute("SELECT value FROM tombstones WHERE drive = ?", (drive_id,)).fetchall()
        tombstones: list[Tombstone] = [self._encoding.read(value) for (value,) in rows]
        ordered = sorted(tombstones, key=lambda tombstone: tombstone.position)
        return {tombstone.id: tombstone for tombstone in ordered if tombstone.position >= first}


def _add_size(item: Item, size: int, tops: set[str]) -> None:
    """Add to the size of the folders above, up to the root or to the top item in the recycle bin."""
    while size and item.parent and item.id not in tops:
        item = item.parent
        item.size += size
