"""Files and folders by their paths: what fsspec's programs take for granted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.filesystem import OneDriveFileSystem
from airflow_provider_onedrive.graph import (
    AccessDenied,
    ConfigurationError,
    DriveNotFound,
    FolderNotEmpty,
    IsFolder,
    IsNoFolder,
    ItemNotFound,
    LocationError,
    NameAlreadyExists,
    OneDriveError,
)

NAMES = ["a b", "a#b", "100%", "%20", "a+b&c;d", "a[1]", "ü", "u\u0308", "日本", "a'b", "a@b", "a=b", "(1)"]
REFUSED = ["a:b", "a*b", 'a"b', "a<b", "a|b", "a?b", "a ", "CON", "~$a"]


def test_written_file_is_read_and_listed(fs: OneDriveFileSystem, drive: Any) -> None:
    """The thinnest path: write, look, read, list, remove."""
    with fs.open("myfiles/a/b.csv", "wb") as file:
        file.write(b"1;")
        file.write(b"2")
    assert drive.read("a/b.csv") == b"1;2"
    assert (fs.cat("myfiles/a/b.csv"), fs.ls("myfiles/a", detail=False)) == (b"1;2", ["myfiles/a/b.csv"])
    with fs.open("onedrive://myfiles/a/b.csv", "rb") as file:
        assert file.read() == b"1;2"
    fs.rm("myfiles/a/b.csv")
    assert (fs.exists("myfiles/a/b.csv"), fs.ls("myfiles/a")) == (False, [])


def test_info_says_what_it_is(fs: OneDriveFileSystem, drive: Any) -> None:
    """With the times of the server, and what tells one version from another."""
    drive.put("a.csv", b"12345")
    drive.folder("b")
    info = fs.info("myfiles/a.csv")
    assert (info["name"], info["size"], info["type"]) == ("myfiles/a.csv", 5, "file")
    item = drive.item("a.csv")
    assert (info["ino"], info["etag"], info["location"]) == (item["id"], item["eTag"], "myfiles/a.csv")
    assert fs.modified("myfiles/a.csv").isoformat() == item["lastModifiedDateTime"].replace("Z", "+00:00")
    assert fs.created("myfiles/a.csv").isoformat() == item["createdDateTime"].replace("Z", "+00:00")
    assert (fs.info("myfiles/b")["type"], fs.info("myfiles")["type"]) == ("directory", "directory")
    assert (fs.isdir("myfiles/b"), fs.isfile("myfiles/b"), fs.isfile("myfiles/a.csv")) == (True, False, True)
    assert fs.ls("myfiles/a.csv", detail=False) == ["myfiles/a.csv"]


def test_keys_change_with_version_and_content(fs: OneDriveFileSystem) -> None:
    """``ukey`` is of the version, ``checksum`` of the content: dask and caches compare them."""
    fs.pipe("myfiles/a.csv", b"1")
    ukey, checksum = fs.ukey("myfiles/a.csv"), fs.checksum("myfiles/a.csv")
    fs.pipe("myfiles/a.csv", b"2")
    assert fs.ukey("myfiles/a.csv") != ukey
    assert fs.checksum("myfiles/a.csv") != checksum
    fs.pipe("myfiles/a.csv", b"1")
    assert (fs.ukey("myfiles/a.csv") != ukey, fs.checksum("myfiles/a.csv")) == (True, checksum)


@pytest.mark.parametrize("name", NAMES)
def test_name_is_written_exactly(fs: OneDriveFileSystem, drive: Any, name: str) -> None:
    """Whatever a URL would make of it, and in the normal form it was written in."""
    path = f"onedrive://myfiles/{name}/{name}"
    fs.pipe(path, b"1")
    assert drive.read(f"{name}/{name}") == b"1"
    assert fs.find("myfiles") == [f"myfiles/{name}/{name}"]
    assert fs.cat(path) == b"1"
    fs.mv(path, f"myfiles/{name}2")
    fs.rm(f"myfiles/{name}2")
    assert not drive.exists(f"{name}2")


@pytest.mark.parametrize("name", REFUSED)
def test_refused_name_is_named(fs: OneDriveFileSystem, drive: Any, name: str) -> None:
    """A name that OneDrive does not accept is an error when the file is opened, with the name in it."""
    with pytest.raises(LocationError) as error:
        fs.open(f"myfiles/{name}/x.csv" if name == "a?b" else f"myfiles/{name}", "wb")
    assert name.strip() in str(error.value)
    assert drive.paths() == [] or "a" not in str(drive.paths())


def test_name_policy_of_the_connection_holds(make_fs: Callable[..., OneDriveFileSystem], drive: Any) -> None:
    """With ``replace`` the characters are replaced, as in all other methods."""
    fs = make_fs(name_policy="replace")
    fs.pipe("myfiles/manual__2026-01-02T03:04:05+00:00.csv", b"1")
    (name,) = drive.paths()
    assert ":" not in name
    assert fs.cat("myfiles/manual__2026-01-02T03:04:05+00:00.csv") == b"1"


def test_errors_are_those_of_files(fs: OneDriveFileSystem, drive: Any) -> None:
    """Code for other filesystems catches Python's own errors; each is one of this package, too."""
    drive.put("a/b.csv", b"1")
    cases: list[tuple[type[Exception], type[OneDriveError], Callable[[], object]]] = [
        (FileNotFoundError, ItemNotFound, lambda: fs.open("myfiles/no.csv")),
        (FileNotFoundError, ItemNotFound, lambda: fs.info("myfiles/no.csv")),
        (FileNotFoundError, ItemNotFound, lambda: fs.ls("myfiles/no")),
        (FileNotFoundError, ItemNotFound, lambda: fs.rm("myfiles/no.csv")),
        (FileNotFoundError, ItemNotFound, lambda: fs.mv("myfiles/no.csv", "myfiles/c.csv")),
        (FileNotFoundError, ItemNotFound, lambda: fs.cp_file("myfiles/no.csv", "myfiles/c.csv")),
        (FileNotFoundError, ItemNotFound, lambda: fs.cat("myfiles/no.csv")),
        (FileNotFoundError, ItemNotFound, lambda: fs.rmdir("myfiles/no")),
        (FileExistsError, NameAlreadyExists, lambda: fs.makedirs("myfiles/a")),
        (FileExistsError, NameAlreadyExists, lambda: fs.mkdir("myfiles/a/b.csv")),
        (FileExistsError, NameAlreadyExists, lambda: fs.open("myfiles/a/b.csv", "xb")),
        (FileExistsError, NameAlreadyExists, lambda: fs.pipe_file("myfiles/a/b.csv", b"", mode="create")),
        (IsADirectoryError, IsFolder, lambda: fs.open("myfiles/a")),
        (IsADirectoryError, IsFolder, lambda: fs.cat_file("myfiles/a")),
        (IsADirectoryError, IsFolder, lambda: fs.pipe("myfiles/a", b"1")),
        (NotADirectoryError, IsNoFolder, lambda: fs.rmdir("myfiles/a/b.csv")),
        (OSError, FolderNotEmpty, lambda: fs.rmdir("myfiles/a")),
        (OSError, FolderNotEmpty, lambda: fs.rm("myfiles/a")),
        (ValueError, LocationError, lambda: fs.open("Finance/a.csv")),
        (ValueError, LocationError, lambda: fs.exists("")),
        (ValueError, LocationError, lambda: fs.open("myfiles/../a.csv", "wb")),
        (ValueError, LocationError, lambda: fs.ls("myfiles//a")),
        (ValueError, LocationError, lambda: fs.rm("myfiles", recursive=True)),
        (ValueError, ConfigurationError, lambda: fs.open("myfiles/a/b.csv", "r+b")),
    ]
    for builtin, ours, act in cases:
        with pytest.raises(builtin) as error:
            act()
        assert isinstance(error.value, ours), error.value
    assert drive.read_all() == {"a/b.csv": b"1"}


