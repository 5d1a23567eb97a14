"""What is told is what was done to the drive: nothing is lost, nothing is invented, and deaths only repeat."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from any_acts import FOLDERS, acts_and, do
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from watching import AssetStatePlayed

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.graph.client import AsyncClient, Client
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.content.filters import Filters
from airflow_provider_onedrive.graph.content.selection import Selection
from airflow_provider_onedrive.graph.tracking.selection import ChangeSelection
from airflow_provider_onedrive.graph.tracking.watch import Watch
from airflow_provider_onedrive.state.change_store import AssetStore, ChangeState
from airflow_provider_onedrive.state.change_tracker import AsyncChangeTracker

Model = dict[str, str]
"""What a consumer makes of the events: by id, the path."""


@pytest.fixture(scope="module")
def emulators() -> Iterator[dict[str, Emulator]]:
    with Emulator() as business, Emulator(personality="personal") as personal:
        yield {"business": business, "personal": personal}


class Consumer:
    """One that follows, and believes what it is told, each change once."""

    def __init__(self, **filters: Any) -> None:
        self.selection = ChangeSelection(items=Selection(Filters(**filters), "any", recursive=True))
        self.store = AssetStatePlayed()
        self.model: Model = {}
        self.seen: set[str] = set()
        self.tracker: AsyncChangeTracker | None = None

    async def poll(self, client: AsyncClient, *, dies: bool = False) -> None:
        """Look, and take what is told; it may die before that is known to have been told."""
        if self.tracker is None:
            watch = Watch("myfiles/in", "emit_existing", timedelta(days=1))
            state = ChangeState("known")
            self.tracker = AsyncChangeTracker(watch, self.selection, state, AssetStore(self.store, None))
            await self.tracker.begin()
        for change in await self.tracker.queue(client, fresh_seconds=0.0):
            if change["change_id"] not in self.seen:
                self.believe(change)
        if dies:
            self.tracker = None
        else:
            await self.tracker.clear_queue()

    def believe(self, change: dict[str, Any]) -> None:
        self.seen.add(change["change_id"])
        known, path = self.model.get(change["id"]), change["path"]
        match change["change"]:
            case "created":
                assert known is None
            case "deleted":
                assert known == path
                del self.model[change["id"]]
                return
            case "updated":
                assert known is not None
            case _:
                assert known is not None
                assert known in (change["previous_path"], path)  # moved and renamed come one after the other
        self.model[change["id"]] = path


@pytest.mark.parametrize("personality", ["business", "personal"])
@settings(max_examples=examples(20), deadline=None, suppress_health_check=list(HealthCheck))
@given(acts=st.lists(acts_and("look", "die", "expire", "other looks"), min_size=1, max_size=20))
def test_whatever_happens(emulators: dict[str, Emulator], personality: str, acts: list[tuple[str, int, int]]) -> None:
    """Two follow one drive with one client, each at its own moments; one of them dies now and then."""
    emulator = emulators[personality]
    emulator.reset()
    drive = emulator.drive()
    for name in FOLDERS:
        drive.folder(name)
    known = json.loads(emulator.connection)
    fields = {"client_id": known.get("login"), "client_secret": known.get("password"), **known["extra"]}
    config = Settings.from_fields({k: v for k, v in fields.items() if v}, trusted_hosts=["localhost"])
    asyncio.run(play(acts, drive, config))


async def play(acts: list[tuple[str, int, int]], drive: Any, config: Settings) -> None:
    one, other = Consumer(), Consumer(file_pattern="*m*")
    with Client(config) as client:
        async with AsyncClient(config) as tracker:
            for act, first, second in acts:
                match act:
                    case "look" | "die":
                        await one.poll(tracker, dies=act == "die")
                    case "other looks":
                        await other.poll(tracker)
                    case "expire":
                        drive.expire_delta_tokens()
                    case _:
                        do(drive, client, act, random.Random(first), random.Random(second))
            for _ in range(2):  # what is still in the queue, and what has changed since
                await one.poll(tracker)
                await other.poll(tracker)
        there = {item.id: item.path for item in client.walk("myfiles/in")}
    assert one.model == there
    assert other.model == {key: path for key, path in there.items() if "m" in path.rpartition("/")[2]}
