"""Deletions that are answered with 404, with answers written by hand: the item has gone, or it is still there."""

from __future__ import annotations

from typing import Any

import pytest
from asking_nothing import PARSER, no_drive

from airflow_provider_onedrive.graph.flows import removals
from airflow_provider_onedrive.graph.flows.absence import LATER
from airflow_provider_onedrive.graph.flows.items import ITEM_FIELDS
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.protocol.addresses import address_of
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    DriveNotFound,
    ItemNotFound,
    LocationError,
    PreconditionFailed,
    ServiceUnavailable,
    UnreadableAnswer,
)
from airflow_provider_onedrive.graph.protocol.messages import Response
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.options import DeleteOptions

AT = address_of(PARSER.parse("drives/D/in/a.csv"))
BY_PATH = "GET /drives/D/root:/in/a.csv"
BY_ID = "GET /drives/D/items/F?$select=id"
LISTING = "GET /drives/D/items/P/children?$top=1000&$select=id,name"
DELETE = "DELETE /drives/D/items/F"
FOR_GOOD = "POST /drives/D/items/F/permanentDelete"
ROOT_IS_THERE = ("GET /drives/D/root?$select=id", Response(200, {}, {"id": "R"}))
DONE = Response(204, {})
RETRYING = TaskAttempt(retrying=True)

Step = tuple[str, Response | Exception]


def missing() -> ItemNotFound:
    return ItemNotFound("The resource could not be found.", status=404, request_id="8d2f")


def file(samples: Any, name: str = "a.csv") -> dict[str, Any]:
    parent = {"driveId": "D", "id": "P", "path": "/drives/D/root:/in"}
    data: dict[str, Any] = samples.file(name, parentReference=parent)
    return data


def seen(samples: Any) -> DriveItem:
    return DriveItem.from_json(file(samples), AT.locate)


def is_there(samples: Any) -> tuple[Step, ...]:
    return ((BY_ID, samples.ok({"id": "F"})),)


def is_there_later(samples: Any) -> tuple[Step, ...]:
    return (BY_ID, missing()), (BY_ID, samples.ok({"id": "F"}))


def is_listed(samples: Any) -> tuple[Step, ...]:
    return (BY_ID, missing()), (BY_ID, missing()), (LISTING, samples.page({"id": "X"}, {"id": "F"}))


def has_gone(samples: Any) -> tuple[Step, ...]:
    return (BY_ID, missing()), (BY_ID, missing()), (LISTING, samples.page({"id": "X"}))


def not_found(samples: Any, *names: str) -> tuple[Step, ...]:
    """Look twice for the item, then in the listing of its folder."""
    values = [file(samples, name) for name in names] or [samples.file("b.csv", item_id="B", parent="/in")]
    return (
        *[(BY_PATH, missing()), ROOT_IS_THERE] * 2,
        ("GET /drives/D/root:/in", samples.ok(samples.folder("in"))),
        ("GET /drives/D/items/P/children?$top=1000", samples.page(*values)),
    )


# --- an item that was seen


@pytest.mark.parametrize(("permanent", "line"), [(False, DELETE), (True, FOR_GOOD)])
def test_delete_that_is_404_is_done_if_the_item_has_gone(script: Any, samples: Any, permanent: bool, line: str) -> None:
    """An answer was lost, or somebody was faster: two reads and the listing agree on that."""
    script((line, missing()), *has_gone(samples)).run(removals.delete(seen(samples), permanent=permanent))


@pytest.mark.parametrize("look", [is_there, is_there_later, is_listed])
@pytest.mark.parametrize(("permanent", "line"), [(False, DELETE), (True, FOR_GOOD)])
def test_delete_that_is_404_is_repeated_if_the_item_is_there(
    script: Any, samples: Any, permanent: bool, line: str, look: Any
) -> None:
    """404 of a deletion says nothing that one other request does not contradict; the second one waits."""
    driver = script((line, missing()), *look(samples), (line, DONE))
    driver.run(removals.delete(seen(samples), permanent=permanent, if_match="e"))
    deletions = [request for request in driver.requests if f"{request.method} {request.url}" == line]
    assert [request.failures for request in deletions] == [0, 1]
    assert [request.headers for request in deletions] == [{"If-Match": "e"}] * 2


