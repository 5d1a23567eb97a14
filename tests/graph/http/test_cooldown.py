"""One pause for all who use a connection: in memory, between processes, and through both clients."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import stat
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest
from patience import HANG_SECONDS

from airflow_provider_onedrive.emulator.faults import Budget, answer, status
from airflow_provider_onedrive.graph.client import AsyncClient, Client
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.http import cooldown
from airflow_provider_onedrive.graph.http.cooldown import JITTER, SharedBackoff, identity_of, shared_folder
from airflow_provider_onedrive.graph.protocol.errors import ServiceUnavailable, Stopped, Throttled
from airflow_provider_onedrive.graph.protocol.messages import Request
from airflow_provider_onedrive.graph.protocol.retry import RetryPolicy

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "throttled.py"
HOUR = 3600
NOW = 1_800_000_000.0


class Clock:
    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def folder(tmp_path):
    """Where processes meet; it is made when it is needed."""
    return tmp_path / "run" / "cool"


@pytest.fixture
def make(clock, folder):
    """Make cool-downs, as many clients would."""

    def act(identity="a", folder=folder):
        return SharedBackoff(identity, folder, clock=clock, jitter=lambda: 0.5)

    return act


@pytest.fixture
def make_elsewhere(make):
    """Make a cool-down as another process would: what is in memory here is unknown there."""

    def act(*arguments, **kwargs):
        cooldown.forget_all()
        return make(*arguments, **kwargs)

    return act


# --- by itself


def test_a_pause_is_everybodys(make, clock):
    """All of one identity wait until the moment that one of them was told; others do not."""
    one, other, stranger = make(), make(), make("b")
    assert other.left_seconds() == 0
    one.pause(30)
    assert (one.left_seconds(), other.left_seconds(), make().left_seconds()) == (30, 30, 30)
    assert stranger.left_seconds() == 0
    clock.now += 29
    assert other.left_seconds() == 1
    clock.now += 1
    assert other.left_seconds() == 0


@pytest.mark.parametrize("pauses", [*itertools.permutations((10, 30, 20))])
def test_the_longest_pause_counts(make, make_elsewhere, pauses):
    """A shorter pause that somebody asks for later does not end a longer one, here and in other processes."""
    for seconds in pauses:
        make().pause(seconds)
    assert make().left_seconds() == 30
    assert make_elsewhere().left_seconds() == 30
    make_elsewhere().pause(5)
    assert make_elsewhere().left_seconds() == 30


def test_no_pause(make, folder):
    """Nothing to wait for leaves nothing behind."""
    make().pause(0)
    make().pause(-1)
    assert make().left_seconds() == 0
    assert not folder.exists()


def test_a_share_is_added(clock):
    """Whoever waits adds up to a fifth, so that not all begin at once; a pause that is over has no share."""
    least, most = (SharedBackoff("a", clock=clock, jitter=lambda share=share: share) for share in (0, 1))
    assert (least.spread(30), most.spread(30), most.spread(0)) == (30, 30 * (1 + JITTER), 0)


def test_without_a_folder(make, make_elsewhere):
    """A client without Airflow shares a pause within its process only."""
    make(folder=None).pause(30)
    assert make().left_seconds() == 30
    assert make_elsewhere().left_seconds() == 0


def test_the_folder_is_private(make, folder):
    """The folder and the file are the user's alone, and neither name nor content says whose pause it is."""
    make("a secret").pause(30)
    (file,) = folder.iterdir()
    assert (stat.S_IMODE(folder.stat().st_mode), stat.S_IMODE(file.stat().st_mode)) == (0o700, 0o600)
    assert (file.stat().st_mtime, file.read_bytes()) == (NOW + 30, b"")
    assert "secret" not in file.name


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o1777])
def test_a_folder_in_which_others_write(make, make_elsewhere, folder, caplog, mode):
    """Whoever could write there could stop everybody: what is there is not believed, and the log says so."""
    make().pause(30)
    folder.chmod(mode)
    assert make_elsewhere().left_seconds() == 0
    make().pause(40)
    assert "lets them write" in caplog.text
    assert make().left_seconds() == 40
    folder.chmod(0o750)
    assert make_elsewhere().left_seconds() == 30


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_belongs_to_others(make, make_elsewhere, folder, what):
    """A folder or a file of another user is not believed."""
    make().pause(30)
    os.chown(folder if what == "folder" else next(folder.iterdir()), 12345, 12345)
    assert make_elsewhere().left_seconds() == 0


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_symbolic_link(make, make_elsewhere, folder, tmp_path, what):
    """A link is neither followed nor believed, wherever it leads."""
    make().pause(30)
    (file,) = folder.iterdir()
    place = folder if what == "folder" else file
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    before = (tmp_path / "elsewhere").lstat().st_mtime
    assert make_elsewhere().left_seconds() == 0
    make().pause(60)
    assert (tmp_path / "elsewhere").lstat().st_mtime == before
    assert make_elsewhere().left_seconds() == 0


