"""Requests and replies, as handlers see them."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from functools import cached_property
from http import HTTPStatus
from io import BufferedReader
from typing import Any
from urllib.parse import parse_qsl, unquote

from airflow_provider_onedrive.emulator.errors.problems import ConnectionDropped, Problem, bad_request, too_large
from airflow_provider_onedrive.emulator.http.operations import operation, resource_units
from airflow_provider_onedrive.emulator.http.throughput import Throughput
from airflow_provider_onedrive.emulator.model import clock
from airflow_provider_onedrive.emulator.model.contents import Content

# A piece of this size costs little per byte and little memory per connection.
PIECE_BYTES = 1024 * 1024
# Graph limits JSON bodies to 4 MB.
MAX_JSON_BYTES = 4 * 1024 * 1024
# Eight digits are 4 GiB; a longer size is an attack or a bug.
_MAX_CHUNK_DIGITS = 8
_BODILESS = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}


class Body:
    """A request's body, read once, by the piece.

    :param length: None when the body is chunked.
    :ivar corrupt_at: offset of a byte that arrives as another one.
    """

    def __init__(self, stream: BufferedReader, length: int | None) -> None:
        self.length = length
        self.received = 0
        self.cut_after: int | None = None
        self.keep_cut_bytes = False
        self.corrupt_at: int | None = None
        self.throughput: Throughput | None = None
        self._stream = stream
        self._buffer = memoryview(b"")
        self._source = self._plain(length) if length is not None else self._chunked()

    def pieces(self) -> Iterator[memoryview]:
        """Yield the rest of the body.

        A piece is valid until the next one is read: all share one buffer.

        :raises ConnectionDropped: the client closed the connection.
        """
        for piece in self._source:
            _corrupt(piece, self.corrupt_at, self.received)
            self.received += len(piece)
            if self.throughput:
                self.throughput.pass_on(len(piece))
            yield piece

    def drain(self) -> None:
        """Read to the end, so that the next request on the connection is read from its beginning."""
        for _ in self.pieces():
            pass

    def read(self, max_bytes: int = MAX_JSON_BYTES) -> bytes:
        data = bytearray()
        for piece in self.pieces():
            data += piece
            if len(data) > max_bytes:
                raise too_large()
        return bytes(data)

    def _plain(self, length: int) -> Iterator[memoryview]:
        while length:
            piece = self._receive(min(self.throughput.piece_bytes if self.throughput else PIECE_BYTES, length))
            length -= len(piece)
            yield piece

    def _chunked(self) -> Iterator[memoryview]:
        while length := self._chunk_size():
            yield from self._plain(length)
            self._line(8)
        while self._line().strip():
            pass

    def _chunk_size(self) -> int:
        digits = self._line(1024).split(b";")[0].strip()
        if not digits or len(digits) > _MAX_CHUNK_DIGITS or digits.strip(b"0123456789abcdefABCDEF"):
            raise ConnectionDropped
        return int(digits, 16)

    def _receive(self, length: int) -> memoryview:
        """Read past the stream's own buffer, from the socket straight into ours."""
        if self.cut_after is not None:
            length = min(length, self.cut_after - self.received)
        # One buffer serves the whole body: memory per connection stays at one piece.
        if len(self._buffer) < length:
            self._buffer = memoryview(bytearray(length))
        try:
            size = self._stream.readinto(self._buffer[:length]) if length else 0
        except OSError:
            size = 0
        if not size:
            raise ConnectionDropped
        return self._buffer[:size]

    def _line(self, max_bytes: int = 65537) -> bytes:
        try:
            return self._stream.readline(max_bytes)
        except OSError:
            raise ConnectionDropped from None


