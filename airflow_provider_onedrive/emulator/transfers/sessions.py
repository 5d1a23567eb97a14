"""Upload sessions: the bytes received so far, and the destination of the file.

https://learn.microsoft.com/graph/api/driveitem-createuploadsession
"""

from __future__ import annotations

import secrets
import threading
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from airflow_provider_onedrive.emulator.errors.problems import Problem, missing_session
from airflow_provider_onedrive.emulator.items.destinations import Destination
from airflow_provider_onedrive.emulator.model import clock
from airflow_provider_onedrive.emulator.model.contents import Content, Data
from airflow_provider_onedrive.emulator.model.drive import Drive, FileTimes, Identity

_BUSINESS_SECONDS = 15 * 60
_PERSONAL_SECONDS = 5 * 24 * 3600


@dataclass
class UploadSession:
    """:param misaligned: a fragment before the last was not a multiple of 320 KiB.

    :param ragged: the last one was not a multiple.
    :param deferred: the client commits the session by a request of its own.
    """

    drive: Drive
    destination: Destination
    by: Identity
    times: FileTimes
    expires: datetime
    # The secret is the only permission that an upload URL needs, so it must not be guessable.
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    guid: uuid.UUID = field(default_factory=uuid.uuid4)
    content: Content = field(default_factory=Content)
    total: int | None = None
    misaligned: bool = False
    ragged: bool = False
    deferred: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)
    arriving: Fragment | None = None

    @property
    def is_complete(self) -> bool:
        """Return True if all bytes have arrived. If no total was declared, the client decides."""
        return self.content.size > 0 and self.total in {None, self.content.size}

    @property
    def is_over(self) -> bool:
        return clock.after(0) >= self.expires

    @property
    def expected_ranges(self) -> list[str]:
        """Return the ranges. The end is included if the total was declared."""
        if self.total is None:
            return [f"{self.content.size}-"]
        return [f"{self.content.size}-{self.total - 1}"] if self.content.size < self.total else []

    def status(self) -> dict[str, object]:
        # Recorded: unlike other times, this one has a fraction of a second.
        return {"expirationDateTime": clock.precise_text(self.expires), "nextExpectedRanges": self.expected_ranges}

    def url(self, store_url: str) -> str:
        replaces, renames = self.destination.conflict == "replace", self.destination.conflict == "rename"
        query = f"guid='{self.guid}'&overwrite={replaces}&rename={renames}&dc=0&tempauth=v1.{self.secret}"
        item_path = f"{self.drive.web_path}/_api/v2.0/drives/{self.drive.id}/items/{self.destination.target_id}"
        # The URL has the parts of a real one, so that a client that logs or parses it behaves as with the service.
        return f"{store_url}{item_path}/uploadSession?{query}"

    def check_range(self, start: int, total: int | None) -> None:
        """Raise 416 unless a fragment begins where the last one ended."""
        # The total must not change: the message is the service's own.
        if total is not None and self.total not in {None, total}:
            raise Problem(
                400,
                "invalidRequest",
                f"The current upload session is for {self.total} total bytes, but the current fragment declares a "
                f"total of {total}.",
            )
        # A repeated fragment is 416 with fragmentOverlap; the client then asks for nextExpectedRanges and resumes
        # there.
        if start < self.content.size:
            raise _wrong_range("Uploaded fragment overlaps with existing data.", "fragmentOverlap")
        if start > self.content.size:
            raise _wrong_range("The uploaded fragment does not follow the last one.", "fragmentOutOfOrder")

    def begin(self, start: int, total: int | None) -> Fragment:
        """Expect a fragment. Called with the session's lock held."""
        self.check_range(start, total)
        # The storage is chosen at the first fragment: a large file goes to the disk at once and is never copied.
        self.content.expect(total or 0)
        self.arriving = Fragment(self, total)
        return self.arriving


@dataclass
class Fragment:
    """A fragment that is being received. It is written behind the bytes of the session, which do not count it yet.

    If another connection begins to send the same fragment, the newer one counts, because the older may be broken.
    """

    session: UploadSession
    total: int | None
    size: int = 0

    def append(self, piece: Data) -> None:
        # The lock is taken for each piece: an older connection may still send while a newer one has replaced it.
        with self.session.lock:
            if self.session.arriving is self:
                self.session.content.write(self.session.content.size + self.size, piece)
            self.size += len(piece)

    def accept(self) -> None:
        """Let it count. Called with the session's lock held."""
        if self.session.arriving is not self:
            raise _wrong_range("Another connection sends the same fragment.", "fragmentOverlap")
        # Only now the bytes count: a connection that broke before leaves the session as it was.
        self.session.arriving = None
        self.session.content.size += self.size
        self.session.total = self.total if self.session.total is None else self.session.total


def expiry(drive: Drive, seconds: float | None) -> datetime:
    """Return when a session ends to which nothing more is sent.

    https://github.com/OneDrive/onedrive-api-docs/issues/1073

    :param seconds: None = as in the service.
    """
    usual = _BUSINESS_SECONDS if drive.personality == "business" else _PERSONAL_SECONDS
    return clock.after(usual if seconds is None else seconds)


class SessionKeeper(Protocol):
    """Where open sessions are written down."""

    def keep_session(self, session: UploadSession) -> None: ...
    def forget_session(self, session: UploadSession) -> None: ...


class Sessions:
    """Those that are open, by the secret in their address."""

    def __init__(self, keeper: SessionKeeper | None = None, sessions: Iterable[UploadSession] = ()) -> None:
        self._keeper = keeper
        self._sessions = {session.secret: session for session in sessions}

    def __len__(self) -> int:
        return len(self._sessions)

    def add(self, session: UploadSession) -> None:
        self._sessions[session.secret] = session
        self.keep(session)

    def keep(self, session: UploadSession) -> None:
        """Write the changes of a session to the store."""
        if self._keeper:
            self._keeper.keep_session(session)

    def get(self, secret: str) -> UploadSession:
        session = self._sessions.get(secret)
        if session is None or session.is_over:
            if session:
                self.end(session)
            raise missing_session()
        return session

    def at(self, url: str) -> UploadSession:
        """Return the session of an upload URL."""
        return self.get(_secret(url))

    def of(self, drive: Drive) -> list[UploadSession]:
        return [session for session in list(self._sessions.values()) if session.drive is drive and not session.is_over]

    def end_at(self, url: str) -> None:
        self.end(self.at(url))

    def end(self, session: UploadSession) -> None:
        if self._sessions.pop(session.secret, None) and self._keeper:
            self._keeper.forget_session(session)


def _secret(url: str) -> str:
    try:
        tempauth = parse_qs(urlsplit(url).query).get("tempauth", [""])[0]
    except ValueError:
        tempauth = ""
    version, _, secret = tempauth.partition(".")
    # A URL with a damaged tempauth is answered like one of a session that ended.
    if version != "v1":
        raise missing_session()
    return secret


def _wrong_range(message: str, inner: str) -> Problem:
    return Problem(416, "invalidRange", message, inner=inner)
