"""The permissions of an item: list, links, invitations.

https://learn.microsoft.com/graph/api/driveitem-list-permissions
https://learn.microsoft.com/graph/api/driveitem-createlink
https://learn.microsoft.com/graph/api/driveitem-invite
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from airflow_provider_onedrive.emulator.access.permission_views import (
    PermissionViews,
    owner_json,
)
from airflow_provider_onedrive.emulator.errors.problems import access_denied, invalid_request, missing_item
from airflow_provider_onedrive.emulator.http.messages import Reply, json_reply
from airflow_provider_onedrive.emulator.items import odata
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.model import clock, sharing
from airflow_provider_onedrive.emulator.model.drive import Item
from airflow_provider_onedrive.emulator.model.sharing import Permission
from airflow_provider_onedrive.emulator.model.tenant import Tenant
from airflow_provider_onedrive.emulator.options import Options

_ROLES = {"view": "read", "embed": "read", "edit": "write"}
_MAX_MESSAGE = 2000


@dataclass(frozen=True)
class ItemPermissions:
    """Lists, creates, changes and deletes the permissions of an item."""

    tenant: Tenant
    permission_views: PermissionViews
    options: Options

    def get_all(self, call: Call) -> Reply:
        with call.drive.lock:
            item = call.item()
            given = self.permission_views.all_json(call.drive, item)
        value = [odata.select(one, call.request.option("select")) for one in given]
        return json_reply(200, {"@odata.context": _context(call, "Collection(permission)"), "value": value})

    def get(self, call: Call) -> Reply:
        with call.drive.lock:
            item = call.item()
            if call.tail[1] == owner_json(call.drive)["id"]:
                return json_reply(200, owner_json(call.drive))
            origin, permission = _find(call, item)
            return self._reply(call, 200, item, permission, origin)

    def update(self, call: Call) -> Reply:
        """https://learn.microsoft.com/graph/api/permission-update."""
        role = _role(call.request.json())

        def change(permission: Permission) -> Permission:
            if permission.link:
                raise invalid_request("The role of a sharing link cannot be changed.")
            return replace(permission, role=role)

        item, permission = _change(call, change)
        return self._reply(call, 200, item, permission)

    def create_link(self, call: Call) -> Reply:
        """Answer 201 with a new link, or 200 with the one that there is already."""
        body = call.request.json()
        wanted = self._wanted_link(call, body)
        with call.drive.change() as change:
            item = _changeable(call)
            # The service returns an equal link that exists already, with 200 instead of 201.
            existing = next((one for one in item.permissions if _is_same(one, wanted)), None)
            if existing:
                return self._reply(call, 200, item, existing)
            link = replace(wanted, secret=sharing.new_secret(item))
            change.edit(item)
            item.permissions = (*item.permissions, link)
            return self._reply(call, 201, item, link)

    def invite(self, call: Call) -> Reply:
        body = call.request.json()
        emails, role, expires = self._recipients(body), _role(body), _expires(body)
        if len(str(body.get("message") or "")) > _MAX_MESSAGE:
            raise invalid_request("The message is longer than 2000 characters.")
        signs_in = bool(body.get("requireSignIn", True))
        given = [
            Permission(
                role, (email,), expires=expires, sign_in_required=signs_in, has_password=bool(body.get("password"))
            )
            for email in emails
        ]
        with call.drive.change() as change:
            item = _changeable(call)
            change.edit(item)
            kept = tuple(one for one in item.permissions if one.link or not set(one.emails) & set(emails))
            item.permissions = (*kept, *given)
            value = [self.permission_views.permission_json(call.drive, item, item, one) for one in given]
        return json_reply(200, {"@odata.context": _context(call, "Collection(permission)"), "value": value})

    def _wanted_link(self, call: Call, body: dict[str, Any]) -> Permission:
        kind, scope = str(body.get("type", "view")), str(body.get("scope") or "")
        is_personal = call.drive.personality == "personal"
        scope = scope or ("anonymous" if is_personal else "organization")
        # Documented: embed is for consumers only.
        if kind not in _ROLES or (kind == "embed" and not is_personal):
            raise invalid_request(f"The link type '{kind[:50]}' is not supported.")
        if scope not in {"anonymous", "users", *([] if is_personal else ["organization"])}:
            raise invalid_request(f"The link scope '{scope[:50]}' is not supported.")
        if scope == "anonymous" and not (is_personal or self.options.anonymous_links):
            raise access_denied()
        # Documented: a password is for consumers only.
        if body.get("password") and not is_personal:
            raise invalid_request("A password is not supported.")
        emails = self._recipients(body) if scope == "users" else ()
        has_password, expires = bool(body.get("password")), _expires(body)
        return Permission(_ROLES[kind], emails, kind, scope, has_password=has_password, expires=expires)

    def _recipients(self, body: dict[str, Any]) -> tuple[str, ...]:
        recipients = body.get("recipients") or []
        if not isinstance(recipients, list) or not recipients or not all(isinstance(one, dict) for one in recipients):
            raise invalid_request("recipients must name somebody.")
        return tuple(self._email(one) for one in recipients)

    def _email(self, recipient: dict[str, Any]) -> str:
        """Return the address of a recipient, which is named by email, id or alias. An id must be one of the tenant."""
        if recipient.get("email"):
            return str(recipient["email"]).lower()
        user = self.tenant.user(str(recipient.get("objectId") or recipient.get("alias") or ""))
        if user is None:
            raise invalid_request("A recipient was not found.")
        return user.upn.lower()

    def _reply(self, call: Call, status: int, item: Item, permission: Permission, origin: Item | None = None) -> Reply:
        value = self.permission_views.permission_json(call.drive, item, origin or item, permission)
        return json_reply(status, {"@odata.context": _context(call, "permission")} | value)


