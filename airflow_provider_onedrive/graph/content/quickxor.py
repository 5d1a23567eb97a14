"""QuickXorHash, the one hash that every kind of drive has.

A 160-bit register; byte ``i`` is XORed in at bit ``11 * i mod 160``, then the length over the last 64 bits.
https://learn.microsoft.com/en-us/onedrive/developer/code-snippets/quickxorhash
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from copy import copy
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from typing_extensions import Buffer  # from Python 3.12 on in collections.abc

_BITS = 160
_SHIFT = 11
_PERIOD = 160
"""After so many bytes the shift is back at 0, so rows of this length can be XORed before any bit is moved."""

_ROWS = 32
_BLOCK = _ROWS * _PERIOD
"""Rows are XORED many at a time; a block fits the processor's first cache."""

_LARGE_BYTES = 16 * 1024 * 1024
"""Up to here big integers are as fast as numpy, which takes a tenth of a second to load."""

Xor = Callable[[memoryview], int]


class QuickXorHash:
    """Takes bytes as they come: the whole file, or a range of it to be joined with the others.

    :param offset: where in the file the bytes begin.
    :param xor: how blocks are XORed; None means big integers, and for what is large numpy if it is installed.
    """

    def __init__(self, offset: int = 0, *, xor: Xor | None = None) -> None:
        self._row = 0
        self._length = 0
        self._position = offset
        self._xor = xor

    def update(self, piece: Buffer) -> None:
        """Take the next bytes."""
        view = memoryview(piece).cast("B")
        xor = self._xor or (fastest() if self._length >= _LARGE_BYTES else xor_with_integers)
        self._row ^= _rotate(_fold(xor(view)), self._position % _PERIOD)
        self._length += len(view)
        self._position += len(view)

    def combine(self, other: QuickXorHash) -> None:
        """Join what another has taken of the same file; the ranges may come in any order.

        A later ``update`` still goes on where this one's own bytes end.
        """
        self._row ^= other._row
        self._length += other._length

    def copy(self) -> Self:
        """Return one that goes on by itself from here."""
        return copy(self)

    def digest(self) -> bytes:
        """Return the 20 bytes; for ranges, once they are joined and make the file."""
        register = 0
        for index, byte in enumerate(self._row.to_bytes(_PERIOD, "little")):
            register ^= byte << index * _SHIFT % _BITS
        register ^= register >> _BITS ^ self._length << (_BITS - 64)
        return (register & ((1 << _BITS) - 1)).to_bytes(_BITS // 8, "little")

    def base64(self) -> str:
        """Return the text that Graph shows as ``quickXorHash``."""
        return base64.b64encode(self.digest()).decode("ascii")


@cache
def fastest() -> Xor:
    """Look for numpy, which is not imported before there is something to hash."""
    try:
        import_module("numpy")
    except ImportError:
        return xor_with_integers
    return xor_with_numpy


def xor_with_integers(piece: memoryview) -> int:
    """XOR all blocks of a piece with one another."""
    block = 0
    for start in range(0, len(piece), _BLOCK):
        block ^= int.from_bytes(piece[start : start + _BLOCK], "little")
    return block


def xor_with_numpy(piece: memoryview) -> int:
    """Do the same at the speed of the memory."""
    import numpy as np  # noqa: PLC0415 - it is large, and may be missing

    stop = len(piece) // _BLOCK * _BLOCK
    words = np.frombuffer(piece[:stop], np.uint64).reshape(-1, _BLOCK // 8)
    block = np.bitwise_xor.reduce(words, axis=0).tobytes()
    return int.from_bytes(block, "little") ^ int.from_bytes(piece[stop:], "little")


def _fold(block: int) -> int:
    """XOR the rows of a block by folding it in half again and again."""
    rows = _ROWS
    while rows > 1:
        rows //= 2
        bits = rows * _PERIOD * 8
        block = (block & ((1 << bits) - 1)) ^ (block >> bits)
    return block


def _rotate(row: int, columns: int) -> int:
    """Move each byte to its column; what leaves the row at its end comes in at its beginning."""
    moved = row << columns * 8
    return (moved & ((1 << _PERIOD * 8) - 1)) | (moved >> _PERIOD * 8)
