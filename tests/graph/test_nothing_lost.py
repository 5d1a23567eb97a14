"""Wrong answers of the service lose nothing, and nothing is claimed that is not true."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from any_acts import during

from airflow_provider_onedrive.emulator.faults import alter, answer, cut_response, shift_range, status
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.content.filters import Filters
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.protocol.errors import (
    FilesFailed,
    FilesRefused,
    LocationError,
    OneDriveError,
    ServiceUnavailable,
    SourceMissing,
    VerificationFailed,
)
from airflow_provider_onedrive.graph.protocol.options import DownloadOptions, TransferOptions, UploadOptions
from airflow_provider_onedrive.graph.transfers.bulk import raise_for

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "Ä 100% #1.csv") for form in ("NFC", "NFD"))
NEVER = answer(307, body={"id": "1"}, headers={"Location": "https://elsewhere.example/"}, done=False)


def mirror(**options: Any) -> dict[str, Any]:
    return {"recursive": True, "options": TransferOptions(delete_extra=True, **options)}


@pytest.fixture
def other(onedrive_emulator: Any) -> tuple[Any, str]:
    """Return a drive of somebody else, and its location."""
    user = onedrive_emulator.users[1]
    return onedrive_emulator.drive(user), f"users/{user}"


MOVE = {"recursive": True, "options": TransferOptions(move=True)}


# --- an item is its id: two texts may be one name for OneDrive


@pytest.mark.parametrize("if_exists", ["skip", "skip_if_same", "replace"])
def test_mirror_keeps_a_file_under_its_other_normal_form(
    client: Client, drive: Any, tmp_path: Path, if_exists: str
) -> None:
    """What was skipped or replaced is never extra."""
    drive.put_all({f"in/{COMPOSED}": b"1", "in/old.csv": b"2"})
    (tmp_path / DECOMPOSED).write_bytes(b"1")
    report = client.upload_folder("myfiles/in", local_path=tmp_path, if_exists=if_exists, **mirror())
    assert (report.deleted, report.failed) == (["old.csv"], [])
    assert drive.read_all() == {f"in/{COMPOSED}": b"1"}


def test_sources_of_one_target_are_refused_before_anything_is_sent(client: Client, drive: Any, tmp_path: Path) -> None:
    """Two local names that are one there are both kept."""
    for name in (COMPOSED, DECOMPOSED):
        (tmp_path / name).write_text(name)
    drive.folder("in")
    report = client.upload_folder("myfiles/in", local_path=tmp_path, **MOVE)
    with pytest.raises(FilesRefused, match="normal form"):
        raise_for(report, "uploaded")
    assert len(list(tmp_path.iterdir())) == 2
    assert drive.read_all() == {}


@pytest.mark.parametrize("act", ["copy", "move"])
def test_source_never_makes_way_for_itself(client: Client, drive: Any, act: str) -> None:
    """A copy onto the other normal form of its own name is refused, a move of that kind renames."""
    drive.put(f"in/{DECOMPOSED}", b"1")
    work = getattr(client, act)
    if act == "copy":
        with pytest.raises(LocationError, match="onto itself"):
            work(f"myfiles/in/{DECOMPOSED}", f"myfiles/in/{COMPOSED}", if_exists="replace")
        assert drive.read_all() == {f"in/{DECOMPOSED}": b"1"}
    else:
        before = drive.item(f"in/{DECOMPOSED}")["id"]
        item = work(f"myfiles/in/{DECOMPOSED}", f"myfiles/in/{COMPOSED}", if_exists="replace")
        assert (item.id, item.name) == (before, COMPOSED)
        assert drive.read_all() == {f"in/{COMPOSED}": b"1"}
    assert drive.recycle_bin == []


def test_rename_that_the_drive_takes_for_a_clash_goes_in_two_steps(client: Client, drive: Any, faults: Any) -> None:
    """The item stays the same one."""
    before = drive.put("in/a.csv", b"1")["id"]
    faults.add(method="PATCH", times=1, do=status(409))
    item = client.move("myfiles/in/a.csv", "myfiles/in/A.csv")
    assert (item.id, drive.read_all()) == (before, {"in/A.csv": b"1"})


def test_later_try_ends_a_rename_that_died_halfway(client: Client, drive: Any, faults: Any) -> None:
    """The name between is found again."""
    before = drive.put("in/a.csv", b"1")["id"]
    faults.add(method="PATCH", times=1, do=status(409))
    faults.add(method="PATCH", after=1, times=None, do=status(403))
    with pytest.raises(OneDriveError):
        client.move("myfiles/in/a.csv", "myfiles/in/A.csv")
    faults.clear()
    item = client.move("myfiles/in/a.csv", "myfiles/in/A.csv", attempt=TaskAttempt(retrying=True))
    assert (item.id, drive.read_all()) == (before, {"in/A.csv": b"1"})


# --- one 404 proves nothing

READS: dict[str, Any] = {
    "exists": lambda client, _: client.exists("myfiles/in/a.csv"),
    "stat": lambda client, _: client.stat("myfiles/in/a.csv").size == 3,
    "read_bytes": lambda client, _: client.read_bytes("myfiles/in/a.csv") == b"old",
    "read_text": lambda client, _: client.read_text("myfiles/in/a.csv") == "old",
    "download": lambda client, path: client.download("myfiles/in/a.csv", path / "a.csv").size == 3,
    "download_folder": lambda client, path: len(client.download_folder("myfiles/in/", path).done) == 1,
    "sync_folder": lambda client, path: client.sync_folder("myfiles/in", path / "manifest.jsonl").items == 1,
    "children": lambda client, _: [item.name for item in client.children("myfiles/in/")] == ["a.csv"],
    "find": lambda client, _: [item.name for item in client.find("myfiles/in/", Filters())] == ["a.csv"],
    "walk": lambda client, _: [item.name for item in client.walk("myfiles/in/")] == ["a.csv"],
    "copy": lambda client, _: client.copy("myfiles/in/a.csv", "myfiles/out/").outcome == "created",
    "move": lambda client, _: client.move("myfiles/in/a.csv", "myfiles/out/").outcome == "created",
    "update": lambda client, _: client.update("myfiles/in/a.csv", content=b"new").outcome == "replaced",
    "upload": lambda client, _: client.upload("myfiles/in/b.csv", content=b"new").outcome == "created",
    "upload_folder": lambda client, path: client.upload_folder("myfiles/in/", local_path=path).failed == [],
    "delete": lambda client, _: len(client.delete("myfiles/in/a.csv", ignore_if_missing=True)) == 1,
}


@pytest.mark.parametrize("act", READS)
@pytest.mark.parametrize("times", [1, 2])
def test_item_that_is_missing_for_a_moment_is_there(  # noqa: PLR0917 - fixtures
    client: Client, drive: Any, faults: Any, tmp_path: Path, act: str, times: int
) -> None:
    """One answer of 404 is no answer: neither a value nor an error follows from it."""
    drive.put("in/a.csv", b"old")
    drive.folder("out")
    (tmp_path / "c.csv").write_bytes(b"1")
    operation = "children" if act in ("children", "find", "walk") else "get"
    faults.add(operation=operation, times=times, do=status(404))
    assert READS[act](client, tmp_path)


def test_absence_is_proven_by_a_few_requests(client: Client, drive: Any, onedrive_emulator: Any) -> None:
    """What is there costs one; what is missing six, and two more for each folder above it that is missing as well."""
    drive.put("in/a.csv", b"1")
    assert client.exists("myfiles/in/a.csv")
    for location, reads in (("in/a.csv", 1), ("in/b.csv", 5), ("in/x/y/b.csv", 9)):
        with onedrive_emulator.requests.measure() as cost:
            assert client.exists(f"myfiles/{location}") == (reads == 1)
        assert cost.total(origin="graph").requests == reads + (reads > 1)


@pytest.mark.parametrize("location", ["myfiles/in/a.csv/b.csv", "myfiles/in/a.csv/b/c.csv"])
def test_nothing_exists_below_a_file(client: Client, drive: Any, location: str) -> None:
    """Whoever asks whether something is there gets no error for it."""
    drive.put("in/a.csv", b"1")
    assert not client.exists(location)


def test_absence_that_is_not_proven_is_an_error(client: Client, drive: Any, faults: Any) -> None:
    """A folder that is there and cannot be listed does not say what it holds; a later attempt may learn it."""
    drive.put("in/a.csv", b"1")
    faults.add(operation="children", times=None, do=status(404))
    with pytest.raises(ServiceUnavailable, match=r"in/b\.csv was not found, and its folder is there"):
        client.exists("myfiles/in/b.csv")


def test_later_try_of_a_rename_finds_its_file_although_the_first_name_was_not_seen(
    client: Client, drive: Any, faults: Any
) -> None:
    """The file that an earlier attempt made is not made twice."""
    drive.put_all({"in/a.csv": b"of somebody else", "in/a 1.csv": b"ours"})
    faults.add(path="a.csv", operation="get", times=1, do=status(404))
    retrying = TaskAttempt(retrying=True)
    item = client.upload("myfiles/in/a.csv", content=b"ours", if_exists="rename", attempt=retrying)
    assert (item.name, item.outcome) == ("a 1.csv", "already_there")
    assert drive.paths() == ["in/", "in/a 1.csv", "in/a.csv"]


@pytest.mark.parametrize("permanent", [False, True])
def test_locked_part_of_a_batch_is_sent_again(client: Client, drive: Any, faults: Any, permanent: bool) -> None:
    """As a deletion of its own is; what stays locked is an error that a later attempt may cure."""
    drive.put_all({"in/a.csv": b"1", "in/b.csv": b"2"})
    faults.add(operation="permanent_delete" if permanent else "delete", times=3, do=status(423))
    assert client.delete_all(list(client.children("myfiles/in")), permanent=permanent) == []
    assert drive.read_all() == {}


@pytest.mark.parametrize("permanent", [False, True])
@pytest.mark.parametrize("count", [1, 2])
def test_deletion_is_sent_again(client: Client, drive: Any, faults: Any, permanent: bool, count: int) -> None:
    """The item has gone when the client says so."""
    drive.put_all({"in/a.csv": b"1", "in/b.csv": b"2"})
    operation = "permanent_delete" if permanent else "delete"
    faults.add(operation=operation, times=count, do=status(404))
    assert len(client.delete("myfiles/in/a.csv", permanent=permanent)) == 1
    assert drive.read_all() == {"in/b.csv": b"2"}


def test_deletion_that_never_works_is_an_error(client: Client, drive: Any, faults: Any) -> None:
    """Nobody is told that an item has gone that is there."""
    drive.put("in/a.csv", b"1")
    faults.add(operation="delete", times=None, do=status(404))
    with pytest.raises(ServiceUnavailable, match="still there"):
        client.delete("myfiles/in/a.csv")
    assert drive.exists("in/a.csv")


@pytest.mark.parametrize("retrying", [False, True])
def test_item_that_vanishes_for_a_moment_is_deleted(client: Client, drive: Any, faults: Any, retrying: bool) -> None:
    """Also where a missing item would be success."""
    drive.put("in/a.csv", b"1")
    faults.add(operation="get", times=1, do=status(404))
    client.delete("myfiles/in/a.csv", ignore_if_missing=True, attempt=TaskAttempt(retrying=retrying))
    assert not drive.exists("in/a.csv")


def test_parts_of_a_batch_are_sent_again(client: Client, drive: Any, onedrive_emulator: Any) -> None:
    """Only the parts with 404; what has gone meanwhile is deleted."""
    drive.put_all(dict.fromkeys((f"in/{number}.csv" for number in range(5)), b"1"))
    onedrive_emulator.quirks.missing_writes = 1
    assert client.delete_all(list(client.children("myfiles/in"))) == []
    assert drive.read_all() == {}


def test_source_of_a_move_to_another_drive_goes(client: Client, onedrive_emulator: Any, drive: Any, other: Any) -> None:
    """It says moved only when one of the two is left."""
    there, location = other
    drive.put("in/a.csv", b"1")
    onedrive_emulator.quirks.missing_writes = 1
    client.move("myfiles/in/a.csv", f"{location}/")
    assert (drive.read_all(), there.read_all()) == ({}, {"a.csv": b"1"})


@pytest.mark.parametrize("retrying", [False, True])
def test_source_of_a_move_that_vanishes_for_a_moment(client: Client, drive: Any, faults: Any, retrying: bool) -> None:
    """What is at the destination is not taken for it."""
    drive.put_all({"in/a.csv": b"1", "out/a.csv": b"1"})
    faults.add(operation="get", times=1, do=status(404))
    attempt = TaskAttempt(retrying=retrying)
    item = client.move("myfiles/in/a.csv", "myfiles/out/", if_exists="rename", attempt=attempt)
    assert drive.read_all() == {"out/a.csv": b"1", "out/a 1.csv": b"1"}
    assert item.path == "out/a 1.csv"


def test_missing_source_of_a_move(client: Client, drive: Any) -> None:
    """What is proven to be missing is said at once, and is not retried."""
    drive.folder("in")
    with pytest.raises(SourceMissing):
        client.move("myfiles/in/a.csv", "myfiles/in/b.csv")


def test_writes_that_do_not_see_yet_what_was_read(
    client: Client, drive: Any, onedrive_emulator: Any, tmp_path: Path
) -> None:
    """Copy, move and upload session are asked for again."""
    drive.put_all({"in/a.csv": b"1", "in/b.csv": b"2", "out/": None})
    onedrive_emulator.quirks.missing_writes = 2
    client.copy("myfiles/in/a.csv", "myfiles/out/")
    client.move("myfiles/in/b.csv", "myfiles/out/")
    (tmp_path / "large").write_bytes(b"1" * 5_000_000)
    client.upload("myfiles/out/", local_path=tmp_path / "large")
    assert sorted(drive.read_all()) == ["in/a.csv", "out/a.csv", "out/b.csv", "out/large"]


# --- what neither does the work nor refuses it is no success


@pytest.mark.parametrize("code", [301, 302, 307, 308])
@pytest.mark.parametrize("body", [{"id": "1"}, ""])
def test_redirected_deletion(client: Client, drive: Any, faults: Any, code: int, body: Any) -> None:
    """Nothing was deleted, and nobody is told so."""
    drive.put("in/a.csv", b"1")
    faults.add(operation="delete", times=None, do=answer(code, body=body, done=False))
    with pytest.raises(ServiceUnavailable, match=f"status {code}"):
        client.delete("myfiles/in/a.csv")
    assert drive.exists("in/a.csv")


@pytest.mark.parametrize("code", [102, 200, 202, 302])
def test_part_of_a_batch(client: Client, drive: Any, faults: Any, code: int) -> None:
    """So it is with a part of a batch."""
    drive.put("in/a.csv", b"1")
    faults.add(operation="delete", times=2, do=answer(code, body="", done=False))
    assert client.delete_all(list(client.children("myfiles/in"))) == []
    assert drive.read_all() == {}


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("how", [{"status": 202, "body": ""}, {"status": 200, "body": ""}])
def test_unexpected_success(client: Client, drive: Any, faults: Any, how: Any, done: bool) -> None:
    """The item is looked at: it has gone, or it is deleted now."""
    drive.put("in/a.csv", b"1")
    faults.add(operation="delete", do=answer(**how, done=done))
    client.delete("myfiles/in/a.csv")
    assert not drive.exists("in/a.csv")


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("how", [{"status": 202, "headers": {"Location": "https://m.example"}}, {"status": 200}])
def test_unexpected_success_of_a_permanent_deletion(
    client: Client, drive: Any, faults: Any, how: Any, done: bool
) -> None:
    """Graph deletes for good with 204 and nothing else, though other POSTs succeed with 200 or 202."""
    drive.put("in/a.csv", b"1")
    faults.add(operation="permanent_delete", do=answer(body={"id": "1"}, done=done, **how))
    assert [item.name for item in client.delete("myfiles/in/a.csv", permanent=True)] == ["a.csv"]
    assert drive.paths() == ["in/"]


@pytest.mark.parametrize("done", [False, True])
def test_creation_without_an_answer(client: Client, drive: Any, faults: Any, done: bool) -> None:
    """204 for a new folder or upload session has nothing of it: it is looked for, and asked for again."""
    faults.add(operation="create_folder", times=2, do=answer(204, body="", done=done))
    assert client.create_folder("myfiles/in").id == drive.item("in")["id"]
    faults.add(operation="create_session", do=answer(204, body="", done=done))
    options = UploadOptions(single_put_bytes=0)
    assert client.upload("myfiles/in/a.csv", content=b"1", options=options).outcome == "created"
    assert drive.read_all() == {"in/a.csv": b"1"}


def test_batch_without_an_answer(client: Client, drive: Any, faults: Any) -> None:
    """What was not answered is asked for again, and what was deleted meanwhile has gone."""
    drive.put_all({"in/a.csv": b"1", "in/b.csv": b"2"})
    faults.add(operation="batch", do=answer(204, body=""))
    assert client.delete_all(list(client.children("myfiles/in"))) == []
    assert drive.paths() == ["in/"]


@pytest.mark.parametrize("lie", [NEVER, answer(200, body="", done=False), answer(204, body="", done=True)])
def test_move_is_seen_before_it_is_reported(client: Client, drive: Any, faults: Any, lie: Any) -> None:
    """Whatever the answer says, the item is at its destination afterwards."""
    drive.put_all({"in/a.csv": b"1", "out/": None})
    faults.add(method="PATCH", times=2, do=lie)
    assert client.move("myfiles/in/a.csv", "myfiles/out/").path == "out/a.csv"
    assert drive.read_all() == {"out/a.csv": b"1"}


@pytest.mark.parametrize("done", [False, True])
def test_upload_with_an_empty_answer(client: Client, drive: Any, faults: Any, done: bool) -> None:
    """There is one file, in one version."""
    faults.add(operation="upload", do=answer(body="", done=done))
    drive.folder("in")
    client.upload("myfiles/in/a.csv", content=b"1")
    assert (drive.read_all(), drive.version_count("in/a.csv")) == ({"in/a.csv": b"1"}, 1)


# --- nothing is deleted because of a folder that was not read whole

FOLDERS = {"in/x/a.csv": b"1", "in/x/b.csv": b"2", "in/c.csv": b"3"}


def local(tmp_path: Path) -> dict[str, bytes]:
    return {each.relative_to(tmp_path).as_posix(): each.read_bytes() for each in tmp_path.rglob("*.csv")}


@pytest.mark.parametrize("times", [1, 2, 3])
def test_folder_that_vanishes_for_a_moment(client: Client, drive: Any, faults: Any, tmp_path: Path, times: int) -> None:
    """A mirror keeps its files, and fetches all of them as soon as it is shown again."""
    drive.put_all(FOLDERS)
    client.download_folder("myfiles/in", tmp_path, **mirror())
    faults.add(path=client.stat("myfiles/in/x").id, times=2 * times, do=status(404))
    report = client.download_folder("myfiles/in", tmp_path, **mirror())
    assert report.deleted == []
    assert len(local(tmp_path)) == 3


@pytest.mark.parametrize("method", ["upload_folder", "download_folder"])
def test_root_of_a_transfer_that_cannot_be_listed_for_a_moment(
    client: Client, drive: Any, faults: Any, tmp_path: Path, method: str
) -> None:
    """It was read just before, so one or two 404s of its listing pass."""
    drive.put_all({"in/a.csv": b"1", "in/b.csv": b"2"})
    (tmp_path / "a.csv").write_bytes(b"1")
    faults.add(operation="children", times=2, do=status(404))
    report = getattr(client, method)("myfiles/in", local_path=tmp_path, if_exists="replace", **mirror())
    assert report.failed == []
    assert (tmp_path / "b.csv").exists() == drive.exists("in/b.csv") == (method == "download_folder")


def test_root_of_a_deletion_that_cannot_be_counted_for_a_moment(client: Client, drive: Any, faults: Any) -> None:
    """The folder was read just before."""
    drive.put("in/a.csv", b"1")
    faults.add(operation="children", times=2, do=status(404))
    client.delete("myfiles/in", recursive=True)
    assert drive.paths() == []


def test_folder_that_goes_is_proven_by_its_parent(client: Client, drive: Any, faults: Any, tmp_path: Path) -> None:
    """What the folder above does not list any more has gone, and so have its files."""
    drive.put_all(FOLDERS)
    client.download_folder("myfiles/in", tmp_path, **mirror())
    faults.add(operation="children", after=1, do=during(lambda: drive.delete("in/x")))
    report = client.download_folder("myfiles/in", tmp_path, **mirror())
    assert sorted(report.deleted) == ["x/a.csv", "x/b.csv"]


@pytest.mark.parametrize("times", [1, 2, 3, 99])
def test_page_that_repeats_an_item(  # noqa: PLR0917 - fixtures
    client: Client,
    drive: Any,
    onedrive_emulator: Any,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    times: int,
) -> None:
    """Each item comes once; a mirror deletes nothing as long as one may be missing."""
    files = {f"in/{number:02}.csv": b"%d" % number for number in range(30)}
    drive.put_all(files)
    client.download_folder("myfiles/in", tmp_path, **mirror())
    onedrive_emulator.options.page_size = 10
    onedrive_emulator.quirks.repeating_listings = times
    report = client.download_folder("myfiles/in", tmp_path, **mirror())
    assert (report.deleted, len(local(tmp_path))) == ([], 30)
    found = [item.path for item in client.children("myfiles/in")]
    assert len(found) == len(set(found))
    assert ("repeats items" in caplog.text) == (times > 2)
    if times < 3:
        assert sorted(found) == sorted(files)


@pytest.mark.parametrize("times", [1, 2, 99])
def test_sync_tells_nothing_deleted_that_a_page_lacks(
    client: Client, drive: Any, onedrive_emulator: Any, tmp_path: Path, times: int
) -> None:
    """The manifest is right as soon as the pages are."""
    drive.put_all({f"in/{number:02}.csv": b"1" for number in range(30)})
    quirks, full = onedrive_emulator.quirks, {"full_every": None}
    client.sync_folder("myfiles/in", tmp_path / "m.jsonl", **full)
    drive.expire_delta_tokens()
    onedrive_emulator.options.page_size = 10
    quirks.repeating_listings = times
    assert client.sync_folder("myfiles/in", tmp_path / "m.jsonl", **full).changes.deleted == []
    quirks.repeating_listings = 0
    synced = client.sync_folder("myfiles/in", tmp_path / "m.jsonl", **full)
    assert (synced.items, bool(synced.changes)) == (30, False)


# --- a file is what was asked for, whole

CONTENT = bytes(range(256)) * 4000


@pytest.mark.parametrize(
    "lie", [shift_range(100), shift_range(-100), shift_range(total=7), answer(headers={"Content-Range": None})]
)
@pytest.mark.parametrize("times", [1, None])
def test_other_range(  # noqa: PLR0917 - fixtures
    client: Client, drive: Any, onedrive_emulator: Any, tmp_path: Path, lie: Any, times: int | None
) -> None:
    """Bytes of another range are not written, not even where Graph has no hash to compare."""
    drive.put("a.bin", CONTENT)
    onedrive_emulator.quirks.hash_missing_reads = 99
    faults = onedrive_emulator.faults
    faults.add(operation="download", times=1, do=cut_response(100_000))
    faults.add(operation="download", after=1, times=times, do=lie)
    try:
        client.download("myfiles/a.bin", tmp_path / "a.bin", options=DownloadOptions(verify=True))
    except VerificationFailed:
        assert times is None
        assert not (tmp_path / "a.bin").exists()
    else:
        assert (tmp_path / "a.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("size", [None, 250 * 1024**3 + 1])
@pytest.mark.parametrize("content", [b"", b"1", CONTENT])
def test_item_without_a_size(  # noqa: PLR0917 - fixtures
    client: Client, drive: Any, faults: Any, tmp_path: Path, size: int | None, content: bytes
) -> None:
    """Unknown is not 0: the content's server says how large the file is."""
    drive.put("in/a.bin", content)
    faults.add(operation=["get", "children"], times=None, do=alter({"size": size}, name=r"a\.bin"))
    assert client.stat("myfiles/in/a.bin").size is None
    client.download("myfiles/in/a.bin", tmp_path / "one.bin")
    client.download_folder("myfiles/in", tmp_path / "all")
    for path in (tmp_path / "one.bin", tmp_path / "all" / "a.bin"):
        assert path.read_bytes() == content


