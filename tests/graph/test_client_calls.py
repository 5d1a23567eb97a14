"""Calls as people guess them: what works, and what the refusals say."""

from __future__ import annotations

import asyncio
import csv
import gc
import io
import zipfile
from contextlib import suppress

import pytest
from upath import UPath

from airflow_provider_onedrive.emulator.faults import drop_after, status
from airflow_provider_onedrive.graph.call_advice import PUBLIC_METHODS, method_meant
from airflow_provider_onedrive.graph.client import AsyncClient, Client
from airflow_provider_onedrive.graph.protocol.errors import (
    BadRequest,
    ConfigurationError,
    ItemNotFound,
    LocalFileError,
    LocationError,
    NameAlreadyExists,
    ServiceUnavailable,
)

CSV = "id;total\n1;2 €\n"


# --- content and local_path


@pytest.mark.parametrize("method", ["upload", "update", "save"])
@pytest.mark.parametrize("kind", ["text", "bytes", "file object", "path", "str path", "stored"])
def test_upload_takes_content_and_paths(client, drive, tmp_path, *, method, kind):
    """The same file arrives, whatever holds its content."""
    (tmp_path / "a.csv").write_text(CSV, encoding="utf-8")
    if method == "update":
        drive.put("a.csv", b"old")
    sources = {
        "text": {"content": CSV},
        "bytes": {"content": CSV.encode()},
        "file object": {"content": io.BytesIO(CSV.encode())},
        "path": {"local_path": tmp_path / "a.csv"},
        "str path": {"local_path": f"{tmp_path}/a.csv"},
        "stored": {"local_path": UPath(f"file://{tmp_path}/a.csv")},
    }
    getattr(client, method)("myfiles/a.csv", **sources[kind])
    assert drive.read("a.csv") == CSV.encode()


def test_upload_encodes_text(client, drive):
    """In UTF-8 unless an encoding is named."""
    client.save("myfiles/a.csv", content="ä", encoding="latin-1")
    assert drive.read("a.csv") == b"\xe4"


def test_text_that_is_a_path_is_content(client, drive, tmp_path):
    """No file of the worker leaves because its name stands in a text."""
    (tmp_path / "secret").write_text("secret")
    client.save("myfiles/a.txt", content=f"{tmp_path}/secret")
    assert drive.read("a.txt") == f"{tmp_path}/secret".encode()


@pytest.mark.parametrize("method", ["upload", "update", "save"])
def test_positional_source_is_refused(client, onedrive_emulator, method):
    """In the order of other libraries or ours, with the location by keyword or not; both keywords are named."""
    call = getattr(client, method)
    for wrong in (
        lambda: call("a,b\n1,2\n", "myfiles/a.csv"),
        lambda: call("myfiles/a.csv", "a,b\n1,2\n"),
        lambda: call("/tmp/a.csv", location="myfiles/a.csv"),
    ):
        with pytest.raises(
            ConfigurationError, match=rf"Write {method}\(location, content=\.\.\. or local_path=\.\.\.\)"
        ):
            wrong()
    with pytest.raises(ConfigurationError, match="Exactly one of content= and local_path="):
        call("a,b\n1,2\n")
    assert len(onedrive_emulator.requests) == 0


def test_positional_folder_is_refused(client, tmp_path):
    """A folder has no content, so only its path is named."""
    with pytest.raises(ConfigurationError, match=r"Write upload_folder\(location, local_path=\.\.\.\)"):
        client.upload_folder(tmp_path, "myfiles/in")


def test_text_of_a_store_is_refused(client, drive, onedrive_emulator):
    """In every method that takes a path: it would be a relative path of the worker."""
    drive.put("a.csv", b"1")
    onedrive_emulator.requests.clear()
    text = "s3://conn@bucket/a.csv"
    for call in (
        lambda: client.save("myfiles/a.csv", local_path=text),
        lambda: client.upload_folder("myfiles/", local_path=text),
        lambda: client.download("myfiles/a.csv", text),
        lambda: client.download_folder("myfiles/", text),
    ):
        with pytest.raises(ConfigurationError, match=r"'s3://conn@bucket/a\.csv' is text .*ObjectStoragePath"):
            call()


def test_save_always_leaves_its_content(client):
    """What could leave another content there is refused."""
    with pytest.raises(ConfigurationError, match="if_exists is 'skip', and saving always leaves the content there"):
        client.save("myfiles/a.csv", content="", if_exists="skip")


# --- open, read


def test_read_bytes_and_text(client, drive):
    """Whole files; line ends stay."""
    drive.put("a.csv", b"\xe4\r\n")
    assert client.read_bytes("myfiles/a.csv") == b"\xe4\r\n"
    assert client.read_text("myfiles/a.csv", encoding="latin-1") == "ä\r\n"
    with pytest.raises(ItemNotFound, match=r"Cannot read myfiles/b\.csv"):
        client.read_text("myfiles/b.csv")


