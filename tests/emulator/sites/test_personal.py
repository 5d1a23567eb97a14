"""Drives of consumers."""

from __future__ import annotations

import hashlib
import re

import pytest

from airflow_provider_onedrive.emulator import Emulator

CARA = "cara@outlook.example"


@pytest.fixture
def home(emulator):
    emulator.add_user(CARA, personality="personal")
    return emulator.drive(CARA)


@pytest.fixture
def cara(home, sign_in):
    return sign_in(CARA, "Files.ReadWrite")


def test_ids_of_a_consumer(cara, home):
    """A drive's id is 16 hexadecimal digits, an item's the same in capitals and more behind an exclamation mark."""
    drive = cara.get("/me/drive").json()
    assert drive["driveType"] == "personal"
    assert re.fullmatch(r"0[0-9a-f]{15}", drive["id"])
    item = home.put("a/b.txt", b"x")
    assert re.fullmatch(drive["id"].upper() + r"!s[0-9a-f]{32}", item["id"])
    assert home.item()["id"] == drive["id"].upper() + "!101"
    assert cara.get(f"/me/drive/items/{home.item()['id']}").json()["root"] == {}


def test_place_of_an_item(cara, home):
    """The path in parentReference begins with /drive, and there is no siteId."""
    home.put("a b/c.txt", b"x")
    reference = cara.get("/me/drive/root:/a b/c.txt").json()["parentReference"]
    assert reference == {
        "driveType": "personal",
        "driveId": home.id,
        "id": home.item("a b")["id"],
        "name": "a b",
        "path": "/drive/root:/a%20b",
    }


def test_hashes_of_a_consumer(cara, home):
    """A file has quickXorHash, and SHA-1 and SHA-256 in capitals."""
    home.put("a.txt", b"abc")
    hashes = cara.get("/me/drive/root:/a.txt").json()["file"]["hashes"]
    assert hashes["sha1Hash"] == hashlib.sha1(b"abc").hexdigest().upper()
    assert hashes["sha256Hash"] == hashlib.sha256(b"abc").hexdigest().upper()
    assert set(hashes) == {"quickXorHash", "sha1Hash", "sha256Hash"}


def test_forms_of_a_drive_id(cara, home):
    """A drive is found in any case and without its leading zero, and so are its items."""
    item = home.put("a.txt", b"x")
    short = home.id.lstrip("0")
    for drive_id in (home.id, home.id.upper(), short, short.upper()):
        assert cara.get(f"/drives/{drive_id}").json()["id"] == home.id
        for item_id in (item["id"], item["id"].replace(home.id.upper(), short)):
            assert cara.get(f"/drives/{drive_id}/items/{item_id}").json()["name"] == "a.txt"


def test_garbled_drive_ids(cara, home, emulator):
    """On request, items show the id of their drive in capitals and without its leading zero."""
    home.put("a.txt", b"x")
    emulator.options.garble_drive_ids = True
    said = cara.get("/me/drive/root:/a.txt").json()["parentReference"]["driveId"]
    assert said == home.id.lstrip("0").upper()
    assert cara.get(f"/drives/{said}/root:/a.txt").status_code == 200


def test_what_consumers_do_not_have(cara, home, error):
    """No permanentDelete, no sites, no lists and no items of them."""
    home.put("a.txt", b"x")
    assert error(cara.post("/me/drive/root:/a.txt:/permanentDelete")) == (400, "invalidRequest", "API not found")
    for path in ("/sites/root", "/sites?search=x", "/me/drive/list", "/me/drive/root:/a.txt:/listItem"):
        assert error(cara.get(path)) == (400, "BadRequest", "This API is not supported for MSA accounts")
    assert home.exists("a.txt")


def test_folders_of_a_consumer_follow_what_is_below(cara, home, graph, drive):
    """The cTag of a folder moves with everything below it; for work or school a folder has none."""
    home.put("a/b/c.txt", b"x")
    home.folder("d")
    before = [home.item(path)["cTag"] for path in ("", "a", "d")]
    etag = home.item("a")["eTag"]
    home.put("a/b/c.txt", b"y")
    after = [home.item(path)["cTag"] for path in ("", "a", "d")]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, False, True]
    assert home.item("a")["eTag"] == etag
    home.delete("a/b/c.txt")
    assert home.item("a")["cTag"] != after[1]
    drive.folder("a")
    assert "cTag" not in graph.get("/root:/a").json()


def test_a_moved_file_changes_both_folders(cara, home):
    """Where an item was and where it is are both other than before."""
    home.put("a/c.txt", b"x")
    target = home.folder("b")
    before = [home.item(path)["cTag"] for path in ("a", "b")]
    cara.patch("/me/drive/root:/a/c.txt", json={"parentReference": {"id": target["id"]}})
    assert all(home.item(path)["cTag"] != tag for path, tag in zip(("a", "b"), before, strict=True))


def test_unchanged_collections(cara, home, graph, drive):
    """Unchanged children of a consumer are 304; for work or school If-None-Match is ignored."""
    home.put("a.txt", b"x")
    tag = cara.get("/me/drive/root/children").headers["ETag"]
    headers = {"If-None-Match": tag}
    assert cara.get("/me/drive/root/children", headers=headers).status_code == 304
    home.put("a.txt", b"y")
    assert cara.get("/me/drive/root/children", headers=headers).status_code == 200
    drive.put("a.txt", b"x")
    headers = {"If-None-Match": graph.get("/root").json()["eTag"]}
    assert graph.get("/root/children", headers=headers).status_code == 200


def test_personality_of_the_whole_emulator():
    """The constructor gives all users that personality; single users may have the other one."""
    with Emulator(personality="personal", users=[CARA]) as emulator:
        assert emulator.drive().item()["parentReference"]["driveType"] == "personal"
        emulator.add_user("dan@contoso.example", personality="business")
        assert emulator.drive("dan@contoso.example").item()["parentReference"]["driveType"] == "business"
        emulator.reset()
        assert emulator.drive().item()["parentReference"]["driveType"] == "personal"


def test_uploads_and_deltas_of_a_consumer(cara, home, http):
    """Uploads by session and delta work as elsewhere."""
    session = cara.post("/me/drive/root:/a.txt:/createUploadSession").json()
    reply = http.put(session["uploadUrl"], content=b"abc", headers={"Content-Range": "bytes 0-2/3"})
    assert reply.status_code == 201
    assert reply.json()["file"]["hashes"]["sha1Hash"]
    assert http.get(home.item("a.txt")["@microsoft.graph.downloadUrl"]).content == b"abc"
    names = [item.get("name") for item in cara.get("/me/drive/root/delta").json()["value"]]
    assert names == ["root", "a.txt"]
