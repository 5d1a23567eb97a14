"""A local file that appears under its name only when it is complete, and until then can be gone on with."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from io import FileIO
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

from airflow_provider_onedrive.graph.content.paths import absolute
from airflow_provider_onedrive.graph.content.quickxor import QuickXorHash
from airflow_provider_onedrive.graph.content.sinks import RangeSink, explained
from airflow_provider_onedrive.graph.protocol.digests import digest
from airflow_provider_onedrive.graph.protocol.errors import (
    LocalFileError,
    NotFound,
    OneDriveError,
    SourceChanged,
    VerificationFailed,
)

CHUNK_BYTES = 16 * 1024 * 1024
"""What a part file remembers as a whole: an interrupted download goes on behind its last whole chunks."""

_PIECE_BYTES = 1024 * 1024
_OPENINGS = 10
_OPEN = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
_MAX_NAME_BYTES = 255
_MARK_CHARACTERS = 12


@dataclass(frozen=True)
class PartName:
    """How the part file of a target is named: by the target and by the version that is fetched."""

    target: Path
    version: str

    @property
    def path(self) -> Path:
        return self._path(digest(self.version, _MARK_CHARACTERS))

    @property
    def private(self) -> Path:
        """A name that nobody else has, for when another process writes the usual one."""
        return self._path(secrets.token_hex(6))

    def others(self, leftovers: Leftovers) -> list[Path]:
        """Find what was left of other versions."""
        start, end = self._path("*").name.split("*")
        return [path for path in leftovers.of(self.target.parent, start, end) if path != self.path]

    def _path(self, mark: str) -> Path:
        return self.target.with_name(f".{digest(self.target.name, _MARK_CHARACTERS)}-{mark}.part")


class Leftovers:
    """What lies in folders, looked up once in each: for every one of many files that would take ever longer."""

    def __init__(self) -> None:
        self._listed: dict[Path, list[Path]] = {}

    def of(self, folder: Path, start: str, end: str) -> list[Path]:
        """Find part files by how their names start and end."""
        if folder not in self._listed:
            self._listed[folder] = [path for path in folder.iterdir() if path.name.endswith(end)]
        return [path for path in self._listed[folder] if path.name.startswith(start)]


class PartFile:
    """The part file of one version of one target; a context manager.

    Leaving the block without :meth:`publish` removes it, or, where whole chunks are there and trying again may help,
    leaves it for the next call. A lock keeps two processes from writing the same one.

    :param target: the final path; its folders are made.
    :param version: names what is fetched, such as drive, item and eTag: only the same is gone on with.
    :param chunk_bytes: what is remembered as a whole; a file of one chunk is always fetched from its beginning.
    :param leftovers: of the folder, where many files come into it; None looks for them.
    :raises LocalFileError: naming the path and the reason.
    """

    def __init__(
        self,
        target: Path,
        version: str,
        size: int,
        *,
        chunk_bytes: int = CHUNK_BYTES,
        leftovers: Leftovers | None = None,
    ) -> None:
        self.target = target
        self.size = size
        self._name = PartName(target, f"{version}/{size}/{chunk_bytes}")
        self._chunk_bytes = chunk_bytes
        self._done = bytearray(max(-(-size // chunk_bytes), 1))
        self._left_before: list[int] = []
        self._sinks: list[RangeSink] = []
        self._is_published = False
        self._map: FileIO | None = None
        self._lock = Lock()  # the kernel writes a file once at a time, and lets others spin for it
        with explained(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            for other in self._name.others(leftovers or Leftovers()):
                _remove_unless_written(other)
            self.path, self._file = _open_alone(self._name)
        with ExitStack() as closed_on_error, explained(target):
            closed_on_error.push(self.__exit__)
            self._prepare()
            closed_on_error.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not (self._is_published or self._is_worth_keeping(error)):
            _remove(self.path)
        self._file.close()
        if self._map is not None:
            self._map.close()

    def sinks(self, at_once: int) -> list[RangeSink]:
        """Return where what is missing goes, in about so many ranges; none where nothing is missing."""
        missing = [number for number, done in enumerate(self._done) if not done]
        most = -(-len(missing) // at_once)
        self._sinks = [self._sink(first, count) for first, count in _runs(missing, most)]
        return self._sinks

    @property
    def bytes_left_before(self) -> int:
        """How many bytes an earlier process fetched."""
        return sum(self._length(number, 1) for number in self._left_before)

    def write_at(self, offset: int, piece: bytes) -> None:
        """Write, and remember the chunks that are whole with it: a range is written from a chunk's beginning on."""
        with explained(self.target):
            with self._lock:
                _write_all(self._file, offset, piece)
            if self._map is not None:
                for number in range(offset // self._chunk_bytes, (offset + len(piece)) // self._chunk_bytes):
                    _write_all(self._map, number, b"\1")
                    self._done[number] = 1

    def empty(self) -> None:
        with explained(self.target):
            self._done = bytearray(len(self._done))
            self._begin()

    def quick_xor_hash(self) -> str:
        """Return the hash of the whole; what an earlier process fetched is read for it."""
        whole = QuickXorHash()
        for sink in self._sinks:
            whole.combine(sink.hash)
        with explained(self.target):
            for number in self._left_before:
                whole.combine(self._read_hash(number))
        return whole.base64()

    def publish(self, modified_at: datetime | None, *, replace: bool) -> bool:
        """Let it appear under its name.

        :param modified_at: what it gets as its modification time, where the file system has such a thing.
        :param replace: whatever has the name goes; else nothing is done where it is taken.
        :return: whether it appeared.
        """
        with explained(self.target):
            if modified_at is not None:
                with suppress(OSError):
                    os.utime(self._file.fileno(), (modified_at.timestamp(), modified_at.timestamp()))
            _map_of(self.path).unlink(missing_ok=True)
            self._is_published = _rename(self.path, self.target, replace=replace)
        return self._is_published

    def _prepare(self) -> None:
        """Take over what an earlier process left of the same version, or begin anew; see that there is room."""
        if len(self._done) > 1:
            self._map = _opened(_map_of(self.path))
            self._done = self._left_over(self._map)
        self._left_before = [number for number, done in enumerate(self._done) if done]
        self._check_room()
        if not self._left_before:
            self._begin()

    def _left_over(self, file: FileIO) -> bytearray:
        """Read which chunks are there, a byte for each."""
        count = len(self._done)
        left = os.pread(file.fileno(), count + 1, 0)
        is_ours = len(left) == count and os.fstat(self._file.fileno()).st_size == self.size
        return bytearray(left if is_ours else count)

    def _begin(self) -> None:
        """Forget what is there; with a map the file has its size from now on."""
        if self._map is not None:
            _write_all(self._map, 0, bytes(len(self._done)))
            self._map.truncate(len(self._done))
        self._file.truncate(0)
        if self._map is not None:
            self._file.truncate(self.size)

    def _check_room(self) -> None:
        needed = self.size - self.bytes_left_before
        free = shutil.disk_usage(self.target.parent).free
        if free < needed:
            raise LocalFileError(
                f"{self.target} needs {needed} bytes more, and its disk has {free} free.", advice="Make room."
            )

    def _sink(self, first: int, count: int) -> RangeSink:
        length = self._length(first, count)
        return RangeSink(self, first * self._chunk_bytes, length, is_whole=length == self.size)

    def _length(self, first: int, count: int) -> int:
        return min(count * self._chunk_bytes, self.size - first * self._chunk_bytes)

    def _read_hash(self, number: int) -> QuickXorHash:
        start = number * self._chunk_bytes
        stop, digest = start + self._length(number, 1), QuickXorHash(start)
        for offset in range(start, stop, _PIECE_BYTES):
            digest.update(os.pread(self._file.fileno(), min(_PIECE_BYTES, stop - offset), offset))
        return digest

    def _is_worth_keeping(self, error: BaseException | None) -> bool:
        """Say whether the next call will find whole chunks of a version that is still there."""
        is_resumable = self._map is not None and any(self._done) and self.path == self._name.path
        return is_resumable and error is not None and not _is_in_vain(error)


def _is_in_vain(error: BaseException) -> bool:
    """Say whether what was fetched is of no use any more."""
    is_final = isinstance(error, OneDriveError) and not error.is_retryable
    return is_final or isinstance(error, (VerificationFailed, SourceChanged, NotFound))


def _rename(path: Path, target: Path, *, replace: bool) -> bool:
    """Give a file its name; False where that is taken and must not be replaced."""
    if replace:
        path.replace(target)
        return True
    try:
        os.link(path, target)
    except FileExistsError:
        return False
    except OSError:  # a file system without links: a moment passes between look and rename
        return not os.path.lexists(target) and _rename(path, target, replace=True)
    path.unlink()
    return True


def _runs(numbers: list[int], most: int) -> Iterator[tuple[int, int]]:
    """Give first number and count of each run of neighbours, none longer than ``most``."""
    first, count = 0, 0
    for number in numbers:
        if count and (number != first + count or count == most):
            yield first, count
            count = 0
        first, count = (first, count + 1) if count else (number, 1)
    if count:
        yield first, count


def _open_alone(name: PartName) -> tuple[Path, FileIO]:
    """Open the part file and lock it; where another process has it, or another user, one of our own."""
    with suppress(OSError):  # what is wrong with the folder is wrong below as well
        for _ in range(_OPENINGS):
            file = _opened(name.path)
            if not _lock(file):
                file.close()
                break
            if _is_at(file, name.path):
                return name.path, file
            file.close()  # it was published or removed before the lock was ours
    while True:
        path = name.private
        file = _opened(path, os.O_EXCL)
        with suppress(OSError):  # without locks nobody removes it
            fcntl.flock(file, fcntl.LOCK_EX)
        if _is_at(file, path):
            return path, file
        file.close()


def _opened(path: Path, flag: int = 0) -> FileIO:
    """Open for reading and writing; a thread that comes too late finds it closed, and writes to no other file."""
    return FileIO(os.open(path, _OPEN | flag, 0o666), "r+")


def _lock(file: FileIO) -> bool:
    """Lock an open file; False where another process has it, or where the file system knows no locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_at(file: FileIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except FileNotFoundError:
        return False


def _remove_unless_written(path: Path) -> None:
    """Remove what a killed process left, but nothing that somebody writes."""
    with suppress(OSError), FileIO(os.open(path, os.O_RDWR | os.O_NOFOLLOW), "r+") as file:
        if _lock(file) and _is_at(file, path):
            _remove(path)


def _remove(path: Path) -> None:
    """Remove a part file; its map first, because a map that were left alone would never be found."""
    with suppress(OSError):
        _map_of(path).unlink(missing_ok=True)
        path.unlink(missing_ok=True)


def _write_all(file: FileIO, offset: int, piece: bytes) -> None:
    """Write at an offset, however little the system takes at a time."""
    view = memoryview(piece)
    while view:
        count = os.pwrite(file.fileno(), view, offset)
        view, offset = view[count:], offset + count


def _map_of(path: Path) -> Path:
    """Name the file that says which chunks are there, a byte each."""
    return path.with_suffix(".map")


def local_target(local_path: str | os.PathLike[str], name: str) -> Path:
    """Say where a download goes: into ``local_path`` where that is a directory (or ends in ``/``), else to it.

    :raises LocalFileError: if the server's name would leave the directory, or the target is a directory.
    """
    path = absolute(local_path)
    with explained(path):
        if os.fspath(local_path).endswith(os.sep) or path.is_dir():
            path /= checked_name(name, path)
        is_directory = path.is_dir()
        with suppress(FileNotFoundError, NotADirectoryError):
            path.lstat()  # what can be no path is refused now, and not after the download
    if is_directory:
        raise LocalFileError(f"{path} is a directory.", advice="End local_path in '/' or name the file.")
    return path


def checked_name(name: str, folder: object) -> str:
    """Pass a name that stays in its folder.

    :raises LocalFileError: if it does not, or the file system cannot take it.
    """
    try:
        length = len(os.fsencode(name))
    except UnicodeEncodeError:  # half a character
        length = 0
    if not length or name in (".", "..") or any(character in name for character in ("/", os.sep, "\0")):
        raise LocalFileError(f"The name {name!r} cannot be used in {folder}.", advice="Pass a full local_path.")
    if length > _MAX_NAME_BYTES:
        raise LocalFileError(
            f"The name {name!r} is longer than file systems take ({_MAX_NAME_BYTES} bytes).",
            advice="Pass a full local_path.",
        )
    return name
