"""The versions of a file."""

from __future__ import annotations

import pytest


@pytest.fixture
def item(drive):
    """A file with three versions."""
    for text in (b"1", b"22", b"333"):
        drive.put("a.txt", text)
    return f"/items/{drive.item('a.txt')['id']}"


def ids(graph, item):
    return [version["id"] for version in graph.get(f"{item}/versions").json()["value"]]


def test_list(graph, item, drive):
    """The current version comes first; each has its author, time and size."""
    value = graph.get(f"{item}/versions").json()["value"]
    assert [(version["id"], version["size"]) for version in value] == [("3.0", 3), ("2.0", 2), ("1.0", 1)]
    current = drive.item("a.txt")
    assert value[0]["lastModifiedBy"] == current["lastModifiedBy"]
    assert value[0]["lastModifiedDateTime"] == current["lastModifiedDateTime"]
    assert graph.get(f"{item}/versions?$select=id").json()["value"][0] == {"id": "3.0"}


def test_one(graph, item, error):
    """A version is addressed by its id; others are 404; a folder has none."""
    assert graph.get(f"{item}/versions/2.0").json()["size"] == 2
    assert graph.get(f"{item}/versions/current").json()["id"] == "3.0"
    for version in ("4.0", "0.0", "2", "2.1", "x", "9" * 100 + ".0"):
        assert error(graph.get(f"{item}/versions/{version}"))[:2] == (404, "itemNotFound")
    assert error(graph.get("/root/versions"))[0] == 400


def test_content(graph, item, http, error):
    """A former version is fetched through a redirect; the current one is not, for work or school."""
    reply = graph.get(f"{item}/versions/1.0/content")
    assert reply.status_code == 302
    assert http.get(reply.headers["Location"]).content == b"1"
    assert http.get(reply.headers["Location"], headers={"Range": "bytes=0-0"}).status_code == 206
    assert error(graph.get(f"{item}/versions/3.0/content"))[:2] == (400, "invalidRequest")


def test_restore(graph, item, drive, error):
    """Restoring makes one more version with the old content, and a new tag."""
    before = drive.item("a.txt")
    assert graph.post(f"{item}/versions/1.0/restoreVersion").status_code == 204
    assert drive.read("a.txt") == b"1"
    assert ids(graph, item) == ["4.0", "3.0", "2.0", "1.0"]
    assert drive.item("a.txt")["cTag"] != before["cTag"]
    assert error(graph.post(f"{item}/versions/4.0/restoreVersion"))[0] == 400
    assert error(graph.post(f"{item}/versions/9.0/restoreVersion"))[0] == 404


def test_delete(graph, item, drive, http, error):
    """A former version can be deleted, the current one cannot; an address of its content is 404 then."""
    location = graph.get(f"{item}/versions/1.0/content").headers["Location"]
    assert graph.delete(f"{item}/versions/1.0").status_code == 204
    assert error(http.get(location))[0] == 404
    assert ids(graph, item) == ["3.0", "2.0"]
    assert error(graph.delete(f"{item}/versions/3.0"))[0] == 400
    assert error(graph.delete(f"{item}/versions/1.0"))[0] == 404
    assert drive.version_count("a.txt") == 2


def test_personal(graph, item, drive, http, error):
    """On a personal drive the current version can be fetched and none can be deleted."""
    drive._drive.personality = "personal"
    location = graph.get(f"{item}/versions/3.0/content").headers["Location"]
    assert http.get(location).content == b"333"
    assert error(graph.delete(f"{item}/versions/1.0")) == (400, "invalidRequest", "API not found")


def test_times_make_a_version(graph, drive):
    """Setting a file's times afterwards costs a version of the same content; in the session it does not."""
    before = drive.put("a.txt", b"1")
    item, times = f"/items/{before['id']}", {"fileSystemInfo": {"lastModifiedDateTime": "2020-01-01T00:00:00Z"}}
    after = graph.patch(item, json=times).json()
    assert (after["eTag"] != before["eTag"], after["cTag"] == before["cTag"]) == (True, True)
    assert ids(graph, item) == ["2.0", "1.0"]
    graph.patch(item, json={"name": "b.txt"})
    assert ids(graph, item) == ["2.0", "1.0"]


def test_times_of_a_session(graph, drive, http):
    """Times of an upload session add no version."""
    drive.put("a.txt", b"1")
    body = {"item": {"fileSystemInfo": {"lastModifiedDateTime": "2020-01-01T00:00:00.999Z"}}}
    body["item"]["@microsoft.graph.conflictBehavior"] = "replace"
    url = graph.post("/root:/a.txt:/createUploadSession", json=body).json()["uploadUrl"]
    http.put(url, content=b"2", headers={"Content-Range": "bytes 0-0/1"})
    item = graph.get("/root:/a.txt").json()
    assert item["fileSystemInfo"]["lastModifiedDateTime"] == "2020-01-01T00:00:00Z"
    assert drive.version_count("a.txt") == 2


def test_the_number_of_versions_is_limited(graph, drive):
    """500 versions are kept, the default of a library."""
    for number in range(502):
        drive.put("a.txt", b"%d" % number)
    found = ids(graph, f"/items/{drive.item('a.txt')['id']}")
    assert (found[0], found[-1], len(found)) == ("502.0", "3.0", 500)
