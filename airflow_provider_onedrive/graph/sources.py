"""What is sent: a local file, or content in memory. Each attempt opens it anew and so starts from the same byte."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from airflow_provider_onedrive.graph.errors import LocalFileError, SourceChanged
from airflow_provider_onedrive.graph.paths import absolute
from airflow_provider_onedrive.graph.quickxor import QuickXorHash

PIECE_BYTES = 512 * 1024
"""Bytes go to the HTTP library in pieces of this size: one large ``bytes`` would be copied again and again."""

Content = str | os.PathLike[str] | bytes


@dataclass(frozen=True)
class MemorySource:
    """Content that is already in memory."""

    content: bytes = field(repr=False)

    @property
    def size(self) -> int:
        return len(self.content)

    def pieces(self, start: int, length: int) -> Iterator[bytes]:
        """Give ``length`` bytes from ``start`` on."""
        view = memoryview(self.content)[start : start + length]
        for offset in range(0, len(view), PIECE_BYTES):
            yield bytes(view[offset : offset + PIECE_BYTES])

    @cached_property
    def quick_xor_hash(self) -> str:
        return _hash(self.pieces(0, self.size))


@dataclass(frozen=True)
class FileSource:
    """A local file; its size and time are noted at the start and must not change."""

    path: Path
    size: int
    modified_ns: int

    def pieces(self, start: int, length: int) -> Iterator[bytes]:
        """Give ``length`` bytes from ``start`` on.

        :raises SourceChanged: if the file grew, shrank, was written to or has gone.
        """
        with self._open() as file:
            file.seek(start)
            left = length
            while left:
                piece = file.read(min(left, PIECE_BYTES))
                self._check_unchanged(os.fstat(file.fileno()), is_short=not piece)
                left -= len(piece)
                yield piece

    def _open(self) -> BinaryIO:
        try:
            return self.path.open("rb")
        except OSError as error:
            raise SourceChanged(f"{self.path} can no longer be read: {error.strerror}.") from error

    def _check_unchanged(self, now: os.stat_result, *, is_short: bool) -> None:
        if is_short or (now.st_size, now.st_mtime_ns) != (self.size, self.modified_ns):
            raise SourceChanged(f"{self.path} changed while it was read: {self.size} bytes before, {now.st_size} now.")

    @cached_property
    def quick_xor_hash(self) -> str:
        return _hash(self.pieces(0, self.size))


Source = MemorySource | FileSource


def source_of(content: Content) -> Source:
    """Look at what is to be sent; nothing is read yet.

    :param content: bytes to send as they are, or the path of a local file.
    :raises LocalFileError: naming the resolved path.
    """
    if isinstance(content, bytes):
        return MemorySource(content)
    path = absolute(content)
    try:
        found = path.stat()
    except (OSError, ValueError) as error:
        raise LocalFileError(
            f"The local file {path} cannot be read: {getattr(error, 'strerror', error)}.",
            advice="Is it written by a task on another worker?",
        ) from error
    if not path.is_file():
        raise LocalFileError(f"{path} is not a file.", advice="Name one file.")
    if not os.access(path, os.R_OK):
        raise LocalFileError(f"The local file {path} may not be read.", advice="Grant the worker's user the right.")
    return FileSource(path, found.st_size, found.st_mtime_ns)


def _hash(pieces: Iterator[bytes]) -> str:
    quick_xor = QuickXorHash()
    for piece in pieces:
        quick_xor.update(piece)
    return quick_xor.base64()
