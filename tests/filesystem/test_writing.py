"""What is written appears whole, when its file is closed; and not at all if its block raises."""

from __future__ import annotations

import contextlib
import gc
import gzip
import io
import os
import resource
import signal
from collections.abc import Callable, Iterator
from typing import Any

import fsspec
import pytest

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.filesystem import OneDriveFileSystem
from airflow_provider_onedrive.filesystem.writing import OneDriveWriter
from airflow_provider_onedrive.graph import ConfigurationError, LocalFileError, NameAlreadyExists, PreconditionFailed

LARGE = bytes(range(256)) * 48_000  # more than one request and more than the spool keeps in memory


class BrokenError(Exception):
    """What goes wrong in a program."""


def fail() -> None:
    raise BrokenError


def as_bytes(fs: OneDriveFileSystem) -> None:
    with fs.open("myfiles/a.csv", "wb") as file:
        file.write(LARGE)
        raise BrokenError


def as_text(fs: OneDriveFileSystem) -> None:
    with fs.open("myfiles/a.csv", "w", encoding="utf-8") as file:
        file.write("1")
        raise BrokenError


def compressed(fs: OneDriveFileSystem) -> None:
    with fs.open("myfiles/a.csv", "wb", compression="gzip") as file:
        file.write(b"1")
        raise BrokenError


def by_fsspec_open(fs: OneDriveFileSystem) -> None:
    with fsspec.core.OpenFile(fs, "myfiles/a.csv", "wb") as file:
        file.write(b"1")
        raise BrokenError


def by_fsspec_open_as_text(fs: OneDriveFileSystem) -> None:
    with fsspec.core.OpenFile(fs, "myfiles/a.csv", "w", compression="gzip") as file:
        file.write("1")
        raise BrokenError


def closing(fs: OneDriveFileSystem) -> None:
    with contextlib.closing(fs.open("myfiles/a.csv", "wb")) as file:
        file.write(b"1")
        raise BrokenError


def on_a_stack(fs: OneDriveFileSystem) -> None:
    with contextlib.ExitStack() as stack:
        stack.enter_context(fs.open("myfiles/a.csv", "wb")).write(b"1")
        raise BrokenError


def in_transaction(fs: OneDriveFileSystem) -> None:
    with fs.transaction:
        fs.open("myfiles/a.csv", "wb").close()
        raise BrokenError


def forgotten(fs: OneDriveFileSystem) -> None:
    for mode in ("wb", "w"):
        fs.open("myfiles/a.csv", mode).write(b"1" if mode == "wb" else "1")
    fs.open("myfiles/a.csv", "wb", compression="gzip").write(b"1")
    gc.collect()
    raise BrokenError


WAYS = [
    *(as_bytes, as_text, compressed, by_fsspec_open, by_fsspec_open_as_text, closing, on_a_stack),
    *(in_transaction, forgotten),
]


@pytest.mark.parametrize("act", WAYS, ids=lambda way: way.__name__)
def test_block_that_raises_publishes_nothing(fs: OneDriveFileSystem, onedrive_emulator: Emulator, act: Any) -> None:
    """Neither a part of the file nor an open session: nothing was sent that could change the drive."""
    with pytest.raises(BrokenError):
        act(fs)
    assert onedrive_emulator.drive().paths() == []
    assert {each.method for each in onedrive_emulator.requests[:] if "login" not in each.path} <= {"GET", "POST"}
    assert onedrive_emulator.requests.matching(operation="create_session") == []


@pytest.mark.parametrize("act", WAYS, ids=lambda way: way.__name__)
def test_block_that_raises_keeps_the_old_file(fs: OneDriveFileSystem, drive: Any, act: Any) -> None:
    """An existing file stays as it is."""
    drive.put("a.csv", b"old")
    with pytest.raises(BrokenError):
        act(fs)
    assert (drive.read("a.csv"), drive.version_count("a.csv")) == (b"old", 1)


