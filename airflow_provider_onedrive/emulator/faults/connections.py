"""Faults of the connection: it closes, stalls, or a byte is corrupted."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_onedrive.emulator.errors.problems import ConnectionDropped
from airflow_provider_onedrive.emulator.faults.fault import Fault, declare
from airflow_provider_onedrive.emulator.http.messages import Reply, Request


@declare
@dataclass(frozen=True)
class drop_before(Fault):  # noqa: N801 - reads as a word of a rule
    """Close the connection before the request takes effect."""

    def before(self, *_: object) -> None:
        raise ConnectionDropped


@declare
@dataclass(frozen=True)
class drop_after(Fault):  # noqa: N801
    """Let the request take effect, then close the connection without an answer."""

    def after(self, *_: object) -> None:
        raise ConnectionDropped


@declare
@dataclass(frozen=True)
class answer_then_drop(Fault):  # noqa: N801
    """Answer normally, then close the connection unannounced: a client that reuses it finds it dead."""

    def after(self, reply: Reply, *_: object) -> None:
        reply.drops = True


@declare
@dataclass(frozen=True)
class cut_request(Fault):  # noqa: N801
    """Read only the first bytes of the request's body, then close the connection. A shorter body passes.

    :param keep: an upload session keeps those bytes, as the service has been seen to do.
    """

    bytes: int
    keep: bool = False

    def __post_init__(self) -> None:
        _check_bytes(self.bytes)

    def before(self, request: Request, *_: object) -> None:
        request.body.cut_after = self.bytes
        # Documentation says that such bytes are dropped; partial data was seen to stay.
        # https://github.com/OneDrive/onedrive-api-docs/issues/75
        request.body.keep_cut_bytes = self.keep


@declare
@dataclass(frozen=True)
class cut_response(Fault):  # noqa: N801
    """Send only the first bytes of the answer's body, then close the connection."""

    bytes: int

    def __post_init__(self) -> None:
        _check_bytes(self.bytes)

    def after(self, reply: Reply, *_: object) -> None:
        reply.cut_after = self.bytes


@declare
@dataclass(frozen=True)
class stall_response(Fault):  # noqa: N801
    """Send only the first bytes of the answer's body, then nothing. A shorter body passes.

    The connection stays open until the client gives up or the emulator stops.
    """

    bytes: int

    def __post_init__(self) -> None:
        _check_bytes(self.bytes)

    def after(self, reply: Reply, *_: object) -> None:
        reply.cut_after, reply.stalls = self.bytes, True


@declare
@dataclass(frozen=True)
class corrupt_request(Fault):  # noqa: N801
    """Change one byte of the request's body while it is received; its size stays the same.

    :param at: offset in the body of this request: of a fragment, not of its file.
    """

    at: int

    def __post_init__(self) -> None:
        _check_offset(self.at)

    def before(self, request: Request, *_: object) -> None:
        request.body.corrupt_at = self.at


@declare
@dataclass(frozen=True)
class corrupt_response(Fault):  # noqa: N801
    """Change one byte of the answer's body while it is sent; its size stays the same.

    :param at: offset in the body of this answer: of a range, not of its file.
    """

    at: int

    def __post_init__(self) -> None:
        _check_offset(self.at)

    def after(self, reply: Reply, *_: object) -> None:
        reply.corrupt_at = self.at


def _check_bytes(count: int) -> None:
    if count < 0:
        raise ValueError("a number of bytes must not be negative")


def _check_offset(offset: int) -> None:
    if offset < 0:
        raise ValueError("an offset must not be negative")
