"""Reads the reports of ``airflow-onedrive verify`` that were recorded, and refuses what is none."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from airflow_provider_onedrive.verification.case import Case, DriveType
from airflow_provider_onedrive.verification.report import FORMAT
from airflow_provider_onedrive.verification.table import CASES

FOLDER = Path(__file__).parents[1] / "emulator" / "recorded"
# Texts that no report has: ids, tokens, addresses.
SECRETS = re.compile(
    r"b![\w-]{30,}|\b01[A-Z2-7]{32}\b|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-|[0-9A-Fa-f]{16}!|https?://|\beyJ|\w@(?!odata|microsoft|content)\w"
)


@dataclass(frozen=True)
class RecordedReport:
    """A report of one drive.

    :param observed: by case, what it did; without the cases that were skipped or not allowed.
    """

    service: str
    drive_type: DriveType
    is_app: bool
    observed: Mapping[str, Mapping[str, Any]]

    @property
    def cases(self) -> list[Case]:
        return [each for each in CASES if each.name in self.observed]


def read_report(text: str) -> RecordedReport:
    """Read the JSON of a report.

    :raises ValueError: if it is none, has a case that does not exist, or a text that may be a secret.
    """
    if secret := SECRETS.search(text):
        raise ValueError(f"The report has an id, an address or a token: {secret.group()[:8]}...")
    data = json.loads(text)
    if data.get("format") != FORMAT or data.get("drive_type") not in get_args(DriveType):
        raise ValueError(f"It is no report of format {FORMAT} and of a drive of work, school or a person.")
    played = {each["case"]: each["observed"] for each in data["cases"] if each["result"] in ("as expected", "differs")}
    if unknown := played.keys() - {each.name for each in CASES}:
        raise ValueError(f"There are no such cases: {', '.join(sorted(unknown))}.")
    return RecordedReport(data["service"], data["drive_type"], data["identity"] == "application", played)