def test_handler_of_an_error_may_write(fs: OneDriveFileSystem, drive: Any) -> None:
    """What a program writes because something went wrong is published: an error in flight alone proves nothing."""
    before = fs.open("myfiles/opened-before.txt", "wb")
    try:
        fail()
    except BrokenError:
        with fs.open("myfiles/error.txt", "w") as file:
            file.write("1")
        with fsspec.core.OpenFile(fs, "myfiles/error2.txt", "wb") as file:
            file.write(b"2")
        before.write(b"3")
        before.close()
    assert drive.read_all() == {"error.txt": b"1", "error2.txt": b"2", "opened-before.txt": b"3"}


def test_modes_of_a_file(fs: OneDriveFileSystem, drive: Any) -> None:
    """Text as it is written, compressed as its name says, and with the size of what was written."""
    with fs.open("myfiles/a.txt", "w", encoding="utf-16", newline="\r\n") as file:
        file.write("ä\n")
    with fs.open("myfiles/a.gz", "wt", compression="infer", encoding="utf-8") as file:
        file.write("ä")
    assert drive.read("a.txt").decode("utf-16") == "ä\r\n"
    assert gzip.decompress(drive.read("a.gz")).decode() == "ä"
    with fs.open("myfiles/a.gz", "rt", compression="infer", encoding="utf-8") as file:
        assert file.read() == "ä"
    fs.touch("myfiles/empty")
    assert (drive.read("empty"), fs.size("myfiles/empty"), fs.cat("myfiles/empty")) == (b"", 0, b"")


def test_large_file_is_sent_by_session_of_known_size(
    fs: OneDriveFileSystem, drive: Any, onedrive_emulator: Emulator
) -> None:
    """And only when it is closed, so that its name is not held meanwhile."""
    with fs.open("myfiles/a.bin", "wb") as file:
        for start in range(0, len(LARGE), 100_000):
            file.write(memoryview(LARGE)[start : start + 100_000])
        assert file.tell() == len(LARGE)
        assert onedrive_emulator.requests.matching(method="PUT") == []
    assert drive.read("a.bin") == LARGE


def test_writers_of_archives_may_seek(fs: OneDriveFileSystem, drive: Any) -> None:
    """The file is whole before it is sent, so its beginning may be written last."""
    with fs.open("myfiles/a.bin", "wb") as file:
        assert (file.writable(), file.seekable(), file.readable()) == (True, True, False)
        file.write(b"??345")
        file.seek(0)
        file.write(b"12")
        file.seek(0, io.SEEK_END)
        file.truncate(4)
    assert drive.read("a.bin") == b"1234"


def test_append_adds_to_the_version_that_was_opened(fs: OneDriveFileSystem, drive: Any) -> None:
    """The base class would replace the file by what is appended; a file that changed meanwhile is an error."""
    drive.put("a.csv", b"1")
    with fs.open("myfiles/a.csv", "ab") as file:
        assert file.tell() == 1
        file.write(b"2")
    with fs.open("myfiles/new.csv", "a") as file:
        file.write("3")
    assert drive.read_all() == {"a.csv": b"12", "new.csv": b"3"}
    file = fs.open("myfiles/a.csv", "ab")
    file.write(b"4")
    drive.put("a.csv", b"other")
    with pytest.raises(PreconditionFailed):
        file.close()
    assert drive.read("a.csv") == b"other"


def test_exclusive_writers_never_replace(fs: OneDriveFileSystem, drive: Any) -> None:
    """Graph decides at the end, so the second of two gets an error."""
    first, second = (fs.open("myfiles/a.csv", "xb") for _ in range(2))
    first.write(b"1")
    second.write(b"2")
    first.close()
    with pytest.raises(NameAlreadyExists):
        second.close()
    with pytest.raises(FileExistsError):
        fs.pipe_file("myfiles/a.csv", b"3", mode="create")
    with pytest.raises(FileExistsError):
        fs.open("myfiles/a.csv", "x")
    assert drive.read("a.csv") == b"1"


