"""All triggers of a connection share one client, and a rotated secret makes another one."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.triggers import clients as sharedclients
from airflow_provider_onedrive.triggers.clients import shared_client
from airflow_provider_onedrive.triggers.onedrive import OneDriveFileTrigger

CONNECTION = "AIRFLOW_CONN_ONEDRIVE_DEFAULT"


def test_the_same_connection_is_the_same_client(onedrive_emulator: Emulator) -> None:
    """The last to leave closes it, and then it is another one."""

    async def use() -> None:
        async with shared_client("onedrive_default") as one, shared_client("onedrive_default") as two:
            assert one is two
            await one.stat("myfiles")
        async with shared_client("onedrive_default") as three:
            assert three is not one
            await three.stat("myfiles")

    asyncio.run(use())
    assert not any(sharedclients._clients.values())


def test_another_secret_is_another_client(onedrive_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds the first one keeps it until the end."""

    async def use() -> None:
        async with shared_client("onedrive_default") as one:
            known = json.loads(onedrive_emulator.connection) | {"password": "rotated"}
            monkeypatch.setenv(CONNECTION, json.dumps(known))
            async with shared_client("onedrive_default") as two:
                assert one is not two
                assert two.settings.client_secret == "rotated"

    asyncio.run(use())


def test_a_wrong_connection(onedrive_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left of it."""
    monkeypatch.setenv(CONNECTION, json.dumps({"conn_type": "onedrive", "extra": {"auth": "no such"}}))

    async def use() -> None:
        async with shared_client("onedrive_default"):
            pass

    with pytest.raises(ConfigurationError, match="field auth"):
        asyncio.run(use())


def test_a_hundred_triggers(onedrive_emulator: Emulator) -> None:
    """They sign in once, and each finds its file."""
    drive = onedrive_emulator.drive()
    drive.put_all({f"in/{number}.csv": b"1" for number in range(100)})

    async def event(number: int) -> Any:
        trigger = OneDriveFileTrigger(location=f"myfiles/in/{number}.csv", poke_interval=0.05)
        return (await anext(trigger.run())).payload

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*map(event, range(100)))

    events = asyncio.run(all_of_them())
    assert [event["items"][0]["name"] for event in events] == [f"{number}.csv" for number in range(100)]
    assert len(onedrive_emulator.requests.matching(path="/token$")) == 1
    assert not any(sharedclients._clients.values())
