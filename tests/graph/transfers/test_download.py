"""A file on its way to the local disk or to an object store: names, times, versions, and what was there before."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from datetime import UTC, datetime

import pytest
from upath import UPath

from airflow_provider_onedrive.emulator.faults import Fault, corrupt_response, cut_response, status
from airflow_provider_onedrive.graph.flows import downloads
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.protocol.errors import (
    ConfigurationError,
    LocalFileError,
    LocationError,
    PreconditionFailed,
    ServiceUnavailable,
    SourceChanged,
    VerificationFailed,
)
from airflow_provider_onedrive.graph.protocol.options import DownloadOptions
from airflow_provider_onedrive.graph.transfers import download as localcopy
from airflow_provider_onedrive.graph.transfers.download import Download, LocalTarget

PLAN = Download()
CONTENT = hashlib.shake_128(b"content").digest(1_000_000)
OLD = b"old"
WHEN = datetime(2024, 2, 29, 12, 30, 15, tzinfo=UTC)


class Act(Fault):
    """Do something while a request is under way."""

    def __init__(self, act):
        self.act = act

    def before(self, *_):
        self.act()


@pytest.fixture
def drive(onedrive_emulator):
    return onedrive_emulator.drive()


@pytest.fixture
def fetched(onedrive_emulator):
    """Count what came from the second origin."""
    return lambda: [request.sent_bytes for request in onedrive_emulator.requests.matching(operation="download")]


@pytest.fixture
def meanwhile(onedrive_emulator):
    """Do something when the next download's bytes are asked for."""
    return lambda act: onedrive_emulator.faults.add(operation="download", do=Act(act))


@pytest.fixture
def memory():
    place = UPath("memory://bucket/x/a.csv")
    place.fs.store.clear()
    place.fs.pseudo_dirs[:] = [""]
    return place


def listed(folder):
    return sorted(path.name for path in folder.iterdir())


def fetch(client, location, target, plan=PLAN):
    """What ``client.download`` does, with a target of another kind."""
    address = client.address(location)
    return localcopy.download(client, address, target, client.run(downloads.resolve(address)), plan)


# --- time and version


@pytest.mark.parametrize("parallel_bytes", [0, 10**9])
def test_the_time_of_the_file(client, drive, tmp_path, parallel_bytes):
    """The copy was modified when the uploading program says."""
    drive.put("a.csv", CONTENT, modified_at=WHEN)
    fetch(client, "myfiles/a.csv", LocalTarget(tmp_path / "a.csv", 65536, parallel_bytes))
    assert (tmp_path / "a.csv").stat().st_mtime == WHEN.timestamp()


def test_the_expected_version(client, drive, fetched, tmp_path):
    """Another version than the expected one is refused before anything is fetched."""
    etag = drive.put("a.csv", CONTENT)["eTag"]
    assert client.download("myfiles/a.csv", tmp_path / "a.csv", expected_etag=etag).etag == etag
    drive.put("a.csv", b"new")
    with pytest.raises(PreconditionFailed, match=r"Cannot download myfiles/a.csv: .* was expected"):
        client.download("myfiles/a.csv", tmp_path / "a.csv", expected_etag=etag)
    assert (tmp_path / "a.csv").read_bytes() == CONTENT
    assert fetched() == [len(CONTENT)]


def test_the_expected_version_goes_meanwhile(client, drive, onedrive_emulator, tmp_path):
    """Another version does not take its place."""
    etag = drive.put("a.csv", CONTENT)["eTag"]
    onedrive_emulator.faults.add(operation="download", do=cut_response(1000))
    onedrive_emulator.faults.add(operation="get", after=1, do=Act(lambda: drive.put("a.csv", b"new")))
    with pytest.raises(PreconditionFailed):
        client.download("myfiles/a.csv", tmp_path / "a.csv", expected_etag=etag)
    assert listed(tmp_path) == []


