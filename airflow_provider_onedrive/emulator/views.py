"""Drives and items as JSON.

https://learn.microsoft.com/graph/api/resources/driveitem
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from airflow_provider_onedrive.emulator import clock, names
from airflow_provider_onedrive.emulator.contents import Content
from airflow_provider_onedrive.emulator.tree import Drive, Item
from airflow_provider_onedrive.emulator.world import World

LIBRARY = "Documents"
_QUOTA_BYTES = 1024**4


def drive_json(world: World, drive: Drive) -> dict[str, Any]:
    return {
        "createdDateTime": clock.text(drive.created),
        "description": "",
        "id": drive.id,
        "lastModifiedDateTime": clock.text(drive.root.modified),
        "name": "OneDrive",
        "webUrl": f"{world.store_url}{drive.web_path}/{LIBRARY}",
        "driveType": "business",
        "createdBy": {"user": {"displayName": "System Account"}},
        "owner": drive.owner,
        "quota": {
            "deleted": 0,
            "remaining": _QUOTA_BYTES - drive.root.size,
            "state": "normal",
            "total": _QUOTA_BYTES,
            "used": drive.root.size,
        },
    }


def item_json(world: World, drive: Drive, item: Item) -> dict[str, Any]:
    """Return the default properties, those of the kind last."""
    base: dict[str, Any] = {
        "createdDateTime": clock.text(item.created),
        "eTag": item.etag,
        "id": item.id,
        "lastModifiedDateTime": clock.text(item.modified),
        "name": item.name,
        "webUrl": _web_url(world, drive, item),
        "size": item.size,
        "createdBy": item.by,
        "lastModifiedBy": item.modified_by,
        "parentReference": _parent_reference(drive, item),
        "fileSystemInfo": {
            "createdDateTime": clock.text(item.client_created),
            "lastModifiedDateTime": clock.text(item.client_modified),
        },
    }
    if item.description is not None:
        base["description"] = item.description
    return base | _facets(world, drive, item)


def select(value: dict[str, Any], names_wanted: str | None) -> dict[str, Any]:
    """Keep what ``$select`` names; a name that does not exist is passed over, as the type is an open one."""
    if not names_wanted:
        return value
    wanted = {name.strip() for name in names_wanted.split(",")}
    return {name: content for name, content in value.items() if name in wanted or name == "@odata.context"}


def _facets(world: World, drive: Drive, item: Item) -> dict[str, Any]:
    if item.content is not None:
        return {
            "@microsoft.graph.downloadUrl": world.links.create(drive, item, world.options.download_url_seconds),
            "cTag": item.ctag,
            "file": _file(item.name, item.content),
        }
    facets: dict[str, Any] = {"folder": {"childCount": len(item.children)}}
    return facets if item.parent else facets | {"root": {}}


def _file(name: str, content: Content) -> dict[str, Any]:
    """Return the facet; an empty file has no hash."""
    hashes = {"hashes": {"quickXorHash": content.quick_xor_hash}} if content.size else {}
    return hashes | {"mimeType": names.mime_type(name)}


def _parent_reference(drive: Drive, item: Item) -> dict[str, Any]:
    reference: dict[str, Any] = {"driveType": "business", "driveId": drive.id}
    if item.parent is None:
        return reference
    path = "".join("/" + _quote(name) for name in item.parent.path_names)
    name = item.parent.name if item.parent.parent else LIBRARY
    return reference | {"id": item.parent.id, "name": name, "path": f"/drives/{drive.id}/root:{path}"}


def _web_url(world: World, drive: Drive, item: Item) -> str:
    path = "".join("/" + _quote(name) for name in item.path_names)
    return f"{world.store_url}{drive.web_path}/{LIBRARY}{path}"


def _quote(name: str) -> str:
    return quote(name, safe="!$&'()*+,;=@~")
