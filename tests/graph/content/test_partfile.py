"""The part file beside the target: what it remembers, who may go on with it, and when it goes."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
import sys
import threading
from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from patience import HANG_SECONDS

from airflow_provider_onedrive.graph.content import partfile
from airflow_provider_onedrive.graph.content.hashing import hash_pieces
from airflow_provider_onedrive.graph.content.partfile import PartFile, local_target
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    ItemNotFound,
    LocalFileError,
    ServiceUnavailable,
    SourceChanged,
    VerificationFailed,
)

CHUNK = 10
CONTENT = bytes(range(35))  # three whole chunks and a half


@pytest.fixture
def target(tmp_path):
    return tmp_path / "a.csv"


def listed(folder):
    return sorted(path.name for path in folder.iterdir())


def part_file(target, version="v1", content=CONTENT, chunk_bytes=CHUNK):
    return PartFile(target, version, len(content), chunk_bytes=chunk_bytes)


def fill(sinks, content=CONTENT):
    for sink in sinks:
        sink.write(content[sink.start : sink.start + sink.length])


def wanted(part, at_once=1):
    return [(sink.start, sink.length) for sink in part.sinks(at_once)]


def broken(target, error, version="v1", count=25):
    """Begin a download that does not end well."""
    with part_file(target, version) as part:
        part.sinks(1)[0].write(CONTENT[:count])
        raise error


def leave(target, version="v1", count=25, error=ServiceUnavailable):
    with pytest.raises(error):
        broken(target, error("broken"), version, count)


def test_it_appears_when_it_is_published(tmp_path):
    """Until then the name is free (or the old file's); folders are made, and nothing is left."""
    target = tmp_path / "x" / "y" / "a.csv"
    with part_file(target) as part:
        fill(part.sinks(1))
        assert not target.exists()
        assert part.publish(None, replace=True)
    assert target.read_bytes() == CONTENT
    assert listed(target.parent) == ["a.csv"]


@pytest.mark.parametrize("content", [b"", b"abc", CONTENT[:10], CONTENT[:20]], ids=len)
@pytest.mark.parametrize("at_once", [1, 4])
def test_every_size(target, content, at_once):
    """None, a part of a chunk, and chunks without a rest."""
    with part_file(target, content=content) as part:
        fill(part.sinks(at_once), content)
        assert part.quick_xor_hash() == hash_pieces([content])
        part.publish(None, replace=True)
    assert target.read_bytes() == content


@pytest.mark.parametrize("error", [ServiceUnavailable("cut"), KeyboardInterrupt(), RuntimeError()], ids=repr)
def test_an_error_leaves_the_whole_chunks(tmp_path, target, error):
    """What may pass leaves the old file as it was, and what the next call goes on with."""
    target.write_bytes(b"old")
    with pytest.raises(type(error)):
        broken(target, error)
    assert target.read_bytes() == b"old"
    assert len(listed(tmp_path)) == 3
    with part_file(target) as part:
        assert wanted(part) == [(20, 15)]
        fill(part._sinks)
        assert part.quick_xor_hash() == hash_pieces([CONTENT])
        part.publish(None, replace=True)
    assert target.read_bytes() == CONTENT
    assert listed(tmp_path) == ["a.csv"]


@pytest.mark.parametrize("count", [0, 9])
def test_less_than_a_chunk_is_not_kept(tmp_path, target, count):
    """A part file that helps nobody does not lie about."""
    leave(target, count=count)
    assert listed(tmp_path) == []


@pytest.mark.parametrize("error", [VerificationFailed, SourceChanged, ItemNotFound, LocalFileError, AccessDenied])
def test_what_is_in_vain_is_not_kept(tmp_path, target, error):
    """Wrong bytes, a version that is gone, and what no later try can mend leave nothing."""
    leave(target, error=error)
    assert listed(tmp_path) == []


def test_another_version_removes_what_was_left(tmp_path, target):
    """Halves of two versions are never put together, and nothing is left of the old one; a neighbour's is."""
    leave(target)
    leave(tmp_path / "b.csv")
    left = listed(tmp_path)
    with part_file(target, "v2") as part:
        assert wanted(part) == [(0, 35)]
    assert len(left) == 4
    assert len(listed(tmp_path)) == 2
    assert set(listed(tmp_path)) < set(left)


def test_what_was_left_of_another_chunk_size_is_not_used(target):
    """The same number of chunks says nothing where they are of another size."""
    leave(target)
    with part_file(target, chunk_bytes=9) as part:
        assert wanted(part) == [(0, 35)]


@pytest.mark.parametrize("damage", ["cut part", "cut map", "long map", "no map"])
def test_a_part_file_that_cannot_be_true(tmp_path, target, damage):
    """Without a whole map and the right size nothing is taken for done."""
    leave(target)
    (part,), (known,) = tmp_path.glob(".*.part"), tmp_path.glob(".*.map")
    acts = {
        "cut part": lambda: os.truncate(part, 30),
        "cut map": lambda: os.truncate(known, 2),
        "long map": lambda: known.write_bytes(known.read_bytes() + b"\1"),
        "no map": known.unlink,
    }
    acts[damage]()
    with part_file(target) as anew:
        assert wanted(anew) == [(0, 35)]


def test_what_is_missing_is_shared_out(target):
    """Ranges begin and end with chunks; what is there divides them."""
    with part_file(target) as part:
        assert wanted(part, 4) == [(0, 10), (10, 10), (20, 10), (30, 5)]
        assert wanted(part, 3) == [(0, 20), (20, 15)]
        part.write_at(10, CONTENT[10:20])
        assert wanted(part, 1) == [(0, 10), (20, 15)]


def test_a_chunk_counts_with_its_last_byte(target):
    """However the pieces lie, a chunk is there when all of it is."""
    with part_file(target) as part:
        for offset in range(0, 18, 3):
            part.write_at(offset, CONTENT[offset : offset + 3])
        assert wanted(part) == [(10, 25)]
        part.write_at(18, CONTENT[18:21])
        assert wanted(part) == [(20, 15)]


def test_starting_again_forgets_all(target):
    """After a restart in the middle only what came since counts, for the next process as well."""

    def restarted():
        with part_file(target) as part:
            sink = part.sinks(1)[0]
            sink.write(CONTENT[:25])
            sink.restart()
            sink.write(CONTENT[:10])
            raise ServiceUnavailable("cut")

    with pytest.raises(ServiceUnavailable):
        restarted()
    with part_file(target) as part:
        assert wanted(part) == [(10, 25)]


def test_a_damaged_chunk_changes_the_hash(tmp_path, target):
    """What an earlier process fetched is read again for the hash."""
    leave(target)
    (left,) = tmp_path.glob(".*.part")
    with left.open("r+b") as file:
        file.write(b"X")
    with part_file(target) as part:
        fill(part.sinks(1))
        assert part.quick_xor_hash() == hash_pieces([b"X" + CONTENT[1:]])


def test_two_at_once(tmp_path, target):
    """The second writes a file of its own, which it never leaves; the last to publish wins."""
    with part_file(target) as first, part_file(target) as second:
        assert first.path != second.path
        fill(first.sinks(1))
        fill(second.sinks(1))
        assert first.publish(None, replace=True)
        assert second.publish(None, replace=True)
    with part_file(target) as first:
        leave(target)
        assert len(listed(tmp_path)) == 3
    assert target.read_bytes() == CONTENT
    assert listed(tmp_path) == ["a.csv"]


def test_what_is_being_written_is_not_removed(tmp_path, target):
    """Another version's part file stays while its process lives."""
    with part_file(target) as first, part_file(target, "v2") as second:
        for part in (first, second):
            fill(part.sinks(1))
            part.publish(None, replace=True)
    assert listed(tmp_path) == ["a.csv"]


def test_many_at_once(tmp_path, target):
    """However they meet, one whole file is there and nothing else."""

    def fetch(version):
        for _ in range(20):
            with part_file(target, version) as part:
                fill(part.sinks(2))
                part.publish(None, replace=True)

    threads = [threading.Thread(target=fetch, args=(f"v{number % 2}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_SECONDS)
    assert target.read_bytes() == CONTENT
    assert listed(tmp_path) == ["a.csv"]


@pytest.fixture
def before_locking(monkeypatch):
    """Do something between opening a file and locking it, where another process may come in."""

    def prepare(act):
        def flock(file, how):
            act(file)
            fcntl.flock(file, how)

        monkeypatch.setattr(partfile, "fcntl", SimpleNamespace(**{**vars(fcntl), "flock": flock}))

    return prepare


def test_a_left_over_that_is_replaced_at_this_moment(tmp_path, target, before_locking):
    """What is found is not removed when it has become the file of a process that lives."""
    leave(target, "v2")
    (left,) = tmp_path.glob(".*.part")

    def replace(_):
        left.replace(tmp_path / "published")
        left.write_bytes(b"new")
        before_locking(lambda _: None)

    before_locking(replace)
    with part_file(target) as part:
        assert left.read_bytes() == b"new"
        fill(part.sinks(1))
        part.publish(None, replace=True)
    assert left.exists()


@pytest.mark.parametrize("taken", [True, False])
def test_a_part_file_that_is_removed_at_this_moment(tmp_path, target, before_locking, taken):
    """A file that lost its name before it was locked is not written: it would never appear."""
    times = iter(range(3))

    def remove(file):
        for path in tmp_path.glob(".*.part"):
            if os.path.samestat(path.stat(), os.fstat(file.fileno())) and next(times, None) is not None:
                path.unlink()

    holder = part_file(target) if taken else nullcontext()
    with holder:
        before_locking(remove)
        with part_file(target) as part:
            fill(part.sinks(1))
            assert part.publish(None, replace=True)
    assert target.read_bytes() == CONTENT


def test_a_file_system_without_locks(tmp_path, target, monkeypatch):
    """Where nobody can say who writes, each writes a file of its own."""
    refuse = lambda *_: (_ for _ in ()).throw(OSError(errno.ENOLCK, "No locks available"))  # noqa: E731
    monkeypatch.setattr(partfile, "fcntl", SimpleNamespace(flock=refuse, LOCK_EX=2, LOCK_NB=4))
    with part_file(target) as first, part_file(target) as second:
        fill(first.sinks(1))
        assert second.path != first.path
        first.publish(None, replace=True)
    assert target.read_bytes() == CONTENT


def test_a_link_in_the_way_is_not_followed(tmp_path, target):
    """Links of the part file's names lead to nobody else's file."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    with part_file(target) as part:
        path = part.path
    path.symlink_to(victim)
    with part_file(target) as part:
        fill(part.sinks(1))
        part.publish(None, replace=True)
    path.unlink()
    path.with_suffix(".map").symlink_to(victim)
    with pytest.raises(LocalFileError, match="symbolic links"):
        part_file(target)
    assert victim.read_bytes() == b"mine"
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("taken", ["file", "link", "folder"])
def test_a_name_that_is_taken_meanwhile(tmp_path, target, monkeypatch, taken, links):
    """Without replace nothing of that name is touched, also on a file system without hard links."""
    if not links:
        refuse = lambda *_: (_ for _ in ()).throw(PermissionError(errno.EPERM, "Operation not permitted"))  # noqa: E731
        monkeypatch.setattr(os, "link", refuse)
    with part_file(target) as part:
        fill(part.sinks(1))
        acts = {"file": target.touch, "link": lambda: target.symlink_to("nowhere"), "folder": target.mkdir}
        acts[taken]()
        before = target.lstat()
        assert not part.publish(None, replace=False)
    assert target.lstat() == before
    assert listed(tmp_path) == ["a.csv"]
    with part_file(tmp_path / "b.csv") as part:
        fill(part.sinks(1))
        assert part.publish(None, replace=False)
    assert (tmp_path / "b.csv").read_bytes() == CONTENT
    assert listed(tmp_path) == ["a.csv", "b.csv"]


@pytest.mark.parametrize("year", [1601, 1969, 2026, 2400])
def test_its_time(target, year):
    """It gets its modification time before it appears."""
    when = datetime(year, 1, 2, 3, 4, 5, tzinfo=UTC)
    with part_file(target) as part:
        fill(part.sinks(1))
        assert part.publish(when, replace=True)
    if 1901 < year < 2446:  # what ext4 can keep
        assert target.stat().st_mtime == when.timestamp()


def test_a_folder_that_takes_the_name(tmp_path, target):
    """A folder is not replaced, and nothing is left beside it."""
    target.mkdir()
    with part_file(target) as part, pytest.raises(LocalFileError, match=r"a\.csv cannot be written: Is a directory"):
        part.publish(None, replace=True)
    assert listed(tmp_path) == ["a.csv"]


def test_a_folder_that_cannot_be_made(tmp_path):
    """A file where a folder is needed is an error that names the target."""
    (tmp_path / "x").write_bytes(b"")
    with pytest.raises(LocalFileError, match=f"{tmp_path}/x/a.csv cannot be written: "):
        part_file(tmp_path / "x/a.csv")


def test_a_folder_that_may_not_be_written(tmp_path, target):
    """What the rights forbid is an error that names the target."""
    tmp_path.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        with pytest.raises(LocalFileError, match=r"a\.csv cannot be written: Permission denied"):
            part_file(target)
    finally:
        if is_root:
            os.seteuid(0)
        tmp_path.chmod(0o755)


def test_a_disk_without_room(tmp_path, target):
    """Whether it fits is asked before anything is fetched, less what is there already."""
    free = shutil.disk_usage(tmp_path).free
    huge = 2 * free
    with pytest.raises(LocalFileError, match=rf"a\.csv needs {huge} bytes more, and its disk has \d+ free\. Make room"):
        PartFile(target, "v1", huge)
    assert listed(tmp_path) == []


FULL = """
import resource, signal, sys
from pathlib import Path
from airflow_provider_onedrive.graph.protocol.errors import LocalFileError
from airflow_provider_onedrive.graph.content.partfile import PartFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
size, chunk, limit = (int(text) for text in sys.argv[2:])
try:
    with PartFile(Path(sys.argv[1]), "v1", size, chunk_bytes=chunk) as part:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        for sink in part.sinks(1):
            for _ in range(size // 10):
                sink.write(bytes(10))
except LocalFileError as error:
    sys.exit(f"refused: {error}")
"""


@pytest.mark.parametrize("chunk", [10, 100])
def test_a_disk_that_becomes_full(tmp_path, target, chunk):
    """What is refused in the middle is an error that says which file and why, and nothing is left to fill the disk."""
    command = [sys.executable, "-c", FULL, str(target), "100", str(chunk), "55"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert f"refused: {target} cannot be written: File too large." in run.stderr
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


@pytest.mark.parametrize("name", ["", ".", "..", "../up.csv", "/etc/passwd", "a\0b", "a/b", "\ud800.csv"])
def test_a_name_that_would_leave_the_folder(tmp_path, name):
    """The server's name never chooses the folder."""
    with pytest.raises(LocalFileError, match="cannot be used"):
        local_target(tmp_path, name)
    assert local_target(tmp_path / "a.csv", name) == tmp_path / "a.csv"


@pytest.mark.parametrize("character", ["n", "ü"])
def test_a_name_that_is_too_long(tmp_path, character):
    """File systems count bytes: 255 of them are a name, more are none."""
    longest = character * (255 // len(character.encode()))
    assert local_target(tmp_path, longest).name == longest
    with pytest.raises(LocalFileError, match=r"longer than file systems take \(255 bytes\)"):
        local_target(tmp_path, longest + character)


@pytest.mark.parametrize("name", ["~", "-rf", "a\nb", "*?", "$HOME", ".hidden", "a\\b", " "])
def test_a_name_that_is_odd(tmp_path, name):
    """A name is a name: nothing in it is expanded."""
    assert local_target(f"{tmp_path}/", name) == tmp_path / name


@pytest.mark.parametrize("local_path", ["", " ", None])
def test_an_empty_template(local_path):
    """It would mean the worker's current folder."""
    with pytest.raises(LocalFileError, match="local_path is empty"):
        local_target(local_path, "a.csv")


@pytest.mark.parametrize("local_path", ["n" * 300, "a\0b", "x/" + "n" * 300 + "/"])
def test_a_path_that_cannot_be(tmp_path, local_path):
    """What the system takes for no path is an error of ours."""
    with pytest.raises(LocalFileError):
        part_file(local_target(f"{tmp_path}/{local_path}", "a.csv"))


def test_a_folder_of_the_files_name(tmp_path):
    """A folder where the file would go is not replaced."""
    (tmp_path / "there" / "server.csv").mkdir(parents=True)
    with pytest.raises(LocalFileError, match=r"server\.csv is a directory"):
        local_target(tmp_path / "there", "server.csv")