def test_options_that_cannot_be_meant(client, onedrive_emulator, tmp_path):
    """A wrong word is told before anything is sent."""
    with pytest.raises(ConfigurationError, match=r"if_exists is 'overwrite'.*Use one of fail, replace, rename, skip"):
        client.download("myfiles/a.csv", tmp_path / "a.csv", if_exists="overwrite")
    with pytest.raises(ConfigurationError):
        client.download("myfiles/a.csv", tmp_path / "a.csv", expected_etag="")
    assert len(onedrive_emulator.requests) == 0


# --- what was there before


@pytest.mark.parametrize("there", [None, OLD, CONTENT], ids=["free", "other", "same"])
@pytest.mark.parametrize("retrying", [False, True])
@pytest.mark.parametrize("if_exists", ["replace", "fail", "rename", "skip", "skip_if_same"])
def test_what_has_the_name(client, drive, fetched, *, tmp_path, if_exists, retrying, there):
    """Each word does what it says; what a retry finds as it would leave it is its own."""
    drive.put("a.csv", CONTENT)
    target = tmp_path / "a.csv"
    if there is not None:
        target.write_bytes(there)
    options = {"if_exists": if_exists, "attempt": TaskAttempt(retrying=retrying)}
    is_ours = there == CONTENT and retrying and if_exists in ("fail", "rename")
    if there is not None and if_exists == "fail" and not is_ours:
        with pytest.raises(LocalFileError, match=r"Cannot download myfiles/a.csv: .*a\.csv exists"):
            client.download("myfiles/a.csv", target, **options)
        assert (target.read_bytes(), listed(tmp_path), fetched()) == (there, ["a.csv"], [])
        return
    is_renamed = there is not None and if_exists == "rename" and not is_ours
    is_skipped = there is not None and (if_exists == "skip" or (if_exists == "skip_if_same" and there == CONTENT))
    item = client.download("myfiles/a.csv", target, **options)
    path = tmp_path / "a 1.csv" if is_renamed else target
    outcome = "renamed" if is_renamed else "skipped" if is_skipped else "already_there" if is_ours else None
    assert (item.local_path, item.outcome) == (str(path), outcome)
    assert path.read_bytes() == (there if is_skipped else CONTENT)
    assert target.read_bytes() == (there if is_renamed else path.read_bytes())
    assert len(fetched()) == (0 if is_skipped or is_ours else 1)


@pytest.mark.parametrize("if_exists", ["fail", "rename", "skip_if_same"])
def test_empty_files_are_the_same(client, drive, tmp_path, if_exists):
    """Graph has no hash of nothing, and needs none."""
    drive.put("a.csv")
    (tmp_path / "a.csv").touch()
    item = client.download("myfiles/a.csv", tmp_path / "a.csv", if_exists=if_exists, attempt=TaskAttempt(retrying=True))
    assert item.outcome == ("skipped" if if_exists == "skip_if_same" else "already_there")
    assert listed(tmp_path) == ["a.csv"]


def test_the_next_free_name(client, drive, tmp_path):
    """The number goes before the suffix, and a retry finds its own file among others."""
    drive.put("a.tar.gz", CONTENT)
    for name in ("a.tar.gz", "a.tar 1.gz"):
        (tmp_path / name).write_bytes(OLD)
    options = {"if_exists": "rename"}
    assert client.download("myfiles/a.tar.gz", tmp_path, **options).local_path == f"{tmp_path}/a.tar 2.gz"
    again = client.download("myfiles/a.tar.gz", tmp_path, if_exists="rename", attempt=TaskAttempt(retrying=True))
    assert (again.local_path, again.outcome) == (f"{tmp_path}/a.tar 2.gz", "already_there")
    assert listed(tmp_path) == ["a.tar 1.gz", "a.tar 2.gz", "a.tar.gz"]


@pytest.mark.parametrize("if_exists", ["fail", "rename"])
def test_a_name_that_is_taken_during_the_download(client, drive, meanwhile, *, tmp_path, if_exists):
    """What somebody else puts there meanwhile stays."""
    drive.put("a.csv", CONTENT)
    meanwhile(lambda: (tmp_path / "a.csv").write_bytes(b"theirs"))
    options = {"if_exists": if_exists}
    if if_exists == "fail":
        with pytest.raises(LocalFileError, match="exists"):
            client.download("myfiles/a.csv", tmp_path / "a.csv", **options)
        assert listed(tmp_path) == ["a.csv"]
    else:
        assert client.download("myfiles/a.csv", tmp_path / "a.csv", **options).outcome == "renamed"
        assert (tmp_path / "a 1.csv").read_bytes() == CONTENT
        assert listed(tmp_path) == ["a 1.csv", "a.csv"]
    assert (tmp_path / "a.csv").read_bytes() == b"theirs"


