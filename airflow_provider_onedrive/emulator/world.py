"""Everything the emulator knows between two resets."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from airflow_provider_onedrive.emulator.faults import Faults
from airflow_provider_onedrive.emulator.links import DownloadLinks
from airflow_provider_onedrive.emulator.log import RequestLog
from airflow_provider_onedrive.emulator.sessions import Sessions
from airflow_provider_onedrive.emulator.tenant import Tenant
from airflow_provider_onedrive.emulator.tokens import Tokens


@dataclass
class Options:
    """What may be changed while it runs.

    :param strict: refuse an Authorization header on the second origin (it is recorded either way), and fragments that
        are no multiple of 320 KiB when the session is committed.
    :param page_size: children on one page when the request does not say.
    """

    strict: bool = True
    page_size: int = 200
    token_lifetime_seconds: float = 3599
    download_url_seconds: float = 3600
    session_seconds: float = 24 * 3600


class World:
    def __init__(self, options: Options, *, graph_url: str, store_url: str, stopping: threading.Event) -> None:
        self.options = options
        self.graph_url = graph_url
        self.store_url = store_url
        self.stopping = stopping
        self.tenant = Tenant()
        self.tokens = Tokens(
            f'Bearer realm="", authorization_uri="{graph_url}/common/oauth2/authorize", '
            'client_id="00000003-0000-0000-c000-000000000000"'
        )
        self.links = DownloadLinks(store_url)
        self.sessions = Sessions()
        self.faults = Faults()
        self.requests = RequestLog()
        self.leaks = RequestLog()
