"""The client against the emulator: what each method does."""

from __future__ import annotations

import gc
import hashlib
import io
import logging
import os
import re
import tracemalloc
import unicodedata

import pytest

from airflow_provider_onedrive.emulator.faults import repeat_next_link
from airflow_provider_onedrive.graph import Client as LazyClient
from airflow_provider_onedrive.graph.auditing import LOGGER
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.flows.sessions import FRAGMENT_BYTES
from airflow_provider_onedrive.graph.protocol.errors import (
    ConfigurationError,
    ItemNotFound,
    LocalFileError,
    LocationError,
    NameAlreadyExists,
    PreconditionFailed,
    ServiceUnavailable,
)
from airflow_provider_onedrive.graph.protocol.options import SINGLE_PUT_BYTES, DeleteOptions

AWKWARD = [
    "100% #1 (ä)+.csv",
    "O'Brien's 'notes'.txt",
    "a&b=c;d,e@f!g$h.csv",
    "[x]{y}~`^.csv",
    "%41%2F%20.csv",
    "%.csv",
    "a+b c.csv",
    "three   spaces.csv",
    unicodedata.normalize("NFC", "Müller äöü ß.csv"),
    unicodedata.normalize("NFD", "Müller äöü.csv"),
    "📈 2026 🧾.csv",
    "名簿.csv",
    "...dots.csv",
    "#.csv",
    "-.csv",
    "a" * 200,
]
MIB = 1024 * 1024


@pytest.fixture
def drive(onedrive_emulator):
    """The drive that ``myfiles`` means."""
    return onedrive_emulator.drive()


@pytest.fixture(scope="session")
def noise():
    """Bytes that repeat nowhere in a file of any size used here."""
    return hashlib.shake_128(b"noise").digest(2 * FRAGMENT_BYTES + MIB)


def listed(folder):
    return sorted(path.name for path in folder.iterdir())


def read(client, location):
    with client.open(location) as file:
        return file.read()


# --- names


@pytest.mark.parametrize("name", AWKWARD)
def test_any_name_is_the_same_everywhere(client, drive, tmp_path, name):
    """A name is written, found, listed, read and deleted exactly as it stands in the location."""
    location = f"myfiles/{name}"
    item = client.upload(location, content=b"abc")
    assert (item.location, item.name, item.outcome) == (location, name, "created")
    assert drive.paths() == [name]
    assert [child.location for child in client.children("myfiles")] == [location]
    assert client.stat(location).id == item.id
    assert client.exists(location)
    assert read(client, location) == b"abc"
    client.download(location, f"{tmp_path}/")
    assert (tmp_path / name).read_bytes() == b"abc"
    assert client.save(location, content=b"abcd").outcome == "replaced"
    assert client.update(location, content=b"abcde").outcome == "replaced"
    assert drive.read(name) == b"abcde"
    assert client.upload(location, content=b"x", if_exists="rename").outcome == "renamed"
    assert [gone.location for gone in client.delete(location)] == [location]
    assert not client.exists(location)


@pytest.mark.parametrize("name", AWKWARD)
def test_folders_of_any_name(client, drive, name):
    """Folders are made level by level under the very names of the location, ``%`` and ``#`` included."""
    location = f"myfiles/{name}/{name[:90]}/a.csv"
    assert client.upload(location, content=b"abc", create_folders=True).location == location
    assert drive.paths() == sorted([f"{name}/", f"{name}/{name[:90]}/", f"{name}/{name[:90]}/a.csv"])
    assert [item.location for item in client.walk("myfiles")] == [
        f"myfiles/{name}",
        f"myfiles/{name}/{name[:90]}",
        location,
    ]


def test_composed_and_decomposed_names_are_sent_as_written(onedrive_emulator, client, drive):
    """Names are sent as written: where NFC and NFD are two files, each is found under its own."""
    onedrive_emulator.quirks.names_without_normal_form = True
    composed, decomposed = (unicodedata.normalize(form, "ä.csv") for form in ("NFC", "NFD"))
    client.upload(f"myfiles/{composed}", content=b"composed")
    client.upload(f"myfiles/{decomposed}", content=b"decomposed")
    assert read(client, f"myfiles/{composed}") == b"composed"
    assert read(client, f"myfiles/{decomposed}") == b"decomposed"
    assert sorted(drive.paths()) == sorted([composed, decomposed])


