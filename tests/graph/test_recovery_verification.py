"""What Graph has after an upload: compared, waited for, sent again; times, notebooks and stores."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem
from upath import UPath
from upload_steps import IN_UNITS, LARGE

from airflow_provider_onedrive.emulator.faults import Fault, corrupt_request, drop_after, latency
from airflow_provider_onedrive.graph.protocol.errors import LocationError, SourceChanged, VerificationFailed
from airflow_provider_onedrive.graph.protocol.messages import Request
from airflow_provider_onedrive.graph.protocol.options import UploadOptions

BY_PUT = UploadOptions()
WAYS = pytest.mark.parametrize("options", [BY_PUT, IN_UNITS], ids=["put", "session"])
PAGE = b"<html><head></head><body>" + b"x" * 1000 + b"</body></html>"
PERSONAL = "mia@outlook.example"
MOMENT = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def count(onedrive_emulator):
    return lambda operation: len(onedrive_emulator.requests.matching(operation=operation))


@pytest.fixture
def personal(onedrive_emulator):
    """A consumer's drive, and its location."""
    onedrive_emulator.add_user(PERSONAL, personality="personal")
    return onedrive_emulator.drive(PERSONAL), f"users/{PERSONAL}"


@pytest.fixture
def memory():
    """An object store in memory, emptied at the end."""
    yield MemoryFileSystem()
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


# --- hashes


@WAYS
@pytest.mark.parametrize("if_exists", ["fail", "replace", "rename", "skip_if_same"])
def test_a_byte_that_went_wrong(client, drive, faults, *, count, options, if_exists, caplog):
    """It is found by the hash and sent once more; the wrong copy becomes a former version, and none is deleted."""
    rule = faults.add(method="PUT", do=corrupt_request(2))
    item = client.upload("myfiles/a.bin", content=LARGE, if_exists=if_exists, options=options)
    assert (item.outcome, drive.read("a.bin")) == ("created", LARGE)
    assert (drive.paths(), drive.version_count("a.bin"), rule.hits) == (["a.bin"], 2, 1)
    assert count("delete") == 0
    assert "is not what was sent" in caplog.text


@WAYS
def test_bytes_that_go_wrong_again_and_again(client, onedrive_emulator, drive, faults, *, count, options):
    """The second wrong copy is an error that may pass; both copies stay, and no session does."""
    faults.add(method="PUT", times=None, do=corrupt_request(2))
    with pytest.raises(VerificationFailed, match="Neither copy was deleted") as caught:
        client.upload("myfiles/a.bin", content=LARGE, options=options)
    assert caught.value.is_retryable
    assert (drive.paths(), drive.version_count("a.bin"), count("delete")) == (["a.bin"], 2, 0)
    assert len(onedrive_emulator.state.sessions) == 0


def test_a_wrong_copy_that_somebody_opens(client, drive, faults):
    """A file whose eTag moved on is not overwritten by the second copy."""

    class Wrong(corrupt_request):
        def after(self, reply, *_):
            drive.open_in_editor("a.bin")

    faults.add(operation="upload", do=Wrong(2))
    with pytest.raises(VerificationFailed, match="it changed"):
        client.upload("myfiles/a.bin", content=LARGE)
    assert drive.version_count("a.bin") == 1


@WAYS
def test_a_lost_answer_is_no_proof(client, drive, faults, options):
    """A copy that went wrong is not recognised as ours where the answer was lost: it is replaced in the end."""

    class WrongAndLost(corrupt_request):
        def after(self, reply, *_):
            drop_after().after(reply)

    faults.add(method="PUT", after=0 if options is BY_PUT else 2, do=WrongAndLost(2))
    item = client.save("myfiles/a.bin", content=LARGE, options=options)
    assert (item.size, drive.read("a.bin")) == (len(LARGE), LARGE)
    assert drive.version_count("a.bin") == 2


@WAYS
def test_nothing_is_compared_on_demand(client, drive, faults, options):
    """With verify=False what went wrong stays so."""
    faults.add(method="PUT", do=corrupt_request(2))
    item = client.upload("myfiles/a.bin", content=LARGE, options=replace(options, verify=False))
    assert (item.outcome, drive.version_count("a.bin")) == ("created", 1)
    assert drive.read("a.bin") != LARGE


