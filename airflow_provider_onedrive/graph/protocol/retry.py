"""When to send a request again, as a pure function.

https://learn.microsoft.com/en-us/graph/throttling and
https://learn.microsoft.com/en-us/sharepoint/dev/general-development/how-to-avoid-getting-throttled-or-blocked-in-sharepoint-online
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import random

from airflow_provider_onedrive.graph.protocol.errors import (
    GraphError,
    IdentityUnavailable,
    Locked,
    ServiceUnavailable,
    Throttled,
    Unauthenticated,
)
from airflow_provider_onedrive.graph.protocol.messages import Repeat

_BUSY = 503


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long.

    :param max_attempts: in all, the first included.
    :param max_wait_seconds: a ``Retry-After`` beyond it is refused, not shortened: the error goes to the caller.
    :param locked_waits_seconds: one for each time a locked file is tried again.
    :param jitter: a number from 0 to 1.
    """

    max_attempts: int = 7
    first_wait_seconds: float = 0.5
    max_backoff_seconds: float = 60.0
    max_wait_seconds: float = 300.0
    locked_waits_seconds: tuple[float, ...] = (2.0, 5.0, 15.0)
    jitter: Callable[[], float] = random

    def delay(self, attempt: int, outcome: GraphError, repeat: Repeat) -> float | None:
        """Return the seconds to wait before sending again, or None for giving the error to the caller.

        :param attempt: how often it was sent, 1 or more.
        :param outcome: what came of the last attempt.
        """
        if attempt >= self.max_attempts:
            return None
        if isinstance(outcome, Locked):
            waits = self.locked_waits_seconds
            return waits[attempt - 1] if attempt <= len(waits) else None
        if not (was_refused(outcome) or (repeat is Repeat.ALWAYS and isinstance(outcome, ServiceUnavailable))):
            return None
        if outcome.retry_after_seconds is not None:
            return outcome.retry_after_seconds if outcome.retry_after_seconds <= self.max_wait_seconds else None
        return self.backoff(attempt)

    def backoff(self, failures: int) -> float:
        """Return the seconds to wait after so many failures in a row, where nobody said how long."""
        ceiling: float = min(self.first_wait_seconds * 2 ** (failures - 1), self.max_backoff_seconds)
        return ceiling * (0.5 + self.jitter() / 2)


def was_refused(outcome: GraphError) -> bool:
    """Return whether Graph surely did nothing, so that even a create may be sent again."""
    if isinstance(outcome, Unauthenticated):
        return isinstance(outcome, IdentityUnavailable)
    if isinstance(outcome, Throttled) or outcome.was_sent is False:
        return True
    return outcome.status == _BUSY and outcome.retry_after_seconds is not None


def throttles_all(outcome: GraphError) -> bool:
    """Return whether Graph or its storage refuses every request of this identity for a while.

    Entra limits token requests by other rules: an answer of its own concerns no request that Graph has got.
    """
    if outcome.was_sent is False:
        return False
    return isinstance(outcome, Throttled) or (outcome.status == _BUSY and outcome.retry_after_seconds is not None)


def leaves_outcome_unknown(outcome: GraphError) -> bool:
    """Return whether the request may have taken effect although it failed."""
    return isinstance(outcome, ServiceUnavailable) and not was_refused(outcome)