def test_open_reads_text(client, drive):
    """As the built-in ``open``; without a mode it is bytes."""
    drive.put("a.csv", CSV.encode())
    with client.open("myfiles/a.csv", "r") as file:
        assert list(file) == ["id;total\n", "1;2 €\n"]
    with client.open("myfiles/a.csv", mode="r", encoding="latin-1") as file:
        assert "â" in file.read()
    with client.open("myfiles/a.csv") as file:
        assert file.read() == CSV.encode()


@pytest.mark.parametrize("size", [0, 3, 9 * 1024 * 1024])
def test_open_writes_at_close(client, drive, size):
    """Nothing is there before; a file that exists is replaced."""
    for content in (b"x" * size, b"y" * size):
        before = drive.paths()
        with client.open("myfiles/a.bin", "wb") as file:
            file.write(content)
            assert drive.paths() == before
        assert drive.read("a.bin") == content


def test_open_writes_text(client, drive):
    """For the csv module and print; line ends stay as written."""
    with client.open("myfiles/a.csv", "w", encoding="latin-1") as file:
        csv.writer(file).writerow(["ä", 1])
        print("b", file=file)
    assert drive.read("a.csv") == b"\xe4,1\r\nb\n"


def test_open_file_that_seeks(client, drive):
    """An archive is written with seeks, as spreadsheets are."""
    with client.open("myfiles/a.zip", "wb") as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "content")
    assert zipfile.ZipFile(io.BytesIO(drive.read("a.zip"))).read("a.txt") == b"content"


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_open_uploads_nothing_if_the_block_raises(client, drive, onedrive_emulator, mode):
    """Half a file is never uploaded: neither then, nor when a file is forgotten."""
    client.exists("myfiles/a.csv")
    onedrive_emulator.requests.clear()
    piece = "half" if mode == "w" else b"half"
    with suppress(KeyError), client.open("myfiles/a.csv", mode) as file:
        file.write(piece)
        raise KeyError
    file = client.open("myfiles/a.csv", mode)
    file.write(piece)
    del file
    gc.collect()
    assert (drive.paths(), len(onedrive_emulator.requests)) == ([], 0)


def test_open_reports_a_failed_upload(client, drive):
    """Closing raises what the upload raises."""
    drive.put("x/a.csv", b"1")
    file = client.open("myfiles/x", "w")
    file.write("1")
    with pytest.raises(LocationError, match="A folder named 'x' is there"):
        file.close()
    assert file.closed


def test_open_refuses_a_wrong_location_at_once(client):
    """Not after an hour of writing."""
    with pytest.raises(LocationError):
        client.open("Finance/a.csv", "w")


@pytest.mark.parametrize("mode", ["a", "ab", "x", "r+", "rb+", "w+", "rt", ""])
def test_open_refuses_other_modes(client, mode):
    """The error names those that exist."""
    with pytest.raises(ConfigurationError, match=r"mode is '.*'\. Use one of r, w, rb, wb\."):
        client.open("myfiles/a.csv", mode)
    with pytest.raises(ConfigurationError, match="mode 'wb' takes no encoding"):
        client.open("myfiles/a.csv", "wb", encoding="utf-8")


# --- raw requests


def test_request_asks_graph(client, drive):
    """With our sign-in; the answer is its JSON, and None where there is none."""
    drive.put("a b.csv", b"1")
    root = client.stat("myfiles")
    path = f"/drives/{root.drive_id}/items/{root.id}/children"
    answer = client.request("GET", path, params={"$select": "id,name", "$filter": "name eq 'a b.csv'"})
    assert [item["name"] for item in answer["value"]] == ["a b.csv"]
    item = client.request("patch", f"/drives/{root.drive_id}/items/{answer['value'][0]['id']}", json={"name": "b.csv"})
    assert (item["name"], drive.paths()) == ("b.csv", ["b.csv"])
    assert client.request("DELETE", f"/drives/{root.drive_id}/items/{item['id']}") is None
    assert drive.paths() == []


def test_request_follows_a_next_link(client, drive):
    """A whole URL of the connection's Graph is taken as it is, and its query is extended."""
    drive.put_all({f"{number}.csv": b"" for number in range(3)})
    drive_id = client.stat("myfiles").drive_id
    page = client.request("GET", f"/drives/{drive_id}/root/children?$top=2", params={"$select": "name"})
    names = [item["name"] for item in page["value"]]
    names += [item["name"] for item in client.request("GET", page["@odata.nextLink"])["value"]]
    assert sorted(names) == ["0.csv", "1.csv", "2.csv"]


def test_request_goes_nowhere_else(client, onedrive_emulator):
    """No token leaves for another host, whatever a text looks like."""
    ours = onedrive_emulator.graph_url
    with pytest.raises(BadRequest, match=r"Resource not found for the segment 'evil\.example'"):
        client.request("GET", "//evil.example/me")  # a path of our host, whatever a browser would make of it
    for path in ("https://evil.example/me", "me/drive", f"{ours}.evil.example/", f"{ours}@evil.example/"):
        with pytest.raises(ConfigurationError, match="is not on the connection's Graph"):
            client.request("GET", path)
    for name in ("Authorization", "host"):
        with pytest.raises(ConfigurationError, match=f"headers has '{name}'"):
            client.request("GET", "/me/drive", headers={name: "x"})


