"""The retry policy: when a request is sent again, as a pure function.

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
from airflow_provider_onedrive.graph.protocol.messages import Repeat, Request

LONGEST_PAUSE_SECONDS = 3600.0
"""The longest that more than one request waits because of an answer. Graph's own pauses last seconds or minutes.

A request is sent after this time even if Graph asked for more: it is refused again, or an odd answer has done no more
harm than this.
"""
_BUSY = 503


@dataclass(frozen=True)
class RetryPolicy:
    """The number of attempts, and the waits between them.

    :param max_attempts: including the first.
    :param first_wait_seconds: before the second attempt; it doubles with each further one.
    :param max_wait_seconds: the error of a longer ``Retry-After`` goes to the caller; the pause is never shortened.
    :param locked_waits_seconds: one for each further attempt on a locked file.
    :param jitter: returns a number from 0 to 1.
    """

    max_attempts: int = 7
    first_wait_seconds: float = 0.5
    max_backoff_seconds: float = 60.0
    max_wait_seconds: float = 300.0
    # The pauses of another client of SharePoint libraries, whose notes were published in 2026.
    locked_waits_seconds: tuple[float, ...] = (2.0, 5.0, 15.0)
    jitter: Callable[[], float] = random

    def delay(self, attempt: int, outcome: GraphError, repeat: Repeat) -> float | None:
        """Return the seconds until the next attempt, or None if the error goes to the caller.

        :param attempt: the number of attempts so far, 1 or more.
        :param outcome: the error of the last attempt.
        """
        if attempt >= self.max_attempts:
            return None
        if isinstance(outcome, Locked):
            # Not exponential: somebody closes the file in Office soon, or will not during this task.
            waits = self.locked_waits_seconds
            return waits[attempt - 1] if attempt <= len(waits) else None
        if not (was_refused(outcome) or (repeat is Repeat.ALWAYS and isinstance(outcome, ServiceUnavailable))):
            return None
        if outcome.retry_after_seconds is not None:
            return outcome.retry_after_seconds if outcome.retry_after_seconds <= self.max_wait_seconds else None
        return self.backoff(attempt)

    def backoff(self, failures: int) -> float:
        """Return the seconds to wait after failures in a row, if the server did not ask for a pause."""
        ceiling: float = min(self.first_wait_seconds * 2 ** (failures - 1), self.max_backoff_seconds)
        # The upper half only: many tasks that failed together come back spread, and none comes back at once.
        return ceiling * (0.5 + self.jitter() / 2)


def was_refused(outcome: GraphError) -> bool:
    """Return whether Graph surely did nothing, so that even a create may be sent again."""
    if isinstance(outcome, Unauthenticated):
        return isinstance(outcome, IdentityUnavailable)
    if isinstance(outcome, Throttled) or outcome.was_sent is False:
        return True
    # Graph throttles with 503 as well. Without Retry-After it is a failure of a server that may have done the job.
    return outcome.status == _BUSY and outcome.retry_after_seconds is not None


def throttles_all(request: Request, outcome: GraphError) -> bool:
    """Return whether Graph refuses every request of this identity for a while.

    Entra limits token requests by other rules: an answer of its own concerns no request that Graph has got. A storage
    host speaks for itself, and a proxy or a gateway on the way for nobody: their refusals concern one request.
    """
    if outcome.was_sent is False or not is_graphs_own(request, outcome.request_id, outcome.code):
        return False
    return isinstance(outcome, Throttled) or (outcome.status == _BUSY and outcome.retry_after_seconds is not None)


def is_graphs_own(request: Request, request_id: str | None, code: str | None) -> bool:
    """Return whether Graph itself refused a request: its host was asked, and its header and its JSON came back.

    :param request_id: the header ``request-id``, which Graph puts on each answer.
    :param code: ``error.code`` of the JSON body.
    """
    # Pre-authorised URLs are those of storage hosts, of which there are many.
    return not request.preauthorized and bool(request_id) and bool(code)


def leaves_outcome_unknown(outcome: GraphError) -> bool:
    """Return whether the request may have taken effect although it failed."""
    return isinstance(outcome, ServiceUnavailable) and not was_refused(outcome)
