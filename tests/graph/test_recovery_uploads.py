"""Uploads to an emulator that fails, is full or late, changes what it was given, or refuses the end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from patience import HANG_SECONDS
from upload_steps import IN_UNITS, LARGE

from airflow_provider_onedrive.emulator.faults import Fault, cut_request, drop_after, drop_before, status
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.flows.sessions import QUOTA_CHECK_BYTES
from airflow_provider_onedrive.graph.protocol.errors import (
    BadRequest,
    Locked,
    NameAlreadyExists,
    NameHeld,
    PreconditionFailed,
    QuotaExceeded,
    ServiceUnavailable,
    SourceChanged,
)
from airflow_provider_onedrive.graph.protocol.messages import Request
from airflow_provider_onedrive.graph.protocol.options import UNIT_BYTES, UploadOptions
from airflow_provider_onedrive.graph.protocol.retry import RetryPolicy

TOTAL = len(LARGE)
BY_PUT = UploadOptions()
WAYS = pytest.mark.parametrize("options", [BY_PUT, IN_UNITS], ids=["put", "session"])


class Met(Fault):
    """Does something when a request comes, and lets it pass."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act = act

    def before(self, request, context):
        self.act()


@pytest.fixture
def count(onedrive_emulator):
    """Count requests of one kind."""
    return lambda operation: len(onedrive_emulator.requests.matching(operation=operation))


@pytest.fixture
def bytes_sent(onedrive_emulator):
    """Say how many bytes of content the fragments had."""
    return lambda: onedrive_emulator.requests.total(operation="fragment").received_bytes


@pytest.fixture
def sessions(onedrive_emulator):
    return onedrive_emulator.state.sessions


# --- lost, cut, failed


@pytest.mark.pairwise
@pytest.mark.parametrize("fault", [drop_before(), drop_after(), cut_request(3), status(500), status(504)], ids=repr)
@pytest.mark.parametrize("if_exists", ["fail", "rename", "replace", "skip", "skip_if_same"])
@pytest.mark.parametrize("is_taken", [False, True], ids=["free", "taken"])
@WAYS
def test_one_correct_file(client, drive, faults, *, fault, if_exists, options, is_taken):
    """Whatever happens to the PUT, there is one file with every byte, and one new version at most."""
    if is_taken:
        drive.put("a.bin", b"old")
    rule = faults.add(method="PUT", do=fault)
    if is_taken and if_exists == "fail":
        with pytest.raises(NameAlreadyExists):
            client.upload("myfiles/a.bin", content=LARGE, if_exists=if_exists, options=options)
        assert (drive.paths(), drive.read("a.bin")) == (["a.bin"], b"old")
        return
    item = client.upload("myfiles/a.bin", content=LARGE, if_exists=if_exists, options=options)
    renamed, skipped = (is_taken and if_exists == word for word in ("rename", "skip"))
    assert item.location == ("myfiles/a 1.bin" if renamed else "myfiles/a.bin")
    assert drive.read(item.path) == (b"old" if skipped else LARGE)
    assert drive.version_count(item.path) == (1 if renamed or skipped or not is_taken else 2)
    assert len(drive.paths()) == 1 + renamed
    assert rule.hits == (not skipped)


@pytest.mark.parametrize("fault", [drop_before(), drop_after(), status(500)], ids=repr)
@WAYS
def test_one_new_version_of_an_expected_one(client, drive, faults, fault, options):
    """With If-Match a lost answer is no 412, and there is one new version."""
    etag = drive.put("a.bin", b"old")["eTag"]
    faults.add(method="PUT", do=fault)
    item = client.update("myfiles/a.bin", content=LARGE, expected_etag=etag, options=options)
    assert (item.size, item.outcome) == (TOTAL, "replaced")
    assert drive.read("a.bin") == LARGE
    assert drive.version_count("a.bin") == 2


