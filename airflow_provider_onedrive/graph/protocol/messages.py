"""What flows and drivers say to each other.

A *flow* is a generator that yields a :class:`Request` and receives a :class:`Response`; problems are thrown into it.
It does no I/O, so every conversation with Graph is written once and driven by threads or by an event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol, TypeVar, cast

from airflow_provider_onedrive.graph.protocol.errors import OneDriveError, UnreadableAnswer

T = TypeVar("T")


class Repeat(Enum):
    """When a driver may send the same request again by itself."""

    ALWAYS = "always"
    """Sending it twice has the effect of sending it once."""

    IF_REFUSED = "if_refused"
    """Only when Graph surely did nothing; any other lost outcome is thrown in as :class:`OutcomeUnknown`."""


class Sink(Protocol):
    """Where a driver writes a response body as it arrives."""

    def write(self, piece: bytes) -> object: ...

    def restart(self) -> None:
        """Forget what was written: the next bytes are the first of the whole body."""


@dataclass(frozen=True)
class Request:
    """One HTTP request.

    :param url: a path below the API's version (``/drives/…``), or a whole URL that Graph itself gave us.
    :param body: called at each attempt; the pieces it returns add up to ``body_bytes``.
    :param sink: receives the body of a 2xx response; the response then carries no JSON.
    :param preauthorized: the URL itself is the permission: no bearer token is sent, and the URL is never shown.
    :param failures: how often in a row the flow has tried this in vain; the driver waits accordingly before it sends.
    :param waits_for_lock: whether a locked file (423) is waited for, some seconds.
    :param takes_any_json: whether any JSON, or no body, is a good answer; else it must be an object.
    :param timeout_seconds: of each wait for the next bytes; None takes the connection's.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    body: Callable[[], Iterable[bytes]] | None = None
    body_bytes: int = 0
    sink: Sink | None = None
    repeat: Repeat = Repeat.ALWAYS
    preauthorized: bool = False
    failures: int = 0
    waits_for_lock: bool = True
    takes_any_json: bool = False
    timeout_seconds: float | None = None

    @property
    def shown(self) -> str:
        """What of the URL may be written to a log: never a query, never anything of a preauthorized one."""
        if self.preauthorized:
            return "(pre-authorised URL)"
        path = self.url.partition("?")[0]
        return path if path.startswith("/") else "/".join(("", *path.split("/")[3:]))


@dataclass(frozen=True)
class Response:
    """One HTTP response below 400.

    :param headers: names in lower case.
    :param json: the parsed body, or None where there is none.
    :param seconds: from the first byte that was sent to the last that came.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)  # one may hold a pre-authorised URL, and so may the body
    json: Any = field(default=None, repr=False)
    seconds: float = field(default=0.0, repr=False)

    @property
    def request_id(self) -> str | None:
        return self.headers.get("request-id")

    @property
    def body(self) -> Mapping[str, Any]:
        """The JSON object of the answer.

        :raises UnreadableAnswer: if there is none.
        """
        if self.json is None:
            raise UnreadableAnswer("The answer is empty", status=self.status)
        return cast("Mapping[str, Any]", self.json)


Flow = Generator[Request, Response, T]


@dataclass(frozen=True)
class Page:
    """One page of a listing.

    :param next_url: where the next one is, or None after the last.
    :param date: when Graph answered, as its ``Date`` says.
    :param delta_url: where the next round of delta begins; only the last page of a round has it.
    """

    items: tuple[Any, ...]
    next_url: str | None
    date: str | None = None
    delta_url: str | None = None


class OutcomeUnknown(Exception):
    """The request left, its answer did not come: Graph may or may not have done it.

    :param cause: the error to raise where the flow cannot find out.
    """

    def __init__(self, cause: OneDriveError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class TransferCut(OutcomeUnknown):
    """A response body broke off after ``received`` bytes had gone to the sink."""

    def __init__(self, cause: OneDriveError, received: int) -> None:
        super().__init__(cause)
        self.received = received
