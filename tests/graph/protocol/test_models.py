"""Graph's resources as values."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_onedrive.graph.protocol.errors import UnreadableAnswer
from airflow_provider_onedrive.graph.protocol.models import DriveItem, UploadSession, next_expected_byte

ALWAYS = {
    *("location", "drive_id", "id", "name", "path", "size", "is_folder", "etag", "ctag", "mime_type"),
    *("created_at", "modified_at", "client_modified_at", "quick_xor_hash", "web_url"),
}


def locate(drive_id, item_id, path):
    return f"{drive_id}|{item_id}|{path}"


def test_a_file(samples):
    """Every property of the contract is read from where Graph has it."""
    item = DriveItem.from_json(samples.file("a b.csv", b"abc", parent="/100%25%20%231"), locate)
    assert item.location == "D|F|100% #1/a b.csv"
    assert (item.drive_id, item.id, item.name, item.path) == ("D", "F", "a b.csv", "100% #1/a b.csv")
    assert (item.size, item.is_folder, item.is_root, item.child_count) == (3, False, False, None)
    assert (item.etag, item.ctag, item.mime_type) == ('"{F},1"', '"c:{F},1"', "text/csv")
    assert item.created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert item.modified_at == datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)
    assert item.client_modified_at == datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert item.quick_xor_hash == samples.hash(b"abc")
    assert item.web_url.endswith("/Documents/a b.csv")


def test_a_folder(samples):
    """A folder counts its children and has no hash."""
    item = DriveItem.from_json(samples.folder("x", child_count=3), locate)
    assert (item.is_folder, item.child_count, item.quick_xor_hash, item.mime_type) == (True, 3, None, None)


def test_a_notebook(samples):
    """A package is neither file nor folder, whatever its kind."""
    for package, kind in (({"type": "oneNote"}, "oneNote"), ({}, "package")):
        item = DriveItem.from_json(samples.item("n", "N", package=package), locate)
        assert (item.package_type, item.is_folder) == (kind, False)
    assert DriveItem.from_json(samples.file(), locate).package_type is None


def test_every_hash(samples):
    """All hashes that Graph gives are kept by its names; an empty one is none."""
    kind = {"hashes": {"quickXorHash": "q", "sha1Hash": "1", "sha256Hash": "2", "crc32Hash": ""}}
    parent = {"driveId": "D", "path": "/drives/D/root:", "driveType": "personal"}
    item = DriveItem.from_json({**samples.file(), "file": kind, "parentReference": parent}, locate)
    assert item.hashes == {"quickXorHash": "q", "sha1Hash": "1", "sha256Hash": "2"}
    assert (item.quick_xor_hash, item.drive_type) == ("q", "personal")


def test_the_root_of_a_drive(samples):
    """The root's path is empty, whatever it is named."""
    item = DriveItem.from_json({**samples.root(), "parentReference": {"driveId": "D", "driveType": "business"}}, locate)
    assert (item.path, item.is_root, item.location) == ("", True, "D|R|")


@pytest.mark.parametrize(
    ("parent", "path"),
    [
        ("/drives/D/root:", "a.csv"),
        ("/drive/root:", "a.csv"),
        ("/drives/D/root:/x/y", "x/y/a.csv"),
        ("/drive/root:/x", "x/a.csv"),
        ("/drives/D/root:/%C3%A4%20b/100%25", "ä b/100%/a.csv"),
    ],
)
def test_paths(samples, parent, path):
    """Both kinds of drive give the parent's path percent-encoded; ours is plain."""
    item = DriveItem.from_json({**samples.file(), "parentReference": {"driveId": "D", "path": parent}}, locate)
    assert item.path == path


def test_what_may_be_missing(samples):
    """A file just uploaded, a notebook or a consumer's item lack properties; that is no error."""
    data = samples.file()
    for key in ("cTag", "webUrl", "fileSystemInfo", "file", "eTag"):
        del data[key]
    item = DriveItem.from_json(data, locate)
    assert (item.ctag, item.web_url, item.client_modified_at, item.mime_type, item.quick_xor_hash) == (None,) * 5
    assert not item.is_folder