# --- names and places


@pytest.mark.parametrize("kind", ["file", "nothing", "itself"])
def test_a_link_of_that_name(client, drive, tmp_path, kind):
    """A symbolic link is replaced and never followed."""
    drive.put("a.csv", CONTENT)
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    link = tmp_path / "into" / "a.csv"
    link.parent.mkdir()
    link.symlink_to({"file": victim, "nothing": "nowhere", "itself": "a.csv"}[kind])
    client.download("myfiles/a.csv", tmp_path / "into")
    assert (victim.read_bytes(), link.is_symlink(), link.read_bytes()) == (b"mine", False, CONTENT)
    assert listed(link.parent) == ["a.csv"]


def test_a_linked_folder(client, drive, tmp_path):
    """A link to a folder is that folder."""
    drive.put("a.csv", CONTENT)
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    client.download("myfiles/a.csv", tmp_path / "link")
    assert (tmp_path / "real" / "a.csv").read_bytes() == CONTENT


def test_a_name_of_255_bytes(client, drive, tmp_path):
    """The part file's name is short, however long the file's is."""
    name = "ü" * 125 + ".data"
    drive.put(name, CONTENT)
    client.download(f"myfiles/{name}", tmp_path)
    assert listed(tmp_path) == [name]


def test_a_target_that_cannot_be(client, drive, fetched, tmp_path):
    """A folder, an empty template and a path that is none are refused before anything is fetched."""
    drive.put("a.csv", CONTENT)
    (tmp_path / "x" / "a.csv").mkdir(parents=True)
    for target in (tmp_path / "x", "", "a\0b", tmp_path / ("n" * 300), "/dev/null/a.csv", "/proc/none/a.csv"):
        with pytest.raises(LocalFileError):
            client.download("myfiles/a.csv", target)
    assert fetched() == []


