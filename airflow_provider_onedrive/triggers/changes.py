"""Tell what changes in a folder, in the triggerer."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.compat import TriggerEvent
from airflow_provider_onedrive.graph.protocol.errors import OneDriveError
from airflow_provider_onedrive.graph.tracking.conditions import IGNORED, is_transient, shown
from airflow_provider_onedrive.graph.tracking.tree import KINDS
from airflow_provider_onedrive.hooks.onedrive import OneDriveHook
from airflow_provider_onedrive.state.change_store import AssetStore, ChangeState, Store, VariableStore
from airflow_provider_onedrive.state.change_tracker import AsyncChangeTracker, followed, state_name
from airflow_provider_onedrive.state.times import DurationLike, TimeLike, as_text
from airflow_provider_onedrive.triggers.base import CONNECTION_SECONDS, STORED_VERSION, PollingTrigger
from airflow_provider_onedrive.triggers.clients import shared_client
from airflow_provider_onedrive.triggers.delivery import DeliveryTrigger

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph.client import AsyncClient

_MAX_CHANGES = 500  # an event becomes a row of Airflow's database, and a line of the triggerer's log


class OneDriveChangesTrigger(PollingTrigger, DeliveryTrigger):
    """Tell what changes in a folder, for ``AssetWatcher``.

    Each event has ``changes``, a list of item dicts with their ``change`` (``created``, ``updated``, ``moved``,
    ``renamed``, ``deleted``), a ``change_id``, which is the same if the same change is told twice, and, of what was
    moved or renamed, the ``previous_path``; and ``id``, ``location``, ``counts``, ``part`` and ``parts``. After an
    error it goes on, and says in the triggerer's log what is wrong.

    What is known of the folder, and what is to be told, is kept before it is told, with the asset from Airflow 3.3 on,
    before that in Variables; and it has been told when the events are in Airflow's database. So whatever is killed,
    nothing is lost, and at most the last changes are told twice.

    Its keyword arguments are a stored format: parameters only gain defaults and are never renamed.

    :param location: the folder; what is in its folders is followed as well, unless ``recursive=False``.
    :param events: which kinds of changes are told.
    :param file_pattern: of the name, or, where it has a ``/``, of the path below the folder. What does not match is
        taken for not there: renamed from ``a.tmp``, ``a.csv`` is created for who asks for ``*.csv``.
    :param regex: is searched in the path below the folder; its named groups come as ``groups``.
    :param ignore: patterns of what is taken for not there.
    :param kind: ``file``, ``folder`` or ``any``.
    :param on_start: what is told of what is there at the first look: ``ignore``, ``emit_existing``, or what was created
        or modified since a time: a datetime or ISO 8601 text (without a zone in Airflow's default one), or a timedelta
        or ISO 8601 duration before the first look.
    :param full_every: list everything again after this duration, as Microsoft advises: a timedelta, seconds, or an ISO
        8601 duration. None lists everything only where it must.
    :param poke_interval: seconds, or a timedelta, between two looks.
    :param max_changes: in one event; the others come in the events after it, and ``part`` and ``parts`` number them.
    :param asset_name: which asset keeps what is known, where several have this watcher.
    :param variable: the name of the Variables that keep it instead.
    :param once: end with ``{"status": "changed"}`` as soon as there is something, and keep nothing: for the sensor.
    :param deadline: when to give up then, in seconds since the epoch; None waits for ever.
    :param version: of the stored format.
    """

    patience_seconds = 60.0
    """The first pause after an error that only somebody can mend."""
    names = (
        *("location", "events", "file_pattern", "regex", "ignore", "kind", "recursive", "on_start", "full_every"),
        *("onedrive_conn_id", "poke_interval", "max_changes", "asset_name", "variable", "once", "deadline"),
    )

    def __init__(
        self,
        *,
        location: str | Mapping[str, Any],
        events: Sequence[str] = KINDS,
        file_pattern: str | None = None,
        regex: str | None = None,
        ignore: Sequence[str] = IGNORED,
        kind: str = "file",
        recursive: bool = True,
        on_start: TimeLike = "ignore",
        full_every: DurationLike | None = timedelta(days=1),
        onedrive_conn_id: str = OneDriveHook.default_conn_name,
        poke_interval: float | timedelta = 60.0,
        max_changes: int = _MAX_CHANGES,
        asset_name: str | None = None,
        variable: str | None = None,
        once: bool = False,
        deadline: float | None = None,
        version: int = STORED_VERSION,
        **unknown: Any,
    ) -> None:
        super().__init__(version, unknown)
        self.location = location
        self.events = events if isinstance(events, str) else list(events)
        self.file_pattern = file_pattern
        self.regex = regex
        self.ignore = ignore if isinstance(ignore, str) else list(ignore)
        self.kind = kind
        self.recursive = recursive
        self.on_start = as_text(on_start)
        self.full_every = full_every.total_seconds() if isinstance(full_every, timedelta) else full_every
        self.onedrive_conn_id = onedrive_conn_id
        self.poke_interval = poke_interval.total_seconds() if isinstance(poke_interval, timedelta) else poke_interval
        self.max_changes = max_changes
        self.asset_name = asset_name
        self.variable = variable
        self.once = once
        self.deadline = deadline
        self._tracker: AsyncChangeTracker | None = None
        self._pause_seconds = 0.0

    def run(self) -> AsyncIterator[TriggerEvent]:
        """Tell every change, or wait for the first."""
        return PollingTrigger.run(self) if self.once else DeliveryTrigger.run(self)

    def shared_stream_key(self) -> str | None:
        return None if self.once else super().shared_stream_key()

    async def told(self) -> AsyncGenerator[dict[str, Any], None]:
        self.warn_of_unknown()
        while True:
            try:
                async with shared_client(self.onedrive_conn_id) as client:
                    end = time.monotonic() + CONNECTION_SECONDS
                    while time.monotonic() < end:
                        tracker = await self._begun()
                        for payload in self._payloads(await tracker.queue(client, fresh_seconds=self.fresh_seconds)):
                            yield payload
                        if tracker.state.queue:
                            await tracker.clear_queue()
                        self._pause_seconds = 0.0
                        await asyncio.sleep(self.until_next_poll_seconds)
            except OneDriveError as error:
                await self._rest_after(error)
            except Exception as error:  # Airflow would begin anew every two seconds with whatever is raised here
                self.log.exception("Looking for changes failed")
                await self._rest_after(error)

    async def poll(self, client: AsyncClient) -> dict[str, Any] | None:
        """Say whether a worker is to look: there is something new, or it has not been able to begin."""
        tracker = await self._begun()
        has_begun = tracker.snapshot is not None
        changes = await tracker.poll(client, fresh_seconds=self.fresh_seconds)
        if changes or not has_begun or tracker.state.is_waiting:
            return {"status": "changed", "deadline": self.deadline}
        return None

    @property
    def place(self) -> str:
        return self._tracker.drive if self._tracker is not None else ""

    async def _begun(self) -> AsyncChangeTracker:
        """Return what follows, having read what is known if it begins."""
        if self._tracker is None:
            tracker = self._follow()
            await tracker.begin()
            self._tracker = tracker
        return self._tracker

    def _follow(self) -> AsyncChangeTracker:
        name = self.variable or state_name(self.onedrive_conn_id, self.location)
        accessors = getattr(self, "asset_state_store", None)
        kept_with_asset = accessors is not None and not self.variable
        store: Store = AssetStore(accessors, self.asset_name) if kept_with_asset else VariableStore()
        return AsyncChangeTracker(*followed(self), ChangeState(name), store)

    def _payloads(self, changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Put changes into events, each no larger than it may be."""
        size = max(self.max_changes, 1)
        parts = [changes[at : at + size] for at in range(0, len(changes), size)]
        counts = {kind: sum(change["change"] == kind for change in changes) for kind in KINDS}
        known = {"location": shown(self.location), "counts": counts, "parts": len(parts)}
        return [
            {"id": _id_of(part), "part": number, "changes": part, **known} for number, part in enumerate(parts, start=1)
        ]

    async def _rest_after(self, error: Exception) -> None:
        """Leave it alone for a while; what is known may not be what is kept, and is read again."""
        self._tracker = None
        self._pause_seconds = self.backoff_seconds(error, self._pause_seconds)
        if isinstance(error, OneDriveError) and is_transient(error):
            self.log.warning("Looking again in %.0f s: %s", self._pause_seconds, error)
        else:
            self._pause_seconds = max(self._pause_seconds, self.patience_seconds)
            self.log.error("No change is told until this is mended; trying in %.0f s: %s", self._pause_seconds, error)
        await asyncio.sleep(self._pause_seconds)


def _id_of(changes: list[dict[str, Any]]) -> str:
    known = "\n".join(change["change_id"] for change in changes)
    return hashlib.sha256(known.encode()).hexdigest()[:32]
