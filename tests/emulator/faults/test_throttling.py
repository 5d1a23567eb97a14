"""The budget of resource units."""

from __future__ import annotations

import httpx
import pytest

from airflow_provider_onedrive.emulator.faults import Budget


class Clock:
    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


def _statuses(graph, count, path="/root"):
    return [graph.get(path).status_code for _ in range(count)]


def test_used_up(graph, emulator, clock, error):
    """When the budget of a minute is used up, requests are refused until the minute is over."""
    emulator.throttling = Budget(units_per_minute=5, clock=clock)
    assert _statuses(graph, 2, "/root/children") == [200, 200]
    assert _statuses(graph, 1) == [200]
    clock.seconds += 18.5
    reply = graph.get("/root")
    assert error(reply) == (429, "activityLimitReached", "The app or user has been throttled.")
    assert reply.headers["Retry-After"] == "42"
    clock.seconds += 42
    assert _statuses(graph, 1) == [200]


def test_refused_calls_count(graph, emulator, clock):
    """A client that continues meanwhile has used up the next minute too, but not a third one."""
    emulator.throttling = Budget(units_per_minute=3, clock=clock)
    assert _statuses(graph, 13) == [200] * 3 + [429] * 10
    assert graph.get("/root").headers["Retry-After"] == "120"
    clock.seconds += 60
    assert _statuses(graph, 1) == [429]
    clock.seconds += 60
    assert _statuses(graph, 1) == [200]


def test_patience_is_rewarded(graph, emulator, clock):
    """A client that waits for Retry-After continues; only the refused call counts."""
    emulator.throttling = Budget(units_per_minute=3, clock=clock)
    assert _statuses(graph, 4) == [200] * 3 + [429]
    clock.seconds += 60
    assert _statuses(graph, 3) == [200, 200, 429]


def test_per_day(graph, emulator, clock):
    """A day has its own budget."""
    emulator.throttling = Budget(units_per_minute=2, units_per_day=3, clock=clock)
    assert _statuses(graph, 2) == [200, 200]
    clock.seconds += 60
    assert _statuses(graph, 1) == [200]
    assert int(graph.get("/root").headers["Retry-After"]) == 24 * 3600 - 60


def test_per_application(graph, emulator, clock):
    """Each application has its own budget, and so does the second origin."""
    emulator.throttling = Budget(units_per_minute=3, clock=clock)
    other = emulator.add_application("Other")
    assert graph.put("/root:/a:/content", content=b"x").status_code == 201
    url = graph.get("/root:/a").json()["@microsoft.graph.downloadUrl"]
    assert _statuses(graph, 1) == [429]
    headers = {"Authorization": f"Bearer {emulator.token(application=other)}"}
    assert graph.get("/root", headers=headers).status_code == 200
    with httpx.Client(verify=graph._transport._pool._ssl_context, trust_env=False) as client:
        assert [client.get(url).status_code for _ in range(4)] == [200] * 3 + [429]


def test_login_is_free(emulator, http, clock):
    """Asking for a token costs nothing."""
    emulator.throttling = Budget(units_per_minute=1, clock=clock)
    url = f"{emulator.authority_url}/common/discovery/instance"
    assert [http.get(url).status_code for _ in range(3)] == [200] * 3


def test_other_words(graph, emulator, clock, error):
    """The refusal can have the other code, or be a 503."""
    emulator.throttling = Budget(units_per_minute=1, code="TooManyRequests", status=503, clock=clock)
    graph.get("/root")
    assert error(graph.get("/root"))[:2] == (503, "TooManyRequests")


def test_headers(graph, emulator, clock):
    """The headers of the preview come when four fifths are used, and only when they are wanted."""
    emulator.throttling = Budget(units_per_minute=5, clock=clock)
    assert "RateLimit-Limit" not in [graph.get("/root") for _ in range(5)][-1].headers
    emulator.throttling = Budget(units_per_minute=5, rate_limit_headers=True, clock=clock)
    replies = [graph.get("/root") for _ in range(4)]
    assert ["RateLimit-Limit" in reply.headers for reply in replies] == [False, False, False, True]
    told = [replies[-1].headers[f"RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")]
    assert told == ["5", "1", "60"]


def test_without(graph, emulator, clock):
    """None takes the limit away again; a limit below one unit is refused."""
    emulator.throttling = Budget(units_per_minute=1, clock=clock)
    assert _statuses(graph, 2) == [200, 429]
    emulator.throttling = None
    assert _statuses(graph, 2) == [200, 200]
    with pytest.raises(ValueError, match="at least 1 unit"):
        Budget(units_per_minute=None)


def test_a_shorter_minute(graph, emulator, clock):
    """A minute may be shorter, and Retry-After shrinks with it."""
    emulator.throttling = Budget(units_per_minute=2, minute_seconds=6, clock=clock)
    assert _statuses(graph, 3) == [200, 200, 429]
    assert graph.get("/root").headers["Retry-After"] == "12"
    clock.seconds += 12
    assert _statuses(graph, 1) == [200]
    with pytest.raises(ValueError, match="at least 1 second"):
        Budget(minute_seconds=0)


def test_cost(graph, emulator):
    """The log has the number of requests and units of an operation."""
    graph.get("/root")
    with emulator.requests.measure() as cost:
        graph.put("/root:/a:/content", content=b"12345")
        graph.get("/root/children?$expand=permissions")
        graph.get("/root/delta?token=latest")
    assert [entry.operation for entry in cost] == ["upload", "children", "delta"]
    total = cost.total()
    assert (total.requests, total.resource_units, total.received_bytes) == (3, 2 + 5 + 1, 5)
    assert total.sent_bytes == sum(entry.sent_bytes for entry in cost)
    assert cost.total(operation="upload").resource_units == 2
    assert emulator.requests.total().requests == 4
    assert emulator.requests.matching(operation="get") == emulator.requests[:1]


def test_parts_of_a_batch(v1, emulator, clock):
    """Each part of a batch is counted, and refused, on its own; the batch itself costs nothing."""
    emulator.throttling = Budget(units_per_minute=3, clock=clock)
    urls = [f"/users/{emulator.users[0]}/drive/root{tail}" for tail in ("", "/children", "")]
    parts = [{"id": str(number), "method": "GET", "url": url} for number, url in enumerate(urls)]
    reply = v1.post("/$batch", json={"requests": parts})
    answers = {part["id"]: part for part in reply.json()["responses"]}
    assert [answers[key]["status"] for key in "012"] == [200, 200, 429]
    assert answers["2"]["headers"]["Retry-After"] == "60"
    assert emulator.requests.total().resource_units == 1 + 2 + 1
    assert emulator.requests.total(operation="batch").resource_units == 0
