"""The errors of httpx as errors of this package."""

from __future__ import annotations

import httpx

from airflow_provider_onedrive.graph.http.throughput import TooSlow
from airflow_provider_onedrive.graph.protocol.driver import lost, not_graphs
from airflow_provider_onedrive.graph.protocol.errors import OneDriveError
from airflow_provider_onedrive.graph.protocol.messages import Request

# These come before a connection is there, so even the creation of a folder may be sent again.
_UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


def problem_of(request: Request, error: httpx.HTTPError) -> OneDriveError:
    """Return the error of a request that failed on its way."""
    if isinstance(error, httpx.DecodingError):
        return not_graphs(request, str(error))
    return lost(request, str(error) or type(error).__name__, was_sent=False if isinstance(error, _UNSENT) else None)


def is_too_slow(error: httpx.HTTPError) -> bool:
    """Return whether an answer was given up because it came too slowly."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, TooSlow):
        cause = cause.__cause__ or cause.__context__  # httpcore takes the cause away
    return cause is not None
