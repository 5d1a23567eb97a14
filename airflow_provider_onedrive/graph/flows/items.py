"""Flows on items: read one, list a folder, create a folder.

https://learn.microsoft.com/en-us/graph/api/resources/driveitem
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_onedrive.graph.flows.pages import PAGE_ITEMS, page_of
from airflow_provider_onedrive.graph.protocol.addresses import Address
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    BadRequest,
    DriveNotFound,
    ItemNotFound,
    LocationError,
    NameAlreadyExists,
    NotFound,
    UnreadableAnswer,
)
from airflow_provider_onedrive.graph.protocol.messages import Flow, OutcomeUnknown, Page, Repeat, Request, Response
from airflow_provider_onedrive.graph.protocol.models import DriveItem

CONFLICT = "@microsoft.graph.conflictBehavior"
# The most that Microsoft named (OD#319), and what rclone asks of every kind of drive. Graph may send fewer.
ITEM_FIELDS = (
    "id,name,size,eTag,cTag,webUrl,createdDateTime,lastModifiedDateTime,fileSystemInfo,parentReference,file,folder,"
    "package,remoteItem,root"
)
"""The fields of a listing: the others would be most of its bytes."""
_NO_FOLDER = "Check the location, create the folder first, or pass create_folders=True."
_SENDS = 5
_KINDS = ("file", "folder", "package", "remoteItem", "bundle", "root")


def item_of(response: Response, address: Address) -> DriveItem:
    """Read the item of an answer that has all its facets."""
    return whole_item(response.body, address)


def whole_item(data: Mapping[str, Any], address: Address) -> DriveItem:
    """Read an item that Graph was asked for with all its facets.

    :raises UnreadableAnswer: if none of them says what it is.
    """
    # A folder without its facet would be taken for a file, and be deleted with all that is in it.
    if all(data.get(kind) is None for kind in _KINDS):
        raise UnreadableAnswer("The answer's field 'file' is missing, and so is 'folder'", field="file")
    return DriveItem.from_json(data, address.locate)


def stat(address: Address, failures: int = 0) -> Flow[DriveItem]:
    """Read one item. https://learn.microsoft.com/en-us/graph/api/driveitem-get.

    :param failures: how often in a row it was not found.
    :raises ItemNotFound: if nothing is there.
    :raises DriveNotFound: if even the drive is not there.
    """
    try:
        response = yield Request("GET", address.url(), failures=failures)
    except ItemNotFound as missing:
        raise (yield from explain_missing(address, missing)) from None
    return item_of(response, address)


def explain_missing(address: Address, missing: ItemNotFound) -> Flow[NotFound]:
    """Return the error of a missing item, or that of a missing drive, which no waiting can cure."""
    try:
        if not address.is_drive_root:
            yield Request("GET", f"{address.drive_root}?$select=id")
            return missing
    except ItemNotFound as root_missing:
        missing = root_missing
    # A sharing link, or a permission for one folder, does not include the root: nothing is known about the drive then.
    except AccessDenied:
        return missing
    return DriveNotFound.of(missing)


def stat_or_none(address: Address) -> Flow[DriveItem | None]:
    """Read one item, or None where it is missing in a drive that exists."""
    try:
        return (yield from stat(address))
    except ItemNotFound:
        return None


def file(address: Address) -> Flow[DriveItem]:
    """Read one item that has to be a file.

    :raises LocationError: if it is a folder.
    """
    return expect_file((yield from stat(address)), address)


def expect_file(item: DriveItem, address: Address) -> DriveItem:
    """Return the item if it is a file.

    :raises LocationError: if it is a folder or a notebook.
    """
    if item.package_type:
        raise LocationError(
            f"{address} is a {item.package_type} notebook, which Graph gives and takes only page by page.",
            advice="Name a file.",
        )
    if item.is_folder:
        raise LocationError(f"{address} is a folder, and a file is meant.", advice="Name the file.")
    return item


def children(address: Address, page_url: str | None = None) -> Flow[Page]:
    """Read one page of a folder. https://learn.microsoft.com/en-us/graph/api/driveitem-list-children.

    :param page_url: the ``next_url`` of the page before; None for the first.
    :raises LocationError: if the location is a file.
    """
    page = yield from children_json(address, page_url)
    return replace(page, items=tuple(DriveItem.from_json(data, address.locate) for data in page.items))


def children_json(
    address: Address,
    page_url: str | None = None,
    *,
    fields: str = ITEM_FIELDS,
    page_items: int = PAGE_ITEMS,
    failures: int = 0,
) -> Flow[Page]:
    """Read one page of a folder as Graph sends it.

    :param fields: of each item; empty takes the fields that Graph shows by default.
    :param page_items: the size to ask for; Graph may send fewer.
    :param failures: how often in a row the page was not found.
    """
    if page_url is None:
        url = f"{address.url('children')}?$top={page_items}" + (f"&$select={fields}" if fields else "")
        return page_of((yield from _first_page(address, url, failures)))
    return page_of((yield Request("GET", page_url, failures=failures)))


def _first_page(address: Address, url: str, failures: int) -> Flow[Response]:
    try:
        # Without $filter: drives of work or school filter by name and address only, and answer 501 to anything else.
        response = yield Request("GET", url, failures=failures)
    except ItemNotFound as missing:
        raise (yield from explain_missing(address, missing)) from None
    except BadRequest:
        yield from folder(address)  # a file has no children, which is said in words only
        raise
    if not response.body.get("value"):
        yield from folder(address)  # Graph lists a file as an empty folder
    return response


def folder(address: Address, *, create: bool = False) -> Flow[DriveItem]:
    """Read one item that has to be a folder.

    :param create: create it if it is missing, and each missing folder above it, level by level: Graph's own creation by
        path encodes ``%`` and ``#`` twice.
    :raises LocationError: if it is a file.
    """
    try:
        item = yield from stat(address)
    except ItemNotFound as missing:
        if not create or address.is_base:
            raise missing.with_advice(_NO_FOLDER).about("find the folder", str(address)) from None
        parent = yield from folder(address.parent, create=True)
        target = address.through(parent.drive_id, parent.id)
        item = yield from create_folder(target, exist_ok=True)
    if not item.is_folder:
        raise LocationError(
            f"{address} is a {item.package_type or 'file'}, and a folder is meant.",
            advice="Leave out the '/' or the file's name.",
        )
    return item


def make_folder(address: Address, *, exist_ok: bool, create_folders: bool = False) -> Flow[DriveItem]:
    """Create one folder. The folder above it must exist, unless ``create_folders``."""
    parent = yield from folder(address.parent, create=create_folders)
    target = address.through(parent.drive_id, parent.id)
    return (yield from create_folder(target, exist_ok=exist_ok))


def create_folder(address: Address, *, exist_ok: bool) -> Flow[DriveItem]:
    """Create one folder in a parent that exists. https://learn.microsoft.com/en-us/graph/api/driveitem-post-children.

    :param address: of the new folder, through the id of its parent.
    :raises NameAlreadyExists: if the name is taken and not ``exist_ok``, or taken by a file.
    """
    # With "replace" Graph was seen to answer 409 as well (OD#359), and later with the old folder, as if it were new.
    body = {"name": address.names[-1], "folder": {}, CONFLICT: "fail"}
    url = f"{address.base}/children"
    for failures in range(_SENDS):
        try:
            response = yield Request("POST", url, json=body, repeat=Repeat.IF_REFUSED, failures=failures)
        except (NameAlreadyExists, OutcomeUnknown) as refused_or_lost:
            problem: Exception = refused_or_lost
            exist_ok |= isinstance(problem, OutcomeUnknown)  # it may be ours
            item = yield from stat_or_none(address)
            if item is not None:
                return _accepted(item, problem, exist_ok=exist_ok)
        except ItemNotFound as missing:
            # The folder above was just read: a write may not see yet what a read saw, and such a 404 passes.
            problem = missing
        else:
            return replace(item_of(response, address), outcome="created")
    raise problem


def _accepted(item: DriveItem, problem: Exception, *, exist_ok: bool) -> DriveItem:
    if item.is_folder and exist_ok:
        return item
    raise problem
