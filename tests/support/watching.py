"""Drives what follows changes as the triggerer does: an event is durable when the next one is asked for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from patience import HANG_SECONDS

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.triggers.onedrive import OneDriveChangesTrigger


class AssetStatePlayed:
    """What Airflow 3.3.2 gives to a trigger whose watcher has one asset.

    :param told: is asked before each call, and may raise: the process dies there.
    """

    def __init__(self) -> None:
        self.texts: dict[str, Any] = {}
        self.told: Callable[[str, str], None] = lambda name, key: None

    async def aget(self, key: str, default: Any = None) -> Any:
        self.told("get", key)
        return self.texts.get(key, default)

    async def aset(self, key: str, value: Any) -> None:
        self.told("set", key)
        assert json.loads(json.dumps(value)) == value
        self.texts[key] = value

    async def adelete(self, key: str) -> None:
        self.told("delete", key)
        self.texts.pop(key, None)


class Watching:
    """A watcher on an event loop of its own."""

    def __init__(self, emulator: Emulator, store: AssetStatePlayed | None = None, **given: Any) -> None:
        self.given = {"location": "myfiles/in", "poke_interval": 0.01, **given}
        self.store = store or AssetStatePlayed()
        self._emulator = emulator
        self._loop = asyncio.new_event_loop()
        self.begin()

    def begin(self) -> None:
        """Begin as after a restart of the triggerer."""
        self.trigger = OneDriveChangesTrigger(**self.given)
        self.trigger.asset_state_store = self.store  # type: ignore[attr-defined, assignment, unused-ignore]
        self._payloads = self.trigger.payloads()
        self._asking: asyncio.Task[dict[str, Any]] | None = None

    def next(self) -> dict[str, Any]:
        """Return the next event; the one before is durable now."""
        event = self._run(self._ask())
        self._asking = None
        assert json.loads(json.dumps(event)) == event
        return event

    def changes(self) -> list[str]:
        """Return the next changes, in short."""
        return shown(self.next())

    def settle(self) -> None:
        """Let it look on; there is nothing to tell. The last event is durable now."""
        self.wait_for_requests(self.looks + 3, operation="delta")  # a listing has two of them

    def wait_for_requests(self, count: int, **what: Any) -> None:
        """Let it go on until so many requests were sent."""
        self.wait_for(lambda: len(self._emulator.requests.matching(**what)) >= count)

    def wait_for(self, happens: Callable[[], bool]) -> None:
        """Let it go on until something has happened, and nothing is told."""

        async def wait() -> None:
            asking = self._ask()
            while not happens():
                await asyncio.sleep(0.005)
                assert not asking.done(), asking.result()

        self._run(wait())

    def kill(self) -> None:
        """End it where it is: nothing that stands behind it is done."""
        if self._asking is not None:
            self._asking.cancel()
            self._loop.run_until_complete(asyncio.gather(self._asking, return_exceptions=True))
        self._loop.run_until_complete(self._payloads.aclose())  # type: ignore[attr-defined]

    def restart(self) -> None:
        self.kill()
        self.begin()

    def close(self) -> None:
        self.kill()
        self._loop.close()

    @property
    def looks(self) -> int:
        return len(self._emulator.requests.matching(operation="delta"))

    def _ask(self) -> asyncio.Task[dict[str, Any]]:
        if self._asking is None:
            self._asking = self._loop.create_task(anext(self._payloads))  # type: ignore[arg-type]
        return self._asking

    def _run(self, awaited: Any) -> Any:
        return self._loop.run_until_complete(asyncio.wait_for(awaited, HANG_SECONDS))


def shown(event: dict[str, Any]) -> list[str]:
    return sorted(f"{change['change']} {change['path']}" for change in event["changes"])
