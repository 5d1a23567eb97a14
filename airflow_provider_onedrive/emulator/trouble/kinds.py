"""What can happen to a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_onedrive.emulator.serving.problems import ConnectionDropped, Problem
from airflow_provider_onedrive.emulator.serving.wire import Reply, Request
from airflow_provider_onedrive.emulator.trouble.words import Words, login_words, words

if TYPE_CHECKING:
    from airflow_provider_onedrive.emulator.world import World

_KIB = 1024
_LONGEST_SECONDS = 24 * 3600


class Fault:
    """What happens to a request; each kind overrides what it changes.

    :cvar shapes: it only slows a request down, so the request may meet another fault as well.
    """

    shapes: ClassVar[bool] = False

    def before(self, request: Request, world: World, /) -> None:
        """Run before the request is handled; a ``Problem`` answers it, ``ConnectionDropped`` ends it."""

    def after(self, reply: Reply, /) -> None:
        """Run when the request has taken effect and before it is answered."""


NONE = Fault()


@dataclass(frozen=True)
class Several(Fault):
    faults: tuple[Fault, ...]

    def before(self, request: Request, world: World, /) -> None:
        for fault in self.faults:
            fault.before(request, world)

    def after(self, reply: Reply, /) -> None:
        for fault in self.faults:
            fault.after(reply)


@dataclass(frozen=True)
class status(Fault):  # noqa: N801 - reads as a word of a rule
    """Answer with an error in place of doing it.

    :param retry_after: seconds, or the header's text (a date); None leaves the header out, as Graph sometimes does.
    :param code: None = the one Graph (or Entra) gives with this status to this kind of request.
    :param inner: the innerError's code; on the login origin the digits of the AADSTS code.
    :param headers: what else stands in the answer's head.
    """

    status: int
    retry_after: float | str | None = None
    code: str | None = None
    message: str | None = None
    inner: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # A kind that somebody derives from it may have no use for the number.
        if type(self) is status and not 300 <= self.status <= 599:  # noqa: PLR2004 - what HTTP calls no success
            raise ValueError("a status must lie between 300 and 599")

    def before(self, request: Request, world: World, /) -> None:
        said = self._words(request)
        headers = _expected_headers(self.status, request, world) | self._retry_after() | dict(self.headers)
        code, message, inner = self.code or said.code, self.message or said.message, self.inner or said.inner
        raise Problem(self.status, code, message, inner=inner, headers=headers)

    def _words(self, request: Request) -> Words:
        if request.origin == "login":
            return login_words(self.status, self.code)
        said = words(self.status, request.operation)
        # The inner code belongs to the usual code.
        return replace(said, inner=None) if self.code else said

    def _retry_after(self) -> dict[str, str]:
        if self.retry_after is None:
            return {}
        return {"Retry-After": self.retry_after if isinstance(self.retry_after, str) else f"{self.retry_after:g}"}


@dataclass(frozen=True)
class drop_before(Fault):  # noqa: N801
    """Close the connection without doing it."""

    def before(self, *_: object) -> None:
        raise ConnectionDropped


@dataclass(frozen=True)
class drop_after(Fault):  # noqa: N801
    """Do it, then close the connection without an answer."""

    def after(self, *_: object) -> None:
        raise ConnectionDropped


@dataclass(frozen=True)
class answer_then_drop(Fault):  # noqa: N801
    """Answer as always, then close the connection unannounced: a client that keeps it meets a dead one."""

    def after(self, reply: Reply, /) -> None:
        reply.drops = True


@dataclass(frozen=True)
class cut_request(Fault):  # noqa: N801
    """Read so many bytes of the request's body, then close the connection; a body that is no longer passes.

    :param keep: an upload session keeps those bytes, as the service has been seen to do.
    """

    bytes: int
    keep: bool = False

    def __post_init__(self) -> None:
        _check_bytes(self.bytes)

    def before(self, request: Request, *_: object) -> None:
        request.body.cut_after = self.bytes
        request.body.keep_cut_bytes = self.keep


@dataclass(frozen=True)
class cut_response(Fault):  # noqa: N801
    """Send so many bytes of the answer's body, then close the connection."""

    bytes: int

    def __post_init__(self) -> None:
        _check_bytes(self.bytes)

    def after(self, reply: Reply, /) -> None:
        reply.cut_after = self.bytes


