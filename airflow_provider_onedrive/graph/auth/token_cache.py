"""Keeps tokens: in this process for all its clients, and in a store for other processes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from airflow_provider_onedrive.graph.http.stop_flag import StopFlag


class TokenStore(Protocol):
    """Keeps one text so that only users of the connection can read it.

    Only a set flag raises an error. A store that does not work is empty, and each process signs in by itself.
    """

    def alone(
        self, flag: StopFlag | None = None, is_over: Callable[[], bool] | None = None
    ) -> AbstractContextManager[object]:
        """Keep other processes out of the store for as long as the block runs, if the store can do that.

        The wait for another process ends after some seconds, because that process may be stopped. Then the block runs
        without the lock.

        :param flag: ends the wait.
        :param is_over: is called now and then, and ends the wait by returning True; the block runs then.
        :raises Stopped: if the flag is set before the block runs.
        """

    def read(self) -> str | None: ...
    def write(self, text: str) -> None: ...


@dataclass(frozen=True)
class CachedTokens:
    """The stores of a connection.

    :param access_token: returns the store for the access token of an identity, by its digest; None keeps none.
    :param refresh_token: the store for the newest refresh token; None keeps none.
    """

    access_token: Callable[[str], TokenStore] | None = None
    refresh_token: TokenStore | None = None


@dataclass
class IdentityTokens:
    """The tokens of one identity in this process.

    :param end: when the access token is used no longer, on the clock of ``time.monotonic``.
    :param refused: the last access token that Graph refused.
    :param refresh_token: the newest one; empty as long as it is the connection's own.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    access_token: str = field(default="", repr=False)
    end: float = 0.0
    refused: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)

    @property
    def usable(self) -> str | None:
        """The access token; None if there is none, or if it was refused or ends soon."""
        token = self.access_token  # read once, because another thread may replace it
        return token if token != self.refused and time.monotonic() < self.end else None


_identity_tokens: dict[str, IdentityTokens] = {}


def identity_tokens(digest: str) -> IdentityTokens:
    """Return the tokens of an identity, which all its clients in the process share."""
    # setdefault is atomic, and the first lookup avoids making a lock that is thrown away at once.
    return _identity_tokens.get(digest) or _identity_tokens.setdefault(digest, IdentityTokens())


def forget_all() -> None:
    """Forget the tokens of all identities."""
    _identity_tokens.clear()


os.register_at_fork(after_in_child=forget_all)  # a lock that another thread held at the fork would never be released