@pytest.mark.parametrize("in_the_way", ["a folder", "a pipe"])
def test_no_file_is_there(make, make_elsewhere, folder, in_the_way):
    """What is no file says nothing, and nobody waits for it."""
    make().pause(30)
    (file,) = folder.iterdir()
    file.unlink()
    file.mkdir() if in_the_way == "a folder" else os.mkfifo(file)
    os.utime(file, (NOW + 60, NOW + 60))
    assert make_elsewhere().left_seconds() == 0
    make().pause(40)
    assert make().left_seconds() == 40


def test_a_folder_that_cannot_be_made(make, make_elsewhere, folder, caplog):
    """Not being able to tell others is no error."""
    folder.parent.write_text("a file is in the way")
    make().pause(30)
    assert make().left_seconds() == 30
    assert make_elsewhere().left_seconds() == 0
    assert "No pause can be shared" in caplog.text


def test_a_time_that_makes_no_sense(make, make_elsewhere, folder, clock):
    """No pause is longer than an hour: an odd answer, or a clock that was wrong, holds nobody up for days."""
    make().pause(1000 * 24 * HOUR)
    assert make().left_seconds() == HOUR
    assert make_elsewhere().left_seconds() == HOUR
    (file,) = folder.iterdir()
    os.utime(file, (NOW + HOUR + 1, NOW + HOUR + 1))
    assert make_elsewhere().left_seconds() == 0
    make().pause(30)
    assert make_elsewhere().left_seconds() == 30


def test_who_is_limited(fields):
    """An application in a tenant is limited, whatever else differs; or the bearer of a token, which is not shown."""

    def identity(**changes):
        return identity_of(Settings.from_fields({**fields, **changes}, trusted_hosts=["localhost"]))

    assert identity() == identity(myfiles="users/ben@contoso.example", client_secret="other", timeout_seconds=5)
    assert identity() == identity(client_id=fields["client_id"].upper())
    tokens = {"auth": "access_token", "client_id": None, "client_secret": None}
    others = [
        identity(client_id="other"),
        identity(tenant_id="other.example"),
        identity(graph_url="https://graph.microsoft.com"),
        identity(access_token="a token", **tokens),
        identity(access_token="another token", **tokens),
    ]
    assert len({identity(), *others}) == 6
    assert "a token" not in others[3]


def test_where_processes_meet(tmp_path, monkeypatch):
    """Each user has a folder of their own, in the one that is named or in that for temporary files."""
    name = f"onedrive_cool_down_{os.getuid()}"
    assert shared_folder(str(tmp_path)) == tmp_path / name
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert shared_folder() == tmp_path / name


# --- through the clients

BUSY = {"times": 1, "do": status(429, retry_after=400)}


def refused(act, left=400):
    with pytest.raises(Throttled) as caught:
        act()
    assert left - 60 < caught.value.retry_after_seconds <= left
    return caught.value


