"""A tenant in a directory. It survives a restart, and being killed at any moment.

The drives are in an SQLite database, whose transactions are the changes of the drives. Contents are beside it
(``store.blobs``).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from airflow_provider_onedrive.emulator.model.changes import Change
from airflow_provider_onedrive.emulator.model.contents import Content
from airflow_provider_onedrive.emulator.model.drive import Drive, Item
from airflow_provider_onedrive.emulator.model.spool import locked_file
from airflow_provider_onedrive.emulator.model.tenant import Tenant
from airflow_provider_onedrive.emulator.store.blobs import Blobs
from airflow_provider_onedrive.emulator.store.encoding import Encoding, References
from airflow_provider_onedrive.emulator.store.loading import Loader
from airflow_provider_onedrive.emulator.store.writing import Writer
from airflow_provider_onedrive.emulator.transfers.sessions import Sessions, UploadSession

# Raised when an older release could not read the new directory.
FORMAT = "1"
_DATABASE = "emulator.sqlite"
# The names that may exist before the database does.
_PARTS = frozenset({"in-use", "contents", "arriving"})
# One row for an item: a change writes the rows that it touched, whatever the size of the drive.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS drives (id TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS items (drive TEXT, id TEXT, parent TEXT, recycled INTEGER, value TEXT NOT NULL,
    PRIMARY KEY (drive, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS versions (drive TEXT, item TEXT, number INTEGER, value TEXT NOT NULL,
    PRIMARY KEY (drive, item, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS recycled (drive TEXT, id TEXT, path TEXT, parent TEXT, deleted TEXT,
    number INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS log (drive TEXT, position INTEGER, item TEXT, moment REAL,
    PRIMARY KEY (drive, position)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tombstones (drive TEXT, id TEXT, value TEXT NOT NULL, PRIMARY KEY (drive, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contents (key TEXT PRIMARY KEY, size INTEGER, hash TEXT, data BLOB);
CREATE TABLE IF NOT EXISTS sessions (secret TEXT PRIMARY KEY, drive TEXT, file TEXT, size INTEGER, value TEXT NOT NULL);
"""
_SESSION_COLUMNS = frozenset({"drive", "content", "lock", "arriving"})
# Attributes that are not stored with the drive, or have a table of their own.
_DRIVE_PARTS = frozenset(
    {"lock", "root", "log", "tombstones", "recycled", "rounds", "journal", "spool", "name_rules", "_items", "_change"}
)


class DirectoryInUse(OSError):
    """Another emulator has the directory open, or another release wrote it."""


