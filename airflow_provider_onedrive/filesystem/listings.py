"""The methods that read what is there: listings, properties, and whole trees."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from glob import has_magic
from typing import Any, cast

from airflow_provider_onedrive.filesystem.base import BaseFileSystem
from airflow_provider_onedrive.filesystem.info_cache import Info
from airflow_provider_onedrive.filesystem.infos import info_of
from airflow_provider_onedrive.graph.flows.absence import exists, stat_surely
from airflow_provider_onedrive.graph.flows.items import stat
from airflow_provider_onedrive.graph.flows.walk import walk_of
from airflow_provider_onedrive.graph.protocol.digests import digest
from airflow_provider_onedrive.graph.protocol.errors import (
    ConfigurationError,
    DriveNotFound,
    IsNoFolder,
    ItemNotFound,
)

Infos = dict[str, Info]
OnError = str | Callable[[OSError], object]


class ListingMethods(BaseFileSystem):
    """Listings, properties and trees."""

    def info(self, path: Any, **kwargs: Any) -> Info:
        """Describe a file or a folder.

        :param kwargs: ``refresh=True`` asks anew.
        :raises ItemNotFound: if it is not there.
        """
        if kwargs.get("refresh"):
            self.invalidate_cache(path)
        info = self.info_or_none(path)
        if info is None:
            name = self.path_of(path)
            info = info_of(name, self.client.about("look at", name, stat_surely))
        return dict(info)

    def exists(self, path: Any, **kwargs: Any) -> bool:
        """Return whether an item is there.

        One request if it is. That it is not is proven by some more, 2 to 4 seconds later: what a program does then
        may replace the item.

        :raises DriveNotFound: if even its drive is not: a wrong site or user is not an answer of "no".
        """
        name = self.path_of(path)
        return self.info_or_none(name) is not None or bool(self.client.about("look at", name, exists))

    def isdir(self, path: Any) -> bool:
        """Return whether it is a folder."""
        return self._is(path, "directory")

    def isfile(self, path: Any) -> bool:
        """Return whether it is a file."""
        return self._is(path, "file")

    def created(self, path: Any) -> Any:
        """Return when it was created, by the server's clock."""
        return self.info(path).get("created")

    def modified(self, path: Any) -> Any:
        """Return when it was changed last, by the server's clock."""
        return self.info(path).get("modified")

    def ukey(self, path: Any) -> str:
        """Return a text that differs for another version of a file."""
        info = self.info(path)
        return digest(f"{info.get('drive_id')}/{info.get('ino')}/{info.get('etag')}")

    def checksum(self, path: Any) -> int:
        """Return a number that differs for another content of a file."""
        info = self.info(path)
        content = info.get("quick_xor_hash") or info.get("ctag") or info.get("etag")
        return int(digest(f"{info['size']}/{content}"), 16)

    def ls(self, path: Any, detail: bool = True, refresh: bool = False, **kwargs: Any) -> Any:
        """List a folder; of a file return the file itself.

        :raises ItemNotFound: if it is not there.
        """
        name = self.path_of(path)
        if refresh:
            self.infos.forget(name)
        infos = self._children(name)
        return [dict(info) for info in infos] if detail else [info["name"] for info in infos]

    def find(
        self, path: Any, maxdepth: int | None = None, withdirs: bool = False, detail: bool = False, **kwargs: Any
    ) -> Any:
        """List all files below a folder: by delta of a whole drive, else folder by folder, several at once."""
        name = self.path_of(path)
        try:
            infos = self._below(name, maxdepth)
        except IsNoFolder:
            infos = {name: self.info(name)}
        except DriveNotFound:
            raise
        except ItemNotFound:
            infos = {}
        else:
            if withdirs:
                infos[name] = self.info(name)
        names = sorted(each for each, info in infos.items() if withdirs or info["type"] != "directory")
        return {each: dict(infos[each]) for each in names} if detail else names

    def walk(
        self,
        path: Any,
        maxdepth: int | None = None,
        topdown: bool = True,
        on_error: OnError = "omit",
        **kwargs: Any,
    ) -> Iterator[tuple[str, Any, Any]]:
        """Yield each folder with the names of its folders and files, as ``os.walk`` does; the tree is read at once.

        :param on_error: what happens if the folder cannot be read: ``omit``, ``raise``, or a function that takes it.
        """
        _check_depth(maxdepth)
        name, detail = self.path_of(path), bool(kwargs.pop("detail", False))
        try:
            infos = self._below(name, maxdepth)
        except IsNoFolder:
            yield name, {} if detail else [], {"": self.info(name)} if detail else [""]
            return
        except OSError as error:
            if on_error == "raise":
                raise
            if callable(on_error):
                on_error(error)
            return
        yield from _walked(name, _by_folder(name, infos), maxdepth, topdown=topdown, detail=detail)

    def du(
        self, path: Any, total: bool = True, maxdepth: int | None = None, withdirs: bool = False, **kwargs: Any
    ) -> Any:
        """Add up the sizes of all files below a folder, from one listing of the tree."""
        infos = self.find(path, maxdepth=maxdepth, withdirs=withdirs, detail=True, **kwargs)
        sizes = {name: info["size"] or 0 for name, info in infos.items()}
        return sum(sizes.values()) if total else sizes

    def expand_path(self, path: Any, recursive: bool = False, maxdepth: int | None = None, **kwargs: Any) -> Any:
        """Turn patterns and folders into paths.

        OneDrive allows ``[`` in names, and fsspec's patterns give it a meaning: an item of exactly that name counts.
        """
        paths = list(path) if isinstance(path, (list, tuple, set)) else [path]
        literal = [each for each in map(self.path_of, paths) if "[" in each and not self.is_pattern(each)]
        if not literal:
            return super().expand_path(path, recursive=recursive, maxdepth=maxdepth, **kwargs)
        others = [each for each in map(self.path_of, paths) if each not in literal]
        expanded = (
            set(super().expand_path(others, recursive=recursive, maxdepth=maxdepth, **kwargs)) if others else set()
        )
        for each in literal:
            expanded |= {each, *(self.find(each, maxdepth=maxdepth, withdirs=True) if recursive else ())}
        return sorted(expanded)

    def is_pattern(self, path: Any) -> bool:
        """Return whether a path means all items that it matches; not if an item has exactly that name."""
        name = self.path_of(path)
        return has_magic(name) and ("*" in name or "?" in name or self.info_or_none(name) is None)

    def _is(self, path: Any, kind: str) -> bool:
        info = self.info_or_none(path)
        return info is not None and info["type"] == kind

    def _children(self, name: str) -> list[Info]:
        """List a folder, of a file only the file."""
        recent = self.infos.listing(name)
        if recent is not None:
            return recent
        info = self.infos.info(name)
        if info is not None and info["type"] != "directory":
            return [info]
        changes = self.infos.changes
        try:
            infos = self._list(name)
        except IsNoFolder:
            return [self.info(name)]
        self.infos.note_listing(name, infos, changes)
        return infos

    def _list(self, name: str) -> list[Info]:
        client = self.client
        if client.parser.parse(name).is_list_of_shared:
            shared = [(f"{name}/{each.name}", each.location) for each in client.shared_folders()]
            return self.each(partial(self._entry, entry, location) for entry, location in shared)
        return [info_of(f"{name}/{item.name}", item) for item in client.children_of(client.address(name))]

    def _entry(self, name: str, location: str) -> Info:
        return info_of(name, self.client.about("look at", location, stat))

    def _below(self, name: str, maxdepth: int | None) -> Infos:
        """Read everything below a folder, by name.

        :raises IsNoFolder: if it is a file.
        """
        _check_depth(maxdepth)
        changes = self.infos.changes
        is_list_of_shared = self.client.parser.parse(name).is_list_of_shared
        infos = self._level_by_level(name, maxdepth) if maxdepth or is_list_of_shared else self._walked(name)
        self.infos.note_infos(list(infos.values()), changes)
        return infos

    def _walked(self, name: str) -> Infos:
        client = self.client
        walk = walk_of(client.address(name), has_delta=client.settings.has_delta)
        names = ((f"{name}/{visit.path}", visit.item) for visit in client.visits(walk))
        return {each: info_of(each, item) for each, item in names}

    def _level_by_level(self, name: str, maxdepth: int | None) -> Infos:
        infos: Infos = {}
        folders, depth = [name], 0
        while folders and depth != maxdepth:
            listings = self.each(partial(self._children, folder) for folder in folders)
            if depth == 0 and [each["name"] for each in listings[0]] == [name]:
                raise IsNoFolder(f"{name} is a file.")
            level = [info for listing in listings for info in listing]
            infos |= {info["name"]: info for info in level}
            folders = [info["name"] for info in level if info["type"] == "directory"]
            depth += 1
        return infos


