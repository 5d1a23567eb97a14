"""The items of a library as items of a list.

https://learn.microsoft.com/graph/api/resources/listitem
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.access import authorization
from airflow_provider_onedrive.emulator.access.authorization import Authorization
from airflow_provider_onedrive.emulator.errors.problems import Problem, bad_request, missing_item, unknown_segment
from airflow_provider_onedrive.emulator.http.messages import Reply, Request, json_reply
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.items.projection import Projection
from airflow_provider_onedrive.emulator.items.views import ItemViews
from airflow_provider_onedrive.emulator.model import clock
from airflow_provider_onedrive.emulator.model.drive import Drive, Item
from airflow_provider_onedrive.emulator.sites.drives import Drives
from airflow_provider_onedrive.emulator.tokens.access_tokens import Token


@dataclass(frozen=True)
class ListItems:
    """Answers requests for lists and their items."""

    authorization: Authorization
    drives: Drives
    projection: Projection
    views: ItemViews

    def respond(self, request: Request, token: Token, drive: Drive, tail: list[str]) -> Reply:
        """Answer ``/lists/{id}`` and the segments after it."""
        is_writing = authorization.writes(request.method)
        self.authorization.check_drive(token, drive, is_writing=is_writing)
        if is_writing:
            raise Problem(405, "methodNotAllowed", "The HTTP method is not allowed for this resource.")
        context = {"@odata.context": f"{request.graph_url}/v1.0/$metadata#lists/$entity"}
        with drive.lock:
            match tail:
                case []:
                    return json_reply(200, context | self.drives.list_json(drive))
                case ["items"]:
                    value = [self._json(drive, item) for item in drive.root.walk()]
                    return json_reply(200, {"value": value})
                case ["items", key]:
                    return json_reply(200, self._json(drive, _find(drive, key)))
                # The way from a list item back to the file.
                case ["items", key, "driveItem"]:
                    return json_reply(200, self.projection.show(drive, _find(drive, key), request))
                case ["items", key, "fields"]:
                    return json_reply(200, _fields(drive, _find(drive, key)))
        raise unknown_segment(tail[-1])

    def get(self, call: Call) -> Reply:
        """Answer ``/listItem``: the relationship of a driveItem that leads to its item of the list."""
        drive = call.drive
        if drive.personality == "personal":
            raise bad_request("This API is not supported for MSA accounts")
        context = {"@odata.context": f"{call.request.graph_url}/v1.0/$metadata#listItems/$entity"}
        with drive.lock:
            item = call.item()
            # The root folder of a library is not an item of its list.
            if item is drive.root:
                raise missing_item()
            return json_reply(200, context | self._json(drive, item))

    def _json(self, drive: Drive, item: Item) -> dict[str, Any]:
        return {
            # The ids of SharePoint's own content types, the same in every library.
            "contentType": {"id": "0x0120" if item.is_folder else "0x0101", "name": _kind(item)},
            "createdBy": item.by,
            "createdDateTime": clock.text(item.created),
            "eTag": item.etag,
            "id": str(drive.number(item)),
            "lastModifiedBy": item.modified_by,
            "lastModifiedDateTime": clock.text(item.modified),
            "parentReference": {"siteId": drive.library.site_id},
            "webUrl": self.views.web_url(drive, item),
        }


def _find(drive: Drive, key: str) -> Item:
    """Find by number or by the item's own GUID."""
    try:
        item = drive.numbered(int(key)) if key.isascii() and key.isdigit() else drive.get(str(uuid.UUID(key)))
    except ValueError:
        item = None
    if item is None:
        raise missing_item()
    return item


def _fields(drive: Drive, item: Item) -> dict[str, Any]:
    return {"id": str(drive.number(item)), "ContentType": _kind(item), "FileLeafRef": item.name}


def _kind(item: Item) -> str:
    return "Folder" if item.is_folder else "Document"
