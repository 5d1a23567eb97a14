"""Hashes of what is sent, taken as it passes, and what Graph says of what it has.

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
PERSONAL = ("quickXorHash", "sha1Hash", "sha256Hash")

_REWRITTEN_SUFFIXES = frozenset(
    {
        *(".doc", ".docm", ".docx", ".dot", ".dotm", ".dotx", ".xls", ".xlsb", ".xlsm", ".xlsx", ".xlt", ".xltm"),
        *(".xltx", ".ppt", ".pptm", ".pptx", ".pot", ".potm", ".potx", ".pps", ".ppsm", ".ppsx", ".vsdx", ".vsdm"),
        *(".pdf", ".htm", ".html"),
    }
)


class Comparison(Enum):
    """What comparing an item with its source says."""

    SAME = "same"
    UNKNOWN = "Graph has no hash of it yet"
    REWRITTEN = "SharePoint rewrote it"
    DIFFERENT = "different"


class Digests:
    """Hashes of a source's bytes, in their order; bytes that pass twice count once.

    :param names: Graph's names of the hashes to take.
    :param while_passing: take them while bytes pass; else the source is read for them when they are asked for.
    """

    def __init__(self, source: Source, names: Iterable[str] = EVERY_DRIVE, *, while_passing: bool = True) -> None:
        self._source = source
        self._hashes: dict[str, Any] = {name: _MAKERS[name]() for name in names}
        self._while_passing = while_passing
        self._position = 0

    def passing(self, start: int, length: int) -> Iterator[bytes]:
        """Give the source's bytes, and take them on the way; what lies before and was not taken yet is read first."""
        pieces = self._source.pieces(start, length)
        return self._taking(start, pieces) if self._while_passing else pieces

    def _taking(self, start: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
        self._take_until(start)
        for piece in pieces:
            self._take(start, piece)
            start += len(piece)
            yield piece

    def values(self) -> dict[str, str]:
        """Return the hashes of the whole source as Graph writes them; what was not taken yet is read."""
        self._take_until(self._source.size)
        return {name: _written(value) for name, value in self._hashes.items()}

    def _take_until(self, position: int) -> None:
        start = self._position
        if start < position:
            for piece in self._source.pieces(start, position - start):
                self._take(self._position, piece)

    def _take(self, start: int, piece: bytes) -> None:
        fresh = memoryview(piece)[max(self._position - start, 0) :]
        if start <= self._position and fresh:
            for each in self._hashes.values():
                each.update(fresh)
            self._position += len(fresh)


def compare(item: DriveItem, source: Source, digests: Digests) -> Comparison:
    """Compare what Graph says of an item with its source. Hashes are asked for only where they can tell.

    A hash that Graph does not give is not compared; without any, two files of one size may still differ.
    """
    if item.is_folder or item.package_type:
        return Comparison.DIFFERENT
    if item.size != source.size:
        return _changed(item)
    if source.size == 0:
        return Comparison.SAME
    return _by_hash(item, digests) if item.hashes else Comparison.UNKNOWN


def compare_items(item: DriveItem, other: DriveItem) -> Comparison:
    """Compare what Graph says of two files, as of a copy and its source."""
    if any(each.is_folder or each.package_type for each in (item, other)):
        return Comparison.DIFFERENT
    if item.size != other.size:
        return _changed(item)
    return Comparison.SAME if item.size == 0 else _same_hashes(item, other.hashes)


def is_rewritten(item: DriveItem) -> bool:
    """Say whether SharePoint may have changed the file, which it does by its type; a personal drive never does."""
    return item.drive_type != "personal" and PurePath(item.name).suffix.lower() in _REWRITTEN_SUFFIXES


def hash_pieces(pieces: Iterable[bytes]) -> str:
    """Return the quickXorHash of some bytes."""
    quick_xor = QuickXorHash()
    for piece in pieces:
        quick_xor.update(piece)
    return quick_xor.base64()


def _by_hash(item: DriveItem, digests: Digests) -> Comparison:
    return _same_hashes(item, digests.values())


def _same_hashes(item: DriveItem, ours: Mapping[str, str]) -> Comparison:
    both = ours.keys() & item.hashes.keys()
    if not both:
        return Comparison.UNKNOWN
    is_same = all(_folded(name, ours[name]) == _folded(name, item.hashes[name]) for name in both)
    return Comparison.SAME if is_same else _changed(item)


def _changed(item: DriveItem) -> Comparison:
    return Comparison.REWRITTEN if is_rewritten(item) else Comparison.DIFFERENT


def _folded(name: str, value: str) -> str:
    """Hexadecimal digits come in either case; base64 is compared to the letter."""
    return value if name == "quickXorHash" else value.upper()


def _written(value: Any) -> str:
    return value.base64() if isinstance(value, QuickXorHash) else value.hexdigest().upper()


_MAKERS: Mapping[str, Any] = {
    "quickXorHash": QuickXorHash,
    "sha1Hash": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256Hash": hashlib.sha256,
}
