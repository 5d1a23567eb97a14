"""What is sent: a local file, an object of a store, or content in memory.

Each attempt opens it anew and so starts from the byte it wants; what changed since the first look is not sent.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_onedrive.graph.content.paths import absolute, without_credentials
from airflow_provider_onedrive.graph.protocol.errors import LocalFileError, OneDriveError, SourceChanged

if TYPE_CHECKING:
    from typing_extensions import TypeIs  # from Python 3.13 on in typing

PIECE_BYTES = 512 * 1024
"""Bytes go to the HTTP library in pieces of this size: one large ``bytes`` would be copied again and again."""

_MIB = 1024 * 1024
# How object stores call what changes with the content (S3, Azure, Google), and where there is no such thing, with time.
_MARKS = ("ETag", "etag", "generation", "content_md5", "mtime", "LastModified", "last_modified", "updated", "created")
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "created")


class StoredObject(Protocol):
    """What is used of an ``ObjectStoragePath`` (any ``UPath``): its fsspec file system and its path there."""

    @property
    def fs(self) -> Any: ...
    @property
    def path(self) -> str: ...
    @property
    def name(self) -> str: ...


Content = str | os.PathLike[str] | bytes | StoredObject
"""The path of a local file, bytes to send as they are, or an object of a store."""


class Source(Protocol):
    """Content of a known size that can be read from any byte on."""

    @property
    def size(self) -> int: ...
    @property
    def modified_at(self) -> datetime | None: ...
    def pieces(self, start: int, length: int) -> Iterator[bytes]:
        """Give ``length`` bytes from ``start`` on.

        :raises SourceChanged: if it is no longer what it was at the first look, or cannot be read any more.
        """

    def fingerprint(self) -> dict[str, Any]:
        """Say in JSON what another process compares before it goes on with an upload of this."""


@dataclass(frozen=True)
class MemorySource:
    """Content that is already in memory."""

    content: bytes = field(repr=False)
    modified_at: None = None

    @property
    def size(self) -> int:
        return len(self.content)

    def pieces(self, start: int, length: int) -> Iterator[bytes]:
        view = memoryview(self.content)[start : start + length]
        for offset in range(0, len(view), PIECE_BYTES):
            yield bytes(view[offset : offset + PIECE_BYTES])

    def fingerprint(self) -> dict[str, Any]:
        return {"size": self.size, "sha256": hashlib.sha256(self.content).hexdigest()}


@dataclass(frozen=True)
class FileSource:
    """A local file; its size and time are noted at the start and must not change."""

    path: Path
    size: int
    modified_ns: int

    @property
    def modified_at(self) -> datetime:
        return datetime.fromtimestamp(self.modified_ns // 1_000_000_000, UTC)

    def pieces(self, start: int, length: int) -> Iterator[bytes]:
        with _still_readable(self.path), self.path.open("rb") as file:
            file.seek(start)
            left = length
            while left:
                piece = file.read(min(left, PIECE_BYTES))
                self._check_unchanged(os.fstat(file.fileno()), is_short=not piece)
                left -= len(piece)
                yield piece

    def fingerprint(self) -> dict[str, Any]:
        """Also hash the first and the last MiB: a file written anew may have the same size and an old time."""
        ends = hashlib.sha256()
        for start in (0, max(self.size - _MIB, 0)):
            for piece in self.pieces(start, min(_MIB, self.size - start)):
                ends.update(piece)
        return {"size": self.size, "modified_ns": self.modified_ns, "ends_sha256": ends.hexdigest()}

    def _check_unchanged(self, now: os.stat_result, *, is_short: bool) -> None:
        if is_short or (now.st_size, now.st_mtime_ns) != (self.size, self.modified_ns):
            raise SourceChanged(f"{self.path} changed while it was read: {self.size} bytes before, {now.st_size} now.")


@dataclass(frozen=True)
class ObjectSource:
    """An object of a store that fsspec reaches; it is read as it is sent and never copied to the disk.

    :param mark: what changes with the content: an eTag, a generation, or a time.
    """

    fs: Any = field(repr=False)
    path: str
    size: int
    mark: str
    modified_at: datetime | None

    def pieces(self, start: int, length: int) -> Iterator[bytes]:
        with _still_readable(self.path), self.fs.open(self.path, "rb") as file:
            file.seek(start)
            left = length
            while left:
                piece = file.read(min(left, PIECE_BYTES))
                if not piece:
                    raise SourceChanged(f"{self.path} became shorter while it was read.")
                left -= len(piece)
                if not left:  # before the last piece leaves, and with it what makes a fragment count
                    self._check_unchanged()
                yield bytes(piece)

    def fingerprint(self) -> dict[str, Any]:
        return {"size": self.size, "mark": self.mark}

    def _check_unchanged(self) -> None:
        now = _info(self.fs, self.path)
        if (int(now["size"]), _mark(now)) != (self.size, self.mark):
            raise SourceChanged(f"{self.path} changed while it was read: {self.size} bytes before, {now['size']} now.")


def source_of(content: Content | None) -> Source:
    """Look at what is to be sent; nothing is read yet.

    :raises LocalFileError: naming the resolved path.
    """
    if isinstance(content, bytes):
        return MemorySource(content)
    if is_stored(content):
        return _object(content)
    return _file(absolute(content))  # a template may have made None of it


def name_of(content: Content) -> str:
    """Return the name a file gets where no other is said; nothing for content in memory."""
    if isinstance(content, bytes):
        return ""
    return content.name if is_stored(content) else Path(content).name


def is_stored(path: str | os.PathLike[str] | StoredObject | None) -> TypeIs[StoredObject]:
    """Tell an object of a store from a path; older versions of ``UPath`` call all of theirs paths of the local disk."""
    return hasattr(path, "fs")


def _file(path: Path) -> FileSource:
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


def _object(place: StoredObject) -> ObjectSource:
    shown = without_credentials(str(place))
    try:
        info = _info(place.fs, place.path)
    except (OSError, ValueError, ImportError) as error:  # also a scheme that no installed provider knows
        raise LocalFileError(
            f"The source {shown} cannot be read: {getattr(error, 'strerror', None) or error}.",
            advice="Check the path and its connection, and whether the provider of that store is installed.",
        ) from error
    if info.get("type") == "directory":
        raise LocalFileError(f"{shown} is not a file.", advice="Name one file.")
    return ObjectSource(place.fs, place.path, int(info["size"]), _mark(info), modified_at_of(info))


def _info(fs: Any, path: str) -> Mapping[str, Any]:
    """Ask the store anew: fsspec would remember what it knew."""
    fs.invalidate_cache(path)
    found: Mapping[str, Any] = fs.info(path)
    return found


def _mark(info: Mapping[str, Any]) -> str:
    return next((str(info[name]) for name in _MARKS if info.get(name)), "")


def modified_at_of(info: Mapping[str, Any]) -> datetime | None:
    """Read when an object was written last; stores say it in different words, and some not at all."""
    value = next((info[name] for name in _TIMES if info.get(name)), None)
    if isinstance(value, (int, float)):
        return datetime.fromtimestamp(int(value), UTC)
    return value if isinstance(value, datetime) and value.tzinfo else None


@contextmanager
def _still_readable(shown: object) -> Iterator[None]:
    try:
        yield
    except OneDriveError:  # some are operating system's errors by name
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SourceChanged(f"{shown} can no longer be read: {reason}.") from error
