"""Permissions as JSON.

https://learn.microsoft.com/graph/api/resources/permission
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.model import clock, sharing
from airflow_provider_onedrive.emulator.model.drive import Drive, Item
from airflow_provider_onedrive.emulator.model.sharing import Permission
from airflow_provider_onedrive.emulator.model.tenant import Tenant, user_identity


@dataclass(frozen=True)
class PermissionViews:
    """Writes permissions as JSON."""

    store_url: str
    tenant: Tenant

    def all_json(self, drive: Drive, item: Item) -> list[dict[str, Any]]:
        """Return the owner's permission, then those granted on the item and on the folders above it."""
        given = [self.permission_json(drive, item, origin, one) for origin, one in sharing.inherited(item)]
        return [owner_json(drive), *given]

    def permission_json(self, drive: Drive, item: Item, origin: Item, permission: Permission) -> dict[str, Any]:
        """:param origin: item on which it was granted. If that is another item, the permission is inherited."""
        value: dict[str, Any] = {
            "id": permission.id,
            "roles": [permission.role],
            "hasPassword": permission.has_password,
        }
        if permission.expires:
            value["expirationDateTime"] = clock.text(permission.expires)
        # Graph lists inherited permissions on each item below, with a reference to the item that they were granted
        # on.
        if origin is not item:
            value["inheritedFrom"] = {"driveId": drive.id, "id": origin.id}
        if permission.link:
            return value | self._link(drive, origin, permission)
        email = permission.emails[0]
        invitation = {"email": email, "signInRequired": permission.sign_in_required}
        return value | {"invitation": invitation} | _granted(drive, [self._identity(email)], "grantedTo")

    def _link(self, drive: Drive, item: Item, permission: Permission) -> dict[str, Any]:
        url = self.store_url + sharing.link_path(drive.web_path, item, permission.secret)
        link: dict[str, Any] = {"type": permission.link, "scope": permission.scope, "webUrl": url}
        link["preventsDownload"] = False
        if permission.link == "embed":
            link["webHtml"] = f'<iframe src="{url}" width="98" height="120" frameborder="0" scrolling="no"></iframe>'
        people = [self._identity(email) for email in permission.emails]
        return {"shareId": sharing.share_id(url), "link": link} | _granted(drive, people, "grantedToIdentities")

    def _identity(self, email: str) -> dict[str, Any]:
        user = self.tenant.user(email)
        return user.identity if user else user_identity("", email)


def owner_json(drive: Drive) -> dict[str, Any]:
    """Return the permission of the owner, which every item of a drive has."""
    owner_id = str(uuid.uuid5(uuid.NAMESPACE_URL, drive.id))
    return {"id": owner_id, "roles": ["owner"]} | _granted(drive, [drive.owner], "grantedTo")


def _granted(drive: Drive, people: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """Write identities in the old property and, for work or school, also in its replacement."""
    # The old names are deprecated for work or school, and consumers' drives do not have the V2 names.
    value: Any = people[0] if name == "grantedTo" else people
    return {name: value} if drive.personality == "personal" else {name: value, f"{name}V2": value}
