"""The report of a comparison: JSON that can be attached to an issue, and replayed against the local OneDrive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_onedrive import __version__
from airflow_provider_onedrive.graph.config.settings import CLOUDS, Settings
from airflow_provider_onedrive.verification.comparison import Comparison
from airflow_provider_onedrive.verification.finding import Finding

FORMAT = 1
LOCAL = "local OneDrive"


def report_of(comparison: Comparison, findings: Sequence[Finding], *, is_complete: bool) -> dict[str, Any]:
    """Return a report. It names neither the tenant nor the user, the drive or the folder.

    :param is_complete: whether all cases were played.
    """
    return {
        "format": FORMAT,
        "service": _service(comparison.settings),
        "drive_type": comparison.target.drive_type,
        "identity": "application" if comparison.is_app else "user",
        "program": __version__,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "is_complete": is_complete,
        "items_left": len(comparison.left),
        "counts": dict(Counter(each.result for each in findings)),
        "cases": [each.to_dict() for each in findings],
    }


def _service(settings: Settings) -> str:
    """Return the host of Graph if it is Microsoft's; any other is not named."""
    is_microsofts = settings.graph_url in {cloud.graph_url for cloud in CLOUDS.values()}
    return urlsplit(settings.graph_url).netloc if is_microsofts else LOCAL
