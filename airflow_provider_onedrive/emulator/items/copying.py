"""Copying: the tree is read first and then written item by item.

An item that cannot be written does not stop the others, as in the service: part of a copy can remain.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_onedrive.emulator.errors.problems import Problem, invalid_request, name_taken
from airflow_provider_onedrive.emulator.items import locks
from airflow_provider_onedrive.emulator.model.contents import Content
from airflow_provider_onedrive.emulator.model.drive import Drive, Identity, Item, Version


@dataclass(frozen=True)
class Original:
    """An item as it was when the copy began."""

    id: str
    name: str
    content: Content | None
    package: str | None
    version: int
    past: tuple[Version, ...]
    is_shortcut: bool
    children: tuple[Original, ...]


def original(item: Item) -> Original:
    """Read an item and all below it. The lock of its drive is held."""
    children = tuple(original(child) for child in item.children.values())
    return Original(
        item.id, item.name, item.content, item.package, item.version, item.past, item.remote is not None, children
    )


def shortcut_refused() -> Problem:
    return invalid_request("A shortcut cannot be copied: use the ids in remoteItem.")


@dataclass
class Copying:
    """Writes below one folder. It is called within a change of its drive.

    :ivar problems: the names of the items that could not be written, each with its error.
    """

    drive: Drive
    by: Identity
    conflict: str
    keeps_versions: bool
    problems: list[tuple[str, Problem]] = field(default_factory=list)

    def write(self, source: Original, parent: Item, name: str) -> Item:
        """Write an item and all below it.

        :raises Problem: not even the item itself could be written.
        """
        if source.is_shortcut:
            raise shortcut_refused()
        name = self._free(source, parent, name)
        if source.content is not None:
            return self._write_file(source, source.content, parent, name)
        folder = self.drive.add_folder(parent, name, self.by)
        folder.package = source.package
        for child in source.children:
            self.try_write(child, folder)
        return folder

    def try_write(self, source: Original, parent: Item) -> None:
        try:
            self.write(source, parent, source.name)
        except Problem as problem:
            self.problems.append((source.name, problem))

    def _write_file(self, source: Original, content: Content, parent: Item, name: str) -> Item:
        item = self.drive.add_file(parent, name, content, self.by)
        if self.keeps_versions:
            item.version, item.past = source.version, source.past
        return item

    def _free(self, source: Original, parent: Item, name: str) -> str:
        """Return the name to write under. A replaced file loses its history."""
        existing = parent.child(name)
        if existing is None:
            return name
        if self.conflict == "rename":
            return self.drive.free_name(parent, name, folder=source.content is None)
        # Documented: for folders `replace` behaves as `fail`.
        if self.conflict == "fail" or existing.is_folder or source.content is None or existing.id == source.id:
            raise name_taken()
        locks.check(self.drive, existing, self.by, "copy")
        # Documented: the old file goes with its history, and not into the recycle bin.
        self.drive.remove(existing, permanent=True)
        return name