def test_two_writers_leave_one_whole_file(fs: OneDriveFileSystem, drive: Any) -> None:
    """The one that is closed last wins; nothing is mixed."""
    first, second = (fs.open("myfiles/a.csv", "wb") for _ in range(2))
    first.write(b"1" * 1000)
    second.write(b"2")
    second.close()
    first.close()
    assert (drive.read("a.csv"), drive.version_count("a.csv")) == (b"1" * 1000, 2)


def test_transaction_publishes_at_its_end(fs: OneDriveFileSystem, drive: Any) -> None:
    """All files of it, also compressed and text ones."""
    with fs.transaction:
        fs.pipe("myfiles/at-once.csv", b"0")  # pipe is one request, which nothing can defer
        with fs.open("myfiles/a.csv", "wb") as file:
            file.write(b"1")
        with fs.open("myfiles/b.gz", "w", compression="gzip") as file:
            file.write("2")
        assert drive.read_all() == {"at-once.csv": b"0"}
    assert (drive.read("a.csv"), gzip.decompress(drive.read("b.gz"))) == (b"1", b"2")


def test_failing_commit_discards_the_rest(fs: OneDriveFileSystem, drive: Any) -> None:
    """And the filesystem is usable afterwards."""
    drive.folder("b")
    fs.start_transaction()
    for name in ("a", "b", "c"):
        fs.open(f"myfiles/{name}", "wb").close()
    with pytest.raises(IsADirectoryError):
        fs.end_transaction()
    assert drive.paths() == ["a", "b/"]
    with fs.open("myfiles/c", "wb") as file:
        file.write(b"1")
    assert drive.read("c") == b"1"


@contextlib.contextmanager
def small_disk() -> Iterator[None]:
    """Let no file of this process become larger than 1 MiB, as on a disk that is full."""
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * 1024, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def test_full_disk_publishes_nothing(fs: OneDriveFileSystem, drive: Any) -> None:
    """Neither at once nor when a program closes the file after all."""
    file = fs.open("myfiles/a.csv", "wb")
    file.write(b"1")
    with small_disk(), pytest.raises(LocalFileError, match="A temporary file cannot be written: File too large"):
        file.write(LARGE)
    file.close()
    assert drive.paths() == []


def test_closed_file_takes_nothing(fs: OneDriveFileSystem, drive: Any) -> None:
    """As Python's own files; closing and committing it again does nothing."""
    file = fs.open("myfiles/a.csv", "wb")
    file.write(b"1")
    file.close()
    for act in (lambda: file.write(b"2"), file.tell, lambda: file.seek(0), file.truncate):
        with pytest.raises(ValueError, match="closed"):
            act()
    file.close()
    file.commit()
    file.discard()
    assert drive.version_count("a.csv") == 1


def test_forked_process_does_not_send_the_file_again(fs: OneDriveFileSystem, drive: Any) -> None:
    """A child inherits the open file; only its parent publishes it."""
    file = fs.open("myfiles/a.csv", "wb")
    file.write(b"1")
    read, write = os.pipe()
    child = os.fork()
    if not child:  # pragma: no cover - in another process
        try:
            file.close()
        except ConfigurationError:
            os.write(write, b"refused")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        assert answer.read() == b"refused"
    assert drive.paths() == []
    file.close()
    assert drive.read("a.csv") == b"1"


def test_failed_upload_is_an_error_of_close(
    make_fs: Callable[..., OneDriveFileSystem], onedrive_emulator: Emulator
) -> None:
    """A program that only closes its file learns of it too, and nothing is there."""
    onedrive_emulator.drive().quota_bytes = 10
    fs = make_fs()
    file: OneDriveWriter = fs.open("myfiles/a.csv", "wb")
    file.write(b"1" * 100)
    with pytest.raises(Exception, match="507"):
        file.close()
    assert file.closed
    assert onedrive_emulator.drive().paths() == []
