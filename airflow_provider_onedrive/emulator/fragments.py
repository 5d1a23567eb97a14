"""The upload address on the second origin: fragments, status, cancel.

https://learn.microsoft.com/graph/api/driveitem-createuploadsession#upload-bytes-to-the-upload-session
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow_provider_onedrive.emulator import clock, views
from airflow_provider_onedrive.emulator.contents import Content
from airflow_provider_onedrive.emulator.problems import (
    ConnectionDropped,
    Problem,
    invalid_request,
    session_not_found,
    too_large,
)
from airflow_provider_onedrive.emulator.sessions import UploadSession
from airflow_provider_onedrive.emulator.wire import Body, Reply, Request, json_reply
from airflow_provider_onedrive.emulator.world import World

MAX_FRAGMENT_BYTES = 60 * 1024 * 1024
UNIT_BYTES = 320 * 1024
_CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})", re.ASCII)


@dataclass(frozen=True)
class Range:
    """:param end: the last byte's index, as in the header."""

    start: int
    end: int
    total: int

    @property
    def is_last(self) -> bool:
        return self.end + 1 == self.total


def status(world: World, request: Request) -> Reply:
    return json_reply(200, _session(world, request).status())


def cancel(world: World, request: Request) -> Reply:
    world.sessions.end(_session(world, request))
    return Reply(204)


def put(world: World, request: Request) -> Reply:
    session = _session(world, request)
    place = _content_range(request)
    with session.lock:
        session.check_place(place.start, place.total)
    fragment = _receive(session, request.body, place)
    with session.lock:
        # Another connection may have been faster.
        _session(world, request)
        session.check_place(place.start, place.total)
        session.misaligned |= fragment.size % UNIT_BYTES != 0 and not place.is_last
        session.accept(fragment, place.total)
        session.expires = clock.after(world.options.session_seconds)
        return _commit(world, session) if place.is_last else json_reply(202, session.status())


def _session(world: World, request: Request) -> UploadSession:
    version, _, secret = request.query.get("tempauth", "").partition(".")
    if version != "v1":
        raise session_not_found()
    return world.sessions.get(secret)


def _content_range(request: Request) -> Range:
    match = _CONTENT_RANGE.fullmatch(request.header("Content-Range") or "")
    if match is None:
        raise invalid_request("The Content-Range header is missing or malformed.")
    place = Range(*map(int, match.groups()))
    if not place.start <= place.end < place.total:
        raise invalid_request("The Content-Range header is missing or malformed.")
    if request.body.length is None or request.header("Content-Length") is None:
        raise Problem(411, "lengthRequired", "A Content-Length header is required.")
    if request.body.length != place.end - place.start + 1:
        raise invalid_request("The Content-Range header length does not match the provided number of bytes.")
    if request.body.length > MAX_FRAGMENT_BYTES:
        raise too_large()
    return place


def _receive(session: UploadSession, body: Body, place: Range) -> Content:
    """Read a whole fragment; of a broken one nothing is kept, unless a fault says so."""
    fragment = Content()
    try:
        for piece in body.pieces():
            fragment.append(piece)
    except ConnectionDropped:
        if body.keep_cut_bytes:
            with session.lock:
                session.check_place(place.start, place.total)
                session.accept(fragment, place.total)
        raise
    return fragment


def _commit(world: World, session: UploadSession) -> Reply:
    """Make a file of it; when that is refused the session and its bytes stay."""
    if session.misaligned and world.options.strict:
        raise invalid_request(
            "The fragments of the upload session are not multiples of 320 KiB.", "uploadSessionFailed"
        )
    drive = session.drive
    session.content.prepare()
    with drive.lock:
        item, is_new = session.destination.write(drive, session.content, session.by, session.times)
        value = views.item_json(world, drive, item)
    world.sessions.end(session)
    return json_reply(201 if is_new else 200, value, {"ETag": item.etag})
