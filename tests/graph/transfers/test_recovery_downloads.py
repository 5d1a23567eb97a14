"""Downloads that meet trouble: what breaks off is gone on with, and what comes is right or does not appear."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import threading
import time

import pytest
from patience import HANG_SECONDS, MUCH_LONGER_SECONDS

from airflow_provider_onedrive.emulator.faults import (
    Fault,
    corrupt_response,
    cut_response,
    drop_before,
    ignore_range,
    stall_response,
    status,
)
from airflow_provider_onedrive.graph.content.partfile import CHUNK_BYTES
from airflow_provider_onedrive.graph.flows import downloads
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    ItemNotFound,
    OneDriveError,
    RangeNotSatisfiable,
    ServiceUnavailable,
    Stopped,
    Unauthenticated,
    VerificationFailed,
)
from airflow_provider_onedrive.graph.transfers import download as localcopy
from airflow_provider_onedrive.graph.transfers.download import Download, LocalTarget

PLAN = Download()
CHUNK = 65536
SIZE = 16 * CHUNK + 7
CONTENT = hashlib.shake_128(b"content").digest(SIZE)
NEW = hashlib.shake_128(b"new").digest(SIZE)
LARGE_BYTES = 2 * CHUNK_BYTES + 7
DOWNLOAD = {"operation": "download"}
ALWAYS = None


class Act(Fault):
    """Do something while a request is under way."""

    def __init__(self, act):
        self.act = act

    def before(self, *_):
        self.act()


class UnknownEtags(Fault):
    """Take each If-Range for one that does not match, as a server does that counts versions in its own way."""

    def before(self, request, *_):
        if "If-Range" in request.headers:
            del request.headers["Range"]


@pytest.fixture
def drive(onedrive_emulator):
    return onedrive_emulator.drive()


@pytest.fixture
def faults(onedrive_emulator):
    return onedrive_emulator.faults


@pytest.fixture
def requests(onedrive_emulator):
    """All requests for bytes so far."""
    return lambda: onedrive_emulator.requests.matching(**DOWNLOAD)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "a.bin"


@pytest.fixture(params=[10**9, 0], ids=["one", "several"])
def fetch(request, target):
    """Download with small chunks, by one range or by several at once."""

    def act(client, path=target, plan=PLAN):
        address = client.address("myfiles/a.bin")
        link = client.run(downloads.resolve(address, expected_etag=plan.expected_etag))
        return localcopy.download(client, address, LocalTarget(path, CHUNK, request.param), link, plan)

    return act


def listed(folder):
    return sorted(path.name for path in folder.iterdir())


def threads():
    """Return the client's threads that do not end by themselves."""
    ours = [thread for thread in threading.enumerate() if thread.name.startswith("onedrive")]
    for thread in ours:
        thread.join(HANG_SECONDS)
    return [thread.name for thread in ours if thread.is_alive()]


def sent(requests):
    return sum(request.sent_bytes for request in requests())


# --- within a call


@pytest.mark.pairwise
@pytest.mark.parametrize(
    "fault",
    [
        *(cut_response(0), cut_response(100_000), drop_before(), ignore_range()),
        *(status(401), status(403), status(404), status(416), status(429, retry_after=0), status(503)),
    ],
    ids=repr,
)
@pytest.mark.parametrize("after", [0, 1, 3])
def test_any_trouble(client, drive, faults, *, requests, fetch, tmp_path, target, fault, after):
    """Whatever happens to whichever request, the file is right and alone."""
    drive.put("a.bin", CONTENT)
    faults.add(**DOWNLOAD, after=after, times=2, do=fault)
    faults.add(**DOWNLOAD, times=2, do=cut_response(200_000))
    assert fetch(client).size == SIZE
    assert target.read_bytes() == CONTENT
    assert listed(tmp_path) == ["a.bin"]
    assert threads() == []
    assert {request.had_authorization for request in requests()} == {False}