def test_the_server_says_how_a_name_is_written(client, drive):
    """Graph looks up without regard to case, and the item has the file's own spelling."""
    drive.put("Finance/Report.CSV", b"abc")
    item = client.stat("myfiles/FINANCE/report.csv")
    assert (item.location, item.path) == ("myfiles/Finance/Report.CSV", "Finance/Report.CSV")


# --- what each method does


def test_looking(client, drive):
    """A file, a folder and a root are what they are."""
    drive.put("x/a.csv", b"abc")
    item = client.stat("myfiles/x/a.csv")
    assert (item.size, item.is_folder, item.mime_type, item.drive_id) == (3, False, "text/csv", drive.id)
    assert item.etag == drive.item("x/a.csv")["eTag"]
    assert item.quick_xor_hash == drive.item("x/a.csv")["file"]["hashes"]["quickXorHash"]
    assert (client.stat("myfiles/x").is_folder, client.stat("myfiles/x/").child_count) == (True, 1)
    assert client.stat("myfiles").is_root
    assert client.exists("myfiles/x/")
    assert not client.exists("myfiles/y/a.csv")


@pytest.mark.parametrize("place", ["myfiles", "users/ANNA@contoso.example", "drives/{drive}", "items/{drive}/{root}"])
def test_every_root(client, drive, place):
    """The same file is reached from every root, and what is found is named from there."""
    drive.put("x/a.csv", b"abc")
    root = place.format(drive=drive.id, root=drive.item()["id"])
    item = client.stat(f"{root}/x/a.csv")
    assert item.location == (f"items/{drive.id}/{item.id}" if root.startswith("items") else f"{root}/x/a.csv")
    assert read(client, item.location) == b"abc"
    assert [found.name for found in client.walk(root)] == ["x", "a.csv"]
    assert all(client.stat(found.location).id == found.id for found in client.walk(root))


@pytest.mark.parametrize("myfiles", ["drives/{drive}/Team", "items/{drive}/{team}", "users/anna@contoso.example/Team/"])
def test_the_connections_own_place_is_a_folder(connect, drive, myfiles):
    """With a folder as myfiles the same DAG works in another place, and names come out as they went in."""
    team = drive.folder("Team")["id"]
    client = connect(myfiles=myfiles.format(drive=drive.id, team=team))
    item = client.upload("myfiles/x/a.csv", content=b"abc", create_folders=True)
    assert drive.paths() == ["Team/", "Team/x/", "Team/x/a.csv"]
    assert read(client, item.location) == b"abc"
    if not myfiles.startswith("items"):
        assert item.location == "myfiles/x/a.csv"
        assert [found.location for found in client.walk("myfiles")] == ["myfiles/x", "myfiles/x/a.csv"]


def test_another_users_drive(client, onedrive_emulator):
    """Locations outside myfiles reach what the identity may reach."""
    client.upload("users/ben@contoso.example/a.csv", content=b"abc")
    assert onedrive_emulator.drive("ben@contoso.example").read("a.csv") == b"abc"
    assert onedrive_emulator.drive().paths() == []


def test_a_signed_in_user(connect, onedrive_emulator):
    """With a delegated token and no myfiles, myfiles is the user's own drive."""
    token = onedrive_emulator.token("ben@contoso.example")
    client = connect(auth="access_token", access_token=token, myfiles=None, client_id=None, client_secret=None)
    assert client.upload("myfiles/a.csv", content=b"abc").location == "myfiles/a.csv"
    assert onedrive_emulator.drive("ben@contoso.example").paths() == ["a.csv"]


def test_listing_a_folder(client, drive):
    """Children are the items directly in it; an empty folder has none; a file has no children."""
    drive.put("x/a.csv", b"abc")
    drive.put("x/y/b.csv", b"abc")
    drive.folder("x/empty")
    assert sorted(item.name for item in client.children("myfiles/x/")) == ["a.csv", "empty", "y"]
    assert list(client.children("myfiles/x/empty")) == []
    with pytest.raises(LocationError, match=r"Cannot list myfiles/x/a.csv: .*is a file"):
        list(client.children("myfiles/x/a.csv"))
    with pytest.raises(ItemNotFound, match="Cannot list myfiles/z"):
        list(client.children("myfiles/z"))


