"""Users and their drives."""

from __future__ import annotations

import pytest

USERS = "/users/anna@contoso.example"


def test_drive_of_a_user(v1, drive):
    """A drive is found by principal name in any case, by user id and by its own id."""
    found = v1.get(f"{USERS}/drive").json()
    assert found["id"] == drive.id
    assert found["driveType"] == "business"
    assert found["owner"]["user"]["email"] == "anna@contoso.example"
    assert found["quota"]["state"] == "normal"
    user_id = found["owner"]["user"]["id"]
    for path in (
        "/users/ANNA@contoso.example/drive",
        f"/users/{user_id}/drive",
        f"/drives/{drive.id}",
        f"{USERS}/drive/",
    ):
        assert v1.get(path).json() == found
    assert [one["id"] for one in v1.get(f"{USERS}/drives").json()["value"]] == [drive.id]


def test_drive_ids_have_the_form_of_sharepoint(drive, emulator):
    """A drive id is ``b!`` and 64 characters, and each user has another."""
    assert drive.id.startswith("b!")
    assert len(drive.id) == 66
    assert emulator.drive("ben@contoso.example").id != drive.id


def test_me_is_for_people(v1, emulator, error):
    """An application has no ``/me``; a signed-in user has the own drive there."""
    expected = "/me request is only valid with delegated authentication flow."
    assert error(v1.get("/me/drive")) == (400, "BadRequest", expected)
    headers = {"Authorization": f"Bearer {emulator.token('ben@contoso.example')}"}
    assert v1.get("/me/drive", headers=headers).json()["id"] == emulator.drive("ben@contoso.example").id
    assert len(v1.get("/me/drives", headers=headers).json()["value"]) == 1
    created = v1.put("/me/drive/root:/a.txt:/content", content=b"x", headers=headers).json()
    assert created["createdBy"]["user"]["email"] == "ben@contoso.example"


def test_a_user_sees_no_drive_of_others(v1, emulator, drive, error):
    """A delegated token opens the own drive only."""
    headers = {"Authorization": f"Bearer {emulator.token('ben@contoso.example')}"}
    assert error(v1.get(f"/drives/{drive.id}/root", headers=headers))[:2] == (403, "accessDenied")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/users/nobody@contoso.example/drive", (404, "Request_ResourceNotFound")),
        ("/users/new@contoso.example/drive", (404, "ResourceNotFound")),
        ("/users/new@contoso.example/drive/root:/a.txt", (404, "ResourceNotFound")),
        ("/drives/b!unknown/root", (400, "invalidRequest")),
        (f"/drives/b!{'x' * 64}/root", (404, "itemNotFound")),
        ("/drives/0123456789abcdef/root", (404, "itemNotFound")),
        ("/nonsense/root", (400, "BadRequest")),
        ("/users/anna@contoso.example/calendar", (400, "BadRequest")),
        ("", (400, "BadRequest")),
    ],
)
def test_what_does_not_exist(v1, emulator, error, path, expected):
    """Unknown users, users without a drive, unknown drives and unknown routes each have their own error."""
    emulator.add_user("new@contoso.example", provisioned=False)
    assert error(v1.get(path))[:2] == expected


def test_unknown_route_names_the_segment(v1, drive, error):
    """The error of an unknown route names the segment."""
    reply = v1.get(f"/drives/{drive.id}/root/thumbnail")
    assert error(reply)[2] == "Resource not found for the segment 'thumbnail'."


def test_denied_drive(graph, drive, error):
    """A drive without permission answers 403 to everything."""
    drive.put("a.txt", b"x")
    drive.deny = True
    for reply in (graph.get(""), graph.get("/root:/a.txt"), graph.put("/root:/a.txt:/content", content=b"y")):
        assert error(reply)[:2] == (403, "accessDenied")
    assert drive.read("a.txt") == b"x"


def test_wrong_method(graph, error):
    """A method that a resource does not have is a 405."""
    assert error(graph.post("/root"))[0] == 405
    assert error(graph.delete(""))[0] == 405
