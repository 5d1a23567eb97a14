"""One delta of a drive for all that follow it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from airflow_provider_onedrive.graph.flows.delta import Round
from airflow_provider_onedrive.graph.protocol.errors import GraphError, ResyncRequired
from airflow_provider_onedrive.graph.tracking.delta_feed import KEPT_ITEMS, DeltaFeed

AGAIN, AT_ONCE = 0.0, 600.0


class Drive:
    """Answers as Graph does: from a cursor on, all that has happened until now."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.asked: list[str] = []
        self.lost: set[str] = set()

    async def ask(self, cursor: str) -> Round:
        self.asked.append(cursor)
        if cursor in self.lost:
            raise ResyncRequired("too old", status=410)
        return Round([{"id": name} for name in self.happened[int(cursor) :]], str(len(self.happened)))


def follow(*steps: Callable[[Drive, DeltaFeed], Any]) -> Drive:
    drive = Drive()

    async def run() -> None:
        delta_feed = DeltaFeed()
        for step in steps:
            if asyncio.iscoroutine(done := step(drive, delta_feed)):
                await done

    asyncio.run(run())
    return drive


def happens(*names: str) -> Callable[[Drive, DeltaFeed], Any]:
    return lambda drive, _: drive.happened.extend(names)


def comes(cursor: str, fresh_seconds: float, told: Sequence[str], now_at: str) -> Callable[[Drive, DeltaFeed], Any]:
    """Somebody comes with a cursor, is told something, and goes with another cursor."""

    async def come(drive: Drive, delta_feed: DeltaFeed) -> None:
        found = await delta_feed.since(cursor, drive.ask, fresh_seconds)
        assert ([data["id"] for data in found.items], found.cursor) == (list(told), now_at)

    return come


def test_who_comes_a_moment_later_costs_nothing() -> None:
    """Two that are at one place, and one that has missed a look."""
    drive = follow(
        happens("a"),
        comes("0", AGAIN, ["a"], "1"),
        comes("0", AT_ONCE, ["a"], "1"),
        happens("b"),
        comes("1", AGAIN, ["b"], "2"),
        comes("0", AT_ONCE, ["a", "b"], "2"),
    )
    assert drive.asked == ["0", "1"]


def test_who_comes_from_elsewhere() -> None:
    """It asks once for itself, and is with the others from then on; something may be told again."""
    drive = follow(
        happens("a", "b", "c"),
        comes("2", AGAIN, ["c"], "3"),
        happens("d"),
        comes("1", AT_ONCE, ["b", "c", "d"], "3"),
        comes("3", AGAIN, ["d"], "4"),
    )
    assert drive.asked == ["2", "1", "3"]


def test_what_is_forgotten_is_told_first() -> None:
    """Whoever comes late gets what is only just still there, also where that makes it too much."""
    many, more = [[f"{name}{number}" for number in range(KEPT_ITEMS - 1)] for name in "ab"]
    at, later = str(len(many)), str(2 * len(many))
    drive = follow(
        happens(*many), comes("0", AGAIN, many, at), happens(*more), comes("0", AGAIN, [*many, *more], later)
    )
    assert drive.asked == ["0", at]


def test_nothing_has_happened() -> None:
    """A cursor that stays the same leads nobody in a circle."""
    assert (
        follow(comes("0", AGAIN, [], "0"), comes("0", AGAIN, [], "0"), comes("0", AT_ONCE, [], "0")).asked == ["0"] * 2
    )


def test_a_lost_cursor_is_everybodys_own_matter() -> None:
    """Each learns of it once, and those that have listed all go on from there."""

    async def is_lost(drive: Drive, delta_feed: DeltaFeed, cursor: str) -> None:
        with pytest.raises(GraphError):
            await delta_feed.since(cursor, drive.ask, AGAIN)

    drive = follow(
        happens("a"),
        comes("0", AGAIN, ["a"], "1"),
        lambda drive, _: drive.lost.update(("0", "1")),
        lambda drive, delta_feed: is_lost(drive, delta_feed, "1"),
        lambda drive, delta_feed: is_lost(drive, delta_feed, "0"),
        happens("b"),
        comes("2", AGAIN, [], "2"),
    )
    assert drive.asked == ["0", "1", "0", "2"]


def test_cursor_that_comes_back_is_followed_to_the_newest() -> None:
    """Should Graph send an old cursor again, its latest round counts, and older rounds are dropped before it."""
    many = [{"id": str(number)} for number in range(KEPT_ITEMS + 1)]
    own = Round([{"id": "own"}], "X")
    answers = iter([Round([], "B"), Round([], "A"), Round(many, "C"), own, Round([], "D")])

    async def ask(_: str) -> Round:
        return next(answers)

    async def run() -> Round:
        delta_feed = DeltaFeed()
        for cursor in ("A", "B", "A"):
            await delta_feed.since(cursor, ask, AGAIN)
        return await delta_feed.since("B", ask, AGAIN)

    result = asyncio.run(run())
    assert ([data["id"] for data in result.items], result.cursor) == (["own"], "D")
