"""Access tokens: opaque text here, with a record of what each is good for."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace

from airflow_provider_onedrive.emulator.problems import Problem
from airflow_provider_onedrive.emulator.tenant import User


@dataclass(frozen=True)
class Token:
    """:param user: None = the application speaks for itself."""

    user: User | None
    expires_at: float

    @property
    def is_expired(self) -> bool:
        return time.time() >= self.expires_at


class Tokens:
    def __init__(self, challenge: str) -> None:
        self._challenge = challenge
        self._tokens: dict[str, Token] = {}

    def issue(self, lifetime_seconds: float, user: User | None = None) -> str:
        text = secrets.token_urlsafe(96)
        self._tokens[text] = Token(user, time.time() + lifetime_seconds)
        return text

    def check(self, authorization: str | None) -> Token:
        """Return what an Authorization header stands for, or raise the 401 Graph gives."""
        text = bearer(authorization)
        if not text:
            raise self._refused("Access token is empty.")
        token = self._tokens.get(text)
        if token is None:
            raise self._refused("IDX14100: JWT is not well formed.")
        if token.is_expired:
            raise self._refused("Lifetime validation failed, the token is expired.")
        return token

    def expire(self, authorization: str | None) -> None:
        text = bearer(authorization)
        if text in self._tokens:
            self._tokens[text] = replace(self._tokens[text], expires_at=0)

    def _refused(self, message: str) -> Problem:
        return Problem(401, "InvalidAuthenticationToken", message, headers={"WWW-Authenticate": self._challenge})


def bearer(authorization: str | None) -> str:
    scheme, _, text = (authorization or "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""
