"""Refusals by a rule of the tenant, a site or a file, which no permission lifts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from airflow_provider_onedrive.emulator.errors.problems import Problem, deletion_on_hold, malware_detected

_FORBIDDEN, _LOCKED = 403, 423


@dataclass(frozen=True)
class _Refusal:
    code: str
    message: str
    status: int = _FORBIDDEN

    def __call__(self) -> Problem:
        return Problem(self.status, self.code, self.message)


def _malware() -> Problem:
    return malware_detected("Malware")


# What was recorded from the service has a link; the other words are those that SharePoint shows to people.
RULES: Mapping[str, Callable[[], Problem]] = {
    "hold": deletion_on_hold,
    "malware": _malware,
    # https://github.com/OneDrive/onedrive-api-docs/issues/980
    "cross_site": _Refusal("notAllowed", "Cross-site operations cannot be performed on files larger than 50MiB"),
    "record": _Refusal("accessDenied", "The item cannot be changed or deleted because it is labeled as a record."),
    "dlp": _Refusal("accessDenied", "Access to this item is blocked by a DLP policy: it has sensitive information."),
    "network": _Refusal(
        "accessDenied", "Due to organizational policies, you can't access this resource from this network location."
    ),
    "device": _Refusal(
        "accessDenied", "Due to organizational policies, you can't access this resource from this untrusted device."
    ),
    "read_only": _Refusal(
        "notAllowed",
        "Additions to this Web site have been blocked. Please contact the administrator to resolve this problem.",
    ),
    "blocked": _Refusal(
        "notAllowed",
        "Access to this Web site has been blocked. Please contact the administrator to resolve this problem.",
        _LOCKED,
    ),
    "download": _Refusal("accessDenied", "Your organization doesn't allow you to download, print, or sync this file."),
    "event": _Refusal("accessDenied", "Request was cancelled by event received."),
}
"""By a word for each: makes the refusal."""
