"""Scripted faults and the request log."""

from __future__ import annotations

import ssl
import threading
import time

import httpx
import pytest
from patience import HANG_SECONDS, MUCH_LONGER_SECONDS

from airflow_provider_onedrive.emulator import Emulator, faults
from airflow_provider_onedrive.emulator.faults import (
    corrupt_request,
    corrupt_response,
    cut_request,
    cut_response,
    delay,
    drop_after,
    drop_before,
    end_session,
    expire_token,
    ignore_range,
    stall_response,
    status,
)

UNIT = 320 * 1024


def test_which_requests_meet_a_fault(graph, drive, emulator):
    """A rule picks by method and path, lets some pass and ends after its number of times."""
    drive.put("a b", b"x")
    rule = emulator.faults.add(method="GET", path="/a b$", after=1, times=2, do=status(503))
    assert graph.get("/root").status_code == 200
    assert graph.delete("/root:/none").status_code == 404
    assert [graph.get("/root:/a%20b").status_code for _ in range(5)] == [200, 503, 503, 200, 200]
    assert rule.hits == 2


def test_rules_apply_in_order(graph, emulator):
    """The first rule that is not used up applies, and only that one; times=None never ends; clear ends all."""
    emulator.faults.add(do=status(500))
    emulator.faults.add(times=None, do=status(504))
    assert [graph.get("/root").status_code for _ in range(3)] == [500, 504, 504]
    emulator.faults.clear()
    assert graph.get("/root").status_code == 200


def test_status(graph, drive, emulator, error):
    """A refused request is answered with Graph's error and has no effect."""
    emulator.faults.add(do=status(429, retry_after=2))
    emulator.faults.add(do=status(429))
    emulator.faults.add(do=status(401, code="unauthenticated", message="Unable to initialize RPS"))
    first, second, third = (graph.put("/root:/a:/content", content=b"x" * 10_000) for _ in range(3))
    assert error(first)[:2] == (429, "activityLimitReached")
    assert first.headers["Retry-After"] == "2"
    assert "Retry-After" not in second.headers
    assert error(third) == (401, "unauthenticated", "Unable to initialize RPS")
    assert drive.paths() == []


def test_status_of_the_token_endpoint(emulator, http):
    """A fault of the login host has the form of Entra."""
    emulator.faults.add(origin="login", do=status(429, retry_after=5))
    reply = http.post(f"{emulator.authority_url}/{emulator.tenant_id}/oauth2/v2.0/token")
    assert (reply.status_code, reply.json()["error"]) == (429, "temporarily_unavailable")
    assert reply.headers["Retry-After"] == "5"


@pytest.mark.parametrize(("fault", "paths"), [(drop_before(), []), (drop_after(), ["a"])])
def test_drops(graph, drive, emulator, fault, paths):
    """The connection ends without an answer, before or after it was done."""
    emulator.faults.add(do=fault)
    with pytest.raises(httpx.TransportError):
        graph.put("/root:/a:/content", content=b"x")
    assert drive.paths() == paths
    assert [entry.status for entry in emulator.requests] == [None]
    assert graph.get("/root").status_code == 200


@pytest.fixture
def session(graph):
    return graph.post("/root:/a:/createUploadSession", json={}).json()["uploadUrl"]


@pytest.mark.parametrize(("keep", "expected"), [(False, "0-"), (True, f"1000-{2 * UNIT - 1}")])
def test_cut_request(emulator, http, session, keep, expected):
    """A cut fragment leaves nothing behind, unless the fault keeps its bytes."""
    emulator.faults.add(method="PUT", path="uploadSession", do=cut_request(1000, keep=keep))
    headers = {"Content-Range": f"bytes 0-{UNIT - 1}/{2 * UNIT}"}
    with pytest.raises(httpx.TransportError):
        http.put(session, content=b"x" * UNIT, headers=headers)
    assert http.get(session).json()["nextExpectedRanges"] == [expected]
    assert emulator.requests.matching(method="PUT")[0].received_bytes == 1000


def test_kept_bytes_count(drive, emulator, http, session):
    """After a cut with kept bytes the upload resumes behind them."""
    emulator.faults.add(method="PUT", do=cut_request(1000, keep=True))
    with pytest.raises(httpx.TransportError):
        http.put(session, content=b"x" * UNIT, headers={"Content-Range": f"bytes 0-{UNIT - 1}/{UNIT}"})
    rest = {"Content-Range": f"bytes 1000-{UNIT - 1}/{UNIT}"}
    assert http.put(session, content=b"y" * (UNIT - 1000), headers=rest).status_code == 201
    assert drive.read("a") == b"x" * 1000 + b"y" * (UNIT - 1000)


