"""The children of a folder: a page of them, and a new folder among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from airflow_provider_onedrive.emulator.errors.problems import (
    children_of_file,
    invalid_request,
    name_taken,
    not_supported,
)
from airflow_provider_onedrive.emulator.http.messages import Reply, json_reply
from airflow_provider_onedrive.emulator.items import filters, odata, skiptokens, sorting
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.items.destinations import check_conflict
from airflow_provider_onedrive.emulator.items.preconditions import preconditions
from airflow_provider_onedrive.emulator.items.projection import Projection
from airflow_provider_onedrive.emulator.items.shortcuts import Shortcuts
from airflow_provider_onedrive.emulator.items.views import ItemViews
from airflow_provider_onedrive.emulator.model.drive import Item
from airflow_provider_onedrive.emulator.options import Options


@dataclass(frozen=True)
class Children:
    """Lists the children of a folder and creates folders."""

    views: ItemViews
    projection: Projection
    shortcuts: Shortcuts
    options: Options

    def get(self, call: Call) -> Reply:
        """https://learn.microsoft.com/graph/api/driveitem-list-children."""
        self._check_options(call)
        personality, option = call.drive.personality, call.request.option
        order = sorting.parse(option("orderby"), personality)
        wanted = filters.parse(option("filter"), personality, lambda item: self.views.web_url(call.drive, item))
        size, after = self._page_size(call), skiptokens.read(order, option("skiptoken"))
        with call.drive.lock:
            folder = _listed(call)
            # Only a consumer's folder has a cTag that follows its content, so only it can be unchanged.
            if personality == "personal" and preconditions(call.request).is_unchanged(folder):
                return Reply(304, headers={"ETag": folder.ctag})
            items, more = order.page(folder, after, size, wanted)
            value = [self.projection.show(call.drive, item.seen_by(call.by), call.request) for item in items]
        page: dict[str, Any] = {"@odata.context": f"{call.request.graph_url}/v1.0/$metadata#Collection(driveItem)"}
        if more:
            page["@odata.nextLink"] = next_link(call, skiptokens.write(order, items[-1]))
        return json_reply(200, page | {"value": value}, {"ETag": folder.ctag} if personality == "personal" else None)

    def create_folder(self, call: Call) -> Reply:
        """https://learn.microsoft.com/graph/api/driveitem-post-children."""
        body = call.request.json()
        if "remoteItem" in body:
            return self.shortcuts.create(call, body)
        name, conflict = body.get("name"), check_conflict(call.conflict(body), "fail")
        if not isinstance(body.get("folder"), dict) or not isinstance(name, str) or "file" in body:
            raise invalid_request("The body must hold a name and the facet 'folder'.")
        with call.drive.change():
            parent = _folder(call)
            existing = parent.child(name)
            if existing and existing.is_folder and conflict == "replace":
                # Recorded in 2024: the folder stays as it is. It was 409 in 2016.
                return self.projection.reply(call, 200, existing)
            if existing and conflict == "rename":
                name = call.drive.free_name(parent, name, folder=True)
            elif existing:
                raise name_taken()
            return self.projection.reply(call, 201, call.drive.add_folder(parent, name, call.by))

    def _check_options(self, call: Call) -> None:
        """Refuse unsupported options. The service ignores ``$skip``, so only strict mode refuses it."""
        # The service ignores $skip, so a client that pages with it reads the first page for ever.
        if call.request.option("skip") is not None and self.options.strict:
            raise invalid_request(
                "$skip is not supported on this API. Only URLs returned by the API can be used to page."
            )
        for name in ("count", "search"):
            if call.request.option(name) is not None:
                raise not_supported()

    def _page_size(self, call: Call) -> int:
        return odata.page_size(call.request.option("top"), self.options.page_size)


def _listed(call: Call) -> Item:
    item = call.item()
    if not item.is_folder:
        raise children_of_file()
    return _folder(call)


def _folder(call: Call) -> Item:
    item = call.item()
    if not item.is_folder or item.remote:
        raise invalid_request("The item is not a folder.")
    return item


def next_link(call: Call, token: str) -> str:
    """Return the address of this request's next page."""
    wanted = {name: value for name, value in call.request.query.items() if name != "skiptoken"} | {"$skiptoken": token}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in wanted.items())
    # The link repeats the options of the request, because clients follow it as it is.
    return f"{call.request.graph_url}{call.request.raw_path}?{query}"