def test_a_silent_server(connect, drive, faults, fetch, target):
    """Who says nothing for the timeout is as good as gone."""
    drive.put("a.bin", CONTENT)
    faults.add(**DOWNLOAD, times=2, do=stall_response(100_000))
    fetch(connect(timeout_seconds=0.3))
    assert target.read_bytes() == CONTENT


def test_nothing_comes_twice(client, drive, faults, requests, fetch):
    """After cuts only the rest is asked for."""
    drive.put("a.bin", CONTENT)
    faults.add(**DOWNLOAD, times=5, do=cut_response(50_000))
    fetch(client)
    assert sent(requests) == SIZE


def test_many_cuts(client, drive, faults, *, requests, fetch, target):
    """A line that breaks again and again, and brings something each time, gets there."""
    drive.put("a.bin", CONTENT)
    faults.add(**DOWNLOAD, times=ALWAYS, do=cut_response(40_000))
    fetch(client)
    assert target.read_bytes() == CONTENT
    assert len(requests()) > 25


@pytest.mark.parametrize(
    ("fault", "error", "most"),
    [
        (cut_response(0), ServiceUnavailable, 7),
        (status(401), Unauthenticated, 3),
        (status(403), AccessDenied, 3),
        (status(404), ItemNotFound, 3),
        (status(416), RangeNotSatisfiable, 7),
    ],
    ids=repr,
)
def test_failures_in_a_row(client, drive, faults, *, requests, tmp_path, target, fault, error, most):
    """A link that never brings anything ends in its error, what was there stays, and nothing else is left."""
    drive.put("a.bin", CONTENT)
    target.write_bytes(b"old")
    faults.add(**DOWNLOAD, do=cut_response(10_000))
    faults.add(**DOWNLOAD, times=ALWAYS, do=fault)
    with pytest.raises(error, match=r"Cannot download myfiles/a.bin"):
        client.download("myfiles/a.bin", target)
    assert len(requests()) == 1 + most
    assert target.read_bytes() == b"old"
    assert listed(tmp_path) == ["a.bin"]


def test_links_that_expire(client, onedrive_emulator, drive, faults, *, requests, fetch, target):
    """An expired link is replaced by a fresh one, and never helped with a token."""
    drive.put("a.bin", CONTENT)
    options = onedrive_emulator.options
    options.download_url_seconds = -1
    faults.add(operation="get", after=1, do=Act(lambda: setattr(options, "download_url_seconds", 3600)))
    fetch(client)
    assert target.read_bytes() == CONTENT
    assert {request.status for request in requests()} == {401, 200 if len(requests()) == 2 else 206}
    assert len(onedrive_emulator.leaks) == 0


def test_a_server_that_always_ignores_ranges(client, drive, faults, *, fetch, tmp_path, target):
    """It is asked for the whole, which may still break off."""
    drive.put("a.bin", CONTENT)
    faults.add(**DOWNLOAD, times=2, do=cut_response(100_000))
    faults.add(**DOWNLOAD, times=ALWAYS, do=ignore_range())
    fetch(client)
    assert target.read_bytes() == CONTENT
    assert listed(tmp_path) == ["a.bin"]


def test_a_server_with_other_etags(client, drive, faults, *, requests, fetch, target):
    """Ranges are fetched without a condition that never holds; the hash says that all is one version."""
    drive.put("a.bin", CONTENT)
    faults.add(**DOWNLOAD, times=2, do=cut_response(100_000))
    faults.add(**DOWNLOAD, times=ALWAYS, do=UnknownEtags())
    fetch(client)
    assert target.read_bytes() == CONTENT
    assert requests()[-1].status == 206 or len(requests()) <= 4


# --- what comes wrong


def test_wrong_bytes_once(client, drive, faults, *, requests, fetch, tmp_path, target):
    """They are noticed, and all is fetched once more."""
    drive.put("a.bin", CONTENT)
    faults.add(**DOWNLOAD, do=corrupt_response(70_000))
    fetch(client)
    assert target.read_bytes() == CONTENT
    assert listed(tmp_path) == ["a.bin"]
    assert sent(requests) == 2 * SIZE


