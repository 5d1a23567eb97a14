"""The network of httpcore: its connections, over our sockets."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast
from weakref import WeakSet

import httpcore

from airflow_provider_onedrive.graph.http.sockets import Socket, Tls, Wire, connect, end_of
from airflow_provider_onedrive.graph.http.stop_flag import StopFlag
from airflow_provider_onedrive.graph.http.throughput import ThroughputGuard

_WRITE_BYTES = 128 * 1024  # what stays in a processor's cache is encrypted and sent faster
_GATHERED_BYTES = 32 * 1024  # of one request, copied to be sent at once


class Stream(httpcore.NetworkStream):
    """A wire as a stream of httpcore.

    httpcore writes the head of a request, its body and, at the end, nothing. A small request leaves as one packet.
    """

    def __init__(self, connected: socket.socket, wire: Wire) -> None:
        self._socket = connected
        self._wire = wire
        self._unsent = b""
        self._guard = ThroughputGuard()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return all bytes that have come, also more than ``max_bytes``: fewer, larger pieces make downloads faster."""
        del max_bytes
        if self._unsent:
            self.write(b"", timeout)
        start = self._guard.start()
        with as_httpcore(httpcore.ReadTimeout, httpcore.ReadError):
            received = self._wire.receive(end_of(timeout))
            self._guard.received(len(received), start)
        return cast("bytes", received)  # h11 copies it at once

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all bytes. The timeout is that of each part, so that a slow line is not taken for a dead one.

        A small piece is kept until the next one, the end of the request, or the wait for the answer.
        """
        if buffer and len(self._unsent) + len(buffer) <= _GATHERED_BYTES:
            self._unsent += buffer
            return
        unsent, self._unsent = self._unsent, b""
        self._guard.expect_answer()
        with as_httpcore(httpcore.WriteTimeout, httpcore.WriteError):
            for content in filter(None, (memoryview(unsent), memoryview(buffer))):
                for start in range(0, len(content), _WRITE_BYTES):
                    self._wire.send(content[start : start + _WRITE_BYTES], end_of(timeout))

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            with as_httpcore(httpcore.ConnectTimeout, httpcore.ConnectError):
                wire = Tls(self._wire, ssl_context, server_hostname, end_of(timeout))
        except BaseException:
            self.close()
            raise
        return Stream(self._socket, wire)

    def get_extra_info(self, info: str) -> Any:
        details: dict[str, Callable[[], Any]] = {
            "ssl_object": lambda: getattr(self._wire, "ssl_object", None),
            "client_addr": self._socket.getsockname,
            "server_addr": self._socket.getpeername,
            "socket": lambda: self._socket,
            "is_readable": self._wire.has_more,
        }
        return details[info]() if info in details else None


class Backend(httpcore.NetworkBackend):
    """Connects, and keeps weak references to the sockets for a fork."""

    def __init__(self, flag: StopFlag) -> None:
        self._flag = flag
        self._sockets: WeakSet[socket.socket] = WeakSet()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        del local_address, socket_options  # our pools have none
        with as_httpcore(httpcore.ConnectTimeout, httpcore.ConnectError):
            connected = connect(self._flag, host, port, timeout)
        self._sockets.add(connected)
        return Stream(connected, Socket(connected, self._flag))

    def close_sockets(self) -> None:
        for each in list(self._sockets):
            each.close()


@contextmanager
def as_httpcore(timeout: type[Exception], failure: type[Exception]) -> Iterator[None]:
    """Raise the errors of a block as httpcore's."""
    try:
        yield
    except TimeoutError as error:
        raise timeout(str(error)) from error
    except OSError as error:
        raise failure(str(error)) from error
