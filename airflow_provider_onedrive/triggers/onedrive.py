"""Wait for files and for copies in the triggerer."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_onedrive.compat import BaseTrigger, TriggerEvent, timezone
from airflow_provider_onedrive.conditions import (
    CONDITION_FIELDS,
    IGNORED,
    MAX_FOUND_ITEMS,
    FileCondition,
    Kind,
    Stability,
    condition_fields,
    outlives,
)
from airflow_provider_onedrive.graph.copies import said
from airflow_provider_onedrive.graph.errors import GraphError, OneDriveError, Unauthenticated, without_urls
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook
from airflow_provider_onedrive.sealing import unsealed
from airflow_provider_onedrive.sharedclients import shared_client

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph.client import AsyncClient

_STORED_VERSION = 1
_FRESH_PART = 0.05  # of poke_interval: what another trigger saw so recently need not be asked for again
_FRESH_SECONDS = 1.0  # and at most this
_LAST_LOOK_SECONDS = 10.0  # what a look may take at least, however near the deadline is
_MAX_BACKOFF_SECONDS = 600.0
_CONNECTION_SECONDS = 300.0  # after which a connection is read anew: its secret may have been rotated


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
    :param newer_than: ISO text with a time zone.
    :param stable_for_seconds: what has not been the same for so long does not count yet; None asks for nothing.
    :param version: of the stored format.
    """

    names = (
        *CONDITION_FIELDS,
        *("newer_than", "stable_for_seconds", "onedrive_conn_id", "poke_interval", "deadline"),
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
        newer_than: str | None = None,
        min_items: int = 1,
        max_items: int = MAX_FOUND_ITEMS,
        min_size: int | None = None,
        stable_for_seconds: float | None = None,
        ignore: Sequence[str] = IGNORED,
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
        self.regex = regex
        self.recursive = recursive
        self.newer_than = newer_than
        self.min_items = min_items
        self.max_items = max_items
        self.min_size = min_size
        self.stable_for_seconds = stable_for_seconds
        self.ignore = list(ignore)

    async def wait(self) -> dict[str, Any]:
        stability = None if self.stable_for_seconds is None else Stability(self.stable_for_seconds)
        pause_seconds = 0.0
        while True:
            async with shared_client(self.onedrive_conn_id) as client:
                end, was_let_in = time.monotonic() + _CONNECTION_SECONDS, False
                while time.monotonic() < end:
                    try:
                        if found := await self._look(client, stability):
                            return {"status": "found", "items": found}
                        pause_seconds, was_let_in = self._until_next_look_seconds, True
                    except Unauthenticated as error:
                        if was_let_in:
                            break  # the connection may have a new secret
                        pause_seconds = self._pause_after(error, pause_seconds)
                    except OneDriveError as error:
                        pause_seconds = self._pause_after(error, pause_seconds)
                    if self._remaining_seconds <= 0:
                        return {"status": "timeout"}
                    await asyncio.sleep(min(pause_seconds, self._remaining_seconds))

    async def _look(self, client: AsyncClient, stability: Stability | None) -> list[dict[str, Any]]:
        """Look once; the client's own waits for a busy Graph end with the deadline."""
        try:
            async with asyncio.timeout(max(self._remaining_seconds, _LAST_LOOK_SECONDS)):
                sight = await client.run(self._condition.look(client), fresh_seconds=self._fresh_seconds)
        except TimeoutError:
            return []
        found = sight.found if stability is None else stability.settled(sight, time.time())
        return [item.to_xcom() for item in found] if len(found) >= self.min_items else []

    @property
    def _condition(self) -> FileCondition:
        return FileCondition(
            **condition_fields(self),
            newer_than=timezone.coerce_datetime(datetime.fromisoformat(self.newer_than)) if self.newer_than else None,
            reads_checkouts=self.stable_for_seconds is not None,
        )

    @property
    def _fresh_seconds(self) -> float:
        return min(_FRESH_PART * self.poke_interval, _FRESH_SECONDS)

    @property
    def _until_next_look_seconds(self) -> float:
        """All that wait for one place look at the same moments, so that it is asked once; each place has its own."""
        if self.poke_interval <= 0:
            return 0.0
        shift_seconds = zlib.crc32(self._condition.places.encode()) / 2**32 * self.poke_interval
        return self.poke_interval - (time.time() - shift_seconds) % self.poke_interval

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

    def __init__(self, *, until: float = 0.0, version: int = _STORED_VERSION, **unknown: Any) -> None:
        super().__init__(version, unknown)
        self.until = until

    async def wait(self) -> dict[str, Any]:
        """Wait to the end, and return the event."""
        await asyncio.sleep(max(self.until - time.time(), 0.0))
        return {"status": "resumed"}
