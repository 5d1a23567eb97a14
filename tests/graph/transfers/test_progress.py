"""How far a transfer is and what it has cost: counted alone, by many threads, and by the client."""

from __future__ import annotations

import hashlib
import logging
import os
import threading

import pytest

from airflow_provider_onedrive.emulator.faults import cut_request, cut_response, drop_before, status
from airflow_provider_onedrive.graph.flows.downloads import resolve
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.http import cooldown
from airflow_provider_onedrive.graph.protocol.errors import ServiceUnavailable
from airflow_provider_onedrive.graph.protocol.options import UNIT_BYTES, UploadOptions
from airflow_provider_onedrive.graph.transfers import download as localcopy
from airflow_provider_onedrive.graph.transfers.download import Download, LocalTarget
from airflow_provider_onedrive.graph.transfers.progress import LOG_SECONDS, Meter, Progress, Totals

MIB = 1024**2


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def lines():
    return []


@pytest.fixture
def make(clock, lines):
    """Make a progress with a clock that stands still."""

    def act(title="upload to myfiles/a.bin", **kwargs):
        return Progress(title, clock=clock, emit=lines.append, **kwargs)

    return act


# --- counting


def test_nothing_yet(make):
    """Without anything counted all is zero."""
    whole = make()
    assert (whole.totals, whole.done_bytes, whole.total_bytes, whole.total_files) == (Totals(), 0, None, None)


def test_what_is_counted(make):
    """Each report adds to its own figure."""
    whole = make(total_bytes=100)
    whole.resumed(10)
    whole.request()
    whole.sent(5)
    whole.sent(7)
    whole.request()
    whole.received(40)
    whole.throttled(1.0, 3.5)
    whole.file_done()
    assert whole.totals == Totals(12, 40, 2, 10, 2.5, 1)
    assert whole.done_bytes == 62
    assert str(whole.totals) == ("2 requests, 12 bytes sent, 40 received, 10 by an earlier try, throttled for 2.5 s")


def test_what_has_to_be_sent_again(make):
    """What a failed request sent is not done, but it went over the line; what came stays."""
    whole = make(total_bytes=100)
    whole.request()
    whole.sent(30)
    whole.request()
    whole.sent(30)
    whole.failed()
    assert (whole.done_bytes, whole.totals.bytes_sent) == (30, 60)
    whole.failed()
    whole.request()
    whole.received(20)
    whole.failed()
    assert (whole.done_bytes, whole.totals.bytes_received) == (50, 20)


def test_never_beyond_the_end(make):
    """What had to be moved twice does not make it more than all."""
    whole = make(total_bytes=10)
    whole.received(25)
    assert (whole.done_bytes, whole.totals.bytes_received) == (10, 25)
    whole.resumed(-50)
    assert whole.done_bytes == 0


def test_what_an_earlier_try_did_is_corrected(make):
    """A session that turns out to be lost takes its bytes with it, for the parent too."""
    folder = make("folder", total_bytes=500)
    whole, other = make(total_bytes=100, parent=folder), make(total_bytes=100, parent=folder)
    other.resumed(5)
    whole.resumed(60)
    assert (whole.totals.resumed_bytes, whole.done_bytes, folder.totals.resumed_bytes) == (60, 60, 65)
    whole.resumed(0)
    assert (whole.totals.resumed_bytes, whole.done_bytes, folder.totals.resumed_bytes) == (0, 0, 5)


@pytest.mark.parametrize(
    ("pauses", "seconds"),
    [
        ([], 0),
        ([(0, 2), (5, 6)], 3),
        ([(0, 10), (1, 11), (2, 9)], 11),
        ([(5, 6), (0, 10)], 10),
        ([(0, 2), (2, 4)], 4),
    ],
)
def test_pauses_that_overlap(make, pauses, seconds):
    """Where several threads wait at once, the seconds count once."""
    whole = make()
    threads = [threading.Thread(target=whole.throttled, args=pause) for pause in pauses]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert whole.totals.throttled_seconds == seconds


