"""Gets a token for each kind of identity: by msal, with our HTTP client and never its own.

https://learn.microsoft.com/en-us/entra/msal/python/
"""

from __future__ import annotations

import base64
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import httpx
import msal

from airflow_provider_onedrive.graph.auth import entra
from airflow_provider_onedrive.graph.auth.token_cache import IdentityTokens, TokenStore
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.config.small_files import read_small_file, reason_of
from airflow_provider_onedrive.graph.http.factory import blocking_http, tls_refusal
from airflow_provider_onedrive.graph.http.stop_flag import StopFlag
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, OneDriveError, SignInFailed, stopped
from airflow_provider_onedrive.graph.protocol.fields import parse, seconds
from airflow_provider_onedrive.graph.protocol.logs import logger

log = logger(__name__)

Answer = Mapping[str, Any]
"""The answer of msal: ``access_token`` and ``expires_in`` (seconds), or ``error`` and its description."""

# The id of Microsoft Graph as an app, the same in every tenant; some tokens have it as their audience.
_GRAPH_ID = "00000003-0000-0000-c000-000000000000"
# A refresh token ends after 90 days without use. Each hourly token brings a new one, but storing one a day is enough.
_STORED_EVERY_SECONDS = 24 * 3600
_NOT_ENTRA = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, httpx.InvalidURL)
"""How msal ends with an answer that is not Entra's: it trusts the types of all fields."""


class Identity(ABC):
    """A user or an application that Entra issues tokens to.

    :param flag: ends a request to Entra.
    """

    can_renew = True

    def __init__(self, settings: Settings, flag: StopFlag) -> None:
        self._settings = settings
        self._flag = flag
        self._http: _Http | None = None
        self._session: Any = None  # msal's object, which remembers Entra's addresses and tokens

    def acquire(self) -> Answer:
        """Ask for a token.

        :raises SignInFailed: if Entra refuses it and a retry cannot help.
        :raises Throttled, ServiceUnavailable: if a retry may help.
        """
        try:
            return _checked(self._acquire())
        except OneDriveError:  # some of them are a ValueError, which means another thing below
            raise
        except httpx.HTTPStatusError as error:
            raise entra.unavailable(error.response.status_code, error.response.headers) from None
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None
        except _NOT_ENTRA:
            self.forget()
            raise entra.not_entra(self._url) from None

    @abstractmethod
    def _acquire(self) -> Answer: ...

    def forget(self) -> None:
        """Forget Entra's addresses and the tokens, so that the next request asks for both anew."""
        self._session = None

    def close(self) -> None:
        if self._http is not None:
            self._http.close()

    @property
    def _url(self) -> str:
        return self._settings.authority_url

    def _get_http(self, **options: Any) -> _Http:
        if self._http is None:
            hooks = {"response": [_raise_if_retryable]}
            self._http = _Http(blocking_http(self._settings, self._flag, event_hooks=hooks, **options))
        return self._http

    def _unreachable(self, error: httpx.HTTPError) -> Exception:
        if self._flag.is_set():
            return stopped()
        host = str(urlsplit(self._url).hostname)
        return tls_refusal(host, error) or entra.unreachable(host, str(error) or type(error).__name__)


class GivenToken(Identity):
    """A token that the connection itself holds, for short runs: it is not renewed."""

    can_renew = False

    def _acquire(self) -> Answer:
        token = self._settings.access_token
        claims = claims_of(token)
        # Tokens of personal accounts show no end; then Graph's 401 ends their use.
        end = seconds(claims, "exp")
        left = int(end - time.time()) if end else _STORED_EVERY_SECONDS
        if left <= 0:
            raise SignInFailed(
                f"The connection's access token has expired {-left} s ago",
                was_sent=False,
                advice="Put a new one into it; for scheduled runs use another auth.",
            )
        self._check_audience(claims)
        return {"access_token": token, "expires_in": left}

    def _check_audience(self, claims: Mapping[str, Any]) -> None:
        audience, graph = str(claims.get("aud") or _GRAPH_ID), urlsplit(self._settings.graph_url).hostname
        if audience != _GRAPH_ID and urlsplit(audience).hostname not in (graph, "graph.microsoft.com"):
            raise SignInFailed(
                f"The connection's access token is for {audience}, and not for {graph}",
                was_sent=False,
                advice=f"Ask for a token with the scope {self._settings.graph_url}/.default.",
            )


