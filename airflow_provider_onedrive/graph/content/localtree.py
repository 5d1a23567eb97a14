"""The files of a local folder, or of a folder of an object store, as entries of a transfer."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow_provider_onedrive.graph.content.paths import absolute, without_credentials
from airflow_provider_onedrive.graph.content.sources import is_stored, modified_at_of
from airflow_provider_onedrive.graph.content.transfer_plan import Entry
from airflow_provider_onedrive.graph.protocol.errors import LocalFileError
from airflow_provider_onedrive.graph.protocol.hidden_names import cause_to_show
from airflow_provider_onedrive.graph.protocol.logs import logger

log = logger(__name__)


def local_entries(folder: str | os.PathLike[str], *, recursive: bool, follow_symlinks: bool = False) -> Iterator[Entry]:
    """Yield the files of a local folder, by name; a file that cannot be transferred has its problem.

    :raises LocalFileError: if it is not a folder that can be listed.
    """
    root = absolute(folder)
    if not root.is_dir():
        raise LocalFileError(f"{root} is not a folder.", advice="Name a folder, or a file without '/' at the end.")
    return _Walk(recursive=recursive, follow_symlinks=follow_symlinks).entries(root)


def stored_entries(folder: Any, *, recursive: bool) -> Iterator[Entry]:
    """Yield the objects below a prefix of a store.

    :param folder: an ``ObjectStoragePath``.
    """
    folder.fs.invalidate_cache(folder.path)  # s3fs and others list from memory, without what came since
    prefix = folder.path.rstrip("/") + "/"
    try:
        objects: dict[str, Any] = folder.fs.find(folder.path, maxdepth=None if recursive else 1, detail=True)
    except OSError as error:
        raise LocalFileError(
            f"{without_credentials(str(folder))} cannot be listed: {error.strerror or type(error).__name__}."
        ) from cause_to_show(error)
    for path in sorted(objects):
        name = path.removeprefix(prefix)
        if name and name != path and not name.endswith("/"):  # some stores have objects that stand for folders
            yield Entry(name, int(objects[path].get("size") or 0), modified_at_of(objects[path]), below(folder, name))


@dataclass(frozen=True)
class ObjectBelow:
    """An object below an ``ObjectStoragePath``, of which some versions warn, and take long, when they are joined."""

    fs: Any = field(repr=False)
    path: str
    text: str

    def __str__(self) -> str:
        return self.text

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


def below(folder: Any, path: str) -> Any:
    """Return a path below a folder: a ``Path``, or an object of a store."""
    if not is_stored(folder):
        return folder / path
    return ObjectBelow(folder.fs, f"{folder.path.rstrip('/')}/{path}", f"{str(folder).rstrip('/')}/{path}")


def delete_local(content: Any) -> None:
    """Delete a local file, or an object of a store.

    :raises LocalFileError: if that fails.
    """
    try:
        if is_stored(content):
            content.fs.rm_file(content.path)
        else:
            Path(content).unlink(missing_ok=True)
    except OSError as error:
        raise LocalFileError(f"It cannot be deleted: {error.strerror or type(error).__name__}.") from cause_to_show(
            error
        )


@dataclass(frozen=True)
class _Folder:
    """A folder to list.

    :param above: device and inode of the folder and of those above it: a link may lead back to one of them.
    """

    path: Path
    below: str
    above: tuple[tuple[int, int], ...]


class _Walk:
    def __init__(self, *, recursive: bool, follow_symlinks: bool) -> None:
        self._recursive = recursive
        self._follow_symlinks = follow_symlinks
        self._left: list[_Folder] = []

    def entries(self, root: Path) -> Iterator[Entry]:
        self._left = [_Folder(root, "", (_identity(root.stat()),))]
        while self._left:
            folder = self._left.pop()
            try:
                # By name, so that logs and reports of two runs can be compared.
                files = sorted(os.scandir(folder.path), key=lambda each: each.name)
            except FileNotFoundError:
                log.warning("%s vanished while it was listed, and is left out.", folder.path)
                continue
            except OSError as error:
                yield _unknown(folder.below.rstrip("/") or ".", f"the folder cannot be listed: {error.strerror}")
                continue
            for each in files:
                yield from self._entry(each, folder)

    def _entry(self, file: os.DirEntry[str], folder: _Folder) -> Iterator[Entry]:
        path = f"{folder.below}{file.name}"
        # Left out, not refused: a link to a folder above would make the transfer endless, one elsewhere leak files.
        if file.is_symlink() and not self._follow_symlinks:
            return
        try:
            status = file.stat(follow_symlinks=self._follow_symlinks)
        except OSError as error:
            if file.is_symlink() or not isinstance(error, FileNotFoundError):  # else it vanished since it was listed
                yield Entry(_shown(path), problem=f"it cannot be read: {error.strerror}")
            return
        is_folder = stat.S_ISDIR(status.st_mode)
        if is_folder and not self._recursive:
            return
        if problem := _undecodable(file.name) or _unusual(status.st_mode):
            yield Entry(_shown(path), problem=problem, is_folder=is_folder)
        elif is_folder:
            yield from self._below(Path(file.path), path, folder.above, _identity(status))
        else:
            yield Entry(path, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC), Path(file.path))

    def _below(
        self, folder: Path, path: str, above: tuple[tuple[int, int], ...], identity: tuple[int, int]
    ) -> Iterator[Entry]:
        # Only a link can lead back. Links side by side to one folder are no loop, so only the folders above count.
        if identity in above:
            yield _unknown(path, "the link leads back to a folder above it")
        else:
            self._left.append(_Folder(folder, f"{path}/", (*above, identity)))


def _unknown(path: str, problem: str) -> Entry:
    """Return an entry that stands for the files of a folder that cannot be listed."""
    return Entry(path, problem=problem, is_folder=True)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _undecodable(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError:
        repaired = os.fsencode(name).decode("latin-1")
        return f"its name is not UTF-8; rename it, perhaps to {repaired!r}"
    return ""


def _shown(path: str) -> str:
    """Write a path so that it can be logged and stored."""
    return path.encode(errors="replace").decode()


def _unusual(mode: int) -> str:
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return ""
    names = {stat.S_ISSOCK: "a socket", stat.S_ISFIFO: "a named pipe"}
    kind = next((name for is_kind, name in names.items() if is_kind(mode)), "a device")
    return f"it is {kind}, not a file"
