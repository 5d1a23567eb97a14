"""Files whose content is held until it is whole: up to 8 MiB in memory, beyond that in a temporary file."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from types import TracebackType
from typing import BinaryIO, Protocol, cast

SPOOLED_BYTES = 8 * 1024 * 1024

Send = Callable[[BinaryIO], object]
"""Sends the content of a file that stands at its start."""


def spooled() -> BinaryIO:
    """Return an empty file; closing it removes what it holds."""
    return cast("BinaryIO", tempfile.SpooledTemporaryFile(SPOOLED_BYTES))


class UploadingFile(tempfile.SpooledTemporaryFile[bytes]):
    """A file that is uploaded when it is closed; not if its block raises, nor if nobody closes it.

    :param send: uploads its content.
    """

    def __init__(self, send: Send) -> None:
        self._send: Send | None = send
        super().__init__(SPOOLED_BYTES)

    def discard(self) -> None:
        """Close it without an upload."""
        self._send = None
        self.close()

    def close(self) -> None:
        send, self._send = self._send, None
        try:
            if send is not None:
                self.seek(0)
                send(cast("BinaryIO", self))
        finally:
            super().close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self.discard()
        self.close()

    def __del__(self) -> None:  # the base would close it, and so upload a part of what was meant
        self.discard()


class Discardable(Protocol):
    """A file that is sent when it is closed."""

    def discard(self) -> None:
        """Close it without sending it."""


class UploadingText(io.TextIOWrapper):
    """The text of a file that is sent when it is closed, with the same ends."""

    def __init__(
        self, file: Discardable, encoding: str | None, *, errors: str | None = None, newline: str | None = ""
    ) -> None:
        self._file = file
        # newline="", because Python would else write line ends as the worker's system has them.
        super().__init__(cast("BinaryIO", file), encoding=encoding, errors=errors, newline=newline)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self._file.discard()
        self.close()

    def __del__(self) -> None:
        self._file.discard()
