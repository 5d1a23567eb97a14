"""An item itself: read, change, delete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.access.authorization import Authorization
from airflow_provider_onedrive.emulator.errors.problems import (
    Problem,
    access_denied,
    deletion_on_hold,
    invalid_request,
    name_taken,
)
from airflow_provider_onedrive.emulator.http.messages import Reply
from airflow_provider_onedrive.emulator.items import folders, locks, references
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.items.destinations import check_conflict
from airflow_provider_onedrive.emulator.items.drive_moves import DriveMoves
from airflow_provider_onedrive.emulator.items.preconditions import preconditions
from airflow_provider_onedrive.emulator.items.projection import Projection
from airflow_provider_onedrive.emulator.items.recycling import Recycling
from airflow_provider_onedrive.emulator.model import clock
from airflow_provider_onedrive.emulator.model.addresses import ItemAddress
from airflow_provider_onedrive.emulator.model.drive import FileTimes, Item

_MODIFIED = "resourceModified"


@dataclass(frozen=True)
class ItemRequests:
    """Reads, changes and deletes items."""

    authorization: Authorization
    drive_moves: DriveMoves
    projection: Projection
    recycling: Recycling

    def get(self, call: Call) -> Reply:
        """https://learn.microsoft.com/graph/api/driveitem-get."""
        with call.drive.lock:
            deleted = self.recycling.show(call)
            if deleted:
                return deleted
            item = call.item()
            if preconditions(call.request).is_unchanged(item):
                return Reply(304, headers={"ETag": item.etag})
            return self.projection.reply(call, 200, item)

    def update(self, call: Call) -> Reply:
        """https://learn.microsoft.com/graph/api/driveitem-update."""
        body = call.request.json()
        times = file_times(body)
        conflict = check_conflict(call.conflict(body), "fail")
        if self.drive_moves.is_meant(call.drive, body):
            return self.drive_moves.start(call, body, conflict)
        with call.drive.change() as change:
            created = folders.upsert(call, call.conflict(body)) if _may_create(call, body) else None
            if created:
                return self.projection.reply(call, 201, created)
            item = call.item()
            preconditions(call.request).check(item, _MODIFIED)
            locks.check(call.drive, item, call.by, call.request.operation)
            change.edit(item)
            former_parent, name = item.parent, item.name
            self._move(call, item, body, conflict)
            # Measured by rclone: a later change of the times makes one more version.
            if times != FileTimes():
                item.begin_version()
            # Personal drives have given up the description, as abraunegg/onedrive found.
            if isinstance(body.get("description"), str) and call.drive.personality == "business":
                item.description = body["description"]
            if item.parent is not former_parent and item.name == name and times == FileTimes():
                item.etag_version += 1  # a move alone leaves the moment of the last change as it was
            else:
                item.touch(call.by, FileTimes(times.created, times.modified or item.client_modified))
            return self.projection.reply(call, 200, item)

    def _move(self, call: Call, item: Item, body: dict[str, Any], conflict: str) -> None:
        parent, name = self._new_parent(call, item, body), body.get("name") or item.name
        if not isinstance(name, str):
            raise invalid_request("name is not a text.")
        if parent is item.parent and name == item.name:
            return
        if item.parent is None or parent is None:
            raise invalid_request("The root folder cannot be renamed or moved.")
        existing = parent.child(name)
        # An item never stands in its own way: a rename may change nothing but case or normal form.
        if existing is not None and existing is not item:
            name = _settle(call, existing, name, item, conflict)
        call.drive.move(item, parent, name)

    def _new_parent(self, call: Call, item: Item, body: dict[str, Any]) -> Item | None:
        """Return the folder to move to, which is in the same drive."""
        reference = references.read(body)
        # Documented for driveItem: move. The address /items/root works elsewhere.
        if reference.get("id") == "root":
            raise invalid_request("parentReference.id must be the id of the folder, not 'root'.")
        parent = references.folder(call.drive, reference)
        if parent is None:
            return item.parent
        if not self.authorization.may(call.token, call.drive, ItemAddress(parent.id), is_writing=True):
            raise access_denied()
        return _check_parent(item, parent)


def delete(call: Call) -> Reply:
    """https://learn.microsoft.com/graph/api/driveitem-delete."""
    return _remove(call, permanent=False)


def delete_permanently(call: Call) -> Reply:
    """https://learn.microsoft.com/graph/api/driveitem-permanentdelete."""
    if call.drive.personality == "personal":
        # rclone and abraunegg/onedrive know that personal drives do not have it.
        raise Problem(405, "methodNotAllowed", "API not found")
    return _remove(call, permanent=True)


def file_times(body: dict[str, Any]) -> FileTimes:
    """Read fileSystemInfo out of an item."""
    info = body.get("fileSystemInfo") or {}
    if not isinstance(info, dict):
        raise invalid_request("fileSystemInfo is not an object.")
    created, modified = (
        clock.parse(info[key]) if info.get(key) else None for key in ("createdDateTime", "lastModifiedDateTime")
    )
    return FileTimes(created, modified)


def _may_create(call: Call, body: dict[str, Any]) -> bool:
    """Return True if a PATCH may create a folder: it names it by path and does not rename or move it."""
    is_folder = isinstance(body.get("folder"), dict) and bool(call.address.names)
    name = call.address.names[-1] if is_folder else ""
    is_plain = not body.get("parentReference") and body.get("name") in {None, "", name}
    return is_folder and is_plain and preconditions(call.request).if_match is None


def _remove(call: Call, *, permanent: bool) -> Reply:
    with call.drive.change():
        item = call.item()
        if item.parent is None:
            raise invalid_request("The root folder cannot be deleted.")
        preconditions(call.request).check(item, _MODIFIED)
        locks.check_tree(call.drive, item, call.by, call.request.operation)
        if call.drive.held_items and any(each.id in call.drive.held_items for each in (item, *item.walk())):
            raise deletion_on_hold()
        call.drive.remove(item, permanent=permanent)
    return Reply(204)


def _settle(call: Call, existing: Item, name: str, item: Item, conflict: str) -> str:
    """Return the name to take beside, or in place of, the item that has it."""
    if conflict == "rename":
        return call.drive.free_name(existing.parent or call.drive.root, name, folder=item.is_folder)
    if conflict == "fail" or existing.is_folder or item.is_folder:
        raise name_taken()
    locks.check(call.drive, existing, call.by, call.request.operation)
    call.drive.remove(existing)
    return name


def _check_parent(item: Item, parent: Item) -> Item:
    above: Item | None = parent
    while above:
        if above is item:
            raise invalid_request("A folder cannot be moved into itself.")
        above = above.parent
    return parent
