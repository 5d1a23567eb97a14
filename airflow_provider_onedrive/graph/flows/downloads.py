"""Flows that download content. https://learn.microsoft.com/en-us/graph/api/driveitem-get-content."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_onedrive.graph.content.sinks import RangeIgnored, RangeSink
from airflow_provider_onedrive.graph.flows.absence import surely
from airflow_provider_onedrive.graph.flows.items import ask, expect_file, explain_missing, item_of
from airflow_provider_onedrive.graph.protocol.addresses import Address, item_url
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    ItemNotFound,
    OneDriveError,
    PreconditionFailed,
    RangeNotSatisfiable,
    SourceChanged,
    Unauthenticated,
    UnreadableAnswer,
    VerificationFailed,
)
from airflow_provider_onedrive.graph.protocol.fields import identifier, optional, required
from airflow_provider_onedrive.graph.protocol.messages import Flow, Request, Sink, TransferCut
from airflow_provider_onedrive.graph.protocol.models import DriveItem

_URL = "@microsoft.graph.downloadUrl"
_FAILURES = 7
"""How many new links in a row may bring no byte before the download fails."""
_LINKS = 1000
"""How many links are used in all, even if each of them brings some bytes."""
_REDIRECTS = (301, 302, 303, 307, 308)
_REFUSED = (Unauthenticated, AccessDenied, ItemNotFound)
# A link that Graph had just made was recorded to answer 401, and the next one worked.
_PARTIAL = 206
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)
_SHOWN_CHARACTERS = 60
_REFUSALS = 3
"""How many links in a row may be refused: the first may have expired, the others were new."""


@dataclass(frozen=True)
class Link:
    """A file and the pre-authorised URL of its content, a secret that lives for minutes."""

    item: DriveItem
    url: str = field(repr=False)

    @property
    def size(self) -> int:
        """The size of the file, which :func:`resolve` has found out."""
        return self.item.size or 0


@dataclass
class Links:
    """The current link. Several requests share it, and the first that meets an expired one renews it for all.

    :param takes_etags: whether the content's server accepts the file's eTag; else it answers it with the whole file.
    :param content_etag: the ``ETag`` of the first answer, which those of all other parts have to have as well.
    """

    address: Address
    current: Link
    takes_etags: bool = True
    content_etag: str | None = None


class _Part:
    """A sink that takes the bytes of an answer only if they are the ones that were asked for.

    A cache on the way was seen to answer with the range of another request. Where Graph has no hash of the file,
    nothing else would notice it.
    """

    def __init__(self, links: Links, sink: RangeSink) -> None:
        self._links = links
        self._sink = sink
        self.write = sink.write

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Compare range, size and version.

        :raises RangeIgnored: if other bytes follow.
        """
        if status == _PARTIAL:
            self._check_range(headers.get("content-range", ""))
        etag = headers.get("etag")
        if etag is not None and etag != (self._links.content_etag or etag):
            raise RangeIgnored("a part of another version came")
        self._links.content_etag = self._links.content_etag or etag
        if status != _PARTIAL:
            self._sink.restart()

    def _check_range(self, text: str) -> None:
        match, sink = _CONTENT_RANGE.fullmatch(text.strip()), self._sink
        first, last, total = match.groups() if match else ("", "", "")
        is_asked = first == str(sink.start + sink.written) and int(last) < sink.start + sink.length
        if not is_asked or total not in ("*", str(self._links.current.size)):
            raise RangeIgnored(f"the range {text[:_SHOWN_CHARACTERS]!r} came instead of the one that was asked for")


