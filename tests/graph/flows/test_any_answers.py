"""Whatever a server answers, a flow ends with a result or with an error of this package."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.content.filters import Filters
from airflow_provider_onedrive.graph.content.selection import Selection
from airflow_provider_onedrive.graph.content.sinks import RangeSink
from airflow_provider_onedrive.graph.content.sources import MemorySource
from airflow_provider_onedrive.graph.flows import (
    absence,
    batches,
    copies,
    delta,
    downloads,
    items,
    moves,
    removals,
    suggestions,
    uploads,
)
from airflow_provider_onedrive.graph.flows.allowlist import AllowList
from airflow_provider_onedrive.graph.flows.destinations import Relocation
from airflow_provider_onedrive.graph.flows.downloads import Links
from airflow_provider_onedrive.graph.flows.resolver import Resolver
from airflow_provider_onedrive.graph.flows.session_state import OpenSession, TaskAttempt
from airflow_provider_onedrive.graph.flows.upload_plan import UploadOptions
from airflow_provider_onedrive.graph.flows.walk import FolderWalk, Walk, read_items, read_page, walk_of
from airflow_provider_onedrive.graph.protocol.addresses import Address, address_of
from airflow_provider_onedrive.graph.protocol.driver import FlowDriver, asked_pause_seconds, response_of, url_of
from airflow_provider_onedrive.graph.protocol.errors import GraphError, OneDriveError, UnreadableAnswer
from airflow_provider_onedrive.graph.protocol.location_parser import LocationParser
from airflow_provider_onedrive.graph.protocol.locations import Location
from airflow_provider_onedrive.graph.protocol.messages import Flow, OutcomeUnknown, Request, Response
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.tracking.conditions import FileCondition
from airflow_provider_onedrive.graph.tracking.sync import take
from airflow_provider_onedrive.graph.tracking.tree import FolderIndex

GRAPH_URL = "https://graph.microsoft.com"
UPLOAD_URL = "https://contoso.sharepoint.com/upload"
REQUESTS = 10
"""After so many a flow is left: some ask as long as they get pages."""

FILE = {
    "id": "F",
    "name": "a.csv",
    "size": 3,
    "eTag": "e",
    "cTag": "c",
    "createdDateTime": "2026-01-02T03:04:05Z",
    "lastModifiedDateTime": "2026-01-02T03:04:06.1234567Z",
    "fileSystemInfo": {"lastModifiedDateTime": "2025-12-31T23:59:59Z"},
    "webUrl": "https://contoso.sharepoint.com/a.csv",
    "file": {"mimeType": "text/csv", "hashes": {"quickXorHash": "YQAAAAAAAAAAAAAAAAAAAAAAAAA="}},
    "parentReference": {"driveId": "D", "id": "P", "path": "/drives/D/root:/in", "driveType": "business"},
    "@microsoft.graph.downloadUrl": "https://contoso.sharepoint.com/content",
    "publication": {"level": "checkout"},
}
FOLDER = FILE | {"id": "P", "name": "in", "folder": {"childCount": 2}, "file": None, "size": 4}
ROOT = FOLDER | {"id": "R", "name": "root", "root": {}}
NOTEBOOK = FILE | {"id": "N", "name": "b", "package": {"type": "oneNote"}, "file": None}
SHORTCUT = FILE | {"name": "team", "remoteItem": {"id": "S", "parentReference": {"driveId": "T"}}}
PAGE = {"value": [FILE, FOLDER], "@odata.nextLink": f"{GRAPH_URL}/v1.0/next"}
LAST_PAGE = {"value": [FILE, NOTEBOOK, SHORTCUT], "@odata.deltaLink": f"{GRAPH_URL}/v1.0/delta"}
DELTA = {"value": [ROOT, FILE, FOLDER, {"id": "X", "deleted": {}}], "@odata.deltaLink": f"{GRAPH_URL}/v1.0/delta"}
SESSION = {"uploadUrl": UPLOAD_URL, "expirationDateTime": "2026-01-03T00:00:00Z", "nextExpectedRanges": ["0-"]}
MONITOR = {"status": "inProgress", "percentageComplete": 27.8}
COPIED = {"status": "completed", "resourceId": "F"}
FAILED = {"status": "failed", "error": {"code": "x", "message": "y", "details": [{"code": "nameAlreadyExists"}]}}
BATCH = {
    "responses": [
        {"id": "0", "status": 204},
        {"id": "1", "status": 429, "headers": {"Retry-After": "1"}, "body": {"error": {"code": "x"}}},
    ]
}
SITE = {"id": "contoso.sharepoint.com,1,2"}
LIBRARIES = {"value": [{"id": "D", "name": "Documents", "webUrl": "https://contoso.sharepoint.com/Docs"}]}
QUOTA = {"quota": {"remaining": 10**12, "state": "normal"}}
REFUSAL = {"error": {"code": "itemNotFound", "message": "Gone", "innerError": {"code": "x", "innerError": {}}}}
EVERYTHING: tuple[Mapping[str, Any], ...] = (
    *(FILE, FOLDER, ROOT, NOTEBOOK, SHORTCUT, PAGE, LAST_PAGE, DELTA, SESSION, MONITOR, COPIED, FAILED, BATCH, SITE),
    *(LIBRARIES, QUOTA, REFUSAL),
)


def names_in(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from names_in(each)


NAMES = sorted(set(names_in(list(EVERYTHING))))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, -1, 10**400, float("inf"), float("nan"), 1e300])
    | st.text(max_size=5)
    | st.sampled_from(["\ud800", "", ".", "..", "/", "root:/", "0-", "9-8", "https://[x", "https://x.example:99999/"])
    | st.sampled_from(["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "2026-13-01", "2026-01-01T00:00:00"])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(NAMES), below, max_size=4),
    max_leaves=10,
)
JUNK = [b"", b"<html>", b"[" * 100_000, b'{"a":' * 5_000, b"\xff\xfe", b"NaN", b"[]", b'"text"', b"7", b"null"]
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "location": st.sampled_from(["https://contoso.sharepoint.com/x", "", "http://x", "//", "https://[x"]),
        "retry-after": st.sampled_from(["1", "9" * 400, "-1", "soon", "1.5"]),
        "content-range": st.sampled_from(["bytes 0-2/3", "bytes 9-1/x", "\u0661"]),
        "date": st.sampled_from(["Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 99 Oct 99999", "x", "21 Oct 2026 +99999999"]),
        "request-id": st.text(max_size=3),
    },
)


def spots(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value within another."""
    yield path
    for key, each in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from spots(each, (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return a copy with another value at a path; an ellipsis takes the value away."""
    if not path:
        return None if new is ... else new
    key, *below = path
    twin = dict(value) if isinstance(value, dict) else list(value)
    if new is ... and not below:
        del twin[key]
    else:
        twin[key] = changed(twin[key], tuple(below), new)
    return twin


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Make the body of an answer: most are those of Graph with one value that is wrong."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from(JUNK))
    body: Any = draw(st.sampled_from(EVERYTHING) if draw(st.integers(0, 3)) else ANYTHING)
    for _ in range(draw(st.integers(0, 2))):
        body = changed(body, draw(st.sampled_from(list(spots(body)))), draw(ANYTHING | st.just(...)))
    return json.dumps(body).encode()


STATUSES = st.sampled_from([200] * 8 + [201, 202, 202, 204, 206, 302, 303, 400, 401, 403, 404, 404, 409, 412, 416, 503])


def answered(driver: FlowDriver[Any], data: st.DataObject) -> None:
    """Answer one request of a flow with anything."""
    request = driver.request
    assert request is not None
    try:
        url_of(request, GRAPH_URL)
        response = received(request, data)
        asked_pause_seconds(request, response)
    except OneDriveError as problem:
        is_lost = isinstance(problem, GraphError) and data.draw(st.booleans())
        driver.report(OutcomeUnknown(problem) if is_lost else problem)
    else:
        driver.answer(response)


def received(request: Request, data: st.DataObject) -> Response:
    status, headers, body = data.draw(STATUSES), data.draw(HEADERS), data.draw(bodies())
    if request.sink is None or status not in (200, 206):
        return response_of(request, status, headers, body)
    request.sink.begin(status, headers)
    request.sink.write(body)
    return Response(status, headers)


def driven(flow: Flow[Any], data: st.DataObject) -> Any:
    """Drive a flow until it ends or has asked often."""
    with FlowDriver(flow) as driver:
        for _ in range(REQUESTS):
            if driver.request is None:
                return driver.result
            answered(driver, data)
    return None


SETTINGS = Settings.from_fields(
    {
        "client_id": "c",
        "client_secret": "s",
        "tenant_id": "contoso.example",
        "myfiles": "anna@contoso.example",
        "shared": {"link": "https://contoso.sharepoint.com/:f:/s/x/abc"},
        "allowed_locations": ["drives/D/in"],
    }
)


RETRYING = OpenSession(TaskAttempt(retrying=True))


def at(*names: str) -> Address:
    return address_of(Location("drives", ("D",), names=names))


class Client:
    """What a condition needs of a client."""

    parser = LocationParser("error")

    def locate(self, location: object) -> Flow[Address]:
        return Resolver(SETTINGS).locate(Location("drives", ("D",), names=("in",), is_folder=True))

    def forget(self, address: Address) -> None: ...


class Nowhere:
    """Takes bytes and keeps none."""

    def write_at(self, offset: int, piece: bytes) -> None: ...
    def empty(self) -> None: ...


def item(data: Mapping[str, Any] = FILE) -> DriveItem:
    return DriveItem.from_json(data, at().locate)


def put(size: int, if_exists: str = "fail", **more: Any) -> Flow[Any]:
    options = UploadOptions(single_put_bytes=4)
    return uploads.create(at("in", "a.csv"), MemorySource(b"a" * size), if_exists, options=options, **more)


def relocated(**more: Any) -> Relocation:
    return Relocation(at("in", "a.csv"), at("out"), **more)


def indexed() -> Flow[Any]:
    rounds = yield from delta.since(at(), f"{GRAPH_URL}/v1.0/delta")
    return (yield from take(FolderIndex(item(FOLDER)), at("in"), rounds))


def paths() -> Flow[Any]:
    page = yield from delta.page(at(), None)
    tree = delta.DeltaPathResolver(at())
    return [each for entry in page.items for each in tree.items(entry)], list(tree.homeless())


def linked(walk: Walk) -> Flow[Any]:
    return [downloads.link_of(visit.item, visit.data) for visit in (yield from read_page(walk))]


def fetched() -> Flow[Any]:
    link = yield from downloads.resolve(at("a.csv"))
    return (yield from downloads.fetch(Links(at("a.csv"), link), RangeSink(Nowhere(), 0, link.size)))


def located(root: str, *ids: str, names: tuple[str, ...] = (), **more: Any) -> Callable[[], Flow[Any]]:
    return lambda: Resolver(SETTINGS).locate(Location(root, ids, names=names, **more))


def polled(**more: Any) -> Flow[Any]:
    return FileCondition("drives/D/in/", Selection(**more), reads_checkouts=True).poll(Client())


FLOWS: dict[str, Callable[[], Flow[Any]]] = {
    "stat": lambda: items.stat(at("in", "a.csv")),
    "children": lambda: items.children(at("in")),
    "linked children": lambda: linked(FolderWalk(at("in"), recursive=False, fields="")),
    "folder": lambda: items.folder(at("in", "deep"), create=True),
    "make folder": lambda: items.make_folder(at("in", "new"), exist_ok=True, create_folders=True),
    "remove": lambda: removals.remove(at("in"), recursive=True),
    "delete": lambda: removals.delete(item(), if_match="e"),
    "absence": lambda: absence.gone_among([item(), item(FOLDER)]),
    "look again": lambda: absence.find_again(at("in", "a.csv")),
    "delta": paths,
    "delta to an index": indexed,
    "delta of all": lambda: read_items(walk_of(at(), has_delta=True)),
    "all without delta": lambda: read_items(walk_of(at("in"), has_delta=False)),
    "latest": lambda: delta.latest(at()),
    "batch": lambda: batches.delete_items([item(), item(FOLDER)]),
    "small upload": lambda: put(3),
    "retried upload": lambda: put(3, "rename", open_session=RETRYING, create_folders=True),
    "careful upload": lambda: put(3, "skip_if_same"),
    "large upload": lambda: put(5),
    "update": lambda: uploads.update(at("in", "a.csv"), MemorySource(b"aaaaa"), options=UploadOptions()),
    "download": fetched,
    "copy": lambda: copies.copy(relocated(if_exists="replace")),
    "copy of a folder": lambda: copies.copy(relocated(if_exists="rename", retrying=True, create_folders=True)),
    "monitor": lambda: copies.wait_for("https://contoso.sharepoint.com/monitor"),
    "copied": lambda: copies.copied(
        at("out"), {"name": "a", "drive_id": "D", "folder_id": "P", "outcome": "created"}, "F"
    ),
    "move": lambda: moves.move(relocated(if_exists="replace")),
    "retried move": lambda: moves.move(relocated(if_exists="rename", retrying=True)),
    "suggestion": lambda: suggestions.advice_on_missing(at("in", "A.csv")),
    "site": located("sites", "contoso.sharepoint.com", names=("sites", "x", "Documents", "a.csv")),
    "shared": located("shared", "team", names=("a.csv",)),
    "shared link": located("shared", "link"),
    "all that is shared": lambda: Resolver(SETTINGS).list_shared(),
    "limits": lambda: AllowList(SETTINGS, Resolver(SETTINGS)).check(at("in", "a.csv")),
    "files to wait for": lambda: polled(filters=Filters("*.csv", newer_than=datetime(2026, 1, 1, tzinfo=UTC))),
    "anything to wait for": lambda: polled(kind="any", recursive=True),
}


@pytest.mark.parametrize("name", FLOWS)
@settings(max_examples=examples(40))
@given(data=st.data())
def test_flows_end_with_our_errors_only(name: str, data: st.DataObject) -> None:
    """No KeyError, TypeError, ValueError, AttributeError, OverflowError or RecursionError leaves a flow."""
    with suppress(OneDriveError):
        result = driven(FLOWS[name](), data)
        for each in result if isinstance(result, (list, tuple)) else [result]:
            if isinstance(each, DriveItem):
                json.dumps(each.to_dict())


@given(st.sampled_from(EVERYTHING), st.data())
def test_item_with_one_wrong_field_is_read_or_refused(sample: Mapping[str, Any], data: st.DataObject) -> None:
    """An error names the field, and it is never raised by a field that a reader does not need."""
    wrong = changed(dict(sample), data.draw(st.sampled_from(list(spots(sample)))), data.draw(ANYTHING | st.just(...)))
    read = read_or_refused(wrong if isinstance(wrong, dict) else {})
    if isinstance(read, UnreadableAnswer):
        assert read.field
        assert repr(read.field) in str(read)
    else:
        assert read.id
        assert read.size is None or 0 <= read.size < 2**63


def read_or_refused(data: Mapping[str, Any]) -> DriveItem | UnreadableAnswer:
    try:
        return item(data)
    except UnreadableAnswer as error:
        return error


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": None}, "id"),
        ({"name": None}, "name"),
        ({"file": None}, "file"),
        ({"id": ""}, "id"),
        ({"id": "\ud800"}, "id"),
        ({"id": 7}, "id"),
        ({"size": "3"}, "size"),
        ({"size": True}, "size"),
        ({"name": ["a"]}, "name"),
        ({"folder": {}}, "folder"),
        ({"file": None, "folder": {"childCount": 1.5}}, "childCount"),
        ({"parentReference": "D"}, "parentReference"),
        ({"parentReference": {"driveId": 1}}, "driveId"),
    ],
)
def test_error_names_method_path_and_field(change: dict[str, Any], field: str) -> None:
    """The reader sees which answer of which request is wrong, and in which field; never its value."""
    with pytest.raises(UnreadableAnswer) as caught, FlowDriver(items.stat(at("in", "a.csv"))) as driver:
        driver.answer(Response(200, {"request-id": "8d2f"}, FILE | change))
    error = caught.value
    assert (error.field, error.method, error.path) == (field, "GET", "/drives/D/root:/in/a.csv")
    assert (error.request_id, error.was_sent, error.code) == ("8d2f", True, None)
    assert f"The answer's field {field!r}" in str(error)
    assert "GET /drives/D/root:/in/a.csv; request id 8d2f" in str(error)


@pytest.mark.parametrize(
    "change", [{"size": None}, {"eTag": None}, {"createdDateTime": None}, {"folder": None}, {"x": [1]}]
)
def test_null_is_as_good_as_missing(change: dict[str, Any]) -> None:
    """OData writes null for what an item has not."""
    read, without = item(FILE | change), item({key: value for key, value in FILE.items() if key not in change})
    assert read == without
    assert not read.is_folder


@pytest.mark.parametrize(
    ("sample", "size"),
    [
        *[(FILE, -1), (FILE, 250 * 1024**3 + 1), (FILE, 2**63), (FILE, 10**400)],
        *[(FOLDER, -1), (FOLDER, 2**63), (NOTEBOOK, 2**63)],
    ],
)
def test_impossible_size_is_unknown(sample: Mapping[str, Any], size: int) -> None:
    """No file is below 0 or above 250 GB: an item with such a size is read, and its size is not taken for 0."""
    assert item({**sample, "size": size}).size is None


@pytest.mark.parametrize(("sample", "size"), [(FILE, 0), (FILE, 250 * 1024**3), (FOLDER, 0), (FOLDER, 2**63 - 1)])
def test_largest_sizes_are_read(sample: Mapping[str, Any], size: int) -> None:
    """A folder may hold more than the largest file has."""
    assert item({**sample, "size": size}).size == size


@pytest.mark.parametrize("content", JUNK)
def test_answer_that_is_not_an_object_is_refused(content: bytes) -> None:
    """A sign-in page, a list, nothing at all or endless brackets are no answer of Graph's."""
    with pytest.raises(UnreadableAnswer, match=r"not Graph's.*GET /me/drive/root.*proxy") as caught:
        response_of(Request("GET", "/me/drive/root"), 200, {}, content)
    assert caught.value.field is None
    assert caught.value.is_retryable


def test_empty_answer_where_an_item_is_due() -> None:
    """204 of a GET is no answer, nor of a POST that creates something; the flow that needs an item refuses it, too."""
    for method in ("GET", "POST"):
        with pytest.raises(UnreadableAnswer, match=rf"status 204 .*\(204; {method} /x\)"):
            response_of(Request(method, "/x"), 204, {}, b"")
    nothing = Response(204, {})
    text = r"The answer is empty\. \(204; POST /drives/D/items/P/children"
    new = items.create_folder(at("new").through("D", "P"), exist_ok=True)
    with pytest.raises(UnreadableAnswer, match=text), FlowDriver(new) as driver:
        driver.answer(nothing)
