"""What is asked once for all who ask it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.faults import status
from airflow_provider_onedrive.graph.client import AsyncClient
from airflow_provider_onedrive.graph.content.filters import Filters
from airflow_provider_onedrive.graph.content.selection import Selection
from airflow_provider_onedrive.graph.http.single_flight import SingleFlight
from airflow_provider_onedrive.graph.protocol.errors import AccessDenied
from airflow_provider_onedrive.graph.protocol.messages import Request, Response
from airflow_provider_onedrive.graph.tracking.conditions import FileCondition

QUESTION = Request("GET", "/drives/1/root")


class Graph:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.may_answer = asyncio.Event()
        self.error: Exception | None = None

    async def exchange(self, request: Request) -> Response:
        self.asked.append(request)
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        return Response(200, {}, {"number": len(self.asked)})


def on_a_loop(test: Callable[[Graph, SingleFlight], Any]) -> None:
    async def whole() -> None:
        graph = Graph()
        polls = SingleFlight(graph.exchange)
        await test(graph, polls)
        await polls.aclose()
        assert not polls._asked

    asyncio.run(whole())


def test_one_question_for_all() -> None:
    """Who comes while it is being asked waits with the others; who comes soon after takes the same answer."""

    async def test(graph: Graph, polls: SingleFlight) -> None:
        waiting = [asyncio.create_task(polls.ask(QUESTION, 60)) for _ in range(20)]
        await asyncio.sleep(0)
        graph.may_answer.set()
        answers = [*await asyncio.gather(*waiting), await polls.ask(QUESTION, 60)]
        assert [answer.json for answer in answers] == [{"number": 1}] * 21
        assert (await polls.ask(QUESTION, 0)).json == {"number": 2}

    on_a_loop(test)


@pytest.mark.parametrize(
    "other",
    [
        Request("GET", "/drives/1/items/2"),
        Request("GET", QUESTION.url, {"Prefer": "something"}),
        Request("POST", QUESTION.url),
        Request("GET", QUESTION.url, preauthorized=True),
    ],
)
def test_another_question_is_another(other: Request) -> None:
    """Only what is the same, and only asks, is shared."""

    async def test(graph: Graph, polls: SingleFlight) -> None:
        graph.may_answer.set()
        await polls.ask(QUESTION, 60)
        await polls.ask(other, 60)
        assert graph.asked == [QUESTION, other]
        assert len(polls._asked) == 1 + (other.method == "GET" and not other.preauthorized)

    on_a_loop(test)


def test_who_leaves_disturbs_nobody() -> None:
    """The first of them asked for all, and its end is not theirs."""

    async def test(graph: Graph, polls: SingleFlight) -> None:
        first = asyncio.create_task(polls.ask(QUESTION, 60))
        await asyncio.sleep(0)
        second = asyncio.create_task(polls.ask(QUESTION, 60))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        graph.may_answer.set()
        assert (await second).json == {"number": 1}

    on_a_loop(test)


def test_a_refusal_is_told_to_all_and_not_kept() -> None:
    """Each gets its own, for each says what it was trying; the next one asks again."""

    async def test(graph: Graph, polls: SingleFlight) -> None:
        graph.error = AccessDenied("Access denied", status=403)
        graph.may_answer.set()
        asking = [polls.ask(QUESTION, 60) for _ in range(3)]
        errors = await asyncio.gather(*asking, return_exceptions=True)
        told = [
            error.about("wait for", str(number))
            for number, error in enumerate(errors)
            if isinstance(error, AccessDenied)
        ]
        assert [error.location for error in told] == ["0", "1", "2"]
        assert len(graph.asked) == 1
        graph.error = None
        assert (await polls.ask(QUESTION, 60)).json == {"number": 2}

    on_a_loop(test)


def test_closing_ends_what_nobody_waits_for() -> None:
    """Nothing is left on the loop."""

    async def test(graph: Graph, polls: SingleFlight) -> None:
        asking = asyncio.create_task(polls.ask(QUESTION, 60))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await polls.aclose()
        assert len(asyncio.all_tasks()) == 1

    on_a_loop(test)


def _polled(client: AsyncClient, pattern: str) -> Any:
    condition = FileCondition("myfiles/in/", Selection(Filters(pattern)))
    return client.run(condition.poll(client), fresh_seconds=0)


def test_many_conditions_of_one_folder(connect_async: Callable[..., AsyncClient], onedrive_emulator: Emulator) -> None:
    """Each finds its own in a listing that was asked for once; so it is with a folder that is not there."""
    onedrive_emulator.drive().put_all({f"in/{number}.csv": b"1" for number in range(20)})

    async def whole() -> list[str]:
        async with connect_async() as client:
            results = await asyncio.gather(*(_polled(client, f"{number}.csv") for number in range(20)))
        return [item.name for result in results for item in result.items]

    assert asyncio.run(whole()) == [f"{number}.csv" for number in range(20)]
    listings = onedrive_emulator.requests.matching(path="children")
    assert len(listings) == 1


def test_one_refusal_for_many_conditions(
    connect_async: Callable[..., AsyncClient], onedrive_emulator: Emulator
) -> None:
    """The refusal of one request ends them all, each with its own words."""
    onedrive_emulator.drive().put("in/1.csv", b"1")
    onedrive_emulator.faults.add(operation="children", times=1, do=status(403))

    async def whole() -> list[Any]:
        async with connect_async() as client:
            return await asyncio.gather(
                *(_polled(client, f"{number}.csv") for number in range(5)), return_exceptions=True
            )

    errors = asyncio.run(whole())
    assert [str(error).partition(":")[0] for error in errors] == ["Cannot wait for myfiles/in/"] * 5
    assert len({id(error) for error in errors}) == 5
