"""Flows of delta: all items of a drive, and later their changes, page by page.

https://learn.microsoft.com/en-us/graph/api/driveitem-delta
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from airflow_provider_onedrive.graph.flows.items import ITEM_FIELDS, explain_missing
from airflow_provider_onedrive.graph.flows.pages import PAGE_ITEMS, PageLinks, page_of
from airflow_provider_onedrive.graph.protocol.addresses import Address, quote_name
from airflow_provider_onedrive.graph.protocol.errors import BadRequest, ItemNotFound, ResyncRequired, ServiceUnavailable
from airflow_provider_onedrive.graph.protocol.fields import nested, optional
from airflow_provider_onedrive.graph.protocol.messages import Flow, Page, Request
from airflow_provider_onedrive.graph.protocol.models import DriveItem

# For a token that is not Graph's it answers 400 "Provided sync token is malformed", on both kinds of drives.
CURSOR_LOST = (ResyncRequired, BadRequest)
"""Graph's answers to a cursor that it cannot continue from: it is too old (410), or not one of its own (400)."""


@dataclass(frozen=True)
class Round:
    """All changes of a drive from one cursor to the next.

    :param items: the latest state of each item that changed, as Graph sends it.
    :param cursor: where the next round begins.
    """

    items: Sequence[Mapping[str, Any]]
    cursor: str


@dataclass
class DeltaPathResolver:
    """Finds the paths of delta's items: an item may name only the id of its folder, and come before that folder.

    :param address: of the drive's root; names the items.
    """

    address: Address
    _paths: dict[str, str] = field(default_factory=dict)
    _waiting: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def items(self, data: Mapping[str, Any]) -> Iterator[DriveItem]:
        """Yield an item as soon as its path is certain, and the items that waited for it; each item once."""
        # A list instead of a recursion: a chain of waiting folders may be longer than Python's stack.
        ready = [data]
        while ready:
            each = ready.pop()
            if "deleted" in each or each["id"] in self._seen:
                continue
            if (above := self._path_above(each)) is None:
                self._waiting.setdefault(_parent_id(each), []).append(each)
                continue
            self._seen.add(each["id"])
            path = ""
            if "root" not in each:
                item = DriveItem.from_json(_with_path(each, above), self.address.locate)
                path = f"{above}/{quote_name(item.name)}"
                yield item
            if "folder" in each or "root" in each:
                self._paths[each["id"]] = path
                ready += reversed(self._waiting.pop(each["id"], []))

    def homeless(self) -> Iterator[Mapping[str, Any]]:
        """Yield the items whose folder never came, because it was moved meanwhile."""
        return chain.from_iterable(self._waiting.values())

    def _path_above(self, data: Mapping[str, Any]) -> str | None:
        """Return the quoted path of an item's folder; None if it is not known yet."""
        if "root" in data:
            return ""
        path = optional(nested(data, "parentReference"), "path", str)
        stated = None if path is None else path.partition("root:")[2]
        # Microsoft's page says that delta leaves the path out; it was there on every drive that was measured.
        return self._paths.get(_parent_id(data), stated)


def page(address: Address, page_url: str | None) -> Flow[Page]:
    """Read one page of everything below a drive's root, as Graph sends it.

    :param address: of the root of a drive.
    :param page_url: the ``next_url`` of the page before; None for the first.
    """
    # A link has the query of the first request in it, and must be followed as it is.
    url = page_url or f"{address.url('delta')}?$top={PAGE_ITEMS}&$select={ITEM_FIELDS},deleted"
    try:
        response = yield Request("GET", url)
    except ItemNotFound as missing:
        raise (yield from explain_missing(address, missing)) from None
    return page_of(response)


def since(address: Address, cursor: str) -> Flow[Round]:
    """Read a whole round; of an item that comes several times only the last state counts.

    :param address: of the root of a drive.
    :raises OneDriveError: one of :data:`CURSOR_LOST` if everything has to be listed again.
    """
    links = PageLinks(address.url("delta"), cursor)
    url: str | None = cursor
    latest_states: dict[str, Mapping[str, Any]] = {}
    while url is not None:
        read = yield from page(address, url)
        # By Microsoft's advice: https://learn.microsoft.com/en-us/graph/api/driveitem-delta#remarks
        latest_states |= {data["id"]: data for data in read.items}
        url, cursor = links.next_url(read), read.delta_url or cursor
    return Round(tuple(latest_states.values()), cursor)


def latest(address: Address) -> Flow[str]:
    """Return the cursor of the present moment.

    :param address: of the root of a drive.
    """
    links = PageLinks(address.url("delta"))
    # The fields are named already here, because the cursor keeps them for all later rounds.
    url: str | None = f"{address.url('delta')}?token=latest&$select={ITEM_FIELDS},deleted"
    while url is not None:
        read = page_of((yield Request("GET", url)))
        if read.delta_url is not None:
            return read.delta_url
        url = links.next_url(read)
    raise ServiceUnavailable("Graph ended a round of delta without a cursor", method="GET", path=address.url("delta"))


def _parent_id(data: Mapping[str, Any]) -> str:
    return optional(nested(data, "parentReference"), "id", str) or ""


def _with_path(data: Mapping[str, Any], above: str) -> Mapping[str, Any]:
    return {**data, "parentReference": {**nested(data, "parentReference"), "path": f"/drive/root:{above}"}}
