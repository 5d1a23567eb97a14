"""One client for all triggers of a connection on an event loop: one pool of connections, and one cool-down."""

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
    """Read a connection, and give the client of all that read the same; the last to leave closes it.

    A connection whose secret was rotated is another one, so whoever reads it anew gets a client that knows it.

    :raises ConfigurationError: naming the field of the connection that is wrong.
    """
    hook = OneDriveHook(conn_id)
    settings = await hook.async_settings()
    shared = _clients.setdefault(asyncio.get_running_loop(), {})
    mine = shared.get(settings.digest) or shared.setdefault(settings.digest, _Shared(hook.async_client(settings)))
    mine.users += 1
    try:
        yield mine.client
    finally:
        mine.users -= 1
        if not mine.users:
            shared.pop(settings.digest)
            await mine.client.aclose()
