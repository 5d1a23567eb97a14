"""Many small requests in one, with answers written by hand."""

from __future__ import annotations

from typing import Any

import pytest
from asking_nothing import PARSER

from airflow_provider_onedrive.graph.flows.batches import BATCH_ITEMS, delete_items, in_batches
from airflow_provider_onedrive.graph.protocol.addresses import address_of
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    Locked,
    PreconditionFailed,
    ServiceUnavailable,
    Throttled,
)
from airflow_provider_onedrive.graph.protocol.models import DriveItem

ROUNDS = 7


@pytest.fixture
def found(samples: Any) -> list[DriveItem]:
    locate = address_of(PARSER.parse("drives/D")).locate
    return [DriveItem.from_json(samples.file(f"{name}.csv", item_id=name), locate) for name in "ABC"]


def part(number: int, status: int = 204, **more: Any) -> dict[str, Any]:
    failed = {"body": {"error": {"code": "code", "message": "said"}}} if status >= 400 else {}
    return {"id": str(number), "status": status, **failed, **more}


def answer(samples: Any, *parts: dict[str, Any]) -> tuple[str, Any]:
    return "POST /$batch", samples.ok({"responses": list(parts)})


def test_each_is_deleted_in_the_version_that_was_seen(script: Any, samples: Any, found: list[DriveItem]) -> None:
    """One request; answers may come in any order."""
    driver = script(answer(samples, part(2), part(0), part(1)))
    assert driver.run(delete_items(found)) == [None, None, None]
    asked = driver.last.json["requests"]
    assert [(each["id"], each["method"], each["url"]) for each in asked] == [
        ("0", "DELETE", "/drives/D/items/A"),
        ("1", "DELETE", "/drives/D/items/B"),
        ("2", "DELETE", "/drives/D/items/C"),
    ]
    assert [each["headers"] for each in asked] == [{"If-Match": item.etag} for item in found]


def test_for_good(script: Any, samples: Any, found: list[DriveItem]) -> None:
    """permanentDelete knows no version."""
    driver = script(answer(samples, part(0)))
    driver.run(delete_items(found[:1], permanent=True))
    (asked,) = driver.last.json["requests"]
    assert (asked["method"], asked["url"]) == ("POST", "/drives/D/items/A/permanentDelete")
    assert asked["headers"] == {}


def test_what_has_gone_is_deleted(script: Any, samples: Any, found: list[DriveItem]) -> None:
    """404 is as good as done."""
    driver = script(answer(samples, part(0, 404), part(1), part(2)))
    assert driver.run(delete_items(found)) == [None, None, None]


@pytest.mark.parametrize(("status", "kind"), [(412, PreconditionFailed), (403, AccessDenied), (423, Locked)])
def test_what_stands_in_the_way_of_one(
    script: Any, samples: Any, found: list[DriveItem], status: int, kind: type
) -> None:
    """It is said of that item only, in the order of the items, and is not tried again."""
    driver = script(answer(samples, part(2), part(1, status), part(0)))
    problems = driver.run(delete_items(found))
    assert [type(problem) for problem in problems] == [type(None), kind, type(None)]
    assert "said" in str(problems[1])
    assert "/drives/D/items/B" in str(problems[1])


def test_only_what_was_refused_is_asked_again(script: Any, samples: Any, found: list[DriveItem]) -> None:
    """429 and 503 of a part, and a part without an answer; the driver waits longer each time."""
    driver = script(
        answer(samples, part(0), part(1, 429, headers={"Retry-After": "1"}), part(2, 503)),
        answer(samples, part(2)),
        answer(samples, part(1)),
    )
    assert driver.run(delete_items(found)) == [None, None, None]
    assert [[each["id"] for each in request.json["requests"]] for request in driver.requests] == [
        ["0", "1", "2"],
        ["1", "2"],
        ["1"],
    ]
    assert [request.failures for request in driver.requests] == [0, 1, 2]


def test_what_stays_refused_is_said(script: Any, samples: Any, found: list[DriveItem]) -> None:
    """At last the error is that of the part, with what it said of when to try again."""
    throttled = answer(samples, part(0, 429, headers={"Retry-After": "7"}))
    (problem,) = script(*[throttled] * ROUNDS).run(delete_items(found[:1]))
    assert isinstance(problem, Throttled)
    assert problem.retry_after_seconds == 7
    (problem,) = script(*[answer(samples)] * ROUNDS).run(delete_items(found[:1]))
    assert isinstance(problem, ServiceUnavailable)
    assert "unanswered" in str(problem)


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (20, [20]), (41, [20, 20, 1])])
def test_twenty_in_one(found: list[DriveItem], count: int, sizes: list[int]) -> None:
    """Graph takes no more."""
    assert BATCH_ITEMS == 20
    assert [len(batch) for batch in in_batches(found[:1] * count)] == sizes
