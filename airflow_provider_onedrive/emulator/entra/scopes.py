"""The parameter ``scope``.

https://learn.microsoft.com/entra/identity-platform/scopes-oidc
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_onedrive.emulator.entra.login import LoginProblem
from airflow_provider_onedrive.emulator.tokens.applications import Application
from airflow_provider_onedrive.emulator.tokens.permissions import DELEGATED_PERMISSIONS

# Scopes of OpenID Connect, which belong to no resource.
_SIGN_IN = frozenset({"openid", "profile", "offline_access", "email"})
_DEFAULT = ".default"
# Entra ID compares scopes without regard to case but returns them in its own spelling.
_SPELLINGS = {name.lower(): name for name in (*DELEGATED_PERMISSIONS, *_SIGN_IN, _DEFAULT)}


@dataclass(frozen=True)
class Asked:
    """:param resource: resource of the token; empty = none was named, and the token is for Graph.

    :param names: the requested permissions, which may be ``.default``.
    :param sign_in: ``openid``, ``offline_access`` and similar scopes.
    """

    resource: str
    names: frozenset[str]
    sign_in: frozenset[str]

    @property
    def gives_refresh_token(self) -> bool:
        return "offline_access" in self.sign_in

    def granted(self, application: Application) -> frozenset[str]:
        """Return the permissions of the token. Missing consent is an error."""
        if _DEFAULT in self.names:
            return application.scopes
        _check_consent(application, self.names)
        return self.names

    def text(self, granted: frozenset[str]) -> str:
        """Return the granted scopes in the form of the request: clients find their tokens by this text."""
        prefix = f"{self.resource}/" if self.resource else ""
        names = granted | (self.names & {_DEFAULT})
        return " ".join([*(prefix + name for name in sorted(names)), *sorted(self.sign_in - {"offline_access"})])


def for_application(resources: frozenset[str], scope: str) -> str | None:
    """Return the resource that an application requests a token for; None = none is named, which means Graph."""
    # The resource itself may contain slashes: everything before the last one belongs to it.
    resource, _, suffix = scope.rpartition("/")
    if suffix != _DEFAULT:
        message = (
            f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value with "
            "/.default suffixed to the resource identifier."
        )
        raise LoginProblem(400, "invalid_scope", 1002012, message)
    return check_resource(resources, resource) if resource else None


def for_user(resources: frozenset[str], scope: str) -> Asked:
    """Read a list of scopes, case-insensitively. A bare name is a scope of Graph."""
    words = frozenset(_spelling(word) for word in scope.split())
    parted = [word.rpartition("/")[::2] for word in words - _SIGN_IN]
    named = {check_resource(resources, resource) for resource, _ in parted if resource}
    # One access token is for one resource.
    if len(named) > 1:
        message = (
            "Provided value for the input parameter scope is not valid because it contains more than one resource."
        )
        raise LoginProblem(400, "invalid_request", 28000, message)
    return Asked(next(iter(named), ""), frozenset(name for _, name in parted), words & _SIGN_IN)


def _spelling(word: str) -> str:
    """Return a scope with its name as Entra writes it."""
    resource, slash, name = word.rpartition("/")
    return resource + slash + _SPELLINGS.get(name.lower(), name)


def check_resource(resources: frozenset[str], resource: str) -> str:
    resource = resource.rstrip("/")
    if resource not in resources:
        message = f"The resource principal named {resource} was not found in the tenant."
        raise LoginProblem(400, "invalid_resource", 500011, message)
    return resource


def _check_consent(application: Application, names: frozenset[str]) -> None:
    # An unknown scope and a scope without consent are different errors to Entra ID.
    for name in sorted(names - DELEGATED_PERMISSIONS):
        message = f"The application '{application.name}' asked for scope '{name}' that doesn't exist on the resource."
        raise LoginProblem(400, "invalid_scope", 650053, message)
    if names - application.scopes:
        message = (
            "The user or administrator has not consented to use the application with ID "
            f"'{application.client_id}' named '{application.name}'. Send an interactive authorization request."
        )
        raise LoginProblem(400, "invalid_grant", 65001, message, suberror="consent_required")
