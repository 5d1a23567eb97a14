"""QuickXorHash, the only hash that every kind of drive has.

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
"""After 160 bytes the shift is 0 again, so rows of this length can be XORed before any bit is moved."""

_ROWS = 32
_BLOCK = _ROWS * _PERIOD
"""32 rows are XORed at a time: a block of 5 KiB fits into the processor's first cache."""

_LARGE_BYTES = 16 * 1024 * 1024
"""Up to here big integers are as fast as numpy, which takes a tenth of a second to load."""

Xor = Callable[[memoryview], int]


class QuickXorHash:
    """Hashes bytes as they come: those of a whole file, or of a range that is combined with the others later.

    :param offset: of the first byte in the file.
    :param xor: XORs blocks; None takes big integers, and numpy for large content if it is installed.
    """

    def __init__(self, offset: int = 0, *, xor: Xor | None = None) -> None:
        self._row = 0
        self._length = 0
        self._position = offset
        self._xor = xor

    def update(self, piece: Buffer) -> None:
        """Hash the next bytes."""
        # Else the length of an array's view would be that of its elements, and not of its bytes.
        view = memoryview(piece).cast("B")
        xor = self._xor or (fastest() if self._length >= _LARGE_BYTES else xor_with_integers)
        self._row ^= _rotate(_fold(xor(view)), self._position % _PERIOD)
        self._length += len(view)
        self._position += len(view)

    def combine(self, other: QuickXorHash) -> None:
        """Combine with the hash of another range of the same file; the order does not matter.

        A later ``update`` still continues after this one's own bytes.
        """
        self._row ^= other._row
        self._length += other._length

    def copy(self) -> Self:
        """Return an independent hash of the same bytes."""
        return copy(self)

    def digest(self) -> bytes:
        """Return the 20 bytes of the hash; of ranges, after all are combined."""
        register = 0
        for index, byte in enumerate(self._row.to_bytes(_PERIOD, "little")):
            register ^= byte << index * _SHIFT % _BITS
        # Bits beyond the register wrap to its beginning; the length goes over its last 64 bits.
        register ^= register >> _BITS ^ self._length << (_BITS - 64)
        return (register & ((1 << _BITS) - 1)).to_bytes(_BITS // 8, "little")

    def base64(self) -> str:
        """Return the text that Graph shows as ``quickXorHash``."""
        return base64.b64encode(self.digest()).decode("ascii")


@cache
def fastest() -> Xor:
    """Return the fastest function; numpy is imported only if there is much to hash."""
    try:
        import_module("numpy")
    except ImportError:
        return xor_with_integers
    return xor_with_numpy


def xor_with_integers(piece: memoryview) -> int:
    """XOR all blocks of a piece."""
    block = 0
    for start in range(0, len(piece), _BLOCK):
        block ^= int.from_bytes(piece[start : start + _BLOCK], "little")
    return block


def xor_with_numpy(piece: memoryview) -> int:
    """XOR all blocks of a piece with numpy, at the speed of the memory."""
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
    """Rotate a row by whole bytes."""
    moved = row << columns * 8
    return (moved & ((1 << _PERIOD * 8) - 1)) | (moved >> _PERIOD * 8)
