"""Files whose content is held until it is whole: up to 8 MiB in memory, beyond that in a temporary file."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, cast

SPOOLED_BYTES = 8 * 1024 * 1024

Send = Callable[[BinaryIO], object]
"""Sends the content of a file that stands at its start."""


def spooled() -> BinaryIO:
    """Return an empty file; closing it removes what it holds."""
    return cast("BinaryIO", tempfile.SpooledTemporaryFile(SPOOLED_BYTES))


class SentWhole:
    """The ends of a file that is sent when it is closed: not if its block raises, nor if nobody closes it."""

    if TYPE_CHECKING:

        def close(self) -> None: ...

    def discard(self) -> None:
        """Close it without sending it."""
        raise NotImplementedError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self.discard()
        self.close()

    def __del__(self) -> None:  # the base would close it, and so send a part of what was meant
        self.discard()


class UploadingFile(SentWhole, tempfile.SpooledTemporaryFile[bytes]):
    """A file that is uploaded when it is closed.

    :param send: uploads its content.
    """

    def __init__(self, send: Send) -> None:
        self._send: Send | None = send
        super().__init__(SPOOLED_BYTES)

    def discard(self) -> None:
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


class UploadingText(SentWhole, io.TextIOWrapper):
    """The text of a file that is sent when it is closed, with the same ends."""

    def __init__(
        self, file: SentWhole, encoding: str | None, *, errors: str | None = None, newline: str | None = ""
    ) -> None:
        self._file = file
        # newline="", because Python would else write line ends as the worker's system has them.
        super().__init__(cast("BinaryIO", file), encoding=encoding, errors=errors, newline=newline)

    def discard(self) -> None:
        self._file.discard()
