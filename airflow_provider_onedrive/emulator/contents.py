"""The bytes of one file: small ones in memory, large ones in a temporary file."""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from collections.abc import Iterator

from airflow_provider_onedrive.emulator.quickxor import PIECE_BYTES, quick_xor_hash

# Below it a content costs memory, above it an open file: most test files are small, and a process has few open files.
SPOOL_BYTES = 4 * 1024 * 1024


class Content:
    """Written once by one thread, then read by many."""

    def __init__(self, data: bytes = b"") -> None:
        self.size = 0
        self._memory = bytearray()
        self._file: int | None = None
        self._hash: str | None = None
        self._hash_lock = threading.Lock()
        self.append(data)

    def append(self, piece: bytes) -> None:
        if self._file is None and self.size + len(piece) > SPOOL_BYTES:
            self._spill()
        if self._file is None:
            self._memory += piece
        else:
            _write_at(self._file, piece, self.size)
        self.size += len(piece)

    def extend(self, other: Content) -> None:
        for piece in other.pieces():
            self.append(piece)

    def pieces(self, start: int = 0, stop: int | None = None, piece_bytes: int = 512 * 1024) -> Iterator[bytes]:
        """Read from ``start`` up to, and without, ``stop``."""
        stop = self.size if stop is None else min(stop, self.size)
        for offset in range(start, stop, piece_bytes):
            yield self._read(offset, min(piece_bytes, stop - offset))

    def read(self) -> bytes:
        return b"".join(self.pieces())

    def prepare(self) -> None:
        """Compute now what a reply will ask for, while no lock is held that others wait for."""
        _ = self.quick_xor_hash

    @property
    def quick_xor_hash(self) -> str:
        """Computed when first asked for, and once."""
        with self._hash_lock:
            if self._hash is None:
                self._hash = quick_xor_hash(self.pieces(piece_bytes=PIECE_BYTES))
            return self._hash

    def _read(self, offset: int, length: int) -> bytes:
        if self._file is None:
            return bytes(self._memory[offset : offset + length])
        return os.pread(self._file, length, offset)

    def _spill(self) -> None:
        with tempfile.TemporaryFile() as file:
            self._file = os.dup(file.fileno())
        # A download may still be reading when the item is deleted: the file is closed when nobody refers to it.
        weakref.finalize(self, os.close, self._file)
        _write_at(self._file, bytes(self._memory), 0)
        self._memory = bytearray()


def _write_at(file: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, offset)
        view, offset = view[written:], offset + written
