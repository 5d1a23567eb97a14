"""Shortcuts: items of one drive that lead to a folder of another.

https://learn.microsoft.com/graph/api/driveitem-post-children
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.access.authorization import Authorization
from airflow_provider_onedrive.emulator.errors.problems import (
    access_denied,
    invalid_request,
    missing_item,
    name_taken,
)
from airflow_provider_onedrive.emulator.http.messages import Reply
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.items.destinations import check_conflict
from airflow_provider_onedrive.emulator.items.projection import Projection
from airflow_provider_onedrive.emulator.model.addresses import ItemAddress
from airflow_provider_onedrive.emulator.model.item import Item, Remote
from airflow_provider_onedrive.emulator.model.tenant import Tenant


@dataclass(frozen=True)
class Shortcuts:
    """Creates shortcuts."""

    tenant: Tenant
    authorization: Authorization
    projection: Projection

    def create(self, call: Call, body: dict[str, Any]) -> Reply:
        """Add a shortcut, which must be in the root of a drive. An application without a user may not."""
        # An application without a user has no root of its own to add a shortcut to.
        if call.token.user is None:
            raise access_denied()
        remote, target = self._target(call, body["remoteItem"])
        name, conflict = body.get("name") or target.name, check_conflict(call.conflict(body), "fail")
        if not isinstance(name, str):
            raise invalid_request("name is not a text.")
        with call.drive.change():
            parent = call.item()
            # Shortcuts exist in the root only; inside folders they cannot be created.
            if parent is not call.drive.root:
                raise invalid_request("A shortcut can be added to the root of a drive only.")
            if parent.child(name) and conflict != "rename":
                raise name_taken()
            if parent.child(name):
                name = call.drive.free_name(parent, name, folder=True)
            return self.projection.reply(call, 201, call.drive.add_shortcut(parent, name, call.by, remote))

    def _target(self, call: Call, value: Any) -> tuple[Remote, Item]:
        """Return the target, which must exist and be readable by the caller."""
        reference = value.get("parentReference") if isinstance(value, dict) else None
        if not isinstance(reference, dict) or not value.get("id") or not reference.get("driveId"):
            raise invalid_request("remoteItem must hold an id, and a parentReference with a driveId.")
        drive = self.tenant.drive(str(reference["driveId"]))
        if drive is None:
            raise missing_item()
        target = drive.get(str(value["id"]))
        if drive is call.drive:
            raise invalid_request("A shortcut leads to another drive.")
        if not self.authorization.may(call.token, drive, ItemAddress(target.id), is_writing=False):
            raise access_denied()
        return Remote(drive.id, target.id), target