@dataclass
class Request:
    """:param target: path and query as they were sent.

    :param origin: ``graph``, ``store`` (the second origin), ``login`` or ``control``.
    :param graph_url: address of Graph, by the host that the request was sent to; ``login_url`` is that of Entra ID.
    """

    method: str
    target: str
    headers: Message
    body: Body
    origin: str = ""
    graph_url: str = ""
    login_url: str = ""
    reply_throughput: Throughput | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def raw_path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def path(self) -> str:
        return unquote(self.raw_path)

    @cached_property
    def operation(self) -> str:
        return operation(self.method, self.path, self.origin)

    @property
    def resource_units(self) -> int:
        return resource_units(self.operation, self.target.partition("?")[2])

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    def slow_down(self, up: float, down: float, stopping: threading.Event) -> None:
        """Add a delay, in seconds for each byte of the request's body and of the reply's."""
        self.body.throughput = _slower(self.body.throughput, up, stopping)
        self.reply_throughput = _slower(self.reply_throughput, down, stopping)

    def option(self, name: str) -> str | None:
        """Return an OData option; ``$top`` and ``top`` are the same."""
        # The service accepts both spellings; documentation shows `select=` for downloadUrl.
        return self.query.get(f"${name}", self.query.get(name))

    def header(self, name: str) -> str | None:
        return self.headers.get(name)

    def json(self) -> dict[str, Any]:
        """Return the body, an empty one as an empty object."""
        data = self.body.read()
        if not data:
            return {}
        # The message is the service's own.
        if "json" not in (self.header("Content-Type") or ""):
            raise bad_request("Entity only allows writes with a JSON Content-Type header.")
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise bad_request(
                "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of "
                "valid JSON format."
            )
        return value


@dataclass
class Reply:
    """:param stream: content that is sent in place of ``body``, with the offsets of its first byte and of its end.

    :param cut_after: number of bytes of the body after which the connection is closed.
    :param stalls: keep the connection open there and send nothing more.
    :param corrupt_at: offset of a byte that is sent corrupted.
    :param drops: close the connection after the reply, unannounced.
    """

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    stream: tuple[Content, int, int] | None = None
    cut_after: int | None = None
    stalls: bool = False
    corrupt_at: int | None = None
    drops: bool = False

    @property
    def length(self) -> int:
        return self.stream[2] - self.stream[1] if self.stream else len(self.body)

    @property
    def has_length(self) -> bool:
        return self.status not in _BODILESS

    def pieces(self) -> Iterator[bytes]:
        """Yield the body, the first piece never absent."""
        if self.stream is None:
            return iter((self.body,))
        content, start, stop = self.stream
        return content.pieces(start, stop)

    def sent_pieces(self) -> Iterator[bytes]:
        """Yield the bytes of the body that are really sent."""
        # The end is the cut, so that the last piece is shortened and the log's number of bytes is exact.
        offset, stop = 0, self.length if self.cut_after is None else self.cut_after
        for piece in self.pieces():
            yield _corrupted(piece[: stop - offset], self.corrupt_at, offset)
            offset += len(piece)
            if offset >= stop:
                return


def limited(pieces: Iterator[bytes], throughput: Throughput) -> Iterator[bytes]:
    """Let the pieces pass as slowly as they should; the head goes first, with an empty one."""
    yield b""
    for piece in pieces:
        for offset in range(0, len(piece), throughput.piece_bytes):
            part = piece[offset : offset + throughput.piece_bytes]
            throughput.pass_on(len(part))
            yield part


def _corrupt(piece: memoryview | bytearray, at: int | None, offset: int) -> None:
    """Invert the byte at offset ``at`` if it is in a piece that begins at ``offset``."""
    if at is not None and offset <= at < offset + len(piece):
        piece[at - offset] ^= 0xFF


def _corrupted(piece: bytes, at: int | None, offset: int) -> bytes:
    if at is None:
        return piece
    copy = bytearray(piece)
    _corrupt(copy, at, offset)
    return bytes(copy)


def _slower(throughput: Throughput | None, seconds_per_byte: float, stopping: threading.Event) -> Throughput | None:
    # A limit of 0 must not create a limiter, which would divide by it.
    if not seconds_per_byte:
        return throughput
    return Throughput(seconds_per_byte + (throughput.seconds_per_byte if throughput else 0), stopping)


def json_reply(status: int, value: Any, headers: dict[str, str] | None = None) -> Reply:
    # The exact header of the service: clients compare it or parse its parameters.
    content_type = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
    return Reply(status, json.dumps(value).encode(), {"Content-Type": content_type, **(headers or {})})


def problem_reply(request: Request, problem: Problem) -> Reply:
    """https://learn.microsoft.com/graph/errors#json-representation."""
    inner = {
        **({"code": problem.inner} if problem.inner else {}),
        "date": clock.text(clock.now()).rstrip("Z"),
        "request-id": request.id,
        "client-request-id": request.header("client-request-id") or request.id,
    }
    error = {"code": problem.code, "message": problem.message, "innerError": inner}
    # Recorded: errors have the plain content type.
    return json_reply(problem.status, {"error": error}, {"Content-Type": "application/json", **problem.headers})
