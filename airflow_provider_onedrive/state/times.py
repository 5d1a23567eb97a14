"""Times and durations as users write them: ISO 8601 texts, and the objects of ``datetime`` and pendulum."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Any, overload

import pendulum

from airflow_provider_onedrive.compat import default_zone
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError

TimeLike = datetime | date | timedelta | str
DurationLike = timedelta | float | str

# pendulum reads much more: week dates, ordinal dates, years, intervals, and times of today.
_TIME = re.compile(
    r"""\d{4}-\d\d-\d\d ([T\ ]\d\d:\d\d(:\d\d([.,]\d+)?)? (Z|[+-]\d\d(:?\d\d)?)?)?
    |   \d{8} (T\d{4}(\d\d)? (Z|[+-]\d\d(\d\d)?)?)?""",
    re.ASCII | re.VERBOSE,
)
# pendulum's own reader of durations counts in 32 bits: it takes PT4294967297S for one second.
_DURATION = re.compile(
    r"""P(?=.) ((?P<weeks>\d+)W | ((?P<years>\d+)Y)?((?P<months>\d+)M)?((?P<days>\d+)D)?
        (T(?=\d)(?!.*[.,]\d+[HM]\d)
            ((?P<hours>\d+([.,]\d+)?)H)? ((?P<minutes>\d+([.,]\d+)?)M)? ((?P<seconds>\d+([.,]\d+)?)S)?)?)""",
    re.ASCII | re.VERBOSE,
)
_CALENDAR = ("years", "months", "weeks", "days")
_UNITS = {
    "seconds": "PT{}S",
    "minutes": "PT{}M",
    "hours": "PT{}H",
    "days": "P{}D",
    "weeks": "P{}W",
    "months": "P{}M",
    "years": "P{}Y",
}
_DAY_FIRST = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", re.ASCII)
_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})", re.ASCII)


def read_time(
    value: TimeLike | None, name: str, context: Mapping[str, Any] | None = None, *, words: tuple[str, ...] = ()
) -> datetime | None:
    """Return a time as an aware datetime in UTC.

    A duration counts back from the end of the run's data interval, else from its ``run_after``, else from now. Its
    years, months, weeks and days are those of the DAG's time zone, so ``P1D`` may have 23 hours; a ``timedelta`` is
    always exact. A time without a zone is in Airflow's default zone: an hour that a clock change skips is read as the
    hour after it, and of an hour that comes twice the second is taken.

    :param value: a datetime, a date (its first instant), a timedelta, or an ISO 8601 text; None is returned as None.
    :param name: of the parameter, for the error.
    :param context: of the run; None where there is no run, as in a watcher.
    :param words: the other values of the parameter, for the error.
    :raises ConfigurationError: if it is none of these.
    """
    if value is None:
        return None
    try:
        return _resolved(value, context or {}).astimezone(UTC)
    except (ValueError, OverflowError):
        advice = "Write a time like 2026-01-31 or 2026-01-31T12:00:00+00:00, or a duration like P1D or PT2H"
        advice = ", or ".join((advice, *map(repr, words)))
        raise _refusal(value, f"{name} is {value!r}, which is not an ISO 8601 time.", _resolved, advice) from None


def read_duration(value: DurationLike | None, name: str) -> timedelta | None:
    """Return a duration as a timedelta.

    :param value: a timedelta, a number of seconds, or the text of an ISO 8601 duration without years and months,
        whose lengths differ; None is returned as None.
    :param name: of the parameter, for the error.
    :raises ConfigurationError: if it is none of these.
    """
    if value is None:
        return None
    try:
        return _length(value)
    except (ValueError, OverflowError):
        advice = "Write a duration like PT2M or P1D, a timedelta, or a number of seconds"
        raise _refusal(value, f"{name} is {value!r}, which is not an ISO 8601 duration.", _length, advice) from None


def is_duration(value: object) -> bool:
    """Return whether a time is written as a duration, so that it depends on the run."""
    return isinstance(value, timedelta) or (isinstance(value, str) and _DURATION.fullmatch(value) is not None)


@overload
def as_text(value: TimeLike) -> str: ...
@overload
def as_text(value: None) -> None: ...
def as_text(value: TimeLike | None) -> str | None:
    """Return a time as the text that a trigger stores. It checks nothing: the text is read when the trigger runs."""
    if isinstance(value, timedelta):
        return _duration_text(value)
    return value.isoformat() if isinstance(value, date) else value


def _resolved(value: Any, context: Mapping[str, Any] = MappingProxyType({})) -> datetime:
    if is_duration(value):
        return _before(_end_of(context), value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    # A naive datetime goes through its text, so that both mean the same in the hour of a clock change.
    text = as_text(value)
    if not (isinstance(text, str) and _TIME.fullmatch(text)):
        raise ValueError
    parsed = pendulum.parse(text, tz=default_zone())
    if not isinstance(parsed, datetime):
        raise TypeError(text)
    return parsed


def _end_of(context: Mapping[str, Any]) -> pendulum.DateTime:
    """Return the time that a run's durations count back from, in the time zone of its DAG."""
    # A run that an asset starts has no data interval, and before Airflow 3 there is no run_after.
    end = context.get("data_interval_end") or getattr(context.get("dag_run"), "run_after", None)
    zone = getattr(context.get("dag"), "timezone", None) or default_zone()
    return pendulum.instance(end or datetime.now(UTC)).in_timezone(zone)