class App(Identity):
    """An application with a secret, a certificate, or a federated token of another issuer."""

    def __init__(self, settings: Settings, flag: StopFlag) -> None:
        super().__init__(settings, flag)
        self._application: msal.ConfidentialClientApplication | None = None

    def _acquire(self) -> Answer:
        self._application = self._application or _application(self._settings, self._get_http(), self._credential())
        return cast(
            "Answer",
            # Without http_exceptions msal would not return the token that it has cached when the network fails.
            self._application.acquire_token_for_client(list(self._settings.scopes), http_exceptions=(httpx.HTTPError,)),
        )

    def forget(self) -> None:
        self._application = None  # msal caches Entra's addresses and its tokens in it

    def _credential(self) -> Any:
        settings = self._settings
        if settings.certificate is not None:
            return {
                # With the whole certificate msal signs by PS256 and names it by SHA-256; with a thumbprint, by SHA-1.
                "private_key": settings.certificate.private_key,
                "public_certificate": settings.certificate.certificate,
            }
        if settings.federated_token_file is not None:
            # A function, because msal calls it only when it sends a request; the file may have a newer token by then.
            return {"client_assertion": partial(_read_federated_token, settings.federated_token_file)}
        return settings.client_secret


class ManagedIdentity(Identity):
    """The identity of an Azure machine, or one that is assigned to it.

    https://learn.microsoft.com/en-us/entra/identity/managed-identities-azure-resources/overview
    """

    def _acquire(self) -> Answer:
        # The endpoint is an address of this machine, which no proxy can reach.
        http = self._get_http(is_direct=True)
        self._session = self._session or msal.ManagedIdentityClient(self._name(), http_client=http)
        return cast("Answer", self._session.acquire_token_for_client(resource=self._settings.graph_url))

    def _name(self) -> Any:
        name = self._settings.client_id
        if not name:
            return msal.SystemAssignedManagedIdentity()
        # An Azure resource id begins with /subscriptions/.
        kind = "resource_id" if name.startswith("/") else "client_id"
        return msal.UserAssignedManagedIdentity(**{kind: name})

    def _unreachable(self, error: httpx.HTTPError) -> Exception:
        return entra.unreachable(
            "The managed identity's endpoint",
            str(error) or type(error).__name__,
            "Check that this worker runs on Azure and has an identity. On Kubernetes use auth 'federated'.",
        )


class SignedInUser(Identity):
    """A user who has signed in once. Each access token brings a new refresh token, and the newest lasts longest.

    :param identity_tokens: the tokens of the identity in this process.
    :param token_store: keeps the newest refresh token for other processes; None keeps it in this one only.
    """

    def __init__(
        self, settings: Settings, flag: StopFlag, identity_tokens: IdentityTokens, token_store: TokenStore | None
    ) -> None:
        super().__init__(settings, flag)
        self._identity_tokens = identity_tokens
        self._token_store = token_store

    def _acquire(self) -> Answer:
        newest = (
            self._identity_tokens.refresh_token or self._stored().get("refresh_token") or self._settings.refresh_token
        )
        answer = self._redeem(newest)
        if answer.get("error") == "invalid_grant" and newest != self._settings.refresh_token:
            log.warning("Entra refused the stored refresh token; trying the connection's own.")
            answer = self._redeem(self._settings.refresh_token)
        token = answer.get("refresh_token")
        if token and isinstance(token, str):
            self._keep(token)
        return answer

    def _redeem(self, refresh_token: str) -> Answer:
        secret = self._settings.client_secret or None
        self._session = self._session or _application(self._settings, self._get_http(), secret)
        scopes = list(self._settings.scopes)
        return cast("Answer", self._session.acquire_token_by_refresh_token(refresh_token, scopes))

    def _keep(self, token: str) -> None:
        self._identity_tokens.refresh_token = token
        if self._token_store is None:
            log.info("The newest refresh token is not stored; the connection's own ends 90 days after its last use.")
            return
        if time.time() - seconds(self._stored(), "stored_at") >= _STORED_EVERY_SECONDS:
            kept = {"of": self._mark, "refresh_token": token, "stored_at": time.time()}
            self._token_store.write(json.dumps(kept))

    def _stored(self) -> dict[str, Any]:
        """Read the token that another process stored, unless the connection has been changed since."""
        stored = parse((self._token_store.read() if self._token_store else None) or "{}")
        return stored if isinstance(stored, dict) and stored.get("of") == self._mark else {}

    @property
    def _mark(self) -> str:
        return self._settings.identity_digest


