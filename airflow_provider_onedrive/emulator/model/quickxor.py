"""QuickXorHash, the one hash every OneDrive item carries.

https://learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator

# The hash shifts by 11 bits per byte in a register of 160 bits: after 160 bytes it is where it began. So whole rows
# of 160 bytes may be XORed with one another first, and only the one row that remains is placed bit by bit.
ROW_BYTES = 160
# Rows are XORed in blocks as integers. Blocks that fit the processor's first cache take half the time of larger ones.
BLOCK_BYTES = ROW_BYTES * 200
_ROW_BITS = ROW_BYTES * 8
_WIDTH = 160
_MASK = (1 << _WIDTH) - 1
_SHIFTS = tuple(index * 11 % _WIDTH for index in range(ROW_BYTES))


def quick_xor_hash(pieces: Iterable[bytes]) -> str:
    """Return the hash in base64."""
    block = length = 0
    for part in _blocks(pieces):
        block ^= int.from_bytes(part, "little")
        length += len(part)
    # The length is XORed on the last eight of the twenty bytes.
    register = _place(_fold(block, min(length, BLOCK_BYTES)), min(length, ROW_BYTES)) ^ (length << 96 & _MASK)
    return base64.b64encode(register.to_bytes(20, "little")).decode()


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes | memoryview]:
    """Cut into blocks, whatever the length of the pieces; the last block may be shorter."""
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
        yield from (view[at : at + BLOCK_BYTES] for at in range(start, stop, BLOCK_BYTES))
        rest = piece[stop:]
    yield rest


def _fold(value: int, size: int) -> int:
    rows = -(-size // ROW_BYTES)
    while rows > 1:
        rows -= rows // 2
        bits = rows * _ROW_BITS
        value = (value & ((1 << bits) - 1)) ^ (value >> bits)
    return value


def _place(row: int, size: int) -> int:
    register = 0
    for byte, shift in zip(row.to_bytes(size, "little"), _SHIFTS, strict=False):
        register ^= byte << shift
    return (register & _MASK) ^ (register >> _WIDTH)
