"""The files of a local folder, as odd as they come."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from airflow_provider_onedrive.graph.content.localtree import delete_local, local_entries, stored_entries
from airflow_provider_onedrive.graph.protocol.errors import LocalFileError

NOBODY = 65534


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for path in ("a.csv", "x/b.csv", "x/y/c.csv"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    return tmp_path


def found(folder: Path, **how: Any) -> dict[str, str]:
    return {entry.path: entry.problem for entry in local_entries(folder, **({"recursive": True} | how))}


def test_files_and_what_is_known_of_them(tree: Path) -> None:
    """Path below the folder, size, time and where the content is."""
    (first, *others) = local_entries(tree, recursive=True)
    assert [first.path, *(each.path for each in others)] == ["a.csv", "x/b.csv", "x/y/c.csv"]
    assert (first.size, first.content, first.problem) == (5, tree / "a.csv", "")
    assert first.modified_at is not None
    assert first.modified_at.timestamp() == pytest.approx((tree / "a.csv").stat().st_mtime, abs=1e-3)


def test_only_the_folder_itself(tree: Path) -> None:
    """Without ``recursive`` its folders are left out."""
    assert found(tree, recursive=False) == {"a.csv": ""}


@pytest.mark.parametrize("name", ["gone", "a.csv"])
def test_what_is_no_folder(tree: Path, name: str) -> None:
    """A missing folder and a file are said at once, not when the first entry is asked for."""
    with pytest.raises(LocalFileError, match="is not a folder"):
        local_entries(tree / name, recursive=True)


def test_links_are_left_out_unless_asked(tree: Path) -> None:
    """To a file, to a folder, and to nothing: a link that leads nowhere is a problem when it is to be followed."""
    (tree / "file").symlink_to(tree / "a.csv")
    (tree / "folder").symlink_to(tree / "x")
    (tree / "nowhere").symlink_to(tree / "gone")
    assert set(found(tree)) == {"a.csv", "x/b.csv", "x/y/c.csv"}
    followed = found(tree, follow_symlinks=True)
    assert {"file", "folder/b.csv", "folder/y/c.csv"} <= set(followed)
    assert "cannot be read: No such file" in followed["nowhere"]


def test_loops_of_links_end(tree: Path) -> None:
    """A link to a folder above, two that lead into each other, and one to itself are reported; the rest goes on."""
    (tree / "x" / "up").symlink_to(tree)
    (tree / "x" / "there").symlink_to(tree / "z")
    (tree / "z").mkdir()
    (tree / "z" / "back").symlink_to(tree / "x")
    (tree / "self").symlink_to(tree / "self")
    entries = found(tree, follow_symlinks=True)
    assert {path for path, problem in entries.items() if "leads back" in problem} == {
        *("x/up", "x/there/back", "z/back/there", "z/back/up"),
    }
    assert "cannot be read: Too many levels" in entries["self"]
    assert {"a.csv", "x/b.csv", "x/y/c.csv"} <= set(entries)


def test_what_is_neither_file_nor_folder(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets and pipes are reported; opening one would wait for ever."""
    monkeypatch.chdir(tree)  # the path of a socket may not be long
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        os.mkfifo("pipe")
        entries = found(tree)
    assert (entries["socket"], entries["pipe"]) == ("it is a socket, not a file", "it is a named pipe, not a file")
    assert found(Path("/dev"), recursive=False)["null"] == "it is a device, not a file"


def test_names_that_are_not_utf8(tree: Path) -> None:
    """They are reported with what the name perhaps was, in text that can be logged and stored."""
    Path(os.fsdecode(os.fsencode(tree) + b"/gr\xfc\xdfe.csv")).touch()
    Path(os.fsdecode(os.fsencode(tree) + b"/\xe4")).mkdir()
    entries = {entry.path: entry for entry in local_entries(tree, recursive=True)}
    assert "rename it, perhaps to 'grüße.csv'" in entries["gr??e.csv"].problem
    assert (entries["gr??e.csv"].is_folder, entries["?"].is_folder) == (False, True)
    assert set(found(tree, recursive=False)) == {"a.csv", "gr??e.csv"}


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """Run as a user who may not read everything; root may."""
    folder = Path(tempfile.mkdtemp())
    before = os.geteuid()
    (folder / "closed").mkdir()
    (folder / "closed" / "in.csv").touch()
    (folder / "open.csv").touch()
    folder.chmod(0o755)
    (folder / "closed").chmod(0)
    if before == 0:
        os.seteuid(NOBODY)
    yield folder
    os.seteuid(before)
    (folder / "closed").chmod(0o700)
    shutil.rmtree(folder)


def test_a_folder_that_may_not_be_read(as_nobody: Path) -> None:
    """It is reported as a folder: nobody knows which files are meant by it."""
    (closed, opened) = sorted(local_entries(as_nobody, recursive=True), key=lambda entry: entry.path)
    assert (closed.path, closed.is_folder) == ("closed", True)
    assert "cannot be listed: Permission denied" in closed.problem
    assert (opened.path, opened.problem) == ("open.csv", "")


def test_what_goes_while_it_is_read(tree: Path) -> None:
    """A folder that has gone since it was seen is as if it had never been there."""
    walk = local_entries(tree, recursive=True)
    assert next(walk).path == "a.csv"
    shutil.rmtree(tree / "x")
    assert list(walk) == []


def test_a_tree_deeper_than_python_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Depth costs no stack."""
    monkeypatch.chdir(tmp_path)
    for _ in range(1200):
        Path("d").mkdir()
        os.chdir("d")
    monkeypatch.chdir(tmp_path)
    assert found(tmp_path) == {}
    subprocess.run(["rm", "-rf", "d"], check=True)  # pytest's own way is recursive


def test_objects_of_a_store() -> None:
    """Keys below a prefix; what only begins like it is not meant."""
    place = UPath("memory://bucket/in")
    for key, content in (("in/a.csv", b"1"), ("in/x/b.csv", b"22"), ("input.csv", b"3")):
        place.fs.pipe_file(f"/bucket/{key}", content)
    try:
        entries = {entry.path: entry for entry in stored_entries(place, recursive=True)}
        assert {path: entry.size for path, entry in entries.items()} == {"a.csv": 1, "x/b.csv": 2}
        assert place.fs.cat_file(entries["x/b.csv"].content.path) == b"22"
        assert [entry.path for entry in stored_entries(place, recursive=False)] == ["a.csv"]
        delete_local(entries["a.csv"].content)
        assert not place.fs.exists("/bucket/in/a.csv")
    finally:
        place.fs.store.clear()


def test_deleting(tree: Path) -> None:
    """What has gone already is fine; what cannot go is an error that says why."""
    delete_local(tree / "a.csv")
    delete_local(tree / "a.csv")
    with pytest.raises(LocalFileError, match="cannot be deleted: Is a directory"):
        delete_local(tree / "x")
