"""Upload sessions: what arrived so far, and what is to become of it.

https://learn.microsoft.com/graph/api/driveitem-createuploadsession
"""

from __future__ import annotations

import secrets
import threading
import uuid
from dataclasses import dataclass, field
from datetime import datetime

from airflow_provider_onedrive.emulator import clock
from airflow_provider_onedrive.emulator.contents import Content
from airflow_provider_onedrive.emulator.problems import Problem, session_not_found
from airflow_provider_onedrive.emulator.tree import Drive, FileTimes, Identity
from airflow_provider_onedrive.emulator.writing import Destination


@dataclass
class UploadSession:
    """:param misaligned: a fragment before the last was no multiple of 320 KiB."""

    drive: Drive
    destination: Destination
    by: Identity
    times: FileTimes
    expires: datetime
    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    guid: uuid.UUID = field(default_factory=uuid.uuid4)
    content: Content = field(default_factory=Content)
    total: int | None = None
    misaligned: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def expected_ranges(self) -> list[str]:
        """The end is said when the total is known."""
        if self.total is None:
            return ["0-"]
        return [f"{self.content.size}-{self.total - 1}"] if self.content.size < self.total else []

    def status(self) -> dict[str, object]:
        return {"expirationDateTime": clock.text(self.expires), "nextExpectedRanges": self.expected_ranges}

    def url(self, store_url: str) -> str:
        replaces, renames = self.destination.conflict == "replace", self.destination.conflict == "rename"
        query = f"guid='{self.guid}'&overwrite={replaces}&rename={renames}&dc=0&tempauth=v1.{self.secret}"
        place = f"{self.drive.web_path}/_api/v2.0/drives/{self.drive.id}/items/{self.destination.place_id}"
        return f"{store_url}{place}/uploadSession?{query}"

    def check_place(self, start: int, total: int) -> None:
        """Raise unless a fragment begins where the last one ended."""
        if self.total not in {None, total}:
            raise Problem(
                400,
                "invalidRequest",
                f"The current upload session is for {self.total} total bytes, but the current fragment declares a "
                f"total of {total}.",
            )
        if start < self.content.size:
            raise _out_of_place("Uploaded fragment overlaps with existing data.", "fragmentOverlap")
        if start > self.content.size:
            raise _out_of_place("The uploaded fragment does not follow the last one.", "fragmentOutOfOrder")

    def accept(self, fragment: Content, total: int) -> None:
        if self.content.size == 0:
            self.content = fragment
        else:
            self.content.extend(fragment)
        self.total = total


class Sessions:
    """Those that are open, by the secret in their address."""

    def __init__(self) -> None:
        self._sessions: dict[str, UploadSession] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def add(self, session: UploadSession) -> None:
        self._sessions[session.secret] = session

    def get(self, secret: str) -> UploadSession:
        session = self._sessions.get(secret)
        if session is None or clock.after(0) >= session.expires:
            self._sessions.pop(secret, None)
            raise session_not_found()
        return session

    def end(self, session: UploadSession) -> None:
        self._sessions.pop(session.secret, None)


def _out_of_place(message: str, inner: str) -> Problem:
    return Problem(416, "invalidRange", message, inner=inner)
