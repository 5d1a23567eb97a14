"""How a blocking client reaches other machines: httpcore's connections over sockets that can be stopped.

Every wait is cut into slices, and between two of them a :class:`StopFlag` is looked at. A blocking call would not do:
Python restarts it after a signal handler has run (PEP 475), and no other thread can end it safely.

A name's look-up is the one wait that is not cut: ``getaddrinfo`` ends when the system's resolver gives up.
"""

from __future__ import annotations

import math
import os
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Protocol, TypeVar, cast
from urllib.request import getproxies_environment
from weakref import WeakSet

import httpcore
import httpx

from airflow_provider_onedrive.graph.http.slots import ConnectionSlots
from airflow_provider_onedrive.graph.http.stop_flag import StopFlag
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError

CONNECTIONS = 32
"""Of one pool of httpx: its time grows with their square."""
SHARDS, SHARD_CONNECTIONS = 8, 8
"""Many small pools instead of a large one: with 64 connections in use that more than doubles the rate."""

_KEEPALIVE_SECONDS = 5.0
_SLICE_SECONDS = 0.2
_FIRST_READ_BYTES, _READ_BYTES = 64 * 1024, 512 * 1024  # httpcore asks for 64 KiB, and takes more
_WRITE_BYTES = 128 * 1024  # what stays in a processor's cache is encrypted and sent faster
_GATHERED_BYTES = 32 * 1024  # of one request, copied to be sent at once
_RECORD_BYTES = 16 * 1024  # of TLS: one read never gives more

_ERRORS = {
    getattr(httpcore, name): getattr(httpx, name)
    for name in (
        *("ConnectError", "ReadError", "WriteError", "ProxyError", "UnsupportedProtocol"),
        *("ConnectTimeout", "ReadTimeout", "WriteTimeout", "PoolTimeout"),
        *("LocalProtocolError", "RemoteProtocolError"),
    )
}

T = TypeVar("T")


class Transport(httpx.BaseTransport):
    """Sends the requests of a blocking client until its flag is set.

    In a forked child it begins with connections of its own and lets go of the parent's.

    :param proxy: of every request; None means what the environment says (``HTTPS_PROXY``, ``NO_PROXY``, …).
    :param connections: at most so many, to each proxy and to everything else. They are made when they are needed.
    :param is_direct: there is no proxy, whatever the environment says.
    """

    def __init__(
        self,
        flag: StopFlag,
        context: ssl.SSLContext,
        proxy: str | None = None,
        *,
        connections: int = SHARDS * SHARD_CONNECTIONS,
        is_direct: bool = False,
    ) -> None:
        self._flag = flag
        self._context = context
        self._connections = connections
        self._proxies = {"all": proxy} if proxy else getproxies_environment()
        if is_direct:
            self._proxies = {}
        self._pools: dict[int, _Pools] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the answer's body is still to be read."""
        if self._flag.is_set():
            raise httpx.ConnectError("stopped")
        shards = self._pools_here().get(proxy_for(request.url, self._proxies))
        with _as_httpx():
            answer, close = shards.send(_core_request(request))
        body = _Body(cast("Iterable[bytes]", answer.stream), close)
        return httpx.Response(answer.status, headers=answer.headers, stream=body, extensions=answer.extensions)

    def close(self) -> None:
        self._pools_here().close()

    def _pools_here(self) -> _Pools:
        """Return this process's pools; no lock is needed, which a fork might find taken for ever."""
        process = os.getpid()
        pools = self._pools.get(process)
        if pools is None:
            pools = self._pools.setdefault(process, _Pools(self._flag, self._context, self._connections))
            for other in set(self._pools) - {process}:
                if copied := self._pools.pop(other, None):  # another thread may be about the same
                    copied.let_go()
        return pools


