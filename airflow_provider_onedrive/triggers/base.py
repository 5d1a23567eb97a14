"""What all triggers share."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_onedrive.compat import BaseTrigger, TriggerEvent
from airflow_provider_onedrive.graph.protocol.errors import GraphError, OneDriveError, Unauthenticated, without_urls
from airflow_provider_onedrive.graph.tracking.conditions import is_transient
from airflow_provider_onedrive.triggers.clients import shared_client

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_onedrive.graph.client import AsyncClient

STORED_VERSION = 1
CONNECTION_SECONDS = 300.0
"""After which a connection is read anew: its secret may have been rotated."""

_MODULE = "airflow_provider_onedrive.triggers.onedrive"  # where all of them can be imported from, whatever they are in
_FRESH_PART = 0.05  # of poke_interval
_FRESH_SECONDS = 1.0  # and at most this
_LAST_LOOK_SECONDS = 10.0  # what a look may take at least, however near the deadline is
_MAX_BACKOFF_SECONDS = 600.0


class OneDriveTrigger(BaseTrigger):
    """Base of the triggers: each waits in :meth:`wait`, and says once how it ended.

    Their keyword arguments are stored formats: parameters only gain defaults and are never renamed.
    """

    names: ClassVar[tuple[str, ...]] = ()
    """Of the parameters that are stored."""
    poke_interval: float

    def __init__(self, version: int, unknown: Mapping[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's own
        self.version = version
        self.unknown = sorted(unknown)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what another triggerer needs to go on."""
        kwargs = {name: getattr(self, name) for name in self.names}
        return f"{_MODULE}.{type(self).__qualname__}", kwargs | {"version": STORED_VERSION}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and say once how it ended."""
        self.warn_of_unknown()
        try:
            said = await self.wait()
        except OneDriveError as error:
            said = self.failed(error)
        except Exception as error:  # whatever is raised here would otherwise reach nobody but the triggerer's log
            self.log.exception("The wait ended unexpectedly")
            said = {"status": "crashed", "message": without_urls(f"{type(error).__name__}: {error}")}
        yield self.event(said)

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        """Render, then let go of the whole DAG, which the triggerer would hold as long as this waits (Airflow 3.3)."""
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
        if self.unknown:
            self.log.warning("Ignoring what another version of this provider stored: %s", ", ".join(self.unknown))

    async def wait(self) -> dict[str, Any]:
        """Wait to the end, and return the event."""
        raise NotImplementedError

    def event(self, said: dict[str, Any]) -> TriggerEvent:
        return TriggerEvent(said)  # type: ignore[no-untyped-call]  # Airflow's own

    def failed(self, error: OneDriveError) -> dict[str, Any]:
        """Make the event of an error that waiting cannot cure."""
        return {"status": "error", "error": error.to_dict()}

    def _pause_after(self, error: OneDriveError, last_pause_seconds: float) -> float:
        """Return how long to leave Graph alone; an error that waiting cannot cure is raised."""
        if not is_transient(error):
            raise error
        self.log.warning("Waiting on: %s", error)
        return self.backoff_seconds(error, last_pause_seconds)

    def backoff_seconds(self, error: Exception, last_pause_seconds: float) -> float:
        """Return how long to leave Graph alone: as it asked, else twice as long as the last time."""
        asked = error.retry_after_seconds if isinstance(error, GraphError) else None
        backoff = min(2 * last_pause_seconds, _MAX_BACKOFF_SECONDS)
        return max(asked or backoff, self.poke_interval)


class PollingTrigger(OneDriveTrigger):
    """Looks again and again, in :meth:`look`, until there is something or the deadline has come."""

    onedrive_conn_id: str
    deadline: float | None

    async def poll(self, client: AsyncClient) -> dict[str, Any] | None:
        """Look once, and return the event; None where there is none yet."""
        raise NotImplementedError

    @property
    def place(self) -> str:
        """What is looked at, as one text: the same for all triggers that ask the same."""
        raise NotImplementedError

    async def wait(self) -> dict[str, Any]:
        """Wait to the end, and return the event."""
        pause_seconds = 0.0
        while True:
            async with shared_client(self.onedrive_conn_id) as client:
                end, was_let_in = time.monotonic() + CONNECTION_SECONDS, False
                while time.monotonic() < end:
                    try:
                        if event := await self._poll_in_time(client):
                            return event
                        pause_seconds, was_let_in = self.until_next_poll_seconds, True
                    except Unauthenticated as error:
                        if was_let_in:
                            break  # the connection may have a new secret
                        pause_seconds = self._pause_after(error, pause_seconds)
                    except OneDriveError as error:
                        pause_seconds = self._pause_after(error, pause_seconds)
                    if self._remaining_seconds <= 0:
                        return {"status": "timeout"}
                    await asyncio.sleep(min(pause_seconds, self._remaining_seconds))

    async def _poll_in_time(self, client: AsyncClient) -> dict[str, Any] | None:
        """Look once; the client's own waits for a busy Graph end with the deadline."""
        try:
            async with asyncio.timeout(max(self._remaining_seconds, _LAST_LOOK_SECONDS)):
                return await self.poll(client)
        except TimeoutError:
            return None

    @property
    def fresh_seconds(self) -> float:
        """How recently another trigger may have asked for what need not be asked for again."""
        return min(_FRESH_PART * self.poke_interval, _FRESH_SECONDS)

    @property
    def until_next_poll_seconds(self) -> float:
        """All that look at one place do so at the same moments, so that it is asked once; each place has its own."""
        if self.poke_interval <= 0:
            return 0.0
        digest = hashlib.sha256(self.place.encode(errors="surrogatepass")).digest()
        shift_seconds = int.from_bytes(digest[:8]) / 2**64 * self.poke_interval
        return self.poke_interval - (time.time() - shift_seconds) % self.poke_interval

    @property
    def _remaining_seconds(self) -> float:
        return float("inf") if self.deadline is None else self.deadline - time.time()
