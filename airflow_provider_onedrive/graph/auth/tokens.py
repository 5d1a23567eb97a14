"""Gets tokens for an identity, and puts them on requests to Graph."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import contextmanager

import httpx

from airflow_provider_onedrive.graph.auth import entra
from airflow_provider_onedrive.graph.auth.identities import Answer, identity_of
from airflow_provider_onedrive.graph.auth.token_cache import CachedTokens, IdentityTokens, TokenStore, identity_tokens
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.http.factory import origin
from airflow_provider_onedrive.graph.http.stop_flag import StopFlag
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, stopped
from airflow_provider_onedrive.graph.protocol.fields import parse, seconds

_SPARED_SECONDS = 300  # msal returns no cached token that ends sooner
_SLICE_SECONDS = 0.2

OnSecret = Callable[[str], object]


class TokenSource:
    """Returns a token. All sources of one identity in a process share it, and only one of them asks for the next.

    :param on_secret: is called with each new token, so that Airflow masks it in logs.
    :param flag: ends a request to Entra.
    :param cached_tokens: the stores that share tokens with other processes.
    """

    def __init__(
        self,
        settings: Settings,
        on_secret: OnSecret,
        flag: StopFlag | None = None,
        cached_tokens: CachedTokens | None = None,
    ) -> None:
        self._on_secret = on_secret
        self._flag = flag or StopFlag()
        self._masked = ""
        self._digest = settings.identity_digest
        cached_tokens = cached_tokens or CachedTokens()
        self._token_store = cached_tokens.access_token(self._digest) if cached_tokens.access_token else None
        self._identity = identity_of(settings, self._flag, self._identity_tokens, cached_tokens.refresh_token)

    def token(self) -> str:
        """Return a token that is valid for some minutes. It may block to ask Entra: never call it on an event loop.

        :raises SignInFailed: if Entra refuses the identity.
        """
        identity_tokens = self._identity_tokens
        if time.monotonic() >= identity_tokens.end:
            with self._alone(identity_tokens):
                if time.monotonic() >= identity_tokens.end:  # another thread may have renewed it meanwhile
                    self._renew(identity_tokens)
        token = identity_tokens.access_token
        if token != self._masked:
            self._on_secret(token)
            self._masked = token
        return token

    @property
    def can_renew(self) -> bool:
        return self._identity.can_renew

    def renew(self) -> None:
        """Forget the token, because Graph refused it before its end."""
        identity_tokens = self._identity_tokens
        with self._alone(identity_tokens):
            if identity_tokens.access_token == self._masked:  # else another thread has renewed it already
                identity_tokens.end = 0.0
                self._identity.forget()
                if self._token_store is not None:
                    self._token_store.write("")

    def forget(self) -> None:
        """Ask for a new token next time: permissions that were granted since are only in a new one."""
        self._masked = self._identity_tokens.access_token
        self.renew()

    def close(self) -> None:
        self._identity.close()

    @property
    def _identity_tokens(self) -> IdentityTokens:
        return identity_tokens(self._digest)

    @contextmanager
    def _alone(self, identity_tokens: IdentityTokens) -> Iterator[None]:
        # In slices: no call waits for a lock and for the flag at once.
        while not identity_tokens.lock.acquire(timeout=_SLICE_SECONDS):
            if self._flag.is_set():
                raise stopped()
        try:
            yield
        finally:
            identity_tokens.lock.release()

    def _renew(self, identity_tokens: IdentityTokens) -> None:
        answer = self._identity.acquire() if self._token_store is None else self._from_store(self._token_store)
        if "access_token" not in answer:
            raise entra.refused(answer)
        identity_tokens.access_token = str(answer["access_token"])
        # On the monotonic clock: a machine that corrects its time must not keep a token for longer.
        identity_tokens.end = time.monotonic() + seconds(answer, "expires_in") - self._spared_seconds

    def _from_store(self, token_store: TokenStore) -> Answer:
        """Return the token that another process has stored, or ask for one and store it for the others."""
        # Entra throttles an app that asks too often; a hundred tasks that start at once ask once this way.
        with token_store.alone():
            if (stored := _stored_token(token_store.read())) is not None:
                return stored
            answer = self._identity.acquire()
            if "access_token" in answer:
                end = time.time() + seconds(answer, "expires_in")
                token_store.write(json.dumps({"access_token": answer["access_token"], "ends_at": end}))
            return answer

    @property
    def _spared_seconds(self) -> int:
        return _SPARED_SECONDS if self.can_renew else 0


def _stored_token(text: str | None) -> Answer | None:
    stored = parse(text or "{}")
    stored = stored if isinstance(stored, dict) else {}
    token, left = (
        stored.get("access_token"),
        seconds(stored, "ends_at") - time.time(),
    )  # by the clock of the day
    return {"access_token": token, "expires_in": left} if isinstance(token, str) and left > _SPARED_SECONDS else None


class TokenAuth(httpx.Auth):
    """Puts the token on requests to the Graph host, and on no others."""

    def __init__(self, tokens: TokenSource, graph_url: str) -> None:
        self._tokens = tokens
        self._graph = httpx.URL(graph_url)

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        self._sign(request, self._tokens.token())
        yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        # msal blocks, and one event loop serves up to a thousand triggers.
        self._sign(request, await asyncio.to_thread(self._tokens.token))
        yield request

    def _sign(self, request: httpx.Request, token: str) -> None:
        # A nextLink is an address that an answer chose, so the host is checked here, where the token is added.
        if origin(request.url) != origin(self._graph):
            raise ConfigurationError(f"A token for Graph was about to go to {request.url.host}; nothing was sent.")
        request.headers["Authorization"] = f"Bearer {token}"
