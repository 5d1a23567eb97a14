"""The contents in a directory: small ones as rows of its database, large ones as files beside it.

All bytes of a file are on the disk before the row that refers to it is committed. A file without a row is unused and is
removed when the directory is opened.
"""

from __future__ import annotations

import os
import sqlite3
import uuid
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from airflow_provider_onedrive.emulator.model.contents import Content
from airflow_provider_onedrive.emulator.model.spool import Spool

Locked = Callable[[], AbstractContextManager[sqlite3.Connection]]


class Blobs:
    """:param locked: returns the database within a transaction; ``reading`` returns it without one."""

    def __init__(self, root: Path, locked: Locked, reading: Locked) -> None:
        self._files = root / "contents"
        self._arriving = root / "arriving"
        for directory in (self._files, self._arriving):
            directory.mkdir(mode=0o700, exist_ok=True)
        self.spool = Spool(self._arriving, is_persistent=True)
        self._locked = locked
        self._reading = reading
        self._unused: deque[str] = deque()
        self._pending: dict[Content, tuple[str, Path | Callable[[], bytes]]] = {}
        self._loaded: weakref.WeakValueDictionary[str, Content] = weakref.WeakValueDictionary()

    def key(self, content: Content) -> str:
        """Return the content's key; one that has none is written down first. Called within a transaction."""
        if content.key is not None:
            return content.key
        if content not in self._pending:
            key = uuid.uuid4().hex
            source: Path | Callable[[], bytes] = partial(self._fetch, key)
            self._pending[content] = (key, self._link(content, key) if content.path else source)
            data = None if content.path else content.read()
            with self._locked() as database:
                row = (key, content.size, content.cached_hash, data)
                database.execute("INSERT INTO contents VALUES (?, ?, ?, ?)", row)
        return self._pending[content][0]

    def committed(self) -> None:
        for content, (key, source) in self._pending.items():
            former = content.path
            content.keep(key, source)
            self._watch(content)
            if former:
                former.unlink(missing_ok=True)
        self._pending.clear()

    def rolled_back(self) -> None:
        for _, source in self._pending.values():
            if isinstance(source, Path):
                source.unlink(missing_ok=True)
        self._pending.clear()

    def load(self, key: str) -> Content:
        """Return a content of the store.

        :raises KeyError: there is none of that key.
        """
        content = self._loaded.get(key)
        if content is None:
            with self._locked() as database:
                row = database.execute("SELECT size, hash, data IS NULL FROM contents WHERE key = ?", (key,)).fetchone()
            if row is None:
                raise KeyError(key)
            size, quick_xor_hash, is_file = row
            source: Path | Callable[[], bytes] = self._files / key if is_file else partial(self._fetch, key)
            content = Content.kept(key, size, quick_xor_hash, source)
            self._watch(content)
        return content

    def collect(self) -> None:
        """Remove the contents that are no longer referenced, after the transaction that dropped them."""
        while self._unused:
            key = self._unused.popleft()
            with self._locked() as database:
                database.execute("DELETE FROM contents WHERE key = ?", (key,))
            (self._files / key).unlink(missing_ok=True)

    def sweep(self, arriving: set[str]) -> None:
        """Remove the files of a process that was killed. All referenced contents have been loaded before.

        :param arriving: names of the files of open sessions.
        """
        with self._locked() as database:
            keys = {key for (key,) in database.execute("SELECT key FROM contents")}
            database.executemany("DELETE FROM contents WHERE key = ?", [(key,) for key in keys - set(self._loaded)])
        _keep_only(self._files, set(self._loaded))
        _keep_only(self._arriving, arriving)

    def arriving(self, name: str | None, size: int) -> Content:
        """Return the content of an upload session as far as it was acknowledged."""
        content = Content(spool=self.spool)
        if name is not None:
            content.resume(self._arriving / name, size)
        return content

    def _link(self, content: Content, key: str) -> Path:
        """Link the file under its final name. Its former name stays until the transaction is committed."""
        path, target = content.path or Path(), self._files / key
        if path.parent == self._arriving:
            with path.open("rb+") as file:
                # A fragment that broke off may have left bytes behind the end.
                file.truncate(content.size)
                os.fsync(file.fileno())
            # A hard link and not a rename: if the transaction is rolled back, the session still has its file.
            os.link(path, target)
        else:
            self._copy(content, target)
        # Without it a crash could lose the directory's entry although the file's bytes are on the disk.
        _sync_directory(self._files)
        return target

    def _copy(self, content: Content, target: Path) -> None:
        """Copy a content that was created outside the store's directory."""
        temporary = self.spool.new_file()
        with temporary.open("wb") as file:
            for piece in content.pieces():
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(target)

    def _watch(self, content: Content) -> None:
        key = content.key or ""
        self._loaded[key] = content
        # Only noted here: it may happen in any thread, at any moment.
        weakref.finalize(content, self._unused.append, key).atexit = False

    def _fetch(self, key: str) -> bytes:
        with self._reading() as database:
            return bytes(database.execute("SELECT data FROM contents WHERE key = ?", (key,)).fetchone()[0])


def _keep_only(directory: Path, names: set[str]) -> None:
    for path in directory.iterdir():
        if path.name not in names:
            path.unlink()


def _sync_directory(directory: Path) -> None:
    file = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
