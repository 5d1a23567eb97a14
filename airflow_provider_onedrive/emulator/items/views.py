"""Drives and items as JSON.

https://learn.microsoft.com/graph/api/resources/driveitem
https://learn.microsoft.com/graph/api/resources/drive
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from airflow_provider_onedrive.emulator.faults.quirks import Quirks
from airflow_provider_onedrive.emulator.items import editor_addresses
from airflow_provider_onedrive.emulator.items.download_links import DownloadLinks
from airflow_provider_onedrive.emulator.model import clock, names
from airflow_provider_onedrive.emulator.model.contents import Content
from airflow_provider_onedrive.emulator.model.drive import Drive, Item
from airflow_provider_onedrive.emulator.model.item import Remote
from airflow_provider_onedrive.emulator.model.tenant import Tenant
from airflow_provider_onedrive.emulator.options import Options

_VIEW = {"sortBy": "name", "sortOrder": "ascending", "viewType": "thumbnails"}
_SYSTEM = {"user": {"displayName": "System Account"}}
# The properties of the target that a shortcut shows, besides its id and its parent.
_REMOTE = ("createdBy", "createdDateTime", "file", "fileSystemInfo", "folder", "lastModifiedBy", "lastModifiedDateTime")
_REMOTE_ALSO = ("name", "package", "shared", "size", "specialFolder", "webUrl")


@dataclass(frozen=True)
class ItemViews:
    """Writes drives and items as JSON."""

    store_url: str
    tenant: Tenant
    links: DownloadLinks
    options: Options
    quirks: Quirks

    def drive_json(self, drive: Drive) -> dict[str, Any]:
        return {
            "createdDateTime": clock.text(drive.created),
            "description": "",
            "id": drive.id,
            "lastModifiedDateTime": clock.text(drive.root.modified),
            "name": drive.library.name,
            "webUrl": f"{self.store_url}{drive.library.address}",
            "driveType": drive.library.drive_type,
            "createdBy": _SYSTEM,
            "owner": drive.owner,
            **drive.quota.facet(drive.root.size, drive.deleted_bytes),
        }

    def item_json(self, drive: Drive, item: Item) -> dict[str, Any]:
        """Return the default properties, those of the kind last."""
        base: dict[str, Any] = {
            "createdDateTime": clock.text(item.created),
            "id": item.id,
            "lastModifiedDateTime": clock.text(item.modified),
            "name": item.name,
            "webUrl": self._shown_url(drive, item),
            "size": item.size,
            "parentReference": self._parent_reference(drive, item),
            "fileSystemInfo": {
                "createdDateTime": clock.text(item.client_created),
                "lastModifiedDateTime": clock.text(item.client_modified),
            },
        }
        if not is_bare(drive, item):
            base |= {"eTag": item.etag, "createdBy": item.by, "lastModifiedBy": item.modified_by}
        if item.description is not None:
            base["description"] = item.description
        if item.malware is not None:
            base["malware"] = {"description": item.malware}
        if item.permissions:
            base["shared"] = {"scope": _scope(item)}
        return base | self._facets(drive, item)

    def web_url(self, drive: Drive, item: Item) -> str:
        return self.store_url + web_path(drive, item)

    def _shown_url(self, drive: Drive, item: Item) -> str:
        if self.quirks.editor_addresses and editor_addresses.is_edited(item):
            return self.store_url + editor_addresses.path(drive, item)
        return self.web_url(drive, item)

    def sharepoint_ids(self, drive: Drive, item: Item | None = None) -> dict[str, Any]:
        """Return the ids, which are written only if they are selected.

        https://learn.microsoft.com/graph/api/resources/sharepointids
        """
        library = drive.library
        of_drive = {
            "listId": library.list_id,
            "siteId": library.site_id,
            "siteUrl": self.store_url + library.web_path,
            "tenantId": self.tenant.id,
            "webId": library.web_id,
        }
        if item is None:
            return of_drive
        return of_drive | {"listItemId": str(drive.number(item)), "listItemUniqueId": str(item.guid)}

    def _facets(self, drive: Drive, item: Item) -> dict[str, Any]:
        if item.content is not None and item.parent is not None and item.parent.package is not None:
            # Part of a notebook: neither hash nor download.
            return {"cTag": item.ctag, "file": {"mimeType": "application/msonenote"}}
        if item.content is not None:
            return {
                "@microsoft.graph.downloadUrl": self._download_url(drive, item),
                "cTag": item.ctag,
                "file": self._file(drive, item.name, item.content),
            }
        if item.remote:
            return {"remoteItem": self._remote_item(item.remote)}
        if item.package is not None:
            return {"package": {"type": item.package}}
        facets: dict[str, Any] = {"folder": {"childCount": len(item.children)}}
        if drive.personality == "personal":
            facets["folder"]["view"] = dict(_VIEW)
        if not is_bare(drive, item):
            facets["cTag"] = item.ctag
        if item.special:
            facets["specialFolder"] = {"name": item.special}
        return facets if item.parent else facets | {"root": {}}

    def _download_url(self, drive: Drive, item: Item) -> str:
        version = item.version if item.is_former else None
        return self.links.create(drive, item, self.options.download_url_seconds, version)

    def _file(self, drive: Drive, name: str, content: Content) -> dict[str, Any]:
        """Return the facet. Some files of a consumer have more than one hash."""
        facet: dict[str, Any] = {"mimeType": names.mime_type(name)}
        if content.size or self.quirks.empty_file_hash != "none":
            # Recorded: some files of consumers have sha1 and sha256 as well, in capitals. Which ones is our choice.
            has_more = drive.personality == "personal" and content.size % 2 == 0
            facet["hashes"] = {"quickXorHash": content.quick_xor_hash, **(content.sha_hashes if has_more else {})}
        return facet

    def _remote_item(self, remote: Remote) -> dict[str, Any]:
        """Return the facet of a shortcut. Of a deleted target only the ids remain."""
        drive = self.tenant.drive(remote.drive_id)
        target = drive.live(remote.item_id) if drive else None
        if drive is None or target is None:
            return {"id": remote.item_id, "parentReference": {"driveId": remote.drive_id}}
        return self.remote_item(drive, target)

    def remote_item(self, drive: Drive, target: Item) -> dict[str, Any]:
        """Return an item as another drive shows it."""
        value = self.item_json(drive, target)
        reference = {name: text for name, text in value["parentReference"].items() if name != "path"}
        properties = {name: value[name] for name in (*_REMOTE, *_REMOTE_ALSO) if name in value}
        return {"id": target.id, "parentReference": reference, **properties}

    def _parent_reference(self, drive: Drive, item: Item) -> dict[str, Any]:
        reference: dict[str, Any] = {
            "driveType": drive.library.drive_type,
            "driveId": self.reported_drive_id(drive),
            "siteId": drive.library.site_id,
        }
        if item.parent is None:
            return reference
        path = "".join("/" + _quote(name) for name in item.parent.path_names)
        name = item.parent.name if item.parent.parent else drive.library.segment
        # Measured: the path begins with /drives/{id} for work or school and with /drive for consumers. Documentation
        # says that delta omits it.
        above = f"/drives/{drive.id}" if drive.personality == "business" else "/drive"
        return reference | {"id": item.parent.id, "name": name, "path": f"{above}/root:{path}"}

    def reported_drive_id(self, drive: Drive) -> str:
        """Return the drive's id as items report it: that of a consumer in capitals, unlike the drive itself."""
        if drive.personality == "business":
            return drive.id
        # Seen in answers of consumers' drives. https://github.com/abraunegg/onedrive/issues/3336
        return drive.id.upper().lstrip("0") if self.options.garble_drive_ids else drive.id.upper()


def is_bare(drive: Drive, item: Item) -> bool:
    """Return True for the root of a drive for work or school, which has neither tags nor authors."""
    # https://github.com/OneDrive/onedrive-api-docs/issues/944
    return item.parent is None and drive.personality == "business"


def web_path(drive: Drive, item: Item) -> str:
    """Return the path of the address of the item's page."""
    return drive.library.address + "".join("/" + _quote(name) for name in item.path_names)


def _scope(item: Item) -> str:
    scopes = {permission.scope or "users" for permission in item.permissions}
    return next(scope for scope in ("anonymous", "organization", "users") if scope in scopes)


def _quote(name: str) -> str:
    return quote(name, safe="!$&'()*+,;=@~")