def test_a_disk_without_room(client, drive, fetched, tmp_path, monkeypatch):
    """A file that does not fit is not begun."""
    drive.put("a.csv", CONTENT)
    usage = shutil.disk_usage(tmp_path)._replace(free=len(CONTENT) - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(LocalFileError, match=r"a\.csv needs 1000000 bytes more, and its disk has 999999 free"):
        client.download("myfiles/a.csv", tmp_path)
    assert (fetched(), listed(tmp_path)) == ([], [])
    assert fetch(client, "myfiles/a.csv", localcopy.target_of(UPath("memory://b/a.csv"), "")).size == len(CONTENT)


def test_a_folder_that_goes_meanwhile(client, drive, meanwhile, tmp_path):
    """What cannot be put in place in the end is an error that names the path."""
    drive.put("a.csv", CONTENT)
    (tmp_path / "x").mkdir()
    meanwhile(lambda: shutil.rmtree(tmp_path / "x"))
    with pytest.raises(LocalFileError, match=r"x/a\.csv cannot be written: No such file or directory"):
        client.download("myfiles/a.csv", tmp_path / "x" / "a.csv")
    assert listed(tmp_path) == []


# --- several ranges at once


def test_large_files_are_fetched_by_ranges():
    """From 256 MiB on, as long as nobody says otherwise."""
    assert LocalTarget("a.bin").parallel_bytes == 256 * 1024 * 1024


@pytest.mark.parametrize("size", [0, 1, 65536, 5 * 65536, 999_999])
def test_ranges_at_once(client, drive, onedrive_emulator, *, tmp_path, size):
    """They make one file, each byte is sent once, and no thread is left."""
    drive.put("a.bin", CONTENT[:size])
    fetch(client, "myfiles/a.bin", LocalTarget(tmp_path / "a.bin", 65536, 1))
    assert (tmp_path / "a.bin").read_bytes() == CONTENT[:size]
    sent = [request.sent_bytes for request in onedrive_emulator.requests.matching(operation="download")]
    assert (sum(sent), len(sent)) == (size, min(3, -(-size // 65536)))
    assert listed(tmp_path) == ["a.bin"]
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("onedrive")] == []


def test_a_smaller_file_comes_at_once(client, drive, fetched, tmp_path):
    """Below the threshold there is one request, without Range."""
    drive.put("a.bin", CONTENT)
    fetch(client, "myfiles/a.bin", LocalTarget(tmp_path / "a.bin", 65536, len(CONTENT) + 1))
    assert fetched() == [len(CONTENT)]


# --- opening


@pytest.mark.parametrize("size", [0, 3, 9_000_000])
def test_opening_what_breaks_off(client, drive, onedrive_emulator, size):
    """What is opened has the right bytes, also after cuts and when it is too large for the memory."""
    content = CONTENT * 9
    drive.put("a.bin", content[:size])
    onedrive_emulator.faults.add(operation="download", times=2, do=cut_response(size // 3))
    with client.open("myfiles/a.bin") as file:
        assert file.read() == content[:size]


def test_opening_what_comes_wrong(client, drive, onedrive_emulator):
    """It is fetched once more; then it is an error that says what was tried."""
    drive.put("a.bin", CONTENT)
    onedrive_emulator.faults.add(operation="download", do=corrupt_response(5))
    with client.open("myfiles/a.bin") as file:
        assert file.read() == CONTENT
    rule = onedrive_emulator.faults.add(operation="download", times=None, do=corrupt_response(5))
    with pytest.raises(VerificationFailed, match=r"Cannot read myfiles/a\.bin: What came has the hash"):
        client.open("myfiles/a.bin")
    assert rule.hits == 2


def test_opening_what_changes_meanwhile(client, drive, onedrive_emulator):
    """The next version is opened, whole."""
    drive.put("a.bin", CONTENT)
    onedrive_emulator.faults.add(operation="download", do=cut_response(500_000))
    onedrive_emulator.faults.add(operation="get", after=1, do=Act(lambda: drive.put("a.bin", b"new")))
    with client.open("myfiles/a.bin") as file:
        assert file.read() == b"new"


def test_a_notebook(client, drive, tmp_path):
    """A package has no content to fetch."""
    drive.notebook("n/Notes")
    for call in (client.open, lambda location: client.download(location, tmp_path / "a")):
        with pytest.raises(LocationError, match=r"Cannot .* myfiles/n/Notes: "):
            call("myfiles/n/Notes")
    assert listed(tmp_path) == []


# --- object stores


def test_a_path_of_the_local_disk(client, drive, tmp_path):
    """``file://`` is the local disk, however it is written: with its part file, time and names."""
    drive.put("a.csv", CONTENT, modified_at=WHEN)
    (tmp_path / "x").mkdir()
    for place, path in (
        (UPath(f"file://{tmp_path}/y/b.csv"), "y/b.csv"),
        (UPath(f"file://{tmp_path}/x"), "x/a.csv"),
    ):
        assert client.download("myfiles/a.csv", place).local_path == f"{tmp_path}/{path}"
        assert (tmp_path / path).read_bytes() == CONTENT
        assert (tmp_path / path).stat().st_mtime == WHEN.timestamp()


@pytest.fixture(params=["memory", "s3"])
def store(request):
    """One store that shows what is written, and one that holds it back."""
    if request.param == "memory":
        return request.getfixturevalue("memory")
    return request.getfixturevalue("s3").path("x/a.csv")


def test_an_object(client, drive, store, fetched, onedrive_emulator):
    """It appears whole, and what breaks off is gone on with."""
    drive.put("a.csv", CONTENT)
    onedrive_emulator.faults.add(operation="download", do=cut_response(600_000))
    item = client.download("myfiles/a.csv", store)
    assert item.local_path == str(store)
    assert store.read_bytes() == CONTENT
    assert sum(fetched()) == len(CONTENT)


@pytest.mark.parametrize("fault", [corrupt_response(5), status(503), status(403)], ids=repr)
def test_an_object_that_fails(client, drive, store, onedrive_emulator, fault):
    """An error leaves nothing under the key, or what was there."""
    drive.put("a.csv", CONTENT)
    onedrive_emulator.faults.add(operation="download", do=cut_response(600_000))
    onedrive_emulator.faults.add(operation="download", times=None, do=fault)
    for before in (None, OLD):
        if before is not None:
            store.write_bytes(before)
        with pytest.raises((VerificationFailed, ServiceUnavailable, PermissionError)):
            client.download("myfiles/a.csv", store)
        store.fs.invalidate_cache()
        assert (store.read_bytes() if store.exists() else None) == before


@pytest.mark.parametrize("there", [None, OLD, CONTENT], ids=["free", "other", "same"])
@pytest.mark.parametrize("if_exists", ["replace", "fail", "skip", "skip_if_same"])
def test_what_has_the_key(client, drive, memory, if_exists, there):
    """The words mean the same in a store."""
    drive.put("a.csv", CONTENT)
    if there is not None:
        memory.write_bytes(there)
    options = {"if_exists": if_exists, "attempt": TaskAttempt(retrying=True)}
    if if_exists == "fail" and there == OLD:
        with pytest.raises(LocalFileError, match=r"bucket/x/a\.csv exists"):
            client.download("myfiles/a.csv", memory, **options)
        assert memory.read_bytes() == OLD
        return
    item = client.download("myfiles/a.csv", memory, **options)
    is_skipped = (if_exists == "skip" and there is not None) or (if_exists == "skip_if_same" and there == CONTENT)
    is_ours = if_exists == "fail" and there == CONTENT
    assert item.outcome == ("skipped" if is_skipped else "already_there" if is_ours else None)
    assert memory.read_bytes() == (there if is_skipped else CONTENT)


def test_no_other_name_in_a_store(client, drive, memory, fetched):
    """Nothing there keeps a free name free, so ``rename`` is refused whether it is taken or not."""
    drive.put("a.csv", CONTENT)
    with pytest.raises(ConfigurationError, match="in an object store, where if_exists='rename' cannot be kept"):
        client.download("myfiles/a.csv", memory, if_exists="rename")
    assert fetched() == []


def test_without_verifying(client, drive, onedrive_emulator, tmp_path):
    """Whoever wants no verification gets what came."""
    drive.put("a.csv", CONTENT)
    onedrive_emulator.faults.add(operation="download", do=corrupt_response(5))
    client.download("myfiles/a.csv", tmp_path / "a.csv", options=DownloadOptions(verify=False))
    content = (tmp_path / "a.csv").read_bytes()
    assert (content[:5] + content[6:], content[5] == CONTENT[5]) == (CONTENT[:5] + CONTENT[6:], False)


def test_a_file_without_a_hash(client, drive, onedrive_emulator, tmp_path):
    """Where Graph has no hash its size is compared, and that is all."""
    drive.put("a.csv", CONTENT)
    onedrive_emulator.quirks.hash_missing_reads = 1
    client.download("myfiles/a.csv", tmp_path / "a.csv")
    assert os.path.getsize(tmp_path / "a.csv") == len(CONTENT)  # noqa: PTH202


def test_a_changing_error_stays_what_it_is(client, drive, onedrive_emulator, tmp_path):
    """A file that never rests is an error that may pass, after three versions."""
    drive.put("a.csv", CONTENT)
    numbers = iter(range(100))
    onedrive_emulator.faults.add(operation="download", times=None, do=cut_response(0))
    change = Act(lambda: drive.put("a.csv", f"{next(numbers)}".encode()))
    rule = onedrive_emulator.faults.add(operation="get", times=None, after=1, do=change)
    with pytest.raises(SourceChanged, match=r"Cannot download .*another version.*changes it repeatedly") as caught:
        client.download("myfiles/a.csv", tmp_path / "a.csv")
    assert caught.value.is_retryable
    assert rule.hits == 5
    assert listed(tmp_path) == []
