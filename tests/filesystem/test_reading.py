"""An open file is one version of it, and as few bytes as its reader needs."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import corrupt_response, cut_response, status
from airflow_provider_onedrive.filesystem import OneDriveFileSystem
from airflow_provider_onedrive.graph import ConfigurationError, ItemNotFound, SourceChanged, VerificationFailed

LARGE = os.urandom(12_000_000)


def downloads(emulator: Emulator) -> Any:
    return emulator.requests.total(operation="download")


def test_file_that_changes_is_an_error_and_no_mixture(fs: OneDriveFileSystem, drive: Any) -> None:
    """Also if the new version has the same size."""
    drive.put("a.bin", LARGE)
    with fs.open("myfiles/a.bin") as file:
        assert file.read(10) == LARGE[:10]
        drive.put("a.bin", LARGE[::-1])
        file.seek(-10, io.SEEK_END)
        with pytest.raises(SourceChanged):
            file.read()


def test_file_that_vanishes_is_not_found(fs: OneDriveFileSystem, drive: Any) -> None:
    """And what was read before is not its end."""
    drive.put("a.bin", LARGE)
    with fs.open("myfiles/a.bin") as file:
        file.read(10)
        drive.delete("a.bin")
        file.seek(11_000_000)
        with pytest.raises(ItemNotFound):
            file.read()


def test_expired_links_are_renewed(fs: OneDriveFileSystem, drive: Any, onedrive_emulator: Emulator) -> None:
    """A program may hold a file open for hours; links live for minutes."""
    drive.put("a.bin", LARGE)
    with fs.open("myfiles/a.bin") as file:
        file.read(10)
        onedrive_emulator.faults.add(operation="download", do=status(401))
        file.seek(11_000_000)
        assert file.read(10) == LARGE[11_000_000:11_000_010]


def test_broken_answers_are_continued_and_verified(
    fs: OneDriveFileSystem, drive: Any, onedrive_emulator: Emulator
) -> None:
    """Of a whole file Graph has a hash."""
    drive.put("a.csv", b"1" * 100_000)
    onedrive_emulator.faults.add(operation="download", do=cut_response(60_000))
    assert fs.cat("myfiles/a.csv") == b"1" * 100_000
    fs.invalidate_cache()
    onedrive_emulator.faults.add(operation="download", do=corrupt_response(5))
    with pytest.raises(VerificationFailed):
        fs.cat("myfiles/a.csv")


def test_small_file_is_fetched_once(fs: OneDriveFileSystem, drive: Any, onedrive_emulator: Emulator) -> None:
    """Whatever its reader jumps to."""
    drive.put("a.bin", bytes(range(256)) * 1000)
    with fs.open("myfiles/a.bin") as file:
        file.seek(-2, io.SEEK_END)
        assert file.read() == b"\xfe\xff"
        file.seek(0)
        assert (file.read(2), file.read(2), file.tell()) == (b"\x00\x01", b"\x02\x03", 4)
        assert len(file.read()) == 255_996
        assert (file.read(), file.size, file.info()["size"]) == (b"", 256_000, 256_000)
    assert downloads(onedrive_emulator).requests == 1


def test_sequential_reader_gets_blocks(fs: OneDriveFileSystem, drive: Any, onedrive_emulator: Emulator) -> None:
    """By lines as well."""
    drive.put("a.bin", LARGE)
    with fs.open("myfiles/a.bin") as file:
        pieces = list(iter(lambda: file.read(65_536), b""))
    assert b"".join(pieces) == LARGE
    assert downloads(onedrive_emulator).requests == 3
    drive.put("b.csv", b"1;2\n" * 2_000_000)
    with fs.open("myfiles/b.csv", "r") as file:
        assert sum(1 for _ in file) == 2_000_000
    assert downloads(onedrive_emulator).requests == 5


def test_jumping_reader_gets_what_it_asks_for(fs: OneDriveFileSystem, drive: Any, onedrive_emulator: Emulator) -> None:
    """A reader of Parquet reads the end, and then a column here and there."""
    drive.put("a.bin", LARGE)
    with fs.open("myfiles/a.bin") as file:
        for start, length in ((11_900_000, 100_000), (3_000_000, 50_000), (7_000_000, 10), (200_000, 1000)):
            file.seek(start)
            assert file.read(length) == LARGE[start : start + length]
    total = downloads(onedrive_emulator)
    assert (total.requests, total.sent_bytes) == (4, 151_010)


@pytest.mark.parametrize("cache_type", ["none", "readahead", "bytes", "blockcache", "all"])
def test_caches_of_fsspec_may_be_chosen(fs: OneDriveFileSystem, drive: Any, cache_type: str) -> None:
    """dask asks for none."""
    drive.put("a.bin", LARGE)
    with fs.open("myfiles/a.bin", cache_type=cache_type, block_size=1_000_000) as file:
        file.seek(2_500_000)
        assert file.read(10) == LARGE[2_500_000:2_500_010]


def test_ranges_of_many_files(fs: OneDriveFileSystem, drive: Any, onedrive_emulator: Emulator) -> None:
    """Several at once; each file is looked up once."""
    drive.put_all({f"{number}.bin": bytes([number]) * 1000 + b"end" for number in range(5)})
    paths = [f"myfiles/{number}.bin" for number in range(5)]
    parts = fs.cat_ranges([*paths, *paths], [0] * 5 + [-3] * 5, [2] * 5 + [None] * 5)
    assert parts == [bytes([number]) * 2 for number in range(5)] + [b"end"] * 5
    assert len(onedrive_emulator.requests.matching(path=r"\.bin$", origin="graph")) == 5
    assert fs.cat_ranges(paths[:1], 1, 3) == [b"\x00\x00"]
    (error, part) = fs.cat_ranges(["myfiles/no.bin", paths[0]], 0, 1)
    assert (isinstance(error, ItemNotFound), part) == (True, b"\x00")
    with pytest.raises(ItemNotFound):
        fs.cat_ranges(["myfiles/no.bin"], 0, 1, on_error="raise")


def test_contents_of_many_files(fs: OneDriveFileSystem, drive: Any) -> None:
    """By a pattern, a list or a folder."""
    drive.put_all({"a/1.csv": b"1", "a/b/2.csv": b"2", "a/3.txt": b"3"})
    assert fs.cat("myfiles/a/*.csv") == {"myfiles/a/1.csv": b"1"}
    assert fs.cat("myfiles/a", recursive=True) == {
        "myfiles/a/1.csv": b"1",
        "myfiles/a/3.txt": b"3",
        "myfiles/a/b/2.csv": b"2",
    }
    assert fs.cat(["myfiles/a/1.csv", "myfiles/no"], on_error="omit") == {"myfiles/a/1.csv": b"1"}
    with pytest.raises(ItemNotFound):
        fs.cat(["myfiles/a/1.csv", "myfiles/no"])
    assert fs.cat_file("myfiles/a/1.csv", 0, -1) == b""
    assert (fs.head("myfiles/a/1.csv"), fs.tail("myfiles/a/1.csv")) == (b"1", b"1")
    fs.pipe({"myfiles/p/1": b"1", "myfiles/p/2": b"2"})
    assert (drive.read("p/1"), drive.read("p/2")) == (b"1", b"2")


def test_properties_are_remembered_for_seconds(
    make_fs: Callable[..., OneDriveFileSystem], drive: Any, onedrive_emulator: Emulator
) -> None:
    """Programs ask the same again and again; what this filesystem changes is forgotten at once."""
    drive.put("a/b.csv", b"1")
    fs = make_fs(listings_expiry_time=600)
    with onedrive_emulator.requests.measure() as cost:
        for _ in range(3):
            assert (fs.info("myfiles/a/b.csv")["size"], fs.isfile("myfiles/a/b.csv")) == (1, True)
            assert fs.ls("myfiles/a", detail=False) == ["myfiles/a/b.csv"]
    assert len([each for each in cost if each.path.startswith("/v1.0/")]) == 2
    fs.pipe("myfiles/a/b.csv", b"12")
    fs.pipe("myfiles/a/c.csv", b"1")
    assert (fs.info("myfiles/a/b.csv")["size"], len(fs.ls("myfiles/a"))) == (2, 2)
    drive.put("a/b.csv", b"123")
    assert fs.info("myfiles/a/b.csv")["size"] == 2
    assert fs.info("myfiles/a/b.csv", refresh=True)["size"] == 3
    forgetful = make_fs(use_listings_cache=False)
    assert forgetful.info("myfiles/a/b.csv")["size"] == 3
    drive.put("a/b.csv", b"1234")
    assert forgetful.info("myfiles/a/b.csv")["size"] == 4


def test_url_is_signed_only_where_allowed(make_fs: Callable[..., OneDriveFileSystem], drive: Any) -> None:
    """It works without sign-in, so it is a secret."""
    drive.put("a.csv", b"1")
    with pytest.raises(ConfigurationError, match="allow_sign"):
        make_fs().sign("myfiles/a.csv")
    assert make_fs(allow_sign=True).sign("myfiles/a.csv").startswith("https://")


def test_forked_process_has_connections_of_its_own(fs: OneDriveFileSystem, drive: Any) -> None:
    """A file that was open before the fork is read on in both."""
    drive.put("a.bin", LARGE)
    file = fs.open("myfiles/a.bin")
    assert file.read(10) == LARGE[:10]
    child = os.fork()
    if not child:  # pragma: no cover - in another process
        file.seek(11_000_000)
        is_right = file.read(10) == LARGE[11_000_000:11_000_010] and fs.exists("myfiles/a.bin")
        os._exit(0 if is_right else 1)
    assert os.waitpid(child, 0)[1] == 0
    file.seek(10_000_000)
    assert file.read(10) == LARGE[10_000_000:10_000_010]