def _check_depth(maxdepth: int | None) -> None:
    if maxdepth is not None and maxdepth < 1:
        raise ConfigurationError(f"maxdepth is {maxdepth}.", advice="Give at least 1.")


def _by_folder(root: str, infos: Mapping[str, Info]) -> dict[str, Infos]:
    folders: dict[str, Infos] = defaultdict(dict)
    for name, info in sorted(infos.items()):
        folder, _, last = name.rpartition("/")
        folders[folder][last] = info
    folders[root]  # one that is empty
    return folders


def _walked(
    name: str, folders: Mapping[str, Infos], maxdepth: int | None, *, topdown: bool, detail: bool
) -> Iterator[tuple[str, Any, Any]]:
    entries = folders.get(name, {})
    dirs: Any = {each: info for each, info in entries.items() if info["type"] == "directory"}
    files: Any = {each: info for each, info in entries.items() if info["type"] != "directory"}
    dirs, files = (dirs, files) if detail else (list(dirs), list(files))
    if topdown:
        yield name, dirs, files
    # After the yield: the caller may have taken folders away.
    for each in cast("list[str]", list(dirs)) if maxdepth is None or maxdepth > 1 else ():
        left = None if maxdepth is None else maxdepth - 1
        yield from _walked(f"{name}/{each}", folders, left, topdown=topdown, detail=detail)
    if not topdown:
        yield name, dirs, files
