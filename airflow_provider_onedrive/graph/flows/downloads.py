"""Flows that get content out of a drive. https://learn.microsoft.com/en-us/graph/api/driveitem-get-content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_onedrive.graph.content.sinks import RangeIgnored, RangeSink
from airflow_provider_onedrive.graph.flows.items import expect_file, explain_missing, item_of
from airflow_provider_onedrive.graph.protocol.addresses import Address, item_url
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    ItemNotFound,
    OneDriveError,
    PreconditionFailed,
    RangeNotSatisfiable,
    SourceChanged,
    Unauthenticated,
    VerificationFailed,
)
from airflow_provider_onedrive.graph.protocol.fields import optional, required
from airflow_provider_onedrive.graph.protocol.messages import Flow, Request, TransferCut
from airflow_provider_onedrive.graph.protocol.models import DriveItem

_URL = "@microsoft.graph.downloadUrl"
_FAILURES = 7
"""How often in a row a fresh link brings nothing before the download ends."""
_LINKS = 1000
"""How many links are used in all, however little each of them brings."""
_REFUSED = (Unauthenticated, AccessDenied, ItemNotFound)
_REFUSALS = 3
"""How often in a row it is refused: the first may have expired, the others were fresh."""


@dataclass(frozen=True)
class Link:
    """A file and the pre-authorised URL of its content, a secret that lives for minutes."""

    item: DriveItem
    url: str = field(repr=False)


@dataclass
class Links:
    """The link that is in use now; several requests share it, and whoever finds it expired renews it for all.

    :param takes_etags: whether the content's server knows the file's eTag; one that does not sends all for a range.
    """

    address: Address
    current: Link
    takes_etags: bool = True


def resolve(address: Address, *, expected_etag: str | None = None) -> Flow[Link]:
    """Read the item and a fresh link to its content.

    :raises LocationError: if it is no file.
    :raises PreconditionFailed: if it is another version than the expected one.
    """
    try:
        response = yield Request("GET", address.url())
    except ItemNotFound as missing:
        raise (yield from explain_missing(address, missing)) from None
    item = expect_file(item_of(response, address), address)
    if expected_etag is not None and item.etag != expected_etag:
        raise PreconditionFailed(f"The file's eTag is {item.etag}, and {expected_etag} was expected")
    return Link(item, optional(response.body, _URL, str) or (yield from _link(item)))


def link_of(item: DriveItem, data: Mapping[str, Any]) -> Link:
    """Return the link to a file's content, which is empty if Graph sent none.

    :param data: the item as Graph sent it; the link comes only if no fields were selected.
    """
    return Link(item, optional(data, _URL, str) or "")


def fetch(links: Links, sink: RangeSink) -> Flow[None]:
    """Bring a range of a file to ``sink``; what breaks off is gone on with through a fresh link.

    :raises SourceChanged: if the file is another version by now.
    :raises RangeIgnored: if the range is a part, and the server knows no ranges.
    :raises VerificationFailed: if the bytes are not as many as Graph says.
    """
    patience = _Patience()
    while sink.left:
        link, before, restarts, headers = links.current, sink.written, sink.restarts, _range(links, sink)
        problem = yield from _fetch(link, headers, sink, patience.failures)
        is_ignored = isinstance(problem, RangeIgnored) or sink.restarts > restarts
        if problem is None and not sink.left and not is_ignored:
            return
        yield from _renew(links, link)  # unless it is another version by now
        if (problem is None and sink.left) or (isinstance(problem, RangeIgnored) and "If-Range" not in headers):
            raise _miscounted(problem, link.item, sink)
        links.takes_etags = links.takes_etags and not is_ignored
        patience.after(problem, has_gained=sink.written > before)


@dataclass
class _Patience:
    """Counts links that broke off."""

    failures: int = 0
    links: int = 0

    def after(self, problem: OneDriveError | None, *, has_gained: bool) -> None:
        """Go on, or not.

        :raises OneDriveError: the problem, when it came too often.
        """
        self.links += 1
        self.failures = 0 if has_gained else self.failures + 1
        most = _REFUSALS if isinstance(problem, _REFUSED) else _FAILURES
        if problem is not None and (self.failures >= most or self.links >= _LINKS):
            raise problem


def _fetch(link: Link, headers: dict[str, str], sink: RangeSink, failures: int) -> Flow[OneDriveError | None]:
    """Fetch what is missing; return the problem that a fresh link may cure."""
    try:
        yield Request("GET", link.url, headers=headers, sink=sink, preauthorized=True, failures=failures)
    except TransferCut as cut:
        return cut.cause
    except (*_REFUSED, RangeNotSatisfiable, RangeIgnored) as problem:
        return problem
    return None


def _range(links: Links, sink: RangeSink) -> dict[str, str]:
    """Ask for the rest of the range, and for the whole where the file is another one by now."""
    item, first, end = links.current.item, sink.start + sink.written, sink.start + sink.length
    if first == 0 and end >= item.size:
        return {}
    headers = {"Range": f"bytes={first}-{end - 1}"}
    if links.takes_etags and item.etag:
        headers["If-Range"] = item.etag
    return headers


def _renew(links: Links, used: Link) -> Flow[None]:
    """Get a fresh link, unless another request has got one meanwhile."""
    if links.current is used:
        fresh = yield from resolve(links.address)
        if (fresh.item.id, fresh.item.etag) != (used.item.id, used.item.etag):
            raise SourceChanged(
                f"The file became another version ({fresh.item.etag} after {used.item.etag})",
                advice="Somebody changes it again and again: retry later.",
            )
        links.current = fresh


def _miscounted(problem: OneDriveError | None, item: DriveItem, sink: RangeSink) -> OneDriveError:
    """Tell a server that knows no ranges from one whose file has another size than it says."""
    if problem is not None and sink.length < item.size:
        return problem
    reason = problem.message if problem else f"{sink.written} bytes came"
    return VerificationFailed(f"{reason}, and Graph says that the file has {item.size}.")


def _link(item: DriveItem) -> Flow[str]:
    response = yield Request("GET", item_url(item.drive_id, item.id, "content"))
    return required(response.headers, "location", str)
