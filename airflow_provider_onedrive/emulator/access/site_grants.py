"""Grants of single sites to applications that hold Sites.Selected.

https://learn.microsoft.com/graph/api/site-post-permissions
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_onedrive.emulator.errors.problems import invalid_request, missing_item
from airflow_provider_onedrive.emulator.model import ids
from airflow_provider_onedrive.emulator.tokens import jws
from airflow_provider_onedrive.emulator.tokens.permissions import ROLES


@dataclass(frozen=True)
class SiteGrant:
    """:param site: the GUID of the site collection."""

    id: str
    site: str
    client_id: str
    name: str
    roles: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        application = {"application": {"displayName": self.name, "id": self.client_id}}
        identities = {"grantedToIdentitiesV2": [application], "grantedToIdentities": [application]}
        return {"id": self.id, "roles": list(self.roles), **identities}


# Sites.Selected alone allows nothing: an owner, or an application with Sites.FullControl.All, must first grant a
# role. https://learn.microsoft.com/graph/permissions-selected-overview
class SiteGrants:
    def __init__(self) -> None:
        self._grants: dict[tuple[str, str], SiteGrant] = {}
        self._lock = threading.Lock()

    def add(self, site: str, client_id: str, name: str, roles: list[str], tenant_id: str) -> SiteGrant:
        """Add a grant, or replace the earlier grant of the same application."""
        grant = SiteGrant(_id(client_id, tenant_id), site, client_id, name, _checked(roles))
        with self._lock:
            self._grants[site, grant.id] = grant
        return grant

    def change(self, site: str, grant_id: str, roles: list[str]) -> SiteGrant:
        with self._lock:
            grant = replace(self._find(site, grant_id), roles=_checked(roles))
            self._grants[site, grant_id] = grant
        return grant

    def remove(self, site: str, grant_id: str) -> None:
        with self._lock:
            self._find(site, grant_id)
            del self._grants[site, grant_id]

    def get(self, site: str, grant_id: str) -> SiteGrant:
        with self._lock:
            return self._find(site, grant_id)

    def of_site(self, site: str) -> list[SiteGrant]:
        with self._lock:
            return [grant for (site_id, _), grant in self._grants.items() if site_id == site]

    def roles(self, site: str, client_id: str) -> tuple[str, ...]:
        """Return the roles that a site granted to an application."""
        # Most tests have no grants, and this runs for every request.
        if not self._grants:
            return ()
        return next((grant.roles for grant in self.of_site(site) if grant.client_id == client_id), ())

    def _find(self, site: str, grant_id: str) -> SiteGrant:
        if (site, grant_id) not in self._grants:
            raise missing_item()
        return self._grants[site, grant_id]


def site_of(drive_id: str) -> str:
    """Return the site collection of a drive; a consumer's drive belongs to none."""
    # The id of a business drive contains the GUID of its site collection; a consumer's does not.
    return str(ids.site_guid(drive_id)) if drive_id.startswith("b!") else ""


def _id(client_id: str, tenant_id: str) -> str:
    return jws.encode(f"i:0i.t|ms.sp.ext|{client_id}@{tenant_id}".encode())


def _checked(roles: list[str]) -> tuple[str, ...]:
    if not roles or not set(roles) <= set(ROLES):
        raise invalid_request(f"The roles must be some of {', '.join(ROLES)}.")
    return tuple(roles)
