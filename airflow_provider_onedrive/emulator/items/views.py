"""Drives and items as JSON.

https://learn.microsoft.com/graph/api/resources/driveitem
https://learn.microsoft.com/graph/api/resources/drive
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from airflow_provider_onedrive.emulator.model import clock, names
from airflow_provider_onedrive.emulator.model.contents import Content
from airflow_provider_onedrive.emulator.model.drive import Drive, Item
from airflow_provider_onedrive.emulator.model.item import Remote
from airflow_provider_onedrive.emulator.server.state import World

_SYSTEM = {"user": {"displayName": "System Account"}}
# What a shortcut says of the item it leads to, besides its id and its place.
_REMOTE = ("createdBy", "createdDateTime", "file", "fileSystemInfo", "folder", "lastModifiedBy", "lastModifiedDateTime")
_REMOTE_ALSO = ("name", "package", "shared", "size", "specialFolder", "webUrl")


def drive_json(world: World, drive: Drive) -> dict[str, Any]:
    return {
        "createdDateTime": clock.text(drive.created),
        "description": "",
        "id": drive.id,
        "lastModifiedDateTime": clock.text(drive.root.modified),
        "name": drive.library.name,
        "webUrl": f"{world.store_url}{drive.library.address}",
        "driveType": drive.library.drive_type,
        "createdBy": _SYSTEM,
        "owner": drive.owner,
        **drive.quota.facet(drive.root.size, drive.deleted_bytes),
    }


def item_json(world: World, drive: Drive, item: Item) -> dict[str, Any]:
    """Return the default properties, those of the kind last."""
    base: dict[str, Any] = {
        "createdDateTime": clock.text(item.created),
        "eTag": item.etag,
        "id": item.id,
        "lastModifiedDateTime": clock.text(item.modified),
        "name": item.name,
        "webUrl": web_url(world, drive, item),
        "size": item.size,
        "createdBy": item.by,
        "lastModifiedBy": item.modified_by,
        "parentReference": _parent_reference(world, drive, item),
        "fileSystemInfo": {
            "createdDateTime": clock.text(item.client_created),
            "lastModifiedDateTime": clock.text(item.client_modified),
        },
    }
    if item.description is not None:
        base["description"] = item.description
    if item.permissions:
        base["shared"] = {"scope": _scope(item)}
    return base | _facets(world, drive, item)


def select(value: dict[str, Any], names_wanted: str | None) -> dict[str, Any]:
    """Keep what ``$select`` names; a name that does not exist is passed over, as the type is an open one."""
    if not names_wanted:
        return value
    wanted = {name.strip() for name in names_wanted.split(",")}
    return {name: content for name, content in value.items() if name in wanted or name == "@odata.context"}


def web_url(world: World, drive: Drive, item: Item) -> str:
    return world.store_url + web_path(drive, item)


def web_path(drive: Drive, item: Item) -> str:
    """Return the path of the address of the item's page."""
    return drive.library.address + "".join("/" + _quote(name) for name in item.path_names)


def sharepoint_ids(world: World, drive: Drive, item: Item | None = None) -> dict[str, Any]:
    """https://learn.microsoft.com/graph/api/resources/sharepointids; shown to who selects it."""
    library = drive.library
    of_drive = {
        "listId": library.list_id,
        "siteId": library.site_id,
        "siteUrl": world.store_url + library.web_path,
        "tenantId": world.tenant.id,
        "webId": library.web_id,
    }
    if item is None:
        return of_drive
    return of_drive | {"listItemId": str(drive.number(item)), "listItemUniqueId": str(item.guid)}


def _facets(world: World, drive: Drive, item: Item) -> dict[str, Any]:
    if item.content is not None and item.parent is not None and item.parent.package is not None:
        # Part of a notebook: neither hash nor download.
        return {"cTag": item.ctag, "file": {"mimeType": "application/msonenote"}}
    if item.content is not None:
        return {
            "@microsoft.graph.downloadUrl": world.links.create(drive, item, world.options.download_url_seconds),
            "cTag": item.ctag,
            "file": _file(drive, item.name, item.content),
        }
    if item.remote:
        return {"remoteItem": _remote_item(world, item.remote)}
    if item.package is not None:
        return {"package": {"type": item.package}}
    facets: dict[str, Any] = {"folder": {"childCount": len(item.children)}}
    if drive.personality == "personal":
        facets["cTag"] = item.ctag
    if item.special:
        facets["specialFolder"] = {"name": item.special}
    return facets if item.parent else facets | {"root": {}}


def _file(drive: Drive, name: str, content: Content) -> dict[str, Any]:
    """Return the facet; an empty file has no hash, and only a consumer's has more than one."""
    facet: dict[str, Any] = {"mimeType": names.mime_type(name)}
    if content.size:
        also = content.sha_hashes if drive.personality == "personal" else {}
        facet["hashes"] = {"quickXorHash": content.quick_xor_hash, **also}
    return facet


def _remote_item(world: World, remote: Remote) -> dict[str, Any]:
    """Say what a shortcut leads to, of a target that is gone only where it was."""
    drive = world.tenant.drive(remote.drive_id)
    target = drive.live(remote.item_id) if drive else None
    if drive is None or target is None:
        return {"id": remote.item_id, "parentReference": {"driveId": remote.drive_id}}
    return remote_item(world, drive, target)


def remote_item(world: World, drive: Drive, target: Item) -> dict[str, Any]:
    """Return an item as another drive shows it."""
    value = item_json(world, drive, target)
    reference = {name: text for name, text in value["parentReference"].items() if name != "path"}
    known = {name: value[name] for name in (*_REMOTE, *_REMOTE_ALSO) if name in value}
    return {"id": target.id, "parentReference": reference, **known}


def _scope(item: Item) -> str:
    scopes = {permission.scope or "users" for permission in item.permissions}
    return next(scope for scope in ("anonymous", "organization", "users") if scope in scopes)


def _parent_reference(world: World, drive: Drive, item: Item) -> dict[str, Any]:
    reference: dict[str, Any] = {"driveType": drive.library.drive_type, "driveId": _said_drive_id(world, drive)}
    if drive.personality == "business":
        reference["siteId"] = drive.library.site_id
    if item.parent is None:
        return reference
    path = "".join("/" + _quote(name) for name in item.parent.path_names)
    name = item.parent.name if item.parent.parent else drive.library.segment
    above = f"/drives/{drive.id}" if drive.personality == "business" else "/drive"
    return reference | {"id": item.parent.id, "name": name, "path": f"{above}/root:{path}"}


def _said_drive_id(world: World, drive: Drive) -> str:
    """Return the id as items say it: a consumer's may differ from the one that the drive itself says."""
    if drive.personality == "personal" and world.options.garble_drive_ids:
        return drive.id.upper().lstrip("0")
    return drive.id


def _quote(name: str) -> str:
    return quote(name, safe="!$&'()*+,;=@~")
