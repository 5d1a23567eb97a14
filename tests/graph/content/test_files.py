"""Files that are replaced as a whole."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

import airflow_provider_onedrive
from airflow_provider_onedrive.graph.content.files import replacing
from airflow_provider_onedrive.graph.protocol.digests import digest

ROOT = Path(airflow_provider_onedrive.__file__).parent


class Interrupted(Exception):
    """A process that ends in the middle."""


def write(path: Path, content: bytes, *, is_private: bool = False) -> None:
    with replacing(path, is_private=is_private) as file:
        file.write(content)


def write_half(path: Path) -> None:
    with replacing(path) as file:
        file.write(b"half")
        raise Interrupted


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_replacing_shows_old_or_new_content(tmp_path: Path) -> None:
    """A reader never meets half of a file."""
    path = tmp_path / "a.txt"
    write(path, b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert names_in(tmp_path) == ["a.txt"]


def test_failed_block_keeps_the_old_file(tmp_path: Path) -> None:
    """And leaves nothing beside it."""
    path = tmp_path / "a.txt"
    write(path, b"old")
    with pytest.raises(Interrupted):
        write_half(path)
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(("is_private", "mode"), [(True, 0o600), (False, 0o644)])
def test_private_file_is_for_its_owner_only(tmp_path: Path, is_private: bool, mode: int) -> None:
    """Others are let in as the umask says."""
    before = os.umask(0o022)
    try:
        write(tmp_path / "a.txt", b"x", is_private=is_private)
    finally:
        os.umask(before)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == mode


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    """What it pointed to stays as it was."""
    (tmp_path / "other").write_bytes(b"other")
    (tmp_path / "a.txt").symlink_to(tmp_path / "other")
    write(tmp_path / "a.txt", b"new")
    assert (tmp_path / "other").read_bytes() == b"other"
    assert not (tmp_path / "a.txt").is_symlink()


def test_digests_are_equal_for_equal_texts_only() -> None:
    """Also of names that are not UTF-8."""
    assert digest("a") == digest("a") != digest("b")
    assert len(digest("a")) == 64
    assert digest("a", 8) == digest("a")[:8]
    assert digest("\udcff", 12) != digest("\udcfe", 12)


def users_of(*names: str) -> set[str]:
    """Return the files of the package, without the emulator, that mention a name."""
    return {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if "emulator" not in path.relative_to(ROOT).parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr in names)
        or (isinstance(node, ast.alias) and node.name in names)
    }


def test_digests_and_replacing_writes_have_one_place_each() -> None:
    """Hashes of content are taken where content is read; all else is a digest of a text."""
    assert users_of("hashlib") == {
        *("graph/protocol/digests.py", "graph/content/hashing.py", "graph/content/sources.py"),
    }
    assert users_of("fsync") == {"graph/content/files.py"}
