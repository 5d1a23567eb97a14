"""How much a drive may hold.

https://learn.microsoft.com/graph/api/resources/quota
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from airflow_provider_onedrive.emulator.errors.problems import Problem

DEFAULT_BYTES = 1024**4
# Shares of the quota that remain; Microsoft documents the states without numbers.
_NEARING, _CRITICAL = 0.10, 0.01
Shown = Literal["whole", "without_remaining", "zero_remaining", "absent"]


@dataclass(frozen=True)
class Quota:
    """:param shown: how much of the quota a drive reports. The limit does not depend on it."""

    total: int = DEFAULT_BYTES
    shown: Shown = "whole"

    def check(self, used: int, more: int) -> None:
        """Raise 507 if ``more`` bytes exceed the quota. With 0 bytes it is raised if the quota is exceeded already."""
        if more >= 0 and used + more > self.total:
            raise Problem(507, "quotaLimitReached", "Insufficient Space Available")

    def state(self, used: int) -> str:
        if used > self.total:
            return "exceeded"
        remaining = self.total - used
        if remaining < self.total * _CRITICAL:
            return "critical"
        return "nearing" if remaining < self.total * _NEARING else "normal"

    def facet(self, used: int, deleted: int) -> dict[str, object]:
        """Return the facet by its name, or nothing if the drive does not report it."""
        # Seen by clients of restricted tenants and shared drives: the quota is partial, zero or absent.
        remaining = 0 if self.shown == "zero_remaining" else max(0, self.total - used)
        remaining_facet = {} if self.shown == "without_remaining" else {"remaining": remaining}
        whole = {"deleted": deleted, "state": self.state(used), "total": self.total, "used": used, **remaining_facet}
        return {} if self.shown == "absent" else {"quota": whole}
