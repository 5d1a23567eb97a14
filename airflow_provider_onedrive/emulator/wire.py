"""Requests and replies, as handlers see them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from functools import cached_property
from http import HTTPStatus
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, unquote

from airflow_provider_onedrive.emulator import clock
from airflow_provider_onedrive.emulator.contents import Content
from airflow_provider_onedrive.emulator.problems import ConnectionDropped, Problem, bad_request, too_large

PIECE_BYTES = 256 * 1024
MAX_JSON_BYTES = 4 * 1024 * 1024
_MAX_CHUNK_DIGITS = 8
_BODILESS = {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}


class Body:
    """A request's body, read once, by the piece.

    :param length: None when the body is chunked.
    """

    def __init__(self, stream: BinaryIO, length: int | None) -> None:
        self.length = length
        self.received = 0
        self.cut_after: int | None = None
        self.keep_cut_bytes = False
        self._stream = stream
        self._source = self._plain(length) if length is not None else self._chunked()

    def pieces(self) -> Iterator[bytes]:
        """Yield what is left of the body; a client that goes away midway raises ``ConnectionDropped``."""
        for piece in self._source:
            self.received += len(piece)
            yield piece

    def drain(self) -> None:
        """Read to the end, so that the next request on the connection begins where it should."""
        for _ in self.pieces():
            pass

    def read(self, max_bytes: int = MAX_JSON_BYTES) -> bytes:
        data = bytearray()
        for piece in self.pieces():
            data += piece
            if len(data) > max_bytes:
                raise too_large()
        return bytes(data)

    def _plain(self, length: int) -> Iterator[bytes]:
        while length:
            piece = self._receive(min(PIECE_BYTES, length))
            length -= len(piece)
            yield piece

    def _chunked(self) -> Iterator[bytes]:
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

    def _receive(self, length: int) -> bytes:
        if self.cut_after is not None:
            length = min(length, self.cut_after - self.received)
        try:
            piece = self._stream.read(length) if length else b""
        except OSError:
            piece = b""
        if not piece:
            raise ConnectionDropped
        return piece

    def _line(self, max_bytes: int = 65537) -> bytes:
        try:
            return self._stream.readline(max_bytes)
        except OSError:
            raise ConnectionDropped from None


@dataclass
class Request:
    """:param target: path and query as they were sent."""

    method: str
    target: str
    headers: Message
    body: Body
    origin: str = ""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def raw_path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def path(self) -> str:
        return unquote(self.raw_path)

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    def option(self, name: str) -> str | None:
        """Return an OData option; ``$top`` and ``top`` are the same."""
        return self.query.get(f"${name}", self.query.get(name))

    def header(self, name: str) -> str | None:
        return self.headers.get(name)

    def json(self) -> dict[str, Any]:
        """Return the body, an empty one as an empty object."""
        data = self.body.read()
        if not data:
            return {}
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
    """:param stream: what follows the headers in place of ``body``.

    :param cut_after: close the connection after so many bytes of the body.
    """

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    stream: tuple[Content, int, int] | None = None
    cut_after: int | None = None

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

    def cut_pieces(self) -> Iterator[bytes]:
        left = self.length if self.cut_after is None else self.cut_after
        for piece in self.pieces():
            yield piece[:left]
            left -= len(piece)
            if left <= 0:
                return


def json_reply(status: int, value: Any, headers: dict[str, str] | None = None) -> Reply:
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
    return json_reply(problem.status, {"error": error}, problem.headers)
