"""Many small requests in one, with answers written by hand."""

from __future__ import annotations

from typing import Any

import pytest
from asking_nothing import PARSER

from airflow_provider_onedrive.graph.flows.absence import LATER
from airflow_provider_onedrive.graph.flows.batches import BATCH_ITEMS, delete_items, in_batches
from airflow_provider_onedrive.graph.protocol.addresses import address_of
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    ItemNotFound,
    Locked,
    PreconditionFailed,
    ServiceUnavailable,
    Throttled,
)
from airflow_provider_onedrive.graph.protocol.models import DriveItem

ROUNDS = 7


@pytest.fixture
def found(samples: Any) -> list[DriveItem]:
    locate, folder = address_of(PARSER.parse("drives/D")).locate, {"driveId": "D", "id": "P", "path": "/drives/D/root:"}
    files = [samples.file(f"{name}.csv", item_id=name, parentReference=folder) for name in "ABC"]
    return [DriveItem.from_json(each, locate) for each in files]


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


def missing() -> ItemNotFound:
    return ItemNotFound("The resource could not be found.", status=404)


def looked_at(samples: Any, *names: str, is_there: bool = False) -> list[tuple[str, Any]]:
    """Read each of some items by its id."""
    return [(f"GET /drives/D/items/{name}?$select=id", samples.ok({}) if is_there else missing()) for name in names]


def listed(samples: Any, *names: str) -> tuple[str, Any]:
    """List the folder of the items."""
    values = [{"id": name, "name": f"{name}.csv"} for name in names]
    return "GET /drives/D/items/P/children?$top=1000&$select=id,name", samples.page(*values)


def test_part_that_has_gone_is_deleted(script: Any, samples: Any, found: list[DriveItem]) -> None:
    """404 is as good as done if two reads and the listing of the folder agree; one pause and one listing for all."""
    driver = script(
        answer(samples, part(0, 404), part(1), part(2, 404)),
        *looked_at(samples, "A", "C"),
        *looked_at(samples, "A", "C"),
        listed(samples, "X"),
    )
    assert driver.run(delete_items(found)) == [None, None, None]
    assert [request.failures for request in driver.requests] == [0, 0, 0, LATER, 0, 0]


def test_part_that_is_there_is_deleted_again(script: Any, samples: Any, found: list[DriveItem]) -> None:
    """404 of an item that is there, by a read or by the listing, is not done: only those parts are sent again."""
    driver = script(
        answer(samples, part(0, 404), part(1, 404), part(2, 404)),
        *looked_at(samples, "A", is_there=True),
        *looked_at(samples, "B", "C"),
        *looked_at(samples, "B", "C"),
        listed(samples, "B"),
        answer(samples, part(0), part(1, 404)),
        *looked_at(samples, "B", is_there=True),
        answer(samples, part(1)),
    )
    assert driver.run(delete_items(found)) == [None, None, None]
    batches = [request for request in driver.requests if request.url == "/$batch"]
    assert [[each["id"] for each in request.json["requests"]] for request in batches] == [
        ["0", "1", "2"],
        ["0", "1"],
        ["1"],
    ]
    assert [request.failures for request in batches] == [0, 1, 2]


def test_part_that_stays_missing_although_it_is_there_is_an_error(
    script: Any, samples: Any, found: list[DriveItem]
) -> None:
    """It is not said to be deleted; a later attempt may delete it."""
    rounds = [answer(samples, part(0, 404)), *looked_at(samples, "A", is_there=True)] * ROUNDS
    (problem,) = script(*rounds).run(delete_items(found[:1]))
    assert type(problem) is ServiceUnavailable
    assert (problem.is_retryable, problem.status, problem.path) == (True, 404, "/drives/D/items/A")
    assert "The item is still there: retry later." in str(problem)


@pytest.mark.parametrize("status", [100, 200, 201, 202, 206, 302, 304, 0, -1])
def test_part_with_another_status_is_not_deleted(
    script: Any, samples: Any, found: list[DriveItem], status: int
) -> None:
    """Graph deletes with 204 and nothing else: the part is sent again, and at last it is an error."""
    again = script(answer(samples, part(0, status), part(1), part(2)), answer(samples, part(0)))
    assert again.run(delete_items(found)) == [None, None, None]
    (problem,) = script(*[answer(samples, part(0, status))] * ROUNDS).run(delete_items(found[:1]))
    assert type(problem) is ServiceUnavailable
    assert f"answered with {status} instead of 204" in str(problem)


@pytest.mark.parametrize(("status", "kind"), [(412, PreconditionFailed), (403, AccessDenied)])
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
    """429, 503 and 423 of a part, and a part without an answer; the driver waits longer each time."""
    driver = script(
        answer(samples, part(0), part(1, 429, headers={"Retry-After": "1"}), part(2, 503)),
        answer(samples, part(2, 423)),
        answer(samples, part(2, 423), part(1)),
        answer(samples, part(2)),
    )
    assert driver.run(delete_items(found)) == [None, None, None]
    assert [[each["id"] for each in request.json["requests"]] for request in driver.requests] == [
        ["0", "1", "2"],
        ["1", "2"],
        ["1", "2"],
        ["2"],
    ]
    assert [request.failures for request in driver.requests] == [0, 1, 2, 3]


def test_what_stays_locked_is_said(script: Any, samples: Any, found: list[DriveItem]) -> None:
    """A file that somebody has open is not deleted, and the others are."""
    locked = [answer(samples, part(0, 423))] * (ROUNDS - 1)
    problems = script(answer(samples, part(0, 423), part(1), part(2)), *locked).run(delete_items(found))
    assert [type(problem) for problem in problems] == [Locked, type(None), type(None)]


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
