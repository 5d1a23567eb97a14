"""Deleting for good, and bringing back."""

from __future__ import annotations

import pytest


@pytest.fixture
def personal(drive):
    """Make the first user's drive one of a personal account."""
    drive._drive.personality = "personal"
    return drive


def test_restore(graph, personal):
    """A deleted folder is restored with its descendants and its id."""
    item = personal.put("a/b/c.txt", b"1")
    folder = personal.item("a/b")["id"]
    graph.delete("/root:/a/b")
    reply = graph.post(f"/items/{folder}/restore")
    assert (reply.status_code, reply.json()["id"]) == (200, folder)
    assert personal.item("a/b/c.txt")["id"] == item["id"]
    assert personal.recycle_bin == []


def test_restore_elsewhere(graph, personal):
    """The body may name another folder and another name."""
    item, target = personal.put("a.txt", b"1")["id"], personal.folder("b")["id"]
    graph.delete("/root:/a.txt")
    graph.post(f"/items/{item}/restore", json={"parentReference": {"id": target}, "name": "c.txt"})
    assert personal.paths() == ["b/", "b/c.txt"]


def test_restore_when_the_folder_is_gone(graph, personal):
    """It is restored below the root."""
    item = personal.put("a/b.txt")["id"]
    graph.delete("/root:/a/b.txt")
    graph.delete("/root:/a")
    assert graph.post(f"/items/{item}/restore").status_code == 200
    assert personal.paths() == ["b.txt"]


def test_restore_that_fails(graph, personal, error):
    """A taken name, an item that is not deleted, and an unknown one are refused."""
    item = personal.put("a.txt")["id"]
    assert error(graph.post(f"/items/{item}/restore"))[:2] == (400, "invalidRequest")
    graph.delete("/root:/a.txt")
    personal.put("a.txt")
    assert error(graph.post(f"/items/{item}/restore"))[:2] == (409, "nameAlreadyExists")
    assert graph.post(f"/items/{item}/restore", json={"name": 5}).status_code == 400
    assert graph.post(f"/items/{item}/restore", json={"parentReference": 5}).status_code == 400
    assert error(graph.post("/items/no/restore"))[:2] == (404, "itemNotFound")


def test_restore_is_for_personal_accounts(graph, drive, error):
    """For work or school restore is not supported."""
    item = drive.put("a.txt")["id"]
    graph.delete("/root:/a.txt")
    assert error(graph.post(f"/items/{item}/restore"))[:2] == (501, "notSupported")


def test_deleted_items_on_request(graph, personal):
    """A personal account returns a deleted item by id on request."""
    item = personal.put("a.txt", b"1")["id"]
    graph.delete("/root:/a.txt")
    assert graph.get(f"/items/{item}").status_code == 404
    shown = graph.get(f"/items/{item}?includeDeletedItems=true").json()
    assert (shown["name"], shown["deleted"]) == ("a.txt", {})


def test_deleted_items_of_work_or_school_are_gone(graph, drive):
    """The option is passed over there."""
    item = drive.put("a.txt")["id"]
    graph.delete("/root:/a.txt")
    assert graph.get(f"/items/{item}?includeDeletedItems=true").status_code == 404


def test_permanent_delete(graph, drive, error):
    """For work or school it leaves nothing behind; a personal account does not have it."""
    drive.put("a.txt")
    drive.put("b.txt")
    assert graph.post("/root:/a.txt:/permanentDelete").status_code == 204
    assert drive.recycle_bin == []
    drive._drive.personality = "personal"
    assert error(graph.post("/root:/b.txt:/permanentDelete")) == (405, "methodNotAllowed", "API not found")
    assert drive.exists("b.txt")