def test_many_threads(make, lines, clock):
    """Nothing is lost when many threads count at once, and one line is said for all of them."""
    folder = make("folder", total_bytes=8 * 3000, total_files=8)
    clock.now += LOG_SECONDS
    begin = threading.Barrier(8)

    def work():
        whole = make(total_bytes=3000, parent=folder)
        begin.wait()
        for _ in range(1000):
            whole.request()
            whole.sent(1)
            folder.received(2)
        whole.file_done()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert folder.totals == Totals(8000, 16000, 8000, 0, 0.0, 8)
    assert folder.done_bytes == 24000
    assert len(lines) == 1


# --- what is said


def test_a_line_every_few_seconds(make, lines, clock):
    """Bytes, percent, the rate of the last seconds and the time left, every ten seconds at most."""
    whole = make(total_bytes=100 * MIB)
    for _ in range(21):
        whole.sent(MIB)
        clock.now += 1
    assert lines == [
        "upload to myfiles/a.bin: 11.0 MiB of 100.0 MiB (11 %), 1.1 MiB/s, 1 min 21 s left",
        "upload to myfiles/a.bin: 21.0 MiB of 100.0 MiB (21 %), 1.0 MiB/s, 1 min 19 s left",
    ]
    clock.now += 9
    whole.received(39 * MIB)
    assert lines[2:] == ["upload to myfiles/a.bin: 60.0 MiB of 100.0 MiB (60 %), 3.9 MiB/s, 10 s left"]


def test_a_short_transfer_says_nothing(make, lines, clock):
    """What is over within the first seconds has its one line at the end."""
    whole = make(total_bytes=10)
    clock.now += LOG_SECONDS - 0.1
    whole.sent(10)
    assert lines == []


def test_what_an_earlier_try_did_is_no_speed(make, lines, clock):
    """The rate is that of the line; what was there before counts for the percentage only."""
    whole = make(total_bytes=100 * MIB)
    whole.resumed(80 * MIB)
    clock.now += LOG_SECONDS
    whole.sent(10 * MIB)
    assert lines == ["upload to myfiles/a.bin: 90.0 MiB of 100.0 MiB (90 %), 1.0 MiB/s, 10 s left"]


@pytest.mark.parametrize(
    ("kwargs", "seconds", "moved", "line"),
    [
        ({}, 10, 1536, "upload to myfiles/a.bin: 1.5 KiB, 0.0 MiB/s"),
        ({"total_bytes": 0}, 10, 0, "upload to myfiles/a.bin: 0 bytes of 0 bytes (100 %), 0.0 MiB/s"),
        ({"total_bytes": 10}, 0, 0, "upload to myfiles/a.bin: 0 bytes of 10 bytes (0 %), 0.0 MiB/s"),
        (
            {"total_bytes": 10 * 1024**4},
            10,
            100 * MIB,
            "upload to myfiles/a.bin: 100.0 MiB of 10.0 TiB (0 %), 10.0 MiB/s, 291 h 16 min left",
        ),
        (
            {"total_bytes": 5 * 1024**3, "total_files": 12},
            10,
            100 * MIB,
            "upload to myfiles/a.bin: 0 of 12 files, 100.0 MiB of 5.0 GiB (1 %), 10.0 MiB/s, 8 min 22 s left",
        ),
    ],
)
def test_lines(make, kwargs, seconds, moved, line):
    """Sizes have their unit, and what is not known is left out."""
    whole = make(**kwargs)
    whole.sent(moved)
    assert whole.line(seconds, moved) == line


