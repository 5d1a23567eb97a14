"""Other users of the machine: they neither read nor change what is made here, and what they have made is not used."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from airflow_provider_onedrive.graph.content.files import replacing
from airflow_provider_onedrive.graph.content.partfile import PartFile, local_target
from airflow_provider_onedrive.graph.content.private import (
    Untrusted,
    make_named_folder,
    make_private_folder,
    open_own,
    open_private,
)
from airflow_provider_onedrive.graph.protocol.errors import LocalFileError, ServiceUnavailable

CHUNK = 10
CONTENT = bytes(range(35))
SOMEBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user, or make a device")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "a.csv"


def part_file(target: Path) -> PartFile:
    return PartFile(target, "v1", len(CONTENT), chunk_bytes=CHUNK)


def fetch(target: Path) -> Path:
    """Fetch the file as a download does, and return the path of the part file."""
    with part_file(target) as part:
        for sink in part.sinks(1):
            sink.write(CONTENT[sink.start : sink.start + sink.length])
        assert part.publish(None, replace=True)
        return part.path


def part_path(target: Path) -> Path:
    """The path that the part file of this version has, which other users can find out."""
    with part_file(target) as part:
        return part.path


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def of_somebody(path: Path, permissions: int = 0o666) -> Path:
    """Let a path belong to another user, who lets everybody read and write it."""
    path.chmod(permissions)
    os.chown(path, SOMEBODY, SOMEBODY)
    return path


# Part files


@pytest.mark.parametrize(("mask", "published"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600), (0o000, 0o666)])
def test_part_file_is_private_until_it_is_published(target: Path, mask: int, published: int) -> None:
    """Whatever the umask is; the file itself then has the mode of any new file, also if it replaces one."""
    target.write_bytes(b"old")
    target.chmod(0o640)
    with umask(mask), part_file(target) as part:
        assert {mode(part.path), mode(part.path.with_suffix(".map"))} == {0o600}
        for sink in part.sinks(1):
            sink.write(CONTENT)
        assert mode(part.path) == 0o600
        part.publish(None, replace=True)
    assert (target.read_bytes(), mode(target)) == (CONTENT, published)
    assert [path.name for path in target.parent.iterdir()] == ["a.csv"]


@as_root
def test_part_file_of_another_user_is_not_used(target: Path) -> None:
    """He could read it, and change it after it was verified; in /tmp it cannot be removed, so it stays."""
    path = part_path(target)
    path.write_bytes(bytes(len(CONTENT)))
    of_somebody(path)
    assert fetch(target) != path
    assert path.read_bytes() == bytes(len(CONTENT))
    assert target.read_bytes() == CONTENT
    assert target.stat().st_uid == os.geteuid()


@as_root
def test_map_of_another_user_is_not_used(target: Path) -> None:
    """It would say that parts are there which he has written."""
    path = part_path(target).with_suffix(".map")
    path.write_bytes(b"\1\1\1\1")
    of_somebody(path)
    with pytest.raises(LocalFileError, match="belongs to another user"):
        fetch(target)
    assert not target.exists()


def test_hard_link_in_the_way_is_not_written(target: Path) -> None:
    """Another user can give a file of ours this name as well."""
    victim = target.with_name("victim")
    victim.write_bytes(b"mine")
    os.link(victim, path := part_path(target))
    assert fetch(target) != path
    assert victim.read_bytes() == b"mine"


def special(path: Path, kind: str) -> None:
    """Make a file that is none."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener, suppress(OSError):
            listener.bind(os.path.relpath(path))  # the name of a socket is short
    elif kind == "device":
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    else:
        path.with_name("device").symlink_to("/dev/null")
        path.symlink_to(path.with_name("device"))


KINDS = ["pipe", "socket", pytest.param("device", marks=as_root), "link to a device"]


