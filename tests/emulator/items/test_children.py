"""Listing and creating children."""

from __future__ import annotations

import pytest


def names(reply):
    return [item["name"] for item in reply.json()["value"]]


def test_folders_come_first(graph, drive):
    """Children are folders, then files, each by name without case."""
    for path in ("b.txt", "A.txt", "Z/x", "y/x"):
        drive.put(path, b"1")
    reply = graph.get("/root/children")
    assert names(reply) == ["y", "Z", "A.txt", "b.txt"]
    assert "@odata.nextLink" not in reply.json()
    assert reply.json()["value"][2] == drive.item("A.txt") | {
        "@microsoft.graph.downloadUrl": reply.json()["value"][2]["@microsoft.graph.downloadUrl"]
    }


def test_pages(graph, drive):
    """A listing is paged; the link to the next page is complete and keeps the options."""
    drive.folder("f & f/sub")
    for number in range(5):
        drive.put(f"f & f/{number} #ä.txt", b"1")
    reply = graph.get("/root:/f%20&%20f:/children?$top=2&$select=name")
    pages = [names(reply)]
    while link := reply.json().get("@odata.nextLink"):
        reply = graph.get(link)
        assert all(set(item) == {"name"} for item in reply.json()["value"])
        pages.append(names(reply))
    assert pages == [["sub", "0 #ä.txt"], ["1 #ä.txt", "2 #ä.txt"], ["3 #ä.txt", "4 #ä.txt"]]


def test_what_changes_between_pages_shifts_nothing(graph, drive):
    """A page starts after a name, so no item is skipped or repeated."""
    for name in "bdfh":
        drive.put(name, b"1")
    link = graph.get("/root/children?$top=2").json()["@odata.nextLink"]
    drive.put("a", b"1")
    drive.delete("d")
    drive.put("g", b"1")
    assert names(graph.get(link)) == ["f", "g"]


def test_default_page_size(graph, drive, emulator):
    """Without $top a page has 200 children, or the configured number."""
    for number in range(201):
        drive.put(f"{number:03}", b"")
    reply = graph.get("/root/children")
    assert len(names(reply)) == 200
    assert names(graph.get(reply.json()["@odata.nextLink"])) == ["200"]
    emulator.options.page_size = 7
    assert len(names(graph.get("/root/children"))) == 7


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("$skip=1", 400),
        ("$top=0", 400),
        ("$top=x", 400),
        ("$skiptoken=x", 400),
        ("$skiptoken=", 400),
        ("$filter=file ne null", 501),
        ("$count=true", 501),
        ("$search=x", 501),
    ],
)
def test_options_that_are_not_served(graph, query, status):
    """Unsupported options are refused and not ignored."""
    assert graph.get(f"/root/children?{query}").status_code == status


def test_children_of_a_file(graph, drive, error):
    """A file has no children, neither to list nor to create."""
    drive.put("a.txt", b"1")
    for path in ("/root:/a.txt:/children", "/root:/a.txt?$expand=children", "/root:/a.txt?expand=children($select=id)"):
        reply = graph.get(path)
        assert error(reply)[:2] == (422, "notSupported")
        assert reply.json()["error"]["innerError"]["code"] == "getChildrenOnNonFolder"
    assert graph.get("/root?$expand=children").json()["children"][0]["name"] == "a.txt"
    reply = graph.post("/root:/a.txt:/children", json={"name": "x", "folder": {}})
    assert error(reply)[:2] == (400, "invalidRequest")


def test_create_folder(graph, drive):
    """A folder is created below a folder."""
    drive.folder("a")
    reply = graph.post("/root:/a:/children", json={"name": "100% #1", "folder": {"childCount": 0}})
    assert (reply.status_code, reply.json()["name"], reply.json()["folder"]["childCount"]) == (201, "100% #1", 0)
    assert drive.paths() == ["a/", "a/100% #1/"]


@pytest.mark.parametrize("key", ["@microsoft.graph.conflictBehavior", "@name.conflictBehavior"])
@pytest.mark.parametrize(
    ("conflict", "status"), [(None, 409), ("fail", 409), ("replace", 200), ("rename", 201), ("x", 400)]
)
def test_create_folder_that_exists(graph, drive, key, conflict, status):
    """A folder is never replaced: it stays as it is; ``rename`` appends a number to the whole name."""
    before = drive.folder("my.folder")
    reply = graph.post(
        "/root/children", json={"name": "My.Folder", "folder": {}} | ({key: conflict} if conflict else {})
    )
    assert reply.status_code == status
    assert drive.paths() == (["My.Folder 1/"] if status == 201 else []) + ["my.folder/"]
    assert drive.item("my.folder") == before
    assert status != 200 or reply.json()["id"] == before["id"]


def test_a_folder_in_place_of_a_file(graph, drive, error):
    """A folder never replaces a file."""
    drive.put("a", b"1")
    body = {"name": "a", "folder": {}, "@microsoft.graph.conflictBehavior": "replace"}
    assert error(graph.post("/root/children", json=body))[:2] == (409, "nameAlreadyExists")
    assert drive.read("a") == b"1"


@pytest.mark.parametrize(
    "body", [{}, {"name": "x"}, {"folder": {}}, {"name": 1, "folder": {}}, {"name": "x", "folder": {}, "file": {}}]
)
def test_create_folder_incomplete(graph, drive, error, body):
    """A folder needs a name and the facet."""
    assert error(graph.post("/root/children", json=body))[:2] == (400, "invalidRequest")
    assert drive.paths() == []


def test_create_folder_without_a_parent(graph, error):
    """Only one level is created at a time."""
    assert error(graph.post("/root:/no:/children", json={"name": "x", "folder": {}}))[:2] == (404, "itemNotFound")
