"""Items as JSON with the properties that a request selects and expands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote

from airflow_provider_onedrive.emulator.access.permission_views import PermissionViews
from airflow_provider_onedrive.emulator.errors.problems import children_of_file
from airflow_provider_onedrive.emulator.faults.quirks import Quirks
from airflow_provider_onedrive.emulator.http.messages import Reply, Request, json_reply
from airflow_provider_onedrive.emulator.items import odata, skiptokens
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.items.odata import Expansion
from airflow_provider_onedrive.emulator.items.sorting import Order
from airflow_provider_onedrive.emulator.items.views import ItemViews, is_bare
from airflow_provider_onedrive.emulator.model.drive import Drive, Item
from airflow_provider_onedrive.emulator.options import Options

# The default drive of a site; a drive that is named by its id is shown as elsewhere.
_THROUGH_SITE = re.compile(r"/(?:v1\.0|_api/v2\.0)/+sites/(?:(?!/drives/).)*?/drive/", re.DOTALL)


@dataclass(frozen=True)
class Projection:
    """Writes items as JSON with ``$select`` and ``$expand`` of a request."""

    views: ItemViews
    permission_views: PermissionViews
    options: Options
    quirks: Quirks

    def show(self, drive: Drive, item: Item, request: Request) -> dict[str, Any]:
        """Return its JSON. The drive's lock is held."""
        value = self._selected(drive, item, request.option("select"))
        if _THROUGH_SITE.match(request.path):
            self._show_as_of_site(item, value)
        for expansion in _expansions(request):
            value |= self._expanded(drive, item, expansion, request.graph_url)
        return value

    def reply(self, call: Call, status: int, item: Item) -> Reply:
        """Answer with an item.

        :raises Problem: 422, the children of a file are to be expanded.
        """
        if not item.is_folder and any(each.name == "children" for each in _expansions(call.request)):
            raise children_of_file()
        context = f"{call.request.graph_url}/v1.0/$metadata#drives('{call.drive.id}')/items/$entity"
        value = {"@odata.context": context} | self.show(call.drive, item, call.request)
        headers = {} if is_bare(call.drive, item) else {"ETag": item.etag}
        if status == HTTPStatus.CREATED and item.parent:
            headers["Location"] = _location(call, item, item.parent)
        return json_reply(status, value, headers)

    def _selected(self, drive: Drive, item: Item, fields: str | None) -> dict[str, Any]:
        value = self.views.item_json(drive, item)
        # Documented: the facet is returned only if it is selected.
        if fields and "publication" in fields and item.content is not None and drive.personality == "business":
            value["publication"] = _publication(item)
        if fields and "sharepointIds" in fields and drive.personality == "business":
            value["sharepointIds"] = self.views.sharepoint_ids(drive, item)
        return odata.select(value, fields)

    def _show_as_of_site(self, item: Item, value: dict[str, Any]) -> None:
        """Write the path as it is seen through a site: without the drive's id, and at times as plain text."""
        reference = value.get("parentReference")
        if item.parent is None or reference is None:
            return
        path = "/drive" + reference["path"][reference["path"].index("/root:") :]
        reference["path"] = unquote(path) if self.quirks.plain_paths else path

    def _expanded(self, drive: Drive, item: Item, expansion: Expansion, graph_url: str) -> dict[str, Any]:
        if expansion.name == "thumbnails":
            return {"thumbnails": []}
        if expansion.name == "permissions":
            return {"permissions": self.permission_views.all_json(drive, item)}
        size = odata.page_size(expansion.top, self.options.page_size)
        # Expanded children come without their own expansions, and end after one page.
        items, more = item.page(None, size) if item.is_folder else ([], False)
        value: dict[str, Any] = {"children": [self._selected(drive, child, expansion.select) for child in items]}
        if more and expansion.pages:
            value["children@odata.nextLink"] = graph_url + _next_path(drive, item, expansion, items[-1])
        return value


def _location(call: Call, item: Item, parent: Item) -> str:
    """Return the address of a new item, as a child of its folder."""
    folder = f"{call.request.graph_url}/v1.0/drives('{call.drive.id}')/items('{parent.id}')"
    return f"{folder}/children('{item.id}')"


def _expansions(request: Request) -> tuple[Expansion, ...]:
    return odata.expansions(request.option("expand"))


def _publication(item: Item) -> dict[str, Any]:
    """Return the facet, which is written only if it is selected.

    https://learn.microsoft.com/graph/api/resources/publicationfacet
    """
    version = f"{item.version}.0"
    if item.checkout is None:
        return {"level": "published", "versionId": version}
    return {"level": "checkout", "versionId": version, "checkedOutBy": item.checkout.by}


def _next_path(drive: Drive, item: Item, expansion: Expansion, last: Item) -> str:
    wanted = {"$select": expansion.select, "$top": expansion.top, "$skiptoken": skiptokens.write(Order(), last)}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in wanted.items() if value is not None)
    return f"/v1.0/drives/{drive.id}/items/{item.id}/children?{query}"