def _before(end: pendulum.DateTime, value: timedelta | str) -> pendulum.DateTime:
    calendar, exact = _amounts(value)
    end = end.subtract(**calendar).in_timezone("UTC")
    # pendulum would make a float of the timedelta.
    return end.subtract(days=exact.days, seconds=exact.seconds, microseconds=exact.microseconds)


def _length(value: Any) -> timedelta:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = timedelta(seconds=value)
    if not is_duration(value):
        raise ValueError
    calendar, exact = _amounts(value)
    if calendar.pop("years", 0) or calendar.pop("months", 0):
        raise ValueError
    return timedelta(**calendar) + exact


def _amounts(value: timedelta | str) -> tuple[dict[str, int], timedelta]:
    """Return the amounts of a duration that the calendar counts, and its exact rest.

    :raises ValueError: if it is negative.
    """
    if isinstance(value, str):
        match = _DURATION.fullmatch(value)
        texts = {name: text.replace(",", ".") for name, text in match.groupdict().items() if text} if match else {}
        calendar = {name: int(texts.pop(name)) for name in _CALENDAR if name in texts}
        return calendar, timedelta(**{name: float(text) for name, text in texts.items()})
    if value < timedelta(0):
        raise ValueError
    if isinstance(value, pendulum.Interval):  # it knows its two ends, so its months are days already
        return {}, value.as_timedelta()
    if isinstance(value, pendulum.Duration):
        # as_timedelta() takes years and months for 365 and 30 days.
        rest = value.as_timedelta() - timedelta(days=365 * value.years + 30 * value.months)
        return {"years": value.years, "months": value.months}, rest
    return {}, value


def _duration_text(value: timedelta) -> str:
    try:
        calendar, exact = _amounts(value)
    except ValueError:
        return str(value)  # it is refused later, as it is
    years, months = (f"{calendar.get(name) or ''}" for name in ("years", "months"))
    hours, rest = divmod(exact, timedelta(hours=1))
    date_part = (f"{years}Y" if years else "") + (f"{months}M" if months else "")
    return f"P{date_part}T{hours}H{rest.total_seconds():.6f}S"


def _refusal(value: object, message: str, read: Callable[[str], object], advice: str) -> ConfigurationError:
    meant = next((text for text in _candidates(value) if _can(read, text)), "") if isinstance(value, str) else ""
    return ConfigurationError(message, advice=f"Did you mean {meant}?" if meant else f"{advice}.")


def _can(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except (ValueError, OverflowError):
        return False
    return True


def _candidates(text: str) -> Iterator[str]:
    """Yield what a text may mean, the likeliest first."""
    compact = "".join(text.split())
    number, unit = re.fullmatch(r"(\d*)(.*)", compact.lower(), re.DOTALL | re.ASCII).groups()  # type: ignore[union-attr]
    if unit:
        yield from (form.format(number) for word, form in _UNITS.items() if word.startswith(unit))
    yield from (text.strip(), compact.upper())
    yield re.sub(r"^P(?=\d+[HS])", "PT", compact.upper())
    yield re.sub(r"D(?=\d)", "DT", compact.upper())
    for pattern, order in ((_YEAR_FIRST, (0, 1, 2)), (_DAY_FIRST, (2, 1, 0))):
        if match := pattern.fullmatch(compact):
            year, month, day = (match.groups()[at] for at in order)
            yield f"{year}-{month:0>2}-{day:0>2}"
