"""Deliver the changes of a folder, in the triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.compat import TriggerEvent
from airflow_provider_onedrive.graph.protocol.digests import digest
from airflow_provider_onedrive.graph.protocol.errors import OneDriveError
from airflow_provider_onedrive.graph.protocol.locations import shown
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.tracking.conditions import is_transient
from airflow_provider_onedrive.graph.tracking.tree import KINDS
from airflow_provider_onedrive.state.change_store import AssetStore, ChangeState, Store, VariableStore
from airflow_provider_onedrive.state.change_tracker import AsyncChangeTracker, followed, state_name
from airflow_provider_onedrive.state.times import as_text
from airflow_provider_onedrive.triggers.base import CONNECTION_SECONDS, PollingTrigger, plain
from airflow_provider_onedrive.triggers.clients import shared_client
from airflow_provider_onedrive.triggers.delivery import DeliveryTrigger
from airflow_provider_onedrive.triggers.parameters import ChangeParameters, names_of, with_parameters_of

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph.client import AsyncClient

log = logger(__name__)

_MAX_CHANGES = 500  # an event becomes a row of Airflow's database, and a line of the triggerer's log


class OneDriveChangesTrigger(ChangeParameters, PollingTrigger, DeliveryTrigger):
    """Deliver the changes of a folder as events, for ``AssetWatcher``.

    Each event has ``changes``, a list of item dicts with their ``change`` (``created``, ``updated``, ``moved``,
    ``renamed``, ``deleted``), a ``change_id``, which is the same if the same change is delivered twice, and, of moved
    and renamed items, the ``previous_path``; and ``id``, ``location``, ``counts``, ``part`` and ``parts``. After an
    error it goes on, and the triggerer's log says what is wrong.

    The state of the folder and the undelivered changes are stored before an event is sent, from Airflow 3.3 on with the
    asset, before that in Variables. A change counts as delivered when its event is in Airflow's database. So every
    change is delivered at least once, even if a process is killed.

    Its keyword arguments are a stored format: parameters only gain defaults and are never renamed. More parameters:
    :class:`~airflow_provider_onedrive.triggers.parameters.ChangeParameters`,
    :class:`~airflow_provider_onedrive.triggers.parameters.SelectionParameters` and
    :class:`~airflow_provider_onedrive.triggers.base.PollingTrigger`.

    :param max_changes: in one event; the others come in the next events, which ``part`` and ``parts`` number.
    :param asset_name: the asset that keeps the state, if several have this watcher.
    :param once: end with ``{"status": "changed"}`` at the first changes, and store nothing: for the sensor.
    """

    patience_seconds = 60.0
    """The first pause after an error that somebody has to fix."""
    names = (*names_of(ChangeParameters), *PollingTrigger.names, "max_changes", "asset_name", "once")

    @with_parameters_of(ChangeParameters, PollingTrigger)
    def __init__(
        self, *, max_changes: int = _MAX_CHANGES, asset_name: str | None = None, once: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.events = plain(self.events)
        self.file_pattern = plain(self.file_pattern)
        self.ignore = plain(self.ignore)
        self.on_start = as_text(self.on_start)
        self.full_every = plain(self.full_every)
        self.max_changes = max_changes
        self.asset_name = asset_name
        self.once = once
        self._tracker: AsyncChangeTracker | None = None
        self._pause_seconds = 0.0

    def run(self) -> AsyncIterator[TriggerEvent]:
        """Deliver every change, or wait for the first."""
        return PollingTrigger.run(self) if self.once else DeliveryTrigger.run(self)

    def shared_stream_key(self) -> str | None:
        return None if self.once else super().shared_stream_key()

    async def payloads(self) -> AsyncGenerator[dict[str, Any], None]:
        self.warn_of_unknown()
        while True:
            try:
                async with shared_client(self.onedrive_conn_id) as client:
                    end = time.monotonic() + CONNECTION_SECONDS
                    while time.monotonic() < end:
                        tracker = await self._begin()
                        # Both tracker and client are used again, so a poll without changes costs one request.
                        queue = await tracker.queue(client, fresh_seconds=self.fresh_seconds)
                        for payload in self._in_parts(queue):
                            yield payload
                        if tracker.state.queue:
                            await tracker.clear_queue()
                        self._pause_seconds = 0.0
                        await asyncio.sleep(self.until_next_poll_seconds)
            except OneDriveError as error:
                await self._pause_and_begin_again(error)
            except Exception as error:  # Airflow would start the trigger again every two seconds
                log.exception("Polling for changes failed")
                await self._pause_and_begin_again(error)

    async def poll(self, client: AsyncClient) -> dict[str, Any] | None:
        """Return a payload if a worker has to poll: there are changes, or an earlier poll could not begin."""
        tracker = await self._begin()
        has_begun = tracker.snapshot is not None
        changes = await tracker.poll(client, fresh_seconds=self.fresh_seconds)
        if changes or not has_begun or tracker.state.is_waiting:
            return {"status": "changed", "deadline": self.deadline}
        return None

    @property
    def poll_key(self) -> str:
        return self._tracker.drive if self._tracker is not None else ""

    async def _begin(self) -> AsyncChangeTracker:
        """Return the tracker, with the stored state if it is new."""
        if self._tracker is None:
            tracker = self._new_tracker()
            await tracker.begin()
            self._tracker = tracker
        return self._tracker

    def _new_tracker(self) -> AsyncChangeTracker:
        name = self.variable or state_name(self.onedrive_conn_id, self.location)
        accessors = getattr(self, "asset_state_store", None)
        uses_asset = accessors is not None and not self.variable
        store: Store = AssetStore(accessors, self.asset_name) if uses_asset else VariableStore()
        return AsyncChangeTracker(*followed(self), ChangeState(name), store)

    def _in_parts(self, changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Divide changes among payloads of at most ``max_changes``."""
        # Corrected and not refused: an error here would come again at every poll.
        size = max(self.max_changes, 1)
        parts = [changes[start : start + size] for start in range(0, len(changes), size)]
        counts = {kind: sum(change["change"] == kind for change in changes) for kind in KINDS}
        common = {"location": shown(self.location), "counts": counts, "parts": len(parts)}
        numbered = enumerate(parts, start=1)
        return [{"id": _id_of(part), "part": number, "changes": part, **common} for number, part in numbered]

    async def _pause_and_begin_again(self, error: Exception) -> None:
        """Sleep after an error. The state is read again then: in memory it may be ahead of the stored one."""
        self._tracker = None
        self._pause_seconds = self.backoff_seconds(error, self._pause_seconds)
        if isinstance(error, OneDriveError) and is_transient(error):
            self.log.warning("Polling again in %.0f s: %s", self._pause_seconds, error)
        else:
            self._pause_seconds = max(self._pause_seconds, self.patience_seconds)
            log.error("No changes until this is fixed; polling again in %.0f s: %s", self._pause_seconds, error)
        await asyncio.sleep(self._pause_seconds)


def _id_of(changes: list[dict[str, Any]]) -> str:
    return digest("\n".join(change["change_id"] for change in changes), 32)
