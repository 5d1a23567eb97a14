"""QuickXorHash."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_onedrive.graph.quickxor import QuickXorHash

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


def hash_of(*pieces: bytes) -> str:
    quick_xor = QuickXorHash()
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


@pytest.mark.parametrize(("content", "expected"), VECTORS)
def test_published_vectors(content, expected):
    """What others compute is what we compute, byte by byte too."""
    data = base64.b64decode(content)
    assert hash_of(data) == expected
    assert hash_of(*(bytes([byte]) for byte in data)) == expected
    assert by_the_definition(data) == expected


@given(st.lists(st.binary(max_size=700)))
def test_pieces_make_the_whole(pieces):
    """However the bytes come, the hash is that of the definition."""
    assert hash_of(*pieces) == by_the_definition(b"".join(pieces))


@pytest.mark.parametrize("length", [159, 160, 161, 65535, 65536, 65537, 65536 + 160, 3 * 65536 - 1])
@pytest.mark.parametrize("lead", [0, 1, 159])
def test_long_pieces(length, lead):
    """Where the fast way folds its blocks leaves no trace."""
    content = bytes((7 * index + index // 251) % 256 for index in range(length))
    assert hash_of(content[:lead], content[lead:]) == by_the_definition(content)


def test_asking_changes_nothing():
    """The hash may be read in between."""
    quick_xor = QuickXorHash()
    quick_xor.update(b"ab")
    assert quick_xor.base64() == quick_xor.base64() == hash_of(b"ab")
    quick_xor.update(b"c")
    assert quick_xor.base64() == hash_of(b"abc")
    assert len(quick_xor.digest()) == 20