def identity_of(
    settings: Settings, flag: StopFlag, identity_tokens: IdentityTokens, refresh_tokens: TokenStore | None
) -> Identity:
    """Return the kind of identity that the connection's ``auth`` names."""
    if settings.auth == "refresh_token":
        return SignedInUser(settings, flag, identity_tokens, refresh_tokens)
    kinds = {"access_token": GivenToken, "managed_identity": ManagedIdentity}
    return kinds.get(settings.auth, App)(settings, flag)


def device_sign_in(settings: Settings, show_message: Callable[[str], object], flag: StopFlag | None = None) -> str:
    """Let a person sign in on another device, and return the refresh token.

    https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-device-code

    :param show_message: is called with the address to open and the code to enter.
    :param flag: ends the wait.
    :raises SignInFailed: if the sign-in is refused, declined, or takes too long.
    """
    session = _DeviceSignIn(settings, flag or StopFlag(), show_message)
    try:
        answer = session.acquire()
    finally:
        session.close()
    if session.is_stopped:
        raise stopped()
    if "refresh_token" not in answer:
        raise entra.refused(answer)
    return str(answer["refresh_token"])


class _DeviceSignIn(Identity):
    def __init__(self, settings: Settings, flag: StopFlag, show_message: Callable[[str], object]) -> None:
        super().__init__(settings, flag)
        self._show_message = show_message

    @property
    def is_stopped(self) -> bool:
        return self._flag.is_set()

    def _acquire(self) -> Answer:
        application = _application(self._settings, self._get_http(), None)
        flow = application.initiate_device_flow(list(self._settings.scopes))
        if "user_code" not in flow:
            return cast("Answer", flow)
        self._show_message(str(flow["message"]))
        return cast("Answer", application.acquire_token_by_device_flow(flow, exit_condition=self._is_over))

    def _is_over(self, flow: Mapping[str, Any]) -> bool:
        # By the clock of the day, because msal writes the end of the flow so.
        return self.is_stopped or time.time() > seconds(flow, "expires_at")


def _checked(answer: Answer) -> Answer:
    """Return an answer whose token can stand in a header.

    :raises ValueError: if it cannot; an HTTP library would show the token in its own error.
    """
    token = answer.get("access_token", "")
    if not (isinstance(token, str) and token.isascii() and token.isprintable()):
        raise ValueError("no token")
    return answer


def claims_of(token: str) -> dict[str, Any]:
    """Read the claims of a token; empty if it is not a JWT, as the tokens of personal accounts are not.

    The signature is not checked: Graph does that, and here the claims only improve messages.
    """
    try:
        _, body, _ = token.split(".")  # a JWT leaves out the padding of base64
        claims = parse(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def _application(settings: Settings, http: _Http, credential: Any) -> Any:
    kind = msal.PublicClientApplication if credential is None else msal.ConfidentialClientApplication
    more = {} if credential is None else {"client_credential": credential}
    try:
        return kind(
            settings.client_id,
            authority=settings.authority,
            instance_discovery=False,  # the settings have checked the host; discovery would ask another one
            http_client=http,
            **more,
        )
    except ValueError as error:
        raise entra.no_such_authority(str(error), settings) from None


def _read_federated_token(path: Path) -> str:
    """Read the file anew each time, because its token lives for an hour and the cluster replaces it.

    :raises ConfigurationError: if it cannot be read.
    """
    try:
        return read_small_file(path).decode("ascii").strip()
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The federated token file {path} cannot be read ({reason_of(error)}).",
            advice="Check that the token is projected into this worker (workload identity, service account and label).",
        ) from None


def _raise_if_retryable(response: httpx.Response) -> None:
    if entra.is_retryable(response.status_code):
        raise httpx.HTTPStatusError("retryable", request=response.request, response=response)


class _Http:
    """The part of an HTTP library that msal needs. msal sends an assertion as bytes, which httpx would not decode."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def get(self, url: str, params: Any = None, headers: Any = None, **_: Any) -> httpx.Response:
        return self._http.get(url, params=params, headers=headers)

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> httpx.Response:
        if isinstance(data, Mapping):
            data = {name: each.decode() if isinstance(each, bytes) else each for name, each in data.items()}
        return self._http.post(url, params=params, data=data, headers=headers)

    def close(self) -> None:
        self._http.close()
