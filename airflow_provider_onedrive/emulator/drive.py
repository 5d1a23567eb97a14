"""A drive as tests see it: seed it, look at it, without a request."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow_provider_onedrive.emulator import views
from airflow_provider_onedrive.emulator.contents import Content
from airflow_provider_onedrive.emulator.tree import Drive, FileTimes, Item
from airflow_provider_onedrive.emulator.world import World


class EmulatedDrive:
    """Paths are relative to the root of the drive, in plain text; names are compared as the service compares them."""

    def __init__(self, world: World, drive: Drive) -> None:
        self._world = world
        self._drive = drive

    @property
    def id(self) -> str:
        return self._drive.id

    @property
    def deny(self) -> bool:
        """While true, every Graph request to this drive is answered 403."""
        return self._drive.deny

    @deny.setter
    def deny(self, value: bool) -> None:
        self._drive.deny = value

    @property
    def recycle_bin(self) -> list[str]:
        """Return the paths of what was deleted, but not permanently."""
        return list(self._drive.recycle_bin)

    def put(self, path: str, content: bytes = b"", *, modified_at: datetime | None = None) -> dict[str, Any]:
        """Create or replace a file, with the folders above it.

        :param modified_at: what ``fileSystemInfo`` says, None = now.
        """
        times = FileTimes(modified=modified_at)
        *above, name = _names(path)
        with self._drive.lock:
            parent = self._make_folders(above)
            existing = parent.child(name)
            if existing and existing.is_folder:
                raise IsADirectoryError(path)
            if existing:
                item = self._drive.replace(existing, Content(content), self._drive.owner, times)
            else:
                item = self._drive.add_file(parent, name, Content(content), self._drive.owner, times)
            return self._json(item)

    def folder(self, path: str) -> dict[str, Any]:
        """Create a folder and those above it; one that exists is fine."""
        with self._drive.lock:
            return self._json(self._make_folders(_names(path)))

    def read(self, path: str) -> bytes:
        content = self._item(path).content
        if content is None:
            raise IsADirectoryError(path)
        return content.read()

    def exists(self, path: str) -> bool:
        return self._drive.look(self._drive.root, tuple(_names(path))) is not None

    def item(self, path: str = "") -> dict[str, Any]:
        """Return the driveItem as Graph would show it."""
        with self._drive.lock:
            return self._json(self._item(path))

    def paths(self) -> list[str]:
        """Return all files and folders, sorted; a folder's path ends in ``/``."""
        with self._drive.lock:
            return sorted(item.path + "/" * item.is_folder for item in self._drive.root.walk())

    def delete(self, path: str) -> None:
        with self._drive.lock:
            self._drive.remove(self._item(path))

    def version_count(self, path: str) -> int:
        return self._item(path).versions

    def _item(self, path: str) -> Item:
        item = self._drive.look(self._drive.root, tuple(_names(path)))
        if item is None:
            raise FileNotFoundError(path)
        return item

    def _make_folders(self, names: list[str]) -> Item:
        folder = self._drive.root
        for name in names:
            folder = folder.child(name) or self._drive.add_folder(folder, name, self._drive.owner)
            if not folder.is_folder:
                raise NotADirectoryError(folder.path)
        return folder

    def _json(self, item: Item) -> dict[str, Any]:
        return views.item_json(self._world, self._drive, item)


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name]
