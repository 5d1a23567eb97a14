"""The permissions that a site's owner grants to applications.

https://learn.microsoft.com/graph/api/site-post-permissions
https://learn.microsoft.com/graph/api/site-list-permissions
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.access import authorization
from airflow_provider_onedrive.emulator.access.site_grants import SiteGrant, SiteGrants
from airflow_provider_onedrive.emulator.errors.problems import Problem, invalid_request, unknown_segment
from airflow_provider_onedrive.emulator.http.messages import Reply, Request, json_reply
from airflow_provider_onedrive.emulator.model.tenant import Tenant
from airflow_provider_onedrive.emulator.sites.site_addresses import SiteAddresses
from airflow_provider_onedrive.emulator.tokens.access_tokens import Token
from airflow_provider_onedrive.emulator.tokens.permissions import Resource

_WITH_ID = 2


def is_meant(segments: Sequence[str]) -> bool:
    return segments[:1] == ["sites"] and segments[_end(segments) :][:1] == ["permissions"]


@dataclass(frozen=True)
class SitePermissions:
    """Answers ``/sites/{site}/permissions``."""

    tenant: Tenant
    addresses: SiteAddresses
    site_grants: SiteGrants

    def respond(self, request: Request, token: Token, segments: list[str]) -> Reply:
        """Answer ``/sites/{site}/permissions`` and the paths below it."""
        is_writing = authorization.writes(request.method)
        authorization.check_resource(token, Resource.SITE_PERMISSIONS, is_writing=is_writing)
        site, rest = self.addresses.find(token, segments[1:])
        match rest[1:]:
            case []:
                return self._respond_all(request, str(site.collection))
            case [grant_id]:
                return self._respond_one(request, str(site.collection), grant_id)
        raise unknown_segment(rest[2])

    def _respond_all(self, request: Request, site: str) -> Reply:
        if request.method == "POST":
            return json_reply(201, self._add(request.json(), site).to_json())
        _check_method(request, "GET")
        return json_reply(200, {"value": [grant.to_json() for grant in self.site_grants.of_site(site)]})

    def _respond_one(self, request: Request, site: str, grant_id: str) -> Reply:
        grants = self.site_grants
        if request.method == "DELETE":
            grants.remove(site, grant_id)
            return Reply(204)
        if request.method == "PATCH":
            return json_reply(200, grants.change(site, grant_id, _roles(request.json())).to_json())
        _check_method(request, "GET")
        return json_reply(200, grants.get(site, grant_id).to_json())

    def _add(self, body: dict[str, Any], site: str) -> SiteGrant:
        application = _application(body)
        client_id, name = str(application["id"]).lower(), str(application.get("displayName", ""))
        return self.site_grants.add(site, client_id, name, _roles(body), self.tenant.id)


def _end(segments: Sequence[str]) -> int:
    """Return where the site's address ends: after its id, or after the colon that closes its path."""
    if len(segments) < _WITH_ID or not segments[1].endswith(":"):
        return _WITH_ID
    closing = (index + 1 for index, segment in enumerate(segments) if index > 1 and segment.endswith(":"))
    return next(closing, len(segments))


def _application(body: dict[str, Any]) -> dict[str, Any]:
    """Return the application that is named; clients name it in either of four properties."""
    # SDKs and documentation use different names for the same property.
    names = ("grantedToIdentitiesV2", "grantedToIdentities", "grantedToV2", "grantedTo")
    identities = next((body[name] for name in names if body.get(name)), None)
    first = identities[0] if isinstance(identities, list) else identities
    application = first.get("application") if isinstance(first, dict) else None
    if not isinstance(application, dict) or not application.get("id"):
        raise invalid_request("The body must name an application and its id.")
    return application


def _roles(body: dict[str, Any]) -> list[str]:
    roles = body.get("roles")
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise invalid_request("The body must hold a list of roles.")
    return roles


def _check_method(request: Request, method: str) -> None:
    if request.method not in {method, "HEAD"}:
        raise Problem(405, "methodNotAllowed", "The HTTP method is not allowed for this resource.")