def test_listing_page_by_page(client, drive, onedrive_emulator):
    """A large folder comes in pages, each when it is needed, no item twice and none missing."""
    for number in range(1001):
        drive.put(f"f{number:04}")
    listing = client.children("myfiles")
    onedrive_emulator.requests.clear()
    assert next(listing).name == "f0000"
    assert len(onedrive_emulator.requests.matching(path="children")) == 1
    assert [item.name for item in listing] == [f"f{number:04}" for number in range(1, 1001)]
    assert len(onedrive_emulator.requests.matching(path="children")) == 2


def test_walking(client, drive):
    """A walk gives each folder before what is in it, and asks nothing of folders that are empty."""
    for path in ("a/b/c/d.csv", "a/e.csv", "f.csv"):
        drive.put(path, b"abc")
    drive.folder("a/empty")
    found = [item.path for item in client.walk("myfiles/")]
    assert sorted(found) == ["a", "a/b", "a/b/c", "a/b/c/d.csv", "a/e.csv", "a/empty", "f.csv"]
    assert all(path.rpartition("/")[0] in ["", *found[:index]] for index, path in enumerate(found))


def test_listing_that_never_ends_names_its_folder(client, drive, onedrive_emulator):
    """The error of a page that is taken says what was listed, as that of one that is read."""
    drive.put("in/a.csv")
    onedrive_emulator.faults.add(operation="children", times=None, do=repeat_next_link())
    for items in (client.children("myfiles/in"), client.walk("myfiles/in")):
        with pytest.raises(ServiceUnavailable, match=r"^Cannot list myfiles/in: Graph's link"):
            list(items)


def test_creating_a_folder(client, drive):
    """One folder, in one that exists; there already is an error unless exist_ok."""
    item = client.create_folder("myfiles/x/")
    assert (item.location, item.is_folder, item.child_count) == ("myfiles/x", True, 0)
    with pytest.raises(NameAlreadyExists, match="Cannot create myfiles/x"):
        client.create_folder("myfiles/x")
    assert client.create_folder("myfiles/X", exist_ok=True).id == item.id
    drive.put("a.csv")
    with pytest.raises(NameAlreadyExists):
        client.create_folder("myfiles/a.csv", exist_ok=True)
    with pytest.raises(ItemNotFound, match="find the folder myfiles/y/"):
        client.create_folder("myfiles/y/z")
    with pytest.raises(LocationError, match="is a file"):
        client.create_folder("myfiles/a.csv/z")
    assert drive.paths() == ["a.csv", "x/"]


def test_uploading_a_local_file(client, drive, tmp_path):
    """The name is that of the location, of file_name, or of the local file, as the location says."""
    (tmp_path / "local.csv").write_bytes(b"abc")
    drive.folder("x")
    local = tmp_path / "local.csv"
    assert client.upload("myfiles/x/", local_path=local).location == "myfiles/x/local.csv"
    assert client.upload("myfiles/x/", local_path=str(local), file_name="b.csv").location == "myfiles/x/b.csv"
    assert client.upload("myfiles/x", local_path=local, file_name="c.csv").location == "myfiles/x/c.csv"
    assert client.upload("myfiles/x/d.csv", local_path=local).location == "myfiles/x/d.csv"
    assert client.upload("myfiles", local_path=local).location == "myfiles/local.csv"
    assert all(drive.read(f"x/{name}") == b"abc" for name in ("local.csv", "b.csv", "c.csv", "d.csv"))


def test_upload_after_its_folder_was_moved_goes_where_it_is_named(client, drive):
    """The folder that had the name before keeps its id, and a file must not follow it."""
    for folder in ("in", "in/x", "out"):
        drive.folder(folder)
    client.upload("myfiles/in/x/a.csv", content=b"1")
    client.move("myfiles/in", "myfiles/out/")
    with pytest.raises(ItemNotFound):
        client.upload("myfiles/in/x/b.csv", content=b"2")
    client.upload("myfiles/in/x/b.csv", content=b"2", create_folders=True)
    assert drive.paths() == ["in/", "in/x/", "in/x/b.csv", "out/", "out/in/", "out/in/x/", "out/in/x/a.csv"]


def test_a_folder_that_is_missing(client, drive):
    """A folder in the path must exist, unless create_folders; nothing is left behind."""
    for send in (client.upload, client.save):
        with pytest.raises(ItemNotFound, match=r"find the folder myfiles/x/y/: .*create_folders=True"):
            send("myfiles/x/y/a.csv", content=b"abc")
    assert drive.paths() == []
    assert client.save("myfiles/x/y/a.csv", content=b"abc", create_folders=True).outcome == "created"
    assert client.upload("myfiles/x/y/z/b.csv", content=b"abc", create_folders=True).outcome == "created"
    assert drive.paths() == ["x/", "x/y/", "x/y/a.csv", "x/y/z/", "x/y/z/b.csv"]