@WAYS
@pytest.mark.parametrize("is_wrong", [False, True])
def test_a_hash_that_comes_late(client, onedrive_emulator, drive, *, faults, options, is_wrong):
    """It is waited for, and compared when it is there."""
    onedrive_emulator.quirks.hash_missing_reads = 2
    if is_wrong:
        faults.add(method="PUT", do=corrupt_request(2))
    item = client.upload("myfiles/a.bin", content=LARGE, options=options)
    assert item.quick_xor_hash == drive.item("a.bin")["file"]["hashes"]["quickXorHash"]
    assert (drive.read("a.bin"), drive.version_count("a.bin")) == (LARGE, 1 + is_wrong)


def test_a_hash_that_never_comes(client, onedrive_emulator, drive, count, caplog):
    """It is asked for some times, and its absence is no error."""
    onedrive_emulator.quirks.hash_missing_reads = 100
    assert client.upload("myfiles/a.bin", content=LARGE).outcome == "created"
    assert (drive.read("a.bin"), count("get")) == (LARGE, 1 + 5)
    assert "only its size was compared" in caplog.text


def test_a_hash_that_comes_late_after_a_lost_answer(client, onedrive_emulator, drive, faults):
    """What may be ours is looked at until its hash is there, and not sent again."""
    onedrive_emulator.quirks.hash_missing_reads = 2
    faults.add(operation="upload", do=drop_after())
    assert client.save("myfiles/a.bin", content=LARGE).outcome in ("created", "replaced")
    assert drive.version_count("a.bin") == 1


@WAYS
def test_a_source_is_read_once(client, tmp_path, options):
    """The hash is taken on the way, so that a large file does not come twice over the network of its store."""
    read: list[int] = []

    class Counting(LocalFileSystem):
        cachable = False

        def open(self, path, mode="rb", **more):
            file = super().open(path, mode, **more)
            plain = file.read
            file.read = lambda length=-1: (read.append(len(piece := plain(length))), piece)[1]
            return file

    path = tmp_path / "a.bin"
    path.write_bytes(LARGE)
    client.upload("myfiles/a.bin", local_path=Stored(Counting(), path), options=options)
    assert sum(read) == len(LARGE)


# --- what SharePoint rewrites


@WAYS
@pytest.mark.parametrize("name", ["a.html", "A.HTM"])
def test_a_page_that_sharepoint_rewrites(client, onedrive_emulator, drive, *, count, options, name):
    """It is no error and not sent again, and the item says that it is not what was sent."""
    onedrive_emulator.quirks.rewrite_office = True
    item = client.upload(f"myfiles/{name}", content=PAGE, options=options)
    assert item.server_rewrote
    assert item.size == len(drive.read(name)) > len(PAGE)
    assert count("upload") + count("create_session") == 1
    assert item.to_dict()["server_rewrote"] is True


def test_a_page_that_nobody_rewrites(client, drive):
    """What is the same is not called rewritten."""
    item = client.upload("myfiles/a.html", content=PAGE)
    assert not item.server_rewrote
    assert "server_rewrote" not in item.to_dict()


def test_what_sharepoint_rewrote_is_never_the_same(client, onedrive_emulator, drive):
    """skip_if_same cannot know, so it sends the page each time."""
    onedrive_emulator.quirks.rewrite_office = True
    outcomes = [client.upload("myfiles/a.html", content=PAGE, if_exists="skip_if_same").outcome for _ in range(2)]
    assert outcomes == ["created", "replaced"]


@WAYS
def test_a_personal_drive_rewrites_nothing(client, personal, faults, options):
    """There a page that differs is a wrong one, and sent again."""
    drive, place = personal
    faults.add(method="PUT", do=corrupt_request(2))
    item = client.upload(f"{place}/a.html", content=PAGE, options=options)
    assert (item.server_rewrote, drive.read("a.html"), drive.version_count("a.html")) == (False, PAGE, 2)


@WAYS
@pytest.mark.parametrize("more", [b"", b"x"])
def test_a_personal_drive(client, personal, options, more):
    """Its sha1 and sha256, which some files have, are those of what was sent, also where one looks before sending."""
    drive, place = personal
    item = client.upload(f"{place}/a.bin", content=LARGE + more, options=options)
    also = {"sha1Hash", "sha256Hash"} if item.size % 2 == 0 else set()
    assert set(item.hashes) == {"quickXorHash"} | also
    again = client.upload(f"{place}/a.bin", content=LARGE + more, if_exists="skip_if_same", options=options)
    assert (again.outcome, drive.version_count("a.bin")) == ("skipped", 1)


# --- skip


