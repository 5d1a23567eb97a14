"""The methods that change what is there, on the server: no content passes through this machine."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from fsspec.utils import other_paths, stringify_path

from airflow_provider_onedrive.filesystem.contents import ContentMethods
from airflow_provider_onedrive.graph.protocol.errors import IsNoFolder, NameAlreadyExists
from airflow_provider_onedrive.graph.protocol.location_parser import ROOTS
from airflow_provider_onedrive.graph.protocol.options import DeleteOptions


class ChangeMethods(ContentMethods):
    """Folders, moves, copies and deletions."""

    def mkdir(self, path: Any, create_parents: bool = True, exist_ok: bool = False, **kwargs: Any) -> None:
        """Create a folder.

        :param create_parents: create the missing folders above it, too.
        :param kwargs: a ``mode``, which OneDrive has not.
        :raises NameAlreadyExists: if it is there already and not ``exist_ok``: pathlib and pyarrow catch it.
        """
        self._make_folder(self.path_of(path), exist_ok=exist_ok, create_parents=create_parents)

    def makedirs(self, path: Any, exist_ok: bool = False) -> None:
        """Create a folder, and the missing folders above it.

        :raises NameAlreadyExists: if it is there already and not ``exist_ok``.
        """
        self._make_folder(self.path_of(path), exist_ok=exist_ok, create_parents=True)

    def rmdir(self, path: Any) -> None:
        """Delete an empty folder.

        :raises FolderNotEmpty: if it holds something.
        """
        name = self.path_of(path)
        if not self.isdir(name):
            self.info(name)
            raise IsNoFolder(f"{name} is a file, and a folder is meant.", advice="Use rm.")
        self.rm_file(name)

    def rm_file(self, path: Any) -> None:
        """Delete a file, or an empty folder."""
        self._remove(self.path_of(path), recursive=False)

    def rm(self, path: Any, recursive: bool = False, maxdepth: int | None = None) -> None:
        """Delete files, and with ``recursive`` folders with all that is in them, each with one request.

        They go to the recycle bin, unless the filesystem was made with ``permanent=True``.
        """
        if maxdepth is not None:
            super().rm(path, recursive=recursive, maxdepth=maxdepth)
            return
        paths = path if isinstance(path, list) else [path]
        names = sorted({name for each in paths for name in self._named(each)}, reverse=True)
        self.client.settings.policy.check_count(len(names))
        if _is_nested(names):  # what is in a folder goes before the folder
            for name in names:
                self._remove(name, recursive=recursive)
        else:
            self.each([partial(self._remove, name, recursive=recursive) for name in names])

    def mv(self, path1: Any, path2: Any, recursive: bool = False, maxdepth: int | None = None, **kwargs: Any) -> None:
        """Move or rename files and folders, each with one request that changes something.

        A file that has the name is replaced; into a folder that exists is moved.
        """
        is_one = not isinstance(path1, list) and not self.is_pattern(path1)
        if is_one and not isinstance(path2, list):
            pairs = [(self.path_of(path1), self._target(_last(self.path_of(path1)), path2))]
        else:
            pairs = self._pairs(path1, path2, recursive=False, maxdepth=maxdepth, only_files=False)
        for source, target in pairs:
            if source != target:
                self._move(source, target)

    def cp_file(self, path1: Any, path2: Any, **kwargs: Any) -> None:
        """Copy a file on the server; of a folder only an empty one is created."""
        source, target = self.path_of(path1), self.path_of(path2)
        if self.info(source)["type"] == "directory":
            self.makedirs(target, exist_ok=True)
        else:
            self._copy(source, target)

    def copy(
        self,
        path1: Any,
        path2: Any,
        recursive: bool = False,
        maxdepth: int | None = None,
        on_error: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Copy on the server: a folder that is not there yet with one request, else file by file, several at once.

        :param on_error: ``ignore`` leaves out what has vanished meanwhile, as with ``recursive``; ``raise`` does not.
        """
        if recursive and maxdepth is None and self._is_one_folder(path1) and not isinstance(path2, list):
            target = self._target(_last(self.path_of(path1)), path2, means_contents=has_slash(path1))
            if self.info_or_none(target) is None:
                self._copy(self.path_of(path1), target)
                return
        pairs = self._pairs(path1, path2, recursive=recursive, maxdepth=maxdepth)
        folders = [pair for pair in pairs if self.isdir(pair[0])]
        for source, target in folders:
            self.cp_file(source, target)
        ignores = on_error == "ignore" or (on_error is None and recursive)
        jobs = [partial(self._copy_one, *pair, ignores=ignores) for pair in pairs if pair not in folders]
        self.each(jobs)

    def _copy_one(self, source: str, target: str, *, ignores: bool) -> None:
        try:
            self.cp_file(source, target)
        except FileNotFoundError:
            if not ignores:
                raise

    def _copy(self, source: str, target: str) -> None:
        try:
            self.client.copy(source, target, if_exists="replace", create_folders=self.options.auto_mkdir)
        finally:
            self.invalidate_cache(target)

    def _move(self, source: str, target: str) -> None:
        try:
            self.client.move(source, target, if_exists="replace", create_folders=self.options.auto_mkdir)
        finally:
            self.invalidate_cache(source)
            self.invalidate_cache(target)

    def _remove(self, name: str, *, recursive: bool) -> None:
        options = DeleteOptions(max_items=None)
        try:
            self.client.delete(name, recursive=recursive, permanent=self.options.permanent, options=options)
        finally:
            self.invalidate_cache(name)

    def _make_folder(self, name: str, *, exist_ok: bool, create_parents: bool) -> None:
        if _is_above_drives(name):  # what is above a drive, such as "users", is nothing that could be created
            return
        info = self.info_or_none(name)
        if info is not None and info["type"] == "directory" and exist_ok:
            return
        if info is not None:
            raise NameAlreadyExists(f"{name} exists.")
        try:
            self.client.create_folder(name, exist_ok=exist_ok, create_folders=create_parents)
        finally:
            self.invalidate_cache(name)

    def _named(self, path: Any) -> list[str]:
        name = self.path_of(path)
        return self.expand_path(name) if self.is_pattern(name) else [name]

    def _is_one_folder(self, path: Any) -> bool:
        return not isinstance(path, list) and not self.is_pattern(path) and self.isdir(path)

    def _target(self, source_name: str, path2: Any, *, means_contents: bool = False) -> str:
        """Return where one source goes: into a folder that exists, as `cp` and `mv` do.

        :param means_contents: whether what is in a folder is meant, which a slash at its end says.
        """
        target = str(self.path_of(path2))
        if not means_contents and (has_slash(path2) or self.isdir(target)):
            return f"{target}/{source_name}"
        return target

    def _pairs(
        self, path1: Any, path2: Any, *, recursive: bool, maxdepth: int | None, only_files: bool = True
    ) -> list[tuple[str, str]]:
        """Return what goes where, by the rules of fsspec.

        https://filesystem-spec.readthedocs.io/en/latest/copying.html
        """
        if isinstance(path1, list) and isinstance(path2, list):
            return list(zip(self.path_of(path1), self.path_of(path2), strict=True))
        is_one = not isinstance(path1, list)
        sources = self.expand_path(path1, recursive=recursive, maxdepth=maxdepth)
        if is_one and only_files and (not recursive or maxdepth is not None):
            sources = [each for each in sources if not (has_slash(each) or self.isdir(each))]
        if not sources:
            return []
        is_folder = has_slash(path2) or self.isdir(path2)
        is_pattern = is_one and self.is_pattern(path1)
        goes_into = is_one and (len(sources) == 1 if is_pattern else is_folder and not has_slash(path1))
        targets = other_paths(sources, path2, exists=goes_into, flatten=not is_one)
        return [(source, self.path_of(target)) for source, target in zip(sources, targets, strict=True)]


def has_slash(path: Any) -> bool:
    """Return whether a path ends in a slash, which says that a folder, or what is in it, is meant."""
    return str(stringify_path(path)).endswith("/")


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _is_nested(names: Collection[str]) -> bool:
    """Whether one of the paths is in another one."""
    given = set(names)
    return any(str(above) in given for name in names for above in PurePosixPath(name).parents)


def _is_above_drives(name: str) -> bool:
    """Return whether a path is only the beginning of a location: programs create the folder of what they write."""
    words = name.split("/")
    ids = {"users": 1, "groups": 1, "drives": 1, "items": 2, "sites": 2, "shared": 1}
    return words[0].lower() in ROOTS and len(words) <= ids.get(words[0].lower(), 0) and all(words)
