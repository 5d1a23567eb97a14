"""Microsoft Graph for files: the protocol as flows (no I/O), and two clients that drive them.

Importing this package imports nothing heavy: ``httpx`` and ``msal`` come with the first use of a client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph.client import AsyncClient, Client

__all__ = ["AsyncClient", "Client"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from airflow_provider_onedrive.graph import client  # noqa: PLC0415 - lazy: httpx costs a quarter of a second

    return getattr(client, name)
