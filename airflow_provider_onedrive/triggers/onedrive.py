"""Wait for files, for copies and for changes in the triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.compat import TaskSuccessEvent, TriggerEvent
from airflow_provider_onedrive.graph.flows.copies import progress_text
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, CopyLost, OneDriveError
from airflow_provider_onedrive.graph.protocol.locations import shown
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.tracking.conditions import FileCondition, Stability
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook
from airflow_provider_onedrive.state.encryption import decrypt
from airflow_provider_onedrive.state.times import DurationLike, as_text, read_duration, read_time
from airflow_provider_onedrive.triggers.base import OneDriveTrigger, PollingTrigger, plain
from airflow_provider_onedrive.triggers.changes import OneDriveChangesTrigger
from airflow_provider_onedrive.triggers.clients import shared_client
from airflow_provider_onedrive.triggers.parameters import FileParameters, names_of, with_parameters_of

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph.client import AsyncClient

log = logger(__name__)

__all__ = ["OneDriveChangesTrigger", "OneDriveCopyTrigger", "OneDriveFileTrigger", "OneDrivePauseTrigger"]


class OneDriveFileTrigger(FileParameters, PollingTrigger):
    """Poll until files are there.

    Its keyword arguments are a stored format: parameters only gain defaults and are never renamed. The payload of its
    event is one of ``{"status": "found", "items": [...]}``, ``{"status": "timeout"}``, ``{"status": "error", "error":
    {...}}`` (waiting cannot help) and ``{"status": "crashed", "message": ...}`` (a retry may help). More parameters:
    :class:`~airflow_provider_onedrive.triggers.parameters.FileParameters`,
    :class:`~airflow_provider_onedrive.triggers.parameters.SelectionParameters` and
    :class:`~airflow_provider_onedrive.triggers.base.PollingTrigger`. The sensor stores ``newer_than`` as a time with
    its zone; a duration counts back from the run if Airflow starts the task in the triggerer, else from the first poll.

    :param stable_for_seconds: ``stable_for`` of the sensor, in seconds or an ISO 8601 duration.
    """

    names = (*names_of(FileParameters), *PollingTrigger.names, "stable_for_seconds")

    @with_parameters_of(FileParameters, PollingTrigger)
    def __init__(self, *, stable_for_seconds: DurationLike | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # Airflow stores the parameters, so they are plain JSON.
        self.newer_than = as_text(self.newer_than)
        self.location = plain(self.location)
        self.file_pattern = plain(self.file_pattern)
        self.ignore = plain(self.ignore)
        self.stable_for_seconds = plain(stable_for_seconds)

    async def poll(self, client: AsyncClient) -> dict[str, Any] | None:
        result = await client.run(self._condition.poll(client), fresh_seconds=self.fresh_seconds)
        items = result.items if self._stability is None else self._stability.stable(result, time.time())
        if len(items) < self.min_items:
            return None
        return {"status": "found", "items": [item.to_dict() for item in items]}

    def event(self, payload: dict[str, Any]) -> TriggerEvent:
        if self.end_from_trigger and payload["status"] == "found":
            return TaskSuccessEvent(xcoms={"return_value": payload["items"]})
        return super().event(payload)

    def resolve(self, context: Mapping[str, Any]) -> None:
        with suppress(ConfigurationError):  # it is raised again, and becomes an event, when the condition is made
            self.newer_than = as_text(read_time(self.newer_than, "newer_than", context))

    @property
    def poll_key(self) -> str:
        return self._condition.folders_key

    @cached_property
    def _stability(self) -> Stability | None:
        duration = read_duration(self.stable_for_seconds, "stable_for")
        return None if duration is None else Stability(duration.total_seconds())

    @cached_property
    def _condition(self) -> FileCondition:
        newer_than = read_time(self.newer_than, "newer_than")
        return self.condition(newer_than, reads_checkouts=self.stable_for_seconds is not None)


class OneDriveCopyTrigger(OneDriveTrigger):
    """Poll the monitor of a copy until the copy has ended.

    Its keyword arguments are a stored format: parameters only gain defaults and are never renamed. The payload of its
    event is one of ``{"status": "success", "id": ..., "copy": ...}``, ``{"status": "failed", "error": {...}, "copy":
    ...}`` and ``{"status": "crashed", "message": ...}`` (a retry may help).

    :param monitor: the URL of the monitor, encrypted with Airflow's Fernet key: it needs no token, so it is a secret.
    :param copy: the state of the copy that the operator needs afterwards; it returns with the event.
    :param shown: the name of the copy, for the log.
    :param onedrive_conn_id: the Airflow connection.
    :param poll_interval: seconds between two polls.
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
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.monitor = monitor
        self.copy = copy
        self.shown = shown
        self.onedrive_conn_id = onedrive_conn_id
        self.poll_interval = self.poke_interval = poll_interval

    async def wait(self) -> dict[str, Any]:
        """Poll to the end, and return the payload of the event."""
        url, pause_seconds, last = decrypt(self.monitor or ""), 0.0, ""
        # Another attempt begins a new copy, or finds this one at its destination.
        if url is None:
            raise CopyLost("The URL of the copy's monitor was encrypted with another Fernet key")
        async with shared_client(self.onedrive_conn_id) as client:
            # No end of its own: the operator's deferral has the timeout of the task.
            while True:
                try:
                    progress = await client.copy_progress(url)
                except OneDriveError as error:
                    pause_seconds = self._pause_after(error, pause_seconds)
                else:
                    if progress.is_ended:
                        return self.failed(progress.error) if progress.error else self._succeeded(progress.item_id)
                    if (text := progress_text(progress)) != last:
                        log.info("Copying to %s: %s", shown(self.shown), text)
                    pause_seconds, last = self.poll_interval, text
                await asyncio.sleep(pause_seconds)

    def failed(self, error: OneDriveError) -> dict[str, Any]:
        return {"status": "failed", "error": error.about("copy to", shown(self.shown)).to_dict(), "copy": self.copy}

    def _succeeded(self, item_id: str | None) -> dict[str, Any]:
        return {"status": "success", "id": item_id, "copy": self.copy}


class OneDrivePauseTrigger(OneDriveTrigger):
    """Sleep until Graph takes requests again; the payload of its event is ``{"status": "resumed"}``.

    Its keyword arguments are a stored format: parameters only gain defaults and are never renamed.

    :param until: in seconds since the epoch.
    """

    names = ("until",)

    def __init__(self, *, until: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.until = until

    async def wait(self) -> dict[str, Any]:
        """Sleep to the end, and return the payload of the event."""
        await asyncio.sleep(max(self.until - time.time(), 0.0))
        return {"status": "resumed"}