def test_many_files_have_one_line(make, lines, clock):
    """Files of a folder say nothing by themselves; the folder says how many are done, and what need not be moved."""
    folder = make("upload to myfiles/in", total_bytes=100, total_files=4)
    clock.now += LOG_SECONDS
    make(total_bytes=30, parent=folder).sent(30)
    folder.file_done()
    folder.file_done(unmoved_bytes=20)
    clock.now += LOG_SECONDS
    make(total_bytes=30, parent=folder).sent(10)
    assert lines == [
        "upload to myfiles/in: 0 of 4 files, 30 bytes of 100 bytes (30 %), 0.0 MiB/s, 23 s left",
        "upload to myfiles/in: 2 of 4 files, 60 bytes of 100 bytes (60 %), 0.0 MiB/s, 40 s left",
    ]


def test_files_that_are_found_on_the_way(make):
    """Totals may grow, from any thread, and may be unknown at first."""
    folder = make("folder")
    threads = [threading.Thread(target=folder.expect, args=(10, 1)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (folder.total_bytes, folder.total_files) == (30, 3)
    known = make("folder", total_bytes=5, total_files=1)
    known.expect(10, 2)
    assert (known.total_bytes, known.total_files) == (15, 3)


def test_a_handler_that_counts(clock, lines):
    """What a signal handler counts in the middle of a line is counted, and it waits for nobody."""

    def say(line):
        lines.append(line)
        clock.now += LOG_SECONDS
        whole.sent(1)

    whole = Progress("a", clock=clock, emit=say)
    clock.now += LOG_SECONDS
    whole.sent(1)
    assert (len(lines), whole.totals.bytes_sent) == (1, 2)
    whole.sent(1)
    assert (len(lines), whole.totals.bytes_sent) == (2, 4)


def test_a_line_that_cannot_be_said(make, clock):
    """An error while saying a line, such as a timeout's, is not the last thing that is ever said."""

    def say(line):
        said.append(line)
        if len(said) == 1:
            raise TimeoutError

    said = []
    whole = Progress("a", clock=clock, emit=say)
    clock.now += LOG_SECONDS
    with pytest.raises(TimeoutError):
        whole.sent(1)
    clock.now += LOG_SECONDS
    whole.sent(1)
    assert len(said) == 2


def test_a_fork_in_the_middle(make, clock):
    """A child that is forked while a line is said counts on, and hangs nowhere."""
    pids = []

    def say(line):
        pid = os.fork()
        if not pid:
            whole.sent(1)
            whole.request()
            os._exit(whole.totals.bytes_sent)
        pids.append(pid)

    whole = Progress("a", clock=clock, emit=say)
    clock.now += LOG_SECONDS
    whole.sent(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pids[0], 0)[1]) == 2


# --- who counts for what


def test_threads_count_for_their_transfer():
    """A transfer counts within what is around it; other threads count for it where they do its work."""
    meter = Meter()
    with meter.measured("folder", total_files=2) as folder:
        with meter.measured("file") as file:
            work = meter.inherited(lambda: meter.current.sent(3))
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            meter.current.sent(1)
        stranger = threading.Thread(target=lambda: meter.current.sent(100))
        stranger.start()
        stranger.join()
        meter.current.sent(10)
    assert meter.current is meter.whole
    assert [each.totals.bytes_sent for each in (file, folder, meter.whole)] == [4, 14, 114]


# --- through the client


@pytest.fixture
def noise():
    return hashlib.shake_128(b"noise").digest(3 * UNIT_BYTES + 100)


def asked(emulator):
    """How many requests the emulator saw, those for a token left out."""
    return len(emulator.requests) - len(emulator.requests.matching(origin="login"))


SESSION = UploadOptions(single_put_bytes=0, fragment_bytes=UNIT_BYTES)


def test_an_upload_and_a_download(client, onedrive_emulator, noise, tmp_path):
    """Bytes and requests are what the emulator saw, and the lines at the end have them."""
    client.upload("myfiles/a.bin", content=noise, options=SESSION)
    sent = client.meter.whole.totals
    assert (sent.bytes_sent, sent.bytes_received, sent.requests) == (len(noise), 0, asked(onedrive_emulator))
    client.download("myfiles/a.bin", tmp_path / "a.bin")
    both = client.meter.whole.totals
    assert (both.bytes_sent, both.bytes_received, both.requests) == (len(noise), len(noise), asked(onedrive_emulator))


def test_the_line_at_the_end(client, noise, tmp_path, caplog, onedrive_emulator):
    """The one line of a transfer says what it has cost, the first look included."""
    caplog.set_level(logging.INFO, logger="airflow_provider_onedrive")
    client.upload("myfiles/a.bin", content=noise)
    first = asked(onedrive_emulator)
    client.download("myfiles/a.bin", tmp_path / "a.bin")
    up, down = [line for line in caplog.messages if line.startswith("Done")]
    assert f"{first} requests, {len(noise)} bytes sent, 0 received, 0 by an earlier try, throttled for 0.0 s, " in up
    second = asked(onedrive_emulator) - first
    assert f"{second} requests, 0 bytes sent, {len(noise)} received, 0 by an earlier try" in down


@pytest.mark.parametrize("fault", [status(503, retry_after=0), cut_request(1000), drop_before()], ids=repr)
def test_a_fragment_that_is_sent_again(client, onedrive_emulator, faults, noise, fault):
    """Each attempt is a request, and bytes that went twice were sent twice."""
    faults.add(operation="fragment", after=1, times=1, do=fault)
    client.upload("myfiles/a.bin", content=noise, options=SESSION)
    totals = client.meter.whole.totals
    assert totals.requests == asked(onedrive_emulator)
    assert len(noise) <= totals.bytes_sent <= len(noise) + UNIT_BYTES


def fetch(client, path, chunk_bytes, parallel_bytes=10**9):
    """Download with sizes that a test can afford, as ``client.download`` does with others."""
    address = client.address("myfiles/a.bin")
    link = client.run(resolve(address))
    target = LocalTarget(path, chunk_bytes, parallel_bytes)
    with client.meter.measured("download a.bin", total_bytes=link.item.size) as progress:
        localcopy.download(client, address, target, link, Download())
    return progress


def test_a_file_by_several_threads(client, onedrive_emulator, drive, noise, *, tmp_path, lines):
    """The ranges of one file, fetched at once, are one transfer; every thread's bytes count."""
    client.meter = Meter(emit=lines.append, log_seconds=0)
    drive.put("a.bin", noise)
    progress = fetch(client, tmp_path / "a.bin", UNIT_BYTES // 2, UNIT_BYTES)
    assert len(onedrive_emulator.requests.matching(operation="download")) == 3
    assert (progress.totals.bytes_received, progress.totals.requests) == (len(noise), 3)
    assert client.meter.whole.totals.requests == asked(onedrive_emulator)
    assert "download a.bin: 960.1 KiB of 960.1 KiB (100 %), " in lines[-1]


def test_an_upload_that_goes_on(client, connect, faults, noise, caplog):
    """What an earlier try sent is told apart from what this one sends."""
    caplog.set_level(logging.INFO, logger="airflow_provider_onedrive")
    keeper = Keeper()
    faults.add(operation="fragment", after=2, times=None, do=status(503, retry_after=400))
    with pytest.raises(ServiceUnavailable):
        client.upload(
            "myfiles/a.bin",
            content=noise,
            options=SESSION,
            attempt=TaskAttempt(has_another=True, keeper_of=lambda _: keeper),
        )
    faults.clear()
    cooldown.forget_all()
    second = connect()
    second.upload(
        "myfiles/a.bin",
        content=noise,
        options=SESSION,
        attempt=TaskAttempt(retrying=True, keeper_of=lambda _: keeper),
    )
    totals = second.meter.whole.totals
    assert (totals.resumed_bytes, totals.bytes_sent) == (2 * UNIT_BYTES, len(noise) - 2 * UNIT_BYTES)
    assert f"{2 * UNIT_BYTES} by an earlier try" in caplog.messages[-1]


class Keeper:
    state = None

    def load(self):
        return self.state

    def save(self, state):
        self.state = state
        return True

    def forget(self):
        self.state = None


def test_a_session_that_is_lost(client, connect, faults, onedrive_emulator, noise):
    """When it begins anew nothing of the earlier try counts."""
    keeper = Keeper()
    faults.add(operation="fragment", after=2, times=None, do=status(503, retry_after=400))
    with pytest.raises(ServiceUnavailable):
        client.upload(
            "myfiles/a.bin",
            content=noise,
            options=SESSION,
            attempt=TaskAttempt(has_another=True, keeper_of=lambda _: keeper),
        )
    faults.clear()
    cooldown.forget_all()
    faults.add(operation="fragment", times=1, do=status(404))
    faults.add(operation="session_status", after=1, times=1, do=status(404))
    second = connect()
    second.upload(
        "myfiles/a.bin",
        content=noise,
        options=SESSION,
        attempt=TaskAttempt(retrying=True, keeper_of=lambda _: keeper),
    )
    totals = second.meter.whole.totals
    assert totals.resumed_bytes == 0
    assert totals.bytes_sent >= len(noise)


def test_a_download_that_goes_on(client, connect, drive, faults, noise, *, tmp_path):
    """Chunks that an earlier try left count as its own."""
    drive.put("a.bin", noise)
    faults.add(operation="download", times=1, do=cut_response(2 * UNIT_BYTES + 10))
    faults.add(operation="get", after=1, times=None, do=status(503, retry_after=400))
    with pytest.raises(ServiceUnavailable):
        fetch(client, tmp_path / "a.bin", UNIT_BYTES)
    faults.clear()
    cooldown.forget_all()
    totals = fetch(connect(), tmp_path / "a.bin", UNIT_BYTES).totals
    assert (totals.resumed_bytes, totals.bytes_received) == (2 * UNIT_BYTES, len(noise) - 2 * UNIT_BYTES)
    assert (tmp_path / "a.bin").read_bytes() == noise


def test_several_files_that_go_on(client, connect, drive, faults, noise, *, tmp_path):
    """What earlier tries left of the files of a folder adds up."""
    drive.put("a.bin", noise)
    for name in ("a", "b"):
        faults.add(operation="download", times=1, do=cut_response(2 * UNIT_BYTES + 10))
        faults.add(operation="get", after=1, times=None, do=status(503, retry_after=400))
        with pytest.raises(ServiceUnavailable):
            fetch(client, tmp_path / name, UNIT_BYTES)
        faults.clear()
        cooldown.forget_all()
    second = connect()
    with second.meter.measured("folder", total_files=3) as folder:
        for name in ("a", "c", "b"):
            fetch(second, tmp_path / name, UNIT_BYTES)
            folder.file_done()
    assert (folder.totals.resumed_bytes, folder.totals.files) == (4 * UNIT_BYTES, 3)
    assert folder.totals.bytes_received == 3 * len(noise) - 4 * UNIT_BYTES


def test_what_the_client_says(client, noise, tmp_path, lines):
    """Uploads, downloads and files that are only read say how far they are, by what was done and where."""
    client.meter = Meter(emit=lines.append, log_seconds=0)
    client.upload("myfiles/a.bin", content=noise)
    client.download("myfiles/a.bin", tmp_path / "a.bin")
    client.open("myfiles/a.bin").close()
    size = "960.1 KiB of 960.1 KiB (100 %)"
    assert any(line.startswith(f"upload to myfiles/a.bin: {size}") for line in lines)
    assert any(line.startswith(f"download myfiles/a.bin: {size}") for line in lines)
    assert lines[-1].startswith("read myfiles/a.bin: 960.1 KiB, ")