class DirectoryStore:
    """:raises DirectoryInUse:"""

    def __init__(self, root: Path) -> None:
        _prepare(root)
        self._root = root
        self._lock = threading.RLock()
        self._guard = _guard(root)
        try:
            self._database = _open(root / _DATABASE)
            self._drives: dict[str, Drive] = {}
            self._written: dict[str, str] = {}
            self._blobs = Blobs(root, self._transaction, self._reading)
            references = References(self._blobs.key, self._blobs.load, self._drives.__getitem__, self._item)
            self._encoding = Encoding(references)
            self._writer = Writer(self._transaction, self._encoding)
            self._load()
        except BaseException:
            os.close(self._guard)
            raise

    def write(self, drive: Drive, change: Change, moment: float) -> None:
        with self._transaction():
            self._writer.change(drive, change, moment)
            self._write_drive(drive)
            self._blobs.collect()

    def keep_session(self, session: UploadSession) -> None:
        path = session.content.path
        value = self._encoding.write_fields(session, _SESSION_COLUMNS)
        row = (session.secret, session.drive.id, path.name if path else None, session.content.size, value)
        with self._transaction() as database:
            database.execute("REPLACE INTO sessions VALUES (?, ?, ?, ?, ?)", row)

    def forget_session(self, session: UploadSession) -> None:
        with self._transaction() as database:
            database.execute("DELETE FROM sessions WHERE secret = ?", (session.secret,))

    def keep(self) -> None:
        for drive in list(self.tenant.drives()):
            with drive.lock:
                if drive.journal is self:
                    self._write_drive(drive)
                else:
                    self._take_in(drive)
        self._write_fact("tenant", self._encoding.write(self.tenant))

    def notice(self) -> None:
        if any(drive.journal is not self for drive in self.tenant.drives()):
            self.keep()

    def close(self) -> None:
        if self._guard >= 0:
            try:
                self.keep()
            finally:
                self._release()

    def clear(self) -> None:
        with self._transaction() as database:
            for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                database.execute(f"DROP TABLE {table}")
        self._release()
        for path in (*(self._root / "contents").iterdir(), *(self._root / "arriving").iterdir()):
            path.unlink()

    def _release(self) -> None:
        with self._lock:
            self._blobs.spool.is_closed = True
            self._database.close()
            os.close(self._guard)
            self._guard = -1

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            yield self._database

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield the database in a transaction, which ends with the outermost of these blocks."""
        with self._lock:
            # A block within another one belongs to the outer transaction.
            if self._database.in_transaction:
                yield self._database
                return
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                self._database.execute("ROLLBACK")
                # What was remembered as written was rolled back.
                self._written.clear()
                self._blobs.rolled_back()
                raise
            self._blobs.committed()

    def _write_drive(self, drive: Drive) -> None:
        facts = {name: value for name, value in vars(drive).items() if name not in _DRIVE_PARTS}
        text = self._encoding.write(facts | {"root": drive.root.id})
        if self._written.get(drive.id) != text:
            with self._transaction() as database:
                database.execute("REPLACE INTO drives VALUES (?, ?)", (drive.id, text))
            self._written[drive.id] = text

    def _write_fact(self, name: str, text: str) -> None:
        if self._written.get(name) != text:
            with self._transaction() as database:
                database.execute("REPLACE INTO facts VALUES (?, ?)", (name, text))
            self._written[name] = text

    def _take_in(self, drive: Drive) -> None:
        self._drives[drive.id] = drive
        with self._transaction():
            self._writer.everything(drive)
            self._write_drive(drive)
        drive.journal, drive.spool = self, self._blobs.spool

    def _load(self) -> None:
        with self._transaction() as database:
            facts = dict(database.execute("SELECT name, value FROM facts"))
            if facts.get("format", FORMAT) != FORMAT:
                raise DirectoryInUse(f"{self._root} was written by another release of the emulator.")
            self._write_fact("format", FORMAT)
            loader = Loader(self._transaction, self._encoding)
            for drive_id, value in database.execute("SELECT id, value FROM drives").fetchall():
                drive = self._drives[drive_id] = loader.drive(drive_id, self._encoding.read(value))
                drive.journal, drive.spool = self, self._blobs.spool
            self.tenant: Tenant = self._encoding.read(facts["tenant"]) if "tenant" in facts else Tenant()
            self.sessions = Sessions(self, self._load_sessions())
            open_files = {name for (name,) in database.execute("SELECT file FROM sessions WHERE file IS NOT NULL")}
            self._blobs.sweep(open_files)

    def _load_sessions(self) -> Iterator[UploadSession]:
        with self._transaction() as database:
            rows = database.execute("SELECT secret, drive, file, size, value FROM sessions").fetchall()
            for secret, drive_id, name, size, value in rows:
                try:
                    session = self._load_session(drive_id, self._blobs.arriving(name, size), value)
                except (KeyError, FileNotFoundError):
                    # The folder or file of the session is deleted for good, or its bytes are lost: the session ends.
                    database.execute("DELETE FROM sessions WHERE secret = ?", (secret,))
                else:
                    yield session

    def _load_session(self, drive_id: str, content: Content, value: str) -> UploadSession:
        names = {field.name for field in fields(UploadSession)}
        facts = {name: fact for name, fact in self._encoding.read(value).items() if name in names}
        return UploadSession(**facts, drive=self._drives[drive_id], content=content)

    def _item(self, item_id: str) -> Item:
        """Find an item of any drive.

        :raises KeyError: it is in none.
        """
        for drive in self._drives.values():
            item = drive.live(item_id)
            if item:
                return item
        raise KeyError(item_id)


def _prepare(root: Path) -> None:
    """Create the directory for this user only. A directory with other files is refused.

    :raises DirectoryInUse:
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (root / _DATABASE).exists() and any(path.name not in _PARTS for path in root.iterdir()):
        raise DirectoryInUse(f"{root} holds other things; the emulator needs a directory of its own.")
    # The directory holds the contents and the client secret.
    root.chmod(0o700)


def _guard(root: Path) -> int:
    try:
        return locked_file(root / "in-use")
    except BlockingIOError:
        raise DirectoryInUse(f"{root} is in use by another emulator.") from None


def _open(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    # Readers do not block the writer.
    database.execute("PRAGMA journal_mode = WAL")
    # With WAL a crash of the process loses nothing; only a power failure may lose the last transactions.
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("PRAGMA wal_autocheckpoint = 8000")
    database.executescript(_SCHEMA)
    return database
