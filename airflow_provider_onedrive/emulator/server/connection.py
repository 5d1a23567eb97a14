"""One connection: requests in, replies out, each written to the log."""

from __future__ import annotations

import re
import selectors
from collections.abc import Iterator
from email.message import Message
from email.utils import formatdate
from http import HTTPStatus
from http.client import responses
from http.server import BaseHTTPRequestHandler
from io import BufferedReader
from types import TracebackType
from typing import TYPE_CHECKING, cast

from airflow_provider_onedrive.emulator.errors.problems import ConnectionDropped, Problem
from airflow_provider_onedrive.emulator.http.messages import Body, Reply, Request, limited
from airflow_provider_onedrive.emulator.server.origins import CONTROL, Service
from airflow_provider_onedrive.emulator.server.pipeline import plain

if TYPE_CHECKING:
    from airflow_provider_onedrive.emulator.server.listener import OriginServer

# Longer than clients keep idle connections, so that they and not the server close them.
IDLE_SECONDS = 120
MAX_LINE_BYTES = 65536
_DIGITS = re.compile(r"\d{1,15}", re.ASCII)
# 509 is not in Python's table.
_PHRASES = {**responses, 509: "Bandwidth Limit Exceeded"}
_MISTAKE = Problem(500, "generalException", "An unexpected error has occurred in the emulator.")


class Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    # With Nagle's algorithm the end of a small answer waits for the client's acknowledgement, 40 ms on Linux.
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        self.requestline, self.command, self.request_version = "", "", ""
        self.raw_requestline = _read_line(self._input)
        if not self.raw_requestline:
            self.close_connection = True
        elif len(self.raw_requestline) > MAX_LINE_BYTES:
            self.send_error(HTTPStatus.REQUEST_URI_TOO_LONG)
        elif self.parse_request():
            self._answer()

    def parse_request(self) -> bool:
        """Return True if there is a request. A client that closed or timed out has sent none."""
        try:
            return super().parse_request()
        except OSError:
            self.close_connection = True
            return False

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer malformed HTTP in the form of all other errors."""
        del explain
        problem = Problem(int(code), "badRequest", message or HTTPStatus(code).phrase)
        request = Request("GET", "/", Message(), Body(self._input, 0))
        self.close_connection = True
        self._write(request, self._server.service().origin.problem(request, problem))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Stay silent: the request log is there to be read."""

    @property
    def _input(self) -> BufferedReader:
        return cast("BufferedReader", self.rfile)

    @property
    def _server(self) -> OriginServer:
        return cast("OriginServer", self.server)

    def _answer(self) -> None:
        body = _body(self.headers, self._input)
        if body is None:
            self.send_error(HTTPStatus.BAD_REQUEST, "It cannot be said where the request's body ends.")
            return
        request = Request(self.command, self.path, self.headers, body)
        # Fetched once: a reset meanwhile must not answer this request from another state.
        service = self._server.service()
        service.origin.receive(request)
        if request.origin == CONTROL:
            self._control(service, request)
        else:
            self._exchange(service, request)

    def _control(self, service: Service, request: Request) -> None:
        """Answer a request to the control path: it meets no fault and is not logged."""
        try:
            with _MistakesAnswered(self, service, request):
                reply = plain(service.origin, request)
                request.body.drain()
                self._write(request, reply)
        except ConnectionDropped:
            self.close_connection = True

    def _exchange(self, service: Service, request: Request) -> None:
        pipeline = service.pipeline
        try:
            with _MistakesAnswered(self, service, request):
                reply = pipeline.answer(service.origin, request)
        except ConnectionDropped:
            self.close_connection = True
            pipeline.log(request, None)
            return
        entry = pipeline.log(request, reply)
        sent = self._write(request, reply)
        self.close_connection |= reply.drops
        if sent < entry.sent_bytes:
            pipeline.requests.correct(entry, sent)

    def _write(self, request: Request, reply: Reply) -> int:
        """Send, a small reply at one go, and return how many bytes of the body went out."""
        self.close_connection |= reply.cut_after is not None and not reply.stalls
        unsent, sent = self._head(request, reply), 0
        try:
            for piece in _pieces(request, reply):
                # Head and first piece in one write: one packet for a small answer.
                self.wfile.write(unsent + piece)
                unsent, sent = b"", sent + len(piece)
            if unsent:
                self.wfile.write(unsent)
            if reply.stalls and sent < reply.length and request.method != "HEAD":
                self._stall()
        except (OSError, ConnectionDropped):
            self.close_connection = True
        return sent

    def _stall(self) -> None:
        """Send nothing until the client closes the connection or the emulator stops."""
        self.close_connection = True
        with selectors.DefaultSelector() as selector:
            selector.register(self.connection, selectors.EVENT_READ)
            selector.select()

    def _head(self, request: Request, reply: Reply) -> bytes:
        headers = {
            **reply.headers,
            "request-id": request.id,
            # The service returns the client's id, so that both sides can find the request in their logs.
            "client-request-id": request.header("client-request-id") or request.id,
            "Date": formatdate(usegmt=True),
            **({"Content-Length": str(reply.length)} if reply.has_length else {}),
            **({"Connection": "close"} if self.close_connection else {}),
        }
        lines = (f"{name}: {_one_line(value)}" for name, value in headers.items())
        phrase = _PHRASES.get(reply.status, "")
        return "\r\n".join((f"HTTP/1.1 {reply.status} {phrase}", *lines, "", "")).encode("latin-1", "replace")


class _MistakesAnswered:
    """Answers 500 for a bug of the emulator, while the traceback goes to stderr."""

    def __init__(self, connection: Connection, service: Service, request: Request) -> None:
        self._connection = connection
        self._service = service
        self._request = request

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and not isinstance(error, ConnectionDropped):
            self._connection.close_connection = True
            reply = self._service.origin.problem(self._request, _MISTAKE)
            if self._request.origin != CONTROL:
                self._service.pipeline.log(self._request, reply)
            self._connection._write(self._request, reply)  # noqa: SLF001


def _body(headers: Message, stream: BufferedReader) -> Body | None:
    """Return the body; None = its end is ambiguous."""
    lengths, encoding = headers.get_all("Content-Length", []), headers.get("Transfer-Encoding")
    if encoding is not None:
        return Body(stream, None) if encoding.strip().lower() == "chunked" and not lengths else None
    # Two lengths are a known attack (request smuggling).
    if len(lengths) > 1 or not all(_DIGITS.fullmatch(length.strip()) for length in lengths):
        return None
    return Body(stream, int(lengths[0]) if lengths else 0)


def _pieces(request: Request, reply: Reply) -> Iterator[bytes]:
    pieces: Iterator[bytes] = iter(()) if request.method == "HEAD" or not reply.has_length else reply.sent_pieces()
    return limited(pieces, request.reply_throughput) if request.reply_throughput else pieces


def _read_line(stream: BufferedReader) -> bytes:
    """Read the request line. If the client closed or timed out, it is empty."""
    try:
        return stream.readline(MAX_LINE_BYTES + 1)
    except OSError:
        return b""


def _one_line(value: str) -> str:
    # A header with a line break would let a client's text forge further headers.
    return value.replace("\r", "").replace("\n", "")
