"""The base of all triggers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_onedrive.compat import BaseTrigger, TriggerEvent
from airflow_provider_onedrive.graph.content.filters import is_list
from airflow_provider_onedrive.graph.protocol.digests import digest
from airflow_provider_onedrive.graph.protocol.errors import GraphError, OneDriveError, Unauthenticated
from airflow_provider_onedrive.graph.protocol.hidden_names import hidden_names
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.protocol.redaction import without_links, without_urls
from airflow_provider_onedrive.graph.protocol.retry import LONGEST_PAUSE_SECONDS
from airflow_provider_onedrive.graph.tracking import conditions
from airflow_provider_onedrive.graph.tracking.conditions import FailedPolls, is_transient
from airflow_provider_onedrive.hooks.onedrive import deployment_policy
from airflow_provider_onedrive.triggers.clients import shared_client

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_onedrive.graph.client import AsyncClient

log = logger(__name__)

STORED_VERSION = 1
CONNECTION_SECONDS = 300.0
"""After this time a connection is read again: its secret may have been rotated."""

_MODULE = "airflow_provider_onedrive.triggers.onedrive"  # where users import all triggers from
_FRESH_PART = 0.05  # of poke_interval
_FRESH_SECONDS = 1.0  # and at most this
_LAST_POLL_SECONDS = 10.0  # the least time for a poll, however near the deadline is
_MAX_BACKOFF_SECONDS = 600.0


class OneDriveTrigger(BaseTrigger):
    """Base of the triggers: each waits in :meth:`wait`, and sends one event when the wait has ended.

    Their keyword arguments are stored formats: parameters only gain defaults and are never renamed.

    :param version: of the stored format.
    :param unknown: parameters that another version of this provider stored; a warning names them.
    """

    names: ClassVar[tuple[str, ...]] = ()
    """The parameters that are stored."""
    poke_interval: float

    def __init__(self, *, version: int = STORED_VERSION, **unknown: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's own
        self.version = version
        # Not refused: while Airflow is upgraded, a triggerer of an older release reads what a newer worker has stored.
        self.unknown = sorted(unknown)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the parameters from which another triggerer makes this trigger again."""
        kwargs = {name: getattr(self, name) for name in self.names}
        return f"{_MODULE}.{type(self).__qualname__}", kwargs | {"version": STORED_VERSION}

    def __repr__(self) -> str:
        # It shows the arguments, and a location may be a sharing link.
        with suppress(OneDriveError):
            deployment_policy()  # the triggerer may ask for this before anything else
        return f"<{type(self).__name__}>" if hidden_names.is_on else without_links(super().__repr__())

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and send one event when the wait has ended."""
        self.warn_of_unknown()
        try:
            deployment_policy()  # which hides names before there is a client
            payload = await self.wait()
        except OneDriveError as error:
            payload = self.failed(error)
        except Exception as error:  # nobody but the triggerer's log would see it
            log.exception("The wait ended unexpectedly")
            payload = {"status": "crashed", "message": without_urls(f"{type(error).__name__}: {error}")}
        yield self.event(payload)

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        """Render the templates, then release the DAG, which the triggerer would hold as long as this waits."""
        super().render_template_fields(context, jinja_env)
        self.resolve(context)
        names: Any = context
        for name in ("dag", "task"):
            names.pop(name, None)
        task_instance: Any = self.task_instance
        task_instance.task = None

    def resolve(self, context: Context) -> None:
        """Read the parameters that depend on the run, while its context is there."""

    def warn_of_unknown(self) -> None:
        """Log the parameters that another version of this provider stored."""
        if self.unknown:
            self.log.warning("Ignoring parameters of another version of this provider: %s", ", ".join(self.unknown))

    async def wait(self) -> dict[str, Any]:
        """Wait to the end, and return the payload of the event."""
        raise NotImplementedError

    def event(self, payload: dict[str, Any]) -> TriggerEvent:
        """Return the event of a payload."""
        return TriggerEvent(payload)  # type: ignore[no-untyped-call]  # Airflow's own

    def failed(self, error: OneDriveError) -> dict[str, Any]:
        """Return the payload of an error that waiting cannot cure."""
        return {"status": "error", "error": error.to_dict()}

    def _pause_after(
        self, error: OneDriveError, last_pause_seconds: float, failed_polls: FailedPolls | None = None
    ) -> float:
        """Return how long to send nothing to Graph; raise an error that waiting cannot cure."""
        is_doubtful = failed_polls is not None and failed_polls.is_doubtful(error)
        if not (is_doubtful or is_transient(error)):
            raise error
        self.log.warning("Still waiting after an error: %s", error)
        return max(self.backoff_seconds(error, last_pause_seconds), conditions.DOUBT_SECONDS if is_doubtful else 0.0)

    def backoff_seconds(self, error: Exception, last_pause_seconds: float) -> float:
        """Return how long to send nothing to Graph: its ``Retry-After``, else twice the last pause."""
        asked = error.retry_after_seconds if isinstance(error, GraphError) else None
        backoff = min(2 * last_pause_seconds, _MAX_BACKOFF_SECONDS)
        return max(min(asked or backoff, LONGEST_PAUSE_SECONDS), self.poke_interval)


class PollingTrigger(OneDriveTrigger):
    """Base of the triggers that call :meth:`poll` until it returns a payload or the deadline has passed.

    :param poke_interval: seconds, or a timedelta, between two polls.
    :param deadline: when the wait ends, in seconds since the epoch; None waits without an end.
    """

    names: ClassVar[tuple[str, ...]] = ("poke_interval", "deadline")
    onedrive_conn_id: str

    def __init__(
        self, *, poke_interval: float | timedelta = 60.0, deadline: float | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        # Nothing is checked here: most exceptions in a trigger's constructor end the whole triggerer.
        self.poke_interval = plain(poke_interval)
        self.deadline = deadline

    async def poll(self, client: AsyncClient) -> dict[str, Any] | None:
        """Ask Graph once, and return the payload of the event; None if the wait goes on."""
        raise NotImplementedError

    @property
    def poll_key(self) -> str:
        """A text that is the same for all triggers that ask Graph the same."""
        raise NotImplementedError

    async def wait(self) -> dict[str, Any]:
        """Poll to the end, and return the payload of the event."""
        pause_seconds, failed_polls = 0.0, FailedPolls()
        while True:
            async with shared_client(self.onedrive_conn_id) as client:
                end, was_signed_in = time.monotonic() + CONNECTION_SECONDS, False
                while time.monotonic() < end:
                    try:
                        if payload := await self._poll_in_time(client):
                            return payload
                        pause_seconds, was_signed_in = self.until_next_poll_seconds, True
                        failed_polls.succeeded()
                    except Unauthenticated as error:
                        if was_signed_in:
                            break  # the connection may have a new secret
                        pause_seconds = self._pause_after(error, pause_seconds)
                    except OneDriveError as error:
                        pause_seconds = self._pause_after(error, pause_seconds, failed_polls)
                    if self._remaining_seconds <= 0:
                        return {"status": "timeout"}
                    await asyncio.sleep(min(pause_seconds, self._remaining_seconds))

    async def _poll_in_time(self, client: AsyncClient) -> dict[str, Any] | None:
        """Poll once; the deadline also ends the client's own waits for a throttling Graph."""
        try:
            # The client may wait for minutes by itself while Graph throttles, which is longer than some deadlines.
            async with asyncio.timeout(max(self._remaining_seconds, _LAST_POLL_SECONDS)):
                return await self.poll(client)
        except TimeoutError:
            return None

    @property
    def fresh_seconds(self) -> float:
        """The age up to which an answer that another trigger received is used instead of a request."""
        return min(_FRESH_PART * self.poke_interval, _FRESH_SECONDS)

    @property
    def until_next_poll_seconds(self) -> float:
        """The time until the next poll.

        Triggers with the same ``poll_key`` poll at the same times, so that one request serves all of them. The keys are
        spread over the interval, so that a thousand folders are not listed at once.
        """
        # A digest, because the crc32 of similar names is similar, too.
        if self.poke_interval <= 0:
            return 0.0
        shift_seconds = int(digest(self.poll_key, 16), base=16) / 16**16 * self.poke_interval
        return self.poke_interval - (time.time() - shift_seconds) % self.poke_interval

    @property
    def _remaining_seconds(self) -> float:
        return float("inf") if self.deadline is None else self.deadline - time.time()


def plain(value: Any) -> Any:
    """Return a parameter as it is stored: a timedelta in seconds, any sequence or set as a list, else as it is."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    return list(value) if is_list(value) else value
