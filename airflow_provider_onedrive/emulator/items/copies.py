"""The request for a copy: errors that come at once, and the job that the monitor completes.

https://learn.microsoft.com/graph/api/driveitem-copy
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.access.authorization import Authorization
from airflow_provider_onedrive.emulator.errors.problems import invalid_request
from airflow_provider_onedrive.emulator.http.messages import Reply
from airflow_provider_onedrive.emulator.items import monitors, references
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.items.copying import shortcut_refused
from airflow_provider_onedrive.emulator.items.destinations import check_conflict
from airflow_provider_onedrive.emulator.items.monitors import CopyJob, Monitors
from airflow_provider_onedrive.emulator.model.addresses import ItemAddress
from airflow_provider_onedrive.emulator.model.drive import Drive, Item
from airflow_provider_onedrive.emulator.model.tenant import Tenant
from airflow_provider_onedrive.emulator.options import Options


@dataclass(frozen=True)
class Copies:
    """Accepts requests for copies."""

    tenant: Tenant
    authorization: Authorization
    monitors: Monitors
    options: Options
    store_url: str

    def create(self, call: Call) -> Reply:
        body = call.request.json()
        _check_types(body)
        job = self._job(call, body)
        self.monitors.add(job)
        return Reply(202, headers={"Location": monitors.url(self.store_url, job)})

    def _job(self, call: Call, body: dict[str, Any]) -> CopyJob:
        conflict = check_conflict(call.conflict(), "fail")
        with call.drive.lock:
            source = call.item()
        _check_source(source, body)
        drive, parent = self._target(call, source, references.read(body))
        children_only = body.get("childrenOnly") is True
        return CopyJob(
            source_drive=call.drive,
            source=source,
            drive=drive,
            parent=parent,
            name=None if children_only else body.get("name") or source.name,
            # A personal account does not know the parameter.
            conflict=conflict if drive.personality == "business" else "fail",
            by=call.by,
            # Documented as a known issue: a name disables includeAllVersionHistory.
            keeps_versions=body.get("includeAllVersionHistory") is True and not body.get("name"),
            poll_count=self.options.copy_poll_count,
            due=monitors.due(self.options.copy_seconds),
            graph_url=call.request.graph_url,
        )

    def _target(self, call: Call, source: Item, reference: dict[str, Any]) -> tuple[Drive, Item]:
        """Return the target drive and folder; without a parentReference the folder of the source."""
        # A name conflict is not checked here: the service accepts the copy, and its monitor reports the failure.
        drive = self._drive(call, str(reference.get("driveId") or call.drive.id), str(reference.get("id") or "root"))
        with drive.lock:
            parent = references.folder(drive, reference)
        if parent is None and (drive is not call.drive or source.parent is None):
            raise invalid_request("parentReference must name a folder.")
        parent = parent or source.parent or drive.root
        if source.is_folder and _is_within(parent, source):
            raise invalid_request("A folder cannot be copied into itself.")
        return drive, parent

    def _drive(self, call: Call, drive_id: str, parent_id: str) -> Drive:
        drive = self.tenant.existing_drive(drive_id)
        if drive is call.drive:
            return drive
        self.authorization.check_drive(call.token, drive, ItemAddress(parent_id), is_writing=True)
        return drive


def _check_types(body: dict[str, Any]) -> None:
    if not isinstance(body.get("name") or "", str):
        raise invalid_request("name is not a text.")
    for name in ("childrenOnly", "includeAllVersionHistory"):
        if not isinstance(body.get(name) or False, bool):
            raise invalid_request(f"{name} is neither true nor false.")


def _check_source(source: Item, body: dict[str, Any]) -> None:
    if source.remote:
        raise shortcut_refused()
    if not body.get("childrenOnly"):
        if source.parent is None:
            raise invalid_request("Cannot copy the root folder.")
        return
    if not source.is_folder:
        raise invalid_request("childrenOnly option is not valid for file items.")
    # The messages are those of Microsoft's page; clients show them to users.
    if body.get("name"):
        raise invalid_request("Cannot use name parameter alongside childrenOnly.")


def _is_within(item: Item | None, folder: Item) -> bool:
    while item is not None and item is not folder:
        item = item.parent
    return item is not None