@pytest.mark.parametrize("number", [0, 1, 2])
@pytest.mark.parametrize(
    "fault",
    [
        *(drop_before(), drop_after(), cut_request(2), cut_request(1, keep=True)),
        *(status(500), status(504), status(404), status(403), status(401), status(416)),
    ],
    ids=repr,
)
def test_trouble_with_any_fragment(client, onedrive_emulator, drive, *, faults, bytes_sent, count, number, fault):
    """A fragment is refused, lost, cut or half kept: the session is asked and gets only what it lacks."""
    rule = faults.add(operation="fragment", after=number, do=fault)
    item = client.upload("myfiles/a.bin", content=LARGE, options=IN_UNITS)
    assert (item.outcome, item.size) == ("created", TOTAL)
    assert drive.read("a.bin") == LARGE
    assert (drive.paths(), drive.version_count("a.bin")) == (["a.bin"], 1)
    assert (rule.hits, len(onedrive_emulator.leaks), count("create_session")) == (1, 0, 1)
    assert bytes_sent() == TOTAL + _in_vain(fault, number)


def _in_vain(fault: Fault, number: int) -> int:
    """Say how many bytes are sent that the session does not take."""
    if isinstance(fault, cut_request):
        return 0 if fault.keep else fault.bytes
    return (UNIT_BYTES, UNIT_BYTES, 3)[number] if isinstance(fault, status) else 0


def test_a_line_that_is_cut_again_and_again(client, drive, faults, bytes_sent):
    """A slow line loses connection after connection; what the session kept is not sent again."""
    rule = faults.add(operation="fragment", times=9, do=cut_request(50_000, keep=True))
    client.upload("myfiles/a.bin", content=LARGE, options=IN_UNITS)
    assert drive.read("a.bin") == LARGE
    assert rule.hits == 9
    assert bytes_sent() == TOTAL


def test_fragments_become_smaller(client, onedrive_emulator, drive, faults):
    """The service gives up waiting for a fragment: the next ones have half of it."""
    faults.add(operation="fragment", do=status(504))
    options = UploadOptions(single_put_bytes=0, fragment_bytes=2 * UNIT_BYTES)
    client.upload("myfiles/a.bin", content=LARGE, options=options)
    sizes = [request.received_bytes for request in onedrive_emulator.requests.matching(operation="fragment")]
    assert sizes[1:] == [UNIT_BYTES, UNIT_BYTES, 3]
    assert drive.read("a.bin") == LARGE


def test_a_session_whose_creation_was_lost(client, drive, faults):
    """It is created again: nothing of the first one can be known."""
    faults.add(operation="create_session", do=drop_after())
    assert client.upload("myfiles/a.bin", content=LARGE, options=IN_UNITS).outcome == "created"
    assert drive.version_count("a.bin") == 1


# --- late


@pytest.mark.parametrize("uses", [1, 4])
def test_a_session_that_is_not_visible_yet(client, onedrive_emulator, drive, count, uses):
    """404 right after its creation is no lost session."""
    onedrive_emulator.quirks.session_invisible_uses = uses
    assert client.upload("myfiles/a.bin", content=LARGE, options=IN_UNITS).outcome == "created"
    assert count("create_session") == 1
    assert drive.read("a.bin") == LARGE


def test_an_upload_url_that_expires_in_between(client, onedrive_emulator, drive, *, faults, count):
    """403 of an upload URL that is too old: there is a new session, and one correct file."""
    now = [0.0]
    onedrive_emulator.quirks.clock = lambda: now[0]
    onedrive_emulator.quirks.tempauth_seconds = 900
    faults.add(operation="fragment", after=1, do=Met(lambda: now.__setitem__(0, 1000.0)))
    assert client.upload("myfiles/a.bin", content=LARGE, options=IN_UNITS).outcome == "created"
    assert count("create_session") == 2
    assert drive.read("a.bin") == LARGE


@WAYS
@pytest.mark.parametrize("reads", [1, 3])
def test_new_folders_that_cannot_be_seen_yet(client, onedrive_emulator, drive, options, reads):
    """What is created in folders just created waits until they can be seen."""
    onedrive_emulator.quirks.invisible_reads = reads
    item = client.upload("myfiles/x/y/z/a.bin", content=LARGE, create_folders=True, options=options)
    assert item.outcome == "created"
    assert drive.paths() == ["x/", "x/y/", "x/y/z/", "x/y/z/a.bin"]
    assert drive.version_count("x/y/z/a.bin") == 1


