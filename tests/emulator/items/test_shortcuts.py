"""Shortcuts to folders of other drives."""

from __future__ import annotations

import pytest

ANNA, BEN = "anna@contoso.example", "ben@contoso.example"


@pytest.fixture
def target(emulator):
    drive = emulator.drive(BEN)
    drive.put("Team/a.txt", b"x")
    emulator.open_drive(drive, ANNA)
    return drive


@pytest.fixture
def anna(sign_in):
    return sign_in(ANNA, "Files.ReadWrite.All")


@pytest.fixture
def body(target):
    return {
        "name": "Ben's team",
        "remoteItem": {"id": target.item("Team")["id"], "parentReference": {"driveId": target.id}},
    }


def test_a_shortcut(anna, target, body):
    """A shortcut is added to the root; children and delta show it and its target, and nothing below it."""
    link = anna.get("/me/drive/root/delta?token=latest").json()["@odata.deltaLink"]
    reply = anna.post("/me/drive/root/children", json=body)
    assert reply.status_code == 201
    shortcut = reply.json()
    remote = shortcut["remoteItem"]
    assert (remote["id"], remote["parentReference"]["driveId"]) == (target.item("Team")["id"], target.id)
    assert (remote["name"], remote["folder"]) == ("Team", {"childCount": 1})
    assert not {"folder", "file"} & set(shortcut)
    (child,) = anna.get("/me/drive/root/children").json()["value"]
    assert child["remoteItem"]["id"] == remote["id"]
    changes = anna.get(link.partition("/v1.0")[2]).json()["value"]
    assert [item["name"] for item in changes] == ["root", "Ben's team"]
    path = f"/drives/{remote['parentReference']['driveId']}/items/{remote['id']}"
    assert [one["name"] for one in anna.get(f"{path}/children").json()["value"]] == ["a.txt"]


def test_deleting_a_shortcut(anna, target, body):
    """Deleting a shortcut keeps the target."""
    anna.post("/me/drive/root/children", json=body)
    assert anna.delete("/me/drive/root:/Ben's team").status_code == 204
    assert target.paths() == ["Team/", "Team/a.txt"]


def test_a_shortcut_holds_nothing(anna, target, body, error):
    """Requests below a shortcut's own id fail: remoteItem has the ids for them."""
    shortcut = anna.post("/me/drive/root/children", json=body).json()
    own = f"/me/drive/items/{shortcut['id']}"
    for reply in (
        anna.get(f"{own}/children"),
        anna.put(f"{own}:/b.txt:/content", content=b"x"),
        anna.post(f"{own}/children", json={"name": "x", "folder": {}}),
        anna.post(f"{own}:/b.txt:/createUploadSession"),
        anna.put(f"{own}/content", content=b"x"),
        anna.get(f"{own}/content"),
        anna.post(f"{own}/createLink", json={"type": "view"}),
    ):
        assert error(reply)[:2] == (400, "invalidRequest")
    assert anna.get(f"{own}:/a.txt").status_code == 404
    moved = anna.put("/me/drive/root:/c.txt:/content", content=b"x").json()
    reply = anna.patch(f"/me/drive/items/{moved['id']}", json={"parentReference": {"id": shortcut["id"]}})
    assert error(reply)[:2] == (400, "invalidRequest")


def test_where_a_shortcut_may_be(anna, v1, drive, body, error):
    """A shortcut needs the root, a user, a readable target and a free name."""
    drive.folder("x")
    there = body["remoteItem"]["parentReference"]
    assert error(anna.post("/me/drive/root:/x:/children", json=body))[:2] == (400, "invalidRequest")
    assert error(v1.post(f"/drives/{drive.id}/root/children", json=body))[:2] == (403, "accessDenied")
    assert anna.post("/me/drive/root/children", json=body).status_code == 201
    assert error(anna.post("/me/drive/root/children", json=body))[:2] == (409, "nameAlreadyExists")
    again = anna.post("/me/drive/root/children", json=body | {"@microsoft.graph.conflictBehavior": "rename"})
    assert again.json()["name"] == "Ben's team 1"
    for remote, expected in (
        ({"id": "x", "parentReference": there}, 404),
        ({"id": "x", "parentReference": {"driveId": "b!x"}}, 404),
        ({"id": "x"}, 400),
        ("x", 400),
        ({"id": drive.item("x")["id"], "parentReference": {"driveId": drive.id}}, 400),
    ):
        assert error(anna.post("/me/drive/root/children", json={"name": "y", "remoteItem": remote}))[0] == expected


def test_a_shortcut_to_what_is_closed(anna, emulator, error):
    """A shortcut gives no access, and needs it."""
    emulator.add_user("dan@contoso.example")
    other = emulator.drive("dan@contoso.example")
    remote = {"id": other.folder("x")["id"], "parentReference": {"driveId": other.id}}
    reply = anna.post("/me/drive/root/children", json={"name": "y", "remoteItem": remote})
    assert error(reply)[:2] == (403, "accessDenied")


def test_a_shortcut_without_target(anna, target, body):
    """A shortcut stays when the target is deleted, and keeps its ids."""
    anna.post("/me/drive/root/children", json=body)
    target.delete("Team")
    (child,) = anna.get("/me/drive/root/children").json()["value"]
    assert child["remoteItem"] == {"id": body["remoteItem"]["id"], "parentReference": {"driveId": target.id}}
