"""The only place that knows when an event of a trigger has come to stay in Airflow's database.

A trigger that dies right after ``yield TriggerEvent(...)`` has told nobody. From Airflow 3.3.2 on the triggerer says
when events are in the database, to the *producer* of a shared stream; here each trigger is the only one of its stream.
Elsewhere a pause has to do: it is a guess, and a database that takes longer makes it a wrong one.

https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/event-scheduling.html
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from airflow_provider_onedrive.compat import CONFIRMS_EVENTS, BaseEventTrigger, SharedStreamProducer, TriggerEvent

if TYPE_CHECKING:
    from airflow.triggers.shared_stream import AdvanceItem

PAUSE_SECONDS = 10.0
"""How long an event is given to become durable, where Airflow does not say when it is."""

_Told = tuple[dict[str, Any], asyncio.Future[bool]]


class DeliveryTrigger(BaseEventTrigger):
    """Tells events one by one, each when the one before is durable."""

    def told(self) -> AsyncGenerator[dict[str, Any], None]:
        """Give payloads for ever; what stands behind a ``yield`` is done when its event is durable."""
        raise NotImplementedError

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Tell, where Airflow does not say when an event is durable."""
        async with aclosing(self.told()) as told:
            async for payload in told:
                yield _event(payload)
                await asyncio.sleep(PAUSE_SECONDS)

    def shared_stream_key(self) -> str | None:
        """Name the stream of this one trigger; None where the triggerer does not say when an event is durable."""
        if not CONFIRMS_EVENTS:
            return None
        key = _key(type(self), self.serialize()[1])
        _running[key] = self
        return key

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> SharedStreamProducer:
        """Give the events of the trigger that runs with these parameters."""
        return _Producer(_running[_key(cls, kwargs)])

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Any]) -> AsyncIterator[TriggerEvent]:
        """Tell what the producer gives."""
        async for payload in shared_stream:
            yield _event(payload)


class _Producer(SharedStreamProducer):
    """Lets a trigger go on when its event is durable.

    https://airflow.apache.org/docs/apache-airflow/stable/authoring-and-scheduling/event-scheduling.html
    """

    def __init__(self, trigger: DeliveryTrigger) -> None:
        self._trigger = trigger

    async def open_stream(self) -> AsyncIterator[_Told]:
        async with aclosing(self._trigger.told()) as told:
            async for payload in told:
                is_durable = asyncio.get_running_loop().create_future()
                yield payload, is_durable
                if not await is_durable:
                    raise RuntimeError("Airflow did not keep an event; it is told again.")

    async def advance(self, batch: Sequence[AdvanceItem]) -> None:
        for item in batch:
            if not item.broker_payload.done():
                item.broker_payload.set_result(item.outcome.is_clean)


_running: WeakValueDictionary[str, DeliveryTrigger] = WeakValueDictionary()


def _key(trigger_class: type, kwargs: Mapping[str, Any]) -> str:
    known = json.dumps([trigger_class.__qualname__, kwargs], sort_keys=True, default=str)
    return hashlib.sha256(known.encode(errors="surrogatepass")).hexdigest()


def _event(payload: dict[str, Any]) -> TriggerEvent:
    return TriggerEvent(payload)  # type: ignore[no-untyped-call]  # Airflow's own
