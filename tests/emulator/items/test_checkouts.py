"""Checked out and locked files: 423."""

from __future__ import annotations

import pytest

CHECKED_OUT = (423, "accessDenied", "The file is currently checked out or locked for editing by another user.")
SESSION = (423, "notAllowed", "The resource you are attempting to access is locked")
DELETE = (423, "accessDenied", "Lock token does not match existing lock")
REPLACE = {"@microsoft.graph.conflictBehavior": "replace"}


@pytest.fixture
def anna(emulator):
    """Return the headers of a request of the first user."""
    return {"Authorization": f"Bearer {emulator.token(emulator.users[0])}"}


def test_a_locked_file(graph, drive, error):
    """A locked file cannot be changed, with the message of each operation, and can be read."""
    drive.put("f/a.txt", b"1")
    drive.lock("f/a.txt")
    assert error(graph.patch("/root:/f/a.txt", json={"name": "b.txt"})) == CHECKED_OUT
    assert error(graph.put("/root:/f/a.txt:/content", content=b"2")) == CHECKED_OUT
    assert error(graph.post("/root:/f/a.txt:/createUploadSession", json=REPLACE)) == SESSION
    assert error(graph.delete("/root:/f/a.txt")) == DELETE
    assert error(graph.delete("/root:/f"))[0] == 423
    assert error(graph.post("/root:/f/a.txt:/permanentDelete"))[0] == 423
    assert graph.get("/root:/f/a.txt:/content").status_code == 302
    assert (drive.read("f/a.txt"), drive.version_count("f/a.txt")) == (b"1", 1)
    drive.unlock("f/a.txt")
    assert graph.delete("/root:/f").status_code == 204


def test_the_inner_code_of_a_locked_session(graph, drive):
    """For a session the inner code is resourceLocked."""
    drive.put("a.txt")
    drive.lock("a.txt")
    reply = graph.post("/root:/a.txt:/createUploadSession", json=REPLACE)
    assert reply.json()["error"]["innerError"]["code"] == "resourceLocked"


def test_a_file_that_is_locked_while_it_is_uploaded(graph, http, drive, error):
    """The commit is refused and the session stays: later it goes through."""
    drive.put("a.txt", b"old")
    url = graph.post("/root:/a.txt:/createUploadSession", json=REPLACE).json()["uploadUrl"]
    drive.lock("a.txt")
    reply = http.put(url, content=b"new", headers={"Content-Range": "bytes 0-2/3"})
    assert error(reply) == SESSION
    drive.unlock("a.txt")
    assert http.post(url, content=b"").status_code == 200
    assert drive.read("a.txt") == b"new"


def test_a_file_that_is_checked_out_while_it_is_uploaded(graph, http, drive, anna, error):
    """The last fragment is kept although it is refused: sent again it overlaps, and the commit alone is left to do."""
    drive.put("a.txt", b"old")
    url = graph.post("/root:/a.txt:/createUploadSession", json=REPLACE).json()["uploadUrl"]
    graph.post("/root:/a.txt:/checkout", headers=anna)
    last = {"Content-Range": "bytes 0-2/3"}
    assert error(http.put(url, content=b"new", headers=last)) == SESSION
    assert http.get(url).json()["nextExpectedRanges"] == []
    assert http.put(url, content=b"new", headers=last).status_code == 416
    assert error(http.post(url, content=b"")) == SESSION
    graph.post("/root:/a.txt:/checkin", json={}, headers=anna)
    assert graph.put("/root:/a.txt", json=REPLACE | {"@microsoft.graph.sourceUrl": url}).status_code == 200
    assert drive.read("a.txt") == b"new"


def test_a_locked_name_can_be_avoided(graph, drive):
    """An upload under another name does not touch the locked file."""
    drive.put("a.txt")
    drive.lock("a.txt")
    reply = graph.put("/root:/a.txt:/content?@microsoft.graph.conflictBehavior=rename", content=b"2")
    assert (reply.status_code, reply.json()["name"]) == (201, "a 1.txt")


def test_check_out_and_in(graph, drive, anna, error):
    """The user who checked it out may change it; for others it is locked until the check-in."""
    drive.put("a.txt", b"1")
    assert graph.post("/root:/a.txt:/checkout", headers=anna).status_code == 204
    assert graph.post("/root:/a.txt:/checkout", headers=anna).status_code == 204
    assert error(graph.post("/root:/a.txt:/checkout")) == CHECKED_OUT
    assert error(graph.put("/root:/a.txt:/content", content=b"2")) == CHECKED_OUT
    assert graph.put("/root:/a.txt:/content", content=b"3", headers=anna).status_code == 200
    assert error(graph.post("/root:/a.txt:/checkin")) == CHECKED_OUT
    body = {"checkInAs": "published", "comment": "done"}
    assert graph.post("/root:/a.txt:/checkin", json=body, headers=anna).status_code == 204
    assert graph.put("/root:/a.txt:/content", content=b"4").status_code == 200


