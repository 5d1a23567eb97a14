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
    assert home.item()["id"] == drive["id"].upper() + "!sea8cc6beffdb43d7976fbc7da445c639"
    assert cara.get(f"/me/drive/items/{home.item()['id']}").json()["root"] == {}


def test_place_of_an_item(cara, home):
    """The path in parentReference begins with /drive, its driveId is in capitals, and it has a siteId."""
    home.put("a b/c.txt", b"x")
    reference = cara.get("/me/drive/root:/a b/c.txt").json()["parentReference"]
    assert re.fullmatch(r"[0-9a-f-]{36}", reference.pop("siteId"))
    assert reference == {
        "driveType": "personal",
        "driveId": home.id.upper(),
        "id": home.item("a b")["id"],
        "name": "a b",
        "path": "/drive/root:/a%20b",
    }


@pytest.mark.parametrize("content", [b"", b"ab"])
def test_hashes_of_a_consumer(cara, home, content):
    """A file has quickXorHash, and some files SHA-1 and SHA-256 in capitals."""
    home.put("a.txt", content)
    home.put("b.txt", b"abc")
    hashes = cara.get("/me/drive/root:/a.txt").json()["file"]["hashes"]
    assert hashes["sha1Hash"] == hashlib.sha1(content).hexdigest().upper()
    assert hashes["sha256Hash"] == hashlib.sha256(content).hexdigest().upper()
    assert set(hashes) == {"quickXorHash", "sha1Hash", "sha256Hash"}
    assert set(cara.get("/me/drive/root:/b.txt").json()["file"]["hashes"]) == {"quickXorHash"}


def test_user_of_a_consumer(cara, home):
    """The id of a user is that of the drive."""
    home.put("a.txt")
    assert cara.get("/me/drive/root:/a.txt").json()["createdBy"]["user"]["id"] == home.id


def test_view_of_a_folder(cara, home):
    """A folder says how it is shown."""
    home.folder("a")
    view = cara.get("/me/drive/root:/a").json()["folder"]["view"]
    assert view == {"sortBy": "name", "sortOrder": "ascending", "viewType": "thumbnails"}


def test_ids_of_old_items(cara, home, http):
    """Items that are older than 2025 keep their ids, which hold no GUID."""
    home.numbers_items = True
    item = home.put("a/b.csv", b"x")
    home.numbers_items = False
    new = home.put("a/c.csv", b"x")
    assert re.fullmatch(home.id.upper() + r"!\d+", item["id"])
    assert cara.get(f"/me/drive/items/{item['id']}").json()["name"] == "b.csv"
    assert http.get(item["webUrl"]).headers["location"].endswith("/a/b.csv")
    assert "!s" in new["id"]


def test_monitor_of_a_copy(cara, home, http):
    """It names the copy by an id in the form of work or school, by which nothing is found."""
    home.put("a.txt", b"x")
    reply = cara.post("/me/drive/root:/a.txt:/copy", json={"name": "b.txt"})
    while (answer := http.get(reply.headers["Location"])).status_code == 202:
        pass
    resource_id = answer.json()["resourceId"]
    assert re.fullmatch("01[A-Z2-7]{32}", resource_id)
    assert home.exists("b.txt")
    assert cara.get(f"/me/drive/items/{resource_id}").status_code == 404


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
    assert error(cara.post("/me/drive/root:/a.txt:/permanentDelete")) == (405, "methodNotAllowed", "API not found")
    for path in ("/sites/root", "/sites?search=x", "/me/drive/list", "/me/drive/root:/a.txt:/listItem"):
        assert error(cara.get(path)) == (400, "BadRequest", "This API is not supported for MSA accounts")
    assert home.exists("a.txt")


def test_folders_of_a_consumer_follow_what_is_below(cara, home, graph, drive):
    """The cTag of a folder moves with everything below it; for work or school it stays the same."""
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
    tag = drive.folder("a")["cTag"]
    drive.put("a/b.txt", b"x")
    assert graph.get("/root:/a").json()["cTag"] == tag


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
    drive.put("a/b.txt", b"x")
    headers = {"If-None-Match": graph.get("/root:/a").json()["eTag"]}
    assert graph.get("/root:/a:/children", headers=headers).status_code == 200


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
    reply = http.put(session["uploadUrl"], content=b"abcd", headers={"Content-Range": "bytes 0-3/4"})
    assert reply.status_code == 201
    assert "@microsoft.graph.downloadUrl" in reply.json()
    assert reply.json()["file"]["hashes"]["sha1Hash"]
    assert http.get(home.item("a.txt")["@microsoft.graph.downloadUrl"]).content == b"abcd"
    names = [item.get("name") for item in cara.get("/me/drive/root/delta").json()["value"]]
    assert names == ["root", "a.txt"]
