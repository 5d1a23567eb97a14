"""Follows the changes in a folder; its snapshot is kept in a store of Airflow."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_onedrive.graph.content.filters import Filters
from airflow_provider_onedrive.graph.content.selection import Selection
from airflow_provider_onedrive.graph.flows.delta import CURSOR_LOST, since
from airflow_provider_onedrive.graph.protocol.digests import digest
from airflow_provider_onedrive.graph.protocol.errors import GraphError
from airflow_provider_onedrive.graph.protocol.locations import shown
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.tracking.selection import ChangeSelection
from airflow_provider_onedrive.graph.tracking.sync import drive_root
from airflow_provider_onedrive.graph.tracking.tree import Changes
from airflow_provider_onedrive.graph.tracking.watch import FolderSnapshot, Watch
from airflow_provider_onedrive.state.change_store import ChangeState, Steps, Store, VariableStore, arun, run
from airflow_provider_onedrive.state.times import read_duration, read_time

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph.client import AsyncClient, Client
    from airflow_provider_onedrive.graph.protocol.addresses import Address

log = logger(__name__)

_KEPT_SECONDS = 600.0  # after which the snapshot is saved although nothing changed: its cursor ages


class ChangeTracker:
    """The snapshot of a folder, and the queue of its changes; the subclasses poll and save.

    Changes are saved in the queue before they are delivered, and removed afterwards. So every change is delivered at
    least once, even if a process is killed: then it comes again, under the same ``change_id``.
    """

    def __init__(self, watch: Watch, selection: ChangeSelection, state: ChangeState) -> None:
        self.watch = watch
        self.selection = selection
        self.state = state
        self.snapshot: FolderSnapshot | None = None
        self.drive = ""
        """The path of the drive; empty until the first poll."""
        self._kept_at = float("-inf")

    def _cursor(self, now: datetime) -> tuple[Address, str] | None:
        """Return the root of the drive and the cursor to read a round of delta from; None if everything is listed."""
        cursor = self.watch.cursor(self.snapshot, now)
        if cursor is None or self.snapshot is None or self.snapshot.folder is None:
            return None
        return drive_root(self.snapshot.folder), cursor

    def _advance(
        self, client: Client | AsyncClient, snapshot: FolderSnapshot, changes: Changes
    ) -> list[dict[str, Any]]:
        """Take the new snapshot, and return the selected changes."""
        was, self.snapshot = self.snapshot, snapshot
        self.drive = drive_root(snapshot.folder).drive if snapshot.folder is not None else ""
        return self.selection.read_by(client.parser).dicts(changes, was, snapshot)

    def _is_to_be_kept(self, changes: list[dict[str, Any]]) -> bool:
        """Put changes into the queue, and return whether to save; a mere new cursor is not saved each time."""
        # An id of its own for each change, saved with it: a second delivery can be recognised.
        if changes:
            self.state.queue = [{"change_id": secrets.token_hex(16), **change} for change in changes]
        # Most polls find nothing; saving each of their cursors would be the most frequent write of a deployment.
        return bool(changes) or time.monotonic() - self._kept_at >= _KEPT_SECONDS

    def _saving(self) -> Steps[None]:
        self._kept_at = time.monotonic()
        return self.state.save(cast("FolderSnapshot", self.snapshot))


class BlockingChangeTracker(ChangeTracker):
    """Follows in a task, and saves in Variables."""

    store = VariableStore()

    def begin(self) -> None:
        """Load the snapshot."""
        self.snapshot = run(self.store, self.state.load())

    def queue(self, client: Client) -> list[dict[str, Any]]:
        """Return the changes that are not delivered yet; if there are none, poll for new ones."""
        if not self.state.queue and self._is_to_be_kept(self._poll(client)):
            run(self.store, self._saving())
        return self.state.queue

    def keep(self) -> None:
        """Save the snapshot and the queue."""
        run(self.store, self._saving())

    def _poll(self, client: Client) -> list[dict[str, Any]]:
        now = datetime.now(UTC)
        events = None
        if (at := self._cursor(now)) is not None:
            try:
                events = client.run(since(*at))
            except CURSOR_LOST as refusal:
                _warn_of_lost(self.watch, refusal)
        return self._advance(client, *client.run(self.watch.poll(client, self.snapshot, events, now)))


class AsyncChangeTracker(ChangeTracker):
    """Follows in the triggerer, where all watchers of one drive ask for its changes once.

    :param store: keeps the snapshot.
    """

    def __init__(self, watch: Watch, selection: ChangeSelection, state: ChangeState, store: Store) -> None:
        super().__init__(watch, selection, state)
        self._store = store

    async def begin(self) -> None:
        """Load the snapshot."""
        self.snapshot = await arun(self._store, self.state.load())

    async def queue(self, client: AsyncClient, *, fresh_seconds: float) -> list[dict[str, Any]]:
        """Return the changes that are not delivered yet; if there are none, poll for new ones.

        :param fresh_seconds: an answer that another watcher got within this time is used again.
        """
        if not self.state.queue and self._is_to_be_kept(await self.poll(client, fresh_seconds=fresh_seconds)):
            await arun(self._store, self._saving())
        return self.state.queue

    async def clear_queue(self) -> None:
        """Empty the queue, because its changes were delivered."""
        self.state.queue = []
        await arun(self._store, self._saving())

    async def poll(self, client: AsyncClient, *, fresh_seconds: float) -> list[dict[str, Any]]:
        """Return the changes since the last poll, and save nothing."""
        now = datetime.now(UTC)
        events = None
        if (at := self._cursor(now)) is not None:
            try:
                events = await client.changes_since(*at, fresh_seconds=fresh_seconds)
            except CURSOR_LOST as refusal:
                _warn_of_lost(self.watch, refusal)
        poll = self.watch.poll(client, self.snapshot, events, now)
        # 0: only a request that is under way is shared, because an older answer may lack the latest changes.
        return self._advance(client, *await client.run(poll, fresh_seconds=0.0))


def _warn_of_lost(watch: Watch, refusal: GraphError) -> None:
    log.warning(
        "Graph no longer accepts the cursor of %s, so all of it is listed: %s",
        shown(watch.location),
        refusal.message,
    )


def followed(given: Any, context: Mapping[str, Any] | None = None) -> tuple[Watch, ChangeSelection]:
    """Read the watch and the selection of a sensor or a trigger; both have the same parameters.

    :raises ConfigurationError: naming the parameter that is wrong.
    """
    watch = Watch(given.location, read_start(given.on_start, context), read_duration(given.full_every, "full_every"))
    filters = Filters(given.file_pattern, given.regex, given.ignore)
    selection = ChangeSelection(given.events, Selection(filters, given.kind, given.recursive))
    watch.check()
    selection.check()
    return watch, selection


def state_name(*parts: object) -> str:
    """Return the name of a watch's state: the same for the same watch, and for no other."""
    # Digested, because a Variable's name has at most 250 characters, and a location may have more.
    text = json.dumps(parts, sort_keys=True, default=str)
    return f"onedrive_changes_{digest(text, 32)}"


def read_start(on_start: Any, context: Mapping[str, Any] | None = None) -> Any:
    """Return ``on_start`` with its time read, if it is a time.

    :raises ConfigurationError: if it is neither a time nor one of the two words.
    """
    words = ("ignore", "emit_existing")
    return on_start if on_start in words else read_time(on_start, "on_start", context, words=words)