def delete(call: Call) -> Reply:
    """https://learn.microsoft.com/graph/api/permission-delete."""
    _change(call, lambda _: None)
    return Reply(204)


def _change(call: Call, change: Callable[[Permission], Permission | None]) -> tuple[Item, Permission]:
    """Replace or remove the named permission."""
    with call.drive.change() as edits:
        item = _changeable(call)
        if call.tail[1] == owner_json(call.drive)["id"]:
            raise access_denied()
        origin, permission = _find(call, item)
        # The service does not let an inherited permission be changed from below.
        if origin is not item:
            raise invalid_request("An inherited permission is changed where it was given.")
        changed = change(permission)
        edits.edit(item)
        item.permissions = tuple(
            each for one in item.permissions if (each := changed if one is permission else one) is not None
        )
    return item, changed or permission


def _changeable(call: Call) -> Item:
    item = call.item()
    # Documented for driveItem: invite.
    if item.parent is None and call.drive.personality == "personal":
        raise invalid_request("Permissions of the root of a personal drive cannot be added or changed.")
    if item.remote:
        raise invalid_request("A shortcut cannot be shared: use the ids in remoteItem.")
    return item


def _find(call: Call, item: Item) -> tuple[Item, Permission]:
    match = next((pair for pair in sharing.inherited(item) if pair[1].id == call.tail[1]), None)
    if match is None:
        raise missing_item()
    return match


def _is_same(one: Permission, wanted: Permission) -> bool:
    return (one.link, one.scope, one.has_password, one.expires) == (
        wanted.link,
        wanted.scope,
        wanted.has_password,
        wanted.expires,
    )


def _role(body: dict[str, Any]) -> str:
    roles: Any = body.get("roles")
    if roles not in (["read"], ["write"], ["owner"]):
        raise invalid_request("roles must hold 'read' or 'write'.")
    return str(roles[0])


def _expires(body: dict[str, Any]) -> datetime | None:
    text = body.get("expirationDateTime")
    return clock.parse(text) if text else None


def _context(call: Call, kind: str) -> str:
    return f"{call.request.graph_url}/v1.0/$metadata#{kind}"
