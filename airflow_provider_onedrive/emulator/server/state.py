"""Everything the emulator knows between two resets."""

from __future__ import annotations

import copy
import threading
from dataclasses import dataclass
from typing import Literal, Self

from airflow_provider_onedrive.emulator.entra import clouds
from airflow_provider_onedrive.emulator.entra.authority import Authority
from airflow_provider_onedrive.emulator.faults.fault import FaultContext
from airflow_provider_onedrive.emulator.faults.quirks import Quirks
from airflow_provider_onedrive.emulator.faults.ruleset import Faults
from airflow_provider_onedrive.emulator.faults.throttling import Throttling
from airflow_provider_onedrive.emulator.http.log import RequestLog
from airflow_provider_onedrive.emulator.items.download_links import DownloadLinks
from airflow_provider_onedrive.emulator.items.monitors import Monitors
from airflow_provider_onedrive.emulator.store.memory import MemoryStore, Store
from airflow_provider_onedrive.emulator.tokens.keys import SigningKey


@dataclass
class Options:
    """What may be changed while it runs.

    :param strict: refuse an Authorization header on the second origin (it is recorded either way), and fragments that
        are no multiple of 320 KiB when the session is committed.
    :param page_size: children on one page when the request does not say.
    :param refresh_token_seconds: for so long a refresh token may lie unused.
    :param rotate_refresh_tokens: refuse a refresh token that was used.
    :param copy_polls: so often a copy's monitor says that it is under way; when it is asked once more, the copy is made
        and told. 0 = it is made at once.
    :param copy_seconds: after so long a copy is made although nobody asked its monitor, for clients that wait for the
        item; None = it is made for its monitor only, so that no clock decides a test.
    :param monitor_seconds: for so long the end of a copy can be asked for.
    :param device_interval_seconds: a device that polls faster is told to slow down; it is never told less than 1.
    :param garble_drive_ids: items of a consumer say the id of their drive in capitals and without its leading zero.
    :param unprovisioned: how the drive of a user who has none is refused: 404, or 400.
    :param shared_with_me: what ``sharedWithMe`` and ``recent`` say: nothing, one item, everything; 410, 404.
    :param anonymous_links: False = the organisation forbids links for everybody.
    """

    strict: bool = True
    page_size: int = 200
    token_lifetime_seconds: float = 3599
    download_url_seconds: float = 3600
    session_seconds: float = 24 * 3600
    refresh_token_seconds: float = 90 * 24 * 3600
    rotate_refresh_tokens: bool = True
    device_code_seconds: float = 900
    device_interval_seconds: float = 5
    copy_polls: int = 1
    copy_seconds: float | None = None
    monitor_seconds: float = 4 * 3600
    garble_drive_ids: bool = False
    unprovisioned: Literal["not_found", "bad_request"] = "not_found"
    shared_with_me: Literal["empty", "degraded", "complete", "gone", "missing"] = "empty"
    anonymous_links: bool = True


class World:
    """All of it.

    :param graph_url: where clients see Graph; ``login_url`` is where they see Entra, ``url`` where both really are.
    """

    def __init__(
        self,
        options: Options,
        *,
        graph_url: str,
        store_url: str,
        stopping: threading.Event,
        authority: Authority | None = None,
        store: Store | None = None,
    ) -> None:
        self.options = options
        self.url = self.graph_url = self.login_url = graph_url
        self.store_url = store_url
        self.stopping = stopping
        self.store = store or MemoryStore()
        self.tenant = self.store.tenant
        self.authority = authority or Authority()
        self.directory = self.authority.directory(self.tenant, self.url)
        self.tokens = self.authority.tokens(self.tenant, self.directory, self.url)
        self.links = DownloadLinks(store_url)
        self.sessions = self.store.sessions
        self.monitors = Monitors()
        self.quirks = Quirks()
        self.throttling = Throttling()
        self.faults = Faults(self.quirks, self.throttling)
        self.fault_context = FaultContext(graph_url, stopping, self.tokens.expire, self.sessions.end_at)
        self.requests = RequestLog()
        self.leaks = RequestLog()

    def at(self, host: str | None) -> Self:
        """Return this world as a request to one of the cloud's own hosts sees it: links lead to those hosts."""
        seen = self.authority.seen_at(host)
        if seen is None:
            return self
        world = copy.copy(self)
        world.graph_url, world.login_url = seen
        return world

    @property
    def cloud(self) -> clouds.Cloud | None:
        return self.authority.cloud

    @property
    def key(self) -> SigningKey:
        return self.authority.key

    @property
    def issuer_url(self) -> str:
        return self.authority.issuer_url(self.url)

    @property
    def login_urls(self) -> list[str]:
        return self.authority.login_urls(self.url)

    @property
    def resources(self) -> frozenset[str]:
        """What a token for Graph may be asked for."""
        return clouds.resources(self.url, self.cloud)
