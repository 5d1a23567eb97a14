"""Users who never opened OneDrive."""

from __future__ import annotations

import pytest

NEW = "new@contoso.example"
NO_DRIVE = (404, "ResourceNotFound", "User's mysite not found.")


@pytest.fixture
def new(emulator, sign_in):
    emulator.add_user(NEW, provisioned=False)
    return sign_in(NEW, "Files.ReadWrite", "Sites.Read.All")


def test_an_application_opens_nothing(v1, new, error):
    """An application's requests create neither drive nor site."""
    for _ in range(2):
        assert error(v1.get(f"/users/{NEW}/drive")) == NO_DRIVE
    assert error(v1.get("/sites/localhost:/personal/new_contoso_example"))[:2] == (404, "itemNotFound")


def test_the_first_visit_opens_onedrive(v1, new, error, emulator):
    """The user's own first GET of the drive creates it; a GET of something in it does not."""
    assert error(new.get("/me/drive/root")) == NO_DRIVE
    assert error(new.get("/me/drive/root:/a.txt")) == NO_DRIVE
    drive = new.get("/me/drive").json()
    assert drive["driveType"] == "business"
    assert new.get("/me/drive/root").status_code == 200
    assert v1.get(f"/users/{NEW}/drive").json()["id"] == drive["id"] == emulator.drive(NEW).id
    assert v1.get("/sites/localhost:/personal/new_contoso_example:/drive").json()["id"] == drive["id"]


def test_who_has_no_licence_gets_no_drive(emulator, sign_in, error):
    """For a user without a licence OneDrive does not open."""
    emulator.add_user("none@contoso.example", provisioned=False, licensed=False)
    assert error(sign_in("none@contoso.example", "Files.ReadWrite").get("/me/drive")) == NO_DRIVE


def test_the_other_refusal(v1, new, emulator, error):
    """On request the error is the other one, a 400."""
    emulator.options.unprovisioned = "bad_request"
    assert error(v1.get(f"/users/{NEW}/drive")) == (400, "BadRequest", "Unable to retrieve user's mysite URL.")
