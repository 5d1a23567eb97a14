"""An item itself: read, change, delete."""

from __future__ import annotations

from typing import Any

from airflow_provider_onedrive.emulator import clock, names
from airflow_provider_onedrive.emulator.calls import Call
from airflow_provider_onedrive.emulator.preconditions import preconditions
from airflow_provider_onedrive.emulator.problems import invalid_request, name_taken
from airflow_provider_onedrive.emulator.tree import FileTimes, Item
from airflow_provider_onedrive.emulator.wire import Reply
from airflow_provider_onedrive.emulator.writing import check_conflict

_MODIFIED = "resourceModified"


def get(call: Call) -> Reply:
    """https://learn.microsoft.com/graph/api/driveitem-get."""
    with call.drive.lock:
        item = call.item()
        if preconditions(call.request).is_unchanged(item):
            return Reply(304, headers={"ETag": item.etag})
        return call.reply(200, item)


def delete(call: Call) -> Reply:
    """https://learn.microsoft.com/graph/api/driveitem-delete."""
    return _remove(call, permanent=False)


def delete_permanently(call: Call) -> Reply:
    """https://learn.microsoft.com/graph/api/driveitem-permanentdelete."""
    return _remove(call, permanent=True)


def update(call: Call) -> Reply:
    """https://learn.microsoft.com/graph/api/driveitem-update."""
    body = call.request.json()
    times = file_times(body)
    conflict = check_conflict(call.conflict(body), "fail")
    with call.drive.lock:
        item = call.item()
        preconditions(call.request).check(item, _MODIFIED)
        _move(call, item, body, conflict)
        if times != FileTimes():
            item.versions += not item.is_folder
        if isinstance(body.get("description"), str):
            item.description = body["description"]
        item.touch(call.by, FileTimes(times.created, times.modified or item.client_modified))
        return call.reply(200, item)


def file_times(body: dict[str, Any]) -> FileTimes:
    """Read fileSystemInfo out of an item."""
    info = body.get("fileSystemInfo") or {}
    if not isinstance(info, dict):
        raise invalid_request("fileSystemInfo is not an object.")
    created, modified = (
        clock.parse(info[key]) if info.get(key) else None for key in ("createdDateTime", "lastModifiedDateTime")
    )
    return FileTimes(created, modified)


def _remove(call: Call, *, permanent: bool) -> Reply:
    with call.drive.lock:
        item = call.item()
        if item.parent is None:
            raise invalid_request("The root folder cannot be deleted.")
        preconditions(call.request).check(item, _MODIFIED)
        call.drive.remove(item, permanent=permanent)
    return Reply(204)


def _move(call: Call, item: Item, body: dict[str, Any], conflict: str) -> None:
    parent, name = _new_parent(call, item, body), body.get("name") or item.name
    if not isinstance(name, str):
        raise invalid_request("name is not a text.")
    if parent is item.parent and name == item.name:
        return
    if item.parent is None or parent is None:
        raise invalid_request("The root folder cannot be renamed or moved.")
    existing = parent.child(name)
    if existing not in {None, item}:
        name = _settle(call, parent, name, item, conflict)
    call.drive.move(item, parent, name)


def _settle(call: Call, parent: Item, name: str, item: Item, conflict: str) -> str:
    existing = parent.children[names.key(name)]
    if conflict == "rename":
        return call.drive.free_name(parent, name, folder=item.is_folder)
    if conflict == "fail" or existing.is_folder or item.is_folder:
        raise name_taken()
    call.drive.remove(existing)
    return name


def _new_parent(call: Call, item: Item, body: dict[str, Any]) -> Item | None:
    """Return the folder to move to; empty strings in the reference do not count, as some clients send them."""
    reference = body.get("parentReference") or {}
    if not isinstance(reference, dict):
        raise invalid_request("parentReference is not an object.")
    if str(reference.get("driveId") or call.drive.id).lower() != call.drive.id.lower():
        raise invalid_request("An item cannot be moved to another drive.")
    parent_id = str(reference.get("id") or "")
    if not parent_id:
        return item.parent
    if parent_id == "root":
        raise invalid_request("parentReference.id must be the id of the folder, not 'root'.")
    return _check_parent(item, call.drive.get(parent_id))


def _check_parent(item: Item, parent: Item) -> Item:
    if not parent.is_folder:
        raise invalid_request("The destination is not a folder.")
    above: Item | None = parent
    while above:
        if above is item:
            raise invalid_request("A folder cannot be moved into itself.")
        above = above.parent
    return parent