# --- the end


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("if_exists", ["fail", "replace", "rename"])
def test_a_commit_that_is_refused_for_a_while(client, onedrive_emulator, drive, *, count, bytes_sent, times, if_exists):
    """The file is open in Office: the commit is tried again until it is closed, and no byte is sent twice."""
    drive.put("a.bin", b"old")
    onedrive_emulator.quirks.refused_commits = times
    name = "b.bin" if if_exists == "fail" else "a.bin"
    item = client.upload(f"myfiles/{name}", content=LARGE, if_exists=if_exists, options=IN_UNITS)
    assert drive.read(item.path) == LARGE
    assert drive.version_count(item.path) == (2 if if_exists == "replace" else 1)
    assert (count("session_commit"), count("create_session"), bytes_sent()) == (
        times,
        1 + (if_exists == "rename"),
        TOTAL,
    )


def test_a_commit_that_is_refused_for_good(client, onedrive_emulator, drive, sessions):
    """In the end it is the error, and no session is left to hold the name."""
    onedrive_emulator.quirks.refused_commits = 100
    with pytest.raises(Locked):
        client.upload("myfiles/a.bin", content=LARGE, options=IN_UNITS)
    assert (drive.paths(), len(sessions)) == ([], 0)


@pytest.mark.parametrize(
    ("operation", "options"), [("upload", BY_PUT), ("create_session", IN_UNITS)], ids=["put", "session"]
)
@pytest.mark.parametrize(("on_locked", "sends"), [("wait", 4), ("fail", 1)])
def test_a_file_that_is_open(client, drive, count, *, operation, options, on_locked, sends):
    """A locked file is waited for some seconds, or not at all."""
    drive.put("a.bin", b"old")
    drive.lock("a.bin")
    with pytest.raises(Locked):
        client.save("myfiles/a.bin", content=LARGE, options=replace(options, on_locked=on_locked))
    assert count(operation) == sends
    assert drive.read("a.bin") == b"old"


def test_a_lock_at_the_commit_that_is_not_waited_for(client, onedrive_emulator, drive, sessions, count):
    """With on_locked="fail" the first refusal is the error."""
    onedrive_emulator.quirks.refused_commits = 1
    with pytest.raises(Locked):
        client.upload("myfiles/a.bin", content=LARGE, options=replace(IN_UNITS, on_locked="fail"))
    assert (drive.paths(), len(sessions), count("session_commit")) == ([], 0, 0)


@WAYS
@pytest.mark.parametrize("if_exists", ["fail", "replace", "rename"])
def test_a_commit_that_fails_and_is_done(client, onedrive_emulator, drive, options, if_exists):
    """An error although the file is there: it is found, and not made again."""
    onedrive_emulator.quirks.failing_commits = 1
    item = client.upload("myfiles/a.bin", content=LARGE, if_exists=if_exists, options=options)
    assert item.size == TOTAL
    assert (drive.paths(), drive.version_count("a.bin")) == (["a.bin"], 1)


@pytest.mark.parametrize("fault", [status(409), status(507), status(400)], ids=repr)
def test_a_commit_that_is_an_error(client, drive, faults, *, sessions, count, fault):
    """It is raised, nothing appears, and the session is cancelled."""
    faults.add(operation="fragment", after=2, do=fault)
    kinds = {409: NameAlreadyExists, 507: QuotaExceeded, 400: BadRequest}
    with pytest.raises(kinds[fault.status]):
        client.upload("myfiles/a.bin", content=LARGE, options=IN_UNITS)
    assert (drive.paths(), len(sessions), count("session_cancel")) == ([], 0, 1)


def test_a_name_taken_during_the_upload(client, drive, faults, sessions):
    """Somebody else takes the name while the bytes travel: an error, and theirs stays."""
    faults.add(operation="fragment", do=Met(lambda: drive.put("a.bin", b"theirs")))
    with pytest.raises(NameAlreadyExists) as caught:
        client.upload("myfiles/a.bin", content=LARGE, options=IN_UNITS)
    assert type(caught.value) is NameAlreadyExists
    assert (drive.read("a.bin"), len(sessions)) == (b"theirs", 0)


@pytest.mark.parametrize("if_exists", ["skip", "skip_if_same"])
def test_the_same_file_made_during_the_upload(client, onedrive_emulator, drive, *, faults, sessions, if_exists):
    """What somebody else made meanwhile is taken, and the session that is no longer needed does not hold the name."""
    onedrive_emulator.quirks.sessions_hold_names = True
    faults.add(operation="fragment", do=Met(lambda: drive.put("a.bin", LARGE)))
    assert client.upload("myfiles/a.bin", content=LARGE, if_exists=if_exists, options=IN_UNITS).outcome == "skipped"
    assert (drive.version_count("a.bin"), len(sessions)) == (1, 0)


