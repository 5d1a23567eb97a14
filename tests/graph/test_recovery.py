"""The client against an emulator that fails: what it survives, and what it says where nobody could."""

from __future__ import annotations

import threading
import time
from functools import partial

import pytest
from every_request import (
    CHILDREN,
    EVERY,
    FOLDER,
    FRAGMENT,
    IN_SESSION,
    LARGE,
    PUT,
    SESSION,
    SMALL,
    STAT,
    everything,
    name_of,
)
from patience import HANG_SECONDS

from airflow_provider_onedrive.emulator.faults import (
    delay,
    drop_after,
    drop_before,
    status,
)
from airflow_provider_onedrive.graph.flows.sessions import FRAGMENT_BYTES
from airflow_provider_onedrive.graph.protocol.errors import (
    BadRequest,
    GraphError,
    ItemNotFound,
    OneDriveError,
    QuotaExceeded,
    ServiceUnavailable,
    Stopped,
    Throttled,
)
from airflow_provider_onedrive.graph.protocol.messages import Request
from airflow_provider_onedrive.graph.protocol.retry import RetryPolicy


@pytest.mark.parametrize("kind", EVERY, ids=name_of)
@pytest.mark.parametrize("fault", [status(429, retry_after=0), status(503, retry_after=0), drop_before()], ids=repr)
def test_a_refusal_is_tried_again(client, drive, faults, *, tmp_path, kind, fault):
    """429, 503 with Retry-After, and a connection that closed before anything was done, twice in a row."""
    rule = faults.add(**kind, times=2, do=fault)
    everything(client, drive, tmp_path)
    assert rule.hits == 2


@pytest.mark.parametrize("kind", EVERY, ids=name_of)
@pytest.mark.parametrize("number", [500, 503])
def test_a_failure_of_the_service_is_survived(client, drive, faults, *, tmp_path, kind, number):
    """500 and 503 say nothing about what was done; whatever it was, the end is right."""
    rule = faults.add(**kind, do=status(number))
    everything(client, drive, tmp_path)
    assert rule.hits == 1


@pytest.mark.parametrize("kind", EVERY, ids=name_of)
def test_an_answer_that_is_lost_is_survived(client, drive, faults, tmp_path, kind):
    """It was done and the answer was lost: nothing is done twice."""
    rule = faults.add(**kind, do=drop_after())
    everything(client, drive, tmp_path)
    assert rule.hits == 1


def test_a_service_that_stays_away(client, onedrive_emulator, drive, faults):
    """When all attempts are used up the error says so, and no session is left."""
    faults.add(**FRAGMENT, times=None, do=status(503))
    with pytest.raises(
        ServiceUnavailable, match=r"Cannot upload to myfiles/a.bin: .*503 serviceNotAvailable.*Retry later"
    ):
        client.upload("myfiles/a.bin", content=LARGE, options=IN_SESSION)
    assert len(onedrive_emulator.requests.matching(**FRAGMENT)) == 7
    assert len(onedrive_emulator.state.sessions) == 0
    assert drive.paths() == []


def test_a_wait_that_is_too_long(client, onedrive_emulator, faults):
    """A Retry-After beyond the limit is not waited for: the task gives its slot back."""
    faults.add(**CHILDREN, times=None, do=status(429, retry_after=3600))
    start = time.monotonic()
    with pytest.raises(Throttled) as caught:
        list(client.children("myfiles"))
    assert time.monotonic() - start < HANG_SECONDS
    assert caught.value.retry_after_seconds == 3600
    assert len(onedrive_emulator.requests.matching(**CHILDREN)) == 1


@pytest.mark.parametrize("kind", [STAT, PUT, FOLDER, SESSION, FRAGMENT], ids=name_of)
@pytest.mark.parametrize(("number", "error"), [(400, BadRequest), (507, QuotaExceeded), (501, GraphError)])
def test_what_cannot_pass_is_sent_once(client, faults, onedrive_emulator, *, kind, number, error):
    """400, 501 and 507 stay what they are, so they are not asked twice."""
    rule = faults.add(**kind, times=None, do=status(number))
    content = LARGE if kind in (SESSION, FRAGMENT) else SMALL
    upload = partial(client.upload, "myfiles/x/a.bin", content=content, create_folders=True, options=IN_SESSION)
    with pytest.raises(error) as caught:
        client.stat(upload().location)
    assert (caught.value.status, caught.value.is_retryable) == (number, False)
    assert rule.hits == 1
    assert caught.value.request_id


