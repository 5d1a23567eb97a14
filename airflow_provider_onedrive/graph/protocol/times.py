"""Times as Graph writes them, read in one place.

``datetime.fromisoformat`` reads a time in a tenth of a microsecond or so; a listing of a hundred thousand items has
three hundred thousand of them. Users' times are read elsewhere, by a library that knows more forms.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def read_time(value: object) -> datetime | None:
    """Return a time of Graph's JSON in UTC.

    :param value: ISO-8601 with up to seven digits of a second and any zone; without a zone it is UTC.
    :return: None for a value that is missing or not a time, and for the year 1, .NET's word for "never".
    """
    try:
        time = datetime.fromisoformat(value)  # type: ignore[arg-type]  # a TypeError is cheaper than a look before
        if time.tzinfo is not UTC:
            time = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):  # an offset may lead out of the years 1 to 9999
        return None
    return time if time.year > 1 else None


def read_http_date(text: str | None) -> datetime | None:
    """Return the time of a ``Date`` header, or None where there is none."""
    try:
        return parsedate_to_datetime(text or "")
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
