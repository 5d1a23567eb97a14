"""Flows of delta: all items of a drive, and later their changes, page by page.

https://learn.microsoft.com/en-us/graph/api/driveitem-delta
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from urllib.parse import unquote

from airflow_provider_onedrive.graph.flows.items import ITEM_FIELDS, ask, unless_denied_for_long
from airflow_provider_onedrive.graph.flows.pages import PAGE_ITEMS, PageLinks, check_delta, page_of
from airflow_provider_onedrive.graph.protocol.addresses import Address, quote_name
from airflow_provider_onedrive.graph.protocol.errors import (
    BadRequest,
    ResyncRequired,
    ServiceUnavailable,
    UnreadableAnswer,
)
from airflow_provider_onedrive.graph.protocol.fields import nested, optional
from airflow_provider_onedrive.graph.protocol.item_states import (
    State,
    UnusableItem,
    is_deleted,
    is_root,
    may_be_folder,
    parent_id_of,
    read_item,
)
from airflow_provider_onedrive.graph.protocol.messages import Flow, Page, Request, Response
from airflow_provider_onedrive.graph.protocol.models import DriveItem

# For a token that is not Graph's it answers 400 "Provided sync token is malformed", on both kinds of drives.
CURSOR_LOST = (ResyncRequired, BadRequest)
"""Graph's answers to a cursor that it cannot continue from: it is too old (410), or not one of its own (400)."""


@dataclass(frozen=True)
class Round:
    """All changes of a drive from one cursor to the next.

    :param items: the latest state of each item that changed, as Graph sends it.
    :param cursor: where the next round begins.
    :param is_whole: whether each event says which item it is about; else nobody knows what the others are about.
    """

    items: Sequence[State]
    cursor: str
    is_whole: bool = True


@dataclass
class DeltaPathResolver:
    """Finds the paths of delta's items: an item may name only the id of its folder, and come before that folder.

    :param address: of the drive's root; names the items.
    """

    address: Address
    _paths: dict[str, str] = field(default_factory=dict)
    _waiting: dict[str, list[State]] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _drive_id: str | None = None

    def items(self, data: State) -> Iterator[DriveItem | UnusableItem]:
        """Yield an item as soon as its path is certain, and the items that waited for it; each item once."""
        # A list instead of a recursion: a chain of waiting folders may be longer than Python's stack.
        ready = [data]
        while ready:
            each = ready.pop()
            if is_deleted(each) or each["id"] in self._seen:
                continue
            if (above := self._path_above(each)) is None:
                self._waiting.setdefault(parent_id_of(each) or "", []).append(each)
                continue
            self._seen.add(each["id"])
            path: str | None = ""
            if not is_root(each):
                item = self._item(each, above)
                path = _path_of(item, above)
                yield item
            if path is not None and (is_root(each) or may_be_folder(each)):
                self._paths[each["id"]] = path
                ready += reversed(self._waiting.pop(each["id"], []))

    def homeless(self) -> Iterator[State]:
        """Yield the items whose folder never came, because it was moved meanwhile."""
        return chain.from_iterable(self._waiting.values())

    def _item(self, data: State, above: str) -> DriveItem | UnusableItem:
        try:
            return read_item(self.in_drive(data, path=f"/drive/root:{above}"), self.address.locate)
        except UnreadableAnswer as error:
            return UnusableItem.of(data, error, unquote(above).strip("/"))

    def in_drive(self, data: State, **more: str) -> State:
        """Return an item with the id of the drive, which all its items have in common.

        :param more: other properties of its ``parentReference``.
        :raises UnreadableAnswer: if that cannot be read.
        """
        parent = nested(data, "parentReference")
        self._drive_id = self._drive_id or optional(parent, "driveId", str)
        return {**data, "parentReference": {**parent, "driveId": parent.get("driveId") or self._drive_id, **more}}

    def _path_above(self, data: State) -> str | None:
        """Return the quoted path of an item's folder; None if it is not known yet."""
        if is_root(data):
            return ""
        parent = data.get("parentReference")
        path = parent.get("path") if isinstance(parent, dict) else None
        # Microsoft's page says that delta leaves the path out; it was there on every drive that was measured.
        stated = path.partition("root:")[2] if isinstance(path, str) else None
        return self._paths.get(parent_id_of(data) or "", stated)


def page(address: Address, page_url: str | None, *, was_read: bool = False) -> Flow[Page]:
    """Read one page of everything below a drive's root, as Graph sends it.

    :param address: of the root of a drive.
    :param page_url: the ``next_url`` of the page before; None for the first.
    :param was_read: whether the drive could be read before, so that a refusal may pass.
    """

    def asked(failures: int) -> Flow[Response]:
        return ask(address, Request("GET", url, failures=failures, reads=check_delta))

    # A link has the query of the first request in it, and must be followed as it is.
    url = page_url or f"{address.url('delta')}?$top={PAGE_ITEMS}&$select={ITEM_FIELDS},deleted"
    response = yield from unless_denied_for_long(asked, was_read=was_read)
    return page_of(response)


def since(address: Address, cursor: str) -> Flow[Round]:
    """Read a whole round; of an item that comes several times only the last state counts.

    :param address: of the root of a drive.
    :raises OneDriveError: one of :data:`CURSOR_LOST` if everything has to be listed again.
    """
    links = PageLinks(address.url("delta"), cursor)
    url: str | None = cursor
    latest_states: dict[str, State] = {}
    unnamed = 0
    while url is not None:
        read = yield from page(address, url, was_read=True)  # a cursor comes from an earlier round
        unnamed += read.unnamed
        # By Microsoft's advice: https://learn.microsoft.com/en-us/graph/api/driveitem-delta#remarks
        latest_states |= {data["id"]: data for data in read.items}
        url = links.next_url(read)
    return Round(tuple(latest_states.values()), _cursor_of(read, address), is_whole=not unnamed)


def latest(address: Address) -> Flow[str]:
    """Return the cursor of the present moment.

    :param address: of the root of a drive that could be read before.
    """
    links = PageLinks(address.url("delta"))
    # The fields are named already here, because the cursor keeps them for all later rounds.
    url: str | None = f"{address.url('delta')}?token=latest&$select={ITEM_FIELDS},deleted"
    while url is not None:
        read = yield from page(address, url, was_read=True)
        url = links.next_url(read)
    return _cursor_of(read, address)


def _cursor_of(last: Page, address: Address) -> str:
    if last.delta_url is None:
        raise ServiceUnavailable(
            "Graph ended a round of delta without a cursor", method="GET", path=address.url("delta")
        )
    return last.delta_url


def _path_of(item: DriveItem | UnusableItem, above: str) -> str | None:
    """Return the quoted path of an item; None if its name cannot be read."""
    if isinstance(item, UnusableItem) and not item.has_name:
        return None
    name = item.name if isinstance(item, DriveItem) else item.path.rpartition("/")[2]
    return f"{above}/{quote_name(name)}"
