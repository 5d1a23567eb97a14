"""The bodies of answers that are held in memory: decoded piece by piece, and never more than Graph sends.

A compressed answer can become a thousand times as large, so the limit has to hold while it is decompressed.
"""

from __future__ import annotations

import zlib

import httpx

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Of a decoded answer: a page of a thousand items has about one MiB."""
ANY_SIZE = "onedrive_any_size"
"""The extension of a request whose content goes to a sink as it comes, and is not held in memory."""
ACCEPT_ENCODING = "gzip"
"""What is decoded here; the encodings that httpx would offer depend on what else is installed."""
_COMPRESSED = ("gzip", "x-gzip", "deflate")
_PACKING_BYTES = 64 * 1024
"""How much larger a body may become by being compressed; zlib adds less than 0.1 %."""
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_CONTENT_STATUSES = (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT)


class UnreadableBody(httpx.DecodingError):
    """A body that is too large, or cannot be decoded."""


class BodyDecoder:
    """Decodes one body, and counts its bytes.

    :param encoding: the header ``Content-Encoding``.
    """

    def __init__(self, encoding: str, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._max_bytes = self._bytes_left = max_bytes
        self._packed_bytes_left = max_bytes + _PACKING_BYTES
        self._encoding = encoding.strip().lower()
        self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB)

    def decode(self, piece: bytes) -> bytes:
        """Return the decoded bytes of a piece.

        :raises UnreadableBody: if the body is too large, or in an encoding that nobody asked for.
        """
        decoded = self._inflated(piece) if self._is_compressed else self._plain(piece)
        self._bytes_left -= len(decoded)
        # What follows the end of a compressed body decodes to nothing, and could go on for ever.
        self._packed_bytes_left -= len(piece)
        if self._bytes_left < 0 or self._packed_bytes_left < 0:
            raise UnreadableBody(f"it has more than {self._max_bytes} bytes")
        return decoded

    def finish(self) -> None:
        """Check that nothing is missing at the end.

        :raises UnreadableBody: if a compressed body ends too early.
        """
        has_bytes = self._bytes_left < self._max_bytes
        if self._is_compressed and has_bytes and not self._inflater.eof:
            raise UnreadableBody("its compressed body ends too early")

    @property
    def _is_compressed(self) -> bool:
        return self._encoding in _COMPRESSED

    def _inflated(self, piece: bytes) -> bytes:
        if self._inflater.eof:
            return b""
        try:
            # One byte more than allowed tells a body that is too large from one that is just as large.
            return self._inflater.decompress(piece, self._bytes_left + 1)
        except zlib.error:
            raise UnreadableBody("its compressed body is damaged") from None

    def _plain(self, piece: bytes) -> bytes:
        if self._encoding in ("", "identity"):
            return piece
        raise UnreadableBody("it is encoded in a way that was not asked for")


def is_held(request: httpx.Request, status: int) -> bool:
    """Return whether the body of an answer is held in memory, and does not go to a sink as it comes."""
    return not (request.extensions.get(ANY_SIZE) and status in _CONTENT_STATUSES)


def take_decoder(headers: httpx.Headers) -> BodyDecoder:
    """Return the decoder of an answer, and remove the header that would make httpx decode it again."""
    return BodyDecoder(headers.pop("content-encoding", ""))


def content_of(answer: httpx.Response) -> bytes:
    """Read the body of an answer; nothing of an error whose body cannot be decoded, for its status says enough.

    :raises httpx.HTTPError: if the rest of it does not come, or if it cannot be decoded.
    """
    try:
        return answer.read()
    except httpx.DecodingError:
        if answer.is_error:
            return b""
        raise


async def acontent_of(answer: httpx.Response) -> bytes:
    """Read a body on an event loop, as :func:`content_of` does."""
    try:
        return await answer.aread()
    except httpx.DecodingError:
        if answer.is_error:
            return b""
        raise
