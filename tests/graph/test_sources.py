"""What is sent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from airflow_provider_onedrive.graph.errors import LocalFileError, OneDriveError, SourceChanged
from airflow_provider_onedrive.graph.sources import PIECE_BYTES, FileSource, MemorySource, source_of

CONTENT = bytes(range(256)) * (PIECE_BYTES // 256) * 2 + b"end"


@pytest.fixture(params=["file", "memory"])
def source(request, tmp_path):
    """The same content from a file and from memory."""
    path = tmp_path / "a.bin"
    path.write_bytes(CONTENT)
    return source_of(path if request.param == "file" else CONTENT)


@pytest.mark.parametrize(
    ("start", "length"),
    [
        (0, len(CONTENT)),
        (0, 0),
        (0, 1),
        (5, PIECE_BYTES),
        (PIECE_BYTES - 1, 2),
        (len(CONTENT) - 3, 3),
        (len(CONTENT), 0),
    ],
)
def test_any_range_in_pieces(source, start, length):
    """A range comes in pieces of at most PIECE_BYTES, none of them empty."""
    pieces = list(source.pieces(start, length))
    assert b"".join(pieces) == CONTENT[start : start + length]
    assert all(0 < len(piece) <= PIECE_BYTES for piece in pieces)


def test_each_attempt_starts_anew(source):
    """A second attempt sends what the first one sent, also where the first broke off."""
    first = source.pieces(0, len(CONTENT))
    next(first)
    assert b"".join(source.pieces(0, len(CONTENT))) == CONTENT


def test_size_and_hash(source, samples):
    """Both kinds of source have the size and the hash that Graph will show."""
    assert source.size == len(CONTENT)
    assert source.quick_xor_hash == samples.hash(CONTENT)


def test_content_is_not_shown():
    """Content in memory is data of somebody, and it is long."""
    assert "SECRET" not in repr(MemorySource(b"SECRET"))


@pytest.mark.parametrize("kind", [str, os.fspath, lambda path: path])
def test_a_path_is_text_or_path(tmp_path, kind):
    """A path may be text or a path object; ``~`` is the home folder."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc")
    assert source_of(kind(path)) == FileSource(path, 3, path.stat().st_mtime_ns)


def test_a_relative_path_is_from_here(tmp_path, monkeypatch):
    """Errors and logs show where the file really lies."""
    (tmp_path / "a.bin").write_bytes(b"abc")
    monkeypatch.chdir(tmp_path)
    assert source_of("a.bin").path == tmp_path / "a.bin"


@pytest.mark.parametrize(
    "text", ["gone.csv", "no/such/folder/a.csv", "nul\0.csv", "~no_such_user_here/a.csv", "x" * 300]
)
def test_a_file_that_cannot_be_looked_at(tmp_path, text):
    """A path that leads nowhere is an error that names it, whatever is wrong with it."""
    with pytest.raises(LocalFileError, match="cannot be read") as caught:
        source_of(text if text.startswith("~") else f"{tmp_path}/{text}")
    assert text.strip("~").split("\0")[0][:20] in str(caught.value)


def test_a_missing_file_asks_the_right_question(tmp_path):
    """Most missing files lie on another worker."""
    with pytest.raises(LocalFileError, match=f"{tmp_path}/gone.csv cannot be read: No such file.*another worker"):
        source_of(tmp_path / "gone.csv")


@pytest.mark.parametrize("text", ["", "."])
def test_a_folder_is_no_file(tmp_path, text):
    """An empty template is the working folder, and a folder cannot be sent."""
    with pytest.raises(LocalFileError, match="is not a file"):
        source_of(f"{tmp_path}/{text}")


def test_a_pipe_is_no_file(tmp_path):
    """What has no size cannot be sent."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LocalFileError, match="is not a file"):
        source_of(tmp_path / "pipe")


@pytest.mark.parametrize("change", ["longer", "shorter", "touched"])
def test_a_file_that_changes_meanwhile(tmp_path, change):
    """Half of one version and half of another would be neither, so it is an error."""
    path = tmp_path / "a.bin"
    path.write_bytes(CONTENT)
    source = source_of(path)
    pieces = source.pieces(0, source.size)
    next(pieces)
    if change == "touched":
        os.utime(path, ns=(1, 1))
    else:
        path.write_bytes(CONTENT + b"x" if change == "longer" else CONTENT[: PIECE_BYTES + 1])
    with pytest.raises(SourceChanged, match=r"a.bin changed while it was read"):
        list(pieces)


def test_a_file_that_goes_meanwhile(tmp_path):
    """A file that is deleted between two fragments is an error of ours that names it, not a bare FileNotFoundError."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc")
    source = source_of(path)
    path.unlink()
    with pytest.raises(OneDriveError, match=r"a\.bin"):
        list(source.pieces(0, 3))
    with pytest.raises(OneDriveError, match=r"a\.bin"):
        _ = source.quick_xor_hash


def test_nothing_is_open_before_it_is_needed(tmp_path):
    """Ten thousand queued uploads hold no open file."""
    (tmp_path / "a.bin").write_bytes(b"abc")
    before = len(list(Path("/dev/fd").iterdir()))
    sources = [source_of(tmp_path / "a.bin") for _ in range(100)]
    assert len(sources) == 100
    assert len(list(Path("/dev/fd").iterdir())) - before < 10