def test_a_file_that_changes_while_it_is_replaced(client, onedrive_emulator, drive, *, faults, sessions):
    """skip_if_same looks once more and replaces that version, though its first session held the name."""
    onedrive_emulator.quirks.sessions_hold_names = True
    drive.put("a.bin", b"old")
    faults.add(operation="fragment", do=Met(lambda: drive.put("a.bin", b"newer")))
    item = client.upload("myfiles/a.bin", content=LARGE, if_exists="skip_if_same", options=IN_UNITS)
    assert (item.outcome, drive.read("a.bin"), drive.version_count("a.bin")) == ("replaced", LARGE, 3)
    assert len(sessions) == 0


@WAYS
def test_skip_if_same_gives_way_in_the_end(client, drive, faults, sessions, options):
    """A file that changes each time is left to whoever changes it."""
    numbers = iter(range(100))
    drive.put("a.bin", b"old")
    faults.add(method="PUT", times=None, do=Met(lambda: drive.put("a.bin", b"%d" % next(numbers))))
    with pytest.raises(PreconditionFailed):
        client.upload("myfiles/a.bin", content=LARGE, if_exists="skip_if_same", options=options)
    assert (len(drive.read("a.bin")), len(sessions)) == (1, 0)


# --- held names


def open_a_session(client, name):
    """Begin an upload elsewhere and give it up; return its URL."""

    def flow():
        url = f"/users/anna%40contoso.example/drive/root:/{name}:/createUploadSession"
        response = yield Request("POST", url, json={})
        return response.json["uploadUrl"]

    return client.run(flow())


@WAYS
@pytest.mark.parametrize("if_exists", ["fail", "replace", "rename", "skip", "skip_if_same"])
def test_a_name_that_another_upload_holds(client, onedrive_emulator, drive, options, if_exists):
    """The name is free for all one can see, and refused: an error that may pass, and does."""
    onedrive_emulator.quirks.sessions_hold_names = True
    url = open_a_session(client, "a.bin")
    with pytest.raises(NameHeld, match="retry later") as caught:
        client.upload("myfiles/a.bin", content=LARGE, if_exists=if_exists, options=options)
    assert caught.value.is_retryable
    client.send_final(Request("DELETE", url, preauthorized=True))
    assert client.upload("myfiles/a.bin", content=LARGE, if_exists=if_exists, options=options).outcome == "created"
    assert drive.paths() == ["a.bin"]


def test_an_upload_that_fails_holds_no_name(client, onedrive_emulator, drive, faults):
    """Its session is cancelled, so the next try can have the name."""
    onedrive_emulator.quirks.sessions_hold_names = True
    faults.add(operation="fragment", times=7, do=status(500))
    with pytest.raises(ServiceUnavailable):
        client.upload("myfiles/a.bin", content=LARGE, options=IN_UNITS)
    assert client.upload("myfiles/a.bin", content=LARGE, options=IN_UNITS).outcome == "created"


# --- room


@pytest.fixture
def sparse(tmp_path):
    """A file that is large enough to ask for room, and takes none itself."""
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(QUOTA_CHECK_BYTES)
    return path


def test_a_drive_that_is_too_full(client, drive, count, sparse):
    """A large file is refused before anything of it is sent, with both sizes."""
    drive.quota_bytes = QUOTA_CHECK_BYTES - 1
    with pytest.raises(QuotaExceeded, match=f"{QUOTA_CHECK_BYTES} bytes.*room for {QUOTA_CHECK_BYTES - 1} more"):
        client.upload("myfiles/a.bin", local_path=sparse)
    assert count("create_session") == 0


@pytest.mark.parametrize("shown", ["whole", "without_remaining", "zero_remaining", "absent"])
def test_a_drive_that_says_less_of_its_room(client, drive, faults, *, count, sparse, shown):
    """A drive that does not say what is left, or wrongly 0, is tried all the same."""
    drive.quota_shown = shown
    faults.add(operation="create_session", do=status(400, message="reached"))
    with pytest.raises(BadRequest, match="reached"):
        client.upload("myfiles/a.bin", local_path=sparse)
    assert count("drive") == 1


