"""Where a secret waits for the next process, and what this process knows already."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol


class TokenStore(Protocol):
    """One text, kept so that only whoever may use the connection can read it.

    None of its methods raises: a shelf that does not work is empty.
    """

    def alone(self) -> AbstractContextManager[object]:
        """Keep other processes from it for a while, where that is possible."""

    def read(self) -> str | None: ...
    def write(self, text: str) -> None: ...


@dataclass(frozen=True)
class CachedTokens:
    """:param access_token: finds the shelf for the access token of an identity, by its digest; None keeps none.

    :param refresh_token: the shelf for the newest refresh token; None keeps none.
    """

    access_token: Callable[[str], TokenStore] | None = None
    refresh_token: TokenStore | None = None


@dataclass
class IdentityTokens:
    """What this process knows of one identity.

    :param end: until when the access token is used, on the clock of ``time.monotonic``.
    :param refresh_token: the newest; empty while it is the connection's own.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    access_token: str = field(default="", repr=False)
    end: float = 0.0
    refresh_token: str = field(default="", repr=False)


_identity_tokens: dict[str, IdentityTokens] = {}


def identity_tokens(digest: str) -> IdentityTokens:
    """Return what is known of an identity: all its clients in the process share it."""
    return _identity_tokens.get(digest) or _identity_tokens.setdefault(digest, IdentityTokens())


def forget_all() -> None:
    """Know nothing any more."""
    _identity_tokens.clear()


os.register_at_fork(after_in_child=forget_all)  # or a lock that another thread held would stay taken for ever
