"""One client for all triggers of a connection on an event loop: they share its connections and its backoff."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from airflow_provider_onedrive.hooks.onedrive import OneDriveHook

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph.client import AsyncClient


@dataclass
class _Shared:
    client: AsyncClient
    users: int = 0


_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Shared]] = WeakKeyDictionary()


@asynccontextmanager
async def shared_client(conn_id: str) -> AsyncIterator[AsyncClient]:
    """Read a connection, and yield the client of all triggers that read the same; the last one closes it.

    A connection whose secret was rotated counts as another one, so its readers get a client with the new secret.

    :raises ConfigurationError: naming the field of the connection that is wrong.
    """
    hook = OneDriveHook(conn_id)
    settings = await hook.async_settings()
    by_settings = _clients.setdefault(asyncio.get_running_loop(), {})
    shared = by_settings.get(settings.digest)
    # An await between this line and the count of users would let another trigger make a second client.
    shared = shared or by_settings.setdefault(settings.digest, _Shared(hook.async_client(settings)))
    shared.users += 1
    try:
        yield shared.client
    finally:
        # Counted by hand: a client can only be closed on its own loop, which a finalizer cannot wait for.
        shared.users -= 1
        if not shared.users:
            by_settings.pop(settings.digest)
            await shared.client.aclose()