def test_request_keeps_the_connections_policies(connect, onedrive_emulator):
    """read_only reads only; allowed_locations cannot be checked, so nothing is sent."""
    with pytest.raises(ConfigurationError, match="read_only"):
        connect(read_only=True).request("POST", "/$batch", json={"requests": []})
    assert connect(read_only=True).request("GET", "/users/anna@contoso.example/drive")["id"]
    onedrive_emulator.requests.clear()
    with pytest.raises(ConfigurationError, match="nobody can tell which of them a raw request touches"):
        connect(allowed_locations=["myfiles/in"]).request("GET", "/users/anna@contoso.example/drive")
    assert len(onedrive_emulator.requests) == 0


def test_request_is_retried_as_others(client, faults, onedrive_emulator):
    """A refused request is sent again, an unanswered change is not; errors name the request."""
    path = f"/drives/{client.stat('myfiles').drive_id}/root"
    faults.add(operation="get", times=2, do=status(503))
    assert client.request("GET", path)["name"] == "root"
    faults.clear()
    onedrive_emulator.requests.clear()
    faults.add(operation="create_folder", do=drop_after())
    with pytest.raises(ServiceUnavailable, match=rf"Cannot request {path}/children: No answer came"):
        client.request("POST", f"{path}/children", json={"name": "x", "folder": {}})
    assert onedrive_emulator.requests.total(operation="create_folder").requests == 1
    with pytest.raises(NameAlreadyExists, match="Cannot request"):
        client.request(
            "POST",
            f"{path}/children",
            json={"name": "x", "folder": {}, "@microsoft.graph.conflictBehavior": "fail"},
        )


def test_async_request(connect_async, drive):
    """The same on an event loop."""
    drive.put("a.csv", b"1")

    async def ask():
        async with connect_async() as client:
            root = await client.stat("myfiles")
            with pytest.raises(ItemNotFound, match="Cannot request /drives/"):
                await client.request("GET", f"/drives/{root.drive_id}/items/nothing")
            return await client.request("GET", f"/drives/{root.drive_id}/root/children")

    assert [item["name"] for item in asyncio.run(ask())["value"]] == ["a.csv"]


# --- names


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *(("list", "children"), ("ls", "children"), ("listdir", "children"), ("list_files", "children")),
        *(
            ("mkdir", "create_folder"),
            ("makedirs", "create_folder"),
            ("read", "read_bytes"),
            ("read_file", "read_text"),
        ),
        *(("exists_folder", "exists"), ("is_file", "exists"), ("put", "upload"), ("get", "download"), ("rm", "delete")),
        *(
            ("remove", "delete"),
            ("rename", "move"),
            ("mv", "move"),
            ("cp", "copy"),
            ("write", "save"),
            ("info", "stat"),
        ),
        *(("glob", "find"), ("upload_directory", "upload_folder"), ("downlaod", "download")),
    ],
)
def test_missing_attribute_names_the_method(client, name, meant):
    """For the words of other libraries, and for slips."""
    with pytest.raises(AttributeError, match=rf"Client has no '{name}': use {meant}\(\.\.\.\)\."):
        getattr(client, name)


def test_missing_attribute_of_another_kind(client, connect_async):
    """What is like no method has Python's own words; the other client is named where it has the method."""
    with pytest.raises(AttributeError, match="'Client' object has no attribute 'colour'"):
        _ = client.colour
    assert not hasattr(client, "_anything")

    async def ask():
        async with connect_async() as other:
            for name, meant in (("upload", "upload"), ("put", "upload"), ("read", "read_bytes")):
                with pytest.raises(AttributeError, match=rf"no '{name}': use {meant}\(\.{{3}}\) of the other"):
                    getattr(other, name)
            with pytest.raises(AttributeError, match=r"AsyncClient has no 'ls': use children\(\.\.\.\)\."):
                _ = other.ls
            assert dir(other) == [name for name in PUBLIC_METHODS if hasattr(AsyncClient, name)]

    asyncio.run(ask())


def test_dir_shows_the_public_methods(client):
    """All of them, and no other."""
    assert dir(client) == [name for name in PUBLIC_METHODS if hasattr(Client, name)]
    assert len(dir(client)) == len(PUBLIC_METHODS) - 1
    assert sorted(PUBLIC_METHODS) == list(PUBLIC_METHODS)
    assert all(method_meant(name) == name for name in PUBLIC_METHODS)


def test_local_files_are_named(client, tmp_path):
    """A missing one, with its whole path."""
    with pytest.raises(LocalFileError, match=f"{tmp_path}/gone.csv cannot be read"):
        client.upload("myfiles/", local_path=tmp_path / "gone.csv")
