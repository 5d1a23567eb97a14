"""Times and durations as users write them."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import pendulum
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.state.times import as_text, read_duration, read_time

END = datetime(2026, 3, 31, tzinfo=UTC)
RUN = {"data_interval_end": END}
BERLIN = "Europe/Berlin"


@pytest.fixture
def use_zone(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set Airflow's default zone, which Airflow reads from its configuration when it is imported."""

    def use(name: str) -> None:
        if version("apache-airflow").startswith("3."):
            module: Any = importlib.import_module("airflow.sdk._shared.timezones.timezone")
            monkeypatch.setattr(module._Timezone, "initialized_timezone", pendulum.timezone(name))
        else:
            monkeypatch.setattr("airflow.settings.TIMEZONE", pendulum.timezone(name))

    return use


def refusal(read: Callable[[], object]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read()
    return str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("2026-01-02", "2026-01-02T00:00"),
        ("20260102", "2026-01-02T00:00"),
        ("2026-01-02T03:04", "2026-01-02T03:04"),
        ("2026-01-02 03:04:05+00:00", "2026-01-02T03:04:05"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05"),
        ("2026-01-02T03:04:05.25Z", "2026-01-02T03:04:05.250"),
        ("2026-01-02T03:04:05,25-0130", "2026-01-02T04:34:05.250"),
        ("20260102T030405", "2026-01-02T03:04:05"),
        ("20260102T030405+0200", "2026-01-02T01:04:05"),
        (datetime(2026, 1, 2), "2026-01-02T00:00"),  # noqa: DTZ001 - in Airflow's default zone
        (datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=1))), "2026-01-02T02:00"),
        (pendulum.datetime(2026, 1, 2, tz=BERLIN), "2026-01-01T23:00"),
        (date(2026, 1, 2), "2026-01-02T00:00"),
        (timedelta(days=1), "2026-03-30T00:00"),
        (timedelta(0), "2026-03-31T00:00"),
        (pendulum.duration(months=1, hours=1), "2026-02-27T23:00"),
        (pendulum.datetime(2026, 3, 31) - pendulum.datetime(2026, 2, 28), "2026-02-28T00:00"),
        ("P1M", "2026-02-28T00:00"),
        ("P1Y1M1DT1H1M1.5S", "2025-02-26T22:58:58.500"),
        ("P1W", "2026-03-24T00:00"),
        ("P1D", "2026-03-30T00:00"),
        ("PT36H", "2026-03-29T12:00"),
        ("PT1,5H", "2026-03-30T22:30"),
        ("PT0S", "2026-03-31T00:00"),
    ],
)
def test_read_time_accepts_iso(value: Any, expected: str | None) -> None:
    """A zone in the text counts, else it is Airflow's default zone; a duration counts back from the interval's end."""
    time = None if expected is None else datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert read_time(value, "newer_than", RUN) == time


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("1h", "Did you mean PT1H?"),
        ("30 min", "Did you mean PT30M?"),
        ("90m", "Did you mean PT90M?"),
        ("10 seconds", "Did you mean PT10S?"),
        ("7d", "Did you mean P7D?"),
        ("1 month", "Did you mean P1M?"),
        ("2 weeks", "Did you mean P2W?"),
        ("p1d", "Did you mean P1D?"),
        ("P1H", "Did you mean PT1H?"),
        ("P1D2H", "Did you mean P1DT2H?"),
        (" 2026-01-31\n", "Did you mean 2026-01-31?"),
        ("2026-1-31", "Did you mean 2026-01-31?"),
        ("2026/01/31", "Did you mean 2026-01-31?"),
        ("31.1.2026", "Did you mean 2026-01-31?"),
        ("2026-01-31t12:00z", "Did you mean 2026-01-31T12:00Z?"),
        *(
            (value, "Write a time like 2026-01-31 or 2026-01-31T12:00:00+00:00, or a duration like P1D or PT2H.")
            for value in (
                *("", "None", "yesterday", "now", "7", "2026", "2026-01", "1769817600", "12:00", "T12:00", "24:00"),
                *("2026-W05", "2026-W05-1", "2026-031", "2026031", "2026-01-01/2026-02-01", "2026-01-01/P1M", "/P1D"),
                *("2026-02-30", "2026-13-01", "2026-01-31T24:00", "2026-01-31T12:00:60", "2026-01-31T12", "01/02/2026"),
                *("20260131T12:00", "2026-01-31T1200", "2026-01-31T12:00+25:00", "0000-01-01", "2026-01-31Z"),
                *("P", "PT", "P1DT", "-P1D", "P-1D", "+P1D", "P1.5D", "P1Y2W", "PT1.5H30M", "R5/P1D"),
                *("P99999999999Y", "P9999Y", "\u0662\u0660\u0662\u0666-01-01", 7, 1.5, True, [], {}, b"P1D"),
                *(timedelta(seconds=-1), pendulum.duration(months=-1)),
            )
        ),
    ],
)
def test_read_time_refuses_everything_else(value: Any, hint: str) -> None:
    """The error names the parameter and shows the right form."""
    text = refusal(lambda: read_time(value, "older_than", RUN))
    assert text == f"older_than is {value!r}, which is not an ISO 8601 time. {hint}"


