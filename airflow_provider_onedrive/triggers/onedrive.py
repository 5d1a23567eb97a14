"""Wait for files and for copies in the triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_onedrive.compat import BaseTrigger, TriggerEvent
from airflow_provider_onedrive.conditions import FileCondition, Kind, outlives
from airflow_provider_onedrive.graph.copies import said
from airflow_provider_onedrive.graph.errors import GraphError, OneDriveError, without_urls
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook
from airflow_provider_onedrive.sealing import unsealed

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph.client import AsyncClient

_STORED_VERSION = 1
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
        return f"{type(self).__module__}.{type(self).__qualname__}", kwargs | {"version": _STORED_VERSION}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and say once how it ended."""
        if self.unknown:
            self.log.warning("Ignoring what another version of this provider stored: %s", ", ".join(self.unknown))
        try:
            event = await self.wait()
        except OneDriveError as error:
            event = self.failed(error)
        except Exception as error:  # whatever is raised here would otherwise reach nobody but the triggerer's log
            self.log.exception("The wait ended unexpectedly")
            event = {"status": "crashed", "message": without_urls(f"{type(error).__name__}: {error}")}
        yield TriggerEvent(event)  # type: ignore[no-untyped-call]  # Airflow's own

    async def wait(self) -> dict[str, Any]:
        """Wait to the end, and return the event."""
        raise NotImplementedError

    def failed(self, error: OneDriveError) -> dict[str, Any]:
        """Make the event of an error that waiting cannot cure."""
        return {"status": "error", "error": error.to_dict()}

    def _pause_after(self, error: OneDriveError, last_pause_seconds: float) -> float:
        """Return how long to leave Graph alone: as it asked, else twice as long as the last time."""
        if not outlives(error):
            raise error
        self.log.warning("Waiting on: %s", error)
        asked = error.retry_after_seconds if isinstance(error, GraphError) else None
        backoff = min(2 * last_pause_seconds, _MAX_BACKOFF_SECONDS)
        return max(asked or backoff, self.poke_interval)


class OneDriveFileTrigger(OneDriveTrigger):
    """Look again and again until something is there; see the sensor for what that means.

    Its keyword arguments are a stored format: parameters only gain defaults and are never renamed. It says one of
    ``{"status": "found", "items": [...]}``, ``{"status": "timeout"}``, ``{"status": "error", "error": {...}}`` (waiting
    cannot help) and ``{"status": "crashed", "message": ...}`` (a retry may).

    :param poke_interval: seconds between two looks.
    :param deadline: when to give up, in seconds since the epoch; None waits for ever.
    :param version: of the stored format.
    """

    names = ("location", "file_pattern", "kind", "onedrive_conn_id", "poke_interval", "deadline")

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
        super().__init__(version, unknown)
        self.location = location
        self.file_pattern = file_pattern
        self.kind = kind
        self.onedrive_conn_id = onedrive_conn_id
        self.poke_interval = poke_interval
        self.deadline = deadline

    async def wait(self) -> dict[str, Any]:
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

    @property
    def _remaining_seconds(self) -> float:
        return float("inf") if self.deadline is None else self.deadline - time.time()


class OneDriveCopyTrigger(OneDriveTrigger):
    """Ask the monitor of a copy again and again until it has ended.

    Its keyword arguments are a stored format: parameters only gain defaults and are never renamed. It says one of
    ``{"status": "success", "id": ..., "copy": ...}``, ``{"status": "failed", "error": {...}, "copy": ...}`` and
    ``{"status": "crashed", "message": ...}`` (a retry may help).

    :param monitor: the address of the monitor, encrypted with Airflow's Fernet key: whoever has it may ask it.
    :param copy: what the operator has to know of it afterwards; it comes back with the event.
    :param shown: the name of the copy, for the log.
    :param poll_interval: seconds between two looks.
    :param version: of the stored format.
    """

    names = ("monitor", "copy", "shown", "onedrive_conn_id", "poll_interval")

    def __init__(
        self,
        *,
        monitor: str | None = None,
        copy: Mapping[str, Any] | None = None,
        shown: str = "",
        onedrive_conn_id: str = OneDriveHook.default_conn_name,
        poll_interval: float = 10.0,
        version: int = _STORED_VERSION,
        **unknown: Any,
    ) -> None:
        super().__init__(version, unknown)
        self.monitor = monitor
        self.copy = copy
        self.shown = shown
        self.onedrive_conn_id = onedrive_conn_id
        self.poll_interval = self.poke_interval = poll_interval

    async def wait(self) -> dict[str, Any]:
        """Wait to the end, and return the event."""
        url, pause_seconds, last = unsealed(self.monitor or ""), 0.0, ""
        async with await OneDriveHook(self.onedrive_conn_id).get_async_conn() as client:
            while True:
                try:
                    now = await client.copy_progress(url)
                except OneDriveError as error:
                    pause_seconds = self._pause_after(error, pause_seconds)
                else:
                    if now.is_ended:
                        return self.failed(now.error) if now.error else self._succeeded(now.item_id)
                    if (text := said(now)) != last:
                        self.log.info("Copying to %s: %s", self.shown, text)
                    pause_seconds, last = self.poll_interval, text
                await asyncio.sleep(pause_seconds)

    def failed(self, error: OneDriveError) -> dict[str, Any]:
        return {"status": "failed", "error": error.about("copy to", self.shown).to_dict(), "copy": self.copy}

    def _succeeded(self, item_id: str | None) -> dict[str, Any]:
        return {"status": "success", "id": item_id, "copy": self.copy}
