"""Pools of connections: several small ones for each proxy."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import httpcore
import httpx

from airflow_provider_onedrive.graph.http.proxies import parse_proxy
from airflow_provider_onedrive.graph.http.slots import ConnectionSlots
from airflow_provider_onedrive.graph.http.stop_flag import StopFlag
from airflow_provider_onedrive.graph.http.streams import Backend, as_httpcore

T = TypeVar("T")

CONNECTIONS = 32
"""Of an event loop's client, which has one pool: the time of httpx's grows with their square."""
SHARDS, SHARD_CONNECTIONS = 8, 8
"""Many small pools instead of a large one: with 64 connections in use that more than doubles the rate."""

# The default of httpx.
_KEEPALIVE_SECONDS = 5.0


class Pools:
    """One process's connections: some for each proxy, and some for the requests without one."""

    def __init__(self, flag: StopFlag, context: ssl.SSLContext, connections: int) -> None:
        self._flag = flag
        self._connections = connections
        self._backend = Backend(flag)
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

    def close_copies(self) -> None:
        """Close the sockets that a fork has copied. The peer does not notice: the parent's connection stays open."""
        self._backend.close_sockets()

    def _make(self, proxy: str | None) -> _Shards:
        kind = pool_kind(proxy, httpcore.ConnectionPool, httpcore.HTTPProxy)
        pools = [
            # With fewer idle connections than connections a pool would close and reconnect all the time.
            kind(max_connections=size, max_keepalive_connections=size, **self._options)
            for size in _shares(self._connections)
        ]
        return _Shards(pools, _shares(self._connections), self._flag)


class _Shards:
    """Small pools that share the requests; no pool gets more requests than it has connections.

    httpcore checks all connections and all requests of a pool whenever a request begins or ends, so the time of a
    large pool grows with the square of its connections.
    """

    def __init__(self, pools: Sequence[httpcore.ConnectionPool], sizes: Sequence[int], flag: StopFlag) -> None:
        self._pools = pools
        rounds = ([number for number, size in enumerate(sizes) if size > used] for used in range(max(sizes)))
        self._slots = ConnectionSlots([number for each in rounds for number in each], flag)

    def send(self, request: httpcore.Request) -> tuple[httpcore.Response, Callable[[], None]]:
        """Send a request; return its answer, and the function that ends it."""
        # The slot first, so that a request never waits in a pool: that wait could not be stopped by the flag.
        with as_httpcore(httpcore.PoolTimeout, httpcore.ConnectError):
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


def pool_kind(proxy: str | None, direct: Callable[..., T], proxied: Callable[..., T]) -> Callable[..., T]:
    """Return what makes a pool of httpcore: ``direct``, or ``proxied`` with the address and the sign-in of a proxy."""
    if proxy is None:
        return direct
    parsed = parse_proxy(proxy)
    return partial(proxied, core_url(parsed.url), proxy_auth=parsed.raw_auth, proxy_headers=parsed.headers.raw)


def _shares(connections: int) -> list[int]:
    """Return the sizes of the pools that share the connections."""
    full, rest = divmod(connections, SHARD_CONNECTIONS)
    return [SHARD_CONNECTIONS] * full + [rest] * (rest > 0)


def core_url(url: httpx.URL) -> httpcore.URL:
    """Return a URL of httpx as one of httpcore."""
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
