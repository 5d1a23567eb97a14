"""Application registrations: their credentials and their permissions.

https://learn.microsoft.com/entra/identity-platform/app-objects-and-service-principals
"""

from __future__ import annotations

import hmac
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.emulator.tokens import keys
from airflow_provider_onedrive.emulator.tokens.permissions import CONSENTED, DEFAULT_APPLICATION

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

TOKEN_EXCHANGE_AUDIENCE = "api://AzureADTokenExchange"  # noqa: S105 - an audience


@dataclass(frozen=True)
class FederatedCredential:
    """A trusted issuer whose tokens replace an application's secret.

    https://learn.microsoft.com/graph/api/resources/federatedidentitycredential

    :param public_key: key of the issuer.
    """

    issuer: str
    subject: str
    audience: str
    public_key: Any = field(repr=False)


@dataclass
class Application:
    """:param client_secret: None = it has none.

    :param permissions: consented application permissions: the roles of its own tokens.
    :param scopes: consented delegated permissions, which it may request for a user.
    :param allows_public: tokens for users are issued without a secret, as for a program on a user's machine.
    :param resource_id: resource id of a user-assigned managed identity.
    """

    name: str
    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    object_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    client_secret: str | None = field(default=None, repr=False)
    secret_has_expired: bool = False
    permissions: frozenset[str] = DEFAULT_APPLICATION
    scopes: frozenset[str] = CONSENTED
    allows_public: bool = True
    resource_id: str | None = None
    federated: list[FederatedCredential] = field(default_factory=list)
    _certificates: dict[bytes, Certificate] = field(default_factory=dict, repr=False)

    def has_secret(self, secret: str) -> bool:
        expected = self.client_secret or ""
        # Compared in constant time, as it should be done with any secret.
        return bool(expected) and hmac.compare_digest(secret.encode(), expected.encode())

    def add_certificate(self, pem: str) -> None:
        """Register a certificate, whose key may sign client assertions.

        :raises ValueError: the text is not a certificate in PEM.
        """
        certificate = keys.load_certificate(pem)
        # Clients name the certificate by SHA-1 or by SHA-256.
        for thumbprint in keys.thumbprints(certificate):
            self._certificates[thumbprint] = certificate

    def certificate(self, thumbprint: bytes) -> Certificate | None:
        return self._certificates.get(thumbprint)


class Applications:
    """All that are registered, the connection's own first."""

    def __init__(self, first: Application) -> None:
        self.first = first
        self.managed = Application("Managed identity")
        self._all = {first.client_id: first, self.managed.client_id: self.managed}

    def add(self, name: str, permissions: Iterable[str], scopes: Iterable[str], *, has_secret: bool) -> Application:
        application = Application(
            name,
            client_secret=secrets.token_urlsafe(30) if has_secret else None,
            permissions=frozenset(permissions),
            scopes=frozenset(scopes),
        )
        return self._keep(application)

    def add_managed(self, name: str, permissions: Iterable[str]) -> Application:
        """Add a managed identity that was assigned by a user."""
        group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourcegroups/emulator"
        resource_id = f"{group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
        return self._keep(Application(name, permissions=frozenset(permissions), resource_id=resource_id))

    def find(self, client_id: str) -> Application | None:
        # A GUID has no case.
        return self._all.get(client_id.lower())

    def managed_by(self, identifier: str) -> Application | None:
        """Find a managed identity by its client id, object id or resource id."""
        managed = (one for one in self._all.values() if one.resource_id or one is self.managed)
        wanted = identifier.lower()
        return next((one for one in managed if wanted in _identifiers(one)), None)

    def _keep(self, application: Application) -> Application:
        self._all[application.client_id] = application
        return application


def _identifiers(application: Application) -> set[str]:
    return {application.client_id, application.object_id, (application.resource_id or "").lower()} - {""}
