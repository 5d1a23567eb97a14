"""From settings to tokens, and from tokens to requests. msal gets them, with our HTTP client and never its own.

https://learn.microsoft.com/en-us/entra/msal/python/
"""

from __future__ import annotations

import asyncio
import math
import re
import ssl
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from functools import lru_cache
from typing import Any

import certifi
import httpx
import msal

from airflow_provider_onedrive.graph.errors import (
    ConfigurationError,
    GraphError,
    ServiceUnavailable,
    SignInFailed,
    Throttled,
    retry_after_seconds,
    without_urls,
)
from airflow_provider_onedrive.graph.retry import NEVER_SENT
from airflow_provider_onedrive.graph.settings import Settings
from airflow_provider_onedrive.graph.stopping import StopFlag
from airflow_provider_onedrive.graph.transport import Transport

_ADVICE = {
    "7000215": "The client secret is wrong: paste the secret's value, not its id, into the connection's password.",
    "7000222": "The client secret has expired: make a new one in Entra and put it into the connection's password.",
    "700016": "The tenant does not know this client id: check login and tenant_id of the connection.",
    "90002": "There is no such tenant: check tenant_id of the connection.",
    "900021": "There is no such tenant: check tenant_id of the connection.",
    "900023": "There is no such tenant: check tenant_id of the connection.",
}
_MSAL_SPARES_SECONDS = 300  # it gives out no token that ends sooner
_REMEMBERED_SECONDS = 30.0  # looking into msal's cache costs more than all else about the token
_AADSTS = re.compile(r"AADSTS(\d+)")

OnSecret = Callable[[str], object]


class TokenSource:
    """Gives a token, from msal's cache where it can.

    :param on_secret: is told each new token, so that it can be masked wherever it might be shown.
    :param flag: ends a request to Entra.
    """

    def __init__(self, settings: Settings, on_secret: OnSecret, flag: StopFlag | None = None) -> None:
        self._settings = settings
        self._on_secret = on_secret
        self._flag = flag or StopFlag()
        self._told = ""
        self._known = ("", 0.0)
        self._lock = threading.Lock()
        self._application: msal.ConfidentialClientApplication | None = None
        self._http: httpx.Client | None = None

    def token(self) -> str:
        """Return a token that is valid for some minutes. It may ask Entra: not for an event loop's thread.

        :raises SignInFailed: if Entra refuses.
        """
        token, end = self._known
        if time.monotonic() < end:
            return token
        with self._lock:
            token, seconds = self._acquire()
            if token != self._told:
                self._on_secret(token)
                self._told = token
            self._known = (token, time.monotonic() + seconds)
        return token

    @property
    def can_renew(self) -> bool:
        return not self._settings.access_token

    def renew(self) -> None:
        """Forget the token: Graph refused it before its time."""
        with self._lock:
            self._known = ("", 0.0)
            if self._application is not None:
                self._application.remove_tokens_for_client()

    def close(self) -> None:
        if self._http is not None:
            self._http.close()

    def _acquire(self) -> tuple[str, float]:
        """Return a token, and how many seconds msal need not be asked for it."""
        if self._settings.access_token:
            return self._settings.access_token, math.inf
        try:
            self._application = self._application or self._sign_in()
            answer = self._application.acquire_token_for_client(
                list(self._settings.scopes), http_exceptions=(httpx.HTTPError,)
            )
        except httpx.HTTPStatusError as error:
            raise _passing(error.response) from None
        except httpx.HTTPError as error:
            raise _unreachable(error, self._settings.authority_url) from None
        except (ValueError, RuntimeError, httpx.InvalidURL):  # msal's words for what is no answer of Entra's
            self._application = None  # it keeps what it was told of Entra's addresses
            raise _not_entra(self._settings.authority_url) from None
        if token := answer.get("access_token"):
            return str(token), min(int(answer.get("expires_in", 0)) - _MSAL_SPARES_SECONDS, _REMEMBERED_SECONDS)
        raise _refused(answer)

    def _sign_in(self) -> msal.ConfidentialClientApplication:
        settings = self._settings
        self._http = self._http or blocking_http(settings, self._flag, event_hooks={"response": [_raise_what_may_pass]})
        try:
            return msal.ConfidentialClientApplication(
                settings.client_id,
                client_credential=settings.client_secret,
                authority=settings.authority,
                instance_discovery=False,  # the settings have checked the host
                http_client=self._http,
            )
        except ValueError as error:
            raise _no_such_authority(str(error), settings) from None


