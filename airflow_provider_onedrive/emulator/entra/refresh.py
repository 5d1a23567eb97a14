"""Refresh tokens: each is good for one use and gives its successor.

https://learn.microsoft.com/entra/identity-platform/refresh-tokens
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from airflow_provider_onedrive.emulator.entra.login import LoginProblem
from airflow_provider_onedrive.emulator.model import clock
from airflow_provider_onedrive.emulator.model.tenant import User
from airflow_provider_onedrive.emulator.tokens.applications import Application


@dataclass(frozen=True)
class RefreshGrant:
    """The consent behind a refresh token.

    :param is_public: the sign-in had no secret, so the token is used without one.
    """

    user: User
    application: Application
    permissions: frozenset[str]
    is_public: bool
    issued_at: float = 0.0
    is_used: bool = False
    is_revoked: bool = False


class RefreshTokens:
    def __init__(self) -> None:
        self._grants: dict[str, RefreshGrant] = {}
        self._lock = threading.Lock()

    def issue(self, grant: RefreshGrant) -> str:
        # As long as a real one: a database column or a header that is too short for it is found in a test.
        text = f"1.A{secrets.token_urlsafe(180)}"
        with self._lock:
            self._grants[text] = replace(grant, issued_at=time.time(), is_used=False)
        return text

    def check(self, text: str, application: Application, idle_seconds: float) -> RefreshGrant:
        """Return the grant of a token, or raise the error."""
        grant = self._grants.get(text)
        if grant is None or grant.is_used or grant.application is not application:
            message = "The provided value for the input parameter 'refresh_token' or 'assertion' is not valid."
            raise _refused(70000, message)
        # AADSTS50173 is the answer after a change of the password.
        if grant.is_revoked:
            message = "The provided grant has expired due to it being revoked, a fresh auth token is needed."
            raise _refused(50173, message)
        # A refresh token expires after 90 days without use; each use starts a new period.
        if time.time() - grant.issued_at >= idle_seconds:
            issued = clock.text(datetime.fromtimestamp(grant.issued_at, UTC))
            idle = f"The token was issued on {issued} and was inactive for {_span(idle_seconds)}."
            raise _refused(700082, f"The refresh token has expired due to inactivity. {idle}")
        return grant

    def use(self, text: str) -> None:
        """Refuse a token from now on.

        It is checked again here: of two requests with the same token only the first may succeed.
        """
        with self._lock:
            grant = self._grants[text]
            if grant.is_used:
                raise _refused(70000, "The provided value for the input parameter 'refresh_token' is not valid.")
            self._grants[text] = replace(grant, is_used=True)

    def revoke(self, user: User) -> None:
        with self._lock:
            for text, grant in self._grants.items():
                if grant.user is user:
                    self._grants[text] = replace(grant, is_revoked=True)


def _refused(number: int, message: str) -> LoginProblem:
    return LoginProblem(400, "invalid_grant", number, message, suberror="bad_token")


def _span(seconds: float) -> str:
    """Return a length of time as Entra writes it: ``90.00:00:00``."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours // 24}.{hours % 24:02}:{minute:02}:{second:02}"
