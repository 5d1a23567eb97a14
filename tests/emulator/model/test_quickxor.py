"""quickXorHash against the vectors that rclone publishes."""

from __future__ import annotations

import base64
import random

import pytest

from airflow_provider_onedrive.emulator.model.contents import SPOOL_BYTES, Content
from airflow_provider_onedrive.emulator.model.quickxor import BLOCK_BYTES, quick_xor_hash

VECTORS = {
    "": "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "Sg==": "SgAAAAAAAAAAAAAAAQAAAAAAAAA=",
    "tbQ=": "taAFAAAAAAAAAAAAAgAAAAAAAAA=",
    "0pZP": "0rDEEwAAAAAAAAAAAwAAAAAAAAA=",
    "jRRDVA==": "jaDAEKgAAAAAAAAABAAAAAAAAAA=",
    "/aNzzCFPS/A=": "/RjFHJgRgicsAR4ACAAAAAAAAAA=",
    "2fuxhBJXtpWFe8dOfdGeHw==": "O9tHLAghgSvYohKFyMMxnNCHaHg=",
    "T6LYJIfDh81JrAK309H2JMJTXis=": "zBTHrspn3mEcohlJdIUAbjGNaNg=",
    "Mb7EGva2rEE5fENDL85P+BsapHEEjv2/siVhKjvAQe02feExVOQSkfmuYzU/kTF1MaKjPmKF/w+cbvwfdWL8aQ==": (
        "n1anP5NfvD4XDYWIeRPW3ZkPv1Y="
    ),
}


@pytest.mark.parametrize(("data", "expected"), VECTORS.items())
def test_published_vectors(data, expected):
    """The hash is the published one."""
    assert quick_xor_hash([base64.b64decode(data)]) == expected


def bit_by_bit(data: bytes) -> str:
    """Hash by the definition: byte i at bit 11 i of 160, the length on the last eight bytes."""
    register = bytearray(20)
    for index, byte in enumerate(data):
        for bit in range(8):
            place = (index * 11 + bit) % 160
            register[place // 8] ^= (byte >> bit & 1) << place % 8
    for index, byte in enumerate(len(data).to_bytes(8, "little")):
        register[12 + index] ^= byte
    return base64.b64encode(register).decode()


@pytest.mark.parametrize("size", [1, 159, 160, 161, 319, 320, 1000, 4801, 31_999, 32_000, 32_001, 96_007])
def test_folding_changes_nothing(size):
    """Folded rows have the hash of the definition, at every length."""
    data = random.Random(size).randbytes(size)
    expected = bit_by_bit(data)
    assert Content(data).quick_xor_hash == expected
    for step in (480, 7_919, 50_021):
        assert quick_xor_hash(data[start : start + step] for start in range(0, size, step)) == expected


@pytest.mark.parametrize("step", [BLOCK_BYTES, 100_003, 999_999])
def test_numpy_changes_nothing(monkeypatch, step):
    """numpy, where it is installed, computes the same hash of large contents."""
    data = random.Random(step).randbytes(2_500_017)
    pieces = [data[start : start + step] for start in range(0, len(data), step)]
    expected = quick_xor_hash(pieces)
    monkeypatch.setattr("airflow_provider_onedrive.emulator.model.quickxor.NUMPY_BYTES", 100_000)
    assert quick_xor_hash(pieces) == expected


def test_large_contents_leave_memory():
    """A content above the limit is in a file and reads as it was written."""
    data = random.Random(1).randbytes(SPOOL_BYTES + 1)
    content = Content()
    for start in range(0, len(data), 1_000_003):
        content.append(data[start : start + 1_000_003])
    assert content.size == len(data)
    assert content.read() == data
    assert b"".join(content.pieces(1_000_000, 1_000_100)) == data[1_000_000:1_000_100]
    assert content._memory == b""
    small = Content(b"x")
    small.extend(content)
    assert small.read() == b"x" + data
