"""Whole trees: found, moved, copied, deleted and transferred with few requests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import delay
from airflow_provider_onedrive.filesystem import OneDriveFileSystem
from airflow_provider_onedrive.graph import ConfigurationError

FILES = {"a/1.csv": b"1", "a/b/2.csv": b"22", "a/b/c/3.txt": b"333", "d/4.csv": b"4444"}


@pytest.fixture
def filled(drive: Any) -> Any:
    drive.put_all(FILES)
    drive.folder("e")
    return drive


@pytest.mark.usefixtures("filled")
def test_find_walk_glob_and_du_agree(fs: OneDriveFileSystem) -> None:
    """With and without folders, and to a depth."""
    files = sorted(f"myfiles/{name}" for name in FILES)
    assert fs.find("myfiles") == files
    assert fs.find("myfiles/a") == files[:3]
    assert fs.find("myfiles/a", maxdepth=1) == ["myfiles/a/1.csv"]
    assert fs.find("myfiles/a", maxdepth=2, withdirs=True) == [
        *("myfiles/a", "myfiles/a/1.csv", "myfiles/a/b", "myfiles/a/b/2.csv", "myfiles/a/b/c")
    ]
    assert (fs.find("myfiles/a/1.csv"), fs.find("myfiles/no"), fs.find("myfiles/e")) == (["myfiles/a/1.csv"], [], [])
    assert fs.glob("myfiles/**/*.csv") == [files[0], files[1], files[3]]
    assert fs.glob("myfiles/a/*") == ["myfiles/a/1.csv", "myfiles/a/b"]
    assert fs.glob("myfiles/?/[12].csv") == ["myfiles/a/1.csv"]
    assert (fs.glob("myfiles/a/1.csv"), fs.glob("myfiles/no*")) == (["myfiles/a/1.csv"], [])
    assert (fs.du("myfiles"), fs.du("myfiles/a", total=False)) == (10, dict(zip(files, (1, 2, 3), strict=False)))
    walked = [(root, dirs, files) for root, dirs, files in fs.walk("myfiles")]
    assert walked == [
        ("myfiles", ["a", "d", "e"], []),
        ("myfiles/a", ["b"], ["1.csv"]),
        ("myfiles/a/b", ["c"], ["2.csv"]),
        ("myfiles/a/b/c", [], ["3.txt"]),
        ("myfiles/d", [], ["4.csv"]),
        ("myfiles/e", [], []),
    ]
    assert [root for root, _, _ in fs.walk("myfiles", topdown=False)][-1] == "myfiles"
    assert [root for root, _, _ in fs.walk("myfiles/a", maxdepth=2)] == ["myfiles/a", "myfiles/a/b"]


@pytest.mark.usefixtures("filled")
def test_walk_can_be_pruned_and_tells_of_errors(fs: OneDriveFileSystem) -> None:
    """As ``os.walk``."""
    roots = []
    for root, dirs, _ in fs.walk("myfiles"):
        roots.append(root)
        dirs[:] = [each for each in dirs if each != "a"]
    assert roots == ["myfiles", "myfiles/d", "myfiles/e"]
    errors: list[OSError] = []
    assert list(fs.walk("myfiles/no")) == list(fs.walk("myfiles/no", on_error=errors.append)) == []
    assert isinstance(errors[0], FileNotFoundError)
    with pytest.raises(FileNotFoundError):
        list(fs.walk("myfiles/no", on_error="raise"))
    with pytest.raises(ValueError, match="maxdepth"):
        list(fs.walk("myfiles", maxdepth=0))


def test_tree_of_a_whole_drive_is_found_by_delta(
    fs: OneDriveFileSystem, drive: Any, onedrive_emulator: Emulator
) -> None:
    """One request for many folders; a folder of a drive is listed folder by folder."""
    drive.put_all({f"{folder}/{number}": b"" for folder in range(20) for number in range(20)})
    with onedrive_emulator.requests.measure() as cost:
        assert len(fs.find("myfiles")) == 400
    client_cost = len(cost)
    with onedrive_emulator.requests.measure() as cost:
        assert len(list(fs.client.walk("myfiles"))) == 420
    assert client_cost <= len(cost) + 2  # the token


def test_moves_keep_the_item(fs: OneDriveFileSystem, filled: Any, onedrive_emulator: Emulator) -> None:
    """One request that changes something, of a folder too; a file that has the name is replaced."""
    item_id = filled.item("a")["id"]
    fs.mv("myfiles/a", "myfiles/x/y")
    assert filled.item("x/y")["id"] == item_id
    fs.mv("myfiles/x/y", "myfiles/d", recursive=True)
    assert filled.exists("d/y/b/c/3.txt")
    fs.mv("myfiles/d/y/1.csv", "myfiles/d/4.csv")
    assert filled.read("d/4.csv") == b"1"
    fs.mv(["myfiles/d/4.csv"], ["myfiles/one.csv"])
    fs.mv("myfiles/*.csv", "myfiles/e/")
    assert filled.read("e/one.csv") == b"1"
    assert len(onedrive_emulator.requests.matching(method="PATCH")) == 6  # one was refused, as the name was taken
    assert onedrive_emulator.requests.matching(operation="download") == []


def test_copy_of_a_new_folder_is_one_request(fs: OneDriveFileSystem, filled: Any, onedrive_emulator: Emulator) -> None:
    """With its monitor; into a folder that is there file by file, and no byte passes through this machine."""
    fs.copy("myfiles/a", "myfiles/copy", recursive=True)
    assert len(onedrive_emulator.requests.matching(operation="copy")) == 1
    assert filled.read("copy/b/c/3.txt") == b"333"
    fs.copy("myfiles/d/", "myfiles/copy", recursive=True)
    assert filled.read("copy/4.csv") == b"4444"
    fs.copy("myfiles/d/4.csv", "myfiles/copy/1.csv")
    assert filled.read("copy/1.csv") == b"4444"
    assert onedrive_emulator.requests.matching(operation="download") == []


def test_deletions_go_to_the_recycle_bin(fs: OneDriveFileSystem, filled: Any, onedrive_emulator: Emulator) -> None:
    """A folder with one request; ``[`` in a name is no pattern if there is such an item."""
    fs.rm("myfiles/a", recursive=True)
    assert filled.recycle_bin == ["a"]
    filled.put("d/x[1].csv", b"1")
    filled.put("d/x1.csv", b"1")
    fs.rm("myfiles/d/x[1].csv")
    assert sorted(filled.read_all()) == ["d/4.csv", "d/x1.csv"]
    fs.rm("myfiles/d/*.csv")
    fs.rm(["myfiles/d", "myfiles/e"])
    assert filled.paths() == []


def test_permanent_deletion_is_an_option(make_fs: Callable[..., OneDriveFileSystem], filled: Any) -> None:
    """Of the filesystem, so that no program chooses it by chance."""
    make_fs(permanent=True).rm("myfiles/a", recursive=True)
    assert (filled.recycle_bin, filled.exists("a")) == ([], False)


def test_folders_are_transferred_as_a_whole(
    fs: OneDriveFileSystem, filled: Any, onedrive_emulator: Emulator, tmp_path: Path
) -> None:
    """A listing brings the links of all files, so each of them takes one request; empty folders come along."""
    filled.folder("a/empty")
    with onedrive_emulator.requests.measure() as cost:
        fs.get("myfiles/a", str(tmp_path / "out"), recursive=True)
    assert {each.relative_to(tmp_path / "out").as_posix() for each in (tmp_path / "out").rglob("*")} == {
        *("1.csv", "b", "b/2.csv", "b/c", "b/c/3.txt", "empty")
    }
    assert cost.total(operation="download").requests == 3
    assert cost.total(path=r"\.(csv|txt)$", origin="graph").requests == 0
    (tmp_path / "out" / "new").mkdir()
    fs.put(str(tmp_path / "out"), "myfiles/back", recursive=True)
    assert {name: filled.read(f"back/{name}") for name in ("1.csv", "b/2.csv", "b/c/3.txt")} == {
        "1.csv": b"1",
        "b/2.csv": b"22",
        "b/c/3.txt": b"333",
    }
    assert (filled.exists("back/new"), filled.exists("back/empty")) == (True, True)


def test_single_files_are_transferred_by_their_names(fs: OneDriveFileSystem, drive: Any, tmp_path: Path) -> None:
    """Into a folder or under a name, also names that fsspec takes for patterns."""
    local = tmp_path / "a[1]@b.csv"
    local.write_bytes(b"1")
    fs.put(local, "myfiles/in/")
    fs.put(str(local), "myfiles/b.csv")
    assert drive.read_all() == {"in/a[1]@b.csv": b"1", "b.csv": b"1"}
    fs.get("myfiles/in/a[1]@b.csv", str(tmp_path / "new" / "c.csv"))
    fs.get("myfiles/in/a[1]@b.csv", f"{tmp_path}/other/")
    assert (tmp_path / "new" / "c.csv").read_bytes() == (tmp_path / "other" / "a[1]@b.csv").read_bytes() == b"1"
    with pytest.raises(FileExistsError):
        fs.put_file(local, "myfiles/b.csv", mode="create")


def test_options_are_checked_when_it_is_made(make_fs: Callable[..., OneDriveFileSystem]) -> None:
    """Nothing is looked up for it."""
    with pytest.raises(ConfigurationError, match="readonly is unknown"):
        OneDriveFileSystem(readonly=True)
    with pytest.raises(ConfigurationError, match="both conn_id and fields"):
        OneDriveFileSystem("one", tenant_id="contoso.example")
    with pytest.raises(ConfigurationError, match="left out"):
        OneDriveFileSystem(**make_fs().storage_options)


def test_what_is_in_a_folder_goes_before_the_folder(
    fs: OneDriveFileSystem, drive: Any, onedrive_emulator: Emulator
) -> None:
    """Also where the order of the names has one between them that is in neither."""
    drive.put_all({"a/b/c.csv": b"1", "a-x/d.csv": b"2"})
    onedrive_emulator.faults.add(path="a/b$", do=delay(0.3))
    fs.rm(["myfiles/a", "myfiles/a/b", "myfiles/a-x"], recursive=True)
    assert drive.read_all() == {}