class TokenAuth(httpx.Auth):
    """Puts the token on requests to the Graph host, and on no others."""

    def __init__(self, tokens: TokenSource, graph_url: str) -> None:
        self._tokens = tokens
        self._graph = httpx.URL(graph_url)

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        self._sign(request, self._tokens.token())
        yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        self._sign(request, await asyncio.to_thread(self._tokens.token))
        yield request

    def _sign(self, request: httpx.Request, token: str) -> None:
        if origin(request.url) != origin(self._graph):
            raise ConfigurationError(f"A token for Graph was about to go to {request.url.host}; nothing was sent.")
        request.headers["Authorization"] = f"Bearer {token}"


def http_options(settings: Settings) -> dict[str, Any]:
    """Return what every HTTP client of these settings is made with."""
    return {
        "verify": _ssl_context(settings.ca_certificate),
        "proxy": settings.proxy,
        "timeout": settings.timeout_seconds,
        "headers": {"User-Agent": settings.user_agent},
        "follow_redirects": False,
    }


def blocking_http(settings: Settings, flag: StopFlag, **more: Any) -> httpx.Client:
    """Make an HTTP client that ends whatever it does when the flag is set."""
    options = http_options(settings)
    transport = Transport(flag, options.pop("verify"), options.pop("proxy"))
    return httpx.Client(transport=transport, trust_env=False, **options, **more)


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Return scheme, host and port."""
    return url.scheme, url.host, url.port


@lru_cache(maxsize=16)
def _ssl_context(ca_certificate: str | None) -> ssl.SSLContext:
    """Make one context for all clients: it costs 20 ms, and a client without it nothing."""
    context = ssl.create_default_context(cadata=ca_certificate)
    if ca_certificate is None and not context.get_ca_certs():
        context.load_verify_locations(certifi.where())  # a system without authorities of its own
    return context


def is_untrusted(error: httpx.HTTPError) -> bool:
    """Recognise a certificate that is not trusted: asking again cannot help."""
    return "CERTIFICATE_VERIFY_FAILED" in str(error)


def untrusted(host: str) -> ConfigurationError:
    return ConfigurationError(
        f"The TLS certificate of {host} is not signed by an authority that is trusted here.",
        advice="Put the PEM of the right authority (your proxy's, perhaps) into the connection's ca_certificate.",
    )


def _raise_what_may_pass(response: httpx.Response) -> None:
    """Keep 408, 429 and 5xx out of msal, which would take them for answers and cache them."""
    if response.status_code in (408, 429) or response.status_code >= 500:  # noqa: PLR2004 - HTTP's own
        raise httpx.HTTPStatusError("may pass", request=response.request, response=response)


def _passing(response: httpx.Response) -> GraphError:
    kind = Throttled if response.status_code == 429 else ServiceUnavailable  # noqa: PLR2004 - HTTP's own
    return kind(
        f"Entra answered {response.status_code} when asked for a token",
        code=NEVER_SENT,
        status=response.status_code,
        retry_after_seconds=retry_after_seconds(response.headers),
    )


def _unreachable(error: httpx.HTTPError, authority_url: str) -> Exception:
    host = httpx.URL(authority_url).host
    if is_untrusted(error):
        return untrusted(host)
    reason = without_urls(str(error)) or type(error).__name__
    return ServiceUnavailable(f"{host} did not answer when asked for a token: {reason}", code=NEVER_SENT)


def _not_entra(authority_url: str) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"What {httpx.URL(authority_url).host} answered when asked for a token is not Entra's",
        code=NEVER_SENT,
        advice="Is there a proxy or a sign-in page on the way?",
    )


def _refused(answer: dict[str, Any]) -> GraphError:
    text = str(answer.get("error_description") or answer.get("error") or "no reason given")
    if answer.get("error") == "temporarily_unavailable":
        return ServiceUnavailable(f"Entra gave no token: {_first_line(text)}", code=NEVER_SENT)
    return SignInFailed(
        f"Entra gave no token: {_first_line(text)}",
        code=answer.get("error"),
        request_id=answer.get("correlation_id"),
        advice=_advice(text),
    )


def _no_such_authority(text: str, settings: Settings) -> SignInFailed:
    found = re.search(r"AADSTS\d+: [^\"\\]+", text)
    host = httpx.URL(settings.authority_url).host
    reason = found.group() if found else f"{host} knows no tenant {settings.tenant_id!r}"
    return SignInFailed(f"Entra gave no token: {_first_line(reason)}", code="invalid_tenant", advice=_advice(reason))


def _first_line(text: str) -> str:
    return without_urls(re.split(r"[\r\n]| Trace ID:", text)[0]).strip()


def _advice(text: str) -> str | None:
    found = _AADSTS.search(text)
    return _ADVICE.get(found.group(1), SignInFailed.default_advice) if found else _ADVICE["90002"]
