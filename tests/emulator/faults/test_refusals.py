"""Quirks by which the service refuses a request for an item that is there."""

from __future__ import annotations

import pytest

MISSING = (404, "itemNotFound", "The resource could not be found.")

ON_HOLD = (
    "Request was cancelled by event received. If attempting to delete a non-empty folder, it's possible that it's on "
    "hold"
)


@pytest.fixture
def quirks(emulator):
    return emulator.quirks


@pytest.fixture
def statuses(graph):
    """Send the same request again and again, and return the statuses."""

    def send(count, method, path, **options):
        return [graph.request(method, path, **options).status_code for _ in range(count)]

    return send


def test_missing_writes(graph, drive, quirks, error):
    """The first change of each kind finds no item, and changes nothing; a repetition works."""
    item = drive.put("a/b", b"x")
    quirks.missing_writes = 1
    path = f"/items/{item['id']}"
    requests = [
        ("PATCH", path, {"name": "c"}),
        ("POST", f"{path}/copy", {"name": "d"}),
        ("POST", f"{path}/createUploadSession", {"item": {"@microsoft.graph.conflictBehavior": "replace"}}),
        ("DELETE", path, None),
    ]
    for number, (method, url, body) in enumerate(requests):
        assert error(graph.request(method, url, json=body)) == MISSING
        assert drive.exists("a/c" if number else "a/b")
        assert graph.request(method, url, json=body).is_success
    assert graph.get("/root:/a").status_code == 200
    assert not drive.exists("a/c")


def test_missing_writes_of_each_item(drive, quirks, statuses):
    """Each item has a count of its own, by whatever address; a session for a new file counts for its folder."""
    drive.put_all({"a": b"", "b": b"", "folder/": None})
    quirks.missing_writes = 2
    assert statuses(3, "PATCH", "/root:/a", json={"description": "1"}) == [404, 404, 200]
    assert statuses(3, "PATCH", "/root:/b", json={"description": "1"}) == [404, 404, 200]
    assert statuses(3, "POST", "/root:/folder/new:/createUploadSession", json={}) == [404, 404, 200]
    assert statuses(1, "POST", "/root:/folder/other:/createUploadSession", json={}) == [200]
    assert statuses(1, "DELETE", "/root:/none") == [404]


def test_missing_writes_in_a_batch(v1, drive, quirks):
    """A part of a batch is refused by itself."""
    first, second = drive.put("a"), drive.put("b")
    quirks.missing_writes = 1
    assert v1.delete(f"/drives/{drive.id}/items/{second['id']}").status_code == 404
    parts = [
        {"id": item["name"], "method": "DELETE", "url": f"/drives/{drive.id}/items/{item['id']}"}
        for item in (first, second)
    ]
    for expected in ({"a": 404, "b": 204}, {"a": 204, "b": 404}):
        responses = v1.post("/$batch", json={"requests": parts}).json()["responses"]
        assert {part["id"]: part["status"] for part in responses} == expected
    assert drive.paths() == []


@pytest.mark.parametrize("path", ["/root", "/root/children", "/items/root/children", "/root?$select=id"])
def test_missing_root(drive, quirks, statuses, path):
    """Each n-th read of the root finds nothing; a folder is not concerned."""
    drive.folder("a")
    quirks.missing_root_every = 3
    assert statuses(7, "GET", path) == [200, 200, 404, 200, 200, 404, 200]
    assert statuses(4, "GET", "/root:/a:/children") == [200] * 4
    assert statuses(4, "GET", "/root/delta") == [200] * 4


def test_missing_root_by_its_id(graph, drive, quirks, error):
    """The root is the same under its id, and its properties and its children are counted together."""
    quirks.missing_root_every = 2
    path = f"/items/{drive.item()['id']}"
    assert [graph.get(f"{path}{tail}").status_code for tail in ("", "/children", "/children")] == [200, 404, 200]
    assert error(graph.get(path)) == MISSING


