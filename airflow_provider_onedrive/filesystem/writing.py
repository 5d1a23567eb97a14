"""A file that is open for writing: spooled, and sent whole when it is closed."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, BinaryIO

from airflow_provider_onedrive.graph.content.sinks import explained
from airflow_provider_onedrive.graph.content.spooled import Send, SentWhole, spooled
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.logs import logger

log = logger(__name__)

_FRAMES = 8


class OneDriveWriter(SentWhole, io.BufferedIOBase):
    """Takes bytes until it is closed, and sends them then; not if its block raises, nor if nobody closes it.

    A program that wraps it, as ``fsspec.open`` and pandas do, closes it while its own block raises; that is noticed.

    :param send: uploads the content.
    :param autocommit: whether closing sends it; else :meth:`commit` does, at the end of a transaction.
    """

    def __init__(self, fs: Any, path: str, mode: str, send: Send, *, autocommit: bool = True) -> None:
        self.fs = fs
        self.path = path
        self.mode = mode
        self.autocommit = autocommit
        self._send: Send | None = send
        self._spool = spooled()
        self._pid = os.getpid()
        self._handled_at_opening = sys.exception()

    def write(self, data: Any) -> int:
        """Take bytes.

        :raises LocalFileError: if the disk refuses them; then nothing is sent any more.
        """
        self._check_open()
        try:
            with explained("A temporary file"):
                return self._spool.write(data)
        except BaseException:
            self.discard()  # a part of what was meant is never sent
            raise

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._check_open()
        return self._spool.seek(offset, whence)

    def tell(self) -> int:
        self._check_open()
        return self._spool.tell()

    def truncate(self, size: int | None = None) -> int:
        self._check_open()
        size = self._spool.tell() if size is None else size
        self._spool.truncate(size)
        return size

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        """Send the content, unless a block that raises closes it."""
        if self.closed:
            return
        if self._is_left_by_exception():
            log.warning("%s is not written, because the block that writes it raised an error.", self.path)
            self.discard()
            return
        try:
            if self.autocommit:
                self.commit()
        finally:
            super().close()

    def commit(self) -> None:
        """Send the content, once.

        :raises ConfigurationError: in a process that was forked while the file was open: the parent sends it.
        """
        send, self._send = self._send, None
        if send is None:
            return
        with self._spool as content:
            if self._pid != os.getpid():
                raise ConfigurationError(
                    f"{self.path} was opened by another process, which this one was forked from.",
                    advice="Open it in the process that writes it.",
                )
            content.seek(0)
            send(content)

    def discard(self) -> None:
        """Close it, and send nothing."""
        self._send = None
        self._spool.close()
        super().close()

    def __del__(self) -> None:
        if hasattr(self, "_spool"):  # else it was called wrongly
            super().__del__()

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file.")

    def _is_left_by_exception(self) -> bool:
        """Return whether a caller is the ``__exit__`` of a block that an exception leaves."""
        error = sys.exception()
        if error is None or error is self._handled_at_opening:
            return False
        frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - the only way to see who closes it
        for _ in range(_FRAMES):
            if frame is None:
                return False
            if frame.f_code.co_name == "__exit__" and any(_holds(value, error) for value in frame.f_locals.values()):
                return True
            frame = frame.f_back
        return False


def _holds(value: Any, error: BaseException) -> bool:
    return value is error or (isinstance(value, tuple) and any(each is error for each in value))


class CompressedWriter(SentWhole, io.BufferedIOBase):
    """Compresses what is written into a file, and has the same ends as that file.

    fsspec's own leaves the file open, so that it would never be sent.

    :param compress: makes a compressing file of the file.
    """

    def __init__(self, file: OneDriveWriter, compress: Callable[..., BinaryIO]) -> None:
        self._file = file
        self._compressing = compress(file, mode="w")

    def write(self, data: Any) -> int:
        return self._compressing.write(data)

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed and not self._file.closed:
            self._compressing.close()
            self._file.close()
        super().close()

    def discard(self) -> None:
        """Close it, and send nothing."""
        self._file.discard()
        super().close()