@pytest.mark.parametrize("kind", KINDS)
def test_special_file_in_the_way_of_a_part_file(target: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Nothing is written to it, and it does not block."""
    monkeypatch.chdir(target.parent)
    path = part_path(target)
    special(path, kind)
    assert fetch(target) != path
    assert not stat.S_ISREG(path.lstat().st_mode)
    assert target.read_bytes() == CONTENT


def test_part_file_that_others_could_read_is_not_resumed(target: Path) -> None:
    """An older release made them by the umask: somebody may have it open since."""

    def begin() -> None:
        with part_file(target) as part:
            part.sinks(1)[0].write(CONTENT[:20])
            raise ServiceUnavailable("cut")

    def missing() -> list[tuple[int, int]]:
        with part_file(target) as part:
            return [(sink.start, sink.length) for sink in part.sinks(1)]

    with pytest.raises(ServiceUnavailable):
        begin()
    (path,) = target.parent.glob(".*.part")
    path.chmod(0o644)
    with path.open("rb") as opened:
        assert missing() == [(0, 35)]
        assert os.fstat(opened.fileno()).st_nlink == 0


def test_part_file_that_is_exchanged_is_not_published(target: Path) -> None:
    """In a folder that everybody may write to, another file may get its name after it was verified."""
    with part_file(target) as part:
        for sink in part.sinks(1):
            sink.write(CONTENT)
        part.path.unlink()
        part.path.write_bytes(b"his")
        with pytest.raises(LocalFileError, match="was replaced by somebody"):
            part.publish(None, replace=True)
    assert not target.exists()


# Targets


@pytest.mark.parametrize("kind", KINDS)
def test_target_that_is_no_file(target: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """As root a download would remove the device for all users. Nothing is made beside it."""
    monkeypatch.chdir(target.parent)
    special(target, kind)
    before, names = target.lstat(), set(target.parent.iterdir())
    said = "device" if "device" in kind else kind
    for act in (
        lambda: local_target(target, "a.csv"),
        lambda: local_target(f"{target.parent}/", "a.csv"),
        lambda: part_file(target),
    ):
        with pytest.raises(LocalFileError, match=rf"a\.csv cannot be written: it is a {said}"):
            act()
    with pytest.raises(OSError, match=f"it is a {said}"), replacing(target) as file:
        file.write(b"x")
    assert (target.lstat(), set(target.parent.iterdir())) == (before, names)


def test_link_to_a_file_is_replaced(target: Path) -> None:
    """As before: what it points to stays."""
    other = target.with_name("other")
    other.write_bytes(b"other")
    target.symlink_to(other)
    fetch(target)
    assert (target.is_symlink(), target.read_bytes(), other.read_bytes()) == (False, CONTENT, b"other")


# Private files


def test_private_file_is_made_and_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with umask(0), open_private(path) as file:
        file.write(b"x")
    with open_own(path) as file:
        assert (mode(path), file.read()) == (0o600, b"x")
    with pytest.raises(FileExistsError):
        open_private(path, os.O_EXCL)


@as_root
def test_private_file_of_another_user(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"x")
    of_somebody(path)
    for act in (open_private, open_own):
        with pytest.raises(Untrusted, match=r"belongs to another user \(uid 65534\)"):
            act(path)


# Folders


@as_root
def test_private_folder_of_another_user(tmp_path: Path) -> None:
    """Whoever made it could read what is put there."""
    folder = tmp_path / "folder"
    folder.mkdir()
    of_somebody(folder, 0o777)
    with pytest.raises(Untrusted, match="belongs to another user"):
        make_private_folder(folder)


@pytest.mark.parametrize("kind", ["link", "file"])
def test_private_folder_that_is_none(tmp_path: Path, kind: str) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "folder").symlink_to("other") if kind == "link" else (tmp_path / "folder").touch()
    with pytest.raises(Untrusted, match="it is not a folder"):
        make_private_folder(tmp_path / "folder")


def test_private_folder_is_taken_from_others(tmp_path: Path) -> None:
    """Kubernetes changes the mode of a volume's folders for the group of the volume when it mounts it."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder").chmod(0o2775)
    make_private_folder(tmp_path / "folder")
    assert mode(tmp_path / "folder") & 0o777 == 0o700


@pytest.mark.parametrize("mask", [0o000, 0o022])
def test_named_folder_is_made_with_all_above(tmp_path: Path, mask: int) -> None:
    """For its owner only, whatever the umask is."""
    with umask(mask):
        make_named_folder(tmp_path / "a/b/c")
    assert {mode(tmp_path / name) for name in ("a", "a/b", "a/b/c")} == {0o700}


@as_root
@pytest.mark.parametrize(("owner", "group", "permissions"), [(0, 0, 0o755), (0, 1000, 0o2775), (SOMEBODY, 0, 0o2770)])
def test_named_folder_of_root_or_a_group(tmp_path: Path, owner: int, group: int, permissions: int) -> None:
    """A volume of Kubernetes has such an owner; the deployment has chosen it."""
    folder = tmp_path / "volume"
    folder.mkdir()
    os.chown(folder, owner, group)
    folder.chmod(permissions)
    make_named_folder(folder)
    assert mode(folder) == permissions


@pytest.mark.parametrize("name", ["open", "open/folder", "open/folder/below", "link"])
def test_folder_that_everybody_can_replace(tmp_path: Path, name: str) -> None:
    """Without the sticky bit everybody may put another one into its place, also of a folder above it."""
    (tmp_path / "open/folder").mkdir(parents=True)
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to("open/folder")
    with pytest.raises(Untrusted, match="everybody may replace") as caught:
        make_named_folder(tmp_path / name)
    assert caught.value.filename == str(tmp_path / "open")


def test_named_folder_in_a_sticky_one(tmp_path: Path) -> None:
    """As in /tmp: what this user has made there is not replaced by another."""
    tmp_path.chmod(0o1777)
    make_named_folder(tmp_path)
    make_named_folder(tmp_path / "folder")
    make_named_folder(tmp_path / "folder")
    assert mode(tmp_path / "folder") == 0o700


@as_root
@pytest.mark.parametrize("kind", ["folder", "link"])
def test_named_folder_that_another_user_made_first(tmp_path: Path, kind: str) -> None:
    """In a sticky folder he may have made it, or the link to it, before this process did."""
    shared, his = tmp_path / "shared", tmp_path / "his"
    for each in (shared, his):
        each.mkdir()
    shared.chmod(0o1777)
    if kind == "folder":
        (shared / "folder").mkdir()
    else:
        (shared / "folder").symlink_to(his)
    os.chown(shared / "folder", SOMEBODY, SOMEBODY, follow_symlinks=False)
    for name in ("folder", "folder/below"):
        with pytest.raises(Untrusted, match="belongs to another user"):
            make_named_folder(shared / name)
