"""An item as a request wants to see it: what it selects, and what it expands."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from airflow_provider_onedrive.emulator.access import permission_views
from airflow_provider_onedrive.emulator.http.messages import Request
from airflow_provider_onedrive.emulator.items import odata as options
from airflow_provider_onedrive.emulator.items import skiptokens, views
from airflow_provider_onedrive.emulator.items.odata import Expansion
from airflow_provider_onedrive.emulator.items.sorting import Order
from airflow_provider_onedrive.emulator.model.drive import Drive, Item
from airflow_provider_onedrive.emulator.server.state import World


def show(world: World, drive: Drive, item: Item, request: Request) -> dict[str, Any]:
    """Return its JSON. The drive's lock is held."""
    value = _selected(world, drive, item, request.option("select"))
    for expansion in options.expansions(request.option("expand")):
        value |= _expanded(world, drive, item, expansion)
    return value


def _selected(world: World, drive: Drive, item: Item, fields: str | None) -> dict[str, Any]:
    value = views.item_json(world, drive, item)
    if fields and "publication" in fields and item.content is not None and drive.personality == "business":
        value["publication"] = _publication(item)
    if fields and "sharepointIds" in fields and drive.personality == "business":
        value["sharepointIds"] = views.sharepoint_ids(world, drive, item)
    return views.select(value, fields)


def _publication(item: Item) -> dict[str, Any]:
    """https://learn.microsoft.com/graph/api/resources/publicationfacet; shown to who selects it."""
    version = f"{item.version}.0"
    if item.checkout is None:
        return {"level": "published", "versionId": version}
    return {"level": "checkout", "versionId": version, "checkedOutBy": item.checkout.by}


def _expanded(world: World, drive: Drive, item: Item, expansion: Expansion) -> dict[str, Any]:
    if expansion.name == "thumbnails":
        return {"thumbnails": []}
    if expansion.name == "permissions":
        return {"permissions": permission_views.all_json(world, drive, item)}
    size = options.page_size(expansion.top, world.options.page_size)
    items, more = item.page(None, size) if item.is_folder else ([], False)
    value: dict[str, Any] = {"children": [_selected(world, drive, child, expansion.select) for child in items]}
    if more and expansion.pages:
        value["children@odata.nextLink"] = _next_link(world, drive, item, expansion, items[-1])
    return value


def _next_link(world: World, drive: Drive, item: Item, expansion: Expansion, last: Item) -> str:
    wanted = {"$select": expansion.select, "$top": expansion.top, "$skiptoken": skiptokens.write(Order(), last)}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in wanted.items() if value is not None)
    return f"{world.graph_url}/v1.0/drives/{drive.id}/items/{item.id}/children?{query}"
