"""Flows of delta: everything below the root of a drive, page by page.

https://learn.microsoft.com/en-us/graph/api/driveitem-delta
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from airflow_provider_onedrive.graph.flows.items import (
    ITEM_FIELDS,
    PAGE_ITEMS,
    children,
    explain_missing,
    stat_or_none,
)
from airflow_provider_onedrive.graph.protocol.errors import BadRequest, ItemNotFound, ResyncRequired
from airflow_provider_onedrive.graph.protocol.locations import Address, quote_name
from airflow_provider_onedrive.graph.protocol.messages import Flow, Page, Request, Response
from airflow_provider_onedrive.graph.protocol.models import DriveItem

CURSOR_LOST = (ResyncRequired, BadRequest)
"""What Graph says of a cursor that it does not go on with: too old (410), or none of its own (400)."""


@dataclass(frozen=True)
class Round:
    """What delta tells at once.

    :param items: the latest state of each item of the drive that changed, as Graph sends it.
    :param cursor: where the next round goes on.
    """

    items: Sequence[Mapping[str, Any]]
    cursor: str


@dataclass
class DeltaPathResolver:
    """Knows where folders lie: an item of delta may say only which folder it is in, and come before that folder.

    :param address: of the drive's root; names the items.
    """

    address: Address
    _paths: dict[str, str] = field(default_factory=dict)
    _waiting: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def items(self, data: Mapping[str, Any]) -> Iterator[DriveItem]:
        """Give an item, and those that waited for it as their folder; each item once."""
        if "deleted" in data or data["id"] in self._seen:
            return
        if "root" in data:
            self._seen.add(data["id"])
            yield from self._placed(data["id"], "")
            return
        parent = data.get("parentReference") or {}
        above = self._paths.get(parent.get("id", ""), _path_of(parent))
        if above is None:
            self._waiting.setdefault(parent.get("id", ""), []).append(data)
            return
        self._seen.add(data["id"])
        item = DriveItem.from_json(_with_path(data, above), self.address.locate)
        yield item
        if item.is_folder:
            yield from self._placed(item.id, f"{above}/{quote_name(item.name)}")

    def homeless(self) -> Iterator[tuple[str, str]]:
        """Give drive and id of the items whose folder never came, as when it was moved meanwhile."""
        for data in chain.from_iterable(self._waiting.values()):
            yield str((data.get("parentReference") or {}).get("driveId", "")), data["id"]

    def _placed(self, folder_id: str, path: str) -> Iterator[DriveItem]:
        self._paths[folder_id] = path
        for data in self._waiting.pop(folder_id, ()):
            yield from self.items(data)


def page(address: Address, page_url: str | None) -> Flow[Page]:
    """Read one page of everything below a drive's root, as Graph sends it.

    :param address: of the root of a drive.
    :param page_url: the ``next_url`` of the page before; None for the first.
    """
    url = page_url or f"{address.url('delta')}?$top={PAGE_ITEMS}&$select={ITEM_FIELDS},deleted"
    try:
        response = yield Request("GET", url)
    except ItemNotFound as missing:
        raise (yield from explain_missing(address, missing)) from None
    return _page(response)


def since(address: Address, cursor: str) -> Flow[Round]:
    """Read a whole round; of an item that comes several times the last state is the one that counts.

    :param address: of the root of a drive.
    :raises OneDriveError: one of :data:`CURSOR_LOST` where all has to be listed again.
    """
    url: str | None = cursor
    known: dict[str, Mapping[str, Any]] = {}
    while url is not None:
        read = yield from page(address, url)
        known |= {data["id"]: data for data in read.items}
        url, cursor = read.next_url, read.delta_url or cursor
    return Round(tuple(known.values()), cursor)


def everything(address: Address, *, has_delta: bool) -> Flow[list[DriveItem]]:
    """List everything below a folder, page after page: of a whole drive by delta, where that can be relied on."""
    if address.is_drive_root and has_delta:
        return (yield from _drive(address))
    found: list[DriveItem] = []
    waiting: list[tuple[Address, str | None]] = [(address, None)]
    while waiting:
        folder, url = waiting.pop()
        try:
            read = yield from children(folder, url)
        except ItemNotFound:
            if folder is address:
                raise
            continue  # it has gone since it was found
        found += read.items
        waiting += [(address.by_id(item.drive_id, item.id), None) for item in read.items if item.may_hold_something]
        if read.next_url is not None:
            waiting.append((folder, read.next_url))
    return found


def _drive(address: Address) -> Flow[list[DriveItem]]:
    tree, url = DeltaPathResolver(address), None
    found: list[DriveItem] = []
    while True:
        read = yield from page(address, url)
        for data in read.items:
            found += tree.items(data)
        if (url := read.next_url) is None:
            break
    for drive_id, item_id in tree.homeless():
        item = yield from stat_or_none(address.by_id(drive_id, item_id))
        found += [item] if item is not None else []
    return found


def latest(address: Address) -> Flow[str]:
    """Ask where delta will go on after all that has happened until now.

    :param address: of the root of a drive.
    """
    response = yield Request("GET", f"{address.url('delta')}?token=latest&$select={ITEM_FIELDS},deleted")
    while (page := _page(response)).delta_url is None:
        response = yield Request("GET", str(page.next_url))
    return page.delta_url


def _page(response: Response) -> Page:
    known = response.json
    return Page(tuple(known["value"]), known.get("@odata.nextLink"), delta_url=known.get("@odata.deltaLink"))


def _path_of(parent: Mapping[str, Any]) -> str | None:
    """Read where an item's folder lies, if the item says so."""
    return str(parent["path"]).partition("root:")[2] if "path" in parent else None


def _with_path(data: Mapping[str, Any], above: str) -> Mapping[str, Any]:
    return {**data, "parentReference": {**data["parentReference"], "path": f"/drive/root:{above}"}}
