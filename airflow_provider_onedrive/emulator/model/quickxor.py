"""QuickXorHash, the one hash every OneDrive item carries.

https://learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from typing import Any

# The hash shifts by 11 bits per byte in a register of 160 bits: after 160 bytes it is where it began. So whole rows
# of 160 bytes may be XORed with one another first, and only the one row that remains is placed bit by bit.
ROW_BYTES = 160
# Rows are XORed in blocks as integers. Blocks that fit the processor's first cache take half the time of larger ones.
BLOCK_BYTES = ROW_BYTES * 200
# From here on numpy, where it is installed, makes up for the time that it takes to load.
NUMPY_BYTES = 16 * 1024 * 1024
_ROW_BITS = ROW_BYTES * 8
_WIDTH = 160
_MASK = (1 << _WIDTH) - 1
_SHIFTS = tuple(index * 11 % _WIDTH for index in range(ROW_BYTES))


def quick_xor_hash(pieces: Iterable[bytes]) -> str:
    """Return the hash in base64."""
    block = length = 0
    for part in _blocks(pieces):
        block ^= _xor(part, _numpy() if length >= NUMPY_BYTES else None)
        length += len(part)
    # The length is XORed on the last eight of the twenty bytes.
    register = _rotate(_fold(block, min(length, BLOCK_BYTES)), min(length, ROW_BYTES)) ^ (length << 96 & _MASK)
    return base64.b64encode(register.to_bytes(20, "little")).decode()


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes | memoryview]:
    """Yield parts of whole blocks, independent of the length of the pieces. The last part may be shorter."""
    rest = b""
    for piece in pieces:
        start = min(BLOCK_BYTES - len(rest), len(piece)) if rest else 0
        rest += piece[:start]
        if len(rest) == BLOCK_BYTES:
            yield rest
            rest = b""
        if rest:
            continue
        view, stop = memoryview(piece), start + (len(piece) - start) // BLOCK_BYTES * BLOCK_BYTES
        yield view[start:stop]
        rest = piece[stop:]
    yield rest


def _xor(part: bytes | memoryview, numpy: Any) -> int:
    """XOR the blocks of a part with one another."""
    if numpy and len(part) % BLOCK_BYTES == 0:
        words = numpy.frombuffer(part, numpy.uint64).reshape(-1, BLOCK_BYTES // 8)
        return int.from_bytes(numpy.bitwise_xor.reduce(words, axis=0).tobytes(), "little")
    block = 0
    for start in range(0, len(part), BLOCK_BYTES):
        block ^= int.from_bytes(part[start : start + BLOCK_BYTES], "little")
    return block


@cache
def _numpy() -> Any:
    try:
        return import_module("numpy")
    except ImportError:
        return None


def _fold(value: int, size: int) -> int:
    rows = -(-size // ROW_BYTES)
    while rows > 1:
        rows -= rows // 2
        bits = rows * _ROW_BITS
        value = (value & ((1 << bits) - 1)) ^ (value >> bits)
    return value


def _rotate(row: int, size: int) -> int:
    register = 0
    for byte, shift in zip(row.to_bytes(size, "little"), _SHIFTS, strict=False):
        register ^= byte << shift
    return (register & _MASK) ^ (register >> _WIDTH)
