"""A local file that appears under its name only when it is complete."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from airflow_provider_onedrive.graph.errors import ItemNotFound, LocalFileError, ServiceUnavailable
from airflow_provider_onedrive.graph.partfile import FileSink, local_target, part_file


def listed(folder):
    return sorted(path.name for path in folder.iterdir())


def test_it_appears_when_it_is_complete(tmp_path):
    """Until the end the name is free (or the old file's), and folders are made."""
    target = tmp_path / "x" / "y" / "a.csv"
    with part_file(target) as sink:
        sink.write(b"ab")
        sink.write(b"c")
        assert not target.exists()
        assert sink.written == 3
    assert target.read_bytes() == b"abc"
    assert listed(target.parent) == ["a.csv"]


def broken(target, error):
    """Begin a download that does not end well."""
    with part_file(target) as sink:
        sink.write(b"new")
        raise error


@pytest.mark.parametrize("error", [ServiceUnavailable("cut"), ItemNotFound("gone"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file(tmp_path, error):
    """What goes wrong stays the error it is, leaves what was there as it was, and no remains."""
    target = tmp_path / "a.csv"
    target.write_bytes(b"old")
    with pytest.raises(type(error)):
        broken(target, error)
    assert target.read_bytes() == b"old"
    assert listed(tmp_path) == ["a.csv"]


def test_it_replaces_the_old_file(tmp_path):
    """A complete download takes the old file's place."""
    target = tmp_path / "a.csv"
    target.write_bytes(b"longer than the new one")
    with part_file(target) as sink:
        sink.write(b"new")
    assert target.read_bytes() == b"new"


def test_two_at_once(tmp_path):
    """Two tries that live at once end in one correct file."""
    target = tmp_path / "a.csv"
    with part_file(target) as first, part_file(target) as second:
        first.write(b"one")
        second.write(b"two")
    assert target.read_bytes() == b"one"
    assert listed(tmp_path) == ["a.csv"]


def test_starting_again_forgets(tmp_path):
    """After a restart the next bytes are the first."""
    with part_file(tmp_path / "a.csv") as sink:
        sink.write(b"a long beginning")
        sink.restart()
        assert sink.written == 0
        sink.write(b"b")
        assert sink.written == 1
    assert (tmp_path / "a.csv").read_bytes() == b"b"


def test_a_folder_that_cannot_be_made(tmp_path):
    """A file where a folder is needed is an error that names the target."""
    (tmp_path / "x").write_bytes(b"")
    with (
        pytest.raises(LocalFileError, match=f"{tmp_path}/x/a.csv cannot be written: "),
        part_file(tmp_path / "x/a.csv"),
    ):
        pytest.fail("the block must not be entered")


def test_a_write_that_is_refused():
    """What the system refuses is an error that says which file and why."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb", buffering=0) as file, pytest.raises(LocalFileError, match=r"a\.csv .*: Broken pipe"):
        FileSink(file, "a.csv").write(b"abc")


FULL = """
import resource, signal, sys
from pathlib import Path
from airflow_provider_onedrive.graph.errors import LocalFileError
from airflow_provider_onedrive.graph.partfile import part_file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
try:
    with part_file(Path(sys.argv[1])) as sink:
        sink.write(bytes(100))
except LocalFileError as error:
    sys.exit(f"refused: {error}")
"""


def test_a_disk_that_is_full_at_the_end(tmp_path):
    """The last bytes are written when the file is closed, and that they do not fit is the same error."""
    run = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "a.csv")], capture_output=True, text=True, check=False
    )
    assert f"refused: The local file {tmp_path}/a.csv cannot be written: File too large." in run.stderr
    assert listed(tmp_path) == []


@pytest.mark.parametrize(
    ("local_path", "target"),
    [
        ("a.csv", "a.csv"),
        ("x/", "x/server.csv"),
        ("there", "there/server.csv"),
        ("there/", "there/server.csv"),
        ("new/a.csv", "new/a.csv"),
    ],
)
def test_where_a_download_goes(tmp_path, local_path, target):
    """Into local_path where it is a folder or ends in a slash, else to it."""
    (tmp_path / "there").mkdir()
    assert local_target(f"{tmp_path}/{local_path}", "server.csv") == tmp_path / target


@pytest.mark.parametrize("name", ["", ".", "..", "../up.csv", "/etc/passwd", "a\0b"])
def test_a_name_that_would_leave_the_folder(tmp_path, name):
    """The server's name never chooses the folder."""
    with pytest.raises(LocalFileError, match="cannot be used"):
        local_target(tmp_path, name)
    assert local_target(tmp_path / "a.csv", name) == tmp_path / "a.csv"


def test_a_folder_of_the_files_name(tmp_path):
    """A folder where the file would go is not replaced."""
    (tmp_path / "there" / "server.csv").mkdir(parents=True)
    with pytest.raises(LocalFileError, match=r"server\.csv is a directory"):
        local_target(tmp_path / "there", "server.csv")
