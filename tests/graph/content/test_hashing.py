"""Hashes of what is sent, and what Graph says of what it has."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_onedrive.graph.content.hashing import (
    EVERY_DRIVE,
    PERSONAL,
    Comparison,
    Digests,
    compare,
    hash_pieces,
    is_rewritten,
)
from airflow_provider_onedrive.graph.content.sources import PIECE_BYTES, MemorySource
from airflow_provider_onedrive.graph.protocol.models import DriveItem

CONTENT = bytes(range(256)) * (2 * PIECE_BYTES // 256) + b"end"
EXPECTED = {
    "quickXorHash": hash_pieces([CONTENT]),
    "sha1Hash": hashlib.sha1(CONTENT, usedforsecurity=False).hexdigest().upper(),
    "sha256Hash": hashlib.sha256(CONTENT).hexdigest().upper(),
}
OTHER = CONTENT[:-1] + b"x"


@dataclass
class Counted:
    """Counts how often each byte is read."""

    content: bytes = CONTENT
    modified_at: datetime | None = None
    reads: Counter[int] = field(default_factory=Counter)

    @property
    def size(self) -> int:
        return len(self.content)

    def pieces(self, start, length):
        for piece in MemorySource(self.content).pieces(start, length):
            self.reads.update(range(start, start + len(piece), 997))
            start += len(piece)
            yield piece

    def fingerprint(self):
        return {}

    @property
    def most_reads(self) -> int:
        return max(self.reads.values(), default=0)


def item_of(samples, content: bytes = CONTENT, name: str = "a.csv", drive_type: str = "business", **more) -> DriveItem:
    parent = {"driveId": "D", "path": "/drives/D/root:", "driveType": drive_type}
    return DriveItem.from_json({**samples.file(name, content, parentReference=parent), **more}, lambda *_: "x")


def with_hashes(samples, content: bytes = CONTENT, **hashes: str) -> DriveItem:
    return item_of(samples, content, file={"hashes": hashes})


def compared(item: DriveItem, content: bytes = CONTENT, names=EVERY_DRIVE) -> Comparison:
    source = MemorySource(content)
    return compare(item, source, Digests(source, names))


# --- while it is sent


def test_what_is_sent_is_hashed_on_its_way():
    """The source is read once, and the hashes are those of the whole."""
    source = Counted()
    digests = Digests(source, PERSONAL)
    assert b"".join(digests.passing(0, source.size)) == CONTENT
    assert digests.values() == EXPECTED
    assert source.most_reads == 1


@pytest.mark.parametrize("names", [EVERY_DRIVE, PERSONAL])
def test_only_the_hashes_of_that_kind_of_drive(names):
    """What no drive of that kind shows is not computed."""
    assert Digests(MemorySource(CONTENT), names).values() == {name: EXPECTED[name] for name in names}


def test_what_is_sent_twice_counts_once():
    """A fragment that is sent again, or from the middle, changes no hash."""
    digests = Digests(MemorySource(CONTENT))
    for start, length in ((0, 1000), (0, 1000), (400, 1000), (1000, len(CONTENT) - 1000), (5, 10)):
        assert b"".join(digests.passing(start, length)) == CONTENT[start : start + length]
    assert digests.values()["quickXorHash"] == EXPECTED["quickXorHash"]


def test_what_broke_off_counts_as_far_as_it_went():
    """A request that ends in the middle of its body leaves the hash right."""
    digests = Digests(MemorySource(CONTENT))
    broken = digests.passing(0, len(CONTENT))
    next(broken)
    broken.close()
    assert b"".join(digests.passing(PIECE_BYTES // 2, PIECE_BYTES)) == CONTENT[PIECE_BYTES // 2 :][:PIECE_BYTES]
    assert digests.values()["quickXorHash"] == EXPECTED["quickXorHash"]


@pytest.mark.parametrize("start", [1, PIECE_BYTES, len(CONTENT) - 1])
def test_what_an_earlier_try_sent_is_hashed_first(start):
    """A later try that goes on in the middle reads what lies before, once."""
    source = Counted()
    digests = Digests(source)
    assert b"".join(digests.passing(start, source.size - start)) == CONTENT[start:]
    assert digests.values()["quickXorHash"] == EXPECTED["quickXorHash"]
    assert source.most_reads == 1


def test_what_was_not_sent_is_read_when_it_is_asked_for():
    """An upload whose rest was there already has the hash of the whole."""
    digests = Digests(MemorySource(CONTENT))
    list(digests.passing(0, 10))
    assert digests.values()["quickXorHash"] == EXPECTED["quickXorHash"]
    assert digests.values()["quickXorHash"] == EXPECTED["quickXorHash"]


def test_nothing_is_hashed_where_nothing_is_compared():
    """With verify=False hashing costs nothing until something asks for a hash."""
    source = Counted()
    digests = Digests(source, while_passing=False)
    assert b"".join(digests.passing(7, source.size - 7)) == CONTENT[7:]
    assert source.reads[0] == 0
    assert digests.values()["quickXorHash"] == EXPECTED["quickXorHash"]


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3000)), max_size=8), st.binary(max_size=3000))
def test_any_order_gives_the_same_hash(ranges, content):
    """Whatever passes in whatever order, the hashes are those of the whole."""
    digests = Digests(MemorySource(content), PERSONAL)
    for start, length in ranges:
        start, length = min(start, len(content)), min(length, max(len(content) - start, 0))  # noqa: PLW2901
        assert b"".join(digests.passing(start, length)) == content[start : start + length]
    assert digests.values()["sha256Hash"] == hashlib.sha256(content).hexdigest().upper()
    assert digests.values()["quickXorHash"] == hash_pieces([content])


# --- what Graph has


def test_the_same(samples):
    """Size and hash are the same."""
    assert compared(item_of(samples)) is Comparison.SAME
    assert compared(item_of(samples, b""), b"") is Comparison.SAME


@pytest.mark.parametrize("there", [OTHER, CONTENT[:-1], b""])
def test_different(samples, there):
    """Another hash or another size."""
    assert compared(item_of(samples, there)) is Comparison.DIFFERENT


@pytest.mark.parametrize("more", [{"folder": {}}, {"package": {"type": "oneNote"}}])
def test_what_is_no_file_is_different(samples, more):
    """A folder or a notebook is never the same, whatever its size."""
    item = DriveItem.from_json(samples.item("x", "N", size=len(CONTENT), **more), lambda *_: "x")
    assert compared(item) is Comparison.DIFFERENT


def test_no_hash_yet(samples):
    """The same size alone says nothing, except of an empty file."""
    assert compared(with_hashes(samples)) is Comparison.UNKNOWN
    assert compared(with_hashes(samples, crc32Hash="1234")) is Comparison.UNKNOWN
    assert compared(with_hashes(samples, b""), b"") is Comparison.SAME
    assert compared(with_hashes(samples, OTHER[:-1])) is Comparison.DIFFERENT


@pytest.mark.parametrize("name", ["quickXorHash", "sha1Hash", "sha256Hash"])
def test_every_hash_that_both_have(samples, name):
    """One that differs is enough; those that Graph does not give are not compared."""
    assert compared(with_hashes(samples, **{name: EXPECTED[name]}), names=PERSONAL) is Comparison.SAME
    wrong = with_hashes(samples, **{**EXPECTED, name: "00"})
    assert compared(wrong, names=PERSONAL) is Comparison.DIFFERENT


def test_how_hashes_are_written(samples):
    """Hexadecimal digits come in either case, base64 does not."""
    assert compared(with_hashes(samples, sha1Hash=EXPECTED["sha1Hash"].lower()), names=PERSONAL) is Comparison.SAME
    other_case = EXPECTED["quickXorHash"].swapcase()
    assert compared(with_hashes(samples, quickXorHash=other_case)) is Comparison.DIFFERENT


def test_a_hash_is_asked_for_only_where_it_can_tell(samples):
    """The source is not read for an item of another size, or of none."""
    for item in (item_of(samples, CONTENT[:-1]), with_hashes(samples), item_of(samples, b"")):
        source = Counted()
        compare(item, source, Digests(source))
        assert source.most_reads == 0


# --- what SharePoint rewrites


@pytest.mark.parametrize("there", [OTHER, CONTENT + b"more"])
@pytest.mark.parametrize("name", ["a.docx", "a.DOCX", "a.xlsx", "a.pptx", "a.pdf", "a.html", "a.htm", "a.csv.xlsm"])
def test_rewritten(samples, name, there):
    """Of these types SharePoint makes something else, so a difference is none of the upload."""
    assert compared(item_of(samples, there, name)) is Comparison.REWRITTEN
    assert compared(item_of(samples, CONTENT, name)) is Comparison.SAME


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "docx", "a.docx.zip", "a.txt", ".pdf"])
def test_not_rewritten(samples, name):
    """Any other file stays what it is."""
    assert compared(item_of(samples, OTHER, name)) is Comparison.DIFFERENT


def test_a_personal_drive_rewrites_nothing(samples):
    """There a difference is one whatever the type."""
    assert not is_rewritten(item_of(samples, name="a.docx", drive_type="personal"))
    assert compared(item_of(samples, OTHER, "a.docx", "personal")) is Comparison.DIFFERENT
