"""The request for a copy: what is refused at once, and what is left to the monitor.

https://learn.microsoft.com/graph/api/driveitem-copy
"""

from __future__ import annotations

import time
from typing import Any

from airflow_provider_onedrive.emulator.access import authorization
from airflow_provider_onedrive.emulator.errors.problems import invalid_request, item_not_found
from airflow_provider_onedrive.emulator.http.messages import Reply
from airflow_provider_onedrive.emulator.items import monitors, references
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.items.copying import shortcut_refused
from airflow_provider_onedrive.emulator.items.destinations import check_conflict
from airflow_provider_onedrive.emulator.items.monitors import CopyJob
from airflow_provider_onedrive.emulator.model.addresses import ItemAddress
from airflow_provider_onedrive.emulator.model.drive import Drive, Item


def create(call: Call) -> Reply:
    body = call.request.json()
    _check_types(body)
    job = _job(call, body)
    call.world.monitors.add(job)
    return Reply(202, headers={"Location": monitors.url(call.world.store_url, job)})


def _job(call: Call, body: dict[str, Any]) -> CopyJob:
    conflict = check_conflict(call.conflict(), "fail")
    with call.drive.lock:
        source = call.item()
    _check_source(source, body)
    drive, parent = _target(call, source, references.read(body))
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
        # Documented as a known mistake: a name switches the versions off.
        keeps_versions=body.get("includeAllVersionHistory") is True and not body.get("name"),
        polls=call.world.options.copy_polls,
        due=_due(call.world.options.copy_seconds),
        graph_url=call.world.graph_url,
    )


def _due(seconds: float | None) -> float | None:
    return None if seconds is None else time.monotonic() + seconds


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
    if body.get("name"):
        raise invalid_request("Cannot use name parameter alongside childrenOnly.")


def _target(call: Call, source: Item, reference: dict[str, Any]) -> tuple[Drive, Item]:
    """Return where to copy to: beside the source when nothing is said."""
    drive = _drive(call, str(reference.get("driveId") or call.drive.id), str(reference.get("id") or "root"))
    with drive.lock:
        parent = references.folder(drive, reference)
    if parent is None and (drive is not call.drive or source.parent is None):
        raise invalid_request("parentReference must name a folder.")
    parent = parent or source.parent or drive.root
    if source.is_folder and _is_within(parent, source):
        raise invalid_request("A folder cannot be copied into itself.")
    return drive, parent


def _drive(call: Call, drive_id: str, parent_id: str) -> Drive:
    drive = call.world.tenant.drive(drive_id)
    if drive is call.drive:
        return drive
    if drive is None:
        raise item_not_found()
    authorization.check_drive(call.world, call.token, drive, ItemAddress(parent_id), is_writing=True)
    return drive


def _is_within(item: Item | None, folder: Item) -> bool:
    while item is not None and item is not folder:
        item = item.parent
    return item is not None
