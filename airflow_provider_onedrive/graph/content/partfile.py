"""A local file that appears under its name only when it is complete; until then a later call can resume it."""

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
from airflow_provider_onedrive.graph.content.private import (
    check_replaceable,
    mode_of_new_file,
    open_own,
    open_private,
    take_from_others,
)
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
"""A part file keeps track of whole chunks: an interrupted download is resumed after them."""

_PIECE_BYTES = 1024 * 1024
# Each time another process may publish or remove the file between its opening and its lock.
_OPENINGS = 10
# Of ext4, XFS and most others.
_MAX_NAME_BYTES = 255
_MARK_CHARACTERS = 12


@dataclass(frozen=True)
class PartName:
    """The name of a part file, made of its target and of the version that is fetched."""

    target: Path
    version: str

    @property
    def path(self) -> Path:
        return self._path(digest(self.version, _MARK_CHARACTERS))

    @property
    def private(self) -> Path:
        """A name that no other process has, if another process writes the usual one."""
        return self._path(secrets.token_hex(6))

    def others(self, leftovers: Leftovers) -> list[Path]:
        """Return the part files of other versions."""
        start, end = self._path("*").name.split("*")
        return [path for path in leftovers.of(self.target.parent, start, end) if path != self.path]

    def _path(self, mark: str) -> Path:
        # A digest, because the target's own name may be as long as the file system takes.
        return self.target.with_name(f".{digest(self.target.name, _MARK_CHARACTERS)}-{mark}.part")


class Leftovers:
    """The part files in folders. Each folder is listed once: once for each file would take quadratic time."""

    def __init__(self) -> None:
        self._listed: dict[Path, list[Path]] = {}

    def of(self, folder: Path, start: str, end: str) -> list[Path]:
        """Return the part files whose names start and end like this."""
        if folder not in self._listed:
            self._listed[folder] = [path for path in folder.iterdir() if path.name.endswith(end)]
        return [path for path in self._listed[folder] if path.name.startswith(start)]


