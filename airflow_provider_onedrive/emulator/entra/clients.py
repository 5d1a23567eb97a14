"""The application that asks for a token, and the proof of its identity.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_onedrive.emulator.entra import assertions
from airflow_provider_onedrive.emulator.entra.login import LoginProblem, required
from airflow_provider_onedrive.emulator.model.tenant import Tenant
from airflow_provider_onedrive.emulator.tokens.applications import Application, Applications


@dataclass(frozen=True)
class Client:
    """:param proof: ``0`` it proved nothing, ``1`` it has the secret, ``2`` it has the key or the federated token."""

    application: Application
    proof: str

    @property
    def is_public(self) -> bool:
        return self.proof == "0"


@dataclass(frozen=True)
class Clients:
    """Identifies and authenticates applications."""

    tenant: Tenant
    applications: Applications
    login_urls: tuple[str, ...]

    def identify(self, form: dict[str, str]) -> Application:
        client_id = required(form, "client_id")
        application = self.applications.find(client_id)
        if application is None:
            message = f"Application with identifier '{client_id}' was not found in the directory '{self.tenant.id}'."
            raise LoginProblem(400, "unauthorized_client", 700016, message)
        return application

    def authenticate(self, form: dict[str, str], tenant: str) -> Client:
        """Return the authenticated application. The grant decides whether a public client is enough."""
        # The order matters: an unknown application is 700016 before any credential is checked.
        application = self.identify(form)
        if form.get("client_assertion"):
            if required(form, "client_assertion_type") != assertions.TYPE:
                raise LoginProblem(
                    400, "invalid_request", 900144, f"'client_assertion_type' must be '{assertions.TYPE}'."
                )
            assertions.check(application, form["client_assertion"], self._audiences(tenant))
            return Client(application, "2")
        if form.get("client_secret"):
            _check_secret(application, form["client_secret"])
            return Client(application, "1")
        return Client(application, "0")

    def _audiences(self, tenant: str) -> set[str]:
        """Return the accepted audiences of an assertion: the token endpoint, by the tenant's name or its id."""
        bases = {f"{login}/{name}" for login in self.login_urls for name in (tenant, self.tenant.id)}
        # msal sets the token endpoint as audience; older libraries use the v1.0 endpoint or the issuer.
        return {f"{base}{path}" for base in bases for path in ("/oauth2/v2.0/token", "/oauth2/token", "/v2.0")}


def _check_secret(application: Application, secret: str) -> None:
    # Entra ID refuses a secret from a public client instead of ignoring it (AADSTS700025).
    if application.client_secret is None and application.allows_public:
        message = "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."
        raise LoginProblem(401, "invalid_client", 700025, message)
    if not application.has_secret(secret):
        message = (
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
            f"not the client secret ID, for a secret added to app '{application.client_id}'."
        )
        raise LoginProblem(401, "invalid_client", 7000215, message)
    if application.secret_has_expired:
        message = f"The provided client secret keys for app '{application.client_id}' are expired."
        raise LoginProblem(401, "invalid_client", 7000222, message)
