"""rclone in the region of China, where it names a child by a key and not by a path.

There ``items/{id}:/{name}:`` fails, so it sends ``items/{id}/children('@a1')?@a1='{path}'``, and the name itself in the
key where it uploads.
"""

from __future__ import annotations

import os

import pytest

CHUNKS = ("--onedrive-chunk-size", "10M")


@pytest.fixture
def cloud():
    return "china"


@pytest.fixture
def region():
    return {"region": "cn"}


@pytest.fixture
def tree(tmp_path):
    """A folder with names that are easily got wrong."""
    contents = {"a.txt": b"hello", "empty.bin": b"", "100% #1 (ä)+.csv": b"x,y\n", "deep/er/ß漢字 [1].txt": b"deep"}
    for name, content in contents.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "tree"


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def keyed(emulator):
    """Return the requests that name a child by a key."""
    return [entry for entry in emulator.requests if "/children('@a1')" in entry.path]


def test_copy_up_and_down(rclone, emulator, drive, tree, tmp_path):
    """What is copied up is there byte for byte, and comes down as it was."""
    rclone("copy", tree, "od:Finance")
    assert {path.removeprefix("Finance/"): content for path, content in drive.read_all("Finance").items()} == files(
        tree
    )
    assert keyed(emulator)
    rclone("copy", "od:Finance", tmp_path / "back")
    assert files(tmp_path / "back") == files(tree)
    rclone("check", tree, "od:Finance")


def test_large_upload(rclone, emulator, drive, tmp_path):
    """A session is made at a key, too."""
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(26 * 1024 * 1024 + 7))
    rclone("copyto", *CHUNKS, path, "od:A/large.bin")
    assert drive.read("A/large.bin") == path.read_bytes()
    assert [entry.status for entry in emulator.requests.matching(operation="fragment")] == [202, 202, 201]
    (session,) = emulator.requests.matching(operation="create_session")
    assert session.path.endswith("/children('large.bin')/createUploadSession")


def test_move_copy_and_purge(rclone, drive):
    """All else is as elsewhere."""
    drive.put("A/report.txt", b"1")
    file_id = drive.item("A/report.txt")["id"]
    rclone("moveto", "od:A/report.txt", "od:B/new.txt")
    assert drive.item("B/new.txt")["id"] == file_id
    rclone("copyto", "od:B/new.txt", "od:B/copy.txt")
    assert drive.read("B/copy.txt") == b"1"
    rclone("touch", "-t", "2024-01-02T03:04:05", "od:B/copy.txt")
    assert drive.item("B/copy.txt")["fileSystemInfo"]["lastModifiedDateTime"] == "2024-01-02T03:04:05Z"
    rclone("purge", "od:B")
    assert drive.paths() == ["A/"]


def test_a_folder_that_is_not_there(rclone):
    """A key that names nothing is a missing folder (3), and not the folder above it."""
    rclone("lsf", "od:nowhere", expected=3)
    rclone("lsf", "od:nowhere/deeper", expected=3)
