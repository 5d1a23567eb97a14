"""Wait for files, for copies and for changes in the triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.compat import TaskSuccessEvent, TriggerEvent
from airflow_provider_onedrive.graph.flows.copies import said
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, OneDriveError
from airflow_provider_onedrive.graph.tracking.conditions import (
    CONDITION_FIELDS,
    IGNORED,
    MAX_MATCHES,
    FileCondition,
    Kind,
    Stability,
    condition_fields,
)
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook
from airflow_provider_onedrive.state.encryption import unsealed
from airflow_provider_onedrive.state.times import DurationLike, TimeLike, as_text, read_duration, read_time
from airflow_provider_onedrive.triggers.base import STORED_VERSION, OneDriveTrigger, PollingTrigger
from airflow_provider_onedrive.triggers.changes import OneDriveChangesTrigger
from airflow_provider_onedrive.triggers.clients import shared_client

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph.client import AsyncClient

__all__ = ["OneDriveChangesTrigger", "OneDriveCopyTrigger", "OneDriveFileTrigger", "OneDrivePauseTrigger"]


class OneDriveFileTrigger(PollingTrigger):
    """Look again and again until something is there; see the sensor for what that means.

    Its keyword arguments are a stored format: parameters only gain defaults and are never renamed. It says one of
    ``{"status": "found", "items": [...]}``, ``{"status": "timeout"}``, ``{"status": "error", "error": {...}}`` (waiting
    cannot help) and ``{"status": "crashed", "message": ...}`` (a retry may).

    :param poke_interval: seconds between two looks.
    :param deadline: when to give up, in seconds since the epoch; None waits for ever.
    :param newer_than: ISO 8601 text of a time; the sensor stores it with its zone. A duration counts back from the end
        of the run's data interval if Airflow starts the task in the triggerer, else from the first look.
    :param stable_for_seconds: what has not been the same for so long does not count yet; None asks for nothing.
    :param end_from_trigger: end the task with what was found; nothing of it runs on a worker.
    :param version: of the stored format.
    """

    names = (
        *CONDITION_FIELDS,
        *("newer_than", "stable_for_seconds", "onedrive_conn_id", "poke_interval", "deadline", "end_from_trigger"),
    )

    def __init__(
        self,
        *,
        location: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]],
        file_pattern: str | None = None,
        kind: Kind = "file",
        onedrive_conn_id: str = OneDriveHook.default_conn_name,
        poke_interval: float = 60.0,
        deadline: float | None = None,
        regex: str | None = None,
        recursive: bool = False,
        newer_than: TimeLike | None = None,
        min_items: int = 1,
        max_items: int = MAX_MATCHES,
        min_size: int | None = None,
        stable_for_seconds: DurationLike | None = None,
        ignore: Sequence[str] = IGNORED,
        end_from_trigger: bool = False,
        version: int = STORED_VERSION,
        **unknown: Any,
    ) -> None:
        super().__init__(version, unknown)
        self.location = location
        self.file_pattern = file_pattern
        self.kind = kind
        self.onedrive_conn_id = onedrive_conn_id
        self.poke_interval = poke_interval
        self.deadline = deadline
        self.regex = regex
        self.recursive = recursive
        self.newer_than = as_text(newer_than)
        self.min_items = min_items
        self.max_items = max_items
        self.min_size = min_size
        self.stable_for_seconds = stable_for_seconds
        self.ignore = list(ignore)
        self.end_from_trigger = end_from_trigger

    async def poll(self, client: AsyncClient) -> dict[str, Any] | None:
        result = await client.run(self._condition.poll(client), fresh_seconds=self.fresh_seconds)
        found = result.items if self._stability is None else self._stability.stable(result, time.time())
        if len(found) < self.min_items:
            return None
        return {"status": "found", "items": [item.to_xcom() for item in found]}

    def event(self, said: dict[str, Any]) -> TriggerEvent:
        if self.end_from_trigger and said["status"] == "found":
            return TaskSuccessEvent(xcoms={"return_value": said["items"]})
        return super().event(said)

    @cached_property
    def _stability(self) -> Stability | None:
        duration = read_duration(self.stable_for_seconds, "stable_for")
        return None if duration is None else Stability(duration.total_seconds())

    @property
    def place(self) -> str:
        return self._condition.folders_key

    def resolve(self, context: Mapping[str, Any]) -> None:
        with suppress(ConfigurationError):  # it is raised again, and becomes an event, when the condition is made
            self.newer_than = as_text(read_time(self.newer_than, "newer_than", context))

    @cached_property
    def _condition(self) -> FileCondition:
        return FileCondition(
            **condition_fields(self),
            newer_than=read_time(self.newer_than, "newer_than"),
            reads_checkouts=self.stable_for_seconds is not None,
        )


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
        version: int = STORED_VERSION,
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
        async with shared_client(self.onedrive_conn_id) as client:
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


class OneDrivePauseTrigger(OneDriveTrigger):
    """Wait until Graph may be asked again; it says ``{"status": "resumed"}``.

    Its keyword arguments are a stored format: parameters only gain defaults and are never renamed.

    :param until: in seconds since the epoch.
    :param version: of the stored format.
    """

    names = ("until",)

    def __init__(self, *, until: float = 0.0, version: int = STORED_VERSION, **unknown: Any) -> None:
        super().__init__(version, unknown)
        self.until = until

    async def wait(self) -> dict[str, Any]:
        """Wait to the end, and return the event."""
        await asyncio.sleep(max(self.until - time.time(), 0.0))
        return {"status": "resumed"}