def test_discard(graph, drive, anna):
    """Discarding restores the content before the checkout."""
    drive.put("a.txt", b"1")
    graph.post("/root:/a.txt:/checkout", headers=anna)
    for content in (b"22", b"333"):
        graph.put("/root:/a.txt:/content", content=content, headers=anna)
    assert graph.post("/root:/a.txt:/discardCheckout", headers=anna).status_code == 204
    assert (drive.read("a.txt"), drive.version_count("a.txt"), drive.item()["size"]) == (b"1", 1, 1)
    assert graph.put("/root:/a.txt:/content", content=b"4").status_code == 200


def test_an_application_may_discard(graph, drive, anna):
    """Besides that user an application may discard it."""
    drive.put("a.txt", b"1")
    graph.post("/root:/a.txt:/checkout", headers=anna)
    assert graph.post("/root:/a.txt:/discardCheckout").status_code == 204


def test_the_publication_facet(graph, drive, anna, emulator):
    """The facet is returned if it is selected, and names the user."""
    drive.put("a.txt", b"1")
    assert "publication" not in graph.get("/root:/a.txt").json()
    published = graph.get("/root:/a.txt?$select=publication").json()["publication"]
    assert published == {"level": "published", "versionId": "1.0"}
    graph.post("/root:/a.txt:/checkout", headers=anna)
    checked_out = graph.get("/root:/a.txt?$select=publication").json()["publication"]
    assert checked_out["level"] == "checkout"
    assert checked_out["checkedOutBy"]["user"]["email"] == emulator.users[0]


def test_checkouts_that_are_refused(graph, drive, error):
    """Folders, files that are not checked out, and personal accounts."""
    drive.put("a/b.txt")
    assert graph.post("/root:/a:/checkout").status_code == 400
    assert graph.post("/root:/a/b.txt:/checkin", json={}).status_code == 400
    assert graph.post("/root:/a/b.txt:/discardCheckout").status_code == 400
    graph.post("/root:/a/b.txt:/checkout")
    assert graph.post("/root:/a/b.txt:/checkin", json={"checkInAs": "x"}).status_code == 400
    drive._drive.personality = "personal"
    assert error(graph.post("/root:/a/b.txt:/checkout"))[:2] == (501, "notSupported")


def test_versions_of_a_locked_file(graph, drive):
    """Restoring one is a change too."""
    drive.put("a.txt", b"1")
    drive.put("a.txt", b"2")
    drive.lock("a.txt")
    assert graph.post("/root:/a.txt:/versions/1.0/restoreVersion").status_code == 423


def test_a_checkout_makes_one_version(graph, drive, anna):
    """However often the file is saved meanwhile."""
    drive.put("a.txt", b"1")
    graph.post("/root:/a.txt:/checkout", headers=anna)
    for content in (b"22", b"333", b"4444"):
        graph.put("/root:/a.txt:/content", content=content, headers=anna)
    graph.patch("/root:/a.txt", json={"fileSystemInfo": {"lastModifiedDateTime": "2026-01-01T00:00:00Z"}}, headers=anna)
    graph.post("/root:/a.txt:/checkin", json={}, headers=anna)
    assert (drive.read("a.txt"), drive.version_count("a.txt")) == (b"4444", 2)
    graph.put("/root:/a.txt:/content", content=b"5")
    assert drive.version_count("a.txt") == 3


def test_what_others_see_of_a_checkout(graph, http, drive, anna):
    """What was saved is seen at the check-in, and before only by the user who saved it."""
    drive.put("f/a.txt", b"1")
    graph.post("/root:/f/a.txt:/checkout", headers=anna)
    before = graph.get("/root:/f/a.txt").json()
    graph.put("/root:/f/a.txt:/content", content=b"22", headers=anna)
    seen = graph.get("/root:/f/a.txt").json()
    for name in ("size", "eTag", "cTag", "file", "lastModifiedDateTime"):
        assert seen[name] == before[name]
    listed = graph.get("/root:/f:/children").json()["value"][0]
    changes = graph.get("/root/delta").json()["value"]
    assert {listed["size"], *(each["size"] for each in changes if "file" in each)} == {1}
    assert http.get(seen["@microsoft.graph.downloadUrl"]).content == b"1"
    assert http.get(graph.get("/root:/f/a.txt:/content").headers["Location"]).content == b"1"
    assert graph.get("/root:/f/a.txt", headers=anna).json()["size"] == 2
    graph.post("/root:/f/a.txt:/checkin", json={}, headers=anna)
    assert graph.get("/root:/f/a.txt").json()["size"] == 2
