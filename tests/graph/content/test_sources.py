"""What is sent."""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from upath import UPath

from airflow_provider_onedrive.graph.content.hashing import hash_pieces
from airflow_provider_onedrive.graph.content.sources import (
    PIECE_BYTES,
    FileSource,
    MemorySource,
    name_of,
    opened_source,
    source_of,
)
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, LocalFileError, SourceChanged

CONTENT = bytes(range(256)) * (PIECE_BYTES // 256) * 2 + b"end"


@dataclass
class Stored:
    """What an ``ObjectStoragePath`` is made of."""

    fs: Any
    path: str

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@pytest.fixture
def memory():
    """An object store in memory, emptied at the end."""
    yield MemoryFileSystem()
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


class Pipe(io.BytesIO):
    """A file object that cannot seek, as that of a HTTP response."""

    def seekable(self):
        return False


PATHS = ["file", "object in memory", "object on disk"]
CONTENTS = ["bytes", "bytearray", "file object", "seeked", "pipe", "store"]


@pytest.fixture(params=[*PATHS, *CONTENTS])
def source(request, tmp_path, memory):
    """The same content from a file, from memory, from stores that fsspec reaches, and from file objects."""
    path = tmp_path / "a.bin"
    path.write_bytes(CONTENT)
    memory.pipe("/x/a.bin", CONTENT)
    seeked = io.BytesIO(b"head" + CONTENT)
    seeked.seek(4)
    paths = {
        "file": path,
        "object in memory": UPath("memory:///x/a.bin"),
        "object on disk": Stored(LocalFileSystem(), str(path)),
    }
    with path.open("rb") as file, memory.open("/x/a.bin", "rb") as stored:
        contents = {
            "bytes": CONTENT,
            "bytearray": bytearray(CONTENT),
            "file object": file,
            "seeked": seeked,
            "pipe": Pipe(CONTENT),
            "store": stored,
        }
        with opened_source(contents.get(request.param), paths.get(request.param), "utf-8") as opened:
            yield opened


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
    """Every kind of source has the size and the hash that Graph will show."""
    assert source.size == len(CONTENT)
    assert hash_pieces(source.pieces(0, source.size)) == samples.hash(CONTENT)


def test_a_fingerprint_is_json_and_the_same_later(source):
    """Another process compares what this one wrote down as JSON."""
    assert json.loads(json.dumps(source.fingerprint())) == source.fingerprint()


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
    with pytest.raises(SourceChanged, match=r"a\.bin can no longer be read: No such file"):
        list(source.pieces(0, 3))
    with pytest.raises(SourceChanged, match=r"a\.bin"):
        source.fingerprint()


def test_nothing_is_open_before_it_is_needed(tmp_path):
    """Ten thousand queued uploads hold no open file."""
    (tmp_path / "a.bin").write_bytes(b"abc")
    before = len(list(Path("/dev/fd").iterdir()))
    sources = [source_of(tmp_path / "a.bin") for _ in range(100)]
    assert len(sources) == 100
    assert len(list(Path("/dev/fd").iterdir())) - before < 10


def test_no_path_at_all(tmp_path, monkeypatch):
    """A template that made None of a path names no file."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LocalFileError):
        source_of(None)


def test_names():
    """A file and an object have a name; content in memory has none."""
    assert name_of("/x/a.csv") == name_of(Path("/x/a.csv")) == name_of(UPath("memory:///x/a.csv")) == "a.csv"
    assert name_of(None) == ""


def test_when_it_was_changed(tmp_path, memory):
    """The modification time is UTC in whole seconds; content in memory has none."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"abc")
    os.utime(path, ns=(0, 1_700_000_000_900_000_000))
    moment = datetime.fromtimestamp(1_700_000_000, UTC)
    assert source_of(path).modified_at == source_of(Stored(LocalFileSystem(), str(path))).modified_at == moment
    assert MemorySource(b"abc").modified_at is None
    memory.pipe("/a.bin", b"abc")
    assert source_of(UPath("memory:///a.bin")).modified_at.tzinfo is not None


# --- fingerprints


@pytest.mark.parametrize("offset", [0, 1024 * 1024 * 3 - 1])
def test_a_file_written_anew_with_the_old_time(tmp_path, offset):
    """Size and time may be the same; the first and the last MiB then tell."""
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(1024 * 1024 * 3))
    os.utime(path, ns=(1, 1))
    before = source_of(path).fingerprint()
    assert source_of(path).fingerprint() == before
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"x")
    os.utime(path, ns=(1, 1))
    assert source_of(path).fingerprint() != before


def test_other_content_in_memory():
    """Content of the same length is told apart."""
    assert MemorySource(b"abc").fingerprint() != MemorySource(b"abd").fingerprint()


def sent(content, encoding="utf-8"):
    with opened_source(content, None, encoding) as source:
        return b"".join(source.pieces(0, source.size))


def test_text_is_encoded():
    """In UTF-8 unless another encoding is named; empty text is an empty file."""
    assert (sent("ä;€"), sent("ä", "latin-1"), sent("")) == ("ä;€".encode(), b"\xe4", b"")
    with pytest.raises(ConfigurationError, match="content cannot be encoded as ascii"):
        sent("ä", "ascii")
    with pytest.raises(ConfigurationError, match="content cannot be encoded as nonsense"):
        sent("a", "nonsense")


def opened(content, local_path):
    with opened_source(content, local_path, "utf-8"):
        pass