def test_times_of_any_zone_become_utc(samples):
    """Times are compared and shown in UTC, fractions kept."""
    item = DriveItem.from_json({**samples.file(), "lastModifiedDateTime": "2026-01-02T03:04:05.678+02:00"}, locate)
    assert item.to_dict()["modified_at"] == "2026-01-02T01:04:05.678000+00:00"


def test_the_item_dict(samples):
    """XCom gets the keys of the contract as plain JSON; those of an action only where it was done."""
    item = DriveItem.from_json(samples.file(), locate)
    assert set(item.to_dict()) == ALWAYS
    assert json.loads(json.dumps(item.to_dict())) == item.to_dict()
    assert item.to_dict()["created_at"] == "2026-01-02T03:04:05+00:00"


def test_the_item_dict_after_a_download(samples):
    """Where a file was brought to stands in its dict, and what became of an upload too."""
    item = DriveItem.from_json(samples.file(), locate)
    done = DriveItem(**{**vars(item), "outcome": "replaced", "local_path": "/tmp/a.csv"})
    assert set(done.to_dict()) == ALWAYS | {"outcome", "local_path"}
    rewritten = DriveItem(**{**vars(item), "server_rewrote": True})
    assert rewritten.to_dict()["server_rewrote"] is True


def test_items_survive_pickle(samples):
    """Items go to other processes."""
    item = DriveItem.from_json(samples.file(), locate)
    assert pickle.loads(pickle.dumps(item)) == item == copy.deepcopy(item)


def test_a_download_url_is_not_kept(samples):
    """Graph adds a pre-authorised URL to every file; an item has no place for it."""
    item = DriveItem.from_json({**samples.file(), "@microsoft.graph.downloadUrl": "https://x/SECRET"}, locate)
    assert "SECRET" not in repr(item) + repr(item.to_dict())


def test_an_upload_session_hides_its_url():
    """Whoever has an upload URL may write the file, so it is not shown."""
    session = UploadSession.from_json({"uploadUrl": "https://x/SECRET", "expirationDateTime": "2026-01-02T03:04:05Z"})
    assert session.upload_url == "https://x/SECRET"
    assert session.expires_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert "SECRET" not in repr(session)
    assert UploadSession.from_json({"uploadUrl": "https://x"}).expires_at is None


@pytest.mark.parametrize(
    ("ranges", "start"),
    [(["0-"], 0), (["26-"], 26), (["26-99"], 26), (["80-89", "12-40", "95-"], 12), ([], None), (None, None)],
)
def test_where_a_session_goes_on(ranges, start):
    """The first byte that is missing, in whichever form and order the ranges come."""
    assert next_expected_byte({"nextExpectedRanges": ranges}, 100) == start
    assert next_expected_byte({}, 100) is None


@given(st.integers(0, 2**40), st.one_of(st.just(""), st.integers(0, 2**40).map(str)))
def test_any_range_is_read(start, end):
    """``a-`` and ``a-b`` both begin at ``a``, beyond 4 GiB too."""
    assert next_expected_byte({"nextExpectedRanges": [f"{start}-{end}"]}, 2**41) == start


def test_session_that_has_all_bytes_wants_none():
    """A range that begins at the end of the file is empty."""
    assert next_expected_byte({"nextExpectedRanges": ["100-"]}, 100) is None


@pytest.mark.parametrize(
    "ranges", ["0-", [0], [None], ["-5"], ["x-"], ["101-"], ["0-", "7"], [["0-"]], ["\u0661-"], ["9" * 30 + "-"], {}]
)
def test_range_outside_the_file_is_refused(ranges):
    """No byte is sent for a range that makes no sense."""
    with pytest.raises(UnreadableAnswer, match="nextExpectedRanges"):
        next_expected_byte({"nextExpectedRanges": ranges}, 100)