def test_item_that_goes_after_a_while_is_deleted(script: Any, samples: Any) -> None:
    """Each 404 is looked at anew: the second deletion may have done it although it says 404."""
    script((DELETE, missing()), *is_there(samples), (DELETE, missing()), *has_gone(samples)).run(
        removals.delete(seen(samples))
    )


@pytest.mark.parametrize("look", [is_there, is_there_later, is_listed])
def test_delete_that_stays_404_is_an_error(script: Any, samples: Any, look: Any) -> None:
    """After four times the item is still there, so it is not said to be deleted; a later attempt may delete it."""
    driver = script(*[(DELETE, missing()), *look(samples)] * removals.DELETES)
    with pytest.raises(ServiceUnavailable, match="The item is still there: retry later") as caught:
        driver.run(removals.delete(seen(samples)))
    error = caught.value
    assert (error.is_retryable, error.status, error.request_id) == (True, 404, "8d2f")
    assert not isinstance(error, FileNotFoundError)
    assert [request.failures for request in driver.requests if request.method == "DELETE"] == [0, 1, 2, 3]


def test_refusal_after_a_404_is_an_error(script: Any, samples: Any) -> None:
    """The item that is still there may be another version by now."""
    stale = PreconditionFailed("ETag does not match", status=412)
    with pytest.raises(PreconditionFailed):
        script((DELETE, missing()), *is_there(samples), (DELETE, stale)).run(removals.delete(seen(samples)))


# --- a location


def test_removed_item_may_have_gone_meanwhile(script: Any, samples: Any) -> None:
    """It was read, and is returned: it has gone, as was wanted."""
    driver = script((BY_PATH, samples.ok(file(samples))), (DELETE, missing()), *has_gone(samples))
    assert [item.id for item in driver.run(removals.remove(AT))] == ["F"]


def test_folder_without_its_facet_is_not_deleted_as_a_file(script: Any, samples: Any) -> None:
    """Nobody said that it is a file, and it may be a folder that holds something."""
    folder = samples.folder("a.csv", item_id="F", child_count=3, folder=None)
    with pytest.raises(UnreadableAnswer, match="'file' is missing"):
        script((BY_PATH, samples.ok(folder))).run(removals.remove(AT))
    listed = (*not_found(samples)[:-1], ("GET /drives/D/items/P/children?$top=1000", samples.page(folder)))
    with pytest.raises(UnreadableAnswer, match="'file' is missing"):
        script(*listed).run(removals.remove(AT, ignore_if_missing=True))


def test_folder_with_an_item_of_no_kind_is_not_deleted(script: Any, samples: Any) -> None:
    """It may be a folder, and then nobody knows how much would go."""
    folder = samples.ok(samples.folder("a.csv", item_id="F", child_count=1))
    page = samples.page(samples.item("odd", "O"))
    driver = script((BY_PATH, folder), (f"GET /drives/D/items/F/children?$top=1000&$select={ITEM_FIELDS}", page))
    with pytest.raises(ServiceUnavailable, match="could not be read"):
        driver.run(removals.remove(AT, recursive=True))


@pytest.mark.parametrize("parent", [None, {}, {"id": "P", "path": "/drives/D/root:/in"}])
def test_item_of_an_unnamed_drive_is_not_taken_for_deleted(script: Any, samples: Any, parent: Any) -> None:
    """A path without the drive's id would be 404 however often it is asked for."""
    with pytest.raises(UnreadableAnswer, match="'driveId' is missing"):
        script((BY_PATH, samples.ok(samples.file(parentReference=parent)))).run(removals.remove(AT))


def test_removal_of_an_item_that_is_there_is_never_said_to_be_done(script: Any, samples: Any) -> None:
    """Whether missing items are ignored makes no difference: it is not missing."""
    for more in ({}, {"ignore_if_missing": True}, {"attempt": RETRYING}):
        steps = [(DELETE, missing()), *is_there(samples)] * removals.DELETES
        with pytest.raises(ServiceUnavailable):
            script((BY_PATH, samples.ok(file(samples))), *steps).run(removals.remove(AT, **more))


def test_missing_item_is_an_error_after_a_second_look(script: Any, samples: Any) -> None:
    """Who wants otherwise says so; the error is that of the first read."""
    with pytest.raises(ItemNotFound) as caught:
        script(*not_found(samples)).run(removals.remove(AT))
    assert caught.value.request_id == "8d2f"