def test_a_missing_item_is_asked_for_twice(client, onedrive_emulator):
    """404 of a path is an answer that one more look proves, not a failure that is waited for."""
    with pytest.raises(ItemNotFound):
        client.stat("myfiles/a.csv")
    assert len(onedrive_emulator.requests.matching(path=r"a\.csv$")) == 2


# --- stopping


def test_stopping_ends_an_upload(client, onedrive_emulator, drive, faults, tmp_path):
    """A thread that is told to stop in the middle of an upload only ends its session, and sends nothing more."""
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(2 * FRAGMENT_BYTES))

    class Stopping(status):
        def before(self, request, context):
            client.stop()

    faults.add(**FRAGMENT, do=Stopping(0))
    with pytest.raises(Stopped, match=r"Cannot upload to myfiles/a.bin"):
        client.upload("myfiles/a.bin", local_path=path)
    assert drive.paths() == []
    sent = [request.operation for request in onedrive_emulator.requests.matching(origin="store")]
    assert sorted(sent) in (["session_cancel"], ["fragment", "session_cancel"])
    assert len(onedrive_emulator.state.sessions) == 0
    onedrive_emulator.requests.clear()
    for call in (lambda: client.stat("myfiles"), lambda: client.upload("myfiles/b.csv", content=SMALL)):
        with pytest.raises(Stopped):
            call()
    assert len(onedrive_emulator.requests) == 0


def test_stopping_ends_a_body(client, onedrive_emulator):
    """In the middle of a request no further piece of its body is sent."""
    taken = []

    def pieces():
        for number in range(20):
            taken.append(number)
            if number == 1:
                client.stop()
            yield bytes(512 * 1024)

    def flow():
        url = f"{onedrive_emulator.store_url}/uploadSession"
        yield Request("PUT", url, body=pieces, body_bytes=20 * 512 * 1024, preauthorized=True)

    with pytest.raises(Stopped):
        client.run(flow())
    assert taken == [0, 1]


def test_stopping_ends_a_wait(client, onedrive_emulator, faults):
    """A wait of minutes ends at once."""
    client.retry_policy = RetryPolicy()
    asked = threading.Event()

    class Throttling(status):
        def before(self, request, context):
            asked.set()
            super().before(request, context)

    faults.add(**CHILDREN, times=None, do=Throttling(429, retry_after=120))
    caught: list[OneDriveError] = []

    def listing():
        try:
            list(client.children("myfiles"))
        except OneDriveError as error:
            caught.append(error)

    thread = threading.Thread(target=listing)
    thread.start()
    assert asked.wait(HANG_SECONDS)
    client.stop()
    thread.join(HANG_SECONDS)
    assert not thread.is_alive()
    assert [type(error) for error in caught] == [Stopped]
    assert len(onedrive_emulator.requests.matching(**CHILDREN)) == 1


def test_a_server_that_says_nothing(connect, faults):
    """A server that does not answer in time is a lost answer."""
    client = connect(timeout_seconds=1)
    client.stat("myfiles")
    client.retry_policy = RetryPolicy(max_attempts=1)
    faults.add(**CHILDREN, do=delay(20))
    with pytest.raises(ServiceUnavailable, match=r"No answer came: .*timed out"):
        list(client.children("myfiles"))


# --- at once


def test_many_threads_share_a_client(client, onedrive_emulator, drive):
    """Threads upload at once through one client: every file arrives, and the token is fetched once."""
    problems: list[BaseException] = []

    def upload(number):
        try:
            client.upload(
                f"myfiles/x{number % 4}/f{number}.csv", content=f"content {number}".encode(), create_folders=True
            )
        except BaseException as error:  # noqa: BLE001 - shown below
            problems.append(error)

    threads = [threading.Thread(target=upload, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_SECONDS)
    assert problems == []
    assert all(drive.read(f"x{n % 4}/f{n}.csv") == f"content {n}".encode() for n in range(24))
    assert len(onedrive_emulator.requests.matching(path="/token$")) == 1
