"""Scripted trouble: rules that say which request meets which fault.

``faults.add(method="PUT", path="uploadSession", times=3, do=status(429, retry_after=2))``

On the second origin the path of a fragment ends in ``/uploadSession`` and that of a download in ``/download.aspx``.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_onedrive.emulator.problems import ConnectionDropped, Problem
from airflow_provider_onedrive.emulator.wire import Reply, Request

if TYPE_CHECKING:
    from airflow_provider_onedrive.emulator.world import World

_WORDS = {
    401: ("InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."),
    403: ("accessDenied", "Access denied"),
    404: ("itemNotFound", "The resource could not be found."),
    409: ("nameAlreadyExists", "Name already exists"),
    410: ("resyncRequired", "Resync required"),
    412: ("notAllowed", "ETag does not match current item's value"),
    423: ("resourceLocked", "The resource you are attempting to access is locked"),
    429: ("activityLimitReached", "The app or user has been throttled."),
    503: ("serviceNotAvailable", "The service is temporarily unavailable."),
    507: ("quotaLimitReached", "Insufficient space available to complete the operation."),
}


class Fault:
    """What happens to a request; each kind overrides what it changes."""

    def before(self, request: Request, world: World, /) -> None:
        """Run before the request is handled; a ``Problem`` answers it, ``ConnectionDropped`` ends it."""

    def after(self, reply: Reply, /) -> None:
        """Run when the request has taken effect and before it is answered."""


@dataclass(frozen=True)
class status(Fault):  # noqa: N801 - reads as a word of a rule
    """Answer with an error in place of doing it.

    :param retry_after: seconds; None leaves the header out, as Graph sometimes does.
    :param code: None = the one Graph gives with this status.
    """

    status: int
    retry_after: float | None = None
    code: str | None = None
    message: str | None = None
    inner: str | None = None

    def before(self, *_: object) -> None:
        code, message = _WORDS.get(self.status, ("generalException", "An unexpected error has occurred."))
        headers = {} if self.retry_after is None else {"Retry-After": f"{self.retry_after:g}"}
        raise Problem(self.status, self.code or code, self.message or message, inner=self.inner, headers=headers)


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
class cut_request(Fault):  # noqa: N801
    """Read so many bytes of the request's body, then close the connection; a body that is no longer passes.

    :param keep: an upload session keeps those bytes, as the service has been seen to do.
    """

    bytes: int
    keep: bool = False

    def before(self, request: Request, *_: object) -> None:
        request.body.cut_after = self.bytes
        request.body.keep_cut_bytes = self.keep


@dataclass(frozen=True)
class cut_response(Fault):  # noqa: N801
    """Send so many bytes of the answer's body, then close the connection."""

    bytes: int

    def after(self, reply: Reply, /) -> None:
        reply.cut_after = self.bytes


@dataclass(frozen=True)
class delay(Fault):  # noqa: N801
    """Wait before doing it; stopping the emulator ends the wait."""

    seconds: float

    def before(self, _: Request, world: World, /) -> None:
        if world.stopping.wait(self.seconds):
            raise ConnectionDropped


@dataclass(frozen=True)
class expire_token(Fault):  # noqa: N801
    """Let the request's token expire at this moment: the answer is 401 until there is a new token."""

    def before(self, request: Request, world: World, /) -> None:
        world.tokens.expire(request.header("Authorization"))


@dataclass
class Rule:
    """:param times: how many requests meet it, None = all.

    :param after: how many matching requests pass before it begins.
    """

    method: str | None
    path: str | None
    origin: str | None
    times: int | None
    after: int
    do: Fault
    seen: int = 0
    hits: int = 0

    def matches(self, request: Request) -> bool:
        return (
            self.method in {None, request.method}
            and self.origin in {None, request.origin}
            and (self.path is None or re.search(self.path, request.path) is not None)
        )

    def take(self) -> bool:
        """Count a matching request, and say whether the fault is its."""
        self.seen += 1
        taken = self.seen > self.after and (self.times is None or self.hits < self.times)
        self.hits += taken
        return taken


@dataclass
class Faults:
    """Rules apply in the order in which they were added; a request meets at most one fault."""

    _rules: list[Rule] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self,
        *,
        do: Fault,
        method: str | None = None,
        path: str | None = None,
        origin: str | None = None,
        times: int | None = 1,
        after: int = 0,
    ) -> Rule:
        """Add a rule; its ``hits`` say later how often it was met.

        :param path: a regular expression that is searched in the decoded path (without the query).
        :param origin: ``graph``, ``store`` (the second origin) or ``login``; None = any.
        :param times: how many requests meet it, None = all.
        :param after: how many matching requests pass first.
        """
        rule = Rule(method, path, origin, times, after, do)
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def take(self, request: Request) -> Fault:
        with self._lock:
            return next((rule.do for rule in self._rules if rule.matches(request) and rule.take()), Fault())