@pytest.mark.parametrize("more", [{"ignore_if_missing": True}, {"attempt": RETRYING}])
def test_missing_item_is_ignored_if_it_is_proven_missing(script: Any, samples: Any, more: Any) -> None:
    """Two looks by its path, the second after a pause, and the listing of its folder."""
    driver = script(*not_found(samples))
    assert driver.run(removals.remove(AT, **more)) == []
    assert [request.failures for request in driver.requests if f"GET {request.url}" == BY_PATH] == [0, LATER]


def test_dry_run_of_a_later_attempt_does_not_ignore_a_missing_item(script: Any, samples: Any) -> None:
    """No earlier attempt has deleted it."""
    options = DeleteOptions(dry_run=True)
    with pytest.raises(ItemNotFound):
        script(*not_found(samples)).run(removals.remove(AT, options=options, attempt=RETRYING))


@pytest.mark.parametrize("more", [{}, {"ignore_if_missing": True}, {"attempt": RETRYING}])
def test_item_that_was_missing_for_a_moment_is_deleted(script: Any, samples: Any, more: Any) -> None:
    """It would be called deleted, and would be there."""
    again = (BY_PATH, samples.ok(file(samples)))
    driver = script((BY_PATH, missing()), ROOT_IS_THERE, again, (DELETE, DONE))
    assert [item.id for item in driver.run(removals.remove(AT, **more))] == ["F"]


@pytest.mark.parametrize("name", ["a.csv", "A.csv"])
def test_item_that_only_its_folder_shows_is_deleted(script: Any, samples: Any, name: str) -> None:
    """Its id, which the listing has, leads to it."""
    driver = script(*not_found(samples, name), (DELETE, DONE))
    assert [item.name for item in driver.run(removals.remove(AT, ignore_if_missing=True))] == [name]


def test_folder_that_was_missing_for_a_moment_is_not_deleted_with_its_items(script: Any, samples: Any) -> None:
    """What is found again is checked as what was found at once."""
    again = (BY_PATH, samples.ok(samples.folder("a.csv", child_count=3)))
    with pytest.raises(LocationError, match="is a folder with 3 items"):
        script((BY_PATH, missing()), ROOT_IS_THERE, again).run(removals.remove(AT, ignore_if_missing=True))


def test_missing_drive_is_never_ignored(script: Any) -> None:
    """Nothing is known about an item of a drive that cannot be seen."""
    with pytest.raises(DriveNotFound):
        script((BY_PATH, missing()), *no_drive(missing())).run(removals.remove(AT, ignore_if_missing=True))


def test_listing_that_is_not_whole_does_not_make_an_item_missing(script: Any, samples: Any) -> None:
    """It is neither deleted nor proven missing."""
    value = samples.file("b.csv", item_id="B")
    rounds = [(f"GET /drives/D/items/P/children?$top={size}", samples.page(value, value)) for size in (1000, 500, 250)]
    with pytest.raises(ServiceUnavailable, match="the listing of its folder is not whole"):
        script(*not_found(samples)[:-1], *rounds).run(removals.remove(AT, ignore_if_missing=True))


def test_folder_that_cannot_be_counted(script, samples):
    """Nobody knows how much would go with a folder that could not be read: nothing does."""
    at, page = address_of(PARSER.parse("drives/D/in")), f"children?$top=1000&$select={ITEM_FIELDS}"
    folder = samples.folder("sub", "S", child_count=999)
    looks = [(f"GET /drives/D/items/S/{page}", missing()), ROOT_IS_THERE, ("GET /drives/D/items/S", missing())]
    driver = script(
        ("GET /drives/D/root:/in", samples.ok(samples.folder("in", "IN", child_count=1))),
        (f"GET /drives/D/items/IN/{page}", samples.page(folder)),
        *[*looks, ROOT_IS_THERE] * 3,
    )
    with pytest.raises(ServiceUnavailable, match="nobody knows"):
        driver.run(removals.remove(at, recursive=True, options=DeleteOptions(max_items=1)))


def test_missing_item_whose_folder_may_not_be_listed(script):
    """With a permission for one file only, two reads of it are all there is."""
    denied = AccessDenied("no", status=403)
    gone = [(BY_PATH, missing()), ("GET /drives/D/root?$select=id", denied)] * 2
    driver = script(*gone, ("GET /drives/D/root:/in", denied))
    assert driver.run(removals.remove(AT, ignore_if_missing=True)) == []
