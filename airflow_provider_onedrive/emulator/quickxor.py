"""QuickXorHash, the one hash every OneDrive item carries.

https://learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash
"""

from __future__ import annotations

import base64
from collections.abc import Iterable

# The hash shifts by 11 bits per byte in a register of 160 bits: after 160 bytes it is where it began. So whole rows
# of 160 bytes may be XORed with one another first, and only the one row that remains is placed bit by bit.
ROW_BYTES = 160
PIECE_BYTES = ROW_BYTES * 2048
_ROW_BITS = ROW_BYTES * 8
_WIDTH = 160
_MASK = (1 << _WIDTH) - 1


def quick_xor_hash(pieces: Iterable[bytes]) -> str:
    """Return the hash in base64.

    :param pieces: every piece but the last is a multiple of ``ROW_BYTES`` long.
    """
    row = length = 0
    for piece in pieces:
        row ^= _fold(piece)
        length += len(piece)
    # The length is XORed on the last eight of the twenty bytes.
    register = _place(row, min(length, ROW_BYTES)) ^ (length << 96 & _MASK)
    return base64.b64encode(register.to_bytes(20, "little")).decode()


def _fold(piece: bytes) -> int:
    value = int.from_bytes(piece, "little")
    rows = -(-len(piece) // ROW_BYTES)
    while rows > 1:
        rows -= rows // 2
        bits = rows * _ROW_BITS
        value = (value & ((1 << bits) - 1)) ^ (value >> bits)
    return value


def _place(row: int, size: int) -> int:
    register = 0
    for index, byte in enumerate(row.to_bytes(size, "little")):
        register ^= byte << (index * 11 % _WIDTH)
    return (register & _MASK) ^ (register >> _WIDTH)
