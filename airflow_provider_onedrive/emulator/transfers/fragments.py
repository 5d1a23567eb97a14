"""The upload address on the second origin: fragments, status, cancel.

https://learn.microsoft.com/graph/api/driveitem-createuploadsession#upload-bytes-to-the-upload-session
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow_provider_onedrive.emulator.errors.problems import (
    ConnectionDropped,
    Problem,
    invalid_request,
    not_supported,
    too_large,
)
from airflow_provider_onedrive.emulator.http.messages import Body, Reply, Request, json_reply
from airflow_provider_onedrive.emulator.options import Options
from airflow_provider_onedrive.emulator.transfers.commits import Commits
from airflow_provider_onedrive.emulator.transfers.sessions import Fragment, Sessions, UploadSession, expiry

# Microsoft's page: less than 60 MiB in each request.
MAX_FRAGMENT_BYTES = 60 * 1024 * 1024
# Microsoft's page: fragments must be multiples of 320 KiB.
UNIT_BYTES = 320 * 1024
_CONTENT_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15}|\*)", re.ASCII)


@dataclass(frozen=True)
class Range:
    """:param end: index of the last byte, as in the header.

    :param total: None = unknown.
    """

    start: int
    end: int
    total: int | None


@dataclass(frozen=True)
class Fragments:
    """Answers requests to upload URLs."""

    sessions: Sessions
    commits: Commits
    options: Options

    def status(self, request: Request) -> Reply:
        return json_reply(200, self._session(request).status())

    def cancel(self, request: Request) -> Reply:
        self.sessions.end(self._session(request))
        return Reply(204)

    def put(self, request: Request) -> Reply:
        session = self._session(request)
        span = _content_range(request)
        with session.lock:
            _check_end(session, span)
            fragment = session.begin(span.start, span.total)
        self._receive(fragment, request.body)
        with session.lock:
            # Another connection may have been faster.
            self._session(request)
            fragment.accept()
            session.misaligned |= session.ragged
            session.ragged = fragment.size % UNIT_BYTES != 0
            # Each fragment extends the session, as clients have logged.
            session.expires = expiry(session.drive, self.options.session_seconds)
            self.sessions.keep(session)
            # A deferred session waits for its commit, even if all bytes are there.
            is_all = session.total == session.content.size and not session.deferred
            return self.commits.commit(session) if is_all else json_reply(202, session.status())

    def commit(self, request: Request) -> Reply:
        """Make a file of a session whose commit was deferred, or refused before."""
        if request.header("Content-Length") is None:
            raise Problem(411, "lengthRequired", "A Content-Length header is required.")
        # The commit is an empty POST, which needs Content-Length: 0 (HTTP 411 otherwise).
        if request.body.length:
            raise invalid_request("The body must be empty.")
        session = self._session(request)
        # Documented: consumers commit by a PUT with sourceUrl.
        if session.drive.personality == "personal":
            raise not_supported()
        with session.lock:
            return self.commits.commit(self._session(request))

    def _session(self, request: Request) -> UploadSession:
        return self.sessions.at(request.target)

    def _receive(self, fragment: Fragment, body: Body) -> None:
        """Read a whole fragment. A broken one is dropped, unless a fault keeps it."""
        try:
            for piece in body.pieces():
                fragment.append(piece)
        except ConnectionDropped:
            # Partial data was seen to stay, which leaves nextExpectedRanges unaligned.
            # https://github.com/OneDrive/onedrive-api-docs/issues/75
            if body.keep_cut_bytes:
                with fragment.session.lock:
                    fragment.accept()
                    self.sessions.keep(fragment.session)
            raise


def _check_end(session: UploadSession, span: Range) -> None:
    """Refuse a fragment beyond the total that an earlier fragment declared."""
    if span.total is None and session.total is not None and span.end >= session.total:
        raise invalid_request("The Content-Range header is missing or malformed.")


def _content_range(request: Request) -> Range:
    match = _CONTENT_RANGE.fullmatch(request.header("Content-Range") or "")
    if match is None:
        raise invalid_request("The Content-Range header is missing or malformed.")
    start, end, total = match.groups()
    span = Range(int(start), int(end), None if total == "*" else int(total))
    if not span.start <= span.end or (span.total is not None and span.end >= span.total):
        raise invalid_request("The Content-Range header is missing or malformed.")
    if request.body.length is None or request.header("Content-Length") is None:
        raise Problem(411, "lengthRequired", "A Content-Length header is required.")
    # The message is the service's; an empty file as `bytes 0--1/0` gets the one above.
    if request.body.length != span.end - span.start + 1:
        raise invalid_request("The Content-Range header length does not match the provided number of bytes.")
    if request.body.length > MAX_FRAGMENT_BYTES:
        raise too_large()
    return span
