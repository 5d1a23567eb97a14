"""What truly is in the drives and on the local disk, read without a request: the client has no part in it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DISK = "disk"


def key(path: str) -> str:
    """Return the text that two paths share if OneDrive takes them for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def joined(*names: str) -> str:
    return "/".join(filter(None, names))


@dataclass(frozen=True)
class Node:
    """A file or a folder of a drive or of the disk.

    :param store: the name of the drive, or of the disk.
    :param path: as it is stored, below the root.
    :param content: None of a folder.
    """

    store: str
    id: str
    parent_id: str
    path: str
    content: bytes | None = field(repr=False)

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def key(self) -> str:
        return key(self.path)

    @property
    def is_file(self) -> bool:
        return self.content is not None

    @property
    def state(self) -> tuple[Any, ...]:
        """What an operation may change. Of an item in a moved folder nothing changes."""
        return self.parent_id, self.name, self.content

    def below(self, folder: str) -> str:
        """Return the path below a folder that it is in."""
        return "/".join(self.path.split("/")[len(list(filter(None, folder.split("/")))) :])


class State:
    """All of it at one moment.

    :ivar bins: by drive, the paths in the recycle bin.
    """

    def __init__(self, drives: dict[str, Any], disk: Path) -> None:
        nodes = [node for name, drive in drives.items() for node in _drive_nodes(name, drive)]
        self.nodes = {(node.store, node.id): node for node in [*nodes, *_disk_nodes(disk)]}
        self.bins = {name: drive.recycle_bin for name, drive in drives.items()}

    def get(self, store: str, item_id: str) -> Node | None:
        return self.nodes.get((store, item_id))

    def at(self, store: str, path: str) -> Node | None:
        """Find by a path, whose case and normal form do not count on a drive."""
        if store == DISK:
            return self.get(store, path)
        return next((node for node in self.nodes.values() if node.store == store and node.key == key(path)), None)

    def below(self, store: str, folder: str) -> list[Node]:
        """Return everything below a folder, sorted."""
        start = f"{key(folder)}/" if folder else ""
        within = [node for node in self.nodes.values() if node.store == store and node.key.startswith(start)]
        return sorted(within, key=lambda node: node.path)

    def files(self, store: str, folder: str = "") -> dict[str, Node]:
        """Return the files below a folder, by their paths below it."""
        return {node.below(folder): node for node in self.below(store, folder) if node.is_file}

    def disk(self, folder: str) -> dict[str, Node]:
        """Return the files below a folder of the disk, whose names differ by case, too."""
        start = f"{folder}/"
        return {
            node.below(folder): node
            for node in self.below(DISK, folder)
            if node.path.startswith(start) and node.is_file
        }

    def paths(self, store: str) -> list[str]:
        return [node.path for node in self.below(store, "")]


def _drive_nodes(store: str, drive: Any) -> Iterator[Node]:
    for path in drive.paths():
        item = drive.item(path)
        content = None if path.endswith("/") else drive.read(path)
        yield Node(store, item["id"], item["parentReference"]["id"], path.rstrip("/"), content)


def _disk_nodes(root: Path) -> Iterator[Node]:
    for path in root.rglob("*"):
        # A part of a download, which a later attempt resumes.
        if not path.name.startswith("."):
            name = path.relative_to(root).as_posix()
            yield Node(DISK, name, name.rpartition("/")[0], name, path.read_bytes() if path.is_file() else None)
