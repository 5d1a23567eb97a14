"""Flows on items: read one, list a folder, create a folder.

https://learn.microsoft.com/en-us/graph/api/resources/driveitem
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_onedrive.graph.flows.pages import PAGE_ITEMS, check_page, page_of
from airflow_provider_onedrive.graph.protocol.addresses import Address
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    BadRequest,
    DriveNotFound,
    IsFolder,
    IsNoFolder,
    ItemNotFound,
    LocationError,
    NameAlreadyExists,
    NameHeld,
    NotFound,
    ServiceUnavailable,
    UnreadableAnswer,
)
from airflow_provider_onedrive.graph.protocol.fields import identifier, nested
from airflow_provider_onedrive.graph.protocol.item_states import State, UnusableItem, read_item
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.protocol.messages import Flow, OutcomeUnknown, Page, Repeat, Request, Response, T
from airflow_provider_onedrive.graph.protocol.models import DriveItem

log = logger(__name__)

CONFLICT = "@microsoft.graph.conflictBehavior"
# The most that Microsoft named (OD#319), and what rclone asks of every kind of drive. Graph may send fewer.
ITEM_FIELDS = (
    "id,name,size,eTag,cTag,webUrl,createdDateTime,lastModifiedDateTime,fileSystemInfo,parentReference,file,folder,"
    "package,remoteItem,root"
)
"""The fields of a listing: the others would be most of its bytes."""
_NO_FOLDER = "Check the location, create the folder first, or pass create_folders=True."
_SENDS = 5
LATER = 4
"""So many failures make a driver wait for 2 to 4 s: the 404s that were recorded had passed by then."""
FAILURES_BEFORE_DRIVE_READS = (0, LATER, LATER + 2)
"""The failures before each look at a drive that was not found: three looks take a driver 10 to 20 s."""
_FAILURES_BEFORE_DENIED_READS = (0, LATER, LATER, LATER + 2)
"""The failures before each request that is refused with 403: a drive was seen to be refused for seconds."""
_FAILURES_BEFORE_ROOT_READS = (1, 2, LATER)
"""The failures before each further request for a root that was not found: about one in a hundred was recorded."""


def item_of(response: Response, address: Address) -> DriveItem:
    """Read the item of an answer that has all its facets."""
    return whole_item(response.body, address)


def whole_item(data: Mapping[str, Any], address: Address) -> DriveItem:
    """Read an item that Graph was asked for with all its facets.

    Graph leaves ``parentReference`` out of some items (OD#535, OD#834); then the path is the one that was asked for.

    :raises UnreadableAnswer: if no facet says what it is.
    """
    parent = nested(data, "parentReference")
    if parent.get("path") is None and not address.is_base:
        data = {**data, "parentReference": {**parent, "path": address.parent.as_parent.get("path")}}
    return read_item(data, address.locate)


def stat(address: Address, failures: int = 0) -> Flow[DriveItem]:
    """Read one item. https://learn.microsoft.com/en-us/graph/api/driveitem-get.

    :param failures: how often in a row it was not found.
    :raises ItemNotFound: if nothing is there.
    :raises DriveNotFound: if even the drive is not there.
    """
    request = Request("GET", address.url(), failures=failures, reads=identifier)
    return item_of((yield from ask(address, request)), address)


def ask(address: Address, request: Request) -> Flow[Response]:
    """Ask about an item or for what it holds, and explain a 404.

    :raises ItemNotFound: if nothing is there.
    :raises DriveNotFound: if even the drive is not there.
    """
    for failures in (request.failures, *_FAILURES_BEFORE_ROOT_READS):
        try:
            return (yield replace(request, failures=failures))
        except ItemNotFound as missing:
            problem = yield from explain_missing(address, missing)
        if isinstance(problem, DriveNotFound) or not address.is_drive_root:
            raise problem
        # The drive is there, and a drive has a root: old personal drives answer one of a hundred listings with 404.
    raise ServiceUnavailable.of(problem).with_advice("The drive is there, only its root is not found: retry later.")


def unless_denied_for_long(request: Callable[[int], Flow[T]], *, was_read: bool) -> Flow[T]:
    """Ask for something again that is refused, if the drive could be read before.

    :param request: takes the number of failures before it.
    :raises AccessDenied: if it is refused for more than ten seconds, or if the drive was never read.
    """
    for failures in _FAILURES_BEFORE_DENIED_READS[:-1] if was_read else ():
        try:
            return (yield from request(failures))
        except AccessDenied as denied:
            log.info("Asking again, because the drive could be read before: %s", denied)
    return (yield from request(_FAILURES_BEFORE_DENIED_READS[-1] if was_read else 0))


def explain_missing(address: Address, missing: ItemNotFound) -> Flow[NotFound]:
    """Return the error of a missing item, or that of a missing drive, which waiting can hardly cure.

    Graph was seen to answer 404 for drives that were there. So a drive counts as missing only if three looks agree,
    seconds apart, and at least two of them by another kind of request.
    """
    gone: NotFound = missing
    for failures in FAILURES_BEFORE_DRIVE_READS:
        at_root = failures == 0 and not address.is_drive_root
        try:
            yield Request("GET", f"{address.drive_root if at_root else address.drive}?$select=id", failures=failures)
        except ItemNotFound as root_missing:
            gone = root_missing if at_root else gone
        # A sharing link, or a permission for one folder, does not include the drive: nothing is known about it then.
        except AccessDenied:
            return missing
        else:
            return missing
    return DriveNotFound.of(gone)


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

    :raises IsFolder: if it is a folder.
    :raises LocationError: if it is a notebook.
    """
    if item.package_type:
        raise LocationError(
            f"{address} is a {item.package_type} notebook, which Graph gives and takes only page by page.",
            advice="Name a file.",
        )
    if item.is_folder:
        raise IsFolder(f"{address} is a folder, and a file is meant.", advice="Name the file.")
    return item


def children(address: Address, page_url: str | None = None) -> Flow[Page]:
    """Read one page of a folder. https://learn.microsoft.com/en-us/graph/api/driveitem-list-children.

    :param page_url: the ``next_url`` of the page before; None for the first.
    :raises LocationError: if the location is a file.
    """
    page = yield from children_json(address, page_url)
    return replace(page, items=tuple(_readable(page.items, address)))


def _readable(values: Iterable[State], address: Address) -> Iterator[DriveItem]:
    for data in values:
        try:
            yield read_item(data, address.locate)
        except UnreadableAnswer as error:
            log.warning("%s in %s cannot be used: %s.", UnusableItem.of(data, error), address, error.message)


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
        return (yield from _first_page(address, url, failures))
    request = Request("GET", page_url, failures=failures, reads=check_page)
    return page_of((yield from ask(address, request)) if address.is_drive_root else (yield request))


def _first_page(address: Address, url: str, failures: int) -> Flow[Page]:
    try:
        # Without $filter: drives of work or school filter by name and address only, and answer 501 to anything else.
        page = page_of((yield from ask(address, Request("GET", url, failures=failures, reads=check_page))))
    except BadRequest:
        yield from folder(address)  # a file has no children, which is said in words only
        raise
    if page.is_empty:
        yield from folder(address)  # Graph lists a file as an empty folder
    return page


def folder(address: Address, *, create: bool = False) -> Flow[DriveItem]:
    """Read one item that has to be a folder.

    :param create: create it if it is missing, and each missing folder above it, level by level: Graph's own creation by
        path encodes ``%`` and ``#`` twice.
    :raises IsNoFolder: if it is a file.
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
        raise IsNoFolder(
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
    # Each time the name was refused, and nothing that can be seen has it.
    raise NameHeld.of(problem) if isinstance(problem, NameAlreadyExists) else problem


def _accepted(item: DriveItem, problem: Exception, *, exist_ok: bool) -> DriveItem:
    if item.is_folder and exist_ok:
        return item
    raise problem