def test_exists_raises_where_the_drive_is_missing(fs: OneDriveFileSystem) -> None:
    """A wrong user is no answer of "no"; nor is a missing permission."""
    with pytest.raises(DriveNotFound):
        fs.exists("users/nobody@contoso.example/a.csv")


def test_denied_is_a_permission_error(fs: OneDriveFileSystem, drive: Any) -> None:
    """And never an empty listing, or a file that is not there."""
    drive.deny = True
    for act in (fs.exists, fs.isdir, fs.isfile, fs.ls, fs.find, fs.cat):
        with pytest.raises(PermissionError) as error:
            act("myfiles/a")
        assert isinstance(error.value, AccessDenied)


def test_read_only_connection_changes_nothing(make_fs: Callable[..., OneDriveFileSystem], drive: Any) -> None:
    """The connection's policy holds here as well."""
    drive.put("a/b.csv", b"1")
    fs = make_fs(read_only=True)
    assert fs.cat("myfiles/a/b.csv") == b"1"
    for act in (
        lambda: fs.pipe("myfiles/c.csv", b"1"),
        lambda: fs.mkdir("myfiles/c"),
        lambda: fs.rm("myfiles/a", recursive=True),
        lambda: fs.mv("myfiles/a", "myfiles/c"),
        lambda: fs.copy("myfiles/a", "myfiles/c", recursive=True),
    ):
        with pytest.raises(ConfigurationError, match="read_only"):
            act()
    assert drive.paths() == ["a/", "a/b.csv"]