@pytest.mark.parametrize("code", [429, 503])
def test_one_refusal_stops_all_clients(connect, onedrive_emulator, faults, code):
    """When Graph refuses one client, no client of the connection sends anything."""
    faults.add(origin="graph", times=1, do=status(code, retry_after=400))
    with pytest.raises((Throttled, ServiceUnavailable), match="request id"):
        connect().stat("myfiles")
    onedrive_emulator.requests.clear()
    error = refused(lambda: connect(myfiles="users/ben@contoso.example").stat("myfiles"))
    assert len(onedrive_emulator.requests) == 0
    assert "Cannot look at myfiles: Graph asked this connection to send nothing for" in str(error)
    assert error.is_retryable


@pytest.fixture(params=["threads", "loop"])
def look(request, fields, folder):
    """Ask Graph for the drive, by one of the clients, which share their pauses in a folder."""
    settings = Settings.from_fields(fields, trusted_hosts=["localhost"])

    async def on_a_loop():
        async with AsyncClient(settings, cool_down_folder=folder) as client:
            return await client.stat("myfiles")

    def in_a_thread():
        with Client(settings, cool_down_folder=folder) as client:
            return client.stat("myfiles")

    return in_a_thread if request.param == "threads" else lambda: asyncio.run(on_a_loop())


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize(
    "body",
    [
        "<html>The service is unavailable.</html>",
        "",
        {"message": "API rate limit exceeded"},
        {"error": "upstream connect error"},
        {"error": {"message": "Rate limit is exceeded."}},
    ],
    ids=str,
)
def test_refusal_of_a_proxy_stops_nobody_else(look, faults, folder, code, body):
    """It is an error of one request, even if it asks for a day; no other request waits, and no file remembers it."""
    headers = {"Retry-After": "86400"}
    faults.add(operation="get", times=1, do=answer(code, body=body, headers=headers, done=False))
    with pytest.raises((Throttled, ServiceUnavailable)) as caught:
        look()
    assert caught.value.retry_after_seconds == 86400
    assert look().is_root
    assert not folder.exists()


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize("operation", ["download", "fragment"])
def test_refusal_of_a_storage_host_stops_nobody_else(connect, drive, faults, *, tmp_path, code, operation):
    """The host of one download or one upload speaks for itself, also with JSON like Graph's."""
    drive.put("a.csv", b"1")
    rule = faults.add(origin="store", operation=operation, times=1, do=status(code, retry_after=86400))
    client = connect()
    acts = {
        "download": partial(client.download, "myfiles/a.csv", tmp_path / "a.csv"),
        "fragment": partial(client.upload, "myfiles/b.bin", content=b"1" * 11_000_000),
    }
    with pytest.raises((Throttled, ServiceUnavailable)):
        acts[operation]()
    assert rule.hits == 1
    assert connect().stat("myfiles").is_root
    assert client.stat("myfiles").is_root


def test_pause_of_a_storage_host_is_kept_by_its_request(connect, drive, faults, tmp_path):
    """A short one is waited for, and counts as time that was throttled."""
    drive.put("a.csv", b"1")
    faults.add(origin="store", times=1, do=status(503, retry_after=1))
    client = connect()
    client.download("myfiles/a.csv", tmp_path / "a.csv")
    assert client.meter.whole.totals.throttled_seconds > 0.9


def test_long_pause_of_graph_is_shared_for_an_hour(look, faults):
    """After an hour Graph is asked again; the error tells what Graph asked for."""
    faults.add(origin="graph", times=1, do=status(429, retry_after=86400))
    with pytest.raises(Throttled) as caught:
        look()
    assert caught.value.retry_after_seconds == 86400
    cooldown.forget_all()  # as after a restart
    refused(look, left=HOUR)


@pytest.mark.parametrize("has_folder", [True, False])
def test_clear_ends_the_pause_in_all_processes(make, make_elsewhere, folder, has_folder):
    """Those that began it or read it before go on too; a pause that no file holds ends in its process."""
    folder = folder if has_folder else None
    begun = make(folder=folder)
    begun.pause(30)
    assert make(folder=None).left_seconds() == 30
    files = dict(cooldown._files)
    (make_elsewhere if has_folder else make)(folder=folder).clear()
    cooldown._files.update(files)  # back in the process that began it
    assert (begun.left_seconds(), make(folder=None).left_seconds()) == (0, 0)
    begun.pause(20)
    assert make_elsewhere(folder=folder).left_seconds() == (20 if has_folder else 0)