def test_the_words_of_a_parameter_are_in_its_error() -> None:
    assert "PT2H, or 'ignore'." in refusal(lambda: read_time("later", "on_start", words=("ignore",)))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        (90, 90.0),
        (0.5, 0.5),
        (timedelta(minutes=2), 120.0),
        (pendulum.duration(hours=25), 90_000.0),
        (pendulum.datetime(2026, 3, 1) - pendulum.datetime(2026, 2, 1), 28 * 86_400.0),
        ("PT2M", 120.0),
        ("P1DT2H", 93_600.0),
        ("P1W", 604_800.0),
    ],
)
def test_read_duration_accepts_iso_and_seconds(value: Any, seconds: float | None) -> None:
    assert read_duration(value, "full_every") == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("2 m", "Did you mean PT2M?"),
        ("P1H", "Did you mean PT1H?"),
        *(
            (value, "Write a duration like PT2M or P1D, a timedelta, or a number of seconds.")
            for value in (
                *("", "120", "P1M", "P1Y", "2026-01-31", "1 month", "-PT1S", -1, float("nan"), float("inf"), True, []),
                *(timedelta(seconds=-1), pendulum.duration(months=1), pendulum.duration(years=1), 1e30),
            )
        ),
    ],
)
def test_read_duration_refuses_everything_else(value: Any, hint: str) -> None:
    """Months and years differ in length, so they are refused here."""
    text = refusal(lambda: read_duration(value, "stable_for"))
    assert text == f"stable_for is {value!r}, which is not an ISO 8601 duration. {hint}"


# --- all texts

AWARE = st.datetimes(
    min_value=datetime(1902, 1, 1),  # noqa: DTZ001 - the zone comes from the other strategy
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-9))]),
)


@given(AWARE, st.sampled_from("T "))
def test_every_text_of_isoformat_is_read(moment: datetime, separator: str) -> None:
    if not datetime.min.replace(tzinfo=UTC) + timedelta(1) < moment < datetime.max.replace(tzinfo=UTC) - timedelta(1):
        return
    assert read_time(moment.isoformat(separator), "newer_than") == moment
    assert read_time(moment, "newer_than") == moment


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=365 * 1000)))
def test_the_text_of_a_duration_means_the_same(duration: timedelta) -> None:
    """What a trigger stores is read as the sensor's own value."""
    assert read_time(as_text(duration), "newer_than", RUN) == END - duration == read_time(duration, "newer_than", RUN)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 10**6))
def test_the_text_of_a_calendar_duration_means_the_same(years: int, months: int, seconds: int) -> None:
    duration = pendulum.duration(years=years, months=months, seconds=seconds)
    assert read_time(as_text(duration), "x", RUN) == read_time(duration, "x", RUN) == pendulum.instance(END) - duration


@given(*(st.integers(0, 10**10) for _ in range(5)))
def test_large_numbers_are_read_exactly(weeks: int, days: int, hours: int, minutes: int, seconds: int) -> None:
    """pendulum's own reader counts in 32 bits, and takes 4294967297 seconds for one."""
    numbers = {"days": days, "hours": hours, "minutes": minutes, "seconds": seconds}
    for text, amounts in (
        (f"P{weeks}W", {"weeks": weeks}),
        (f"P{days}DT{hours}H{minutes}M{seconds}S", numbers),
        (f"PT{seconds + 4294967296}S", {"seconds": seconds + 4294967296}),
        (f"PT{seconds}.{days % 10**6:06}S", {"seconds": seconds, "microseconds": days % 10**6}),
    ):
        try:
            expected = timedelta(**amounts)
        except OverflowError:
            assert refusal(partial(read_duration, text, "x"))
        else:
            assert abs(read_duration(text, "x") - expected) <= timedelta(microseconds=1)