class PartFile:
    """The part file of one version of one target; a context manager.

    If the block is left without :meth:`publish`, the part file is removed. It stays for the next call if it has whole
    chunks and another attempt may help. A lock keeps two processes from writing the same one. Until it is published,
    only its owner can read it; then it has the mode of any other new file.

    :param target: the final path; its folders are created.
    :param version: drive, item and eTag: only a part file of the same version is resumed.
    :param chunk_bytes: of the chunks that are kept track of; a file of one chunk always starts anew.
    :param leftovers: of the folder, shared by many targets in it; None lists the folder for this one.
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
        self._done = bytearray()
        self._left_before: list[int] = []
        self._sinks: list[RangeSink] = []
        self._is_published = False
        self._map: FileIO | None = None
        # The kernel lets one thread write to a file at a time, and the others spin for it: a lock of ours costs less.
        self._lock = Lock()
        with explained(target):
            check_replaceable(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            self._check_disk()
            self._mode = mode_of_new_file(target.parent)
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
        """Return sinks for the missing bytes; none if nothing is missing.

        :param at_once: about how many ranges they make.
        """
        missing = [number for number, done in enumerate(self._done) if not done]
        most = -(-len(missing) // at_once)
        self._sinks = [self._sink(first, count) for first, count in _runs(missing, most)]
        return self._sinks

    @property
    def bytes_left_before(self) -> int:
        """The number of bytes that an earlier process fetched."""
        return sum(self._length(number, 1) for number in self._left_before)

    def write_at(self, offset: int, piece: bytes) -> None:
        """Write, and mark the chunks that are whole now: a range is written from a chunk's beginning on."""
        with explained(self.target):
            with self._lock:
                _write_all(self._file, offset, piece)
            if self._map is not None:
                # After the bytes: a process that is killed in between fetches the chunk once more.
                for number in range(offset // self._chunk_bytes, (offset + len(piece)) // self._chunk_bytes):
                    _write_all(self._map, number, b"\1")
                    self._done[number] = 1

    def empty(self) -> None:
        with explained(self.target):
            self._done = bytearray(len(self._done))
            self._begin()

    def quick_xor_hash(self) -> str:
        """Return the hash of the whole file; the chunks of an earlier process are read for it."""
        whole = QuickXorHash()
        for sink in self._sinks:
            whole.combine(sink.hash)
        with explained(self.target):
            for number in self._left_before:
                whole.combine(self._read_hash(number))
        return whole.base64()

    def publish(self, modified_at: datetime | None, *, replace: bool) -> bool:
        """Rename the complete file to its target.

        :param modified_at: its modification time, if the file system has one; None leaves it.
        :param replace: replace the file that has the name.
        :return: False if the name is taken and must not be replaced.
        """
        with explained(self.target):
            if modified_at is not None:
                with suppress(OSError):
                    os.utime(self._file.fileno(), (modified_at.timestamp(), modified_at.timestamp()))
            with suppress(OSError):  # of a file system without modes
                os.fchmod(self._file.fileno(), self._mode)
            if not _is_at(self._file, self.path):
                self.path.lstat()  # it says so if the name is gone
                raise LocalFileError(f"{self.path} was replaced by somebody; {self.target} stays as it was.")
            # Before the rename: nothing would ever find a map whose part file has gone.
            _map_of(self.path).unlink(missing_ok=True)
            self._is_published = _rename(self.path, self.target, replace=replace)
        return self._is_published

    def _prepare(self) -> None:
        """Take over the chunks that an earlier process left of the same version, or begin anew.

        :raises LocalFileError: if the disk has not enough room.
        """
        self._done = bytearray(max(-(-self.size // self._chunk_bytes), 1))
        if len(self._done) > 1:
            self._map = open_private(_map_of(self.path))
            self._done = self._left_over(self._map)
        self._left_before = [number for number, done in enumerate(self._done) if done]
        self._check_room()
        if not self._left_before:
            self._begin()

    def _left_over(self, file: FileIO) -> bytearray:
        """Read the map: a byte for each chunk, 1 if the chunk is whole."""
        count = len(self._done)
        left = os.pread(file.fileno(), count + 1, 0)
        is_ours = len(left) == count and os.fstat(self._file.fileno()).st_size == self.size
        return bytearray(left if is_ours else count)

    def _begin(self) -> None:
        """Empty the file; with a map it has its final size from now on, as a sparse file."""
        if self._map is not None:
            _write_all(self._map, 0, bytes(len(self._done)))
            self._map.truncate(len(self._done))
        self._file.truncate(0)
        if self._map is not None:
            self._file.truncate(self.size)

    def _check_disk(self) -> None:
        """Refuse a size that no file on this disk can have, before memory is taken for its map."""
        total = shutil.disk_usage(self.target.parent).total
        if self.size > total:
            raise LocalFileError(f"{self.target} needs {self.size} bytes, and its whole disk has {total}.")

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
        """Return whether the next call can resume this one: it has whole chunks of a version that still exists."""
        # A private name is random, so no later call would find it.
        is_resumable = self._map is not None and any(self._done) and self.path == self._name.path
        return is_resumable and error is not None and not _is_useless_after(error)


def _is_useless_after(error: BaseException) -> bool:
    """Return whether the fetched chunks are of no use after this error."""
    is_final = isinstance(error, OneDriveError) and not error.is_retryable
    return is_final or isinstance(error, (VerificationFailed, SourceChanged, NotFound))


def _rename(path: Path, target: Path, *, replace: bool) -> bool:
    """Rename a file; return False if the name is taken and must not be replaced."""
    if replace:
        path.replace(target)
        return True
    try:
        os.link(path, target)  # unlike a rename it fails if the name is taken
    except FileExistsError:
        return False
    except OSError:  # a file system without links: another process may take the name before the rename
        return not os.path.lexists(target) and _rename(path, target, replace=True)
    path.unlink()
    return True


def _runs(numbers: list[int], most: int) -> Iterator[tuple[int, int]]:
    """Yield first number and count of each run of consecutive numbers, none longer than ``most``."""
    first, count = 0, 0
    for number in numbers:
        if count and (number != first + count or count == most):
            yield first, count
            count = 0
        first, count = (first, count + 1) if count else (number, 1)
    if count:
        yield first, count


def _open_alone(name: PartName) -> tuple[Path, FileIO]:
    """Open the part file and lock it; if another process or user has it, open one with a private name."""
    with suppress(OSError):  # it is another user's; or an error of the folder, which appears again below
        for _ in range(_OPENINGS):
            file = open_private(name.path)
            if not _lock(file):
                file.close()
                break
            if _is_at(file, name.path):
                if not take_from_others(file):
                    return name.path, file
                _remove(name.path)  # an older release has left it: who could read it may have it open still
            file.close()  # or it was published or removed before the lock was taken
    while True:
        path = name.private
        file = open_private(path, os.O_EXCL)
        with suppress(OSError):  # a file system without locks: no other process removes it either
            fcntl.flock(file, fcntl.LOCK_EX)
        if _is_at(file, path):
            return path, file
        file.close()


def _lock(file: FileIO) -> bool:
    """Lock an open file; return False if another process has the lock, or if the file system has no locks."""
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
    """Remove the part file of a killed process, but not one that another process writes."""
    with suppress(OSError), open_own(path) as file:
        if _lock(file) and _is_at(file, path):
            _remove(path)


def _remove(path: Path) -> None:
    """Remove a part file; its map first, because nothing would ever find a map without its part file."""
    with suppress(OSError):
        _map_of(path).unlink(missing_ok=True)
        path.unlink(missing_ok=True)


def _write_all(file: FileIO, offset: int, piece: bytes) -> None:
    """Write at an offset, in as many calls as the system needs."""
    view = memoryview(piece)
    while view:
        count = os.pwrite(file.fileno(), view, offset)
        view, offset = view[count:], offset + count


def _map_of(path: Path) -> Path:
    """Return the path of the map, which has a byte for each chunk."""
    return path.with_suffix(".map")


def local_target(local_path: str | os.PathLike[str], name: str) -> Path:
    """Return the file of a download: in ``local_path`` if that is a directory or ends in ``/``, else that path.

    :raises LocalFileError: if the server's name would leave the directory, or the target is a directory or a device.
    """
    path = absolute(local_path)
    with explained(path):
        if os.fspath(local_path).endswith(os.sep) or path.is_dir():
            path /= checked_name(name, path)
    with explained(path):
        check_replaceable(path)
        is_directory = path.is_dir()
        with suppress(FileNotFoundError, NotADirectoryError):
            path.lstat()  # an impossible path is refused now, and not after the download
    if is_directory:
        raise LocalFileError(f"{path} is a directory.", advice="End local_path in '/' or name the file.")
    return path


def checked_name(name: str, folder: object) -> str:
    """Return a name that stays in its folder.

    :raises LocalFileError: if it would lead elsewhere, or if the file system cannot store it.
    """
    try:
        length = len(os.fsencode(name))
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can write
        length = 0
    if not length or name in (".", "..") or any(character in name for character in ("/", os.sep, "\0")):
        raise LocalFileError(f"The name {name!r} cannot be used in {folder}.", advice="Pass a full local_path.")
    if length > _MAX_NAME_BYTES:
        raise LocalFileError(
            f"The name {name!r} is longer than file systems take ({_MAX_NAME_BYTES} bytes).",
            advice="Pass a full local_path.",
        )
    return name
