"""What becomes of a failed try: Graph's own pause, no retry at all, or what the task says."""

from __future__ import annotations

import importlib
import sys
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_onedrive.compat import AirflowFailException
from airflow_provider_onedrive.graph.protocol.errors import AccessDenied, ItemNotFound, ServiceUnavailable, Throttled


@pytest.fixture
def policy() -> Any:
    from airflow_provider_onedrive.retries import OneDriveRetryPolicy  # noqa: PLC0415 - only Airflow 3.3 has it

    return OneDriveRetryPolicy(max_delay=timedelta(minutes=10))


def refused(kind: Any, retry_after_seconds: float | None = None) -> Any:
    return kind("no", status=429, retry_after_seconds=retry_after_seconds)


def wrapped(cause: Exception) -> Exception:
    error = AirflowFailException("ended")
    error.__cause__ = cause
    return error


@pytest.mark.airflow3
@pytest.mark.parametrize(
    ("error", "action", "delay"),
    [
        (refused(Throttled, 42.0), "retry", timedelta(seconds=42)),
        (refused(ServiceUnavailable, 5.0), "retry", timedelta(seconds=5)),
        (refused(Throttled, 3600.0), "default", None),
        (refused(Throttled), "default", None),
        (refused(ItemNotFound), "default", None),
        (refused(AccessDenied), "fail", None),
        (wrapped(refused(AccessDenied)), "fail", None),
        (wrapped(refused(Throttled, 7.0)), "retry", timedelta(seconds=7)),
        (ValueError("of somebody else"), "default", None),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_each_error(policy: Any, error: Exception, action: str, delay: timedelta | None) -> None:
    """Retry-After becomes the delay; what no retry can cure fails at once."""
    decision = policy.evaluate(error, 1, 3)
    assert (decision.action.value, decision.retry_delay) == (action, delay)


@pytest.mark.airflow3
def test_it_is_stored_with_the_dag(policy: Any) -> None:
    """The scheduler's copy says the same."""
    assert type(policy).deserialize(policy.serialize()).max_delay == policy.max_delay


@pytest.mark.skipif("airflow.sdk" in sys.modules, reason="Airflow 3 has it")
def test_before_airflow_3_3() -> None:
    """The import says what is needed."""
    with pytest.raises(ImportError, match=r"needs Airflow 3\.3"):
        importlib.import_module("airflow_provider_onedrive.retries")