@pytest.mark.parametrize("size", [1, SINGLE_PUT_BYTES + 1])
def test_a_folder_where_a_file_is_meant(client, drive, noise, size):
    """A folder of the file's name stays as it is, and the error says what to write."""
    drive.put("x/inside.csv", b"abc")
    content = noise[:size]
    with pytest.raises(LocationError, match=r"A folder named 'x' is there. End the location in '/'"):
        client.upload("myfiles/x", content=content)
    with pytest.raises(LocationError, match="A folder named 'x' is there"):
        client.save("myfiles/x", content=content)
    with pytest.raises(LocationError, match="is a folder, and a file is meant"):
        client.update("myfiles/x", content=content)
    with pytest.raises(LocationError, match="is a folder, and a file is meant"):
        client.open("myfiles/x/")
    assert drive.paths() == ["x/", "x/inside.csv"]


def test_a_file_where_a_folder_is_meant(client, drive):
    """A file in the middle of a path stays as it is."""
    drive.put("a.csv", b"abc")
    for create_folders in (False, True):
        with pytest.raises(LocationError, match=r"myfiles/a.csv/ is a file, and a folder is meant"):
            client.upload("myfiles/a.csv/b.csv", content=b"x", create_folders=create_folders)
        with pytest.raises((LocationError, ItemNotFound)):
            client.upload("myfiles/a.csv/deep/b.csv", content=b"x", create_folders=create_folders)
    assert drive.read("a.csv") == b"abc"
    assert drive.paths() == ["a.csv"]


@pytest.mark.parametrize(
    "size",
    [0, 1, SINGLE_PUT_BYTES, SINGLE_PUT_BYTES + 1, FRAGMENT_BYTES, 2 * FRAGMENT_BYTES + 3],
    ids=["empty", "one", "largest put", "smallest session", "one fragment", "three fragments"],
)
def test_a_taken_name_means_the_same_at_every_size(client, drive, noise, tmp_path, size):
    """fail, replace and rename do the same whether it is one PUT or a session, and every byte arrives."""
    (tmp_path / "a.bin").write_bytes(noise[:size])
    other = noise[1 : size + 1][::-1]
    assert client.upload("myfiles/a.bin", local_path=tmp_path / "a.bin").outcome == "created"
    with pytest.raises(NameAlreadyExists, match=r"Cannot upload to myfiles/a.bin: .*if_exists='replace'"):
        client.upload("myfiles/a.bin", content=other)
    assert drive.read("a.bin") == noise[:size]
    renamed = client.upload("myfiles/a.bin", content=other, if_exists="rename")
    assert (renamed.outcome, renamed.location, renamed.size) == ("renamed", "myfiles/a 1.bin", size)
    assert client.upload("myfiles/a.bin", content=other, if_exists="replace").outcome == "replaced"
    assert drive.read("a.bin") == drive.read("a 1.bin") == other
    assert drive.version_count("a.bin") == 2
    assert drive.paths() == ["a 1.bin", "a.bin"]


@pytest.mark.parametrize("size", [0, SINGLE_PUT_BYTES + 1])
def test_an_update_needs_the_file(client, drive, noise, size):
    """An update replaces an existing file, keeps its id, and never makes a new one."""
    content = noise[:size]
    with pytest.raises(ItemNotFound, match=r"Cannot update myfiles/a.bin"):
        client.update("myfiles/a.bin", content=content)
    assert drive.paths() == []
    item_id = drive.put("a.bin", b"old")["id"]
    assert client.update("myfiles/A.bin", content=content).id == item_id
    assert drive.read("a.bin") == content
    assert drive.paths() == ["a.bin"]


@pytest.mark.parametrize("size", [1, SINGLE_PUT_BYTES + 1])
def test_an_update_of_an_expected_version(client, drive, noise, size):
    """With the current eTag it is done, with an old one refused and nothing changed."""
    etag = drive.put("a.bin", b"old")["eTag"]
    content = noise[:size]
    assert client.update("myfiles/a.bin", content=content, expected_etag=etag).etag != etag
    with pytest.raises(PreconditionFailed, match="Somebody changed the file"):
        client.update("myfiles/a.bin", content=b"late", expected_etag=etag)
    assert drive.read("a.bin") == content


