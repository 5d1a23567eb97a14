"""Moments in the only precision that SharePoint keeps: whole seconds, UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow_provider_onedrive.emulator.errors.problems import invalid_request


def now() -> datetime:
    # SharePoint keeps whole seconds, so a client's finer timestamp is rounded.
    # https://github.com/rclone/rclone/issues/8101
    return datetime.now(UTC).replace(microsecond=0)


def after(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def precise_text(moment: datetime) -> str:
    """Write a moment with milliseconds."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def parse(value: object) -> datetime:
    """Read a timestamp out of a request body."""
    try:
        moment = datetime.fromisoformat(str(value))
        # Graph's timestamps are UTC; one without a zone is read as UTC, too.
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return zoned.astimezone(UTC).replace(microsecond=0)
    except (ValueError, OverflowError):
        raise invalid_request(f"The value '{str(value)[:50]}' is not a valid DateTimeOffset.") from None
