"""From settings to tokens, and from tokens to requests."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from airflow_provider_onedrive.graph.auth import entra
from airflow_provider_onedrive.graph.auth.identities import Answer, identity_of
from airflow_provider_onedrive.graph.auth.token_cache import Known, Shelf, Shelves, known
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.http.factory import origin
from airflow_provider_onedrive.graph.http.stop_flag import StopFlag
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, stopped

_SPARED_SECONDS = 300  # msal gives out no token that ends sooner
_SLICE_SECONDS = 0.2

OnSecret = Callable[[str], object]


class TokenSource:
    """Gives a token. All sources of one identity in a process share it, and only one of them asks for the next.

    :param on_secret: is told each new token, so that it can be masked wherever it might be shown.
    :param flag: ends a request to Entra.
    :param shelves: where tokens wait for other processes.
    """

    def __init__(
        self,
        settings: Settings,
        on_secret: OnSecret,
        flag: StopFlag | None = None,
        shelves: Shelves | None = None,
    ) -> None:
        self._on_secret = on_secret
        self._flag = flag or StopFlag()
        self._told = ""
        self._digest = settings.identity_digest
        shelves = shelves or Shelves()
        self._shelf = shelves.access_token(self._digest) if shelves.access_token else None
        self._identity = identity_of(settings, self._flag, self._known, shelves.refresh_token)

    def token(self) -> str:
        """Return a token that is valid for some minutes. It may ask Entra: not for an event loop's thread.

        :raises SignInFailed: if Entra refuses.
        """
        known = self._known
        if time.monotonic() >= known.end:
            with self._alone(known):
                if time.monotonic() >= known.end:  # nobody else has asked meanwhile
                    self._renew(known)
        token = known.access_token
        if token != self._told:
            self._on_secret(token)
            self._told = token
        return token

    @property
    def can_renew(self) -> bool:
        return self._identity.can_renew

    def renew(self) -> None:
        """Forget the token: Graph refused it before its time."""
        known = self._known
        with self._alone(known):
            if known.access_token == self._told:  # else somebody has a new one already
                known.end = 0.0
                self._identity.forget()
                if self._shelf is not None:
                    self._shelf.write("")

    def forget(self) -> None:
        """Ask for a new token next time, which knows what has been granted since."""
        self._told = self._known.access_token
        self.renew()

    def close(self) -> None:
        self._identity.close()

    @property
    def _known(self) -> Known:
        return known(self._digest)

    @contextmanager
    def _alone(self, known: Known) -> Iterator[None]:
        while not known.lock.acquire(timeout=_SLICE_SECONDS):
            if self._flag.is_set():
                raise stopped()
        try:
            yield
        finally:
            known.lock.release()

    def _renew(self, known: Known) -> None:
        answer = self._identity.acquire() if self._shelf is None else self._shared(self._shelf)
        if "access_token" not in answer:
            raise entra.refused(answer)
        known.access_token = str(answer["access_token"])
        known.end = time.monotonic() + float(answer.get("expires_in", 0)) - self._spared_seconds

    def _shared(self, shelf: Shelf) -> Answer:
        """Take what another process has asked for, or ask and leave it to the others."""
        with shelf.alone():
            if (found := _unshelved(shelf.read())) is not None:
                return found
            answer = self._identity.acquire()
            if "access_token" in answer:
                end = time.time() + float(answer.get("expires_in", 0))
                shelf.write(json.dumps({"access_token": answer["access_token"], "ends_at": end}))
            return answer

    @property
    def _spared_seconds(self) -> int:
        return _SPARED_SECONDS if self.can_renew else 0


def _unshelved(text: str | None) -> Answer | None:
    try:
        kept: Any = json.loads(text or "{}")
        seconds = float(kept["ends_at"]) - time.time()
        return {"access_token": str(kept["access_token"]), "expires_in": seconds} if seconds > _SPARED_SECONDS else None
    except (ValueError, TypeError, KeyError):
        return None


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
