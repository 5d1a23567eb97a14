"""Where the bytes of a download go: a range of a file, an open file, an object of a store."""

from __future__ import annotations

import io
import os
from contextlib import closing
from pathlib import Path

import pytest
from upath import UPath

from airflow_provider_onedrive.graph.content.hashing import hash_pieces
from airflow_provider_onedrive.graph.content.sinks import (
    OpenFile,
    RangeIgnored,
    RangeSink,
    SpooledObject,
    StreamedObject,
    new_object,
)
from airflow_provider_onedrive.graph.protocol.errors import LocalFileError

CONTENT = b"0123456789"


@pytest.fixture
def file():
    return io.BytesIO()


@pytest.fixture
def memory():
    place = UPath("memory://bucket/x/a.csv")
    place.fs.store.clear()
    place.fs.pseudo_dirs[:] = [""]
    return place


def sink_of(file, start=0, length=10, *, is_whole=True):
    return RangeSink(OpenFile(file, "a.csv"), start, length, is_whole=is_whole)


def test_a_range_is_counted_and_hashed(file):
    """Ranges that come in any order make the file and its hash."""
    second, first = sink_of(file, 4, 6, is_whole=False), sink_of(file, 0, 4, is_whole=False)
    second.write(CONTENT[4:])
    assert (second.written, second.left, first.left) == (6, 0, 4)
    first.write(CONTENT[:1])
    first.write(CONTENT[1:4])
    first.hash.combine(second.hash)
    assert (file.getvalue(), first.hash.base64()) == (CONTENT, hash_pieces([CONTENT]))


def test_more_than_the_range(file):
    """What does not belong to the range is not written."""
    sink = sink_of(file, 0, 4)
    sink.write(CONTENT[:3])
    with pytest.raises(RangeIgnored, match="more than 4 bytes came"):
        sink.write(CONTENT[3:])
    assert file.getvalue() == CONTENT[:3]


def test_starting_again_forgets(file):
    """After a restart the next bytes are the first, of the hash as well."""
    sink = sink_of(file)
    sink.restart()
    assert sink.restarts == 0
    sink.write(b"a longer")
    sink.restart()
    sink.write(b"b")
    assert (file.getvalue(), sink.written, sink.restarts) == (b"b", 1, 1)
    assert sink.hash.base64() == hash_pieces([b"b"])


def test_a_part_is_not_started_again(file):
    """The whole file has no place in one range of it."""
    sink = sink_of(file, 4, 6, is_whole=False)
    sink.write(CONTENT[4:])
    with pytest.raises(RangeIgnored, match="the whole file came instead of a range"):
        sink.restart()
    assert file.getvalue()[4:] == CONTENT[4:]


def test_a_full_disk():
    """What the disk refuses is said of the file at once, however little it is."""
    full = Path("/dev/full").open("wb")  # noqa: SIM115 - closing it is refused as well
    with pytest.raises(LocalFileError, match=r"^a\.csv cannot be written: No space left on device\.$"):
        sink_of(full).write(b"abc")
    with pytest.raises(OSError, match="No space"):
        full.close()


def test_a_password_is_not_shown(memory):
    """What stands in a path of a store is cut out of the error."""
    with pytest.raises(LocalFileError) as caught, Path(os.devnull).open("rb") as file:
        RangeSink(OpenFile(file, "s3://key:secret@bucket/a.csv"), 0, 1).write(b"x")
    assert "s3://key:***@bucket/a.csv cannot be written" in str(caught.value)


@pytest.mark.parametrize("content", [b"", CONTENT], ids=len)
def test_a_store_that_shows_what_is_written(memory, content):
    """An object appears whole, in a folder that is made; until then there is nothing."""
    with closing(new_object(memory)) as place:
        assert isinstance(place, SpooledObject)
        RangeSink(place, 0, 10).write(content)
        assert not memory.exists()
        place.commit()
    assert memory.read_bytes() == content


def test_what_is_not_committed_is_forgotten(memory):
    """The old object stays."""
    memory.write_bytes(b"old")
    with closing(new_object(memory)) as place:
        RangeSink(place, 0, 10).write(CONTENT)
    assert memory.read_bytes() == b"old"


def test_an_object_that_starts_again(memory):
    """After a restart the next bytes are the first."""
    with closing(new_object(memory)) as place:
        sink = RangeSink(place, 0, 10)
        sink.write(b"a longer")
        sink.restart()
        sink.write(b"b")
        place.commit()
    assert memory.read_bytes() == b"b"


def test_a_key_that_cannot_be_written(memory):
    """What the store refuses is an error that names the object."""
    memory.parent.write_bytes(b"a file where a folder is needed")
    with closing(new_object(memory)) as place, pytest.raises(LocalFileError, match=r"bucket/x/a\.csv cannot be "):
        place.commit()


BLOCK = 5 << 20


@pytest.mark.parametrize("size", [0, 10, BLOCK + 10])
def test_s3(s3, monkeypatch, size):
    """The bytes go straight to the store, which holds them back; nothing is left of what was given up."""
    s3.put("a.csv", b"old")
    path = s3.path("a.csv")
    monkeypatch.setattr(path.fs, "default_block_size", BLOCK)
    content = bytes(size)
    with closing(new_object(path)) as place:
        assert isinstance(place, StreamedObject)
        sink = RangeSink(place, 0, size)
        sink.write(b"x" * size)
        sink.restart()
        for start in range(0, size, BLOCK):
            sink.write(content[start : start + BLOCK])
        assert s3.objects() == {"a.csv": b"old"}
        place.commit()
    assert s3.objects() == {"a.csv": content}
    with closing(new_object(path)) as place:
        place.write_at(0, b"x" * size)
    for file in path.fs.transaction.files:  # fsspec keeps them, and they are closed when the process ends
        file.close()
    assert (s3.objects(), s3.unfinished()) == ({"a.csv": content}, [])


def test_an_object_has_no_gaps(s3):
    """What can only be written from beginning to end refuses anything else."""
    place = new_object(s3.path("a.csv"))
    with closing(place), pytest.raises(RangeIgnored, match="byte 3 came instead of byte 0"):
        place.write_at(3, b"x")
    assert s3.objects() == {}


def test_a_bucket_that_is_missing(s3):
    """What the store refuses is an error that names the object, and nothing is left."""
    with closing(new_object(s3.path("a.csv", bucket="nobody"))) as place:
        place.write_at(0, b"x")
        with pytest.raises(LocalFileError, match=r"s3://nobody/a\.csv cannot be written: .*bucket"):
            place.commit()


def test_a_bucket_without_a_key(s3):
    """A store's root is no object."""
    place = new_object(s3.path(""))
    with closing(place), pytest.raises(LocalFileError, match="cannot be written: Attempt to open non key-like path"):
        place.commit()