def test_allowed_locations_of_connection_hold(make_fs: Callable[..., OneDriveFileSystem], drive: Any) -> None:
    """Nothing outside of them is read, listed or changed."""
    drive.put("in/a.csv", b"1")
    drive.put("out/a.csv", b"2")
    fs = make_fs(allowed_locations=["myfiles/in"])
    assert fs.cat("myfiles/in/a.csv") == b"1"
    for act in (fs.cat, fs.ls, fs.find, fs.exists, fs.rm):
        with pytest.raises(ConfigurationError, match="allowed_locations"):
            act("myfiles/out/a.csv")
    with pytest.raises(ConfigurationError, match="allowed_locations"):
        fs.mv("myfiles/in/a.csv", "myfiles/out/b.csv")


def test_sites_and_ids_are_paths_too(fs: OneDriveFileSystem, onedrive_emulator: Emulator, drive: Any) -> None:
    """The whole grammar of locations, and the names that come back are paths again."""
    drive.put("a/b.csv", b"1")
    item = drive.item("a")
    by_id = f"items/{item['parentReference']['driveId']}/{item['id']}"
    assert fs.find(by_id) == [f"{by_id}/b.csv"]
    assert fs.cat(fs.find(by_id)[0]) == b"1"
    fs.makedirs(by_id.rpartition("/")[0], exist_ok=True)  # as pandas does for the folder of a path
    assert fs.info(by_id)["type"] == "directory"


def test_shared_lists_its_entries(make_fs: Callable[..., OneDriveFileSystem], drive: Any) -> None:
    """By the names of the connection."""
    drive.put("Reports/2026/a.csv", b"1")
    item = drive.item("Reports")
    fs = make_fs(shared={"team": f"items/{item['parentReference']['driveId']}/{item['id']}"})
    assert fs.ls("shared", detail=False) == ["shared/team"]
    assert fs.find("shared") == ["shared/team/2026/a.csv"]
    assert fs.isdir("shared")


def test_mkdir_takes_what_programs_pass(fs: OneDriveFileSystem, drive: Any) -> None:
    """pathlib passes a mode, pyarrow makes each folder again and again."""
    fs.mkdir("myfiles/a/b", create_parents=True, mode=0o777)
    fs.mkdir("myfiles/a/b", exist_ok=True)
    fs.makedirs("myfiles/a/b", exist_ok=True)
    with pytest.raises(FileExistsError):
        fs.mkdir("myfiles/a/b")
    fs.makedirs("myfiles", exist_ok=True)
    with pytest.raises(FileNotFoundError):
        fs.mkdir("myfiles/x/y", create_parents=False)
    assert drive.paths() == ["a/", "a/b/"]


def test_missing_folders_are_made_unless_refused(make_fs: Callable[..., OneDriveFileSystem], drive: Any) -> None:
    """Programs write as into an object store; ``auto_mkdir=False`` takes a missing folder for a mistake."""
    with pytest.raises(FileNotFoundError):
        make_fs(auto_mkdir=False).pipe("myfiles/a/b.csv", b"1")
    make_fs().pipe("myfiles/a/b.csv", b"1")
    assert drive.read_all() == {"a/b.csv": b"1"}


def test_address_from_browser_is_no_path(fs: OneDriveFileSystem, drive: Any) -> None:
    """A sharing link would be shown wherever paths are; the error does not show it either."""
    drive.put("a.csv", b"1")
    link = drive.link("a.csv")
    for path in (link, f"onedrive://{link}"):
        with pytest.raises(LocationError) as error:
            fs.open(path)
        assert link.rpartition("/")[2] not in str(error.value)
