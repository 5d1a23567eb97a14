"""Identities, tokens and permissions, the part of ``Emulator`` that changes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_onedrive.emulator.access.site_grants import SiteGrant, site_of
from airflow_provider_onedrive.emulator.entra.directory import WORKLOAD_SUBJECT
from airflow_provider_onedrive.emulator.entra.refresh import RefreshGrant
from airflow_provider_onedrive.emulator.tokens.applications import TOKEN_EXCHANGE_AUDIENCE, Application
from airflow_provider_onedrive.emulator.tokens.permissions import CONSENTED, DEFAULT_APPLICATION, DEFAULT_DELEGATED

if TYPE_CHECKING:
    from airflow_provider_onedrive.emulator.model.tenant import User
    from airflow_provider_onedrive.emulator.server.state import ServerState
    from airflow_provider_onedrive.emulator.tokens.keys import ClientCertificate


class HasId(Protocol):
    """A drive, for one."""

    @property
    def id(self) -> str: ...


class Identities:
    """Applications, tokens and permissions."""

    @property
    def state(self) -> ServerState:
        raise NotImplementedError

    @property
    def application(self) -> Application:
        """Return the registration that the connection uses."""
        return self.state.directory.applications.first

    @property
    def permissions(self) -> frozenset[str]:
        """The application permissions of the connection's application; a change applies to later tokens."""
        return self.application.permissions

    @permissions.setter
    def permissions(self, permissions: Iterable[str]) -> None:
        self.application.permissions = frozenset(permissions)

    @property
    def scopes(self) -> frozenset[str]:
        """The delegated permissions that the connection's application was consented to."""
        return self.application.scopes

    @scopes.setter
    def scopes(self, scopes: Iterable[str]) -> None:
        self.application.scopes = frozenset(scopes)

    def add_application(
        self,
        name: str = "Another application",
        *,
        permissions: Iterable[str] = DEFAULT_APPLICATION,
        scopes: Iterable[str] = CONSENTED,
        has_secret: bool = True,
    ) -> Application:
        """Register one more application.

        :param has_secret: False = a public client, or one that has a certificate or a federated credential only.
        """
        return self.state.directory.applications.add(name, permissions, scopes, has_secret=has_secret)

    def token(
        self,
        user: str | None = None,
        *,
        expired: bool = False,
        permissions: Iterable[str] | None = None,
        application: Application | None = None,
        audience: str | None = None,
    ) -> str:
        """Return an access token: with a user a delegated one, else the application's own.

        :param permissions: None = those of the application, with a user Files.ReadWrite.
        :param audience: None = Graph.
        """
        # A negative lifetime makes a token that has expired before it is used.
        seconds = -1 if expired else self.state.options.token_lifetime_seconds
        named = {"application": application, "permissions": permissions, "audience": audience}
        return self.state.tokens.issue(seconds, self.user(user) if user else None, **named)  # type: ignore[arg-type]

    def refresh_token(
        self,
        user: str | None = None,
        *,
        scopes: Iterable[str] = DEFAULT_DELEGATED,
        public: bool = False,
        application: Application | None = None,
    ) -> str:
        """Return a refresh token, as after a sign-in.

        :param user: None = the first one.
        :param public: the sign-in was that of a program without a secret, and the token is used without one.
        """
        grant = RefreshGrant(self.user(user), application or self.application, frozenset(scopes), is_public=public)
        return self.state.directory.refresh_tokens.issue(grant)

    def revoke_refresh_tokens(self, user: str | None = None) -> None:
        """Let all refresh tokens of a user be refused, as after a change of the password."""
        self.state.directory.refresh_tokens.revoke(self.user(user))

    def approve_device(self, user_code: str, user: str | None = None) -> None:
        """Sign in for the device that shows a code.

        :param user: None = the first one.
        :raises LookupError: no device shows it.
        """
        self.state.directory.device_codes.approve(user_code, self.user(user))

    def decline_device(self, user_code: str) -> None:
        self.state.directory.device_codes.decline(user_code)

    def new_certificate(self, *, application: Application | None = None, expired: bool = False) -> ClientCertificate:
        """Make a certificate and register it: the client signs in with its key."""
        from airflow_provider_onedrive.emulator.tokens.keys import ClientCertificate  # noqa: PLC0415 - it is slow to load

        made = ClientCertificate(expired=expired)
        (application or self.application).add_certificate(made.certificate)
        return made

    def federated_token(
        self,
        subject: str = WORKLOAD_SUBJECT,
        *,
        audience: str = TOKEN_EXCHANGE_AUDIENCE,
        application: Application | None = None,
        trusted: bool = True,
        expired: bool = False,
        **claims: Any,
    ) -> str:
        """Return a token of another issuer, as a Kubernetes cluster projects it into a file.

        :param trusted: let the application trust this subject and audience from now on.
        :param claims: claims to change.
        """
        directory = self.state.directory
        if trusted:
            directory.trust(application or self.application, subject, audience)
        # An hour, as Kubernetes projects them by default.
        return directory.federated_token(subject, audience, -1 if expired else 3600, **claims)

    @property
    def managed_identity(self) -> Application:
        """Return the identity of the machine itself."""
        return self.state.directory.applications.managed

    def add_managed_identity(
        self, name: str = "airflow", *, permissions: Iterable[str] = DEFAULT_APPLICATION
    ) -> Application:
        """Assign one more identity to the machine. Clients request it by client id, object id or resource id."""
        return self.state.directory.applications.add_managed(name, permissions)

    @property
    def managed_identity_environment(self) -> dict[str, str]:
        """Return the variables by which a client finds the metadata service of a virtual machine."""
        # msal asks this host instead of 169.254.169.254, which no test can listen on.
        return {"AZURE_POD_IDENTITY_AUTHORITY_HOST": self.state.graph_url}

    @property
    def app_service_environment(self) -> dict[str, str]:
        """Return the variables by which a client finds the managed identity of App Service."""
        header = self.state.directory.identity_header
        return {"IDENTITY_ENDPOINT": f"{self.state.graph_url}/msi/token", "IDENTITY_HEADER": header}

    def grant_site(self, site: str | HasId, *roles: str, application: Application | None = None) -> SiteGrant:
        """Grant an application roles on one site; they count if it holds Sites.Selected.

        :param site: its id, or a drive of it.
        :param roles: ``read``, ``write``, ``owner`` or ``fullcontrol``; none = ``write``.
        """
        to = application or self.application
        # A site's id is "host,site collection,web"; grants are kept by the second part.
        key = site_of(site.id) if not isinstance(site, str) else site.split(",")[1 if "," in site else 0].lower()
        grants = self.state.site_grants
        return grants.add(key, to.client_id, to.name, list(roles) or ["write"], self.state.tenant.id)

    def open_drive(self, drive: HasId, user: str, *, writes: bool = True) -> None:
        """Let a user into a whole drive that is not the own one; the token needs a permission on all files as well."""
        stored = self.state.tenant.drive(drive.id)
        if stored is None:
            raise LookupError(f"There is no drive {drive.id}")
        self.state.rights.open(stored, self.user(user), writes=writes)

    def user(self, upn: str | None = None) -> User:
        """Return a user, None = the first one.

        :raises LookupError: there is no user of that name.
        """
        users = self.state.tenant.users
        named = self.state.tenant.user(upn) if upn is not None else next(iter(users), None)
        if named is None:
            raise LookupError(f"There is no user {upn}")
        return named
