"""The children of a folder: a page of them, and a new folder among them."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

from airflow_provider_onedrive.emulator import names, views
from airflow_provider_onedrive.emulator.calls import Call
from airflow_provider_onedrive.emulator.problems import invalid_request, name_taken, not_supported
from airflow_provider_onedrive.emulator.tree import Item, SortKey
from airflow_provider_onedrive.emulator.wire import Reply, json_reply
from airflow_provider_onedrive.emulator.writing import check_conflict

MAX_PAGE_SIZE = 1000


def get(call: Call) -> Reply:
    """https://learn.microsoft.com/graph/api/driveitem-list-children."""
    size, after = _check_options(call)
    with call.drive.lock:
        items, more = _folder(call).page(after, size)
        fields = call.request.option("select")
        value = [views.select(views.item_json(call.world, call.drive, item), fields) for item in items]
    page: dict[str, Any] = {"@odata.context": f"{call.world.graph_url}/v1.0/$metadata#Collection(driveItem)"}
    if more:
        page["@odata.nextLink"] = _next_link(call, items[-1])
    return json_reply(200, page | {"value": value})


def create_folder(call: Call) -> Reply:
    """https://learn.microsoft.com/graph/api/driveitem-post-children."""
    body = call.request.json()
    name, conflict = body.get("name"), check_conflict(call.conflict(body), "fail")
    if not isinstance(body.get("folder"), dict) or not isinstance(name, str) or "file" in body:
        raise invalid_request("The body must hold a name and the facet 'folder'.")
    with call.drive.lock:
        parent = _folder(call)
        if parent.child(name) and conflict == "rename":
            name = call.drive.free_name(parent, name, folder=True)
        elif parent.child(name):
            # Not even `replace` replaces a folder.
            raise name_taken()
        return call.reply(201, call.drive.add_folder(parent, name, call.by))


def _folder(call: Call) -> Item:
    item = call.item()
    if not item.is_folder:
        raise invalid_request("The item is not a folder.")
    return item


def _check_options(call: Call) -> tuple[int, SortKey | None]:
    if call.request.option("skip") is not None:
        raise invalid_request("$skip is not supported on this API. Only URLs returned by the API can be used to page.")
    for name in ("filter", "expand", "orderby", "count", "search"):
        if call.request.option(name) is not None:
            raise not_supported()
    return _page_size(call), _position(call.request.option("skiptoken"))


def _page_size(call: Call) -> int:
    top = call.request.option("top")
    if top is None:
        return call.world.options.page_size
    if not top.isascii() or not top.isdigit() or int(top[:9]) == 0:
        raise invalid_request("Invalid page size specified: must be a positive number.")
    return min(int(top[:9]), MAX_PAGE_SIZE)


def _next_link(call: Call, last: Item) -> str:
    """Return an opaque position, packed as SharePoint packs its own."""
    position = {"Paged": "TRUE", "p_SortBehavior": int(last.is_folder), "p_FileLeafRef": last.name, "p_ID": last.id}
    token = base64.urlsafe_b64encode(urlencode(position).encode()).decode()
    options = call.request.query | {"$skiptoken": token}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items())
    return f"{call.world.graph_url}{call.request.raw_path}?{query}"


def _position(token: str | None) -> SortKey | None:
    if token is None:
        return None
    try:
        position = parse_qs(base64.urlsafe_b64decode(token).decode(), strict_parsing=True)
        return (1 - int(position["p_SortBehavior"][0]), names.key(position["p_FileLeafRef"][0]))
    except (ValueError, KeyError):
        raise invalid_request("The skip token is malformed.") from None
