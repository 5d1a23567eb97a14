"""The transport of a client on an event loop: like the blocking one, it guards the speed and the size of answers."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import Any, cast
from urllib.request import getproxies_environment

import httpcore
import httpx

from airflow_provider_onedrive.graph.http.bodies import BodyDecoder, is_held, take_decoder
from airflow_provider_onedrive.graph.http.pools import pool_kind
from airflow_provider_onedrive.graph.http.proxies import proxy_for
from airflow_provider_onedrive.graph.http.streams import as_httpcore
from airflow_provider_onedrive.graph.http.throughput import ThroughputGuard
from airflow_provider_onedrive.graph.http.transport import as_httpx, core_request


class AsyncTransport(httpx.AsyncBaseTransport):
    """Sends the requests of a client on an event loop.

    :param proxy: of every request; None takes it from the environment (``HTTPS_PROXY``, ``NO_PROXY``, …).
    :param connections: the most to each proxy, and to all hosts without one.
    """

    def __init__(self, context: ssl.SSLContext, proxy: str | None, connections: int) -> None:
        # With fewer idle connections than connections a pool would close and reconnect all the time.
        sizes = {"max_connections": connections, "max_keepalive_connections": connections}
        self._options: dict[str, Any] = {"ssl_context": context, "network_backend": AsyncBackend(), **sizes}
        self._proxies = {"all": proxy} if proxy else getproxies_environment()
        self._pools: dict[str | None, Any] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the answer's body is still to be read."""
        pool = self._pool(proxy_for(request.url, self._proxies))
        with as_httpx():
            answer = await pool.handle_async_request(core_request(request))
        headers = httpx.Headers(answer.headers)
        decoder = take_decoder(headers) if is_held(request, answer.status) else None
        body = _AsyncBody(answer.stream, decoder)
        return httpx.Response(answer.status, headers=headers, stream=body, extensions=answer.extensions)

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()

    def _pool(self, proxy: str | None) -> Any:
        if proxy not in self._pools:
            kind = pool_kind(proxy, httpcore.AsyncConnectionPool, httpcore.AsyncHTTPProxy)
            self._pools[proxy] = kind(**self._options)
        return self._pools[proxy]


class _AsyncBody(httpx.AsyncByteStream):
    def __init__(self, pieces: Any, decoder: BodyDecoder | None) -> None:
        self._pieces = pieces
        self._decoder = decoder

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with as_httpx():
            async for piece in cast("AsyncIterable[bytes]", self._pieces):
                yield piece if self._decoder is None else self._decoder.decode(piece)
        if self._decoder is not None:
            self._decoder.finish()

    async def aclose(self) -> None:
        with as_httpx():
            await self._pieces.aclose()


class AsyncBackend(httpcore.AsyncNetworkBackend):
    """Connects, and guards the speed of what comes."""

    def __init__(self) -> None:
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature, here and below
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return AsyncStream(await self._backend.connect_tcp(host, port, timeout, local_address, socket_options))

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


class AsyncStream(httpcore.AsyncNetworkStream):
    """A stream of httpcore whose answers have to come at the least speed."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._guard = ThroughputGuard()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        start = self._guard.start()
        received = await self._stream.read(max_bytes, timeout)
        with as_httpcore(httpcore.ReadTimeout, httpcore.ReadError):
            self._guard.received(len(received), start)
        return received

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        self._guard.expect_answer()
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        return AsyncStream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