class _Pools:
    """One process's connections: some for each proxy, and some for what needs none."""

    def __init__(self, flag: StopFlag, context: ssl.SSLContext, connections: int) -> None:
        self._flag = flag
        self._connections = connections
        self._backend = _Backend(flag)
        self._shards: dict[str | None, _Shards] = {}
        self._options: dict[str, Any] = {
            "ssl_context": context,
            "keepalive_expiry": _KEEPALIVE_SECONDS,
            "network_backend": self._backend,
        }

    def get(self, proxy: str | None) -> _Shards:
        return self._shards.get(proxy) or self._shards.setdefault(proxy, self._make(proxy))

    def close(self) -> None:
        for shards in self._shards.values():
            shards.close()

    def let_go(self) -> None:
        """Close what a fork has copied. The peer sees nothing of it: the parent's connection stays as it is."""
        self._backend.close_sockets()

    def _make(self, proxy: str | None) -> _Shards:
        if proxy is None:
            kind: Callable[..., httpcore.ConnectionPool] = httpcore.ConnectionPool
        else:
            parsed = _parsed(proxy)
            url, headers = _core_url(parsed.url), parsed.headers.raw
            kind = partial(httpcore.HTTPProxy, url, proxy_auth=parsed.raw_auth, proxy_headers=headers)
        pools = [
            # With fewer idle connections than connections a pool would close and reconnect all the time.
            kind(max_connections=size, max_keepalive_connections=size, **self._options)
            for size in _shares(self._connections)
        ]
        return _Shards(pools, _shares(self._connections), self._flag)


class _Shards:
    """Small pools that share the requests; none is asked for more than it has connections.

    httpcore looks at all connections of a pool, and at all requests, whenever a request begins or ends.
    """

    def __init__(self, pools: Sequence[httpcore.ConnectionPool], sizes: Sequence[int], flag: StopFlag) -> None:
        self._pools = pools
        rounds = ([number for number, size in enumerate(sizes) if size > used] for used in range(max(sizes)))
        self._slots = ConnectionSlots([number for each in rounds for number in each], flag)

    def send(self, request: httpcore.Request) -> tuple[httpcore.Response, Callable[[], None]]:
        """Send a request; return its answer, and what ends it."""
        with _as_httpcore(httpcore.PoolTimeout, httpcore.ConnectError):
            number = self._slots.take(request.extensions.get("timeout", {}).get("pool"))
        try:
            answer = self._pools[number].handle_request(request)
        except BaseException:
            self._slots.give(number)
            raise
        held = [number]

        def close() -> None:
            try:
                answer.close()
            finally:
                with suppress(IndexError):  # it was closed before
                    self._slots.give(held.pop())

        return answer, close

    def close(self) -> None:
        for pool in self._pools:
            pool.close()


def _shares(connections: int) -> list[int]:
    """Split connections into pools."""
    full, rest = divmod(connections, SHARD_CONNECTIONS)
    return [SHARD_CONNECTIONS] * full + [rest] * (rest > 0)


class _Body(httpx.SyncByteStream):
    def __init__(self, pieces: Iterable[bytes], close: Callable[[], None]) -> None:
        self._pieces = pieces
        self._close = close

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx():
            yield from self._pieces

    def close(self) -> None:
        with _as_httpx():
            self._close()


