"""Where the bytes of a download go: a range of a file, hashed as it comes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, Protocol, cast

from airflow_provider_onedrive.graph.content.paths import without_credentials
from airflow_provider_onedrive.graph.content.quickxor import QuickXorHash
from airflow_provider_onedrive.graph.content.sources import StoredObject
from airflow_provider_onedrive.graph.protocol.errors import LocalFileError, OneDriveError

_HOLDING_BACK = {"s3", "s3a"}
"""Stores whose files, opened with ``autocommit=False``, surely appear only when they are committed."""


class RangeIgnored(OneDriveError):
    """The server sends something else than the range that was asked for: the file changed, or it knows no ranges."""

    is_retryable = True


class Output(Protocol):
    """A file that is written at offsets."""

    def write_at(self, offset: int, piece: bytes) -> None: ...
    def empty(self) -> None:
        """Forget everything."""


class RangeSink:
    """Takes ``length`` bytes of a file from ``start`` on, and counts and hashes them.

    :param is_whole: the range is the whole file, so an answer with the whole file serves as well.
    """

    def __init__(self, output: Output, start: int, length: int, *, is_whole: bool = True) -> None:
        self._output = output
        self._is_whole = is_whole
        self.start = start
        self.length = length
        self.written = 0
        self.restarts = 0
        self.hash = QuickXorHash(start)

    @property
    def left(self) -> int:
        return self.length - self.written

    def write(self, piece: bytes) -> None:
        """Take the next bytes.

        :raises LocalFileError: if the disk refuses them.
        :raises RangeIgnored: if they are more than were asked for.
        """
        if len(piece) > self.left:
            raise RangeIgnored(f"more than {self.length} bytes came")
        self._output.write_at(self.start + self.written, piece)
        self.hash.update(piece)
        self.written += len(piece)

    def restart(self) -> None:
        """Forget what was written: the whole file comes.

        :raises RangeIgnored: if only a part of it was wanted.
        """
        if not self._is_whole:
            raise RangeIgnored("the whole file came instead of a range")
        if self.written:
            self._output.empty()
            self.restarts += 1
        self.written, self.hash = 0, QuickXorHash(self.start)


class OpenFile:
    """A file that is open for writing, as a place."""

    def __init__(self, file: BinaryIO, shown: object) -> None:
        self._file = file
        self._shown = shown

    def write_at(self, offset: int, piece: bytes) -> None:
        with explained(self._shown):
            self._file.seek(offset)
            self._file.write(piece)
            self._file.flush()  # so that nothing is refused later, when nobody can say of what

    def empty(self) -> None:
        with explained(self._shown):
            self._file.seek(0)
            self._file.truncate()


class NewObject(Output, Protocol):
    """An object of a store that appears under its key when it is committed; else nothing of it does."""

    def commit(self) -> None: ...
    def close(self) -> None:
        """Forget what was not committed."""


def new_object(output: StoredObject) -> NewObject:
    """Begin an object; nothing is sent yet."""
    return StreamedObject(output) if protocols_of(output) & _HOLDING_BACK else SpooledObject(output)


def protocols_of(output: StoredObject) -> set[str]:
    """Return the names of its store, such as ``s3`` and ``s3a``."""
    names = output.fs.protocol
    return {names} if isinstance(names, str) else set(names)


class StreamedObject:
    """Goes to a store that holds it back, from its first byte to its last."""

    def __init__(self, output: StoredObject) -> None:
        self._output = output
        self._file: Any = None
        self._position = 0

    def write_at(self, offset: int, piece: bytes) -> None:
        if offset != self._position:
            raise RangeIgnored(f"byte {offset} came and {self._position} was awaited")
        with explained(self._output):
            self._opened().write(piece)
        self._position += len(piece)

    def empty(self) -> None:
        self.close()
        self._position = 0

    def commit(self) -> None:
        with explained(self._output):
            file = self._opened()
            file.close()  # first: committing would leave out what is still buffered
            file.commit()
        self._file = None

    def close(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # what went wrong before says more
                self._file.discard()
            self._file.closed = True  # or it would be closed as the process ends, and begin another upload
            self._file = None

    def _opened(self) -> Any:
        if self._file is None:
            self._file = self._output.fs.open(self._output.path, "wb", autocommit=False)
        return self._file


class SpooledObject(OpenFile):
    """Waits in a temporary file, for a store whose objects are seen while they are written."""

    def __init__(self, output: StoredObject) -> None:
        self._output = output
        self._spool = tempfile.NamedTemporaryFile()  # noqa: SIM115 - close() closes it
        super().__init__(cast("BinaryIO", self._spool), "a temporary file")

    def commit(self) -> None:
        with explained(self._output):
            self._output.fs.put_file(self._spool.name, self._output.path)

    def close(self) -> None:
        self._spool.close()


@contextmanager
def explained(target: object) -> Iterator[None]:
    """Turn an operating system's error into one that says which file."""
    try:
        yield
    except OneDriveError:  # some are operating system's errors by name, such as FileNotFoundError
        raise
    except (OSError, ValueError) as error:  # a path with NUL in it is a ValueError
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise LocalFileError(without_credentials(f"{target} cannot be written: {reason}")) from error