def test_a_fragment_stored_without_an_answer(emulator, http, session):
    """When the answer is lost the fragment is there, and sending it again is an overlap."""
    emulator.faults.add(method="PUT", do=drop_after())
    headers = {"Content-Range": f"bytes 0-{UNIT - 1}/{2 * UNIT}"}
    with pytest.raises(httpx.TransportError):
        http.put(session, content=b"x" * UNIT, headers=headers)
    assert http.put(session, content=b"x" * UNIT, headers=headers).status_code == 416


@pytest.mark.parametrize("sent", [0, 1, 700_000])
def test_cut_response(drive, emulator, http, sent):
    """A download ends in the middle; the log has the number of bytes sent."""
    url = drive.put("a", b"x" * 2_000_000)["@microsoft.graph.downloadUrl"]
    emulator.faults.add(origin="store", do=cut_response(sent))
    received = bytearray()
    with pytest.raises(httpx.TransportError), http.stream("GET", url) as reply:  # noqa: PT012
        assert reply.headers["Content-Length"] == "2000000"
        for piece in reply.iter_raw():
            received += piece
    assert len(received) == sent
    assert emulator.requests[-1].sent_bytes == sent
    assert http.get(url).content == drive.read("a")


@pytest.mark.parametrize("sent", [0, 1, 700_000])
def test_stall_response(drive, emulator, http, sent):
    """A download stalls until the client gives up; the next one is complete."""
    url = drive.put("a", b"x" * 2_000_000)["@microsoft.graph.downloadUrl"]
    emulator.faults.add(operation="download", do=stall_response(sent))
    received = bytearray()
    with pytest.raises(httpx.ReadTimeout), http.stream("GET", url, timeout=0.3) as reply:  # noqa: PT012
        assert (reply.headers["Content-Length"], "Connection" in reply.headers) == ("2000000", False)
        for piece in reply.iter_raw():
            received += piece
    assert len(received) == sent
    assert emulator.requests[-1].sent_bytes == sent
    assert http.get(url).content == drive.read("a")


def test_an_answer_too_short_to_stall(drive, emulator, http):
    """Nothing stalls when nothing is left to send."""
    url = drive.put("a", b"12345")["@microsoft.graph.downloadUrl"]
    emulator.faults.add(times=None, do=stall_response(5))
    assert [http.get(url).content, http.head(url).content] == [b"12345", b""]


def test_stopping_ends_a_stalled_answer():
    """Stopping the emulator does not wait for the client."""
    failures = []

    def fetch(url, trust):
        try:
            httpx.get(url, verify=trust, trust_env=False, timeout=MUCH_LONGER_SECONDS)
        except httpx.TransportError as error:
            failures.append(error)

    with Emulator() as emulator:
        url = emulator.drive().put("a", b"12345")["@microsoft.graph.downloadUrl"]
        stall = emulator.faults.add(do=stall_response(1))
        trust = ssl.create_default_context(cadata=emulator.ca_certificate)
        client = threading.Thread(target=fetch, args=(url, trust))
        client.start()
        while not (stall.hits and emulator.requests):
            time.sleep(0.005)
        begin = time.monotonic()
    client.join(HANG_SECONDS)
    assert time.monotonic() - begin < HANG_SECONDS
    assert [type(failure) for failure in failures] == [httpx.RemoteProtocolError]


@pytest.mark.parametrize("at", [0, 700_000, 1_999_999])
def test_corrupt_request(graph, drive, emulator, at):
    """One byte is stored changed; size and hash are those of the stored bytes."""
    sent = b"x" * 2_000_000
    emulator.faults.add(operation="upload", do=corrupt_request(at))
    item = graph.put("/root:/a:/content", content=sent).json()
    stored = drive.read("a")
    assert [place for place in range(len(sent)) if stored[place] != sent[place]] == [at]
    assert item["size"] == len(stored) == len(sent)
    assert item["file"]["hashes"] == drive.item("a")["file"]["hashes"] != drive.put("b", sent)["file"]["hashes"]


def test_a_corrupt_fragment(drive, emulator, http, session):
    """The offset is one of the fragment that meets the fault; an offset behind it changes nothing."""
    emulator.faults.add(operation="fragment", do=corrupt_request(UNIT))
    emulator.faults.add(operation="fragment", do=corrupt_request(1))
    for start in (0, UNIT):
        place = {"Content-Range": f"bytes {start}-{start + UNIT - 1}/{2 * UNIT}"}
        assert http.put(session, content=b"x" * UNIT, headers=place).is_success
    stored = drive.read("a")
    assert [place for place in range(2 * UNIT) if stored[place] != b"x"[0]] == [UNIT + 1]


