"""Writing drives into the database of a directory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from airflow_provider_onedrive.emulator.model.changes import Change, Tombstone
from airflow_provider_onedrive.emulator.model.drive import Drive, Item
from airflow_provider_onedrive.emulator.store.blobs import Locked
from airflow_provider_onedrive.emulator.store.encoding import Encoding

_ITEM_COLUMNS = frozenset({"id", "parent", "children", "past", "_by_normal_form", "_listing"})


class Writer:
    """:param locked: gives the database for a transaction."""

    def __init__(self, locked: Locked, encoding: Encoding) -> None:
        self._locked = locked
        self._encoding = encoding

    def change(self, drive: Drive, change: Change, moment: float) -> None:
        with self._locked() as database:
            touched = self._rows(drive, [*change.advanced, *change.touched.values()])
            database.executemany("REPLACE INTO items VALUES (?, ?, ?, 0, ?)", touched)
            for item in change.touched.values():
                self._write_versions(drive, item)
                database.execute("DELETE FROM recycled WHERE drive = ? AND id = ?", (drive.id, item.id))
                database.execute("DELETE FROM tombstones WHERE drive = ? AND id = ?", (drive.id, item.id))
            for item in change.removed.values():
                self._write_removed(drive, item)
            for item in change.purged:
                self._delete_item(drive, item)
            entries = enumerate(change.ids, drive.log.position)
            self._write_log(drive, ((position, item_id, moment) for position, item_id in entries))
            self._write_tombstones(drive, change.tombstones)

    def everything(self, drive: Drive) -> None:
        """Write down a drive that was made outside, with all that it holds."""
        items = (drive.root, *drive.root.walk())
        with self._locked() as database:
            database.executemany("REPLACE INTO items VALUES (?, ?, ?, 0, ?)", self._rows(drive, items))
            for item in items:
                self._write_versions(drive, item)
            for recycled in drive.recycled.values():
                for item in (recycled.item, *recycled.item.walk()):
                    self._write_removed(drive, item)
            self._write_log(drive, drive.log.entries())
            self._write_tombstones(drive, drive.tombstones.values())

    def _write_log(self, drive: Drive, entries: Iterable[tuple[int, str, float]]) -> None:
        with self._locked() as database:
            database.executemany("INSERT INTO log VALUES (?, ?, ?, ?)", ((drive.id, *entry) for entry in entries))

    def _write_tombstones(self, drive: Drive, tombstones: Iterable[Tombstone]) -> None:
        rows = [(drive.id, tombstone.id, self._encoding.write(tombstone)) for tombstone in tombstones]
        with self._locked() as database:
            database.executemany("REPLACE INTO tombstones VALUES (?, ?, ?)", rows)

    def _rows(self, drive: Drive, items: Iterable[Item]) -> Iterator[tuple[str, str, str | None, str]]:
        for item in items:
            value = self._encoding.write_fields(item, _ITEM_COLUMNS)
            yield drive.id, item.id, item.parent.id if item.parent else None, value

    def _write_removed(self, drive: Drive, item: Item) -> None:
        recycled = drive.recycled.get(item.id)
        if not _is_recycled(drive, item):
            self._delete_item(drive, item)
            return
        with self._locked() as database:
            database.executemany("REPLACE INTO items VALUES (?, ?, ?, 1, ?)", self._rows(drive, [item]))
            self._write_versions(drive, item)
            if recycled:
                row = (drive.id, item.id, recycled.path, recycled.parent_id, recycled.deleted.isoformat())
                database.execute("INSERT INTO recycled VALUES (?, ?, ?, ?, ?, NULL)", row)

    def _write_versions(self, drive: Drive, item: Item) -> None:
        """Write the new versions and delete the removed ones only, because a file may have hundreds."""
        key = (drive.id, item.id)
        with self._locked() as database:
            (newest,) = database.execute(
                "SELECT max(number) FROM versions WHERE drive = ? AND item = ?", key
            ).fetchone()
            # The usual case: a file without versions costs one query.
            if newest is None and not item.past:
                return
            new = [(*key, each.number, self._encoding.write(each)) for each in item.past if each.number > (newest or 0)]
            database.executemany("INSERT INTO versions VALUES (?, ?, ?, ?)", new)
            query = "SELECT number FROM versions WHERE drive = ? AND item = ?"
            gone = {number for (number,) in database.execute(query, key)} - {each.number for each in item.past}
            rows = [(*key, number) for number in gone]
            database.executemany("DELETE FROM versions WHERE drive = ? AND item = ? AND number = ?", rows)

    def _delete_item(self, drive: Drive, item: Item) -> None:
        with self._locked() as database:
            database.execute("DELETE FROM items WHERE drive = ? AND id = ?", (drive.id, item.id))
            database.execute("DELETE FROM versions WHERE drive = ? AND item = ?", (drive.id, item.id))
            database.execute("DELETE FROM recycled WHERE drive = ? AND id = ?", (drive.id, item.id))


def _is_recycled(drive: Drive, item: Item) -> bool:
    """Return True if an item that left the tree is in the recycle bin, by itself or within a folder."""
    above: Item | None = item
    while above and above.id not in drive.recycled:
        above = above.parent
    return above is not None
