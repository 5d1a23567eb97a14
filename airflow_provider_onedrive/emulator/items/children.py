"""The children of a folder: a page of them, and a new folder among them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from airflow_provider_onedrive.emulator.errors.problems import invalid_request, name_taken, not_supported
from airflow_provider_onedrive.emulator.http.messages import Reply, json_reply
from airflow_provider_onedrive.emulator.items import filters, shortcuts, skiptokens, views
from airflow_provider_onedrive.emulator.items import odata as options
from airflow_provider_onedrive.emulator.items import projection as showing
from airflow_provider_onedrive.emulator.items import sorting as orders
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.items.destinations import check_conflict
from airflow_provider_onedrive.emulator.items.preconditions import preconditions
from airflow_provider_onedrive.emulator.model.drive import Item


def get(call: Call) -> Reply:
    """https://learn.microsoft.com/graph/api/driveitem-list-children."""
    _check_options(call)
    personality, option = call.drive.personality, call.request.option
    order = orders.parse(option("orderby"), personality)
    wanted = filters.parse(option("filter"), personality, lambda item: views.web_url(call.world, call.drive, item))
    size, after = _page_size(call), skiptokens.read(order, option("skiptoken"))
    with call.drive.lock:
        folder = _folder(call)
        if personality == "personal" and preconditions(call.request).is_unchanged(folder):
            return Reply(304, headers={"ETag": folder.ctag})
        items, more = order.page(folder, after, size, wanted)
        value = [showing.show(call.world, call.drive, item, call.request) for item in items]
    page: dict[str, Any] = {"@odata.context": f"{call.world.graph_url}/v1.0/$metadata#Collection(driveItem)"}
    if more:
        page["@odata.nextLink"] = next_link(call, skiptokens.write(order, items[-1]))
    return json_reply(200, page | {"value": value}, {"ETag": folder.ctag} if personality == "personal" else None)


def create_folder(call: Call) -> Reply:
    """https://learn.microsoft.com/graph/api/driveitem-post-children."""
    body = call.request.json()
    if "remoteItem" in body:
        return shortcuts.create(call, body)
    name, conflict = body.get("name"), check_conflict(call.conflict(body), "fail")
    if not isinstance(body.get("folder"), dict) or not isinstance(name, str) or "file" in body:
        raise invalid_request("The body must hold a name and the facet 'folder'.")
    with call.drive.change():
        parent = _folder(call)
        if parent.child(name) and conflict == "rename":
            name = call.drive.free_name(parent, name, folder=True)
        elif parent.child(name):
            # Not even `replace` replaces a folder.
            raise name_taken()
        return call.reply(201, call.drive.add_folder(parent, name, call.by))


def _folder(call: Call) -> Item:
    item = call.item()
    if not item.is_folder or item.remote:
        raise invalid_request("The item is not a folder.")
    return item


def next_link(call: Call, token: str) -> str:
    """Return the address of this request's next page."""
    wanted = {name: value for name, value in call.request.query.items() if name != "skiptoken"} | {"$skiptoken": token}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in wanted.items())
    return f"{call.world.graph_url}{call.request.raw_path}?{query}"


def _check_options(call: Call) -> None:
    """Refuse what would have to be passed over; ``$skip`` the service passes over, and only strictness refuses it."""
    if call.request.option("skip") is not None and call.world.options.strict:
        raise invalid_request("$skip is not supported on this API. Only URLs returned by the API can be used to page.")
    for name in ("count", "search"):
        if call.request.option(name) is not None:
            raise not_supported()


def _page_size(call: Call) -> int:
    return options.page_size(call.request.option("top"), call.world.options.page_size)
