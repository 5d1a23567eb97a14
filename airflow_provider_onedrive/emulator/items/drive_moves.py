"""Moves to another drive: the request, and the job that its monitor completes.

https://github.com/n8n-io/n8n/issues/32911
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.access.authorization import Authorization
from airflow_provider_onedrive.emulator.errors.problems import invalid_request, missing_item, name_taken
from airflow_provider_onedrive.emulator.faults.quirks import Quirks
from airflow_provider_onedrive.emulator.http.messages import Reply
from airflow_provider_onedrive.emulator.items import locks, monitors, references
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.items.copying import Copying
from airflow_provider_onedrive.emulator.items.monitors import CopyJob, Monitors
from airflow_provider_onedrive.emulator.items.preconditions import preconditions
from airflow_provider_onedrive.emulator.model.addresses import ItemAddress
from airflow_provider_onedrive.emulator.model.drive import Drive, Item
from airflow_provider_onedrive.emulator.model.tenant import Tenant
from airflow_provider_onedrive.emulator.options import Options


class MoveJob(CopyJob):
    """One move. The item keeps its id, its versions and what is below it."""

    operation = "ItemMove"

    def _copy(self, copying: Copying) -> Item:
        with ExitStack() as stack:
            # Always in the same order, so that two moves that cross each other do not wait for one another.
            for drive in sorted((self.source_drive, self.drive), key=lambda drive: drive.id):
                stack.enter_context(drive.lock)
            item, parent = self.source_drive.get(self.source.id), self.drive.get(self.parent.id)
            name = self.name or item.name
            if parent.child(name) and copying.conflict != "rename":
                raise name_taken()
            name = self.drive.free_name(parent, name, folder=item.is_folder) if parent.child(name) else name
            self.drive.check_arrival(item, parent, name)
            self.source_drive.remove(item, permanent=True)
            self.drive.take_in(item, parent, name)
        return item


@dataclass(frozen=True)
class DriveMoves:
    """Begins moves to another drive."""

    tenant: Tenant
    authorization: Authorization
    monitors: Monitors
    quirks: Quirks
    options: Options
    store_url: str

    def is_meant(self, drive: Drive, body: dict[str, Any]) -> bool:
        """Return True if a change names a folder of another drive."""
        drive_id = references.read(body).get("driveId")
        return bool(drive_id) and self.tenant.drive(str(drive_id)) is not drive

    def start(self, call: Call, body: dict[str, Any], conflict: str) -> Reply:
        """Accept a move, or refuse it.

        :raises Problem: also where the move goes on, with the quirk ``missing``.
        """
        job = self._job(call, body, conflict)
        if self.quirks.cross_drive_moves == "refused":
            # Microsoft's page on driveItem: move excludes other drives.
            raise invalid_request("An item cannot be moved to another drive.")
        if "respond-async" not in (call.request.header("Prefer") or "").lower():
            raise invalid_request("Requested move requires an async response, add 'Prefer: respond-async' to allow.")
        if self.quirks.cross_drive_moves == "missing":
            job.finish()
            raise missing_item()
        self.monitors.add(job)
        return Reply(202, headers={"Location": monitors.url(self.store_url, job)})

    def _job(self, call: Call, body: dict[str, Any], conflict: str) -> MoveJob:
        name = body.get("name") or None
        if not isinstance(name, str | None):
            raise invalid_request("name is not a text.")
        with call.drive.lock:
            source = call.item()
            preconditions(call.request).check(source, "resourceModified")
            locks.check_tree(call.drive, source, call.by, call.request.operation)
        if source.parent is None:
            raise invalid_request("The root folder cannot be renamed or moved.")
        drive, parent = self._target(call, references.read(body))
        return MoveJob(
            source_drive=call.drive,
            source=source,
            drive=drive,
            parent=parent,
            name=name,
            conflict=conflict,
            by=call.by,
            keeps_versions=True,
            poll_count=self.options.copy_poll_count,
            due=monitors.due(self.options.copy_seconds),
            graph_url=call.request.graph_url,
        )

    def _target(self, call: Call, reference: dict[str, Any]) -> tuple[Drive, Item]:
        drive = self.tenant.existing_drive(str(reference["driveId"]))
        address = ItemAddress(str(reference.get("id") or "root"))
        self.authorization.check_drive(call.token, drive, address, is_writing=True)
        with drive.lock:
            parent = references.folder(drive, reference)
        if parent is None:
            raise invalid_request("parentReference must name a folder.")
        return drive, parent
