"""Special folders."""

from __future__ import annotations

import pytest

ANNA, CARA = "anna@contoso.example", "cara@outlook.example"


@pytest.fixture
def anna(sign_in):
    return sign_in(ANNA, "Files.ReadWrite")


def test_a_special_folder_is_made_when_it_is_first_asked_for(anna, drive):
    """Reading a special folder creates it if the caller may write, and it has its facet."""
    folder = anna.get("/me/drive/special/approot").json()
    assert folder["specialFolder"] == {"name": "approot"}
    assert drive.paths() == ["Apps/", "Apps/Airflow/"]
    assert anna.get("/me/drive/special/approot").json()["id"] == folder["id"]
    assert [one["id"] for one in anna.get("/me/drive/special").json()["value"]] == [folder["id"]]


def test_a_special_folder_is_made_when_it_is_first_written_to(anna, drive):
    """Paths below a special folder work as below any other."""
    assert anna.put("/me/drive/special/documents:/a/b.txt:/content", content=b"x").status_code == 201
    assert drive.read("Documents/a/b.txt") == b"x"
    assert anna.get("/me/drive/special/documents:/a/b.txt").json()["size"] == 1
    assert [one["name"] for one in anna.get("/me/drive/special/documents/children").json()["value"]] == ["a"]


def test_a_special_folder_keeps_what_it_is(anna, drive):
    """It is found after it was renamed or moved."""
    folder = anna.get("/me/drive/special/photos").json()
    target = drive.folder("elsewhere")
    anna.patch(f"/me/drive/items/{folder['id']}", json={"name": "Fotos", "parentReference": {"id": target["id"]}})
    assert anna.get("/me/drive/special/photos").json()["id"] == folder["id"]
    assert drive.item("elsewhere/Fotos")["specialFolder"] == {"name": "photos"}


def test_who_may_only_read_makes_none(sign_in, anna, drive, error):
    """Without permission to write, a special folder that is missing is 404."""
    reader = sign_in(ANNA, "Files.Read")
    assert error(reader.get("/me/drive/special/documents"))[:2] == (404, "itemNotFound")
    assert drive.paths() == []
    anna.get("/me/drive/special/documents")
    assert reader.get("/me/drive/special/documents").status_code == 200


def test_which_there_are(anna, emulator, sign_in, error):
    """Work and school accounts have three, consumers five."""
    emulator.add_user(CARA, personality="personal")
    cara = sign_in(CARA, "Files.ReadWrite")
    for name in ("documents", "photos", "approot"):
        assert anna.get(f"/me/drive/special/{name}").status_code == 200
    for name in ("documents", "photos", "cameraroll", "music", "approot"):
        assert cara.get(f"/me/drive/special/{name}").json()["specialFolder"] == {"name": name}
    assert emulator.drive(CARA).exists("Pictures/Camera Roll")
    for name in ("music", "cameraroll", "nonsense"):
        assert error(anna.get(f"/me/drive/special/{name}"))[:2] == (400, "invalidRequest")


def test_each_application_has_a_root_of_its_own(emulator, anna, v1):
    """Two applications of one user do not meet in approot."""
    other = emulator.token(ANNA, application=emulator.add_application("Other"), permissions=["Files.ReadWrite"])
    headers = {"Authorization": f"Bearer {other}"}
    ids = {anna.get("/me/drive/special/approot").json()["id"]}
    ids.add(v1.get("/me/drive/special/approot", headers=headers).json()["id"])
    assert len(ids) == 2