def test_saving(client, drive):
    """Save creates or replaces."""
    assert client.save("myfiles/a.txt", content=b"one").outcome == "created"
    assert client.save("myfiles/", content=b"two", file_name="A.txt").outcome == "replaced"
    assert drive.read("a.txt") == b"two"
    assert drive.paths() == ["a.txt"]


@pytest.mark.parametrize("size", [0, 3, SINGLE_PUT_BYTES + 1])
def test_downloading(client, drive, noise, tmp_path, size):
    """To a file or into a folder, which is made; the item says where it is."""
    drive.put("x/a.bin", noise[:size])
    item = client.download("myfiles/x/a.bin", tmp_path / "new" / "b.bin")
    assert (item.local_path, item.size) == (f"{tmp_path}/new/b.bin", size)
    assert client.download("myfiles/x/a.bin", f"{tmp_path}/into/").local_path == f"{tmp_path}/into/a.bin"
    assert client.download("myfiles/x/a.bin", tmp_path / "new").local_path == f"{tmp_path}/new/a.bin"
    for path in ("new/b.bin", "into/a.bin", "new/a.bin"):
        assert (tmp_path / path).read_bytes() == noise[:size]
    assert listed(tmp_path / "new") == ["a.bin", "b.bin"]


def test_what_cannot_be_downloaded(client, drive, tmp_path):
    """A missing file, a folder, or a target that cannot be written leave the local side as it was."""
    drive.put("a.csv", b"abc")
    drive.folder("x")
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(ItemNotFound, match=r"Cannot download myfiles/b.csv"):
        client.download("myfiles/b.csv", tmp_path / "new" / "b.csv")
    with pytest.raises(LocationError, match="is a folder, and a file is meant"):
        client.download("myfiles/x", tmp_path / "new" / "x")
    with pytest.raises(LocalFileError, match=r"file/a.csv cannot be written"):
        client.download("myfiles/a.csv", tmp_path / "file" / "a.csv")
    assert listed(tmp_path) == ["file"]


@pytest.mark.parametrize("size", [0, 3, 9 * MIB])
def test_opening(client, drive, noise, size):
    """An opened file is read, sought and wrapped like any binary file."""
    drive.put("a.bin", noise[:size])
    with client.open("myfiles/a.bin") as file:
        assert file.read(2) == noise[: min(2, size)]
        file.seek(0)
        assert hashlib.sha256(file.read()).digest() == hashlib.sha256(noise[:size]).digest()
        file.seek(0, io.SEEK_END)
        assert file.tell() == size
        assert file.readable()
        assert file.seekable()


def test_deleting(client, drive):
    """A file goes to the recycle bin; permanent leaves nothing there."""
    drive.put("a.csv")
    drive.put("b.csv")
    assert [item.location for item in client.delete("myfiles/a.csv")] == ["myfiles/a.csv"]
    assert client.delete("myfiles/b.csv", permanent=True)[0].name == "b.csv"
    assert drive.paths() == []
    assert drive.recycle_bin == ["a.csv"]


def test_deleting_a_folder(client, drive):
    """A folder that holds something goes only with recursive, and only if it holds no more than max_items."""
    drive.put("x/a.csv")
    drive.put("x/y/b.csv")
    with pytest.raises(LocationError, match=r"Cannot delete myfiles/x: .*2 items"):
        client.delete("myfiles/x")
    with pytest.raises(LocationError, match="more than 2 items"):
        client.delete("myfiles/x", recursive=True, options=DeleteOptions(max_items=2))
    assert len(client.delete("myfiles/x", recursive=True, options=DeleteOptions(dry_run=True))) == 1
    assert len(drive.paths()) == 4
    assert client.delete("myfiles/x", recursive=True, options=DeleteOptions(max_items=3))[0].location == "myfiles/x"
    assert drive.paths() == []
    client.create_folder("myfiles/empty")
    assert client.delete("myfiles/empty/")[0].name == "empty"


@pytest.mark.parametrize(
    "root", ["myfiles", "myfiles/", "users/anna@contoso.example", "drives/{drive}", "items/{drive}/{root}"]
)
def test_no_root_is_deleted(client, drive, root):
    """Whatever names the root of a drive, it and all in it stay."""
    drive.put("a.csv")
    with pytest.raises(LocationError, match="never deleted"):
        client.delete(root.format(drive=drive.id, root=drive.item()["id"]), recursive=True)
    assert drive.paths() == ["a.csv"]


