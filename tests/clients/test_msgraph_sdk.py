"""Microsoft's own SDK for Python, as it is delivered, with Microsoft's own library for signing in.

https://learn.microsoft.com/graph/sdks/sdks-overview
"""

from __future__ import annotations

import os
from itertools import chain

import pytest

from airflow_provider_onedrive.emulator import faults

AWKWARD = "100% #1 (ä)+.csv"
KIB = 1024
TREE = ["A/", "A/1.txt", "A/2.txt", "A/sub/", "A/sub/3.txt"]


@pytest.fixture
def filled(drive):
    for path in TREE:
        if not path.endswith("/"):
            drive.put(path, path.encode())
    return drive


def test_put_and_read(msgraph, drive):
    """A small file goes up and comes down, whatever its name."""
    put, got, text, empty = msgraph(
        ["put", f"A/{AWKWARD}", "x,y"], ["get", f"A/{AWKWARD}"], ["read", f"A/{AWKWARD}"], ["put", "empty", ""]
    )
    item = drive.item(f"A/{AWKWARD}")
    assert put == got
    assert got == {
        "id": item["id"],
        "name": AWKWARD,
        "size": 3,
        "etag": item["eTag"],
        "hash": item["file"]["hashes"]["quickXorHash"],
        "is_folder": False,
    }
    assert (text, empty["size"], drive.read("empty")) == ("x,y", 0, b"")


@pytest.mark.full
def test_folder_and_conflict(msgraph, drive):
    """A folder is made once; the second time the SDK raises Graph's own code."""
    made, again = msgraph(["folder", "", "A"], ["folder", "", "A"])
    assert made["is_folder"]
    assert again == {"status": 409, "code": "nameAlreadyExists"}
    assert drive.paths() == ["A/"]


@pytest.mark.full
def test_list(msgraph, filled):
    """Pages are followed by their links, and children can come with their folder."""
    pages, expanded = msgraph(["children", "A", 2], ["expanded", "A"])
    assert [len(page) for page in pages] == [2, 1]
    assert sorted(chain(*pages)) == sorted(expanded) == ["1.txt", "2.txt", "sub"]


def test_delta(msgraph, emulator, filled):
    """The first round tells everything, the next one what has happened since, page by page."""
    emulator.options.page_size = 2
    (first,) = msgraph(["delta"])
    assert [name for name, _, _ in first["items"]] == ["root", "A", "1.txt", "2.txt", "sub", "3.txt"]
    ids = {name: item_id for name, item_id, _ in first["items"]}
    filled.delete("A/1.txt")
    filled.put("A/new.txt", b"")
    (second,) = msgraph(["delta", first["link"]])
    told = {item_id: is_deleted for _, item_id, is_deleted in second["items"]}
    assert told[ids["1.txt"]] is True
    assert told[filled.item("A/new.txt")["id"]] is False
    assert ids["2.txt"] not in told


@pytest.mark.full
def test_rename_and_move(msgraph, filled):
    """Both keep the id; a stale eTag stops them."""
    before = filled.item("A/1.txt")
    renamed, stale, moved = msgraph(
        ["rename_if", "A/1.txt", before["eTag"], AWKWARD],
        ["rename_if", f"A/{AWKWARD}", before["eTag"], "no.txt"],
        ["move", f"A/{AWKWARD}", "A/sub", "1.txt"],
    )
    assert renamed["id"] == moved["id"] == before["id"]
    assert stale == {"status": 412, "code": "resourceModified"}
    assert filled.paths() == ["A/", "A/2.txt", "A/sub/", "A/sub/1.txt", "A/sub/3.txt"]


@pytest.mark.full
def test_copy(msgraph, filled):
    """A copy comes in its own time; that a name is taken is said by the monitor and not by the call."""
    file, folder, taken = msgraph(
        ["copy", "A/1.txt", "A/sub", AWKWARD], ["copy", "A/sub", "", "B"], ["copy", "A/1.txt", "A", "2.txt"]
    )
    assert file == folder == ["completed", None]
    assert taken == ["failed", "nameAlreadyExists"]
    assert filled.read(f"A/sub/{AWKWARD}") == filled.read(f"B/{AWKWARD}") == b"A/1.txt"
    assert filled.read("A/2.txt") == b"A/2.txt"


def test_delete(msgraph, filled):
    """Into the recycle bin or for good; what is gone is Graph's 404."""
    gone, purged, missing = msgraph(["delete", "A/1.txt"], ["delete_permanently", "A/sub"], ["get", "A/sub/3.txt"])
    assert (gone, purged, missing) == (None, None, {"status": 404, "code": "itemNotFound"})
    assert filled.paths() == ["A/", "A/2.txt"]
    assert filled.recycle_bin == ["A/1.txt"]


@pytest.mark.full
def test_versions_search_link_and_quota(msgraph, filled):
    """What else a drive offers is read by the SDK's models."""
    filled.put("A/1.txt", b"two")
    versions, found, link, drive = msgraph(["versions", "A/1.txt"], ["search", "3.txt"], ["link", "A/1.txt"], ["drive"])
    assert versions == ["2.0", "1.0"]
    assert found == ["3.txt"]
    assert link.startswith("https://")
    assert (drive["type"], drive["used"]) == ("business", filled.item("A")["size"])


@pytest.mark.parametrize("sizes", [(26 * 1024 * KIB + 7, 5 * 1024 * KIB), (1000 * KIB, 320 * KIB)])
def test_large_upload(msgraph, emulator, drive, tmp_path, sizes):
    """The SDK's task uploads the whole file in fragments, and replaces one that is there."""
    size, fragment_bytes = sizes
    path, back = tmp_path / "large.bin", tmp_path / "back.bin"
    path.write_bytes(os.urandom(size))
    drive.put("A/large.bin", b"old")
    ended, received = msgraph(
        ["upload", "A/large.bin", str(path), fragment_bytes], ["download", "A/large.bin", str(back)]
    )
    assert received == size
    assert drive.read("A/large.bin") == back.read_bytes() == path.read_bytes()
    assert drive.version_count("A/large.bin") == 2
    # When all is done the task sends its last range once more, and raises what it is answered:
    # https://github.com/microsoftgraph/msgraph-sdk-python/issues/1067
    sent = emulator.requests.matching(operation="fragment")
    assert ended == {"raised": 404}
    assert [entry.status for entry in sent[-2:]] == [200, 404]
    assert {entry.status for entry in sent[:-2]} == {202}
    # It sends its token along, which only the lenient emulator lets pass.
    assert emulator.leaks == sent


def test_trouble(msgraph, emulator, filled):
    """Kiota waits as long as it is told and asks again."""
    rules = [
        emulator.faults.add(operation="get", do=faults.status(429, retry_after=1)),
        emulator.faults.add(operation="children", do=faults.status(503, retry_after=1)),
        emulator.faults.add(operation="content", do=faults.status(429, retry_after=1)),
        emulator.faults.add(operation="download", do=faults.status(504, retry_after=1)),
    ]
    item, pages, text = msgraph(["get", "A/1.txt"], ["children", "A", 10], ["read", "A/1.txt"])
    assert [rule.hits for rule in rules] == [1] * len(rules)
    assert (item["name"], len(pages[0]), text) == ("1.txt", 3, "A/1.txt")


def test_wrong_secret(msgraph, emulator):
    """Entra's refusal arrives as azure-identity's own error."""
    with pytest.raises(AssertionError, match="AADSTS7000215"):
        msgraph(["drive"], client_secret="wrong")