@pytest.mark.parametrize("has_hash", [True, False])
def test_move_to_another_drive_of_a_file_without_a_size(
    client: Client, drive: Any, other: Any, faults: Any, has_hash: bool
) -> None:
    """Equal hashes prove the copy. Without them nothing does, and nothing is deleted."""
    there, location = other
    drive.put("in/a.csv", b"1")
    facts: dict[str, Any] = {"size": None} | ({} if has_hash else {"file": {}})
    faults.add(operation="get", times=None, do=alter(facts, name=r"a\.csv"))
    if has_hash:
        assert client.move("myfiles/in/a.csv", f"{location}/a.csv").outcome == "created"
    else:
        with pytest.raises(VerificationFailed, match="not surely what"):
            client.move("myfiles/in/a.csv", f"{location}/a.csv")
    assert there.read_all() == {"a.csv": b"1"}
    assert drive.exists("in/a.csv") != has_hash


def test_moved_files_are_on_the_disk_before_their_sources_go(
    client: Client, drive: Any, onedrive_emulator: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files and folders are synced, and only where something is deleted."""
    drive.put_all({"in/x/a.csv": b"1", "in/b.csv": b"2"})
    synced: list[tuple[str, bool]] = []
    requests, fsync = onedrive_emulator.requests, os.fsync

    def noted(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").resolve()
        synced.append((path.relative_to(tmp_path).as_posix(), bool(requests.matching(operation="delete"))))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    client.download_folder("myfiles/in", tmp_path / "copied", recursive=True)
    assert synced == []
    client.download_folder("myfiles/in", tmp_path / "moved", **MOVE)
    assert {path for path, _ in synced} >= {"moved/x/a.csv", "moved/b.csv", "moved/x", "moved", "."}
    assert not any(is_late for _, is_late in synced)
    assert drive.read_all() == {}


def test_what_the_disk_does_not_take_keeps_its_source(
    client: Client, drive: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source is deleted only when its copy is durable."""
    drive.put("in/a.csv", b"1")

    def refuse(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    report = client.download_folder("myfiles/in", tmp_path, **MOVE)
    with pytest.raises((FilesFailed, FilesRefused), match="Input/output error"):
        raise_for(report, "downloaded")
    assert drive.exists("in/a.csv")


# --- a folder or a notebook in the way was probably meant otherwise


@pytest.mark.parametrize("kind", ["folder", "notebook"])
@pytest.mark.parametrize("act", ["upload", "copy", "move"])
def test_rename_beside_something_else(client: Client, drive: Any, kind: str, act: str) -> None:
    """There is no ``Reports 1``: it is always an error."""
    getattr(drive, kind)("in/Reports")
    drive.put("a.csv", b"1")
    before = drive.paths()
    work = {
        "upload": lambda: client.upload("myfiles/in/Reports", content=b"1", if_exists="rename"),
        "copy": lambda: client.copy("myfiles/a.csv", "myfiles/in", file_name="Reports", if_exists="rename"),
        "move": lambda: client.move("myfiles/a.csv", "myfiles/in", file_name="Reports", if_exists="rename"),
    }
    with pytest.raises(LocationError, match="named 'Reports' is there"):
        work[act]()
    assert drive.paths() == before


def test_monitor_with_an_id_that_the_drive_refuses(client: Client, drive: Any, faults: Any) -> None:
    """400 for the id leads to the name, as 404 does."""
    drive.put_all({"in/a.csv": b"1", "out/": None})
    faults.add(operation="monitor", times=None, do=alter({"resourceId": "no!id"}))
    faults.add(operation="get", path="no!id", times=None, do=status(400))
    assert client.copy("myfiles/in/a.csv", "myfiles/out/").path == "out/a.csv"
