"""Hashes of the bytes that are sent, and their comparison with the hashes of Graph.

https://learn.microsoft.com/en-us/graph/api/resources/hashes
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

from airflow_provider_onedrive.graph.content.quickxor import QuickXorHash
from airflow_provider_onedrive.graph.content.sources import Source
from airflow_provider_onedrive.graph.protocol.models import DriveItem

EVERY_DRIVE = ("quickXorHash",)
# Measured on a personal drive; Microsoft's page says that sha256Hash is not supported there.
PERSONAL = ("quickXorHash", "sha1Hash", "sha256Hash")

# SharePoint and OneDrive for Business rewrite files of these types after an upload: size and hash change.
# https://github.com/OneDrive/onedrive-api-docs/issues/935
_REWRITTEN_SUFFIXES = frozenset(
    {
        *(".doc", ".docm", ".docx", ".dot", ".dotm", ".dotx", ".xls", ".xlsb", ".xlsm", ".xlsx", ".xlt", ".xltm"),
        *(".xltx", ".ppt", ".pptm", ".pptx", ".pot", ".potm", ".potx", ".pps", ".ppsm", ".ppsx", ".vsdx", ".vsdm"),
        *(".pdf", ".htm", ".html"),
    }
)


class Comparison(Enum):
    """The result of comparing an item with its source."""

    SAME = "same"
    UNKNOWN = "Graph has no hash of it yet"
    REWRITTEN = "SharePoint rewrote it"
    DIFFERENT = "different"


class Digests:
    """Hashes of a source's bytes. Bytes that are sent twice are hashed once.

    :param names: Graph's names of the hashes.
    :param while_passing: hash the bytes while they are sent; else the source is read when the hashes are needed.
    """

    def __init__(self, source: Source, names: Iterable[str] = EVERY_DRIVE, *, while_passing: bool = True) -> None:
        self._source = source
        self._hashes: dict[str, Any] = {name: _MAKERS[name]() for name in names}
        self._while_passing = while_passing
        self._position = 0

    def passing(self, start: int, length: int) -> Iterator[bytes]:
        """Yield the source's bytes and hash them while they pass; earlier bytes not hashed yet are read first."""
        pieces = self._source.pieces(start, length)
        return self._taking(start, pieces) if self._while_passing else pieces

    def _taking(self, start: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
        self._take_until(start)
        for piece in pieces:
            self._take(start, piece)
            start += len(piece)
            yield piece

    def values(self) -> dict[str, str]:
        """Return the hashes of the whole source as Graph writes them; the bytes that were not sent are read."""
        self._take_until(self._source.size)
        return {name: _written(value) for name, value in self._hashes.items()}

    def _take_until(self, position: int) -> None:
        start = self._position
        if start < position:
            for piece in self._source.pieces(start, position - start):
                self._take(self._position, piece)

    def _take(self, start: int, piece: bytes) -> None:
        fresh = memoryview(piece)[max(self._position - start, 0) :]  # a repeated fragment has bytes from before
        if start <= self._position and fresh:
            for each in self._hashes.values():
                each.update(fresh)
            self._position += len(fresh)


def compare(item: DriveItem, source: Source, digests: Digests) -> Comparison:
    """Compare an item with its source by size and hash.

    The source is hashed only if the sizes are equal, or if Graph does not say the size. If Graph sends no hash, two
    files of one size may still differ.
    """
    if item.is_folder or item.package_type:
        return Comparison.DIFFERENT
    if item.size not in (None, source.size):
        return _changed(item)
    # Graph makes a hash of empty files only since 2023 (OD#1704).
    if item.size == source.size == 0:
        return Comparison.SAME
    return _by_hash(item, digests) if item.hashes else Comparison.UNKNOWN


def compare_items(item: DriveItem, other: DriveItem) -> Comparison:
    """Compare two files of Graph, such as a copy and its source."""
    if any(each.is_folder or each.package_type for each in (item, other)):
        return Comparison.DIFFERENT
    if None not in (item.size, other.size) and item.size != other.size:
        return _changed(item)
    # Graph leaves the size out of some items (OD#535), and a hash alone proves as much.
    return Comparison.SAME if item.size == other.size == 0 else _same_hashes(item, other.hashes)


def is_rewritten(item: DriveItem) -> bool:
    """Return whether SharePoint may have rewritten the file, which depends on its type.

    A personal drive never rewrites one.
    """
    return item.drive_type != "personal" and PurePath(item.name).suffix.lower() in _REWRITTEN_SUFFIXES


def hash_pieces(pieces: Iterable[bytes]) -> str:
    """Return the quickXorHash of all bytes."""
    quick_xor = QuickXorHash()
    for piece in pieces:
        quick_xor.update(piece)
    return quick_xor.base64()


def _by_hash(item: DriveItem, digests: Digests) -> Comparison:
    return _same_hashes(item, digests.values())


def _same_hashes(item: DriveItem, ours: Mapping[str, str]) -> Comparison:
    both = ours.keys() & item.hashes.keys() & _MAKERS.keys()  # no crc32Hash, which alone would prove little
    if not both:
        return Comparison.UNKNOWN
    is_same = all(_folded(name, ours[name]) == _folded(name, item.hashes[name]) for name in both)
    return Comparison.SAME if is_same else _changed(item)


def _changed(item: DriveItem) -> Comparison:
    return Comparison.REWRITTEN if is_rewritten(item) else Comparison.DIFFERENT


def _folded(name: str, value: str) -> str:
    # Graph writes hexadecimal digits in either case; base64 is compared exactly.
    return value if name == "quickXorHash" else value.upper()


def _written(value: Any) -> str:
    return value.base64() if isinstance(value, QuickXorHash) else value.hexdigest().upper()


_MAKERS: Mapping[str, Any] = {
    "quickXorHash": QuickXorHash,
    # A build of OpenSSL for FIPS refuses SHA-1 otherwise.
    "sha1Hash": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256Hash": hashlib.sha256,
}