def test_a_drive_that_is_full_at_the_end(client, drive, sessions):
    """A smaller file asks for no room; Graph's refusal is the error, and no session is left."""
    drive.quota_bytes = TOTAL - 1
    with pytest.raises(QuotaExceeded):
        client.upload("myfiles/a.bin", content=LARGE, options=IN_UNITS)
    assert (drive.paths(), len(sessions)) == ([], 0)


# --- later tries of the same task


@pytest.mark.parametrize("if_exists", ["fail", "rename", "replace", "skip_if_same"])
@pytest.mark.parametrize("content", [b"", b"abc", LARGE], ids=len)
def test_a_later_try_finds_what_the_earlier_did(connect, drive, if_exists, content):
    """The worker died between commit and answer: the later try ends in the one correct file."""
    options = replace(IN_UNITS, single_put_bytes=100)
    connect().upload("myfiles/a.bin", content=content, if_exists=if_exists, options=options)
    item = connect().upload(
        "myfiles/a.bin", content=content, if_exists=if_exists, attempt=TaskAttempt(retrying=True), options=options
    )
    assert item.outcome == {"replace": "replaced", "skip_if_same": "skipped"}.get(if_exists, "already_there")
    assert drive.paths() == ["a.bin"]
    assert drive.read("a.bin") == content


@WAYS
def test_a_later_try_of_a_rename_that_was_renamed(connect, drive, options):
    """The earlier try left ``a 1.bin``: the later one leaves no ``a 2.bin``."""
    drive.put("a.bin", b"theirs")
    connect().upload("myfiles/a.bin", content=LARGE, if_exists="rename", options=options)
    item = connect().upload(
        "myfiles/a.bin", content=LARGE, if_exists="rename", attempt=TaskAttempt(retrying=True), options=options
    )
    assert (item.name, item.outcome) == ("a 1.bin", "already_there")
    assert drive.paths() == ["a 1.bin", "a.bin"]


def test_a_later_try_of_an_update_of_an_expected_version(connect, drive):
    """The earlier try's success moved the eTag on; the later try recognises it."""
    etag = drive.put("a.bin", b"old")["eTag"]
    connect().update("myfiles/a.bin", content=b"new", expected_etag=etag)
    item = connect().update("myfiles/a.bin", content=b"new", expected_etag=etag, attempt=TaskAttempt(retrying=True))
    assert item.outcome == "already_there"
    with pytest.raises(PreconditionFailed):
        connect().update("myfiles/a.bin", content=b"other", expected_etag=etag, attempt=TaskAttempt(retrying=True))
    assert drive.version_count("a.bin") == 2


def test_two_tries_at_once(connect, drive, sessions):
    """Two tries of the same task that live at once end in one correct file and no session."""
    outcomes: list[str] = []

    def upload():
        outcomes.append(
            connect()
            .upload("myfiles/a.bin", content=LARGE, attempt=TaskAttempt(retrying=True), options=IN_UNITS)
            .outcome
        )

    threads = [threading.Thread(target=upload) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_SECONDS)
    assert sorted(outcomes) == ["already_there", "created"]
    assert (drive.paths(), len(sessions)) == (["a.bin"], 0)
    assert drive.read("a.bin") == LARGE


# --- sources


@pytest.mark.parametrize("change", ["grown", "gone"])
def test_a_source_that_changes_during_the_upload(client, drive, *, faults, sessions, tmp_path, change):
    """Half of one version and half of another is not uploaded, and no session is left."""
    path = tmp_path / "a.bin"
    path.write_bytes(LARGE)
    act = path.unlink if change == "gone" else lambda: path.write_bytes(LARGE + b"more")
    faults.add(operation="fragment", do=Met(act))
    with pytest.raises(SourceChanged, match=r"Cannot upload to myfiles/a.bin: .*a.bin"):
        client.upload("myfiles/a.bin", local_path=path, options=IN_UNITS)
    assert (drive.paths(), len(sessions)) == ([], 0)


def test_how_long_a_service_that_stays_away_is_asked(connect, drive, faults, count):
    """After seven failures in a row it is an error: of fragments whose outcome nobody knows, too."""
    client = connect()
    client.retry_policy = RetryPolicy(max_attempts=1, first_wait_seconds=0, max_backoff_seconds=0)
    faults.add(operation="fragment", times=None, do=drop_before())
    with pytest.raises(ServiceUnavailable):
        client.upload("myfiles/a.bin", content=LARGE, options=IN_UNITS)
    assert count("fragment") == 7
    assert drive.paths() == []
