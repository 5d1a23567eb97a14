"""What the operators rely on in Airflow's ObjectStoragePath, fsspec and s3fs, shown with an S3 server."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath
from object_store import ObjectStore

BLOCK = 5 << 20


def test_an_object_is_read_with_seek(s3: ObjectStore) -> None:
    """A chunk that is sent again is read again."""
    with ObjectStoragePath(s3.put("a b/ü#1.csv", b"0123456789" * 100)).open("rb") as file:
        assert file.read(3) == b"012"
        file.seek(995)
        assert file.read() == b"56789"
        file.seek(1)
        assert file.read(2) == b"12"


def test_info_names_size_and_etag(s3: ObjectStore) -> None:
    """The two are what tells one state of an object from another."""
    path = ObjectStoragePath(s3.put("a.csv", b"one"))
    before = path.fs.info(path.path)
    s3.put("a.csv", b"two")
    after = path.fs.info(path.path)
    assert (before["size"], before["type"], after["size"]) == (3, "file", 3)
    assert before["ETag"] != after["ETag"]


def test_after_a_listing_only_an_emptied_cache_tells_the_truth(s3: ObjectStore) -> None:
    """`refresh` helps one question only; what is opened afterwards goes by the listing, and fails."""
    path = ObjectStoragePath(s3.put("a.csv", b"old"))
    path.fs.ls(s3.bucket)
    s3.put("a.csv", b"newer")
    assert path.fs.info(path.path)["size"] == 3
    assert path.fs.info(path.path, refresh=True)["size"] == 5
    with path.open("rb") as file, pytest.raises(OSError, match="no longer exists"):
        file.read()
    path.fs.invalidate_cache()
    with path.open("rb") as file:
        assert file.read() == b"newer"


def test_an_object_that_changes_while_it_is_read_is_noticed(s3: ObjectStore) -> None:
    """Every read asks for the ETag that was there when the object was opened."""
    with ObjectStoragePath(s3.put("a.csv", b"o" * 3 * BLOCK)).open("rb", block_size=BLOCK) as file:
        assert file.read(1) == b"o"
        s3.put("a.csv", b"n" * 3 * BLOCK)
        file.seek(2 * BLOCK + 1)
        with pytest.raises(OSError, match="no longer exists"):
            file.read(1)


@pytest.mark.parametrize("content", [b"", b"new", b"n" * BLOCK + b"ew"], ids=["empty", "small", "large"])
def test_what_is_discarded_never_appears(s3: ObjectStore, content: bytes) -> None:
    """The old object stays and no part of the new one is left."""
    path = ObjectStoragePath(s3.put("a.csv", b"old"))
    file = path.open("wb", autocommit=False, block_size=BLOCK)
    file.write(content)
    file.close()  # first: closing a discarded file would begin another upload, and leave it
    file.discard()
    assert (s3.objects(), s3.unfinished()) == ({"a.csv": b"old"}, [])


@pytest.mark.parametrize("content", [b"", b"new", b"n" * BLOCK + b"ew"], ids=["empty", "small", "large"])
def test_what_is_committed_appears_whole(s3: ObjectStore, content: bytes) -> None:
    """Until then there is nothing."""
    file = ObjectStoragePath(s3.url("a.csv")).open("wb", autocommit=False, block_size=BLOCK)
    file.write(content)
    file.close()  # first: committing an open file would leave out what is still buffered
    assert s3.objects() == {}
    file.commit()
    assert (s3.objects(), s3.unfinished()) == ({"a.csv": content}, [])
