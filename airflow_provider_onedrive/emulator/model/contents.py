"""The bytes of one file: small ones in memory, large ones in a file that is open only while it is read or written."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

from airflow_provider_onedrive.emulator.model import spool as spools
from airflow_provider_onedrive.emulator.model.quickxor import quick_xor_hash

# Below it a content costs memory, above it a file.
SPOOL_BYTES = 256 * 1024
Data = bytes | bytearray | memoryview


class Content:
    """The bytes of a file. One thread writes them once, then many read them.

    :ivar key: its name in a store that keeps it.
    :ivar path: file that holds the bytes, None while they are in memory.
    """

    def __init__(self, data: bytes = b"", spool: spools.Spool | None = None) -> None:
        self.size = 0
        self.key: str | None = None
        self.path: Path | None = None
        self._spool = spool or spools.DEFAULT
        self._memory = bytearray()
        self._fetch: Callable[[], bytes] | None = None
        self._hash: str | None = None
        self._sha_hashes: dict[str, str] | None = None
        self._hash_lock = threading.Lock()
        self._disposal: weakref.finalize[..., Content] | None = None
        self.append(data)

    @classmethod
    def kept(cls, key: str, size: int, quick_xor_hash: str | None, source: Path | Callable[[], bytes]) -> Content:
        """Return a content that a store holds.

        :param source: the file, or a function that fetches the bytes.
        """
        content = cls()
        content.size, content._hash = size, quick_xor_hash
        content.keep(key, source)
        return content

    def append(self, piece: Data) -> None:
        self.write(self.size, piece)
        self.size += len(piece)

    def extend(self, other: Content) -> None:
        for piece in other.pieces():
            self.append(piece)

    def write(self, offset: int, piece: Data) -> None:
        """Write at the end or behind it, where nothing counts before ``size`` is raised."""
        if self.path is None and offset + len(piece) > SPOOL_BYTES:
            self.to_file()
        if self.path is None:
            self._memory[offset : offset + len(piece)] = piece
        else:
            with _opened(self.path, os.O_WRONLY) as file:
                _write_at(file, piece, offset)

    def expect(self, total: int) -> None:
        """Prepare for as many bytes in all, which arrive in parts."""
        if self.path is None and (total > SPOOL_BYTES or self._spool.is_persistent):
            self.to_file()

    def to_file(self) -> None:
        """Move the bytes to a file, which is deleted with the last reference to the content."""
        path = self._spool.new_file()
        self._dispose_of(path)
        with _opened(path, os.O_WRONLY) as file:
            _write_at(file, self._memory[: self.size], 0)
        # Set last: a reader that runs meanwhile still finds the bytes in memory.
        self.path, self._memory = path, bytearray()

    def resume(self, path: Path, size: int) -> None:
        """Resume the content of an earlier process. Bytes after ``size`` are cut off.

        :raises FileNotFoundError: the file does not exist.
        """
        os.truncate(path, size)
        self.path, self.size = path, size
        self._dispose_of(path)

    def keep(self, key: str, source: Path | Callable[[], bytes]) -> None:
        """Leave the bytes to a store, which decides when they go."""
        # The store deletes the file from now on.
        if self._disposal:
            self._disposal.detach()
        self.key = key
        if isinstance(source, Path):
            self.path = source
        else:
            self._fetch = source
        self._memory = bytearray()

    def pieces(self, start: int = 0, stop: int | None = None, piece_bytes: int = 512 * 1024) -> Iterator[bytes]:
        """Read from ``start`` up to, and without, ``stop``."""
        stop = self.size if stop is None else min(stop, self.size)
        if self.path is None:
            data = self._bytes()
            yield from (data[at : min(at + piece_bytes, stop)] for at in range(start, stop, piece_bytes))
            return
        for offset in range(start, stop, piece_bytes):
            # Opened for each piece: a slow download holds no file descriptor in between.
            with _opened(self.path, os.O_RDONLY) as file:
                yield os.pread(file, min(piece_bytes, stop - offset), offset)

    def read(self) -> bytes:
        return b"".join(self.pieces())

    def prepare(self) -> None:
        """Compute the hash now, before a lock is held that others wait for."""
        _ = self.quick_xor_hash

    @property
    def quick_xor_hash(self) -> str:
        """Return the hash. It is computed once, at the first use."""
        with self._hash_lock:
            if self._hash is None:
                self._hash = quick_xor_hash(self.pieces())
            return self._hash

    @property
    def sha_hashes(self) -> dict[str, str]:
        """Return the further hashes of a consumer's file, in capitals. They are computed once, at the first use."""
        with self._hash_lock:
            if self._sha_hashes is None:
                self._sha_hashes = sha_hashes(self.pieces())
            return self._sha_hashes

    @property
    def cached_hash(self) -> str | None:
        """Return the hash if it was computed already."""
        return self._hash

    def _dispose_of(self, path: Path) -> None:
        # A download may still read when the item is deleted, so references decide and not the tree.
        self._disposal = weakref.finalize(self, _remove, path, self._spool, os.getpid())
        self._disposal.atexit = not self._spool.is_persistent

    def _bytes(self) -> bytes:
        memory, fetch = self._memory, self._fetch
        if fetch:
            return fetch()
        with memoryview(memory) as view:
            return bytes(view[: self.size])


def _remove(path: Path, spool: spools.Spool, process_id: int) -> None:
    """Remove a file, unless a later process is to find it or this is a forked child, whose parent still needs it."""
    if process_id == os.getpid() and not spool.is_closed:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    file = os.open(path, flags | os.O_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)


def _write_at(file: int, data: Data, offset: int) -> None:
    view = memoryview(data)
    # os.pwrite may write less than it was given.
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written


def sha_hashes(pieces: Iterator[bytes]) -> dict[str, str]:
    sha1, sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
    for piece in pieces:
        sha1.update(piece)
        sha256.update(piece)
    return {"sha1Hash": sha1.hexdigest().upper(), "sha256Hash": sha256.hexdigest().upper()}
