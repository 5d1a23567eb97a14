"""The delta of a drive, asked for once for all watchers of the drive."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from airflow_provider_onedrive.graph.flows.delta import CURSOR_LOST, Round

KEPT_ITEMS = 5000
"""The most items of past rounds that are kept for watchers that are still behind."""
_KEPT_ROUNDS = 100

Ask = Callable[[str], Awaitable[Round]]


class DeltaFeed:
    """Serves many watchers of one drive on an event loop, each from its own cursor.

    Past rounds are kept for a while: a watcher that comes a moment later gets the same events without a request. A
    watcher with another cursor, as after a restart, asks for a round of its own once, and shares the others' cursor
    from then on. It may get an event twice, as from delta itself.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._rounds: dict[str, Round] = {}  # by the cursor that each begins at, the oldest first
        self._newest: str | None = None
        self._asked_at = float("-inf")

    async def since(self, cursor: str, ask: Ask, fresh_seconds: float) -> Round:
        """Return the changes since a cursor, and the newest cursor, which all watchers share.

        :param ask: requests the round that begins at a cursor.
        :param fresh_seconds: within this time the drive is not asked again.
        :raises OneDriveError: the error of ``ask``; if it is one of ``CURSOR_LOST``, everything has to be listed.
        """
        # One lock for the whole call: watchers that come while a round is asked for wait for it, and share it.
        async with self._lock:
            newest = self._newest = self._newest or cursor
            rounds: list[Round] = []
            if cursor != newest and cursor not in self._rounds:
                rounds.append(await ask(cursor))
                cursor = newest  # it is older than this round, so no event is missed
            while cursor != newest:
                rounds.append(self._rounds[cursor])
                cursor = rounds[-1].cursor
            if asyncio.get_running_loop().time() - self._asked_at >= fresh_seconds:
                rounds.append(await self._next_round(newest, ask))
                cursor = rounds[-1].cursor
            events = {data["id"]: data for each in rounds for data in each.items}
            return Round(tuple(events.values()), cursor, is_whole=all(each.is_whole for each in rounds))

    async def _next_round(self, newest: str, ask: Ask) -> Round:
        """Request the round that begins at the newest cursor."""
        try:
            latest = await ask(newest)
        except CURSOR_LOST:
            self._newest = None
            self._rounds.clear()
            raise
        self._asked_at = asyncio.get_running_loop().time()
        if latest.cursor != newest:  # Graph has always sent a new one so far
            self._rounds.pop(newest, None)  # put last, should an old cursor ever come again: the oldest are dropped
            self._rounds[newest], self._newest = latest, latest.cursor
            self._drop_oldest()
        return latest

    def _drop_oldest(self) -> None:
        while len(self._rounds) > 1 and self._is_too_much():
            self._rounds.pop(next(iter(self._rounds)))

    def _is_too_much(self) -> bool:
        return len(self._rounds) > _KEPT_ROUNDS or sum(len(each.items) for each in self._rounds.values()) > KEPT_ITEMS
