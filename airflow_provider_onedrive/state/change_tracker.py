"""Follows what changes in a folder, with what is known of it kept in a store of Airflow."""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_onedrive.graph.content.filters import Filters
from airflow_provider_onedrive.graph.content.selection import Selection
from airflow_provider_onedrive.graph.flows.delta import CURSOR_LOST, since
from airflow_provider_onedrive.graph.protocol.errors import GraphError
from airflow_provider_onedrive.graph.tracking.conditions import shown
from airflow_provider_onedrive.graph.tracking.selection import ChangeSelection
from airflow_provider_onedrive.graph.tracking.sync import drive_root
from airflow_provider_onedrive.graph.tracking.tree import Changes
from airflow_provider_onedrive.graph.tracking.watch import FolderSnapshot, Watch
from airflow_provider_onedrive.state.change_store import ChangeState, Steps, Store, VariableStore, arun, run
from airflow_provider_onedrive.state.times import read_duration, read_time

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph.client import AsyncClient, Client
    from airflow_provider_onedrive.graph.protocol.locations import Address

log = logging.getLogger(__name__)

_KEPT_SECONDS = 600.0  # after which what is known is kept anew, although there was nothing to tell


class ChangeTracker:
    """What is known of a folder, how it is found out, and how it is kept; see its subclasses.

    What has changed is kept, in a queue, before it is told, and taken out when it was: whoever dies meanwhile tells the
    same again, under the same ``change_id``.
    """

    def __init__(self, watch: Watch, selection: ChangeSelection, state: ChangeState) -> None:
        self.watch = watch
        self.selection = selection
        self.state = state
        self.known: FolderSnapshot | None = None
        self.drive = ""
        """The path of the drive; empty while it is not known."""
        self._kept_at = float("-inf")

    def _cursor(self, now: datetime) -> tuple[Address, str] | None:
        """Say where to ask for a round of delta: the root of the drive, and the cursor; None where all is listed."""
        cursor = self.watch.cursor(self.known, now)
        if cursor is None or self.known is None or self.known.folder is None:
            return None
        return drive_root(self.known.folder), cursor

    def _learned(self, client: Client | AsyncClient, found: tuple[FolderSnapshot, Changes]) -> list[dict[str, Any]]:
        was, (self.known, changes) = self.known, found
        folder = self.known.folder
        self.drive = drive_root(folder).drive if folder is not None else ""
        return self.selection.read_by(client.parser).dicts(changes, was, self.known)

    def _is_to_be_kept(self, changes: list[dict[str, Any]]) -> bool:
        """Put changes into the queue, and say whether to write; what is told to nobody is not written each time."""
        if changes:
            self.state.queue = [{"change_id": secrets.token_hex(16), **change} for change in changes]
        return bool(changes) or time.monotonic() - self._kept_at >= _KEPT_SECONDS

    def _saving(self) -> Steps[None]:
        self._kept_at = time.monotonic()
        return self.state.save(cast("FolderSnapshot", self.known))


class BlockingChangeTracker(ChangeTracker):
    """Follows in a task, with what is known in Variables."""

    store = VariableStore()

    def begin(self) -> None:
        """Read what is known."""
        self.known = run(self.store, self.state.load())

    def queue(self, client: Client) -> list[dict[str, Any]]:
        """Return what is still to be told; if that is nothing, look whether there is something new."""
        if not self.state.queue and self._is_to_be_kept(self._poll(client)):
            run(self.store, self._saving())
        return self.state.queue

    def keep(self) -> None:
        run(self.store, self._saving())

    def _poll(self, client: Client) -> list[dict[str, Any]]:
        now = datetime.now(UTC)
        told = None
        if (at := self._cursor(now)) is not None:
            try:
                told = client.run(since(*at))
            except CURSOR_LOST as refusal:
                _warn_of_lost(self.watch, refusal)
        return self._learned(client, client.run(self.watch.poll(client, self.known, told, now)))


class AsyncChangeTracker(ChangeTracker):
    """Follows in the triggerer; all that follow one drive there ask for its changes once.

    :param store: where what is known is kept.
    """

    def __init__(self, watch: Watch, selection: ChangeSelection, state: ChangeState, store: Store) -> None:
        super().__init__(watch, selection, state)
        self._store = store

    async def begin(self) -> None:
        """Read what is known."""
        self.known = await arun(self._store, self.state.load())

    async def queue(self, client: AsyncClient, *, fresh_seconds: float) -> list[dict[str, Any]]:
        """Return what is still to be told; if that is nothing, look whether there is something new.

        :param fresh_seconds: how recently another may have asked for what is not asked for again.
        """
        if not self.state.queue and self._is_to_be_kept(await self.poll(client, fresh_seconds=fresh_seconds)):
            await arun(self._store, self._saving())
        return self.state.queue

    async def told(self) -> None:
        """Take out of the queue what is in it."""
        self.state.queue = []
        await arun(self._store, self._saving())

    async def poll(self, client: AsyncClient, *, fresh_seconds: float) -> list[dict[str, Any]]:
        """Find out what has changed since the last look, and keep nothing."""
        now = datetime.now(UTC)
        told = None
        if (at := self._cursor(now)) is not None:
            try:
                told = await client.changes_since(*at, fresh_seconds=fresh_seconds)
            except CURSOR_LOST as refusal:
                _warn_of_lost(self.watch, refusal)
        found = await client.run(self.watch.poll(client, self.known, told, now), fresh_seconds=0.0)
        return self._learned(client, found)


def _warn_of_lost(watch: Watch, refusal: GraphError) -> None:
    log.warning(
        "Graph no longer knows how far %s was followed, so all of it is listed: %s",
        shown(watch.location),
        refusal.message,
    )


def followed(given: Any, context: Mapping[str, Any] | None = None) -> tuple[Watch, ChangeSelection]:
    """Read what a sensor or a trigger is to follow; both have it under the same names.

    :raises ConfigurationError: naming the parameter that is wrong.
    """
    watch = Watch(given.location, read_start(given.on_start, context), read_duration(given.full_every, "full_every"))
    filters = Filters(given.file_pattern, given.regex, given.ignore)
    selection = ChangeSelection(given.events, Selection(filters, given.kind, given.recursive))
    watch.check()
    selection.check()
    return watch, selection


def state_name(*parts: object) -> str:
    """Name what is kept: the same for the same watch, and for no other."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return f"onedrive_changes_{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:32]}"


def read_start(on_start: Any, context: Mapping[str, Any] | None = None) -> Any:
    """Return ``on_start`` with its time read, if it is a time.

    :raises ConfigurationError: if it is neither a time nor one of the two words.
    """
    words = ("ignore", "emit_existing")
    return on_start if on_start in words else read_time(on_start, "on_start", context, words=words)
