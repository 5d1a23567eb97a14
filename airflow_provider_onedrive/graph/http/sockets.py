"""Sockets whose waits can be stopped, and TLS over them.

Every wait is cut into slices, and between two of them a :class:`StopFlag` is read. A blocking call would not do: Python
restarts it after a signal handler has run (PEP 475), and no other thread can end it safely.

A name's look-up is the one wait that is not cut: ``getaddrinfo`` ends when the system's resolver gives up.
"""

from __future__ import annotations

import math
import os
import select
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Protocol, TypeVar, cast

from airflow_provider_onedrive.graph.http.stop_flag import StopFlag

_SLICE_SECONDS = 0.2
_FIRST_READ_BYTES, _READ_BYTES = 64 * 1024, 512 * 1024  # httpcore asks for 64 KiB, and takes more
_RECORD_BYTES = 16 * 1024  # of TLS: one read never gives more

T = TypeVar("T")


class Wire(Protocol):
    """Bytes to and from the peer; what fails is an ``OSError``, waiting too long a ``TimeoutError``.

    :param end: on the clock of ``time.monotonic``.
    """

    def receive(self, end: float) -> memoryview:
        """Return the bytes that came, none at the end of the stream; the next call overwrites them."""

    def send(self, content: memoryview, end: float) -> None: ...

    def has_more(self) -> bool:
        """Return whether bytes or the end of the stream can be read."""


class Socket:
    """The wire of a connected socket."""

    def __init__(self, connected: socket.socket, flag: StopFlag) -> None:
        connected.settimeout(_SLICE_SECONDS)
        self._socket = connected
        self._flag = flag
        self._room = bytearray(_FIRST_READ_BYTES)

    def receive(self, end: float) -> memoryview:
        count = _in_slices(self._flag, end, self._socket.recv_into, self._room)
        received = memoryview(self._room)[:count]
        if count == len(self._room) < _READ_BYTES:
            self._room = bytearray(min(2 * count, _READ_BYTES))
        return received

    def send(self, content: memoryview, end: float) -> None:
        while content:
            content = content[_in_slices(self._flag, end, self._socket.send, content) :]

    def has_more(self) -> bool:
        return self._socket.fileno() < 0 or _is_ready(self._socket, select.POLLIN, 0)


class Tls:
    """A wire within a wire, after a handshake.

    OpenSSL works on memory here and never touches the socket: one system call moves many records, a TLS proxy is just
    one more wire, and a forked child that closes it sends nothing.
    """

    def __init__(self, wire: Wire, context: ssl.SSLContext, host: str | None, end: float) -> None:
        self._wire = wire
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._room = bytearray()
        self._is_over = False
        self.ssl_object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._do(self.ssl_object.do_handshake, end)

    def receive(self, end: float) -> memoryview:
        return memoryview(b"") if self._is_over else self._do(self._decrypted, end)

    def send(self, content: memoryview, end: float) -> None:
        while content:
            content = content[self._do(partial(self.ssl_object.write, content), end) :]

    def has_more(self) -> bool:
        return self._is_over or bool(self._incoming.pending) or self._wire.has_more()

    def _decrypted(self) -> memoryview:
        """Return all bytes that have come; none at the end of the stream."""
        if self._incoming.pending + _RECORD_BYTES > len(self._room):
            self._room = bytearray(self._incoming.pending + _RECORD_BYTES)
        room = memoryview(self._room)
        length = count = self._record(room)
        while count and self._incoming.pending:
            try:
                count = self._record(room[length:])
            except ssl.SSLWantReadError:  # the rest of a record is still to come
                break
            length += count
        self._is_over = not count
        return room[:length]

    def _record(self, room: memoryview) -> int:
        try:
            return cast("int", self.ssl_object.read(_RECORD_BYTES, room))  # with a place to go to, it returns a count
        except ssl.SSLEOFError:  # many servers hang up without saying so; HTTP knows whether something is missing
            return 0

    def _do(self, step: Callable[[], T], end: float) -> T:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                pass
            finally:
                self._flush(end)  # also the alert that tells the peer why its certificate was refused
            self._feed(end)

    def _flush(self, end: float) -> None:
        if self._outgoing.pending:
            self._wire.send(memoryview(self._outgoing.read()), end)

    def _feed(self, end: float) -> None:
        content = self._wire.receive(end)
        if content:
            self._incoming.write(content)
        else:
            self._incoming.write_eof()


def connect(flag: StopFlag, host: str, port: int, timeout: float | None) -> socket.socket:
    """Return a connected socket: each address of the host is tried, like by ``socket.create_connection``.

    :param timeout: of each address, in seconds; None waits for the system to give up.
    """
    failure = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            return _connected(flag, socket.socket(family, kind, protocol), address, end_of(timeout))
        except OSError as error:
            failure = error
    raise failure


def _connected(flag: StopFlag, fresh: socket.socket, address: Any, end: float) -> socket.socket:
    try:
        fresh.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        fresh.setblocking(False)
        with suppress(BlockingIOError):
            fresh.connect(address)
        _in_slices(flag, end, _await_connection, fresh)
    except BaseException:
        fresh.close()
        raise
    return fresh


def _await_connection(fresh: socket.socket) -> None:
    if not _is_ready(fresh, select.POLLOUT, _SLICE_SECONDS):
        raise TimeoutError("timed out")
    if code := fresh.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(code, os.strerror(code))


def _is_ready(connected: socket.socket, event: int, seconds: float) -> bool:
    poll = select.poll()  # unlike select() it takes descriptors above 1023
    poll.register(connected, event)
    return bool(poll.poll(seconds * 1000))


def end_of(timeout: float | None) -> float:
    """Return the end of a wait on the clock of ``time.monotonic``."""
    return math.inf if timeout is None else time.monotonic() + timeout


def _in_slices(flag: StopFlag, end: float, step: Callable[..., T], *arguments: Any) -> T:
    """Repeat a step that waits for a slice, until it succeeds.

    :raises OSError: once the flag is set.
    :raises TimeoutError: at the end, or when the system itself has given up.
    """
    while True:
        if flag.is_set():
            raise OSError("stopped")
        try:
            return step(*arguments)
        except TimeoutError as error:
            if error.errno is not None or time.monotonic() >= end:
                raise