def test_the_connections_own_folder_is_not_deleted(connect, drive):
    """An empty template on a connection whose myfiles is a folder names that folder: it stays."""
    drive.put("Team/a.csv")
    client = connect(myfiles=f"drives/{drive.id}/Team")
    for location in ("myfiles", "myfiles/"):
        with pytest.raises(LocationError, match="never deleted"):
            client.delete(location, recursive=True)
    assert drive.paths() == ["Team/", "Team/a.csv"]


def test_deleting_what_is_missing(client):
    """Nothing there is an error, unless it is to be ignored."""
    with pytest.raises(ItemNotFound, match=r"Cannot delete myfiles/a.csv"):
        client.delete("myfiles/a.csv")
    assert client.delete("myfiles/a.csv", ignore_if_missing=True) == []


@pytest.mark.parametrize("if_exists", ["", "overwrite", "FAIL", None])
def test_an_unknown_if_exists(client, onedrive_emulator, if_exists):
    """A word that is none of the five is refused before anything is sent."""
    with pytest.raises(ConfigurationError, match="fail, replace, rename, skip, skip_if_same"):
        client.upload("myfiles/a.csv", content=b"abc", if_exists=if_exists)
    assert len(onedrive_emulator.requests) == 0


@pytest.mark.parametrize("location", ["", "a.csv", "myfiles//a.csv", "myfiles/a:b", {"id": "x"}])
def test_a_wrong_location_sends_nothing(client, onedrive_emulator, location):
    """What cannot be understood is refused before anything is sent."""
    calls = [
        lambda: client.stat(location),
        lambda: client.exists(location),
        lambda: list(client.children(location)),
        lambda: list(client.walk(location)),
        lambda: client.open(location),
        lambda: client.download(location, "/tmp/"),
        lambda: client.upload(location, content=b""),
        lambda: client.update(location, content=b""),
        lambda: client.save(location, content=b""),
        lambda: client.delete(location),
        lambda: client.create_folder(location),
    ]
    for call in calls:
        with pytest.raises(LocationError):
            call()
    assert len(onedrive_emulator.requests) == 0


def test_a_missing_local_file_sends_nothing(client, onedrive_emulator, tmp_path):
    """A missing local file is an error that names it, and the drive is not touched."""
    for send in (client.upload, client.update, client.save):
        with pytest.raises(LocalFileError, match=f"{tmp_path}/gone.csv cannot be read"):
            send("myfiles/a.csv", local_path=tmp_path / "gone.csv")
    assert len(onedrive_emulator.requests) == 0


# --- item dicts


def test_an_item_dict_is_a_location(client, drive, tmp_path):
    """What one task returns the next one takes: looked at, read, replaced and deleted by id, also after a rename."""
    client.upload("myfiles/x/a.csv", content=b"abc", create_folders=True)
    item = client.stat("myfiles/x/a.csv").to_dict()
    folder = client.stat("myfiles/x").to_dict()
    assert client.stat(item).location == "myfiles/x/a.csv"
    assert client.exists(item)
    assert read(client, item) == b"abc"
    assert client.download(item, f"{tmp_path}/").local_path == f"{tmp_path}/a.csv"
    assert [child.location for child in client.children(folder)] == ["myfiles/x/a.csv"]
    assert client.update(item, content=b"abcd").outcome == "replaced"
    assert drive.read("x/a.csv") == b"abcd"
    drive.delete("x/a.csv")
    assert not client.exists(item)
    with pytest.raises(ItemNotFound, match=r"myfiles/x/a.csv"):
        client.stat(item)


def test_saving_to_an_item_dict(client, drive):
    """Saving to the dict of a file replaces that file, by its id."""
    item = client.upload("myfiles/a.csv", content=b"abc").to_dict()
    assert client.save(item, content=b"abcd").id == item["id"]
    assert drive.read("a.csv") == b"abcd"
    assert client.upload(item, content=b"abcde", if_exists="replace").outcome == "replaced"
    assert drive.read("a.csv") == b"abcde"
    with pytest.raises(LocationError, match=r"myfiles/a.csv names an item that exists"):
        client.upload(item, content=b"other")
    assert drive.read("a.csv") == b"abcde"
    assert drive.paths() == ["a.csv"]


