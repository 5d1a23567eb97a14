"""When a request is sent again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_onedrive.graph.protocol.driver import lost
from airflow_provider_onedrive.graph.protocol.errors import (
    BadRequest,
    GraphError,
    IdentityUnavailable,
    ServiceUnavailable,
    SignInFailed,
    Throttled,
    Unauthenticated,
)
from airflow_provider_onedrive.graph.protocol.messages import Repeat, Request
from airflow_provider_onedrive.graph.protocol.refusals import error_from
from airflow_provider_onedrive.graph.protocol.retry import (
    RetryPolicy,
    leaves_outcome_unknown,
    throttles_all,
    was_refused,
)

ALWAYS, IF_REFUSED = Repeat.ALWAYS, Repeat.IF_REFUSED
POLICY = RetryPolicy(jitter=lambda: 1.0)
RPS = "Unable to initialize RPS"


def said(status: int, retry_after: int | None = None, message: str = "x") -> GraphError:
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return error_from(status, headers, {"error": {"code": "x", "message": message}}, method="PUT", path="/x")


def silence(*, was_sent: bool | None = None) -> GraphError:
    return lost(Request("PUT", "/x"), "reset", was_sent=was_sent)


@pytest.mark.parametrize(
    ("outcome", "repeatable", "create"),
    [
        (said(429), 0.5, 0.5),
        (said(429, 17), 17, 17),
        (said(429, 0), 0, 0),
        (said(503, 5), 5, 5),
        (said(503), 0.5, None),
        (said(500), 0.5, None),
        (said(500, 5), 5, None),
        (said(502), 0.5, None),
        (said(504), 0.5, None),
        (said(408), 0.5, None),
        (said(509), 0.5, None),
        (silence(), 0.5, None),
        (silence(was_sent=False), 0.5, 0.5),
        (said(401, message=RPS), 0.5, 0.5),
        (said(423), 2, 2),
        (said(400), None, None),
        (said(401), None, None),
        (said(403), None, None),
        (said(404), None, None),
        (said(409), None, None),
        (said(410), None, None),
        (said(412), None, None),
        (said(413), None, None),
        (said(416), None, None),
        (said(501), None, None),
        (said(507), None, None),
        (SignInFailed("x", status=401), None, None),
        (SignInFailed("x"), None, None),
    ],
    ids=lambda value: f"{value.status}{value.code}" if isinstance(value, GraphError) else None,
)
def test_what_is_sent_again_and_when(outcome, repeatable, create):
    """What Graph surely did not do is sent again; what it may have done only where twice is as good as once."""
    assert POLICY.delay(1, outcome, ALWAYS) == repeatable
    assert POLICY.delay(1, outcome, IF_REFUSED) == create


@pytest.mark.parametrize("outcome", [said(500), said(502), said(503), said(504), said(408), said(509), silence()])
def test_an_outcome_that_nobody_knows(outcome):
    """A failure or silence after the request left may mean that it took effect."""
    assert leaves_outcome_unknown(outcome)
    assert not was_refused(outcome)


@pytest.mark.parametrize(
    "outcome",
    [said(429), said(503, 1), silence(was_sent=False), said(400), said(404), said(409), said(412), said(507)],
)
def test_an_outcome_that_is_known(outcome):
    """A refusal, a clear no, or a request that never left: nothing was done."""
    assert not leaves_outcome_unknown(outcome)


def test_waits_grow_to_a_ceiling():
    """Without Retry-After each wait is twice the one before, up to the ceiling."""
    policy = RetryPolicy(max_attempts=12, jitter=lambda: 1.0)
    waits = [policy.delay(attempt, said(500), ALWAYS) for attempt in range(1, 12)]
    assert waits == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]


@given(st.floats(0, 1), st.integers(1, 6))
def test_jitter_spreads_a_wait_over_its_upper_half(jitter, attempt):
    """Many tasks that failed at once do not come back at once, and none comes back at once."""
    full = POLICY.delay(attempt, said(500), ALWAYS)
    wait = RetryPolicy(jitter=lambda: jitter).delay(attempt, said(500), ALWAYS)
    assert full / 2 <= wait <= full


@pytest.mark.parametrize("outcome", [said(429, 1), said(429), said(500), silence()])
def test_attempts_are_counted(outcome):
    """After the last attempt the error goes to the caller."""
    assert POLICY.delay(POLICY.max_attempts - 1, outcome, ALWAYS) is not None
    assert POLICY.delay(POLICY.max_attempts, outcome, ALWAYS) is None
    assert RetryPolicy(max_attempts=1).delay(1, outcome, ALWAYS) is None


@pytest.mark.parametrize(("seconds", "wait"), [(300, 300), (301, None)])
def test_a_wait_that_is_too_long_is_refused_not_shortened(seconds, wait):
    """Coming back before Graph said would only make it longer."""
    assert POLICY.delay(1, said(429, seconds), ALWAYS) == wait


def test_a_locked_file_gets_three_short_waits():
    """Somebody closes Excel soon, or not: 2, 5 and 15 seconds, then the error."""
    assert [POLICY.delay(attempt, said(423), IF_REFUSED) for attempt in (1, 2, 3, 4)] == [2, 5, 15, None]


@pytest.mark.parametrize(
    ("outcome", "repeatable", "create"),
    [
        (ServiceUnavailable(RPS, was_sent=True), 0.5, None),
        (Unauthenticated(RPS, status=401, was_sent=True), None, None),
        (IdentityUnavailable("x", status=401, was_sent=True), 0.5, 0.5),
        (BadRequest("connectionFailed", code="connectionFailed", was_sent=True), None, None),
        (ServiceUnavailable("x", code="connectionFailed", was_sent=True), 0.5, None),
        (SignInFailed("x", was_sent=False), None, None),
    ],
    ids=repr,
)
def test_retry_ignores_messages_and_codes(outcome, repeatable, create):
    """Only the class, the status and our own fields decide; a text or a code of the server never does."""
    assert POLICY.delay(1, outcome, ALWAYS) == repeatable
    assert POLICY.delay(1, outcome, IF_REFUSED) == create


def test_lost_request_has_no_code():
    """A code is a word of the server; a request without an answer has none, sent or not."""
    for was_sent in (False, None):
        error = silence(was_sent=was_sent)
        assert (error.code, error.was_sent) == (None, was_sent)
        assert "connectionFailed" not in str(error)


GRAPHS = {"headers": {"request-id": "1"}, "body": {"error": {"code": "activityLimitReached", "message": "x"}}}


def refusal(status: int, retry_after: int | None = 400, **changes: Any) -> GraphError:
    """Read a refusal that looks like one of Graph, or has other headers or another body."""
    asked = {} if retry_after is None else {"retry-after": str(retry_after)}
    answer = GRAPHS | changes
    return error_from(status, asked | answer["headers"], answer["body"], method="GET", path="/x")


@pytest.mark.parametrize(
    ("outcome", "is_for_all"),
    [
        (refusal(429), True),
        (refusal(429, None), True),
        (refusal(503), True),
        (refusal(503, None), False),
        (refusal(500), False),
        (refusal(503, headers={}), False),
        (refusal(429, headers={}), False),
        (refusal(429, body=None), False),
        (refusal(503, body={"message": "Too many requests"}), False),
        (refusal(503, body={"error": "upstream connect error"}), False),
        (refusal(503, body={"error": {"code": 503}}), False),
        (silence(was_sent=False), False),
        (Throttled("Entra answered 429", status=429, code="temporarily_unavailable", was_sent=False), False),
    ],
)
def test_throttling_counts_for_all_requests_of_an_identity(outcome, is_for_all):
    """Only Graph's own refusal does, with its header and its JSON; that of a storage host or a proxy does not."""
    assert throttles_all(Request("GET", "/x"), outcome) is is_for_all
    assert not throttles_all(Request("GET", "https://storage.example/x", preauthorized=True), outcome)
