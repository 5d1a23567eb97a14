"""Flows that send many small requests as one. https://learn.microsoft.com/en-us/graph/json-batching."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from airflow_provider_onedrive.graph.flows.absence import gone_among
from airflow_provider_onedrive.graph.flows.removals import not_deleted
from airflow_provider_onedrive.graph.protocol.addresses import item_url
from airflow_provider_onedrive.graph.protocol.driver import part_headers
from airflow_provider_onedrive.graph.protocol.errors import (
    GraphError,
    ItemNotFound,
    Locked,
    ServiceUnavailable,
)
from airflow_provider_onedrive.graph.protocol.fields import objects, required
from airflow_provider_onedrive.graph.protocol.messages import Flow, Request
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.refusals import error_from
from airflow_provider_onedrive.graph.protocol.retry import was_refused

# Graph refuses a batch of more parts with 400: https://learn.microsoft.com/en-us/graph/json-batching
BATCH_ITEMS = 20
# As many as RetryPolicy makes by default, in half a minute at most. The driver repeats no part: it sees only the batch,
# whose status is 200.
_ROUNDS = 7
_DONE, _BAD = 204, 400


def delete_items(items: Sequence[DriveItem], *, permanent: bool = False) -> Flow[list[GraphError | None]]:
    """Delete up to 20 items, each only in the version that was seen; what has gone already is as good.

    :return: what stood in the way of each, in the order of the items.
    """
    problems: list[GraphError | None] = [None] * len(items)
    left = list(range(len(items)))
    for failures in range(_ROUNDS):
        body = {"requests": [_deletion(number, items[number], permanent=permanent) for number in left]}
        etags = {items[number].id: items[number].etag for number in left}
        response = yield Request("POST", "/$batch", json=body, failures=failures, etags=etags)
        # By id, because Graph answers the parts in any order.
        answers = {required(part, "id", str): part for part in objects(response.body, "responses")}
        for number in left:
            problems[number] = _problem(answers.get(str(number)), items[number])
        yield from _forget_gone(problems, items)
        left = [number for number in left if _is_passing(problems[number])]
        if not left:
            break
    return problems


def _is_passing(problem: GraphError | None) -> bool:
    """Return whether a part is sent again: as a deletion of its own would be."""
    return problem is not None and (isinstance(problem, (Locked, ServiceUnavailable)) or was_refused(problem))


def _forget_gone(problems: list[GraphError | None], items: Sequence[DriveItem]) -> Flow[None]:
    """Take those that were not found for deleted, if they have surely gone; the others are to be deleted again."""
    missing = [number for number, problem in enumerate(problems) if isinstance(problem, ItemNotFound)]
    for number, is_gone in zip(missing, (yield from gone_among([items[each] for each in missing])), strict=True):
        problems[number] = None if is_gone else not_deleted(cast("ItemNotFound", problems[number]))


def in_batches(items: Sequence[DriveItem]) -> Iterator[Sequence[DriveItem]]:
    """Cut a list into what one request takes."""
    for start in range(0, len(items), BATCH_ITEMS):
        yield items[start : start + BATCH_ITEMS]


def _deletion(number: int, item: DriveItem, *, permanent: bool) -> dict[str, Any]:
    action = "permanentDelete" if permanent else ""
    method = "POST" if permanent else "DELETE"
    # The page of permanentDelete names no If-Match header: only what goes to the recycle bin is bound to a version.
    headers = {"If-Match": item.etag} if item.etag and not permanent else {}
    return {"id": str(number), "method": method, "url": item_url(item.drive_id, item.id, action), "headers": headers}


def _problem(answer: Mapping[str, Any] | None, item: DriveItem) -> GraphError | None:
    path = item_url(item.drive_id, item.id)
    if answer is None:
        return ServiceUnavailable("Graph left one part of a batch unanswered", method="DELETE", path=path)
    status = required(answer, "status", int)
    if status == _DONE:
        return None
    if status < _BAD:
        return ServiceUnavailable(f"Graph answered with {status} instead of {_DONE}", method="DELETE", path=path)
    return error_from(status, part_headers(answer), answer.get("body"), method="DELETE", path=path)
