"""QuickXorHash."""

from __future__ import annotations

import base64
import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from patience import HANG_SECONDS

from airflow_provider_onedrive.graph.content.quickxor import QuickXorHash, xor_with_integers, xor_with_numpy

# Published vectors: rclone, backend/onedrive/quickxorhash
VECTORS = [
    ("", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ("Sg==", "SgAAAAAAAAAAAAAAAQAAAAAAAAA="),
    ("tbQ=", "taAFAAAAAAAAAAAAAgAAAAAAAAA="),
    ("0pZP", "0rDEEwAAAAAAAAAAAwAAAAAAAAA="),
    ("jRRDVA==", "jaDAEKgAAAAAAAAABAAAAAAAAAA="),
    ("/aNzzCFPS/A=", "/RjFHJgRgicsAR4ACAAAAAAAAAA="),
    ("2fuxhBJXtpWFe8dOfdGeHw==", "O9tHLAghgSvYohKFyMMxnNCHaHg="),
    ("T6LYJIfDh81JrAK309H2JMJTXis=", "zBTHrspn3mEcohlJdIUAbjGNaNg="),
    (
        "Mb7EGva2rEE5fENDL85P+BsapHEEjv2/siVhKjvAQe02feExVOQSkfmuYzU/kTF1MaKjPmKF/w+cbvwfdWL8aQ==",
        "n1anP5NfvD4XDYWIeRPW3ZkPv1Y=",
    ),
]


both = pytest.mark.parametrize("xor", [xor_with_integers, xor_with_numpy])


def hash_of(*pieces, xor):
    quick_xor = QuickXorHash(xor=xor)
    for piece in pieces:
        quick_xor.update(piece)
    return quick_xor.base64()


def by_the_definition(content: bytes) -> str:
    """Move byte after byte, as the published description says."""
    register = 0
    for index, byte in enumerate(content):
        shift = index * 11 % 160
        register ^= (byte << shift | byte << shift >> 160) & ((1 << 160) - 1)
    return base64.b64encode((register ^ len(content) << 96).to_bytes(20, "little")).decode()


def some_bytes(length: int) -> bytes:
    return bytes((7 * index + index // 251) % 256 for index in range(length))


@both
@pytest.mark.parametrize(("content", "expected"), VECTORS)
def test_published_vectors(content, expected, xor):
    """What others compute is what we compute, byte by byte too."""
    data = base64.b64decode(content)
    assert hash_of(data, xor=xor) == expected
    assert hash_of(*(bytes([byte]) for byte in data), xor=xor) == expected
    assert by_the_definition(data) == expected


@both
@given(pieces=st.lists(st.binary(max_size=700)))
def test_pieces_make_the_whole(pieces, xor):
    """However the bytes come, the hash is that of the definition."""
    assert hash_of(*pieces, xor=xor) == by_the_definition(b"".join(pieces))


@both
@pytest.mark.parametrize("length", [159, 160, 161, 5119, 5120, 5121, 5120 + 160, 3 * 5120 - 1, 65537])
@pytest.mark.parametrize("lead", [0, 1, 159])
def test_long_pieces(length, lead, xor):
    """Where the blocks begin and end leaves no trace."""
    content = some_bytes(length)
    assert hash_of(content[:lead], content[lead:], xor=xor) == by_the_definition(content)


@both
@given(
    content=st.integers(0, 12_000).map(some_bytes), cuts=st.lists(st.integers(0, 12_000), max_size=6), data=st.data()
)
def test_ranges_make_the_whole_in_any_order(content, cuts, data, xor):
    """Ranges that tile a file are hashed each by itself, and joined as they come."""
    bounds = sorted({0, len(content), *(cut for cut in cuts if cut < len(content))})
    whole = QuickXorHash(xor=xor)
    for start, stop in data.draw(st.permutations(list(pairwise(bounds)))):
        part = QuickXorHash(start, xor=xor)
        middle = (start + stop) // 2
        part.update(content[start:middle])
        part.update(content[middle:stop])
        whole.combine(part)
    assert whole.base64() == by_the_definition(content)


@both
def test_both_ways_go_together(xor):
    """A range that was hashed with numpy joins one that was not."""
    content = some_bytes(20_000)
    whole, rest = QuickXorHash(xor=xor), QuickXorHash(7_001)
    rest.update(content[7_001:])
    whole.update(content[:7_001])
    whole.combine(rest)
    assert whole.base64() == by_the_definition(content)


@both
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda content: memoryview(content)[:].cast("H")])
def test_whatever_holds_bytes(kind, xor):
    """Views are read where they are; items need not be bytes, and a buffer is free again afterwards."""
    content = some_bytes(12_000)
    assert hash_of(kind(content), xor=xor) == by_the_definition(content)
    buffer = bytearray(content)
    assert hash_of(memoryview(buffer)[1:], memoryview(buffer)[:1], xor=xor) == by_the_definition(
        content[1:] + content[:1]
    )
    buffer.clear()


@both
def test_asking_changes_nothing(xor):
    """The hash may be read in between."""
    quick_xor = QuickXorHash(xor=xor)
    quick_xor.update(b"ab")
    assert quick_xor.base64() == quick_xor.base64() == hash_of(b"ab", xor=xor)
    quick_xor.update(b"c")
    assert quick_xor.base64() == hash_of(b"abc", xor=xor)
    assert len(quick_xor.digest()) == 20


@both
def test_a_copy_goes_its_own_way(xor):
    """A range that is sent again is hashed again from a copy."""
    quick_xor = QuickXorHash(xor=xor)
    quick_xor.update(b"ab")
    other = quick_xor.copy()
    other.update(b"d")
    quick_xor.update(b"c")
    assert (quick_xor.base64(), other.base64()) == (hash_of(b"abc", xor=xor), hash_of(b"abd", xor=xor))


NUMPY = """
import sys
from airflow_provider_onedrive.graph.content.quickxor import QuickXorHash, xor_with_integers, xor_with_numpy
{before}
quick_xor, little = QuickXorHash(), QuickXorHash()
little.update(bytes(range(256)) * 100)
assert "numpy" not in sys.modules or sys.modules["numpy"] is None
for _ in range(17):
    quick_xor.update(bytes(range(256)) * 4096)
print(little.base64(), quick_xor.base64(), bool(sys.modules.get("numpy")))
"""


@pytest.mark.parametrize(("before", "is_used"), [("", True), ("sys.modules['numpy'] = None", False)])
def test_numpy_is_used_where_there_is_one(before, is_used):
    """It is imported when there is much to hash, never for a small file, and nobody has to have it."""
    command = [sys.executable, "-c", NUMPY.format(before=before)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=HANG_SECONDS)
    little = by_the_definition(bytes(range(256)) * 100)
    large = hash_of(bytes(range(256)) * 4096 * 17, xor=xor_with_integers)
    assert done.stdout.split() == [little, large, str(is_used)]
