"""Where a tenant is kept: in memory here, or in a directory (``store_directory``)."""

from __future__ import annotations

from typing import Protocol

from airflow_provider_onedrive.emulator.model.tenant import Tenant
from airflow_provider_onedrive.emulator.transfers.sessions import Sessions


class Store(Protocol):
    """A tenant with its drives, and the upload sessions that are open."""

    tenant: Tenant
    sessions: Sessions

    def keep(self) -> None:
        """Write changes outside of drives' items: users, new drives, their properties."""

    def notice(self) -> None:
        """Do the same if a drive is new; it costs next to nothing if none is."""

    def close(self) -> None:
        """Write all changes and close the store."""

    def clear(self) -> None:
        """Delete all data and close the store."""


class MemoryStore:
    """It lasts as long as the emulator runs."""

    def __init__(self) -> None:
        self.tenant = Tenant()
        self.sessions = Sessions()

    def keep(self) -> None:
        pass

    def notice(self) -> None:
        pass

    def close(self) -> None:
        pass

    def clear(self) -> None:
        pass
