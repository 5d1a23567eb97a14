"""Deliver events one by one, each after the one before is in Airflow's database.

An event of a trigger that dies right after ``yield TriggerEvent(...)`` is lost. From Airflow 3.3.2 on the triggerer
confirms that events are in the database, to the *producer* of a shared stream; here each trigger is the only one of its
stream. Older versions confirm nothing, so a pause has to do: a database that takes longer than it loses the event.

https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/event-scheduling.html
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from airflow_provider_onedrive.compat import CONFIRMS_EVENTS, BaseEventTrigger, SharedStreamProducer, TriggerEvent
from airflow_provider_onedrive.graph.protocol.digests import digest

if TYPE_CHECKING:
    from airflow.triggers.shared_stream import AdvanceItem

PAUSE_SECONDS = 10.0
"""The time for an event to reach the database, if Airflow does not confirm it."""

_Unconfirmed = tuple[dict[str, Any], asyncio.Future[bool]]


class DeliveryTrigger(BaseEventTrigger):
    """Base of the triggers that deliver events without an end."""

    def payloads(self) -> AsyncGenerator[dict[str, Any], None]:
        """Yield payloads without an end; the code behind a ``yield`` runs when its event is in the database."""
        raise NotImplementedError

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield events, if Airflow does not confirm them."""
        async with aclosing(self.payloads()) as payloads:
            async for payload in payloads:
                yield _event(payload)
                # payloads() removes the changes from the store when it is resumed, so not before this pause is over.
                await asyncio.sleep(PAUSE_SECONDS)

    def shared_stream_key(self) -> str | None:
        """Return the key of the stream of this one trigger; None if the triggerer does not confirm events."""
        if not CONFIRMS_EVENTS:
            return None
        key = _key(type(self), self.serialize()[1])
        _running[key] = self
        return key

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SharedStreamProducer:
        """Return the producer of the events of the trigger that runs with these parameters."""
        return _Producer(_running[_key(cls, kwargs)])

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Any]) -> AsyncIterator[TriggerEvent]:
        """Yield the events of the producer."""
        async for payload in shared_stream:
            yield _event(payload)


class _Producer(SharedStreamProducer):
    """Lets a trigger go on when its event is confirmed.

    https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/event-scheduling.html
    """

    def __init__(self, trigger: DeliveryTrigger) -> None:
        self._trigger = trigger

    async def open_stream(self) -> AsyncIterator[_Unconfirmed]:
        async with aclosing(self._trigger.payloads()) as payloads:
            async for payload in payloads:
                is_confirmed = asyncio.get_running_loop().create_future()
                yield payload, is_confirmed
                if not await is_confirmed:
                    raise RuntimeError("Airflow did not store an event; it is delivered again.")

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        for item in batch:
            if not item.broker_payload.done():
                item.broker_payload.set_result(item.outcome.is_clean)


# Airflow makes the producer from the class and the parameters, so the trigger itself has to be looked up.
_running: WeakValueDictionary[str, DeliveryTrigger] = WeakValueDictionary()


def _key(trigger_class: type, kwargs: Mapping[str, Any]) -> str:
    return digest(json.dumps([trigger_class.__qualname__, kwargs], sort_keys=True, default=str))


def _event(payload: dict[str, Any]) -> TriggerEvent:
    return TriggerEvent(payload)  # type: ignore[no-untyped-call]  # Airflow's own
