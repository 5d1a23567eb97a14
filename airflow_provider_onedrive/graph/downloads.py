"""Flows that get content out of a drive. https://learn.microsoft.com/en-us/graph/api/driveitem-get-content."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from airflow_provider_onedrive.graph.errors import (
    AccessDenied,
    ItemNotFound,
    OneDriveError,
    RangeNotSatisfiable,
    Unauthenticated,
    VerificationFailed,
)
from airflow_provider_onedrive.graph.items import expect_file, explain_missing
from airflow_provider_onedrive.graph.locations import Address, item_url
from airflow_provider_onedrive.graph.messages import Flow, Request, Sink, TransferCut
from airflow_provider_onedrive.graph.models import DriveItem

_LINKS = 8
"""How many links to one file are tried; each goes on where the one before broke off."""


class Target(Sink, Protocol):
    """Where a download goes: it counts what it has."""

    @property
    def written(self) -> int: ...


@dataclass(frozen=True)
class Link:
    """A file and the pre-authorised URL of its content, a secret that lives for minutes."""

    item: DriveItem
    url: str = field(repr=False)


def download(address: Address, target: Target, link: Link) -> Flow[DriveItem]:
    """Bring a file's bytes to ``target``; what breaks off is resumed through a fresh link.

    :param link: as :func:`resolve` gave it.
    :raises VerificationFailed: if the bytes are not as many as Graph says.
    """
    tries = 1
    while (problem := (yield from _fetch(link, target))) is not None:
        if tries == _LINKS:
            raise problem
        tries += 1
        fresh = yield from resolve(address)
        if isinstance(problem, RangeNotSatisfiable) or fresh.item.etag != link.item.etag:
            target.restart()
        link = fresh
    return _verified(link.item, target)


def resolve(address: Address) -> Flow[Link]:
    """Read the item and a fresh link to its content.

    :raises LocationError: if it is a folder.
    """
    try:
        data = (yield Request("GET", address.url())).json
    except ItemNotFound as missing:
        raise (yield from explain_missing(address, missing)) from None
    item = expect_file(DriveItem.from_json(data, address.locate), address)
    return Link(item, data.get("@microsoft.graph.downloadUrl") or (yield from _link(item)))


def _link(item: DriveItem) -> Flow[str]:
    response = yield Request("GET", item_url(item.drive_id, item.id, "content"))
    return response.headers["location"]


def _fetch(link: Link, target: Target) -> Flow[OneDriveError | None]:
    """Fetch what is missing; return the problem that a fresh link may cure."""
    headers = {"Range": f"bytes={target.written}-"} if target.written else {}
    try:
        yield Request("GET", link.url, headers=headers, sink=target, preauthorized=True)
    except TransferCut as cut:
        return cut.cause
    except (Unauthenticated, AccessDenied, ItemNotFound, RangeNotSatisfiable) as problem:
        return problem
    return None


def _verified(item: DriveItem, target: Target) -> DriveItem:
    if target.written != item.size:
        raise VerificationFailed(f"{target.written} bytes came, and Graph says that the file has {item.size}.")
    return item
