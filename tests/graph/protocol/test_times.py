"""Times as Graph writes them."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_onedrive.graph.protocol import times
from airflow_provider_onedrive.graph.protocol.times import read_http_date, read_time

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-02T03:04:05Z", MOMENT),
        ("2026-01-02T03:04:05.1Z", MOMENT.replace(microsecond=100_000)),
        ("2026-01-02T03:04:05.1234567Z", MOMENT.replace(microsecond=123_456)),
        ("2026-01-02T03:04:05.0000000+00:00", MOMENT),
        ("2026-01-02T04:04:05+01:00", MOMENT),
        ("2026-01-02T03:04:05", MOMENT),
        ("9999-12-31T23:59:59.9999999Z", datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
        ("0002-01-01T00:00:00Z", datetime(2, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_of_graph_are_read_in_utc(text: str, time: datetime) -> None:
    """With up to seven digits of a second, and in any zone."""
    read = read_time(text)
    assert read == time
    assert read is not None
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "soon", 7, True, [], {}, "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "\ud800"),
        *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
        *("10000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
    ],
)
def test_missing_or_impossible_time_is_none(value: Any) -> None:
    """So is the year 1, which .NET writes for a time that never was."""
    assert read_time(value) is None


@given(st.integers(2, 9998), st.integers(0, 365 * 24 * 3600), st.integers(-1439, 1439))
def test_every_time_that_can_be_written_is_read(year: int, seconds: int, minutes: int) -> None:
    """Whatever the zone."""
    time = datetime(year, 1, 2, tzinfo=timezone(timedelta(minutes=minutes))) + timedelta(seconds=seconds)
    assert read_time(time.isoformat()) == time


@given(st.text() | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]*[+-][0-9:]*"))
def test_no_text_is_a_crash(text: str) -> None:
    """It is a time in UTC or None."""
    read = read_time(text)
    assert read is None or read.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("Fri, 02 Jan 2026 03:04:05 GMT", MOMENT),
        *((text, None) for text in (None, "", "soon", "Fri, 99 Jan 2026 03:04:05 GMT", "2 Jan 99999 00:00:00 GMT")),
        ("Fri, 02 Jan 2026 03:04:05 +99999999", None),
    ],
)
def test_date_header_is_read(text: str | None, time: datetime | None) -> None:
    """One that makes no sense counts as missing."""
    assert read_http_date(text) == time


def test_times_of_graph_are_read_in_one_place() -> None:
    """Files that read stored times of our own are listed; no other calls ``fromisoformat``."""
    graph = Path(times.__file__).parents[1]
    readers = {
        path.relative_to(graph).as_posix()
        for path in graph.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("fromisoformat", "strptime", "parsedate_to_datetime")
    }
    assert readers == {"protocol/times.py", *STORED}


STORED = {"tracking/manifests.py", "tracking/sync.py"}
"""Manifests hold ISO texts that this package wrote."""