@dataclass(frozen=True)
class stall_response(Fault):  # noqa: N801
    """Send so many bytes of the answer's body, then nothing; a body that is no longer passes.

    The connection stays open until the client gives up or the emulator stops.
    """

    bytes: int

    def __post_init__(self) -> None:
        _check_bytes(self.bytes)

    def after(self, reply: Reply, /) -> None:
        reply.cut_after, reply.stalls = self.bytes, True


@dataclass(frozen=True)
class corrupt_request(Fault):  # noqa: N801
    """Take another byte than was sent for that one of the request's body; its size stays.

    :param at: offset in the body of this request: of a fragment, not of its file.
    """

    at: int

    def __post_init__(self) -> None:
        _check_offset(self.at)

    def before(self, request: Request, *_: object) -> None:
        request.body.corrupt_at = self.at


@dataclass(frozen=True)
class corrupt_response(Fault):  # noqa: N801
    """Send another byte than there is for that one of the answer's body; its size stays.

    :param at: offset in the body of this answer: of a range, not of its file.
    """

    at: int

    def __post_init__(self) -> None:
        _check_offset(self.at)

    def after(self, reply: Reply, /) -> None:
        reply.corrupt_at = self.at


@dataclass(frozen=True)
class ignore_range(Fault):  # noqa: N801
    """Answer 200 with the whole file although a part of it was asked for."""

    def before(self, request: Request, *_: object) -> None:
        del request.headers["Range"]


@dataclass(frozen=True)
class delay(Fault):  # noqa: N801
    """Wait before doing it; stopping the emulator ends the wait."""

    seconds: float

    def before(self, _: Request, world: World, /) -> None:
        _wait(world, self.seconds)


@dataclass(frozen=True)
class latency(Fault):  # noqa: N801
    """Wait before doing it, and for each KiB of either body; a request may meet another fault as well.

    :param seconds: before anything is done.
    """

    seconds: float = 0
    seconds_per_kib: float = 0
    shapes: ClassVar[bool] = True

    def before(self, request: Request, world: World, /) -> None:
        _wait(world, self.seconds)
        request.slow_down(self.seconds_per_kib / _KIB, self.seconds_per_kib / _KIB, world.stopping)


@dataclass(frozen=True)
class bandwidth(Fault):  # noqa: N801
    """Let the bodies pass slowly; a request may meet another fault as well.

    :param up_bytes_per_second: of the request's body, None = as fast as can be; ``down`` that of the answer's.
    """

    up_bytes_per_second: float | None = None
    down_bytes_per_second: float | None = None
    shapes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if any(rate is not None and rate <= 0 for rate in (self.up_bytes_per_second, self.down_bytes_per_second)):
            raise ValueError("a bandwidth must be more than 0 bytes per second")

    def before(self, request: Request, world: World, /) -> None:
        up, down = (1 / rate if rate else 0 for rate in (self.up_bytes_per_second, self.down_bytes_per_second))
        request.slow_down(up, down, world.stopping)


@dataclass(frozen=True)
class expire_token(Fault):  # noqa: N801
    """Let the request's token expire at this moment: the answer is 401 until there is a new token."""

    def before(self, request: Request, world: World, /) -> None:
        world.tokens.expire(request.header("Authorization"))


KINDS: Mapping[str, type[Fault]] = {
    kind.__name__: kind
    for kind in (
        status,
        drop_before,
        drop_after,
        answer_then_drop,
        cut_request,
        cut_response,
        stall_response,
        corrupt_request,
        corrupt_response,
        ignore_range,
        delay,
        latency,
        bandwidth,
        expire_token,
    )
}


def _wait(world: World, seconds: float) -> None:
    if seconds > 0 and world.stopping.wait(min(seconds, _LONGEST_SECONDS)):
        raise ConnectionDropped


def _check_bytes(count: int) -> None:
    if count < 0:
        raise ValueError("a number of bytes must not be negative")


def _check_offset(offset: int) -> None:
    if offset < 0:
        raise ValueError("an offset must not be negative")


def _expected_headers(status_code: int, request: Request, world: World) -> dict[str, str]:
    """Return what a client may look for: where to begin anew, and which token is wanted."""
    if (status_code, request.operation) == (410, "delta"):
        folder, _, function = request.raw_path.rpartition("/")
        return {"Location": f"{world.graph_url}{folder}/{function.partition('(')[0]}"}
    if status_code == 401 and request.origin == "graph":  # noqa: PLR2004
        return {"WWW-Authenticate": 'Bearer realm="", error="invalid_token"'}
    return {}
