"""What a sensor waits for: a flow driven by hand, and pure predicates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asking_nothing import PARSER, locate

from airflow_provider_onedrive.graph.content.filters import Filters
from airflow_provider_onedrive.graph.content.selection import Selection
from airflow_provider_onedrive.graph.flows.items import ITEM_FIELDS
from airflow_provider_onedrive.graph.protocol.addresses import Address
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    BadRequest,
    ConfigurationError,
    DriveNotFound,
    IdentityUnavailable,
    ItemNotFound,
    LocationError,
    Locked,
    OneDriveError,
    ServiceUnavailable,
    Stopped,
    Throttled,
    Unauthenticated,
)
from airflow_provider_onedrive.graph.protocol.messages import Flow, Response
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.tracking.conditions import (
    IGNORED,
    MAX_MATCHES,
    FileCondition,
    PollResult,
    Stability,
    is_transient,
)


def an_item(name: str, *, is_folder: bool = False) -> DriveItem:
    return DriveItem.from_json(as_json(name, "folder" if is_folder else "file"), lambda *_: f"myfiles/{name}")


def as_json(name: str, kind: str = "file") -> dict[str, Any]:
    times = {"createdDateTime": "2026-01-02T00:00:00Z", "lastModifiedDateTime": "2026-01-02T00:00:00Z"}
    return {"id": name, "name": name, kind: {}, "parentReference": {"driveId": "d", "path": "/drives/d/root:"}} | times


class Client:
    """The address part of a client."""

    parser = PARSER

    def locate(self, location: Any) -> Flow[Address]:
        return locate(PARSER.parse(location))

    def forget(self, address: Address) -> None:
        pass


def condition_of(
    location: Any,
    file_pattern: str | None = None,
    *,
    kind: str = "file",
    regex: str | None = None,
    recursive: bool = False,
    newer_than: datetime | None = None,
    min_size: int | None = None,
    ignore: Sequence[str] = IGNORED,
    **others: Any,
) -> FileCondition:
    filters = Filters(file_pattern, regex, ignore, newer_than=newer_than, min_size=min_size)
    return FileCondition(location, Selection(filters, kind, recursive), **others)


def answers(condition: FileCondition, *replies: Any) -> tuple[list[str], list[DriveItem]]:
    """Drive a flow with prepared answers; return what it asked for, and its result."""
    flow, asked = condition.poll(Client()), []
    try:
        request = next(flow)
        for reply in replies:
            asked.append(request.url)
            failed = isinstance(reply, Exception)
            request = flow.throw(reply) if failed else flow.send(Response(200, {}, reply))
    except StopIteration as end:
        return asked, list(end.value.items)
    raise AssertionError(f"the flow wants more: {request}")


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"file_pattern": "*.csv"}, ["A.CSV", "a.csv", "[a].csv"]),
        ({"file_pattern": "[a].csv"}, ["[a].csv"]),
        ({"file_pattern": "?.csv"}, ["A.CSV", "a.csv"]),
        ({"regex": r"^a\."}, ["a.csv", "a.csv.part"]),
        ({"min_size": 2}, ["[a].csv"]),
        ({"newer_than": datetime(2026, 1, 2, 12, tzinfo=UTC)}, ["A.CSV"]),
        ({"kind": "folder", "file_pattern": "*"}, ["sub"]),
        ({"kind": "any", "file_pattern": "*u*"}, ["sub"]),
        ({"ignore": ()}, ["A.CSV", "[a].csv", "a.csv", "a.csv.part", "x.TMP", "~$a.docx"]),
        ({}, ["A.CSV", "[a].csv", "a.csv", "a.csv.part"]),
        ({"min_items": 5}, []),
        ({"min_items": 4}, ["A.CSV", "[a].csv", "a.csv", "a.csv.part"]),
    ],
    ids=str,
)
def test_what_counts(given: Any, names: list[str]) -> None:
    """Each parameter chooses; what Office and browsers leave does not count by default."""
    files = [as_json(name) for name in ("a.csv", "a.csv.part", "~$a.docx", "x.TMP")]
    files += [as_json("A.CSV") | {"lastModifiedDateTime": "2026-01-03T00:00:00Z"}, as_json("[a].csv") | {"size": 2}]
    _, found = answers(condition_of("drives/d/in/", **given), {"value": [*files, as_json("sub", "folder")]})
    assert sorted(item.name for item in found) == sorted(names)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (condition_of("drives/d/", ""), "file_pattern is empty.*template"),
        (condition_of("drives/d/", "  "), "file_pattern is empty.*template"),
        (condition_of("drives/d/", regex="("), "regex '\\(' cannot be read"),
        (condition_of("drives/d/", kind="files"), "kind is 'files'.*'file', 'folder' or 'any'"),  # type: ignore[arg-type]
        (condition_of([]), "location is an empty list"),
        (condition_of("drives/d/", min_items=0), "min_items is 0"),
        (condition_of("drives/d/", min_items=3, max_items=2), "min_items is 3 and max_items 2"),
    ],
)
def test_a_condition_that_can_never_hold_is_refused(condition: FileCondition, message: str) -> None:
    """What could only wait for ever is an error that says what to do."""
    with pytest.raises(ConfigurationError, match=message):
        answers(condition)


def test_folders_of_the_folder() -> None:
    """A pattern with ``/`` or ``**`` looks there; one that has gone meanwhile is left out."""
    sub = as_json("sub", "folder") | {"folder": {"childCount": 1}, "id": "S"}
    gone = as_json("gone", "folder") | {"folder": {"childCount": 1}, "id": "G"}
    condition = condition_of("drives/d/in/", "**/*.csv")
    asked, found = answers(
        condition,
        {"value": [sub, gone, as_json("a.csv")]},
        *3 * [ItemNotFound("no"), {"id": "root"}, ItemNotFound("no"), {"id": "root"}],
        {"value": [as_json("b.csv")]},
    )
    assert sorted(item.name for item in found) == ["a.csv", "b.csv"]
    listing, folder = "/drives/d/items/G/children", "/drives/d/items/G"
    paths = [url.partition("?")[0] for url in asked if "/root?" not in url]
    assert paths[1:] == [*3 * [listing, folder], "/drives/d/items/S/children"]


def test_groups_of_the_regex() -> None:
    """They come with the item, also through XCom; other items have none."""
    condition = condition_of("drives/d/in/", regex=r"(?P<region>\w+)_(?P<day>\d+)?")
    _, (found,) = answers(condition, {"value": [as_json("north_.csv"), as_json("other.csv")]})
    assert found.to_dict()["groups"] == {"region": "north"}
    _, (plain,) = answers(condition_of("drives/d/in/"), {"value": [as_json("a.csv")]})
    assert "groups" not in plain.to_dict()


def test_each_of_several_locations() -> None:
    """All have to have something; the first that has nothing ends the look."""
    several = condition_of(["drives/d/in/", "drives/d/a.csv"])
    assert [item.name for item in answers(several, {"value": [as_json("b.csv")]}, as_json("a.csv"))[1]] == [
        *("b.csv", "a.csv")
    ]
    assert answers(several, {"value": []}, as_json("in", "folder")) == (
        ["/drives/d/root:/in:/children?$top=1000&$select=" + ITEM_FIELDS, "/drives/d/root:/in"],
        [],
    )


def test_a_pattern_in_the_location() -> None:
    """As in the other operators."""
    _, found = answers(condition_of("drives/d/in/*.csv"), {"value": [as_json("b.csv"), as_json("b.txt")]})
    assert [item.name for item in found] == ["b.csv"]


# --- what has settled


def result(size: int = 3, etag: str = "1", at: int = 0, **more: Any) -> PollResult:
    item = DriveItem.from_json(as_json("a.csv") | {"size": size, "eTag": etag}, lambda *_: "drives/d/a.csv")
    return PollResult((item,), server_time=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=at), **more)


@pytest.mark.parametrize(
    ("looks", "settles"),
    [
        ([result(at=0), result(at=60)], True),
        ([result(at=0), result(at=59)], False),
        ([result(at=0), result(at=30), result(at=60)], True),
        ([result(at=0)], False),
        ([result(at=0), result(size=4, at=60)], False),
        ([result(at=0), result(etag="2", at=60)], False),
        ([result(at=0), result(etag="2", at=60), result(etag="2", at=120)], True),
        ([result(size=0, at=0), result(size=0, at=60)], False),
        ([result(at=0), result(at=60, busy=frozenset({"a.csv"}))], False),
        ([result(at=0), PollResult(), result(at=60)], False),
        ([result(at=100), result(at=0), result(at=60)], False),
    ],
)
def test_what_has_settled(looks: list[PollResult], settles: bool) -> None:
    """The same size and eTag at two looks, a minute apart by the server's clock, not empty and not checked out."""
    stability = Stability(60.0)
    for each in looks:
        stable = stability.stable(each, now=10**9)
        stability = Stability(60.0, json.loads(json.dumps(stability.to_dict())))  # as after a reschedule
    assert bool(stable) is settles


