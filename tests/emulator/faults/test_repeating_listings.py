"""Listings that repeat an item, or never end."""

from __future__ import annotations

import pytest

from airflow_provider_onedrive.emulator.faults import repeat_next_link

CHILDREN = "/root:/a:/children"


@pytest.fixture
def quirks(emulator, drive):
    drive.put_all({f"a/{name}": b"" for name in "12345"})
    return emulator.quirks


@pytest.fixture
def listing(graph):
    """Read a listing to its end, and return the names of each page."""

    def read(path):
        pages = []
        while path:
            page = graph.get(path).json()
            pages.append("".join(item["name"] for item in page["value"]))
            path = page.get("@odata.nextLink")
        return pages

    return read


def test_one_page(drive, quirks, listing):
    """The first listings of each folder have an item twice and lack its neighbour; then they are right."""
    drive.put_all({"b/x": b"", "b/y": b""})
    quirks.repeating_listings = 2
    assert [listing(CHILDREN) for _ in range(3)] == [["11345"], ["11345"], ["12345"]]
    assert [listing("/root:/b:/children") for _ in range(3)] == [["xx"], ["xx"], ["xy"]]


def test_pages(quirks, listing):
    """The second page begins with the last item of the first one; the others are right."""
    quirks.repeating_listings = 1
    assert [listing(f"{CHILDREN}?$top=2") for _ in range(2)] == [["12", "24", "5"], ["12", "34", "5"]]


def test_a_page_that_is_read_again(graph, quirks):
    """A page of such a listing stays as it was, while another listing is right."""
    quirks.repeating_listings = 1
    link = graph.get(f"{CHILDREN}?$top=2&$select=id,name").json()["@odata.nextLink"]
    right = graph.get(f"{CHILDREN}?$top=2&$select=id,name").json()["@odata.nextLink"]
    pages = [graph.get(address).json()["value"] for address in (link, right, link)]
    assert [[item["name"] for item in page] for page in pages] == [["2", "4"], ["3", "4"], ["2", "4"]]
    assert {*pages[0][0]} == {"id", "name"}


def test_it_depends_on_the_size_of_pages(emulator, quirks, listing):
    """Pages of another size are right, and are not counted."""
    quirks.repeating_listings, quirks.repeating_top = 1_000_000, 3
    assert listing(f"{CHILDREN}?$top=2") == ["12", "34", "5"]
    assert listing(CHILDREN) == ["12345"]
    assert [listing(f"{CHILDREN}?$top=3") for _ in range(2)] == [["123", "35"]] * 2
    emulator.options.page_size = 3
    assert listing(CHILDREN) == ["123", "35"]


def test_what_is_right_all_the_time(graph, drive, quirks, listing):
    """Delta, an expanded folder and a single item are right, and do not count."""
    quirks.repeating_listings = 1
    assert listing("/root/children") == ["a"]
    names = [item["name"] for item in graph.get("/root/delta").json()["value"]]
    assert names == ["root", "a", *"12345"]
    assert [child["name"] for child in graph.get("/root:/a?$expand=children").json()["children"]] == [*"12345"]
    drive.put("b")
    assert listing("/root/children") == ["aa"]


def test_in_a_batch(v1, drive, quirks):
    """A part of a batch is such a listing too."""
    quirks.repeating_listings = 1
    parts = [{"id": number, "method": "GET", "url": f"/drives/{drive.id}{CHILDREN}"} for number in "12"]
    responses = v1.post("/$batch", json={"requests": parts}).json()["responses"]
    pages = {part["id"]: "".join(item["name"] for item in part["body"]["value"]) for part in responses}
    assert pages == {"1": "11345", "2": "12345"}


@pytest.mark.parametrize("path", [f"{CHILDREN}?$top=2", "/root/delta?$top=2", "/root/search(q='1')"])
def test_a_link_that_repeats(graph, drive, emulator, path):
    """Each page links to itself, the last one too, for as long as the rule says."""
    drive.put_all({f"a/{name}": b"" for name in "12345"})
    rule = emulator.faults.add(method="GET", times=3, do=repeat_next_link())
    first = graph.get(path).json()
    again = graph.get(first["@odata.nextLink"]).json()
    assert again["@odata.nextLink"] == first["@odata.nextLink"]
    assert [item["id"] for item in again["value"]] == [item["id"] for item in first["value"]] != []
    assert "@odata.deltaLink" not in first
    graph.get(path)
    assert rule.hits == 3
    assert graph.get(path).json().get("@odata.nextLink") != first["@odata.nextLink"]


def test_answers_without_pages(graph, drive, emulator, http, error):
    """An item, a refusal and a download have no link."""
    url = drive.put("a", b'{"value": []}')["@microsoft.graph.downloadUrl"]
    emulator.faults.add(times=None, do=repeat_next_link())
    assert "@odata.nextLink" not in graph.get("/root:/a").json()
    assert error(graph.get("/root:/none"))[0] == 404
    assert http.get(url).content == b'{"value": []}'