@pytest.mark.parametrize("at", [0, 700_000, 1_999_999])
def test_corrupt_response(drive, emulator, http, at):
    """One byte arrives as another, once."""
    stored = b"x" * 2_000_000
    url = drive.put("a", stored)["@microsoft.graph.downloadUrl"]
    emulator.faults.add(operation="download", do=corrupt_response(at))
    received = http.get(url).content
    assert [place for place in range(len(stored)) if received[place] != stored[place]] == [at]
    assert http.get(url).content == stored == drive.read("a")


def test_a_corrupt_range(drive, emulator, http):
    """The offset is one of the answer; behind its end nothing happens."""
    url = drive.put("a", b"0123456789")["@microsoft.graph.downloadUrl"]
    emulator.faults.add(do=corrupt_response(1))
    emulator.faults.add(do=corrupt_response(3))
    parts = [http.get(url, headers={"Range": "bytes=5-7"}).content for _ in range(2)]
    assert parts == [b"5\xc97", b"567"]


@pytest.mark.parametrize("fault", [corrupt_request, corrupt_response, stall_response])
def test_where_faults_cannot_begin(fault):
    """An offset must not be negative."""
    with pytest.raises(ValueError, match="must not be negative"):
        fault(-1)


def test_ignore_range(drive, emulator, http):
    """A range is answered with 200 and the whole file; the next one is a range."""
    url = drive.put("a", b"12345")["@microsoft.graph.downloadUrl"]
    emulator.faults.add(operation="download", do=ignore_range())
    whole, part = (http.get(url, headers={"Range": "bytes=2-"}) for _ in range(2))
    assert (whole.status_code, whole.content, "Content-Range" in whole.headers) == (200, b"12345", False)
    assert (part.status_code, part.content) == (206, b"345")


def test_delay(graph, emulator):
    """A delayed answer comes late and complete."""
    emulator.faults.add(do=delay(0.2))
    begin = time.monotonic()
    assert graph.get("/root").status_code == 200
    assert time.monotonic() - begin >= 0.2


def test_expire_token(graph, emulator, error):
    """A token that expires stays expired; a new one works."""
    emulator.faults.add(do=expire_token())
    for _ in range(2):
        assert error(graph.get("/root"))[:2] == (401, "InvalidAuthenticationToken")
    headers = {"Authorization": f"Bearer {emulator.token()}"}
    assert graph.get("/root", headers=headers).status_code == 200


def test_end_session(graph, emulator, http, error):
    """A session that ends stays ended; another one for the same file works."""
    path, headers = "/root:/a:/createUploadSession", {"Content-Range": "bytes 0-0/1"}
    url = graph.post(path).json()["uploadUrl"]
    emulator.faults.add(do=end_session())
    for _ in range(2):
        assert error(http.put(url, content=b"x", headers=headers))[:2] == (404, "itemNotFound")
    assert http.put(graph.post(path).json()["uploadUrl"], content=b"x", headers=headers).status_code == 201


def test_every_fault_is_exported():
    """Each fault that a script can name is a public name of the package."""
    assert set(faults.KINDS) <= set(faults.__all__)


def test_log(graph, drive, emulator, http):
    """The log has sender, address, bytes, and whether a token was sent."""
    url = graph.put("/root:/a%20b:/content?x=1", content=b"12345").json()["@microsoft.graph.downloadUrl"]
    http.get(url)
    http.get(f"{emulator.authority_url}/common/discovery/instance")
    put, get, login = emulator.requests
    assert (put.method, put.origin, put.status, put.received_bytes) == ("PUT", "graph", 201, 5)
    assert put.path == f"/v1.0/drives/{drive.id}/root:/a b:/content"
    assert put.target == f"/v1.0/drives/{drive.id}/root:/a%20b:/content?x=1"
    assert (get.origin, get.status, get.sent_bytes, get.had_authorization) == ("store", 200, 5, False)
    assert (login.origin, put.had_authorization) == ("login", True)
    assert emulator.requests.matching(method="GET", origin="store", path="download") == [get]
    assert "201 PUT graph" in repr(emulator.requests)
    emulator.requests.clear()
    assert len(emulator.requests) == 0


def test_a_client_that_leaves_early(drive, emulator, http, eventually):
    """A download that the client gives up does not count as sent."""
    url = drive.put("a", b"x" * 60_000_000)["@microsoft.graph.downloadUrl"]
    with http.stream("GET", url) as reply:
        next(reply.iter_raw())
    http.close()
    eventually(lambda: emulator.requests[0].sent_bytes < 60_000_000)