def test_wrong_bytes_always(client, drive, faults, *, requests, fetch, tmp_path, target):
    """Then it is an error, what was there stays, and nothing else is left."""
    drive.put("a.bin", CONTENT)
    target.write_bytes(b"old")
    faults.add(**DOWNLOAD, times=ALWAYS, do=corrupt_response(70_000))
    with pytest.raises(VerificationFailed, match=r"What came has the hash .*, and Graph says"):
        fetch(client)
    assert target.read_bytes() == b"old"
    assert listed(tmp_path) == ["a.bin"]
    assert sent(requests) == 2 * SIZE
    assert threads() == []


def test_a_change_and_wrong_bytes(client, drive, faults, fetch, target):
    """One does not use up the patience with the other."""
    drive.put("a.bin", CONTENT)
    faults.add(**DOWNLOAD, do=cut_response(100_000))
    faults.add(operation="get", after=1, do=Act(lambda: drive.put("a.bin", NEW)))
    faults.add(**DOWNLOAD, after=4, do=corrupt_response(5))
    fetch(client)
    assert target.read_bytes() == NEW


# --- what happens to the file meanwhile


@pytest.mark.pairwise
@pytest.mark.parametrize("size", [0, 1, SIZE - CHUNK, SIZE, SIZE + 5], ids=["empty", "tiny", "less", "same", "more"])
@pytest.mark.parametrize("cut", [True, False])
@pytest.mark.parametrize("after", [0, 1])
def test_a_file_that_changes(client, drive, faults, *, fetch, tmp_path, target, size, cut, after):
    """However it changes, before or in the middle, the new version comes whole."""
    new = hashlib.shake_128(b"newer").digest(size)
    drive.put("a.bin", CONTENT)

    def change():
        if drive.read("a.bin") == CONTENT:
            drive.put("a.bin", new)

    if cut:
        faults.add(**DOWNLOAD, do=cut_response(100_000))
    faults.add(**DOWNLOAD, after=after, do=Act(change))
    faults.add(operation="get", after=1, do=Act(change))
    item = fetch(client)
    assert item.size == len(target.read_bytes())
    assert hashlib.sha256(target.read_bytes()).digest() in {hashlib.sha256(one).digest() for one in (new, CONTENT)}
    assert item.size == size or drive.read("a.bin") == CONTENT
    assert listed(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("act", ["delete", "rename"])
def test_a_file_that_goes(connect, drive, faults, *, fetch, tmp_path, act):
    """What is no longer there under its name is a missing file, and nothing of it is left."""
    client = connect()
    drive.put("a.bin", CONTENT)

    def rename():
        with connect() as other:
            other.run(renaming(other.address("myfiles/a.bin").url()))

    faults.add(**DOWNLOAD, do=cut_response(SIZE // 4 - 10))
    act = rename if act == "rename" else lambda: drive.delete("a.bin")
    faults.add(operation="get", after=1, do=Act(act))
    with pytest.raises(ItemNotFound):
        fetch(client)
    assert listed(tmp_path) == []
    assert threads() == []


def renaming(url):
    yield downloads.Request("PATCH", url, json={"name": "b.bin"})


def test_another_file_takes_the_name(client, drive, faults, fetch, target):
    """A file of the same size under the same name is another file."""
    drive.put("a.bin", CONTENT)

    def swap():
        drive.delete("a.bin")
        drive.put("a.bin", NEW)

    faults.add(**DOWNLOAD, do=cut_response(100_000))
    faults.add(operation="get", after=1, do=Act(swap))
    fetch(client)
    assert target.read_bytes() == NEW


# --- the next call


def give_up(client, fetch, faults, count):
    """Let a call fail after so many bytes of each range."""
    faults.add(**DOWNLOAD, times=ALWAYS, do=cut_response(0), after=4)
    rule = faults.add(**DOWNLOAD, times=4, do=cut_response(count))
    with pytest.raises(ServiceUnavailable):
        fetch(client)
    assert rule.hits
    faults.clear()


def test_the_next_call_goes_on(connect, drive, faults, *, requests, onedrive_emulator, fetch, tmp_path, target):
    """It fetches what is missing only, and leaves nothing behind."""
    drive.put("a.bin", CONTENT)
    give_up(connect(), fetch, faults, 2 * CHUNK)
    left = sum(known.read_bytes().count(1) for known in tmp_path.glob(".*.map"))
    assert left >= 2
    onedrive_emulator.requests.clear()
    fetch(connect())
    assert sent(requests) == SIZE - left * CHUNK
    assert target.read_bytes() == CONTENT
    assert listed(tmp_path) == ["a.bin"]


def test_the_next_call_meets_trouble(connect, drive, faults, fetch, target):
    """What an earlier call left is used, whatever happens to the rest."""
    drive.put("a.bin", CONTENT)
    give_up(connect(), fetch, faults, 2 * CHUNK)
    faults.add(**DOWNLOAD, do=cut_response(10))
    faults.add(**DOWNLOAD, do=ignore_range())
    faults.add(**DOWNLOAD, do=status(403))
    fetch(connect())
    assert target.read_bytes() == CONTENT


def test_what_was_left_is_damaged(connect, drive, faults, *, requests, fetch, tmp_path, target):
    """Chunks of an earlier call are verified as well, and fetched anew where they are wrong."""
    drive.put("a.bin", CONTENT)
    give_up(connect(), fetch, faults, 2 * CHUNK)
    (part,), (known,) = tmp_path.glob(".*.part"), tmp_path.glob(".*.map")
    damaged = known.read_bytes().index(1) * CHUNK
    with part.open("r+b") as file:
        file.seek(damaged)
        file.write(bytes([CONTENT[damaged] ^ 1]))
    before = sent(requests)
    fetch(connect())
    assert target.read_bytes() == CONTENT
    assert SIZE < sent(requests) - before < 2 * SIZE
    assert listed(tmp_path) == ["a.bin"]


def test_what_was_left_of_another_version(connect, drive, faults, *, requests, fetch, tmp_path, target):
    """It is removed, and nothing of it is used."""
    drive.put("a.bin", CONTENT)
    give_up(connect(), fetch, faults, 2 * CHUNK)
    drive.put("a.bin", NEW)
    before = sent(requests)
    fetch(connect())
    assert target.read_bytes() == NEW
    assert sent(requests) - before == SIZE
    assert listed(tmp_path) == ["a.bin"]


SCRIPT = """
import json, sys
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.config.settings import Settings
settings = Settings.from_fields(json.loads(sys.stdin.readline()), trusted_hosts=["localhost"])
with Client(settings) as client:
    client.download("myfiles/a.bin", sys.argv[1])
"""


@pytest.fixture
def start(fields, target):
    """Start processes that download; each begins when it stands in ``start.running``."""
    running = []

    def act():
        process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(target)], stdin=subprocess.PIPE)
        running.append(process)
        process.stdin.write(json.dumps(fields).encode() + b"\n")
        process.stdin.close()
        return process

    act.running = running
    yield act
    for process in running:
        process.kill()
        process.wait()


def test_a_process_that_is_killed(connect, start, drive, faults, *, requests, tmp_path, target):
    """The next one goes on behind the last whole chunk of 16 MiB."""
    content = hashlib.shake_128(b"large").digest(LARGE_BYTES)
    drive.put("a.bin", content)
    faults.add(**DOWNLOAD, do=cut_response(CHUNK_BYTES + 1000))
    faults.add(operation="get", after=1, do=Act(lambda: [process.kill() for process in start.running]))
    assert start().wait(HANG_SECONDS) == -signal.SIGKILL
    assert not target.exists()
    assert len(listed(tmp_path)) == 2
    connect().download("myfiles/a.bin", target)
    assert requests()[-1].sent_bytes == LARGE_BYTES - CHUNK_BYTES
    assert target.read_bytes() == content
    assert listed(tmp_path) == ["a.bin"]


def test_two_processes_at_once(connect, start, drive, faults, *, tmp_path, target):
    """One meets the other in the middle: both end well, and one whole file is there."""
    drive.put("a.bin", CONTENT)
    faults.add(**DOWNLOAD, do=Act(lambda: connect().download("myfiles/a.bin", target)))
    assert start().wait(HANG_SECONDS) == 0
    assert target.read_bytes() == CONTENT
    assert listed(tmp_path) == ["a.bin"]


def test_threads_at_once(connect, drive, faults, *, fetch, tmp_path, target):
    """So do threads, of two versions as well."""
    drive.put("a.bin", CONTENT)
    faults.add(**DOWNLOAD, every=5, do=cut_response(100_000))
    faults.add(**DOWNLOAD, after=9, do=Act(lambda: drive.put("a.bin", NEW)))
    problems: list[OneDriveError] = []

    def download(client):
        try:
            fetch(client)
        except OneDriveError as error:
            problems.append(error)

    running = [threading.Thread(target=download, args=(connect(),)) for _ in range(4)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(HANG_SECONDS)
    assert problems == []
    assert target.read_bytes() in (CONTENT, NEW)
    assert listed(tmp_path) == ["a.bin"]


# --- an end from outside


class TaskTimeout(BaseException):
    """What Airflow's handler of a signal raises in the middle of a task."""


def interrupt():
    """Wake the main thread, as the system does it."""
    signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)


@pytest.mark.parametrize("error", [KeyboardInterrupt, TaskTimeout])
def test_a_signal_ends_it(connect, drive, faults, handling, *, fetch, tmp_path, target, error):
    """Threads that wait for a silent server are gone at once; what they brought is there for the next call."""

    def fail():
        raise error

    client = connect(timeout_seconds=MUCH_LONGER_SECONDS)
    drive.put("a.bin", CONTENT)
    handling(signal.SIGUSR1, fail)
    faults.add(**DOWNLOAD, do=cut_response(CHUNK))
    faults.add(**DOWNLOAD, times=3, do=stall_response(CHUNK))
    faults.add(operation="get", after=1, do=Act(interrupt))
    start = time.monotonic()
    with pytest.raises(error):
        fetch(client)
    assert time.monotonic() - start < HANG_SECONDS
    assert threads() == []
    assert len(listed(tmp_path)) == 2
    faults.clear()
    fetch(client)
    assert target.read_bytes() == CONTENT
    assert listed(tmp_path) == ["a.bin"]


def test_a_client_that_is_stopped(client, drive, faults, *, fetch, requests, tmp_path):
    """Nothing more is asked, no thread is left, and what came is kept."""
    drive.put("a.bin", CONTENT)
    faults.add(**DOWNLOAD, do=cut_response(CHUNK))
    faults.add(**DOWNLOAD, times=3, do=stall_response(CHUNK))
    faults.add(operation="get", after=1, do=Act(client.stop))
    with pytest.raises(Stopped):
        fetch(client)
    assert threads() == []
    assert len(requests()) <= 4
    assert len(listed(tmp_path)) == 2


def test_a_failure_of_one_range(connect, drive, faults, fetch, tmp_path):
    """It ends the others, which wait for a silent server, and is the error that is told."""
    client = connect(timeout_seconds=MUCH_LONGER_SECONDS)
    drive.put("a.bin", CONTENT)
    client.retry_policy = client.retry_policy.__class__(max_attempts=1)
    faults.add(**DOWNLOAD, do=status(507))
    faults.add(**DOWNLOAD, times=3, do=stall_response(10))
    start = time.monotonic()
    with pytest.raises(OneDriveError) as caught:
        fetch(client)
    assert (type(caught.value).__name__, time.monotonic() - start < HANG_SECONDS) == ("QuotaExceeded", True)
    assert threads() == []
    assert listed(tmp_path) == []
