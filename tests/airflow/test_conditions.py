"""What a sensor waits for: a flow driven by hand, and pure predicates."""

from __future__ import annotations

from typing import Any

import pytest
from asking_nothing import locate

from airflow_provider_onedrive.conditions import MAX_FOUND_ITEMS, FileCondition, Selection, outlives
from airflow_provider_onedrive.graph.errors import (
    AccessDenied,
    BadRequest,
    ConfigurationError,
    DriveNotFound,
    ItemNotFound,
    LocationError,
    Locked,
    OneDriveError,
    ServiceUnavailable,
    Stopped,
    Throttled,
    Unauthenticated,
)
from airflow_provider_onedrive.graph.locations import Address, parse
from airflow_provider_onedrive.graph.messages import Flow, Response
from airflow_provider_onedrive.graph.models import DriveItem


def an_item(name: str, *, is_folder: bool = False) -> DriveItem:
    return DriveItem.from_json(as_json(name, "folder" if is_folder else "file"), lambda *_: f"myfiles/{name}")


def as_json(name: str, kind: str = "file") -> dict[str, Any]:
    times = {"createdDateTime": "2026-01-02T00:00:00Z", "lastModifiedDateTime": "2026-01-02T00:00:00Z"}
    return {"id": name, "name": name, kind: {}, "parentReference": {"driveId": "d", "path": "/drives/d/root:"}} | times


class Client:
    """The address part of a client."""

    def locate(self, location: Any) -> Flow[Address]:
        return locate(parse(location))

    def forget(self, address: Address) -> None:
        pass


def answers(condition: FileCondition, *replies: Any) -> tuple[list[str], list[DriveItem]]:
    """Drive a flow with prepared answers; return what it asked for, and its result."""
    flow, asked = condition.look(Client()), []
    try:
        request = next(flow)
        for reply in replies:
            asked.append(request.url)
            failed = isinstance(reply, Exception)
            request = flow.throw(reply) if failed else flow.send(Response(200, {}, reply))
    except StopIteration as end:
        return asked, end.value
    raise AssertionError(f"the flow wants more: {request}")


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*.csv", "a.csv", True),
        ("*.csv", "A.CSV", True),
        ("*.csv", "a.csv.tmp", False),
        ("a?.csv", "a1.csv", True),
        ("a?.csv", "a.csv", False),
        ("[a].csv", "[a].csv", True),
        ("[a].csv", "a.csv", False),
        ("Ärger*", "ärger.txt", True),
        ("a.csv", "abcsv", False),
        ("*", "anything at all", True),
        (None, "anything at all", True),
        ("a\n*", "a\nb", True),
        ("*a*a*a*a*a*a*a*a*b", "a" * 200, False),
    ],
)
def test_patterns(pattern: str | None, name: str, matches: bool) -> None:
    """Only ``*`` and ``?`` are special, and case does not count, as OneDrive's names have none."""
    assert Selection(pattern).matches(an_item(name)) is matches


@pytest.mark.parametrize(("kind", "kinds"), [("file", [False]), ("folder", [True]), ("any", [False, True])])
def test_kinds(kind: Any, kinds: list[bool]) -> None:
    """``kind`` says whether files, folders or both are meant."""
    assert [it for it in (False, True) if Selection(None, kind).matches(an_item("a", is_folder=it))] == kinds


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (Selection("", "any"), "file_pattern is empty.*template"),
        (Selection("  ", "any"), "file_pattern is empty.*template"),
        (Selection("in/*.csv", "any"), "has a slash.*Put the folders into the location"),
        (Selection(None, "files"), "kind is 'files'.*'file', 'folder' or 'any'"),  # type: ignore[arg-type]
    ],
)
def test_a_selection_that_can_match_nothing_is_refused(selection: Selection, message: str) -> None:
    """What could only wait for ever is an error that says what to do."""
    with pytest.raises(ConfigurationError, match=message):
        selection.check()


def test_one_item_is_looked_at() -> None:
    """A location without ``/`` and pattern is that one item: one request per look."""
    asked, found = answers(FileCondition("drives/d/a.csv"), as_json("a.csv"))
    assert (asked, [item.name for item in found]) == (["/drives/d/root:/a.csv"], ["a.csv"])