@given(st.text() | st.text("0123456789-:TPWYMDHSZ+.,/ ") | st.from_regex(r"\AP?\d{1,9}[-A-Z]?[\d:.TZ+-]*\Z"))
def test_any_other_text_is_refused_in_words(text: str) -> None:
    """Nothing but the package's own error is raised, whatever a template renders; what is read begins like ISO."""
    for read in (read_time, read_duration):
        try:
            read(text, "newer_than")
        except ConfigurationError as error:
            refused = str(error)
            assert refused.startswith(f"newer_than is {text!r}, which is not")
            meant = refused.partition(" Did you mean ")[2].removesuffix("?")
            assert not meant or read(meant, "newer_than") is not None
        else:
            assert text[0] == "P" or text[:4].isdigit()


# --- zones and the calendar


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-07-01", "2026-06-30T22:00"),
        ("2026-01-01T12:00", "2026-01-01T11:00"),
        ("2026-01-01T12:00Z", "2026-01-01T12:00"),
        ("2026-03-29T02:30", "2026-03-29T01:30"),  # is skipped: 03:30 summer time
        ("2026-10-25T02:30", "2026-10-25T01:30"),  # comes twice: the second, winter time
        (datetime(2026, 3, 29, 2, 30), "2026-03-29T01:30"),  # noqa: DTZ001 - in Airflow's default zone
        (datetime(2026, 10, 25, 2, 30), "2026-10-25T01:30"),  # noqa: DTZ001 - as above
        (date(2026, 7, 1), "2026-06-30T22:00"),
    ],
)
def test_a_time_without_a_zone_is_in_airflows(use_zone: Callable[[str], None], text: Any, utc: str) -> None:
    use_zone(BERLIN)
    assert read_time(text, "newer_than") == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("end", "value", "expected"),
    [
        ("2026-03-31T00:00", "P1M", "2026-02-28T00:00"),
        ("2026-03-01T00:00", "P1M", "2026-02-01T00:00"),
        ("2024-02-29T00:00", "P1Y", "2023-02-28T00:00"),
        ("2026-03-31T00:00", "P1M1D", "2026-02-27T00:00"),
        ("2026-03-30T00:00", "P1D", "2026-03-29T00:00"),  # a day of 23 hours
        ("2026-03-30T00:00", "PT24H", "2026-03-28T23:00"),
        ("2026-03-30T00:00", timedelta(days=1), "2026-03-28T23:00"),
        ("2026-10-26T00:00", "P1D", "2026-10-25T00:00"),  # a day of 25 hours
        ("2026-10-26T00:00", "P1W", "2026-10-19T00:00"),
        ("2026-03-30T02:30", "P1D", "2026-03-29T03:30"),  # there was no 02:30
    ],
)
@pytest.mark.parametrize("of_the_dag", [True, False])
def test_a_duration_follows_the_calendar(
    use_zone: Callable[[str], None], end: str, value: Any, expected: str, *, of_the_dag: bool
) -> None:
    """Of the DAG's zone, or where none is there of Airflow's; whatever zone Airflow's context has its times in."""
    use_zone("UTC" if of_the_dag else BERLIN)
    context: dict[str, Any] = {"data_interval_end": pendulum.parse(end, tz=BERLIN).in_timezone("UTC")}
    if of_the_dag:
        context["dag"] = SimpleNamespace(timezone=pendulum.timezone(BERLIN))
    assert read_time(value, "newer_than", context) == pendulum.parse(expected, tz=BERLIN)


def test_where_a_duration_counts_from() -> None:
    """From the data interval's end, else from run_after, else from now."""
    run_after = END + timedelta(days=9)
    dag_run = SimpleNamespace(run_after=run_after)
    hour = timedelta(hours=1)
    assert read_time("PT1H", "x", {"dag_run": dag_run, "data_interval_end": END}) == END - hour
    assert read_time("PT1H", "x", {"dag_run": dag_run, "data_interval_end": None}) == run_after - hour
    before = datetime.now(UTC)
    for context in ({"dag_run": SimpleNamespace()}, {}, None):
        assert before <= read_time("PT0S", "x", context) <= datetime.now(UTC)
