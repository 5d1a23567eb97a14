"""What came of a case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from airflow_provider_onedrive.verification.case import Case, Observation
from airflow_provider_onedrive.verification.facts import differences

Result = Literal["as expected", "differs", "not allowed", "skipped"]

_UNAUTHORIZED, _FORBIDDEN = 401, 403
# The connection itself may refuse a case: allowed_locations, or an application without a drive of its own.
_REFUSALS = frozenset({"AccessDenied", "Unauthenticated", "ConfigurationError"})


@dataclass(frozen=True)
class Finding:
    """The result of one case.

    :param observed: None if the case was not played.
    :param expected: what the local OneDrive does.
    :param reason: why it was not played.
    """

    case: Case
    result: Result
    observed: Observation | None = None
    expected: Observation | None = None
    reason: str = ""

    @property
    def differences(self) -> list[str]:
        """What was observed and not expected, a line each."""
        return differences(self.observed, self.expected) if self.result in ("differs", "not allowed") else []

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON."""
        facts: dict[str, Any] = {"case": self.case.name, "title": self.case.title, "result": self.result}
        if self.observed is None:
            return facts | {"reason": self.reason}
        facts |= {"observed": self.observed}
        return facts if self.result == "as expected" else facts | {"expected": self.expected}


def judge(case: Case, observed: Observation, expected: Observation) -> Finding:
    """Compare what was observed with what the local OneDrive does."""
    if not differences(observed, expected):
        return Finding(case, "as expected", observed, expected)
    is_refused = _is_refused(observed) and not _is_refused(expected)
    return Finding(case, "not allowed" if is_refused else "differs", observed, expected)


def _is_refused(value: Any) -> bool:
    """Whether the identity or the connection was not allowed to do something."""
    if not isinstance(value, Mapping):
        return False
    if value.get("status") in (_UNAUTHORIZED, _FORBIDDEN) or value.get("raised") in _REFUSALS:
        return True
    return any(map(_is_refused, value.values()))
