"""A PATCH that creates the folder it names."""

from __future__ import annotations

import pytest

CONFLICT = "@microsoft.graph.conflictBehavior"


def test_upsert_creates_a_path_of_folders(graph, drive):
    """The folder and those above it are created."""
    reply = graph.patch("/root:/a/b/c", json={"folder": {}})
    assert (reply.status_code, reply.json()["name"]) == (201, "c")
    assert drive.paths() == ["a/", "a/b/", "a/b/c/"]


def test_upsert_through_an_id(graph, drive):
    """A path may begin at any folder."""
    folder = drive.folder("a")["id"]
    assert graph.patch(f"/items/{folder}:/b c", json={"folder": {}}).status_code == 201
    assert drive.paths() == ["a/", "a/b c/"]


@pytest.mark.parametrize(
    ("conflict", "status", "paths"),
    [
        (None, 200, ["a/"]),
        ("replace", 200, ["a/"]),
        ("fail", 409, ["a/"]),
        ("rename", 201, ["A 1/", "a/"]),
        ("x", 400, ["a/"]),
    ],
)
def test_upsert_of_what_exists(graph, drive, conflict, status, paths):
    """An existing folder is only changed, unless the conflict behaviour refuses it."""
    drive.folder("a")
    body = {"folder": {}} | ({CONFLICT: conflict} if conflict else {})
    assert graph.patch("/root:/A", json=body).status_code == status
    assert drive.paths() == paths


def test_upsert_with_the_other_prefix(graph, drive):
    """Both spellings of the conflict behaviour work."""
    drive.folder("a")
    assert graph.patch("/root:/a", json={"folder": {}, "@name.conflictBehavior": "rename"}).json()["name"] == "a 1"


def test_upsert_does_not_meet_files(graph, drive, error):
    """A file blocks a folder of the same name, at the end of the path and on the way."""
    drive.put("a.txt")
    assert error(graph.patch("/root:/a.txt", json={"folder": {}}))[:2] == (409, "nameAlreadyExists")
    assert error(graph.patch("/root:/a.txt/b", json={"folder": {}}))[:2] == (409, "nameAlreadyExists")


def test_a_patch_without_the_facet_creates_nothing(graph, drive):
    """A PATCH creates folders only."""
    assert graph.patch("/root:/a", json={}).status_code == 404
    assert graph.patch("/root:/a.txt", json={"file": {}}).status_code == 404
    assert graph.patch("/root:/a*", json={"folder": {}}).status_code == 400
    assert graph.patch("/root:/b/a*", json={"folder": {}}).status_code == 400
    assert drive.paths() == []


def test_a_patch_of_a_whole_item(graph, drive):
    """Clients that send the facet along still rename and move."""
    drive.folder("a")
    target = drive.folder("b")["id"]
    body = {"folder": {}, "name": "c", "parentReference": {"id": target}, CONFLICT: "fail"}
    assert graph.patch("/root:/a", json=body).status_code == 200
    assert drive.paths() == ["b/", "b/c/"]


def test_description(graph, drive):
    """A description is kept for work or school; a personal account has none any more."""
    drive.put("a.txt")
    assert graph.patch("/root:/a.txt", json={"description": "x"}).json()["description"] == "x"
    drive._drive.personality = "personal"
    drive.put("b.txt")
    assert "description" not in graph.patch("/root:/b.txt", json={"description": "x"}).json()


@pytest.mark.parametrize("path", ["/drives/{id}/root:/b/c%20d", "/drive/root:/B/C d"])
def test_move_by_path(graph, drive, path):
    """The new parent may be named by its path, as other items show it."""
    drive.put("a.txt")
    drive.folder("b/c d")
    reference = {"path": path.format(id=drive.id), "id": "", "driveType": ""}
    assert graph.patch("/root:/a.txt", json={"parentReference": reference}).status_code == 200
    assert drive.exists("b/c d/a.txt")
    assert (
        graph.patch(
            "/items/{}".format(drive.item("b/c d/a.txt")["id"]), json={"parentReference": {"path": "/drive/root"}}
        ).status_code
        == 200
    )
    assert drive.exists("a.txt")


def test_paths_that_name_no_folder(graph, drive):
    """A path that cannot be read, or leads nowhere, moves nothing."""
    drive.put("a.txt")
    drive.put("b.txt")
    for path, status in (
        ("b", 400),
        ("/drive/root:/b.txt", 400),
        ("/drive/root:/no", 404),
        ("/drive/root:/a%2F..", 400),
    ):
        assert graph.patch("/root:/a.txt", json={"parentReference": {"path": path}}).status_code == status
    assert drive.paths() == ["a.txt", "b.txt"]
