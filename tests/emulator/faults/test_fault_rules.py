"""Which requests meet a fault: by count, by chance, by operation."""

from __future__ import annotations

import http.client
import ssl
import time
from contextlib import closing

import httpx
import pytest
from patience import HANG_SECONDS

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import (
    answer_then_drop,
    bandwidth,
    cut_request,
    drop_after,
    latency,
    status,
)

UNIT = 320 * 1024
KIB = 1024


def _statuses(graph, count):
    return [graph.get("/root").status_code for _ in range(count)]


def test_every(graph, emulator):
    """Each third request meets it without end, counted from the start of the rule."""
    rule = emulator.faults.add(every=3, after=1, do=status(503))
    assert _statuses(graph, 8) == [200, 200, 200, 503, 200, 200, 503, 200]
    assert (rule.seen, rule.hits) == (8, 2)


def test_every_with_times(graph, emulator):
    """The rule ends after ``times`` requests."""
    emulator.faults.add(every=2, times=1, do=status(503))
    assert _statuses(graph, 4) == [200, 503, 200, 200]


def test_probability(graph, emulator):
    """The same seed leads to the same faults, another one to others."""
    rounds = []
    for seed in (42, 42, 43):
        emulator.faults.clear()
        emulator.faults.add(probability=0.4, seed=seed, do=status(503))
        rounds.append(_statuses(graph, 20))
    assert rounds[0] == rounds[1] != rounds[2]
    assert 2 <= rounds[0].count(503) <= 14


@pytest.mark.parametrize("probability", [0, 1])
def test_certain_probability(graph, emulator, probability):
    """Nought is never and one is always."""
    emulator.faults.add(probability=probability, do=status(503))
    assert set(_statuses(graph, 5)) == {503 if probability else 200}


def test_operation(graph, drive, emulator):
    """A rule can name one or several operations."""
    drive.put("a", b"x")
    one = emulator.faults.add(operation="children", times=None, do=status(503))
    two = emulator.faults.add(operation=["upload", "delete"], times=None, do=status(503))
    assert graph.get("/root/children").status_code == 503
    assert graph.put("/root:/a:/content", content=b"y").status_code == 503
    assert graph.delete("/root:/a").status_code == 503
    assert graph.get("/root:/a").status_code == 200
    assert (one.hits, two.hits) == (1, 2)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"operation": "fragments"}, "unknown operation 'fragments'; did you mean 'fragment'"),
        ({"every": 0}, "every must be at least 1"),
        ({"probability": 1.5}, "probability must lie between 0 and 1"),
        ({"times": -1}, "must not be negative"),
        ({"path": "("}, "path is not a regular expression"),
    ],
)
def test_wrong_rules(emulator, wrong, message):
    """A rule that cannot apply is refused at once."""
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        emulator.faults.add(do=status(503), **wrong)


@pytest.mark.parametrize("kind", [lambda: status(200), lambda: cut_request(-1), lambda: bandwidth(0)])
def test_wrong_faults(kind):
    """So is a fault without sense."""
    with pytest.raises(ValueError, match="must"):
        kind()


def test_cut_in_the_second_fragment(graph, emulator, http):
    """The connection closes within the second fragment; the first one stays."""
    url = graph.post("/root:/a:/createUploadSession", json={}).json()["uploadUrl"]
    emulator.faults.add(operation="fragment", after=1, do=cut_request(1000))
    first = {"Content-Range": f"bytes 0-{UNIT - 1}/{2 * UNIT}"}
    second = {"Content-Range": f"bytes {UNIT}-{2 * UNIT - 1}/{2 * UNIT}"}
    assert http.put(url, content=b"x" * UNIT, headers=first).status_code == 202
    with pytest.raises(httpx.TransportError):
        http.put(url, content=b"x" * UNIT, headers=second)
    assert http.get(url).json()["nextExpectedRanges"] == [f"{UNIT}-{2 * UNIT - 1}"]
    assert http.put(url, content=b"x" * UNIT, headers=second).status_code == 201


def test_answer_then_drop(emulator, tls):
    """The answer arrives whole and promises more; the connection is closed nevertheless."""
    emulator.faults.add(do=answer_then_drop())
    connection = http.client.HTTPSConnection("localhost", int(emulator.graph_url.rpartition(":")[2]), context=tls)
    connection.request("GET", "/v1.0/me", headers={"Authorization": f"Bearer {emulator.token()}"})
    with closing(connection), connection.getresponse() as reply:
        assert reply.read()
        assert reply.getheader("Connection") is None
        assert connection.sock.recv(1) == b""
    assert emulator.requests[-1].status == reply.status


def test_the_token_endpoint_drops(emulator, http):
    """The token endpoint meets faults like everything else."""
    rule = emulator.faults.add(operation="token", do=drop_after())
    with pytest.raises(httpx.TransportError):
        http.post(f"{emulator.authority_url}/{emulator.tenant_id}/oauth2/v2.0/token")
    assert rule.hits == 1


def test_slow_and_wrong(graph, emulator):
    """A request may be slow and also meet a fault, in any order of the rules."""
    emulator.faults.add(every=2, do=status(503))
    slow = emulator.faults.add(times=None, do=latency(0.1))
    begin = time.monotonic()
    assert _statuses(graph, 2) == [200, 503]
    assert time.monotonic() - begin >= 0.2
    assert slow.hits == 2


def test_latency_by_size(graph, emulator):
    """Each KiB of the bodies takes its time."""
    emulator.faults.add(operation="upload", do=latency(seconds_per_kib=0.002))
    begin = time.monotonic()
    assert graph.put("/root:/a:/content", content=b"x" * 100 * KIB).status_code == 201
    assert time.monotonic() - begin >= 0.2


def test_bandwidth_up(graph, drive, emulator):
    """A body is read at the limited speed and arrives complete."""
    emulator.faults.add(operation="upload", do=bandwidth(up_bytes_per_second=500_000))
    begin = time.monotonic()
    assert graph.put("/root:/a:/content", content=b"x" * 100_000).status_code == 201
    assert time.monotonic() - begin >= 0.2
    assert drive.read("a") == b"x" * 100_000


def test_bandwidth_down(drive, emulator, http):
    """An answer's body trickles, and arrives whole."""
    url = drive.put("a", b"x" * 100_000)["@microsoft.graph.downloadUrl"]
    emulator.faults.add(operation="download", do=bandwidth(down_bytes_per_second=500_000))
    begin = time.monotonic()
    assert http.get(url).content == drive.read("a")
    assert time.monotonic() - begin >= 0.15


def test_slowness_is_nobody_elses(drive, emulator, http):
    """While one answer would take minutes, another one is served."""
    url = drive.put("a", b"x" * 1_000_000)["@microsoft.graph.downloadUrl"]
    emulator.faults.add(operation="download", do=bandwidth(down_bytes_per_second=1000))
    with http.stream("GET", url) as slow:
        assert next(slow.iter_raw())
        assert len(http.get(url).content) == 1_000_000


def test_stopping_ends_slowness():
    """A line that is dead slow does not keep the emulator from ending."""
    with Emulator() as emulator:
        url = emulator.drive().put("a", b"x" * 100_000)["@microsoft.graph.downloadUrl"]
        emulator.faults.add(do=bandwidth(down_bytes_per_second=0.01))
        trust = ssl.create_default_context(cadata=emulator.ca_certificate)
        with httpx.Client(verify=trust, trust_env=False) as client, client.stream("GET", url) as reply:
            assert reply.status_code == 200
            begin = time.monotonic()
            emulator.stop()
    assert time.monotonic() - begin < HANG_SECONDS