@pytest.mark.parametrize("content", [b"", b"abc", LARGE], ids=len)
def test_the_same_is_not_sent(client, drive, count, content):
    """Nothing is sent and no version made; other content makes exactly one."""
    options = UploadOptions(single_put_bytes=100, fragment_bytes=IN_UNITS.fragment_bytes)
    drive.put("a.bin", content)
    item = client.upload("myfiles/a.bin", content=content, if_exists="skip_if_same", options=options)
    assert (item.outcome, drive.version_count("a.bin")) == ("skipped", 1)
    assert count("upload") + count("create_session") == 0
    other = client.upload("myfiles/a.bin", content=content[::-1] + b"x", if_exists="skip_if_same", options=options)
    assert (other.outcome, drive.version_count("a.bin")) == ("replaced", 2)


@pytest.mark.parametrize("content", [b"", b"abc", LARGE], ids=len)
def test_what_is_there_is_skipped(client, drive, count, content):
    """Whatever the file holds, it stays, and nothing is sent."""
    options = UploadOptions(single_put_bytes=100, fragment_bytes=IN_UNITS.fragment_bytes)
    drive.put("a.bin", b"theirs")
    item = client.upload("myfiles/a.bin", content=content, if_exists="skip", options=options)
    assert (item.outcome, drive.read("a.bin"), count("upload") + count("create_session")) == ("skipped", b"theirs", 0)


# --- modification times


@pytest.mark.parametrize(
    ("content", "options", "keeps", "versions"),
    [
        (LARGE, IN_UNITS, True, 1),
        (LARGE, BY_PUT, False, 1),
        (LARGE, UploadOptions(preserve_mtime=True), True, 1),
        (b"", UploadOptions(preserve_mtime=True), True, 2),
        (b"", BY_PUT, False, 1),
    ],
    ids=["session", "small", "small on demand", "empty on demand", "empty"],
)
def test_the_time_of_the_source(client, drive, *, tmp_path, content, options, keeps, versions):
    """A session keeps it always, one PUT never; on demand it costs a version of an empty file only."""
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    os.utime(path, (MOMENT.timestamp(), MOMENT.timestamp()))
    item = client.upload("myfiles/a.bin", local_path=path, options=options)
    assert (item.client_modified_at == MOMENT) is keeps
    assert (item.outcome, drive.version_count("a.bin")) == ("created", versions)
    assert client.stat("myfiles/a.bin").client_modified_at == item.client_modified_at


# --- notebooks


@WAYS
def test_a_notebook_is_not_touched(client, drive, options):
    """Graph takes it only page by page: whoever means a file of its name has an error that says what is there."""
    drive.notebook("Notes")
    before = drive.paths()
    calls = [
        *(
            lambda word=word: client.upload("myfiles/Notes", content=LARGE, if_exists=word, options=options)
            for word in ("fail", "replace", "skip", "skip_if_same")
        ),
        lambda: client.update("myfiles/Notes", content=LARGE, options=options),
        lambda: client.save("myfiles/Notes/", content=LARGE, file_name="a.bin", options=options),
    ]
    for call in calls:
        with pytest.raises(LocationError, match="oneNote"):
            call()
    assert drive.paths() == before


# --- stores


class Stored:
    def __init__(self, fs, path) -> None:
        self.fs, self.path = fs, str(path)

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


@WAYS
def test_an_object_of_a_store(client, drive, memory, options):
    """It is sent as it is read, under its own name."""
    memory.pipe("/x/a.bin", LARGE)
    item = client.upload("myfiles/", local_path=UPath("memory:///x/a.bin"), options=options)
    assert (item.location, drive.read("a.bin")) == ("myfiles/a.bin", LARGE)


@WAYS
def test_an_object_that_changes_meanwhile(client, onedrive_emulator, drive, *, faults, memory, options):
    """Half of two versions is no file: nothing appears, and no session is left."""
    memory.pipe("/a.bin", LARGE)

    class Changing(Fault):
        def before(self, request, context):
            memory.pipe("/a.bin", LARGE[::-1])

    faults.add(operation="get", do=Changing())  # the look at the folder, after the look at the object
    with pytest.raises(SourceChanged, match=r"a\.bin changed while it was read"):
        client.upload("myfiles/a.bin", local_path=UPath("memory:///a.bin"), options=options)
    assert (drive.paths(), len(onedrive_emulator.state.sessions)) == ([], 0)


def test_how_long_a_request_took(client, onedrive_emulator, faults):
    """The answer says it: fragments grow by it."""
    faults.add(operation="get", do=latency(0.05))
    taken = []

    def flow():
        response = yield Request("GET", "/users/anna%40contoso.example/drive/root")
        taken.append(response.seconds)

    client.run(flow())
    assert taken[0] >= 0.05
