"""A drive as simple as can be, to compare the emulator's with; it shares no code with it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count


@dataclass(eq=False)
class Node:
    """A folder when it has no content.

    :param tag: the eTag as it was told last.
    """

    id: str
    name: str
    parent: Node | None
    content: bytes | None = None
    tag: str = ""
    versions: int = 1

    @property
    def is_folder(self) -> bool:
        return self.content is None

    def is_within(self, folder: Node) -> bool:
        return self is folder or (self.parent is not None and self.parent.is_within(folder))


class Model:
    """:ivar nodes: all that is in the tree, the root first.

    :ivar bin: what was deleted, with all that lay below it, and the folder it was in.
    """

    def __init__(self, root_id: str) -> None:
        self.root = Node(root_id, "root", None)
        self.nodes = [self.root]
        self.bin: list[tuple[list[Node], Node]] = []

    @property
    def folders(self) -> list[Node]:
        return [node for node in self.nodes if node.is_folder]

    @property
    def files(self) -> list[Node]:
        return [node for node in self.nodes if not node.is_folder]

    def children(self, folder: Node) -> list[Node]:
        return [node for node in self.nodes if node.parent is folder]

    def child(self, folder: Node, name: str) -> Node | None:
        """Find by name, whose case does not count."""
        return next((node for node in self.children(folder) if node.name.lower() == name.lower()), None)

    def size(self, node: Node) -> int:
        return sum(len(other.content or b"") for other in self.nodes if other.is_within(node))

    def add(self, folder: Node, name: str, content: bytes | None) -> Node:
        node = Node("", name, folder, content)
        self.nodes.append(node)
        return node

    def remove(self, node: Node) -> list[Node]:
        gone = [other for other in self.nodes if other.is_within(node)]
        self.nodes = [other for other in self.nodes if other not in gone]
        return gone

    def free_name(self, folder: Node, name: str, *, of_folder: bool) -> str:
        return next(other for other in _numbered(name, of_folder=of_folder) if self.child(folder, other) is None)


def _numbered(name: str, *, of_folder: bool) -> Iterator[str]:
    stem, dot, extension = name.rpartition(".")
    for number in count(1):
        yield f"{name} {number}" if of_folder or not stem else f"{stem} {number}{dot}{extension}"


def quick_xor_hash(content: bytes) -> str:
    """Compute it as it is described: a register of 160 bits, into which each byte goes 11 bits further on.

    https://learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash
    """
    # After 160 bytes the places are the same again, so those bytes go in together.
    row = 0
    for start in range(0, len(content), 160):
        row ^= int.from_bytes(content[start : start + 160].ljust(160, b"\0"), "little")
    register = len(content) << 96
    for index, byte in enumerate(row.to_bytes(160, "little")):
        moved = byte << (index * 11 % 160)
        register ^= (moved & (2**160 - 1)) | (moved >> 160)
    return base64.b64encode(register.to_bytes(20, "little")).decode()
