"""universal_pathlib's own tests of paths, which its source distribution has; ``tools/fs.sh`` fetches it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
import upath

from airflow_provider_onedrive.emulator import Emulator

SDIST = Path(sys.prefix) / "sdist"
upath.__path__.append(str(SDIST / "upath"))

from upath.tests.cases import BaseTests  # noqa: E402

from airflow_provider_onedrive.fs.upath import OneDrivePath  # noqa: E402


@pytest.fixture
def local_testdir(tmp_path: Path) -> str:
    """The same files as those of ``prepare_file_system``, on the local disk."""
    (tmp_path / "folder1").mkdir()
    for name in ("file1.txt", "file2.txt"):
        (tmp_path / "folder1" / name).write_text(name)
        (tmp_path / name).write_text("hello world")
    return str(tmp_path)


@pytest.fixture
def pathlib_base(local_testdir: str) -> Path:
    return Path(local_testdir)


@pytest.fixture
def clear_fsspec_memory_cache() -> Iterator[None]:
    yield
    memory = fsspec.get_filesystem_class("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]


@pytest.mark.usefixtures("onedrive_emulator", "forgotten_filesystems")
class TestOneDrivePath(BaseTests):  # type: ignore[misc]
    """All of them, on a drive of work or school."""

    SUPPORTS_EMPTY_DIRS = True

    @pytest.fixture(autouse=True)
    def path(self, onedrive_emulator: Emulator) -> None:
        self.path = upath.UPath("onedrive://myfiles/tests", conn_id="onedrive_default")
        self.prepare_file_system()

    def test_is_correct_class(self) -> None:
        assert isinstance(self.path, OneDrivePath)

    @pytest.mark.parametrize("is_path", [False, True], ids=["text", "path"])
    def test_rename_with_target_absolute(self, is_path: bool) -> None:
        """As theirs; without two kinds of target that only a filesystem with a root can tell from a relative one."""
        target = self.path.absolute() / "renamed.txt"
        renamed = (self.path / "folder1" / "file2.txt").rename(target if is_path else str(target))
        assert (renamed.path, renamed.read_text()) == ("myfiles/tests/renamed.txt", "file2.txt")
        for other in (upath.UPath(target.path), Path(target.path)):
            with pytest.raises(NotImplementedError):
                renamed.rename(other)
