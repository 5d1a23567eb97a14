"""Sinks of downloads: each takes a range of a file and hashes it as it comes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, Protocol, cast

from airflow_provider_onedrive.graph.content.paths import without_credentials, without_password
from airflow_provider_onedrive.graph.content.quickxor import QuickXorHash
from airflow_provider_onedrive.graph.content.sources import StoredObject
from airflow_provider_onedrive.graph.protocol.errors import LocalFileError, OneDriveError
from airflow_provider_onedrive.graph.protocol.hidden_names import cause_to_show

_HOLDING_BACK = {"s3", "s3a"}
"""Stores whose objects, opened with ``autocommit=False``, surely appear only when they are committed."""


class RangeIgnored(OneDriveError):
    """The server sent other bytes than the requested range: the file changed, or the server ignores ranges."""

    is_retryable = True


class Output(Protocol):
    """A file that is written at offsets."""

    def write_at(self, offset: int, piece: bytes) -> None: ...
    def empty(self) -> None:
        """Remove all bytes."""


class RangeSink:
    """Takes ``length`` bytes of a file from ``start`` on, counts and hashes them.

    :param is_whole: the range is the whole file, so that an answer with the whole file is as good.
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
        """Write the next bytes.

        :raises LocalFileError: if the disk refuses them.
        :raises RangeIgnored: if they are more than the range has.
        """
        if len(piece) > self.left:
            raise RangeIgnored(f"more than {self.length} bytes came")
        self._output.write_at(self.start + self.written, piece)
        self.hash.update(piece)
        self.written += len(piece)

    def restart(self) -> None:
        """Start again at the first byte, because the server sends the whole file.

        :raises RangeIgnored: if the range is only a part of the file.
        """
        if not self._is_whole:
            raise RangeIgnored("the whole file came instead of a range")
        if self.written:
            self._output.empty()
            self.restarts += 1
        self.written, self.hash = 0, QuickXorHash(self.start)


class OpenFile:
    """An open file as the output of a download."""

    def __init__(self, file: BinaryIO, shown: object) -> None:
        self._file = file
        self._shown = shown

    def write_at(self, offset: int, piece: bytes) -> None:
        with explained(self._shown):
            self._file.seek(offset)
            self._file.write(piece)
            self._file.flush()  # a full disk is reported now, with the name of the file

    def empty(self) -> None:
        with explained(self._shown):
            self._file.seek(0)
            self._file.truncate()


class NewObject(Output, Protocol):
    """An object of a store that appears under its key when it is committed, and not at all without that."""

    def commit(self) -> None: ...
    def close(self) -> None:
        """Discard the bytes that were not committed."""


def new_object(output: StoredObject) -> NewObject:
    """Return an object to write; nothing is sent yet."""
    return StreamedObject(output) if protocols_of(output) & _HOLDING_BACK else SpooledObject(output)


def protocols_of(output: StoredObject) -> set[str]:
    """Return the names of an object's store, such as ``s3`` and ``s3a``."""
    names = output.fs.protocol
    return {names} if isinstance(names, str) else set(names)


class StreamedObject:
    """An object that is streamed to a store, which holds it back until it is committed."""

    def __init__(self, output: StoredObject) -> None:
        self._output = output
        self._file: Any = None
        self._position = 0

    def write_at(self, offset: int, piece: bytes) -> None:
        if offset != self._position:
            raise RangeIgnored(f"byte {offset} came instead of byte {self._position}")
        with explained(self._output):
            self._opened().write(piece)
        self._position += len(piece)

    def empty(self) -> None:
        self.close()
        self._position = 0

    def commit(self) -> None:
        with explained(self._output):
            file = self._opened()
            file.close()  # first: a commit would leave out the buffered bytes
            file.commit()
        self._file = None

    def close(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # the error that led here says more
                self._file.discard()
            self._file.closed = True  # else fsspec closes it as the process ends, and begins another upload
            self._file = None

    def _opened(self) -> Any:
        if self._file is None:
            self._file = self._output.fs.open(self._output.path, "wb", autocommit=False)
        return self._file


class SpooledObject(OpenFile):
    """An object in a temporary file, for a store that shows objects while they are written."""

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
    """Raise the operating system's errors of a block as a :class:`LocalFileError` that names the file."""
    try:
        yield
    except OneDriveError:  # some of them are an OSError too, such as ItemNotFound
        raise
    except (OSError, ValueError) as error:  # a path with NUL in it is a ValueError
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        shown = without_credentials(str(target))
        raise LocalFileError(f"{shown} cannot be written: {without_password(reason)}") from cause_to_show(error)
