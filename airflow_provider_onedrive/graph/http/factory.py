"""Makes HTTP clients with the connection's authorities, proxy, timeout and user agent."""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import Any

import certifi
import httpx

from airflow_provider_onedrive.graph.config.authorities import Bundle, bundle_of, context_of
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.http.async_transport import AsyncTransport
from airflow_provider_onedrive.graph.http.bodies import ACCEPT_ENCODING
from airflow_provider_onedrive.graph.http.pools import CONNECTIONS, SHARD_CONNECTIONS, SHARDS
from airflow_provider_onedrive.graph.http.stop_flag import StopFlag
from airflow_provider_onedrive.graph.http.transport import Transport
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError

_UNTRUSTED = (
    "is not signed by an authority that is trusted here",
    "Put the PEM of the right authority (your proxy's, perhaps) into the connection's ca_certificate.",
)
_OTHER_NAME = (
    "is for another name",
    "Check the address, and whether DNS or a proxy leads to another host; the authority is trusted.",
)
_OTHER_TIME = (
    "is not valid at this time",
    "Check this machine's clock. If it is right, whoever runs the host or the proxy has to renew the certificate.",
)
_TLS_REFUSALS = {9: _OTHER_TIME, 10: _OTHER_TIME, 62: _OTHER_NAME, 64: _OTHER_NAME}
"""By the number of OpenSSL's X509_V_ERR: not yet valid, expired, another host name, another address."""


def _options(settings: Settings) -> dict[str, Any]:
    """Return the options of every HTTP client of these settings."""
    return {
        "timeout": settings.timeout_seconds,
        "headers": {"User-Agent": settings.user_agent, "Accept-Encoding": ACCEPT_ENCODING},
        "follow_redirects": False,  # a redirect leads to a pre-authorised URL, which gets no token
        "trust_env": False,  # it would also read .netrc and send its passwords; our transports read the proxies
    }


def blocking_http(settings: Settings, flag: StopFlag, *, is_direct: bool = False, **more: Any) -> httpx.Client:
    """Return an HTTP client that stops every request when the flag is set.

    :param is_direct: use no proxy, whatever the connection and the environment say.
    """
    connections = settings.max_concurrent or SHARDS * SHARD_CONNECTIONS
    context = ssl_context(settings.ca_certificate)
    transport = Transport(flag, context, settings.proxy, connections=connections, is_direct=is_direct)
    return httpx.Client(transport=transport, **_options(settings), **more)


def async_http(settings: Settings, **more: Any) -> httpx.AsyncClient:
    """Return an HTTP client for an event loop."""
    connections = settings.max_concurrent or CONNECTIONS
    transport = AsyncTransport(ssl_context(settings.ca_certificate), settings.proxy, connections)
    return httpx.AsyncClient(transport=transport, **_options(settings), **more)


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Return scheme, host and port."""
    return url.scheme, url.host, url.port


def ssl_context(ca_certificate: str | None) -> ssl.SSLContext:
    """Return the TLS context of all clients with this authority.

    :param ca_certificate: PEM text; None means the authorities that the environment names, or the system's.
    :raises ConfigurationError: if the environment names a file that cannot be used.
    """
    return _context(ca_certificate, bundle_of() if ca_certificate is None else None)


@lru_cache(maxsize=16)
def _context(ca_certificate: str | None, bundle: Bundle | None) -> ssl.SSLContext:
    # A context costs 20 ms, and a client with a cached one 0.1 ms.
    if bundle is not None:
        return context_of(bundle)
    context = ssl.create_default_context(cadata=ca_certificate)
    if ca_certificate is None and not context.get_ca_certs():
        context.load_verify_locations(certifi.where())  # for a system without authorities of its own
    return context


def tls_refusal(host: str, error: httpx.HTTPError) -> ConfigurationError | None:
    """Return the error of a certificate that this side refuses; None if the request failed for another reason.

    Asking again cannot help. The cause is the only mark: httpcore and httpx give each failed handshake the same class.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return None
    reason, advice = _TLS_REFUSALS.get(cause.verify_code, _UNTRUSTED)
    detail = cause.verify_message.rstrip(".")
    return ConfigurationError(f"The TLS certificate of {host} {reason}: {detail}.", advice=advice)