def test_a_server_that_tells_no_time() -> None:
    """This machine's clock is taken then."""
    stability, looked = Stability(60.0), replace(result(), server_time=None)
    assert not stability.stable(looked, 100.0)
    assert stability.stable(looked, 160.0)


def test_a_file_that_is_checked_out() -> None:
    """It is asked for only where it matters."""
    out = as_json("a.csv") | {"publication": {"level": "checkout"}}
    condition = condition_of("drives/d/in/", reads_checkouts=True)
    flow = condition.poll(Client())
    assert next(flow).url.endswith(f"{ITEM_FIELDS},publication")
    with pytest.raises(StopIteration) as end:
        flow.send(Response(200, {"date": "Fri, 02 Jan 2026 00:00:00 GMT"}, {"value": [out]}))
    assert end.value.value.busy == {"a.csv"}
    assert end.value.value.server_time == datetime(2026, 1, 2, tzinfo=UTC)


def test_one_item_is_looked_at() -> None:
    """A location without ``/`` and pattern is that one item: one request per look."""
    asked, found = answers(condition_of("drives/d/a.csv"), as_json("a.csv"))
    assert (asked, [item.name for item in found]) == (["/drives/d/root:/a.csv"], ["a.csv"])


@pytest.mark.parametrize("condition", [condition_of("drives/d/in/"), condition_of("drives/d/in", "*")])
def test_a_folder_is_listed(condition: FileCondition) -> None:
    """A trailing ``/`` or a pattern means what is in the folder; only what matches is found."""
    page = {"value": [as_json("a.csv"), as_json("sub", "folder")]}
    asked, found = answers(condition, page)
    assert asked[0].startswith("/drives/d/root:/in:/children")
    assert [item.name for item in found] == ["a.csv"]