def test_missing_listings(drive, quirks, statuses):
    """The first listings of each folder are 404, while the folder itself and the root's listing are not."""
    folder = drive.folder("a/b")
    quirks.missing_listings = 2
    assert statuses(3, "GET", f"/items/{folder['id']}/children") == [404, 404, 200]
    assert statuses(1, "GET", "/root:/a") == [200]
    assert statuses(3, "GET", "/root:/a:/children") == [404, 404, 200]
    assert statuses(1, "GET", "/root/children") == [200]


def test_missing_folders(drive, quirks, statuses):
    """The first reads of each folder are 404, while its listing, its files and a new folder in it are not."""
    drive.put("a/b", b"x")
    quirks.missing_folders = 1
    assert statuses(1, "GET", "/root:/a:/children") == [200]
    assert statuses(1, "GET", "/root:/a/b") == [200]
    assert statuses(1, "POST", "/root:/a:/children", json={"name": "c", "folder": {}}) == [201]
    assert statuses(2, "GET", "/root:/a") == [404, 200]


def test_a_quirk_that_is_switched_on_late(drive, quirks, statuses):
    """What was read while a quirk was off is not counted."""
    drive.folder("a")
    quirks.missing_folders = 1
    assert statuses(1, "GET", "/root:/a:/children") == [200]
    quirks.missing_listings = 1
    assert statuses(2, "GET", "/root:/a:/children") == [404, 200]


@pytest.mark.parametrize("permanently", [False, True])
def test_folders_on_hold(graph, drive, quirks, error, permanently):
    """A folder that is not empty stays, with all that is in it; files and empty folders go."""
    drive.put_all({"a/b": b"x", "a/empty/": None})
    quirks.folders_on_hold = True

    def delete(path):
        return graph.post(f"{path}:/permanentDelete") if permanently else graph.delete(path)

    for _ in range(2):
        assert error(delete("/root:/a")) == (403, "accessDenied", ON_HOLD)
    assert drive.paths() == ["a/", "a/b", "a/empty/"]
    assert [delete(path).status_code for path in ("/root:/a/b", "/root:/a/empty", "/root:/a")] == [204] * 3


def test_an_item_on_hold(graph, drive, error):
    """A test puts an item on hold: neither it nor a folder above it can be deleted until it is released."""
    drive.put_all({"a/b/c": b"x", "a/d": b"x"})
    drive.hold("a/b/c")
    for path in ("/root:/a/b/c", "/root:/a/b", "/root:/a"):
        assert error(graph.delete(path)) == (403, "accessDenied", ON_HOLD)
        assert error(graph.post(f"{path}:/permanentDelete")) == (403, "accessDenied", ON_HOLD)
    assert graph.delete("/root:/a/d").status_code == 204
    assert graph.patch("/root:/a/b/c", json={"name": "e"}).status_code == 200
    assert graph.delete("/root:/a/b/e").status_code == 403
    drive.release("a/b/e")
    assert graph.delete("/root:/a").status_code == 204


def test_a_root_that_is_missing_by_chance(graph, emulator):
    """A rule with a share and a seed takes the same requests again."""
    rule = {"path": "/root(/children)?$", "probability": 0.3, "seed": 7, "do": {"status": 404}}
    runs = []
    for _ in range(2):
        emulator.faults.load([rule])
        runs.append([graph.get("/root/children").status_code for _ in range(20)])
    assert runs[0] == runs[1]
    assert {*runs[0]} == {200, 404}


@pytest.mark.onedrive_faults({"quirks": {"missing_writes": 2, "missing_root_every": 7, "folders_on_hold": True}})
def test_marker(onedrive_emulator):
    """A script sets them by their names."""
    quirks = onedrive_emulator.quirks
    assert (quirks.missing_writes, quirks.missing_root_every, quirks.folders_on_hold) == (2, 7, True)
