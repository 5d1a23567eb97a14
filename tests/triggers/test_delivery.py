"""When Airflow has an event: with the parts of its triggerer that say so, and without them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from patience import HANG_SECONDS
from watching import AssetStatePlayed, shown

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.triggers import delivery as durable
from airflow_provider_onedrive.triggers.onedrive import OneDriveChangesTrigger


@pytest.fixture
def trigger(onedrive_emulator: Emulator) -> OneDriveChangesTrigger:
    onedrive_emulator.drive().put_all({"in/a.csv": b"1", "in/b.csv": b"2"})
    trigger = OneDriveChangesTrigger(
        location="myfiles/in", on_start="emit_existing", poke_interval=0.01, max_changes=1, ignore=[]
    )
    trigger.asset_state_store = AssetStatePlayed()  # type: ignore[attr-defined, assignment, unused-ignore]
    return trigger


async def until(happens: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANG_SECONDS):
        while not happens():  # noqa: ASYNC110 - it happens in a generator
            await asyncio.sleep(0.005)


@pytest.mark.airflow3
def test_the_triggerer_confirms_events(trigger: OneDriveChangesTrigger, onedrive_emulator: Emulator) -> None:
    """Nothing goes on, and nothing is taken out of the queue, before the event is in the database."""
    from airflow.triggers.shared_stream import SharedStreamManager  # noqa: PLC0415 - Airflow 3.3
    from structlog import get_logger  # noqa: PLC0415 - as above

    async def play() -> None:
        manager = SharedStreamManager(log=get_logger())
        key = trigger.shared_stream_key()
        stream = manager.subscribe(trigger_id=1, trigger=trigger, key=key)
        told: list[tuple[list[str], int | None]] = []

        async def run() -> None:
            async for event in trigger.filter_shared_stream(stream):
                seq = manager.bind_pending_event(trigger_id=1, key=key)
                told.append((shown(event.payload), seq))

        running = asyncio.create_task(run())
        await until(lambda: len(told) == 1)
        for _ in range(50):
            await asyncio.sleep(0)
        assert [each for each, _ in told] == [["created in/a.csv"]]
        kept = dict(trigger.asset_state_store.texts)  # type: ignore[attr-defined, union-attr, unused-ignore]
        manager.confirm_persisted([told[0][1]])  # type: ignore[list-item]
        await until(lambda: len(told) == 2)
        assert trigger.asset_state_store.texts == kept  # type: ignore[attr-defined, union-attr, unused-ignore]
        manager.confirm_persisted([told[1][1]])  # type: ignore[list-item]
        await until(lambda: trigger.asset_state_store.texts != kept)  # type: ignore[attr-defined, union-attr, unused-ignore]
        onedrive_emulator.drive().put("in/c.csv", b"3")
        await until(lambda: len(told) == 3)
        assert told[2][0] == ["created in/c.csv"]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await manager.unsubscribe(1, key)  # type: ignore[arg-type]
        await manager.stop_all()

    asyncio.run(play())


@pytest.mark.airflow3
def test_an_event_that_was_not_stored_is_delivered_again(trigger: OneDriveChangesTrigger) -> None:
    """The trigger ends, and the one that Airflow begins then tells the same."""
    from airflow.triggers.shared_stream import SharedStreamManager  # noqa: PLC0415 - Airflow 3.3
    from structlog import get_logger  # noqa: PLC0415 - as above

    async def tell(ack_timeout: float) -> Any:
        manager = SharedStreamManager(log=get_logger(), ack_timeout=ack_timeout)
        key = trigger.shared_stream_key()
        stream = trigger.filter_shared_stream(manager.subscribe(trigger_id=1, trigger=trigger, key=key))
        event = await anext(stream)
        manager.bind_pending_event(trigger_id=1, key=key)  # type: ignore[arg-type]
        try:
            await asyncio.wait_for(anext(stream), HANG_SECONDS)
        except Exception as error:  # noqa: BLE001 - which of Airflow's own it is does not matter
            return event.payload, type(error).__name__
        finally:
            await manager.unsubscribe(1, key)  # type: ignore[arg-type]
            await manager.stop_all()

    first, ended = asyncio.run(tell(0.01))
    again, _ = asyncio.run(tell(0.01))
    assert (ended, again) == ("AckTimeout", first)


def test_elsewhere_there_is_a_pause(trigger: OneDriveChangesTrigger, monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after an event is done after the pause."""
    monkeypatch.setattr(durable, "CONFIRMS_EVENTS", False)
    monkeypatch.setattr(durable, "PAUSE_SECONDS", 0.01)

    async def play() -> list[list[str]]:
        events = trigger.run()
        told = [shown((await anext(events)).payload) for _ in range(2)]
        await events.aclose()  # type: ignore[attr-defined]
        return told

    assert trigger.shared_stream_key() is None
    assert asyncio.run(play()) == [["created in/a.csv"], ["created in/b.csv"]]