def test_all_pages_are_read() -> None:
    """A listing in several pages is one answer."""
    first = {"value": [as_json("a.csv")], "@odata.nextLink": "https://graph.microsoft.com/v1.0/next"}
    asked, found = answers(condition_of("drives/d/in/"), first, {"value": [as_json("b.csv")]})
    assert asked[1] == "https://graph.microsoft.com/v1.0/next"
    assert [item.name for item in found] == ["a.csv", "b.csv"]


def test_an_item_dict_is_looked_at_by_its_id() -> None:
    """An item dict as it stands in XCom is a location."""
    asked, _ = answers(condition_of({"drive_id": "d", "id": "7"}), as_json("a.csv"))
    assert asked == ["/drives/d/items/7"]


def test_the_item_dict_of_a_folder_with_a_pattern() -> None:
    """An item dict has no trailing ``/``; a pattern says that what is in the folder is meant."""
    condition = condition_of({"drive_id": "d", "id": "7", "is_folder": True}, "*")
    asked, found = answers(condition, {"value": [as_json("a.csv")]})
    assert asked[0].startswith("/drives/d/items/7/children")
    assert [item.name for item in found] == ["a.csv"]


@pytest.mark.parametrize("location", ["drives/d/in/a.csv", "drives/d/in/"])
def test_what_is_missing_is_waited_for(location: str) -> None:
    """A missing file, or its missing folder, is "not yet" when the drive is there."""
    _, found = answers(condition_of(location), ItemNotFound("no"), {"id": "root"})
    assert found == []


@pytest.mark.parametrize("location", ["drives/d/in/a.csv", "drives/d/in/"])
def test_a_missing_drive_fails(location: str) -> None:
    """In a drive that does not exist nothing will ever appear."""
    with pytest.raises(DriveNotFound, match="Cannot wait for drives/d/in/"):
        answers(condition_of(location), ItemNotFound("no"), *[ItemNotFound("no drive")] * 3)


def test_a_folder_is_not_taken_for_a_file() -> None:
    """A folder where a file is waited for is an error that shows both ways out."""
    with pytest.raises(LocationError, match=r"is a folder.*End the location with '/'.*kind='folder'"):
        answers(condition_of("drives/d/in"), as_json("in", "folder"))


def test_a_file_is_not_taken_for_a_folder() -> None:
    """A file where a folder is waited for is an error."""
    with pytest.raises(LocationError, match=r"is a file, and the sensor waits for a folder"):
        answers(condition_of("drives/d/in", kind="folder"), as_json("in"))


def test_too_many_items_are_an_error() -> None:
    """A result is never cut silently."""
    page = {"value": [as_json(str(number)) for number in range(MAX_MATCHES + 1)]}
    with pytest.raises(ConfigurationError, match=r"More than 1000 items of drives/d/in/ match.*Narrow file_pattern"):
        answers(condition_of("drives/d/in/"), page)


@pytest.mark.parametrize(
    ("error", "goes_on"),
    [
        (Throttled("busy", status=429), True),
        (ServiceUnavailable("away", status=503), True),
        (ServiceUnavailable("no answer"), True),
        (Locked("open", status=423), True),
        (IdentityUnavailable("Unable to initialize RPS", status=401), True),
        (Unauthenticated("Unable to initialize RPS", status=401), False),
        (Unauthenticated("Access token has expired", status=401), False),
        (AccessDenied("no", status=403), False),
        (BadRequest("what", status=400), False),
        (DriveNotFound("no drive", status=404), False),
        (ItemNotFound("nothing", status=404), False),
        (LocationError("nonsense"), False),
        (ConfigurationError("wrong"), False),
        (Stopped("stopped"), False),
    ],
)
def test_what_a_wait_outlives(error: OneDriveError, goes_on: bool) -> None:
    """Graph being busy or away is no answer about the file; everything else is."""
    assert is_transient(error) is goes_on
