"""Gets tokens for an identity, and puts them on requests to Graph."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial

import httpx

from airflow_provider_onedrive.graph.auth import entra
from airflow_provider_onedrive.graph.auth.identities import Answer, claims_of, identity_of
from airflow_provider_onedrive.graph.auth.token_cache import CachedTokens, IdentityTokens, TokenStore, identity_tokens
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.http.factory import origin
from airflow_provider_onedrive.graph.http.stop_flag import StopFlag
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, stopped
from airflow_provider_onedrive.graph.protocol.fields import parse, seconds
from airflow_provider_onedrive.graph.protocol.logs import logger

log = logger(__name__)

LOCK_SECONDS = 60.0
"""The longest wait for another thread that requests a token: as long as one request to Entra by default."""
_SPARED_SECONDS = 300  # msal returns no cached token that ends sooner
_SLICE_SECONDS = 0.2

OnSecret = Callable[[str], object]


class TokenSource:
    """Returns a token. All sources of one identity in a process share it, and only one of them asks for the next.

    :param on_secret: is called with each new token, so that Airflow masks it in logs.
    :param flag: ends a request to Entra, and the wait for another thread or process.
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
        self._policy = settings.policy
        self._has_tenant = bool(settings.tenant_id)
        cached_tokens = cached_tokens or CachedTokens()
        self._token_store = cached_tokens.access_token(self._digest) if cached_tokens.access_token else None
        self._identity = identity_of(settings, self._flag, self._identity_tokens, cached_tokens.refresh_token)

    def token(self) -> str:
        """Return a token that is valid for some minutes. It may block to ask Entra: never call it on an event loop.

        :raises SignInFailed: if Entra refuses the identity.
        """
        return self.current() or self._announced(self._requested())

    def current(self) -> str | None:
        """Return the token if there is a valid one, without any wait; else None."""
        token = self._identity_tokens.usable
        return token and self._announced(token)

    def new_token(self) -> str:
        """Return a token that is issued now: permissions that were granted lately are only in a new one.

        :raises SignInFailed: if Entra refuses the identity.
        """
        identity_tokens = self._identity_tokens
        with self._alone(identity_tokens):
            self._identity.forget()
            return self._announced(self._request(identity_tokens, is_new=True))

    @property
    def can_renew(self) -> bool:
        return self._identity.can_renew

    def renew(self, refused: str) -> None:
        """Request a new token next time, because Graph refused this one before its end.

        Many requests may be under way with one token: the first that is refused brings a new token for all, and the
        refusals that come later name a token that is no longer in use.
        """
        identity_tokens = self._identity_tokens
        if identity_tokens.access_token == refused:
            # Only a mark, and no lock: a thread that stores a new token at this moment is not disturbed.
            identity_tokens.refused = refused

    def close(self) -> None:
        self._identity.close()

    @property
    def _identity_tokens(self) -> IdentityTokens:
        return identity_tokens(self._digest)

    def _announced(self, token: str) -> str:
        if token != self._masked:
            self._on_secret(token)
            if not self._has_tenant:
                # A forged claim would be of no use: Graph checks the signature, and refuses the token.
                self._policy.check_tenant(claims_of(token).get("tid"))
            self._masked = token
        return token

    def _requested(self) -> str:
        identity_tokens = self._identity_tokens
        with self._alone(identity_tokens):
            # Another thread may have requested it meanwhile.
            return identity_tokens.usable or self._request(identity_tokens)

    @contextmanager
    def _alone(self, identity_tokens: IdentityTokens) -> Iterator[None]:
        is_held = self._lock(identity_tokens)
        try:
            yield
        finally:
            if is_held:
                identity_tokens.lock.release()

    def _lock(self, identity_tokens: IdentityTokens) -> bool:
        """Take the lock; return False if another thread has held it for too long, or has just got a token."""
        end = time.monotonic() + LOCK_SECONDS
        # In slices: no call waits for a lock and for the flag at once.
        while not identity_tokens.lock.acquire(timeout=_SLICE_SECONDS):
            if self._flag.is_set():
                raise stopped()
            if identity_tokens.usable:
                return False
            if time.monotonic() >= end:
                log.warning("Another thread has requested a token for a long time; requesting one as well.")
                return False
        return True

    def _request(self, identity_tokens: IdentityTokens, *, is_new: bool = False) -> str:
        if identity_tokens.refused and identity_tokens.access_token == identity_tokens.refused:
            self._identity.forget()  # msal would return the refused token from its memory
        read = partial(self._stored, identity_tokens.refused)
        if self._token_store is None:
            answer = self._identity.acquire()
        elif is_new:
            answer = self._stored_anew(self._token_store)
        else:
            answer = self._from_store(self._token_store, read)
        return self._keep(answer, identity_tokens)

    def _keep(self, answer: Answer, identity_tokens: IdentityTokens) -> str:
        if "access_token" not in answer:
            raise entra.refused(answer)
        token = str(answer["access_token"])
        if token == identity_tokens.refused:
            identity_tokens.refused = ""  # a managed identity's endpoint insists on it; asking again would not help
        identity_tokens.access_token = token
        # On the monotonic clock: a machine that corrects its time must not keep a token for longer.
        identity_tokens.end = time.monotonic() + seconds(answer, "expires_in") - self._spared_seconds
        return token

    def _from_store(self, token_store: TokenStore, read: Callable[[], Answer | None]) -> Answer:
        """Return the token that another process has stored, or ask for one and store it for the others."""
        # Without the lock first: it may be held by a process that is stopped, while another one has stored a token.
        if (stored := read()) is not None:
            return stored
        # Entra throttles an app that asks too often; a hundred tasks that start at once ask once this way.
        with token_store.alone(self._flag, lambda: read() is not None):
            return read() or self._stored_anew(token_store)

    def _stored_anew(self, token_store: TokenStore) -> Answer:
        answer = self._identity.acquire()
        if "access_token" in answer:
            end = time.time() + seconds(answer, "expires_in")
            token_store.write(json.dumps({"access_token": answer["access_token"], "ends_at": end}))
        return answer

    def _stored(self, refused: str) -> Answer | None:
        """Return the token in the store, unless it is the refused one, which its first user replaces there."""
        stored = _stored_token(self._token_store.read() if self._token_store else None)
        return None if stored is None or stored["access_token"] == refused else stored

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
    """Puts a token on a request to the Graph host, and on no other."""

    def __init__(self, token: str, graph_url: str) -> None:
        self._token = token
        self._graph = httpx.URL(graph_url)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        # A nextLink is an address that an answer chose, so the host is checked here, where the token is added.
        if origin(request.url) != origin(self._graph):
            raise ConfigurationError(f"A token for Graph was about to go to {request.url.host}; nothing was sent.")
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request
