"""What is sent: a local file, an object of a store, a file object, or content in memory.

Each attempt opens it anew and so starts from the byte it wants; what changed since the first look is not sent.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from airflow_provider_onedrive.graph.content.paths import absolute, without_credentials
from airflow_provider_onedrive.graph.content.spooled import spooled
from airflow_provider_onedrive.graph.protocol.errors import (
    ConfigurationError,
    LocalFileError,
    OneDriveError,
    SourceChanged,
)
from airflow_provider_onedrive.graph.protocol.hidden_names import cause_to_show

if TYPE_CHECKING:
    from typing_extensions import TypeIs  # from Python 3.13 on in typing

PIECE_BYTES = 512 * 1024
"""Bytes go to the HTTP library in pieces of this size: one large ``bytes`` would be copied again and again."""

_MIB = 1024 * 1024
# The names that object stores (S3, Azure, Google) give to what changes with the content; without one, to a time.
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


Content = str | bytes | bytearray | memoryview | BinaryIO
"""Text, bytes to send as they are, or a file object that is open for reading in binary mode."""

LocalPath = str | os.PathLike[str] | StoredObject
"""The path of a local file or folder, or an object of a store."""


class Source(Protocol):
    """Content of a known size that can be read from any byte on."""

    @property
    def size(self) -> int: ...
    @property
    def modified_at(self) -> datetime | None: ...
    def pieces(self, start: int, length: int) -> Iterator[bytes]:
        """Yield ``length`` bytes from ``start`` on.

        :raises SourceChanged: if it is no longer what it was at the first look, or cannot be read any more.
        """

    def fingerprint(self) -> dict[str, Any]:
        """Return in JSON what another process compares before it resumes an upload of this."""


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
        # Whole seconds, as Graph keeps them (RC#8101).
        return datetime.fromtimestamp(self.modified_ns // 1_000_000_000, UTC)

    def pieces(self, start: int, length: int) -> Iterator[bytes]:
        with _still_readable(self.path), self.path.open("rb") as file:
            file.seek(start)
            left = length
            while left:
                piece = file.read(min(left, PIECE_BYTES))
                # After each piece: a program that goes on writing is noticed before Graph has all of a mixture.
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
class FileObjectSource:
    """A file object that can seek, from where it stood.

    :param start: the position of its first byte that is sent.
    """

    file: BinaryIO = field(repr=False)
    start: int
    size: int
    modified_at: None = None

    def pieces(self, start: int, length: int) -> Iterator[bytes]:
        with _still_readable("The file object"):
            self.file.seek(self.start + start)
        left = length
        while left:
            with _still_readable("The file object"):
                piece = self.file.read(min(left, PIECE_BYTES))
            if not piece:
                raise SourceChanged("The file object became shorter while it was read.")
            left -= len(piece)
            yield piece

    def fingerprint(self) -> dict[str, Any]:
        digest = hashlib.sha256()
        for piece in self.pieces(0, self.size):
            digest.update(piece)
        return {"size": self.size, "sha256": digest.hexdigest()}


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


@contextmanager
def opened_source(content: Content | None, local_path: LocalPath | None, encoding: str) -> Iterator[Source]:
    """Yield the source of one upload: of exactly one of ``content`` and ``local_path``.

    :param encoding: of text.
    :raises ConfigurationError: if both are given or none, or one is of a type that belongs to the other.
    :raises LocalFileError: naming the resolved path.
    """
    if (content is None) == (local_path is None):
        raise ConfigurationError(
            "Exactly one of content= and local_path= is needed.",
            advice="content takes text, bytes or a binary file object ('' makes an empty file), local_path a path.",
        )
    if content is None:
        yield source_of(local_path)
    elif isinstance(content, (str, bytes, bytearray, memoryview)):
        yield MemorySource(_encoded(content, encoding) if isinstance(content, str) else bytes(content))
    elif hasattr(content, "read"):
        with _rewindable(content) as file:
            yield _file_object(file)
    else:
        raise ConfigurationError(
            f"content is a {type(content).__name__}, which is neither text, bytes nor a binary file object.",
            advice="Pass a path as local_path=.",
        )


def source_of(local_path: LocalPath | None) -> Source:
    """Look at a local file, or an object of a store; nothing is read yet.

    :raises LocalFileError: naming the resolved path.
    """
    _check_path(local_path)
    if is_stored(local_path):
        return _object(local_path)
    return _file(absolute(local_path))  # a template may have made None of it


def _check_path(value: object) -> None:
    if isinstance(value, (bytes, bytearray)) or hasattr(value, "read"):
        raise ConfigurationError(f"local_path is a {type(value).__name__}, not a path.", advice="Pass it as content=.")


def name_of(local_path: LocalPath | None) -> str:
    """Return the name a file gets where no other is given; empty for content."""
    if local_path is None:
        return ""
    return local_path.name if is_stored(local_path) else Path(local_path).name


def is_stored(path: str | os.PathLike[str] | StoredObject | None) -> TypeIs[StoredObject]:
    """Return whether it is an object of a store: older versions of ``UPath`` make local paths of all of theirs."""
    return hasattr(path, "fs")


def _encoded(text: str, encoding: str) -> bytes:
    try:
        return text.encode(encoding)
    except (UnicodeError, LookupError) as error:
        raise ConfigurationError(
            f"content cannot be encoded as {encoding}: {error}.", advice="Choose another encoding, or pass bytes."
        ) from None  # its text may hold a sharing link that was meant for another parameter, and is not filtered


@contextmanager
def _rewindable(file: BinaryIO) -> Iterator[BinaryIO]:
    """Yield a file object that can seek, as each attempt reads from the byte it needs; a pipe is copied first."""
    if isinstance(file, io.TextIOBase):
        raise ConfigurationError(
            "content is a file object that is open in text mode.", advice="Open it in binary mode: open(path, 'rb')."
        )
    if getattr(file, "closed", False):
        raise ConfigurationError("content is a file object that is closed.", advice="Keep it open, or pass its path.")
    if file.seekable():
        yield file
        return
    with spooled() as copy:
        shutil.copyfileobj(file, copy, PIECE_BYTES)
        copy.seek(0)
        yield copy


def _file_object(file: BinaryIO) -> FileObjectSource:
    """Measure a file object from its position on.

    :raises ConfigurationError: if it was read or written to its end, which would make an empty file of it.
    """
    start = file.tell()
    end = file.seek(0, os.SEEK_END)
    if start and end <= start:
        raise ConfigurationError(
            "content is a file object that stands at its end, so nothing would be sent.",
            advice="Call its seek(0) before.",
        )
    return FileObjectSource(file, start, end - start)


def _file(path: Path) -> FileSource:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise LocalFileError(
            f"The local file {path} cannot be read: {getattr(error, 'strerror', error)}.",
            advice="Is it written by a task on another worker?",
        ) from cause_to_show(error)
    if not path.is_file():
        raise LocalFileError(f"{path} is not a file.", advice="Name one file.")
    # Asked now, because the file is opened only when its first byte is sent.
    if not os.access(path, os.R_OK):
        raise LocalFileError(f"The local file {path} may not be read.", advice="Grant the worker's user the right.")
    return FileSource(path, status.st_size, status.st_mtime_ns)


def _object(stored: StoredObject) -> ObjectSource:
    shown = without_credentials(str(stored))
    try:
        info = _info(stored.fs, stored.path)
    except (OSError, ValueError, ImportError) as error:  # also a scheme that no installed provider knows
        raise LocalFileError(
            f"The source {shown} cannot be read: {getattr(error, 'strerror', None) or error}.",
            advice="Check the path and its connection, and whether the provider of that store is installed.",
        ) from cause_to_show(error)
    if info.get("type") == "directory":
        raise LocalFileError(f"{shown} is not a file.", advice="Name one file.")
    return ObjectSource(stored.fs, stored.path, int(info["size"]), _mark(info), modified_at_of(info))


def _info(fs: Any, path: str) -> Mapping[str, Any]:
    """Ask the store anew, not fsspec's cache of it."""
    fs.invalidate_cache(path)
    info: Mapping[str, Any] = fs.info(path)
    return info


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
        raise SourceChanged(f"{shown} can no longer be read: {reason}.") from cause_to_show(error)