def resolve(address: Address, *, expected_etag: str | None = None, refusals: int = 0) -> Flow[Link]:
    """Read the item and a fresh link to its content.

    :param refusals: how many links in a row were refused.
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
    url = optional(response.body, _URL, str) or (yield from _link(item))
    if item.size is not None:
        return Link(item, url)
    try:
        return Link(replace(item, size=(yield from _size(url))), url)
    except _REFUSED:
        if refusals + 1 == _REFUSALS:
            raise
    return (yield from resolve(address, expected_etag=expected_etag, refusals=refusals + 1))


def read_link(address: Address) -> Flow[Link | None]:
    """Read an item of any kind, and the link to its content, which is empty if Graph sent none.

    :return: None where the item is missing in a drive that exists.
    """
    try:
        response = yield from ask(address, Request("GET", address.url(), reads=identifier))
    except ItemNotFound:
        return None
    return link_of(item_of(response, address), response.body)


def link_of(item: DriveItem, data: Mapping[str, Any]) -> Link:
    """Return the link to a file's content, which is empty if Graph sent none.

    :param data: the item as Graph sent it; the link comes only if no fields were selected.
    """
    url = data.get(_URL)
    return Link(item, url if isinstance(url, str) else "")


def fetch(links: Links, sink: RangeSink) -> Flow[None]:
    """Download a range of a file to ``sink``; an interrupted answer is resumed through a new link.

    :raises SourceChanged: if the file became another version meanwhile.
    :raises RangeIgnored: if the range is only a part of the file, and the server ignores ranges.
    :raises VerificationFailed: if the number of bytes is not the size that Graph says.
    """
    patience = _Patience()
    while sink.left:
        link, before, restarts, headers = links.current, sink.written, sink.restarts, _range(links, sink)
        problem = yield from _fetch(link, headers, _Part(links, sink), patience)
        is_ignored = isinstance(problem, RangeIgnored) or sink.restarts > restarts
        if problem is None and not sink.left and not is_ignored:
            return
        # Before anything else: a new version explains all other problems, and its bytes must not be mixed in.
        yield from _renew(links, link)
        if (problem is None and sink.left) or (isinstance(problem, RangeIgnored) and "If-Range" not in headers):
            raise _miscounted(problem, link.size, sink)
        links.takes_etags = links.takes_etags and not is_ignored
        patience.after(problem, has_gained=sink.written > before and not patience.is_too_slow)


@dataclass
class _Patience:
    """Counts the links that failed.

    :param is_too_slow: whether the last link was given up for its speed: what little it brought is no progress, or a
        server that sends byte by byte would be asked for days.
    """

    failures: int = 0
    links: int = 0
    is_too_slow: bool = False

    def after(self, problem: OneDriveError | None, *, has_gained: bool) -> None:
        """Count a link that failed.

        :raises OneDriveError: the problem, if it came too often.
        """
        self.links += 1
        self.failures = 0 if has_gained else self.failures + 1
        most = _REFUSALS if isinstance(problem, _REFUSED) else _FAILURES
        if problem is not None and (self.failures >= most or self.links >= _LINKS):
            raise problem


def _fetch(link: Link, headers: dict[str, str], sink: Sink, patience: _Patience) -> Flow[OneDriveError | None]:
    """Ask for the missing bytes; return the problem that a new link may cure."""
    patience.is_too_slow, failures = False, patience.failures
    try:
        # The range goes to the link and not to /content, which would answer it with a redirect:
        # https://learn.microsoft.com/en-us/graph/api/driveitem-get-content#partial-range-downloads
        yield Request("GET", link.url, headers=headers, sink=sink, preauthorized=True, failures=failures)
    except TransferCut as cut:
        patience.is_too_slow = cut.is_too_slow
        return cut.cause
    except (*_REFUSED, RangeNotSatisfiable, RangeIgnored) as problem:
        return problem
    return None


def _range(links: Links, sink: RangeSink) -> dict[str, str]:
    """Return the headers for the rest of the range; ``If-Range`` asks for the whole file if it has changed."""
    item, size = links.current.item, links.current.size
    first, end = sink.start + sink.written, sink.start + sink.length
    if first == 0 and end >= size:
        return {}  # a plain GET also works on servers that ignore ranges
    headers = {"Range": f"bytes={first}-{end - 1}"}
    if links.takes_etags and item.etag:
        headers["If-Range"] = item.etag
    return headers


def _renew(links: Links, used: Link) -> Flow[None]:
    """Read a new link, unless another request has done so meanwhile."""
    if links.current is used:
        fresh = yield from surely(links.address, resolve)
        if (fresh.item.id, fresh.item.etag) != (used.item.id, used.item.etag):
            raise SourceChanged(
                f"The file became another version ({fresh.item.etag} after {used.item.etag})",
                advice="Somebody changes it repeatedly: retry later.",
            )
        links.current = fresh


def _miscounted(problem: OneDriveError | None, size: int, sink: RangeSink) -> OneDriveError:
    """Return the error of an ignored range, or of a file whose size is not the one that Graph says."""
    if problem is not None and sink.length < size:
        return problem
    # Files with a sensitivity label and some photos have another length than Graph says (AB#3070, OD#1532, OD#1723).
    reason = problem.message if problem else f"{sink.written} bytes came"
    return VerificationFailed(f"{reason}, and the file has {size} bytes according to Graph.")


class _Head:
    """A sink that reads the size of a file from the answer's head, and takes no byte."""

    total: int | None = None

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        match = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
        size = match[3] if match else headers.get("content-length", "") if status != _PARTIAL else ""
        self.total = int(size) if size.isascii() and size.isdigit() else None
        if status != _PARTIAL:
            raise RangeIgnored("the whole file came instead of its first byte")

    def write(self, piece: bytes) -> None:
        """Leave it: the file is fetched later."""


def _size(url: str) -> Flow[int]:
    """Ask the content's server how large a file is of which Graph does not say it.

    :raises UnreadableAnswer: if it does not say so either.
    """
    head = _Head()
    try:
        yield Request("GET", url, headers={"Range": "bytes=0-0"}, sink=head, preauthorized=True)
    except RangeNotSatisfiable:
        return 0  # an empty file has no first byte
    except RangeIgnored:
        pass  # the answer's head has said it
    if head.total is None:
        raise UnreadableAnswer("Neither Graph nor its storage says how large the file is", field="size")
    return head.total


def _link(item: DriveItem) -> Flow[str]:
    # Graph may leave the link out of an item; then the redirect of its content shows it.
    response = yield Request("GET", item_url(item.drive_id, item.id, "content"), expected_statuses=_REDIRECTS)
    return required(response.headers, "location", str)
