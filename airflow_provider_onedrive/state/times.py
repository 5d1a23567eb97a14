"""Times as users write them, in parameters and templates."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_onedrive.compat import timezone
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow.sdk import Context

Moment = datetime | timedelta | str | None


def moment(value: Moment, context: Context, name: str) -> datetime | None:
    """Read a time; a timedelta is one before the end of the run's data interval.

    :raises ConfigurationError: naming the parameter.
    """
    if isinstance(value, timedelta):
        end = context.get("data_interval_end") or timezone.utcnow()
        return timezone.coerce_datetime(end) - value
    return parsed(value, name)


def parsed(value: str | datetime | None, name: str) -> datetime | None:
    """Read a time; without a time zone it is one of Airflow's default zone.

    :raises ConfigurationError: naming the parameter.
    """
    if value is None or isinstance(value, datetime):
        return timezone.coerce_datetime(value)
    try:
        found = timezone.parse(str(value))
    except ValueError:
        found = None
    if isinstance(found, datetime):  # else it is the text of a duration, or empty
        return found
    raise ConfigurationError(
        f"{name} is {value!r}, which is no time.", advice="Write it like 2026-01-31T12:00:00+00:00."
    )


def template_of(value: Moment) -> str | None:
    """Return text for :func:`parsed` that Airflow renders where there is no context yet, as in the triggerer."""
    if isinstance(value, timedelta):
        end = "(data_interval_end if data_interval_end is defined and data_interval_end else dag_run.run_after)"
        return f"{{{{ ({end} - macros.timedelta(seconds={value.total_seconds()})).isoformat() }}}}"
    return value.isoformat() if isinstance(value, datetime) else value
