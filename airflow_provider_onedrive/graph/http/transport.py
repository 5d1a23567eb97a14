"""The transport of a blocking client: httpx's requests over connections that can be stopped."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import cast
from urllib.request import getproxies_environment

import httpcore
import httpx

from airflow_provider_onedrive.graph.http.bodies import BodyDecoder, is_held, take_decoder
from airflow_provider_onedrive.graph.http.pools import SHARD_CONNECTIONS, SHARDS, Pools, core_url
from airflow_provider_onedrive.graph.http.proxies import proxy_for
from airflow_provider_onedrive.graph.http.stop_flag import StopFlag

_ERRORS = {
    getattr(httpcore, name): getattr(httpx, name)
    for name in (
        *("ConnectError", "ReadError", "WriteError", "ProxyError", "UnsupportedProtocol"),
        *("ConnectTimeout", "ReadTimeout", "WriteTimeout", "PoolTimeout"),
        *("LocalProtocolError", "RemoteProtocolError"),
    )
}


class Transport(httpx.BaseTransport):
    """Sends the requests of a blocking client until its flag is set.

    In a forked child it makes connections of its own, and closes its copies of the parent's.

    :param proxy: of every request; None takes it from the environment (``HTTPS_PROXY``, ``NO_PROXY``, …).
    :param connections: the most to each proxy, and to all hosts without one. They are made when they are needed.
    :param is_direct: use no proxy, whatever the environment says.
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
        self._pools: dict[int, Pools] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the answer's body is still to be read."""
        if self._flag.is_set():
            raise httpx.ConnectError("stopped")
        shards = self._pools_here().get(proxy_for(request.url, self._proxies))
        with as_httpx():
            answer, close = shards.send(core_request(request))
        headers, pieces = httpx.Headers(answer.headers), cast("Iterable[bytes]", answer.stream)
        if is_held(request, answer.status):
            pieces = decoded(take_decoder(headers), pieces)
        return httpx.Response(answer.status, headers=headers, stream=_Body(pieces, close), extensions=answer.extensions)

    def close(self) -> None:
        self._pools_here().close()

    def _pools_here(self) -> Pools:
        """Return this process's pools; no lock is needed, which a fork might find taken for ever."""
        # Airflow forks for every task, and two processes that write into one TLS stream destroy it.
        process = os.getpid()
        pools = self._pools.get(process)
        if pools is None:
            pools = self._pools.setdefault(process, Pools(self._flag, self._context, self._connections))
            for other in set(self._pools) - {process}:
                if copied := self._pools.pop(other, None):  # another thread may be about the same
                    copied.close_copies()
        return pools


class _Body(httpx.SyncByteStream):
    def __init__(self, pieces: Iterable[bytes], close: Callable[[], None]) -> None:
        self._pieces = pieces
        self._close = close

    def __iter__(self) -> Iterator[bytes]:
        with as_httpx():
            yield from self._pieces

    def close(self) -> None:
        with as_httpx():
            self._close()


def decoded(decoder: BodyDecoder, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the decoded pieces of a body."""
    for piece in pieces:
        yield decoder.decode(piece)
    decoder.finish()


def core_request(request: httpx.Request) -> httpcore.Request:
    """Return a request of httpx as one of httpcore."""
    return httpcore.Request(
        request.method,
        core_url(request.url),
        headers=request.headers.raw,
        content=cast("httpx.SyncByteStream", request.stream),  # or an AsyncByteStream, in a client for an event loop
        extensions=request.extensions,
    )


@contextmanager
def as_httpx() -> Iterator[None]:
    """Raise the errors of httpcore in a block as httpx's."""
    try:
        yield
    except tuple(_ERRORS) as error:
        raise _ERRORS[type(error)](str(error)) from error
