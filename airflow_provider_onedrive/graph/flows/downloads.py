"""Flows that download content. https://learn.microsoft.com/en-us/graph/api/driveitem-get-content."""

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
"""How many new links in a row may bring no byte before the download fails."""
_LINKS = 1000
"""How many links are used in all, even if each of them brings some bytes."""
_REFUSED = (Unauthenticated, AccessDenied, ItemNotFound)
# A link that Graph had just made was recorded to answer 401, and the next one worked.
_REFUSALS = 3
"""How many links in a row may be refused: the first may have expired, the others were new."""


@dataclass(frozen=True)
class Link:
    """A file and the pre-authorised URL of its content, a secret that lives for minutes."""

    item: DriveItem
    url: str = field(repr=False)


@dataclass
class Links:
    """The current link. Several requests share it, and the first that meets an expired one renews it for all.

    :param takes_etags: whether the content's server accepts the file's eTag; else it answers it with the whole file.
    """

    address: Address
    current: Link
    takes_etags: bool = True


def resolve(address: Address, *, expected_etag: str | None = None) -> Flow[Link]:
    """Read the item and a fresh link to its content.

    :raises LocationError: if it is not a file.
    :raises PreconditionFailed: if it is another version than the expected one.
    """
    try:
        response = yield Request("GET", address.url())
    except ItemNotFound as missing:
        raise (yield from explain_missing(address, missing)) from None
    item = expect_file(item_of(response, address), address)
    if expected_etag is not None and item.etag != expected_etag:
        raise PreconditionFailed(f"The file's eTag is {item.etag}, and {expected_etag} was expected")
    # The request has no $select: Graph sends the link by default, and with a $select only if it is named.
    return Link(item, optional(response.body, _URL, str) or (yield from _link(item)))


def link_of(item: DriveItem, data: Mapping[str, Any]) -> Link:
    """Return the link to a file's content, which is empty if Graph sent none.

    :param data: the item as Graph sent it; the link comes only if no fields were selected.
    """
    return Link(item, optional(data, _URL, str) or "")


def fetch(links: Links, sink: RangeSink) -> Flow[None]:
    """Download a range of a file to ``sink``; an interrupted answer is resumed through a new link.

    :raises SourceChanged: if the file became another version meanwhile.
    :raises RangeIgnored: if the range is only a part of the file, and the server ignores ranges.
    :raises VerificationFailed: if the number of bytes is not the size that Graph says.
    """
    patience = _Patience()
    while sink.left:
        link, before, restarts, headers = links.current, sink.written, sink.restarts, _range(links, sink)
        problem = yield from _fetch(link, headers, sink, patience.failures)
        is_ignored = isinstance(problem, RangeIgnored) or sink.restarts > restarts
        if problem is None and not sink.left and not is_ignored:
            return
        # Before anything else: a new version explains all other problems, and its bytes must not be mixed in.
        yield from _renew(links, link)
        if (problem is None and sink.left) or (isinstance(problem, RangeIgnored) and "If-Range" not in headers):
            raise _miscounted(problem, link.item, sink)
        links.takes_etags = links.takes_etags and not is_ignored
        patience.after(problem, has_gained=sink.written > before)


@dataclass
class _Patience:
    """Counts the links that failed."""

    failures: int = 0
    links: int = 0

    def after(self, problem: OneDriveError | None, *, has_gained: bool) -> None:
        """Count a link that failed.

        :raises OneDriveError: the problem, if it came too often.
        """
        self.links += 1
        self.failures = 0 if has_gained else self.failures + 1
        most = _REFUSALS if isinstance(problem, _REFUSED) else _FAILURES
        if problem is not None and (self.failures >= most or self.links >= _LINKS):
            raise problem


def _fetch(link: Link, headers: dict[str, str], sink: RangeSink, failures: int) -> Flow[OneDriveError | None]:
    """Ask for the missing bytes; return the problem that a new link may cure."""
    try:
        # The range goes to the link and not to /content, which would answer it with a redirect:
        # https://learn.microsoft.com/en-us/graph/api/driveitem-get-content#partial-range-downloads
        yield Request("GET", link.url, headers=headers, sink=sink, preauthorized=True, failures=failures)
    except TransferCut as cut:
        return cut.cause
    except (*_REFUSED, RangeNotSatisfiable, RangeIgnored) as problem:
        return problem
    return None


def _range(links: Links, sink: RangeSink) -> dict[str, str]:
    """Return the headers for the rest of the range; ``If-Range`` asks for the whole file if it has changed."""
    item, first, end = links.current.item, sink.start + sink.written, sink.start + sink.length
    if first == 0 and end >= item.size:
        return {}  # a plain GET also works on servers that ignore ranges
    headers = {"Range": f"bytes={first}-{end - 1}"}
    if links.takes_etags and item.etag:
        headers["If-Range"] = item.etag
    return headers


def _renew(links: Links, used: Link) -> Flow[None]:
    """Read a new link, unless another request has done so meanwhile."""
    if links.current is used:
        fresh = yield from resolve(links.address)
        if (fresh.item.id, fresh.item.etag) != (used.item.id, used.item.etag):
            raise SourceChanged(
                f"The file became another version ({fresh.item.etag} after {used.item.etag})",
                advice="Somebody changes it repeatedly: retry later.",
            )
        links.current = fresh


def _miscounted(problem: OneDriveError | None, item: DriveItem, sink: RangeSink) -> OneDriveError:
    """Return the error of an ignored range, or of a file whose size is not the one that Graph says."""
    if problem is not None and sink.length < item.size:
        return problem
    # Files with a sensitivity label and some photos have another length than Graph says (AB#3070, OD#1532, OD#1723).
    reason = problem.message if problem else f"{sink.written} bytes came"
    return VerificationFailed(f"{reason}, and the file has {item.size} bytes according to Graph.")


def _link(item: DriveItem) -> Flow[str]:
    # Graph may leave the link out of an item; then the redirect of its content shows it.
    response = yield Request("GET", item_url(item.drive_id, item.id, "content"))
    return required(response.headers, "location", str)
