"""Keeps URLs out of the logs of the HTTP libraries: their queries and paths may be secrets."""

from __future__ import annotations

import logging
import re

from airflow_provider_onedrive.graph.protocol.hidden_names import hidden_names

# Up to the next blank: SharePoint's upload URLs have quotes in their query, and the secret comes behind them.
_BEHIND_HOST = re.compile(r"(?i)(https?://)(?:[^/?#\s@]*@)?([^/?#\s'\"\\]+)\S*")
# A filter does not reach child loggers, so each logger that writes is named.
_LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy", "httpcore.socks")


class CutUrls(logging.Filter):
    """Cuts every URL of a record to its host."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = _BEHIND_HOST.sub(r"\1\2/…", record.getMessage())
        record.msg, record.args = hidden_names.without_names(text), ()  # a header may have one
        return True


_cut = CutUrls()


def cut_urls_in_logs() -> None:
    """Add the filter to the loggers; adding it twice changes nothing."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_cut)
