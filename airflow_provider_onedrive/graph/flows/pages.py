"""Pages of a listing: how one is read from an answer, and how a row of them ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_onedrive.graph.protocol.errors import ServiceUnavailable, UnreadableAnswer
from airflow_provider_onedrive.graph.protocol.fields import has_id, optional, required, unreadable
from airflow_provider_onedrive.graph.protocol.messages import Flow, Page, Request, Response

PAGE_ITEMS = 1000
_ROUNDS = 3
"""How often a folder is listed whose pages repeat an item."""
_EMPTY_PAGES = 1000
"""How many pages in a row may hold nothing: delta has empty pages, but never this many."""


class PageLinks:
    """Follows the links of one listing from page to page, and ends a listing that would never end.

    :param listing: the path that the first page was asked for by; errors show it.
    :param url: the whole URL of the first page, where the listing began with a link.
    """

    def __init__(self, listing: str, url: str | None = None) -> None:
        self._listing = listing
        self._seen = {url}
        self._empty = 0

    def next_url(self, page: Page) -> str | None:
        """Return the link to the next page; None after the last.

        :raises GraphError: if the link was followed before, or if too many pages in a row hold nothing.
        """
        self._empty = self._empty + 1 if page.is_empty else 0
        url = page.next_url
        if url is None:
            return None
        # A link that leads back for ever was reported (OD#1431).
        if url in self._seen:
            raise self._endless("Graph's link to the next page of the listing leads back to a page that was read")
        if self._empty > _EMPTY_PAGES:
            raise self._endless(f"Graph sent {self._empty} empty pages of the listing in a row")
        self._seen.add(url)  # a link may be 1 KiB long, but a page has up to 1000 items
        return url

    def _endless(self, reason: str) -> ServiceUnavailable:
        # Retryable, for the next listing may have sound links. Without the link, which may hold a token of its own.
        return ServiceUnavailable(f"{reason}, so it was given up", method="GET", path=self._listing)


class FolderListing:
    """The listing of one folder: its pages, and once more all of them if they repeat an item.

    Pages continue after a name, so a page that repeats an item may lack its neighbour, which then comes on no page
    (onedrive-api-docs#1472, #1669, #740). Pages of another size end at other names. Delta repeats items by design, so
    this is not for delta.

    :param shown: the path that the first page is asked for by; errors show it.
    """

    def __init__(self, shown: str) -> None:
        self._shown = shown
        self._links = PageLinks(shown)
        self._given: set[str] = set()
        self._round = self._given  # the first round needs no set of its own, for a folder may hold many items
        self._rounds = 0
        self.has_repeats = False
        """Whether the pages of this round repeat an item; if so at the end, the listing may lack others."""

    @property
    def page_items(self) -> int:
        """The size to ask for."""
        return PAGE_ITEMS >> self._rounds

    def new_items(self, page: Page) -> Iterator[Any]:
        """Yield the items of a page that no page before has had."""
        for data in page.items:
            key = data["id"]
            is_new = key not in self._given
            self.has_repeats |= key in self._round
            self._round.add(key)
            self._given.add(key)
            if is_new:
                yield data

    def next_url(self, page: Page) -> str | None:
        """Return the link to the next page; None after the last. See :meth:`PageLinks.next_url`."""
        return self._links.next_url(page)

    def begins_again(self) -> bool:
        """After the last page, return whether the first is to be asked for again."""
        self._rounds += 1
        if not self.has_repeats or self._rounds == _ROUNDS:
            return False
        self._links, self._round, self.has_repeats = PageLinks(self._shown), set(), False
        return True


def check_page(body: Mapping[str, Any]) -> None:
    """See that an answer is a page of a listing.

    :raises UnreadableAnswer: if it has no list, or a link that cannot be followed.
    """
    required(body, "value", list)
    _link(body, "next")


def check_delta(body: Mapping[str, Any]) -> None:
    """See that an answer is a page of delta: each has a link, either to the next page or to the next round.

    :raises UnreadableAnswer: if it is none.
    """
    check_page(body)
    if _link(body, "next") is None and _link(body, "delta") is None:
        raise UnreadableAnswer(
            "The answer has neither '@odata.nextLink' nor '@odata.deltaLink'", field="@odata.deltaLink"
        )


def page_of(response: Response) -> Page:
    """Read the page of an answer. Its items have an id, and what else they have nobody has looked at.

    :raises UnreadableAnswer: if it has no list, or a link that cannot be followed.
    """
    values = required(response.body, "value", list)
    items = tuple(value for value in values if has_id(value))
    date = response.headers.get("date")
    return Page(items, _link(response.body, "next"), date, _link(response.body, "delta"), len(values) - len(items))


def _link(body: Mapping[str, Any], kind: str) -> str | None:
    name = f"@odata.{kind}Link"
    url = optional(body, name, str)
    if url is not None and not url.startswith("http"):
        raise unreadable(name, url, str)
    return url


def all_values(first: Request) -> Flow[list[dict[str, Any]]]:
    """Read all pages of a listing, one after the other.

    :return: the JSON of what they hold; an empty object for what cannot be read.
    """
    request = replace(first, reads=check_page)
    links, values = PageLinks(first.shown, first.url), list[dict[str, Any]]()
    while True:
        page = page_of((yield request))
        values += page.items
        values += [{}] * page.unnamed
        if (url := links.next_url(page)) is None:
            return values
        request = replace(request, url=url)
