"""The delta of a drive, asked for once for all that follow it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from airflow_provider_onedrive.graph.flows.delta import CURSOR_LOST, Round

KEPT_ITEMS = 5000
"""How many entries of past rounds are kept at least as long as somebody may come for them."""
_KEPT_ROUNDS = 100

Ask = Callable[[str], Awaitable[Round]]


class DeltaFeed:
    """Lets many follow one drive on an event loop, each from where it is.

    Rounds that were asked for are kept a while, so whoever comes a moment later is told the same without a request.
    Whoever comes from elsewhere, as after a restart, asks for its own round once, and is with the others from then on;
    it may be told of something twice, which delta does as well.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._rounds: dict[str, Round] = {}  # by the cursor that each begins at, the oldest first
        self._newest: str | None = None
        self._asked_at = float("-inf")

    async def since(self, cursor: str, ask: Ask, fresh_seconds: float) -> Round:
        """Return what changed since a cursor, and the cursor that all are at now.

        :param ask: sends for the round that begins at a cursor.
        :param fresh_seconds: if the drive was asked so recently, it is not asked again.
        :raises OneDriveError: whatever ``ask`` raises; where it is one of ``CURSOR_LOST``, all is to be listed.
        """
        async with self._lock:
            newest = self._newest = self._newest or cursor
            told: dict[str, Mapping[str, Any]] = {}
            if cursor != newest and cursor not in self._rounds:
                told |= _by_id(await ask(cursor))
                cursor = newest  # from before that was asked: nothing is missed
            while cursor != newest:
                told |= _by_id(self._rounds[cursor])
                cursor = self._rounds[cursor].cursor
            if asyncio.get_running_loop().time() - self._asked_at >= fresh_seconds:
                latest = await self._go_on(newest, ask)
                told |= _by_id(latest)
                cursor = latest.cursor
            return Round(tuple(told.values()), cursor)

    async def _go_on(self, newest: str, ask: Ask) -> Round:
        """Ask from the newest cursor on."""
        try:
            latest = await ask(newest)
        except CURSOR_LOST:
            self._newest = None
            self._rounds.clear()
            raise
        self._asked_at = asyncio.get_running_loop().time()
        if latest.cursor != newest:  # Graph always gives a new one so far
            self._rounds[newest], self._newest = latest, latest.cursor
            self._forget_the_oldest()
        return latest

    def _forget_the_oldest(self) -> None:
        while len(self._rounds) > 1 and self._is_too_much():
            self._rounds.pop(next(iter(self._rounds)))

    def _is_too_much(self) -> bool:
        return len(self._rounds) > _KEPT_ROUNDS or sum(len(each.items) for each in self._rounds.values()) > KEPT_ITEMS


def _by_id(told: Round) -> dict[str, Mapping[str, Any]]:
    return {data["id"]: data for data in told.items}
