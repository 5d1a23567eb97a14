"""How much a drive may hold.

https://learn.microsoft.com/graph/api/resources/quota
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_onedrive.emulator.serving.problems import Problem

DEFAULT_BYTES = 1024**4
_NEARING, _CRITICAL = 0.10, 0.01


@dataclass(frozen=True)
class Quota:
    total: int = DEFAULT_BYTES

    def check(self, used: int, more: int) -> None:
        """Raise when so many bytes are too many, also none when there are too many already."""
        if more >= 0 and used + more > self.total:
            raise Problem(507, "quotaLimitReached", "The user has reached their quota limit.")

    def state(self, used: int) -> str:
        if used > self.total:
            return "exceeded"
        remaining = self.total - used
        if remaining < self.total * _CRITICAL:
            return "critical"
        return "nearing" if remaining < self.total * _NEARING else "normal"

    def to_json(self, used: int, deleted: int) -> dict[str, object]:
        return {
            "deleted": deleted,
            "remaining": max(0, self.total - used),
            "state": self.state(used),
            "total": self.total,
            "used": used,
        }
