"""The tokens of delta: opaque to clients, and refused when they are none of ours."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from airflow_provider_onedrive.emulator.errors.problems import Problem, invalid_request
from airflow_provider_onedrive.emulator.model.drive import Drive

# 60 days were accepted and 61 were not.
MAX_AGE_SECONDS = 61 * 24 * 3600
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|[ +-]\d\d:\d\d)?", re.ASCII)


class Kind(Enum):
    """The kind of answer: everything, changes, one more page of an open round, or only a new token."""

    FRESH = "f"
    DELTA = "d"
    NEXT = "n"
    LATEST = "latest"
    EXPIRED = "expired"


@dataclass(frozen=True)
class DeltaToken:
    """:param position: position in the change log at which its round begins. None = the round lists everything.

    :param round_id: id of the open round; ``offset`` is the number of entries that were sent already.
    """

    kind: Kind
    position: int | None = None
    round_id: str = ""
    offset: int = 0

    @property
    def is_expired(self) -> bool:
        return self.kind is Kind.EXPIRED

    def write(self, drive: Drive, scope_id: str) -> str:
        position = "" if self.position is None else self.position
        # The generation makes all tokens of a drive expire at once, as a reset of the service does.
        text = f"{self.kind.value}.{drive.delta_generation}.{position}.{self.round_id}.{self.offset}"
        return base64.urlsafe_b64encode(f"{text}.{_check(drive, scope_id, text)}".encode()).decode().rstrip("=")


def read(drive: Drive, scope_id: str, text: str | None) -> DeltaToken:
    """Return the token that a text encodes.

    :raises Problem: 400, the text is not a token.
    """
    if not text:
        return DeltaToken(Kind.FRESH)
    # `latest` returns no items and a deltaLink: a client starts to watch without a full enumeration.
    if text == "latest":
        return DeltaToken(Kind.LATEST)
    if _TIMESTAMP.fullmatch(text) and drive.personality == "business":
        return _at(drive, text)
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        raise _malformed() from None
    body, _, check = plain.rpartition(".")
    # Garbage is 400 and not 410, as measured: 410 would make a client enumerate again instead of reporting its bug.
    if check != _check(drive, scope_id, body):
        raise _malformed()
    return _parse(drive, body)


def _parse(drive: Drive, text: str) -> DeltaToken:
    kind, generation, position, round_id, offset = text.split(".")
    if int(generation) != drive.delta_generation or (position and int(position) > drive.log.position):
        return DeltaToken(Kind.EXPIRED)
    return DeltaToken(Kind(kind), int(position) if position else None, round_id, int(offset))


def _at(drive: Drive, text: str) -> DeltaToken:
    """Read a timestamp. One before the first log entry is too old only if the log dropped entries."""
    try:
        # In a query a plus sign that was not escaped arrives as a space.
        moment = datetime.fromisoformat(text.replace(" ", "+"))
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise _malformed() from None
    position = drive.log.at(seconds)
    # A timestamp outside the window is 410, so that clients handle it like an expired token.
    if time.time() - seconds >= MAX_AGE_SECONDS or (drive.log.first and position == drive.log.first):
        return DeltaToken(Kind.EXPIRED)
    return DeltaToken(Kind.DELTA, position)


def _check(drive: Drive, scope_id: str, text: str) -> str:
    return hashlib.sha256(f"{drive.id} {scope_id} {text}".encode()).hexdigest()[:16]


def _malformed() -> Problem:
    return invalid_request("Provided sync token is malformed")
