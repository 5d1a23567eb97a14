"""Loops over links: each of them ends, whatever links Graph sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asking_nothing import PARSER

from airflow_provider_onedrive.graph.flows import delta
from airflow_provider_onedrive.graph.flows.pages import PageLinks, all_values
from airflow_provider_onedrive.graph.flows.removals import remove
from airflow_provider_onedrive.graph.flows.walk import DeltaWalk, FolderWalk, read_items
from airflow_provider_onedrive.graph.protocol.addresses import address_of
from airflow_provider_onedrive.graph.protocol.errors import GraphError
from airflow_provider_onedrive.graph.protocol.messages import Flow, Page, Request, Response

FOLDER = address_of(PARSER.parse("drives/D/in"))
ROOT = address_of(PARSER.parse("drives/D"))


def run(flow: Flow[Any], answer: Callable[[Request], Any]) -> Any:
    """Drive a flow; at most a thousand requests, so that an endless one fails."""
    try:
        request = next(flow)
        for _ in range(1100):
            request = flow.send(Response(200, {}, answer(request)))
    except StopIteration as end:
        return end.value
    raise AssertionError(f"The flow never ends: {request}")


LOOPS: dict[str, tuple[Callable[[], Flow[Any]], str]] = {
    "folder": (lambda: read_items(FolderWalk(FOLDER)), "/drives/D/root:/in:/children"),
    "drive": (lambda: read_items(DeltaWalk(ROOT)), "/drives/D/root/delta"),
    "round": (lambda: delta.since(ROOT, "https://g/cursor"), "/drives/D/root/delta"),
    "latest": (lambda: delta.latest(ROOT), "/drives/D/root/delta"),
    "libraries": (lambda: all_values(Request("GET", "/sites/S/drives?$select=id")), "/sites/S/drives"),
}


@pytest.mark.parametrize("name", LOOPS)
def test_repeated_link_is_an_error(name: str, samples: Any) -> None:
    """A listing whose links lead in a circle is given up, and the error names it."""
    begin, path = LOOPS[name]
    pages = iter(f"https://g/{number % 3}" for number in range(2000))

    def answer(_: Request) -> Any:
        return {"value": [samples.file()], "@odata.nextLink": next(pages)}

    with pytest.raises(GraphError, match="leads back to a page that was read") as caught:
        run(begin(), answer)
    assert (caught.value.path, caught.value.is_retryable) == (path, True)
    assert "https://g" not in str(caught.value)


@pytest.mark.parametrize("name", LOOPS)
def test_endless_empty_pages_are_an_error(name: str, samples: Any) -> None:
    """A listing whose pages are all empty is given up, although each has a link of its own."""
    numbers = iter(range(2000))

    def answer(request: Request) -> Any:
        if request.url == FOLDER.url():
            return samples.folder("in", "IN")
        return {"value": [], "@odata.nextLink": f"https://g/{next(numbers)}"}

    with pytest.raises(GraphError, match="empty pages"):
        run(LOOPS[name][0](), answer)


def test_round_that_leads_back_to_its_cursor_is_an_error() -> None:
    """The first link of a round counts, too."""
    with pytest.raises(GraphError, match="leads back"):
        run(delta.since(ROOT, "https://g/c"), lambda _: {"value": [], "@odata.nextLink": "https://g/c"})


def test_round_without_a_cursor_is_an_error() -> None:
    """Nobody could go on from its end."""
    with pytest.raises(GraphError, match="without a cursor"):
        run(delta.latest(ROOT), lambda _: {"value": []})


def test_counting_a_folder_ends(samples: Any) -> None:
    """A deletion does not count for ever."""

    def answer(request: Request) -> Any:
        if "children" not in request.url and "/2" not in request.url:
            return samples.folder("in", "IN", child_count=1)
        return {"value": [samples.file()], "@odata.nextLink": "https://g/2"}

    with pytest.raises(GraphError, match="leads back"):
        run(remove(FOLDER, recursive=True), answer)


def test_many_pages_are_followed() -> None:
    """Empty pages between full ones are no sign of a loop."""
    links = PageLinks("/x")
    for number in range(5000):
        url = f"https://g/{number}"
        assert links.next_url(Page((1,) if number % 900 == 0 else (), url)) == url
    assert links.next_url(Page((), None)) is None