def test_uploading_into_the_item_dict_of_a_folder(client, drive, tmp_path):
    """The dict of a folder is a folder: the name comes from file_name or from the local file."""
    (tmp_path / "b.csv").write_bytes(b"abc")
    folder = client.create_folder("myfiles/x").to_dict()
    assert client.upload(folder, content=b"abc", file_name="a.csv").location == "myfiles/x/a.csv"
    assert client.upload(folder, local_path=tmp_path / "b.csv").location == "myfiles/x/b.csv"
    assert drive.paths() == ["x/", "x/a.csv", "x/b.csv"]
    with pytest.raises(LocationError, match="no name is given"):
        client.save(folder, content=b"abc")


def test_listed_items_are_locations(client, drive):
    """Everything a walk gives can be used as it is, as text and as dict."""
    for path in ("x/a.csv", "x/y/100% #1.csv", "z.csv"):
        drive.put(path, path.encode())
    for item in client.walk("myfiles"):
        assert client.stat(item.location).id == client.stat(item.to_dict()).id == item.id


# --- the client itself


def test_the_package_gives_the_client():
    """``from airflow_provider_onedrive.graph import Client`` works, and loads the HTTP library only then."""
    assert LazyClient is Client


def test_one_token_and_one_connection_for_many_requests(client, drive, onedrive_emulator):
    """A token is fetched once, and nothing is sent before it is needed."""
    assert len(onedrive_emulator.requests) == 0
    drive.put("a.csv")
    for _ in range(5):
        client.stat("myfiles/a.csv")
    assert len(onedrive_emulator.requests.matching(path="/token$")) == 1
    assert len(onedrive_emulator.requests.matching(origin="graph", path="a.csv")) == 5


@pytest.mark.parametrize("size", [3, SINGLE_PUT_BYTES + 1])
def test_each_transfer_is_one_line_of_the_log(client, noise, tmp_path, caplog, size):
    """Location, bytes, seconds, request id and web address of a transfer stand in one line, besides the audit."""
    caplog.set_level(logging.INFO, logger="airflow_provider_onedrive")
    item = client.upload("myfiles/a b.bin", content=noise[:size])
    client.download("myfiles/a b.bin", tmp_path / "a.bin")
    names = {record.name for record in caplog.records if record.name.startswith("airflow_provider_onedrive")} - {LOGGER}
    lines = [record.getMessage() for record in caplog.records if record.name in names]
    assert len(lines) == 2
    for line, tried in zip(lines, ("upload to", "download"), strict=True):
        assert f"{tried} myfiles/a b.bin, {size} bytes in " in line
        assert item.web_url in line
        assert re.search(r"request id [0-9a-f-]{36}", line)


def test_closing(connect):
    """A client closes its connections on leaving the block, and closing twice is no error."""
    with connect() as client:
        assert client.stat("myfiles").is_root
    client.close()


@pytest.mark.parametrize("direction", ["upload", "download"])
def test_a_large_file_needs_little_memory(client, drive, tmp_path, direction):
    """64 MiB go through in pieces: the peak grows by less than 40 MiB."""
    piece = os.urandom(MIB)
    with (tmp_path / "large.bin").open("wb") as file:
        for _ in range(64):
            file.write(piece)
    if direction == "download":
        client.upload("myfiles/large.bin", local_path=tmp_path / "large.bin")
    gc.collect()
    tracemalloc.start()
    try:
        if direction == "upload":
            client.upload("myfiles/large.bin", local_path=tmp_path / "large.bin")
        else:
            client.download("myfiles/large.bin", tmp_path / "back.bin")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40 * MIB
    assert drive.item("large.bin")["size"] == 64 * MIB


@pytest.mark.parametrize("etag", ["", " ", "ä", "a\n"])
def test_an_etag_that_is_none(client, drive, onedrive_emulator, etag):
    """An empty template must not replace whatever version is there."""
    drive.put("a.csv", b"1")
    with pytest.raises(ConfigurationError, match="expected_etag"):
        client.update("myfiles/a.csv", content=b"2", expected_etag=etag)
    assert drive.read("a.csv") == b"1"


def test_a_number_for_a_name(client, drive):
    """A native template makes a number of a name of digits."""
    client.save("myfiles/", content=b"1", file_name=20260101)
    assert drive.paths() == ["20260101"]
