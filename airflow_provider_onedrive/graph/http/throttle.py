"""How long a client waits: for its own request, or because Graph has refused another one of the same identity."""

from __future__ import annotations

from airflow_provider_onedrive.graph.http.cooldown import SharedBackoff
from airflow_provider_onedrive.graph.protocol.driver import Attempts, asked_pause_seconds, too_long
from airflow_provider_onedrive.graph.protocol.errors import GraphError
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.protocol.messages import Request, Response
from airflow_provider_onedrive.graph.protocol.retry import throttles_all

log = logger(__name__)


class Throttle:
    """Connects the attempts of single requests with the pause that all share.

    :param backoff: the pause of the identity.
    """

    def __init__(self, backoff: SharedBackoff) -> None:
        self._backoff = backoff

    def pause_seconds(self, request: Request, max_wait_seconds: float) -> float:
        """Return how long to wait before anything is sent, because somebody of this identity was refused.

        :raises Throttled: if that is longer than a slot is held for.
        """
        left = self._backoff.left_seconds()
        if left > max_wait_seconds:
            raise too_long(request, left)
        seconds = self._backoff.spread(left)
        if seconds >= 1:
            log.info("Graph asked for a pause; nothing is sent for %.1f s.", seconds)
        return seconds

    def wait_seconds(self, request: Request, attempts: Attempts, outcome: GraphError) -> float:
        """Return how long this request waits by itself; where everybody is refused, all wait, it included.

        :raises Exception: what comes of the request, where there is to be no other attempt.
        """
        if not throttles_all(request, outcome):
            return attempts.wait_seconds(outcome)
        self._backoff.pause(outcome.retry_after_seconds or 0.0)
        seconds = attempts.wait_seconds(outcome)
        # Graph may throttle without the header: then all wait for as long as this request would.
        if outcome.retry_after_seconds is None:
            self._backoff.pause(seconds)
        return 0.0

    def noted(self, request: Request, response: Response) -> Response:
        """Begin the pause that an answer asks for although it is a success."""
        self._backoff.pause(asked_pause_seconds(request, response))
        return response
