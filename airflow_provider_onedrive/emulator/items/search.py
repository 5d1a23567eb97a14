"""Search below a folder.

https://learn.microsoft.com/graph/api/driveitem-search
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.errors.problems import bad_request, invalid_request
from airflow_provider_onedrive.emulator.faults.quirks import Quirks
from airflow_provider_onedrive.emulator.http.messages import Reply, json_reply
from airflow_provider_onedrive.emulator.items import odata, skiptokens
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.items.children import next_link
from airflow_provider_onedrive.emulator.items.projection import Projection
from airflow_provider_onedrive.emulator.model import names
from airflow_provider_onedrive.emulator.model.drive import Drive, Item
from airflow_provider_onedrive.emulator.options import Options

_FUNCTION = re.compile(r"(?:microsoft\.graph\.)?search\(q='((?:[^']|'')*)'\)", re.DOTALL)
# The index does not hold them.
_NOT_INDEXED = ("createdBy", "lastModifiedBy")
_POSITION = re.compile(r"position=(.*)", re.DOTALL)


@dataclass(frozen=True)
class Search:
    """Searches below a folder."""

    projection: Projection
    quirks: Quirks
    options: Options

    def get(self, call: Call) -> Reply:
        """Find by name, and answer by the page."""
        text = _text(call.tail[-1])
        size = odata.page_size(call.request.option("top"), self.options.page_size)
        after = _position(call.request.option("skiptoken"))
        with call.drive.lock:
            folder = call.item()
            if not folder.is_folder:
                raise invalid_request("The item is not a folder.")
            matches = sorted(indexed(self.quirks, matching(folder, text), counts=after is None), key=_path_key)
            rest = [item for item in matches if after is None or _path_key(item) > after]
            value = [self._json(call, item) for item in rest[:size]]
        page: dict[str, Any] = {"@odata.context": f"{call.request.graph_url}/v1.0/$metadata#Collection(driveItem)"}
        if len(rest) > size:
            page["@odata.nextLink"] = next_link(call, skiptokens.pack(f"position={_path_key(rest[size - 1])}"))
        return json_reply(200, page | {"value": value})

    def _json(self, call: Call, item: Item) -> dict[str, Any]:
        value = without_path(call.drive, self.projection.show(call.drive, item, call.request))
        if "webUrl" in value:
            # Recorded: searches and delta name an Office file itself, not its editor.
            value["webUrl"] = self.projection.views.web_url(call.drive, item)
        return value if call.request.option("select") else value | {"searchResult": {}}


def is_function(segment: str) -> bool:
    return segment.removeprefix("microsoft.graph.").startswith("search(")


def matching(folder: Item, text: str) -> Iterator[Item]:
    """Yield the items whose names contain every word of the text. An empty text matches all."""
    # Every word must occur; the order and the rest of the name do not matter.
    words = [word.strip('*"') for word in names.key(text).split()]
    return _below(folder, lambda item: all(word in names.key(item.name) for word in words))


def indexed(quirks: Quirks, items: Iterator[Item], *, counts: bool = True) -> Iterator[Item]:
    """Yield the items that the index contains already.

    :param counts: this is a new search and not the next page of one.
    """
    for item in items:
        is_hidden = quirks.take_first if counts else quirks.is_due
        if not is_hidden("unindexed_searches", item.id):
            yield item


# Documented for driveItem: search: business results may lack createdBy, lastModifiedBy and the path.
def without_path(drive: Drive, value: dict[str, Any]) -> dict[str, Any]:
    """Remove the properties that the index of a business account does not contain."""
    if drive.personality == "personal":
        return value
    reference = {name: content for name, content in value.get("parentReference", {}).items() if name != "path"}
    shown = {name: content for name, content in value.items() if name not in _NOT_INDEXED}
    return shown | ({"parentReference": reference} if reference else {})


def _below(folder: Item, wanted: Callable[[Item], bool]) -> Iterator[Item]:
    return (item for item in folder.walk() if wanted(item))


def _text(segment: str) -> str:
    """Return the text between the quotation marks, in which a quotation mark is doubled."""
    match = _FUNCTION.fullmatch(segment)
    if match is None:
        raise bad_request(f"Syntax error: the function '{segment[:100]}' cannot be read.")
    return match[1].replace("''", "'")


def _position(token: str | None) -> str | None:
    if token is None:
        return None
    try:
        match = _POSITION.fullmatch(skiptokens.unpack(token))
    except ValueError:
        match = None
    if match is None:
        raise skiptokens.malformed()
    return match[1]


def _path_key(item: Item) -> str:
    return names.key(item.path)
