"""Access tokens: signed JSON, checked as Graph checks it.

https://learn.microsoft.com/entra/identity-platform/access-tokens
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.errors.problems import Problem
from airflow_provider_onedrive.emulator.model.drive import Identity
from airflow_provider_onedrive.emulator.model.tenant import APPLICATION_NAME, Tenant, User
from airflow_provider_onedrive.emulator.tokens import claims, jws, keys
from airflow_provider_onedrive.emulator.tokens.applications import Application
from airflow_provider_onedrive.emulator.tokens.permissions import DEFAULT_DELEGATED

SECRET = "1"  # noqa: S105 - a claim's value


@dataclass(frozen=True)
class Token:
    """A checked access token.

    :param user: None = the application acts without a user.
    :param permissions: its ``roles`` or, with a user, its ``scp``.
    """

    user: User | None
    expires_at: float
    permissions: frozenset[str] = frozenset()
    client_id: str = ""
    application_name: str = APPLICATION_NAME

    @property
    def is_expired(self) -> bool:
        return time.time() >= self.expires_at

    @property
    def identity(self) -> Identity:
        """Return the caller in the form of ``createdBy``."""
        if self.user:
            return self.user.identity
        return {"application": {"id": self.client_id, "displayName": self.application_name}}


class Tokens:
    """:param audience: default audience of a token.

    :param audiences: audiences that Graph accepts.
    :param token_issuer: host in ``iss``.
    """

    def __init__(
        self,
        tenant: Tenant,
        application: Application,
        key: keys.SigningKey,
        *,
        audience: str,
        audiences: frozenset[str],
        token_issuer: str,
        challenge: str,
    ) -> None:
        self._tenant = tenant
        self._application = application
        self._key = key
        self._audience = audience
        self._audiences = audiences
        self._token_issuer = token_issuer
        self._challenge = challenge
        # None = given out and not checked yet: each signature is checked once.
        self._tokens: dict[str, Token | None] = {}
        self._ended: set[str] = set()
        self._lock = threading.Lock()

    def issue(
        self,
        lifetime_seconds: float,
        user: User | None = None,
        *,
        application: Application | None = None,
        permissions: Iterable[str] | None = None,
        audience: str | None = None,
        proof: str = SECRET,
    ) -> str:
        """:param permissions: None = all the application has, with a user Files.ReadWrite."""
        application = application or self._application
        if user is None:
            claimed = claims.of_application(application, _or(permissions, application.permissions), proof)
        else:
            claimed = claims.of_user(user, application, _or(permissions, DEFAULT_DELEGATED), proof)
        return self.sign(claimed | claims.lifetime(lifetime_seconds) | {"aud": audience or self._audience})

    def sign(self, claimed: dict[str, Any]) -> str:
        """Return a signed token. Issuer and tenant are added if they are missing."""
        issuer = f"https://{self._token_issuer}/{self._tenant.id}/"
        # Clients must treat a token as opaque, but msal and the budget of throttling read its claims.
        text = self._key.sign({"iss": issuer, "idp": issuer, "tid": self._tenant.id} | claimed)
        with self._lock:
            self._tokens[text] = None
        return text

    def check(self, authorization: str | None) -> Token:
        """Return the token of an Authorization header, or raise Graph's 401."""
        text = bearer(authorization)
        if not text:
            raise self._refused("Access token is empty.")
        token = self._tokens.get(text) or self._verify(text)
        # Graph answers an expired and a revoked token alike.
        if token.is_expired or text in self._ended:
            raise self._refused("Lifetime validation failed, the token is expired.")
        return token

    def expire(self, authorization: str | None) -> None:
        text = bearer(authorization)
        if text in self._tokens:
            self._ended.add(text)

    def expire_all(self) -> None:
        """End every token that was given out so far."""
        with self._lock:
            self._ended |= set(self._tokens)

    def _verify(self, text: str) -> Token:
        try:
            parsed = jws.parse(text)
        except ValueError:
            raise self._refused("IDX14100: JWT is not well formed.") from None
        if parsed.header.get("kid") != self._key.id or parsed.header.get("alg") != "RS256":
            raise self._refused("Signing key is invalid.")
        if not keys.is_signed(parsed, self._key.public):
            raise self._refused("Access token validation failure. Invalid signature.")
        token = self._read(parsed.claims)
        with self._lock:
            self._tokens[text] = token
        return token

    def _read(self, claimed: dict[str, Any]) -> Token:
        # Graph accepts its own URL and its application id as audience, and no other resource's tokens.
        if claimed.get("aud") not in self._audiences:
            raise self._refused("Access token validation failure. Invalid audience.")
        if claimed.get("tid") != self._tenant.id:
            raise self._refused("Access token validation failure. Invalid issuer.")
        if claimed.get("nbf", 0) > time.time():
            raise self._refused("Lifetime validation failed, the token is not yet valid.")
        # A token without scp is an application's own.
        if "scp" not in claimed:
            return self._token(claimed, None, claimed.get("roles", ()))
        user = self._tenant.user(str(claimed.get("oid")))
        if user is None:
            raise self._refused("The user account does not exist in the tenant.")
        return self._token(claimed, user, str(claimed["scp"]).split())

    @staticmethod
    def _token(claimed: dict[str, Any], user: User | None, permissions: Iterable[str]) -> Token:
        names = (str(claimed.get("appid", "")), str(claimed.get("app_displayname", APPLICATION_NAME)))
        return Token(user, claimed.get("exp", 0), frozenset(permissions), *names)

    def _refused(self, message: str) -> Problem:
        return Problem(401, "InvalidAuthenticationToken", message, headers={"WWW-Authenticate": self._challenge})


def bearer(authorization: str | None) -> str:
    scheme, _, text = (authorization or "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


def _or(permissions: Iterable[str] | None, usual: Iterable[str]) -> Iterable[str]:
    return usual if permissions is None else permissions
