"""Facts of the service: content that is sent and fetched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_onedrive.graph.protocol.times import read_time
from airflow_provider_onedrive.verification.case import Observation, case
from airflow_provider_onedrive.verification.cases.results import UNIT_BYTES, bytes_of
from airflow_provider_onedrive.verification.exchange import Answer, download, send
from airflow_provider_onedrive.verification.workspace import Workspace

_DOWNLOAD_HEADERS = (
    *("content-type", "content-range", "accept-ranges", "content-disposition", "x-content-type-options"),
    *("etag", "last-modified"),
)
_TWO_UNITS = 2 * UNIT_BYTES
_SPANS = ((timedelta(hours=1), "minutes"), (timedelta(days=1, minutes=5), "hours"))


@case("A PUT creates a file, replaces it, and creates the folders of its path")
def put_of_content(space: Workspace) -> Observation:
    first, second = space.put("a.txt", b"first"), space.put("a.txt", b"second")
    below = space.put("b.txt", b"b", "?@microsoft.graph.conflictBehavior=rename")
    return {
        "first": space.facts.outcome(first, "location", "etag"),
        "second": space.facts.outcome(second, "location", "etag"),
        "rename": space.facts.outcome(below),
        "same id": first.text("id") == second.text("id"),
    }


@case("A PUT below a folder that is not there")
def put_below_missing_folders(space: Workspace) -> Observation:
    url = f"{space.url()}:/in/a.txt:/content"
    return space.facts.outcome(send(space.client, "PUT", url, content=b"a"))


@case("The content of a file is elsewhere")
def content_redirect(space: Workspace) -> Observation:
    space.put("a.txt", b"a")
    return space.facts.outcome(space.send("GET", space.url_of("a.txt", "content")), "location")


@case("Parts of a file: from its middle, its end, and behind it")
def download_ranges(space: Workspace) -> Observation:
    url = space.put("a.txt", b"0123456789").text("@microsoft.graph.downloadUrl")
    url = url or space.send("GET", space.url_of("a.txt")).text("@microsoft.graph.downloadUrl")
    ranges = {"all": "", "middle": "bytes=2-4", "from": "bytes=7-", "last": "bytes=-3", "behind": "bytes=10-"}
    answers = {name: download(space.client, url, {"Range": text} if text else {}) for name, text in ranges.items()}
    return {name: _of_download(space, answer) for name, answer in answers.items()}


def _of_download(space: Workspace, answer: Answer) -> dict[str, Any]:
    facts = space.facts.outcome(answer, *_DOWNLOAD_HEADERS) if answer.headers else space.facts.outcome(answer)
    return {**facts, "content": answer.content.decode("ascii", "replace")}


@case("A new upload session: its properties, and how long it lives")
def session_creation(space: Workspace) -> Observation:
    answer = space.open_session("a.txt")
    end = read_time(answer.body.get("expirationDateTime"))
    return {**space.facts.properties(answer.body), "lives for": _span(end)}


def _span(end: datetime | None) -> str:
    if end is None:
        return "not said"
    return next((name for limit, name in _SPANS if end - datetime.now(UTC) < limit), "days")


@case(
    "A session takes its fragments, and refuses one that overlaps, leaves a gap, or has another total",
    sends_bytes=_TWO_UNITS,
)
def session_fragments(space: Workspace) -> Observation:
    content, session = bytes_of(_TWO_UNITS), space.open_session("a.txt")
    half = content[:UNIT_BYTES]
    answers = {
        "first": space.fragment(session, half, 0, _TWO_UNITS),
        "status": space.of_session("GET", session),
        "again": space.fragment(session, half, 0, _TWO_UNITS),
        "gap": space.fragment(session, b"a", _TWO_UNITS - 1, _TWO_UNITS),
        "other total": space.fragment(session, half, UNIT_BYTES, _TWO_UNITS + 1),
    }
    last = space.fragment(session, content[UNIT_BYTES:], UNIT_BYTES, _TWO_UNITS)
    facts: dict[str, Any] = {name: _of_session(space, answer) for name, answer in answers.items()}
    facts["last"] = {**space.facts.outcome(last), "properties": sorted(last.body)}
    return {**facts, "after the end": space.facts.outcome(space.of_session("GET", session))}


def _of_session(space: Workspace, answer: Answer) -> dict[str, Any]:
    return {**space.facts.outcome(answer), "ranges": answer.body.get("nextExpectedRanges")}


@case("A session is cancelled, and has gone")
def session_cancellation(space: Workspace) -> Observation:
    session = space.open_session("a.txt")
    answers = {"cancelled": space.of_session("DELETE", session), "read": space.of_session("GET", session)}
    return {name: space.facts.outcome(answer) for name, answer in answers.items()}


@case("A session for a taken name that is to fail: at its begin or at its end")
def session_for_a_taken_name(space: Workspace) -> Observation:
    space.put("a.txt", b"a")
    session = space.open_session("a.txt", "fail")
    if session.is_refusal:
        return {"begin": space.facts.outcome(session)}
    return {"end": space.facts.outcome(space.fragment(session, b"b", 0, 1))}


@case("A session for a taken name that does not say what happens then")
def session_without_conflict(space: Workspace) -> Observation:
    space.put("a.txt", b"a")
    session = space.open_session("a.txt", None)
    if session.is_refusal:
        return {"begin": space.facts.outcome(session)}
    return {"end": space.facts.outcome(space.fragment(session, b"b", 0, 1))}


@case("A second session for the same name while the first one is open")
def second_session(space: Workspace) -> Observation:
    return {name: space.facts.outcome(space.open_session("a.txt")) for name in ("first", "second")}


@case("A session below a folder that is not there")
def session_below_missing_folders(space: Workspace) -> Observation:
    answer = space.send("POST", f"{space.url()}:/in/a.txt:/createUploadSession", json={})
    space.keep_session(answer)
    return space.facts.outcome(answer)


@case("A fragment that is no multiple of 320 KiB", sends_bytes=UNIT_BYTES)
def fragments_of_other_sizes(space: Workspace) -> Observation:
    session = space.open_session("a.txt")
    first = space.fragment(session, b"0123456789", 0, 20)
    if first.is_refusal:
        return {"first": space.facts.outcome(first)}
    return {"first": first.status, "last": space.facts.outcome(space.fragment(session, b"0123456789", 10, 20))}