def proxy_for(url: httpx.URL, proxies: Mapping[str, str]) -> str | None:
    """Choose the proxy of a request.

    :param proxies: by scheme, or by ``all``; ``no`` lists the hosts that need none.
    """
    if _is_exempt(url, proxies.get("no", "")):
        return None
    proxy = proxies.get(url.scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def _is_exempt(url: httpx.URL, exempt: str) -> bool:
    """Look for the host, with or without port, for a domain that it is in, or for ``*``."""
    addresses = (url.host, url.netloc.decode())
    names = [name.strip().lstrip(".").lower() for name in exempt.split(",")]
    return "*" in names or any(f".{address}".endswith(f".{name}") for name in names if name for address in addresses)


def _parsed(proxy: str) -> httpx.Proxy:
    """Read a proxy's address, which may hold a password and so is not shown."""
    try:
        parsed = httpx.Proxy(proxy)
        is_http = parsed.url.scheme in ("http", "https")
    except (ValueError, httpx.InvalidURL):
        is_http = False
    if not is_http:
        raise ConfigurationError(
            "The proxy that the environment names is no http proxy; nothing was sent.",
            advice="Write it like HTTPS_PROXY=http://proxy.example:3128.",
        ) from None
    return parsed


def _core_request(request: httpx.Request) -> httpcore.Request:
    return httpcore.Request(
        request.method,
        _core_url(request.url),
        headers=request.headers.raw,
        content=cast("httpx.SyncByteStream", request.stream),
        extensions=request.extensions,
    )


def _core_url(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


@contextmanager
def _as_httpx() -> Iterator[None]:
    try:
        yield
    except tuple(_ERRORS) as error:
        raise _ERRORS[type(error)](str(error)) from error


class _Wire(Protocol):
    """Bytes to and from the peer; what fails is an ``OSError``, waiting too long a ``TimeoutError``.

    :param end: on the clock of ``time.monotonic``.
    """

    def receive(self, end: float) -> memoryview:
        """Return what came, and nothing at the end; it is overwritten by what comes next."""

    def send(self, content: memoryview, end: float) -> None: ...

    def has_more(self) -> bool:
        """Say whether something came, if only the end."""


class _Socket:
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


class _Tls:
    """A wire within a wire, after a handshake.

    OpenSSL works on memory here and never touches the socket: one system call moves many records, a TLS proxy is just
    one more wire, and nothing can be sent when a forked child lets go of it.
    """

    def __init__(self, wire: _Wire, context: ssl.SSLContext, host: str | None, end: float) -> None:
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
        """Return all that has come; nothing at the end."""
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


class _Stream(httpcore.NetworkStream):
    """What httpcore wants of a wire.

    It writes the head of a request, its body and, at the end, nothing. A small request leaves as one packet.
    """

    def __init__(self, connected: socket.socket, wire: _Wire) -> None:
        self._socket = connected
        self._wire = wire
        self._unsent = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read more than was asked for where there is more: with few large pieces downloads are faster."""
        del max_bytes
        if self._unsent:
            self.write(b"", timeout)
        with _as_httpcore(httpcore.ReadTimeout, httpcore.ReadError):
            return cast("bytes", self._wire.receive(_end(timeout)))  # h11 copies it at once

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all; the timeout is that of each part, so a slow line is not taken for a dead one.

        Little is kept until there is more, or nothing, or an answer is waited for.
        """
        if buffer and len(self._unsent) + len(buffer) <= _GATHERED_BYTES:
            self._unsent += buffer
            return
        unsent, self._unsent = self._unsent, b""
        with _as_httpcore(httpcore.WriteTimeout, httpcore.WriteError):
            for content in filter(None, (memoryview(unsent), memoryview(buffer))):
                for start in range(0, len(content), _WRITE_BYTES):
                    self._wire.send(content[start : start + _WRITE_BYTES], _end(timeout))

    def close(self) -> None:
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        try:
            with _as_httpcore(httpcore.ConnectTimeout, httpcore.ConnectError):
                wire = _Tls(self._wire, ssl_context, server_hostname, _end(timeout))
        except BaseException:
            self.close()
            raise
        return _Stream(self._socket, wire)

    def get_extra_info(self, info: str) -> Any:
        known: dict[str, Callable[[], Any]] = {
            "ssl_object": lambda: getattr(self._wire, "ssl_object", None),
            "client_addr": self._socket.getsockname,
            "server_addr": self._socket.getpeername,
            "socket": lambda: self._socket,
            "is_readable": self._wire.has_more,
        }
        return known[info]() if info in known else None


class _Backend(httpcore.NetworkBackend):
    """Connects, and remembers the sockets."""

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
        with _as_httpcore(httpcore.ConnectTimeout, httpcore.ConnectError):
            connected = self._connect(host, port, timeout)
        self._sockets.add(connected)
        return _Stream(connected, _Socket(connected, self._flag))

    def close_sockets(self) -> None:
        for known in list(self._sockets):
            known.close()

    def _connect(self, host: str, port: int, timeout: float | None) -> socket.socket:
        """Try each address of the host, and each for so long, like ``socket.create_connection``."""
        failure = OSError(f"{host} has no address")
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            try:
                return self._dial(socket.socket(family, kind, protocol), address, _end(timeout))
            except OSError as error:
                failure = error
        raise failure

    def _dial(self, dialling: socket.socket, address: Any, end: float) -> socket.socket:
        try:
            dialling.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            dialling.setblocking(False)
            with suppress(BlockingIOError):
                dialling.connect(address)
            _in_slices(self._flag, end, _await_connection, dialling)
        except BaseException:
            dialling.close()
            raise
        return dialling


def _await_connection(dialling: socket.socket) -> None:
    if not _is_ready(dialling, select.POLLOUT, _SLICE_SECONDS):
        raise TimeoutError("timed out")
    if code := dialling.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(code, os.strerror(code))


def _is_ready(known: socket.socket, event: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(known, event)
    return bool(poll.poll(seconds * 1000))


def _end(timeout: float | None) -> float:
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


@contextmanager
def _as_httpcore(timeout: type[Exception], failure: type[Exception]) -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise timeout(str(error)) from error
    except OSError as error:
        raise failure(str(error)) from error