def test_clear_removes_nothing_of_others(make, folder):
    """A folder in which others may write is left alone, and so is a folder that is not there."""
    make().clear()
    make().pause(30)
    folder.chmod(0o777)
    make().clear()
    assert len(list(folder.iterdir())) == 1


def test_another_identity_goes_on(connect, faults, onedrive_emulator):
    """The pause is that of one application; another one has a budget of its own."""
    faults.add(origin="graph", **BUSY)
    refused(lambda: connect().stat("myfiles"))
    token = onedrive_emulator.token("ben@contoso.example")
    other = connect(auth="access_token", access_token=token, myfiles=None, client_id=None, client_secret=None)
    assert other.stat("myfiles").is_root


def test_entras_limits_are_others(connect, faults):
    """Entra being busy says nothing about Graph."""
    faults.add(operation="token", **BUSY)
    with pytest.raises(Throttled, match="Entra answered 429"):
        connect().stat("myfiles")
    assert connect().stat("myfiles").is_root


def test_without_retry_after(connect, faults, onedrive_emulator):
    """Where Graph does not say for how long, the back-off of one is everybody's pause."""
    faults.add(origin="graph", times=1, do=status(429))
    patient = connect()
    patient.retry_policy = RetryPolicy(first_wait_seconds=800, max_backoff_seconds=800, jitter=lambda: 0)
    refused(lambda: patient.stat("myfiles"))
    refused(lambda: connect().stat("myfiles"))
    assert len(onedrive_emulator.requests.matching(origin="graph")) == 1


def test_an_outage_stops_nobody_else(connect, faults, onedrive_emulator):
    """503 without Retry-After is one request's trouble, and so is a lost answer."""
    faults.add(operation="children", times=None, do=status(503))
    unlucky = connect()
    unlucky.retry_policy = RetryPolicy(max_attempts=1)
    with pytest.raises(ServiceUnavailable):
        list(unlucky.children("myfiles"))
    assert connect().stat("myfiles").is_root


def test_a_pause_is_kept(connect, faults, onedrive_emulator):
    """A short pause is waited for, by the one that was refused too, and the time is counted."""
    client = connect()
    client.stat("myfiles")
    faults.add(origin="graph", times=1, do=status(429, retry_after=1))
    assert client.stat("myfiles").is_root
    assert len(onedrive_emulator.requests.matching(origin="graph")) == 3
    totals = client.meter.whole.totals
    assert totals.requests == 3
    assert totals.throttled_seconds > 0.9


def test_threads_wait_together(connect, faults, drive, onedrive_emulator):
    """The refusal of one thread stops those that come after it, and the counts of all add up."""
    drive.put("a.csv", b"1")
    client = connect()
    client.stat("myfiles")
    faults.add(origin="graph", times=1, do=status(429, retry_after=1))
    results = client.run_each([lambda: client.stat("myfiles/a.csv").size] * 8, 4)
    assert sorted(results) == [(number, 1) for number in range(8)]
    asked = onedrive_emulator.requests.matching(origin="graph")
    assert [entry.status for entry in asked].count(429) == 1
    assert client.meter.whole.totals.requests == len(asked) == 10


def test_stopping_ends_the_pause(connect, faults):
    """A client that waits because of another one ends at once when it is stopped."""
    client = connect()
    client.retry_policy = RetryPolicy(max_wait_seconds=1000)
    faults.add(origin="graph", **BUSY)
    refused(lambda: connect().stat("myfiles"))
    caught = []

    def look():
        try:
            client.stat("myfiles")
        except Stopped as error:
            caught.append(error)

    thread = threading.Thread(target=look)
    thread.start()
    client.stop()
    thread.join(HANG_SECONDS)
    assert len(caught) == 1