@pytest.mark.parametrize("condition", [FileCondition("drives/d/in/"), FileCondition("drives/d/in", "*")])
def test_a_folder_is_listed(condition: FileCondition) -> None:
    """A trailing ``/`` or a pattern means what is in the folder; only what matches is found."""
    page = {"value": [as_json("a.csv"), as_json("sub", "folder")]}
    asked, found = answers(condition, page)
    assert asked[0].startswith("/drives/d/root:/in:/children")
    assert [item.name for item in found] == ["a.csv"]


def test_all_pages_are_read() -> None:
    """A listing in several pages is one answer."""
    first = {"value": [as_json("a.csv")], "@odata.nextLink": "https://graph.microsoft.com/v1.0/next"}
    asked, found = answers(FileCondition("drives/d/in/"), first, {"value": [as_json("b.csv")]})
    assert asked[1] == "https://graph.microsoft.com/v1.0/next"
    assert [item.name for item in found] == ["a.csv", "b.csv"]


def test_an_item_dict_is_looked_at_by_its_id() -> None:
    """An item dict as it stands in XCom is a location."""
    asked, _ = answers(FileCondition({"drive_id": "d", "id": "7"}), as_json("a.csv"))
    assert asked == ["/drives/d/items/7"]


def test_the_item_dict_of_a_folder_with_a_pattern() -> None:
    """An item dict has no trailing ``/``; a pattern says that what is in the folder is meant."""
    condition = FileCondition({"drive_id": "d", "id": "7", "is_folder": True}, "*")
    asked, found = answers(condition, {"value": [as_json("a.csv")]})
    assert asked[0].startswith("/drives/d/items/7/children")
    assert [item.name for item in found] == ["a.csv"]


@pytest.mark.parametrize("location", ["drives/d/in/a.csv", "drives/d/in/"])
def test_what_is_missing_is_waited_for(location: str) -> None:
    """A missing file, or its missing folder, is "not yet" when the drive is there."""
    _, found = answers(FileCondition(location), ItemNotFound("no"), {"id": "root"})
    assert found == []


@pytest.mark.parametrize("location", ["drives/d/in/a.csv", "drives/d/in/"])
def test_a_missing_drive_fails(location: str) -> None:
    """In a drive that does not exist nothing will ever appear."""
    with pytest.raises(DriveNotFound, match="Cannot wait for drives/d/in/"):
        answers(FileCondition(location), ItemNotFound("no"), ItemNotFound("no drive"))


def test_a_folder_is_not_taken_for_a_file() -> None:
    """A folder where a file is waited for is an error that shows both ways out."""
    with pytest.raises(LocationError, match=r"is a folder.*End the location with '/'.*kind='folder'"):
        answers(FileCondition("drives/d/in"), as_json("in", "folder"))


def test_a_file_is_not_taken_for_a_folder() -> None:
    """A file where a folder is waited for is an error."""
    with pytest.raises(LocationError, match=r"is a file, and the sensor waits for a folder"):
        answers(FileCondition("drives/d/in", kind="folder"), as_json("in"))


def test_too_many_items_are_an_error() -> None:
    """A result is never cut silently."""
    page = {"value": [as_json(str(number)) for number in range(MAX_FOUND_ITEMS + 1)]}
    with pytest.raises(ConfigurationError, match=r"More than 1000 items of drives/d/in/ match.*Narrow file_pattern"):
        answers(FileCondition("drives/d/in/"), page)


@pytest.mark.parametrize(
    ("error", "goes_on"),
    [
        (Throttled("busy", status=429), True),
        (ServiceUnavailable("away", status=503), True),
        (ServiceUnavailable("no answer"), True),
        (Locked("open", status=423), True),
        (Unauthenticated("Unable to initialize RPS", status=401), True),
        (Unauthenticated("Access token has expired", status=401), False),
        (AccessDenied("no", status=403), False),
        (BadRequest("what", status=400), False),
        (DriveNotFound("no drive", status=404), False),
        (LocationError("nonsense"), False),
        (ConfigurationError("wrong"), False),
        (Stopped("stopped"), False),
    ],
)
def test_what_a_wait_outlives(error: OneDriveError, goes_on: bool) -> None:
    """Graph being busy or away is no answer about the file; everything else is."""
    assert outlives(error) is goes_on
