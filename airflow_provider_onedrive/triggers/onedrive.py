"""Wait for files in the triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.compat import BaseTrigger, TriggerEvent
from airflow_provider_onedrive.conditions import FileCondition, Kind, outlives
from airflow_provider_onedrive.graph.errors import GraphError, OneDriveError, without_urls
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph.client import AsyncClient

_STORED_VERSION = 1
_LAST_LOOK_SECONDS = 10.0  # what a look may take at least, however near the deadline is
_MAX_BACKOFF_SECONDS = 600.0


class OneDriveFileTrigger(BaseTrigger):
    """Look again and again until something is there; see the sensor for what that means.

    Its keyword arguments are a stored format: parameters only gain defaults and are never renamed. It says one of
    ``{"status": "found", "items": [...]}``, ``{"status": "timeout"}``, ``{"status": "error", "error": {...}}`` (waiting
    cannot help) and ``{"status": "crashed", "message": ...}`` (a retry may).

    :param poke_interval: seconds between two looks.
    :param deadline: when to give up, in seconds since the epoch; None waits for ever.
    :param version: of the stored format.
    """

    def __init__(
        self,
        *,
        location: str | Mapping[str, Any],
        file_pattern: str | None = None,
        kind: Kind = "file",
        onedrive_conn_id: str = OneDriveHook.default_conn_name,
        poke_interval: float = 60.0,
        deadline: float | None = None,
        version: int = _STORED_VERSION,
        **unknown: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's own
        self.location = location
        self.file_pattern = file_pattern
        self.kind = kind
        self.onedrive_conn_id = onedrive_conn_id
        self.poke_interval = poke_interval
        self.deadline = deadline
        self.version = version
        self.unknown = sorted(unknown)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what another triggerer needs to go on."""
        names = ("location", "file_pattern", "kind", "onedrive_conn_id", "poke_interval", "deadline")
        kwargs = {name: getattr(self, name) for name in names}
        return f"{type(self).__module__}.{type(self).__qualname__}", kwargs | {"version": _STORED_VERSION}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and say once how it ended."""
        if self.unknown:
            self.log.warning("Ignoring what another version of this provider stored: %s", ", ".join(self.unknown))
        try:
            event = await self._wait()
        except OneDriveError as error:
            event = {"status": "error", "error": error.to_dict()}
        except Exception as error:  # whatever is raised here would otherwise reach nobody but the triggerer's log
            self.log.exception("The wait ended unexpectedly")
            event = {"status": "crashed", "message": without_urls(f"{type(error).__name__}: {error}")}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # Airflow's own

    async def _wait(self) -> dict[str, Any]:
        condition = FileCondition(self.location, self.file_pattern, self.kind)
        async with await OneDriveHook(self.onedrive_conn_id).get_async_conn() as client:
            pause_seconds = 0.0
            while True:
                try:
                    if found := await self._look(client, condition):
                        return {"status": "found", "items": found}
                    pause_seconds = self.poke_interval
                except OneDriveError as error:
                    pause_seconds = self._pause_after(error, pause_seconds)
                if self._remaining_seconds <= 0:
                    return {"status": "timeout"}
                await asyncio.sleep(min(pause_seconds, self._remaining_seconds))

    async def _look(self, client: AsyncClient, condition: FileCondition) -> list[dict[str, Any]]:
        """Look once; the client's own waits for a busy Graph end with the deadline."""
        try:
            async with asyncio.timeout(max(self._remaining_seconds, _LAST_LOOK_SECONDS)):
                return [item.to_xcom() for item in await client.run(condition.look(client))]
        except TimeoutError:
            return []

    def _pause_after(self, error: OneDriveError, last_pause_seconds: float) -> float:
        """Return how long to leave Graph alone: as it asked, else twice as long as the last time."""
        if not outlives(error):
            raise error
        self.log.warning("Waiting on: %s", error)
        asked = error.retry_after_seconds if isinstance(error, GraphError) else None
        backoff = min(2 * last_pause_seconds, _MAX_BACKOFF_SECONDS)
        return max(asked or backoff, self.poke_interval)

    @property
    def _remaining_seconds(self) -> float:
        return float("inf") if self.deadline is None else self.deadline - time.time()