def test_an_upload_that_meets_the_pause(connect, faults, drive):
    """What was surely not sent is no lost answer: the error says that nobody has to look for the file."""
    client = connect()
    client.create_folder("myfiles/x")
    faults.add(origin="graph", **BUSY)
    refused(lambda: client.upload("myfiles/x/a.csv", content=b"1"))
    refused(lambda: client.upload("myfiles/x/a.csv", content=b"1"))
    assert drive.paths() == ["x/"]


def test_a_batch_whose_parts_are_refused(connect, drive, onedrive_emulator):
    """A batch is answered with 200 although some of its parts were refused: the pause is that of the parts."""
    onedrive_emulator.throttling = Budget(units_per_minute=3, minute_seconds=1000)
    part = {"method": "GET", "url": f"/drives/{drive.id}/root/children"}

    def flow():
        yield Request("POST", "/$batch", json={"requests": [{"id": str(number), **part} for number in range(3)]})

    connect().run(flow())
    refused(lambda: connect().stat("myfiles"), left=2000)


def test_the_loop_and_the_threads_share_it(connect, connect_async, faults, onedrive_emulator):
    """A trigger's client stops a task's in the same process, and the other way about."""

    async def look():
        async with connect_async() as client:
            return await client.stat("myfiles")

    faults.add(origin="graph", **BUSY)
    refused(lambda: asyncio.run(look()))
    refused(lambda: connect().stat("myfiles"))
    refused(lambda: asyncio.run(look()))
    assert len(onedrive_emulator.requests.matching(origin="graph")) == 1
    cooldown.forget_all()
    faults.add(origin="graph", times=1, do=status(429, retry_after=1))
    assert asyncio.run(look()).is_root


SCRIPT = """
import json, sys
from pathlib import Path
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.protocol.errors import Throttled
from airflow_provider_onedrive.graph.config.settings import Settings
settings = Settings.from_fields(json.loads(sys.stdin.read()), trusted_hosts=["localhost"])
with Client(settings, cool_down_folder=Path(sys.argv[1])) as client:
    try:
        client.stat("myfiles")
    except Throttled as error:
        print(type(error).__name__)
    else:
        print("went on")
"""


def elsewhere(fields, folder):
    """Look at the drive in another process, and return how that ended."""
    command = [sys.executable, "-c", SCRIPT, str(folder)]
    return subprocess.run(command, input=json.dumps(fields), capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_processes_share_it(fields, faults, onedrive_emulator, folder, kind):
    """What one process was told holds back another one, which sends nothing; without the file it finds out itself."""
    settings = Settings.from_fields(fields, trusted_hosts=["localhost"])

    async def look():
        async with AsyncClient(settings, cool_down_folder=folder) as client:
            await client.stat("myfiles")

    faults.add(origin="graph", **BUSY)
    if kind is AsyncClient:
        refused(lambda: asyncio.run(look()))
    else:
        with Client(settings, cool_down_folder=folder) as client:
            refused(lambda: client.stat("myfiles"))
    onedrive_emulator.requests.clear()
    assert elsewhere(fields, folder) == "Throttled"
    assert len(onedrive_emulator.requests) == 0
    assert elsewhere(fields, folder.with_name("another")) == "went on"


@pytest.mark.full
def test_what_many_processes_ask():
    """Processes that share a budget ask little more than they must, and all of them finish.

    How many are refused at most does not depend on time: of the emulator's minutes that are used up each has served 35
    of the 114 units, so there are at most three, and each process meets the end of each at most once.
    """
    words = ["--processes=6", "--files=6", "--units=48", "--minute-seconds=1", "--pause-seconds=0"]
    words += ["--shared-only", "--json"]
    done = subprocess.run(
        [sys.executable, BENCHMARK, *words], capture_output=True, text=True, check=True, timeout=HANG_SECONDS
    )
    found = json.loads(done.stdout)["with the shared cool-down"]
    assert found["failed"] == 0
    assert found["minimum"] == 6 * (1 + 2 * 6)
    assert found["ratio"] <= 1.3
