"""The proxy of a request, as the connection or the environment names it."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError


def proxy_for(url: httpx.URL, proxies: Mapping[str, str]) -> str | None:
    """Return the proxy of a request; None if it needs none.

    :param proxies: by scheme, or by ``all``; ``no`` lists the hosts without a proxy.
    """
    if _is_exempt(url, proxies.get("no", "")):
        return None
    proxy = proxies.get(url.scheme) or proxies.get("all")
    # curl and requests take HTTPS_PROXY=host:port in the same way.
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def _is_exempt(url: httpx.URL, exempt: str) -> bool:
    """Return whether the list has the host, with or without port, a domain above it, or ``*``."""
    # httpx reads NO_PROXY only with trust_env, which would also read .netrc and send its passwords.
    addresses = (url.host, url.netloc.decode())
    names = [name.strip().lstrip(".").lower() for name in exempt.split(",")]
    return "*" in names or any(f".{address}".endswith(f".{name}") for name in names if name for address in addresses)


def parse_proxy(proxy: str) -> httpx.Proxy:
    """Read a proxy's address. It may hold a password, so no error shows it."""
    try:
        parsed = httpx.Proxy(proxy)
        is_http = parsed.url.scheme in ("http", "https")
    except (ValueError, httpx.InvalidURL):
        is_http = False
    if not is_http:
        raise ConfigurationError(
            "The proxy that the environment names is not an http proxy; nothing was sent.",
            advice="Write it like HTTPS_PROXY=http://proxy.example:3128.",
        ) from None
    return parsed
