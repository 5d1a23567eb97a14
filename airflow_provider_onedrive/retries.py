"""A retry policy that obeys Graph's pauses, for Airflow 3.3 and later. Before that only the exceptions decide.

https://airflow.apache.org/docs/task-sdk/stable/index.html
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.graph.protocol.errors import GraphError, OneDriveError

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy
else:
    from airflow_provider_onedrive.compat import RetryDecision, RetryPolicy

_REASON_CHARACTERS = 200


class OneDriveRetryPolicy(RetryPolicy):
    """Retry after the pause that Graph asks for, and never if a retry cannot help; else the task's settings decide.

    ``OneDriveSaveOperator(..., retries=3, retry_policy=OneDriveRetryPolicy())``

    :param max_delay: the longest pause to obey; after a longer one the task's own ``retry_delay`` counts.
    """

    def __init__(self, max_delay: timedelta = timedelta(hours=1)) -> None:
        self.max_delay = max_delay

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002 - Airflow's signature
        max_tries: int,  # noqa: ARG002 - as above
        context: Context | None = None,  # noqa: ARG002 - as above
    ) -> RetryDecision:
        """Return the decision for an error; see Airflow's ``RetryPolicy``."""
        error = _cause(exception)
        if error is None:
            return RetryDecision.default()
        reason = str(error)[:_REASON_CHARACTERS]
        if not error.is_retryable:
            return RetryDecision.fail(reason)
        # As seconds: a timedelta of an absurd pause would overflow.
        asked = error.retry_after_seconds if isinstance(error, GraphError) else None
        if asked and asked <= self.max_delay.total_seconds():
            return RetryDecision.retry(timedelta(seconds=asked), reason)
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {"max_delay_seconds": self.max_delay.total_seconds()}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> OneDriveRetryPolicy:
        return cls(timedelta(seconds=data["max_delay_seconds"]))


def _cause(exception: BaseException | None) -> OneDriveError | None:
    """Return the first error of this package in the chain of causes."""
    # Operators raise AirflowFailException from our error, and users' code may wrap it again.
    while exception is not None and not isinstance(exception, OneDriveError):
        exception = exception.__cause__
    return exception
