"""Search below a folder, and POST /search/query."""

from __future__ import annotations

import pytest


def names(reply):
    assert reply.status_code == 200, reply.text
    return [item["name"] for item in reply.json()["value"]]


@pytest.fixture
def tree(drive):
    for path in ("a/Report 1.csv", "a/deep/report 2.csv", "b/it's.txt", "b/100% #1.txt"):
        drive.put(path, b"1")
    return drive


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("/root/search(q='report')", ["Report 1.csv", "report 2.csv"]),
        ("/search(q='report')", ["Report 1.csv", "report 2.csv"]),
        ("/root/microsoft.graph.search(q='report')", ["Report 1.csv", "report 2.csv"]),
        ("/root:/a/deep:/search(q='REPORT')", ["report 2.csv"]),
        ("/root/search(q='csv 2')", ["report 2.csv"]),
        ("/root/search(q='deep')", ["deep"]),
        ("/root/search(q='it''s')", ["it's.txt"]),
        ("/root/search(q='100%25%20%231')", ["100% #1.txt"]),
        ("/root/search(q='a%2Fb')", []),
    ],
)
def test_search(graph, tree, where, found):
    """Items below a folder are found by the words of their names, without regard to case."""
    assert sorted(names(graph.get(where)), key=str.lower) == found


def test_search_for_nothing_finds_everything(graph, tree):
    """An empty text leaves nothing out."""
    assert len(names(graph.get("/root/search(q='')"))) == len(tree.paths())


@pytest.mark.parametrize("function", ["search(q='it's')", "search(q=report)", "search(q='a", "search()", "search"])
def test_search_that_cannot_be_read(graph, function, error):
    """A quotation mark that is not doubled is a syntax error."""
    status, code, message = error(graph.get(f"/root/{function}"))
    assert (status, code) == (400, "BadRequest")
    assert message.startswith("Syntax error")


def test_a_file_cannot_be_searched(graph, tree):
    """Only a folder has something below it."""
    assert graph.get("/root:/b/it's.txt:/search(q='x')").status_code == 400


def test_pages_of_a_search(graph, drive):
    """The pages list all matches, each once."""
    for number in range(5):
        drive.put(f"{number % 2}/x{number}.txt")
    found, url = [], "/root/search(q='x')?$top=2&$select=name"
    while url:
        page = graph.get(url).json()
        assert len(page["value"]) <= 2
        found += [item["name"] for item in page["value"]]
        url = page.get("@odata.nextLink")
    assert sorted(found) == [f"x{number}.txt" for number in range(5)]
    assert graph.get("/root/search(q='x')?$skiptoken=x").status_code == 400


def test_what_the_index_does_not_hold(graph, tree):
    """For work or school a result lacks authors and path; a personal account's has them."""
    business = graph.get("/root/search(q='it''s')").json()["value"][0]
    assert not {"createdBy", "lastModifiedBy"} & set(business)
    assert set(business["parentReference"]) >= {"id", "driveId"}
    assert "path" not in business["parentReference"]
    tree._drive.personality = "personal"
    assert "path" in graph.get("/root/search(q='it''s')").json()["value"][0]["parentReference"]


def test_the_index_is_late(graph, drive, emulator):
    """With the quirk, only a later search finds a file."""
    emulator.quirks.unindexed_searches = 2
    drive.put("new.txt")
    assert [names(graph.get("/root/search(q='new')")) for _ in range(3)] == [[], [], ["new.txt"]]


@pytest.fixture
def query(v1):
    """Search as the application."""

    def send(text, **options):
        asked = {"entityTypes": ["driveItem"], "query": {"queryString": text}, "region": "NAM"} | options
        return v1.post("/search/query", json={"requests": [asked]})

    return send


def hits(reply):
    assert reply.status_code == 200, reply.text
    (container,) = reply.json()["value"][0]["hitsContainers"]
    return [hit["resource"]["name"] for hit in container.get("hits", ())], container


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("report", ["Report 1.csv", "report 2.csv"]),
        ('"report 2"', ["report 2.csv"]),
        ("filetype:csv AND 1", ["Report 1.csv"]),
        ("filename:it's", ["it's.txt"]),
        ("report NOT 2", ["Report 1.csv"]),
        ("isDocument:false", ["a", "b", "deep"]),
    ],
)
def test_query(query, tree, text, found):
    """All drives are searched, with the simple part of KQL."""
    assert sorted(hits(query(text))[0], key=str.lower) == found


def test_a_hit_knows_little(query, tree):
    """A hit has neither hash nor tags; the item's id leads to them."""
    (hit,) = hits(query("filename:it's"))[1]["hits"]
    assert hit["resource"]["id"] == tree.item("b/it's.txt")["id"]
    assert not {"eTag", "cTag", "file"} & set(hit["resource"])
    assert hit["resource"]["parentReference"]["driveId"] == tree.id


def test_pages_of_a_query(query, tree):
    """``from`` and ``size`` page; the container reports whether more follow."""
    first, container = hits(query("report", size=1))
    assert (len(first), container["total"], container["moreResultsAvailable"]) == (1, 2, True)
    second, container = hits(query("report", size=1, **{"from": 1}))
    assert container["moreResultsAvailable"] is False
    assert sorted(first + second) == ["Report 1.csv", "report 2.csv"]


@pytest.mark.parametrize(
    "options",
    [
        {"region": None},
        {"size": 501},
        {"size": "5"},
        {"from": -1},
        {"entityTypes": ["message"]},
        {"query": None},
        {"query": {"queryString": 5}},
        {"query": {"queryString": "who:me"}},
    ],
)
def test_queries_that_are_refused(query, options):
    """An application must name the region; sizes end at 500."""
    assert query("x", **options).status_code == 400


def test_a_user_needs_no_region(emulator, v1, drive):
    """Only applications need the region."""
    drive.put("mine.txt")
    v1.headers["Authorization"] = f"Bearer {emulator.token(emulator.users[0])}"
    asked = {"entityTypes": ["driveItem"], "query": {"queryString": "mine"}}
    assert hits(v1.post("/search/query", json={"requests": [asked]}))[0] == ["mine.txt"]
    assert v1.get("/search/query").status_code == 405
    assert v1.post("/search/query", json={"requests": []}).status_code == 400
