"""The items of a library as items of a list.

https://learn.microsoft.com/graph/api/resources/listitem
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.access import authorization
from airflow_provider_onedrive.emulator.access.authorization import Authorization
from airflow_provider_onedrive.emulator.errors.problems import (
    Problem,
    bad_request,
    invalid_request,
    missing_item,
    not_supported,
    unknown_segment,
)
from airflow_provider_onedrive.emulator.http.messages import Reply, Request, json_reply
from airflow_provider_onedrive.emulator.items import locks, odata
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.items.preconditions import preconditions
from airflow_provider_onedrive.emulator.items.projection import Projection
from airflow_provider_onedrive.emulator.items.views import ItemViews
from airflow_provider_onedrive.emulator.model import clock
from airflow_provider_onedrive.emulator.model.drive import Drive, FileTimes, Item
from airflow_provider_onedrive.emulator.sites.drives import Drives
from airflow_provider_onedrive.emulator.sites.site_addresses import SiteAddresses
from airflow_provider_onedrive.emulator.tokens.access_tokens import Token

_EXPANDABLE = frozenset({"fields", "driveItem"})
_NAME = re.compile(r"[A-Za-z_]\w{0,254}", re.ASCII)
_READ_ONLY = frozenset({"id", "ContentType", "Created", "FileLeafRef", "Modified"})


@dataclass(frozen=True)
class ListItems:
    """Answers requests for lists and their items."""

    authorization: Authorization
    addresses: SiteAddresses
    drives: Drives
    projection: Projection
    views: ItemViews

    def respond(self, request: Request, token: Token, drive: Drive, tail: list[str]) -> Reply:
        """Answer ``/lists/{id}`` and ``/list`` of a drive, with the segments after it."""
        _check_library(drive)
        is_writing = authorization.writes(request.method)
        self.authorization.check_drive(token, drive, is_writing=is_writing)
        match request.method, tail:
            case "PATCH", ["items", key, "fields"]:
                return self._change(request, token, drive, lambda: _find(drive, key))
        if is_writing:
            raise Problem(405, "methodNotAllowed", "The HTTP method is not allowed for this resource.")
        with drive.lock:
            return self._read(request, drive, tail)

    def get(self, call: Call) -> Reply:
        """Answer ``/listItem``: the relationship of a driveItem that leads to its item of the list."""
        context = {"@odata.context": f"{call.request.graph_url}/v1.0/$metadata#listItems/$entity"}
        with call.drive.lock:
            return json_reply(200, context | self._json(call.request, call.drive, _item(call)))

    def get_fields(self, call: Call) -> Reply:
        with call.drive.lock:
            return json_reply(200, _fields(call.drive, _item(call), call.request.option("select")))

    def change_fields(self, call: Call) -> Reply:
        """https://learn.microsoft.com/graph/api/listitem-update."""
        return self._change(call.request, call.token, call.drive, lambda: _item(call))

    def _read(self, request: Request, drive: Drive, tail: list[str]) -> Reply:
        match tail:
            case []:
                context = {"@odata.context": f"{request.graph_url}/v1.0/$metadata#lists/$entity"}
                return json_reply(200, context | self.drives.list_json(drive))
            case ["items"]:
                _check_options(request)
                return json_reply(200, {"value": [self._json(request, drive, item) for item in drive.root.walk()]})
            case ["items", key]:
                return json_reply(200, self._json(request, drive, _find(drive, key)))
            # The way from a list item back to the file.
            case ["items", key, "driveItem"]:
                return json_reply(200, self.projection.show(drive, _find(drive, key), request))
            case ["items", key, "fields"]:
                return json_reply(200, _fields(drive, _find(drive, key), request.option("select")))
        raise unknown_segment(tail[-1])

    def _change(self, request: Request, token: Token, drive: Drive, find: Callable[[], Item]) -> Reply:
        """Set columns; null removes one."""
        given = request.json()
        for name in given:
            if not _NAME.fullmatch(name) or name in _READ_ONLY:
                raise invalid_request(f"Field '{name[:100]}' is not recognized or is read-only.")
        with drive.change() as change:
            item = find()
            preconditions(request).check(item, "resourceModified")
            locks.check(drive, item, token.identity, request.operation)
            change.edit(item)
            item.columns = {name: value for name, value in (item.columns | given).items() if value is not None}
            item.touch(token.identity, FileTimes(modified=item.client_modified))
            return json_reply(200, _fields(drive, item, None))

    def _json(self, request: Request, drive: Drive, item: Item) -> dict[str, Any]:
        library, parent = drive.library, item.parent or drive.root
        value = {
            "@odata.etag": item.list_etag,
            # The ids of SharePoint's own content types, the same in every library.
            "contentType": {"id": "0x0120" if item.is_folder else "0x0101", "name": _kind(item)},
            "createdBy": item.by,
            "createdDateTime": clock.text(item.created),
            "eTag": item.list_etag,
            "id": str(drive.number(item)),
            "lastModifiedBy": item.modified_by,
            "lastModifiedDateTime": clock.text(item.modified),
            "parentReference": {
                "id": str(parent.guid),
                "siteId": f"{self.addresses.host},{library.site_id},{library.web_id}",
            },
            "webUrl": self.views.web_url(drive, item),
        }
        for each in odata.expansions(request.option("expand"), _EXPANDABLE):
            is_fields = each.name == "fields"
            shown = _fields(drive, item, each.select) if is_fields else self.views.item_json(drive, item)
            value[each.name] = shown
        return value


def _item(call: Call) -> Item:
    _check_library(call.drive)
    item = call.item()
    # The root folder of a library is not an item of its list.
    if item is call.drive.root:
        raise missing_item()
    return item


def _check_library(drive: Drive) -> None:
    if drive.personality == "personal":
        raise bad_request("This API is not supported for MSA accounts")


def _check_options(request: Request) -> None:
    """Refuse what would change the answer and is not served: nothing is ignored silently."""
    for name in ("filter", "orderby", "search", "count", "skiptoken"):
        if request.option(name) is not None:
            raise not_supported()


def _find(drive: Drive, key: str) -> Item:
    """Find by number or by the item's own GUID."""
    try:
        item = drive.numbered(int(key)) if key.isascii() and key.isdigit() else drive.get(str(uuid.UUID(key)))
    except ValueError:
        item = None
    if item is None:
        raise missing_item()
    return item


def _fields(drive: Drive, item: Item, names: str | None) -> dict[str, Any]:
    value = {
        "id": str(drive.number(item)),
        "ContentType": _kind(item),
        "Created": clock.text(item.created),
        "FileLeafRef": item.name,
        "Modified": clock.text(item.modified),
    }
    return {"@odata.etag": item.list_etag, **odata.select({**value, **item.columns}, names)}


def _kind(item: Item) -> str:
    return "Folder" if item.is_folder else "Document"