def test_content_or_local_path(tmp_path):
    """Exactly one of them; what belongs to the other is refused by name, and an empty template is no path."""
    for content, local_path in ((None, None), ("a", "a"), (b"", "")):
        with pytest.raises(ConfigurationError, match="Exactly one of content= and local_path="):
            opened(content, local_path)
    with pytest.raises(ConfigurationError, match=r"content is a PosixPath.* Pass a path as local_path="):
        opened(tmp_path / "a.csv", None)
    for local_path in (b"abc", io.BytesIO(b"abc")):
        with pytest.raises(ConfigurationError, match=r"not a path\. Pass it as content="):
            opened(None, local_path)
    with pytest.raises(LocalFileError, match="local_path is empty"):
        opened(None, "")


def test_text_that_names_a_store_is_no_local_path():
    """The error shows no password."""
    with pytest.raises(ConfigurationError, match=r"'s3://me:\*\*\*@bucket/a' is text .* Pass an ObjectStoragePath"):
        source_of("s3://me:secret@bucket/a")


def test_file_objects_that_are_refused(tmp_path):
    """In text mode, closed, or at their end, where they would make an empty file without a word."""
    (tmp_path / "a.csv").write_text("abc")
    with (tmp_path / "a.csv").open() as text, pytest.raises(ConfigurationError, match=r"text mode.*open\(path, 'rb'\)"):
        sent(text)
    with (tmp_path / "a.csv").open("rb") as closed:
        pass
    with pytest.raises(ConfigurationError, match="is closed"):
        sent(closed)
    buffer = io.BytesIO()
    assert sent(buffer) == b""
    buffer.write(b"abc")
    with pytest.raises(ConfigurationError, match=r"stands at its end.*seek\(0\)"):
        sent(buffer)


def test_a_file_object_that_shrinks():
    """It is no longer what it was."""
    buffer = io.BytesIO(b"abcdef")
    with opened_source(buffer, None, "utf-8") as source:
        buffer.truncate(3)
        with pytest.raises(SourceChanged, match="became shorter"):
            list(source.pieces(0, 6))


@pytest.mark.parametrize(
    "info",
    [{"ETag": '"1"'}, {"etag": "1"}, {"generation": 1}, {"LastModified": datetime(2026, 1, 1, tzinfo=UTC)}],
    ids=str,
)
def test_what_a_store_changes_with_the_content(memory, info):
    """An eTag, a generation or a time tells one object from another of the same size."""

    class Store(MemoryFileSystem):
        cachable = False

        def info(self, path, **more):
            return {"name": path, "size": 3, "type": "file", **info}

    place = Stored(Store(), "/a.bin")
    before = source_of(place).fingerprint()
    assert before == source_of(place).fingerprint()
    changed = {name: datetime(2026, 1, 2, tzinfo=UTC) if isinstance(was, datetime) else 2 for name, was in info.items()}
    info.update(changed)
    assert source_of(place).fingerprint() != before


# --- objects of a store


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"x", CONTENT[:PIECE_BYTES], CONTENT + b"more"], ids=len)
def test_an_object_that_changes_meanwhile(memory, content):
    """An object is looked at again before its last piece leaves: half of two versions is not sent."""
    memory.pipe("/a.bin", CONTENT)
    source = source_of(UPath("memory:///a.bin"))
    pieces = source.pieces(0, source.size)
    next(pieces)
    memory.pipe("/a.bin", content)
    with pytest.raises(SourceChanged, match=r"a\.bin changed while it was read"):
        list(pieces)


def test_an_object_that_is_shorter_than_it_was(memory):
    """A store that has fewer bytes than it said is an error, not a loop."""
    memory.pipe("/a.bin", CONTENT)
    source = source_of(UPath("memory:///a.bin"))
    memory.pipe("/a.bin", CONTENT[:5])
    with pytest.raises(SourceChanged, match=r"a\.bin became shorter while it was read"):
        list(source.pieces(0, source.size))


def test_an_object_that_goes_meanwhile(memory):
    """An object that is deleted before it is read is an error that names it."""
    memory.pipe("/a.bin", CONTENT)
    source = source_of(UPath("memory:///a.bin"))
    memory.rm("/a.bin")
    with pytest.raises(SourceChanged, match=r"a\.bin can no longer be read"):
        list(source.pieces(0, 3))


def test_a_store_that_remembers(memory):
    """What fsspec knows of an object is asked anew: its listing may be older than the change."""

    class Remembering(MemoryFileSystem):
        cachable = False
        known: dict[str, Any] = {}  # noqa: RUF012

        def info(self, path, **more):
            return self.known.setdefault(path, super().info(path, **more))

        def invalidate_cache(self, path=None):
            self.known.pop(path, None)

    memory.pipe("/a.bin", b"abc")
    place = Stored(Remembering(), "/a.bin")
    assert source_of(place).size == 3
    memory.pipe("/a.bin", b"abcd")
    assert source_of(place).size == 4


def test_what_is_no_object(memory):
    """A missing object and a folder are errors that name it, before anything is sent."""
    memory.pipe("/x/a.bin", b"abc")
    with pytest.raises(LocalFileError, match=r"memory:.*gone\.bin cannot be read"):
        source_of(UPath("memory:///x/gone.bin"))
    with pytest.raises(LocalFileError, match=r"memory:.*x is not a file"):
        source_of(UPath("memory:///x"))
