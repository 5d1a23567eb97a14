"""The state of one emulator between two resets."""

from __future__ import annotations

import threading

from airflow_provider_onedrive.emulator.access.rights import Rights
from airflow_provider_onedrive.emulator.access.site_grants import SiteGrants
from airflow_provider_onedrive.emulator.entra.authority import Authority
from airflow_provider_onedrive.emulator.faults import Faults
from airflow_provider_onedrive.emulator.faults.fault import FaultContext
from airflow_provider_onedrive.emulator.faults.quirks import Quirks
from airflow_provider_onedrive.emulator.faults.throttling import Throttling
from airflow_provider_onedrive.emulator.http.log import RequestLog
from airflow_provider_onedrive.emulator.items.download_links import DownloadLinks
from airflow_provider_onedrive.emulator.items.monitors import Monitors
from airflow_provider_onedrive.emulator.items.views import ItemViews
from airflow_provider_onedrive.emulator.options import Options
from airflow_provider_onedrive.emulator.store.memory import Store


class ServerState:
    """The tenant, its tokens, and all that requests change. Handlers take the parts of it that they use.

    :param graph_url: address of Graph and Entra ID.
    :param store_url: address of the second origin, where downloads, upload sessions and pages are.
    :param stopping: set when the emulator stops.
    """

    def __init__(
        self,
        options: Options,
        *,
        graph_url: str,
        store_url: str,
        stopping: threading.Event,
        authority: Authority,
        store: Store,
    ) -> None:
        self.options = options
        self.graph_url = graph_url
        self.store_url = store_url
        self.authority = authority
        self.store = store
        self.tenant = store.tenant
        self.sessions = store.sessions
        self.directory = authority.directory(self.tenant, graph_url)
        self.tokens = authority.tokens(self.tenant, self.directory, graph_url)
        self.rights = Rights()
        self.site_grants = SiteGrants()
        self.links = DownloadLinks(store_url)
        self.quirks = Quirks()
        self.views = ItemViews(store_url, self.tenant, self.links, options, self.quirks)
        self.monitors = Monitors(options)
        self.tenant.follow(self.quirks)
        self.throttling = Throttling()
        self.faults = Faults(self.quirks, self.throttling)
        self.fault_context = FaultContext(stopping, self.tokens.expire, self.sessions.end_at)
        self.requests = RequestLog()
        self.leaks = RequestLog()
