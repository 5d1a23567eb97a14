"""The messages between flows and drivers.

A *flow* is a generator that yields a :class:`Request` and receives a :class:`Response`; problems are thrown into it.
It does no I/O, so every exchange with Graph is written once, and driven by threads or by an event loop.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Generator, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol, TypeVar

from airflow_provider_onedrive.graph.protocol.errors import OneDriveError, UnreadableAnswer

T = TypeVar("T")

# The token of a sharing link is the link itself in base64; the id of a share opens it as well.
_SHARE = re.compile(r"(?i)/shares/[^/]+")
READING_METHODS = frozenset({"GET", "HEAD"})
MAY_END_LATER = (200, 201, 202)
"""The statuses of what Graph may only have accepted: a fragment, a copy, a move."""


class Repeat(Enum):
    """When a driver may send the same request again by itself."""

    ALWAYS = "always"
    """Sending it twice has the effect of sending it once."""

    IF_REFUSED = "if_refused"
    """Only if Graph surely did nothing; after any other failure :class:`OutcomeUnknown` is thrown into the flow."""


class Sink(Protocol):
    """Takes a response body as it arrives."""

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Take the head of an answer, 200 or 206: it says which bytes follow."""

    def write(self, piece: bytes) -> object: ...


@dataclass(frozen=True)
class Request:
    """One HTTP request.

    :param url: a path below the API's version (``/drives/…``), or a whole URL that Graph sent.
    :param body: called at each attempt; the pieces it returns add up to ``body_bytes``.
    :param sink: takes the body of a 2xx response, which then has no JSON.
    :param preauthorized: the URL itself is the permission: no bearer token is sent, and the URL is never shown.
    :param failures: how often in a row the flow has failed with this; the driver waits accordingly before it sends.
    :param waits_for_lock: whether the driver waits some seconds for a locked file (423).
    :param expected_statuses: of success; None takes those of the method. See :data:`MAY_END_LATER`.
    :param takes_any_json: whether any JSON, or no body, is a good answer; else it must be an object.
    :param reads: reads of the answer what the flow cannot do without. If it raises :class:`UnreadableAnswer`, the
        answer is not Graph's, and the request is sent again like after a 503.
    :param is_fenced: whether it is sent only by the try that does the work of its task.
    :param timeout_seconds: of each wait for the next bytes; None takes the connection's.
    :param etags: by their ids, the versions in which the items that it changes were read; for the audit.
    :param subject: the path of the item where the URL does not name it; for the audit.
    """

    method: str
    # It may be a pre-authorised one, and a repr ends up in logs.
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
    reads: Callable[[Mapping[str, Any]], object] | None = None
    expected_statuses: Container[int] | None = None
    is_fenced: bool = True
    timeout_seconds: float | None = None
    etags: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    subject: str = field(default="", repr=False)

    @property
    def needs_owner(self) -> bool:
        """Whether it changes something, and nobody could undo it."""
        return self.is_fenced and self.method not in READING_METHODS

    @property
    def shown(self) -> str:
        """The part of the URL that may stand in a log: no query, and nothing of a pre-authorised one."""
        if self.preauthorized:
            return "(pre-authorised URL)"
        path = self.url.partition("?")[0]  # the query may hold a cursor, which is long, or a name
        path = path if path.startswith("/") else "/".join(("", *path.split("/")[3:]))
        return _SHARE.sub("/shares/(sharing link)", path)


@dataclass(frozen=True)
class Response:
    """One HTTP response below 400.

    :param headers: names in lower case.
    :param json: the parsed object, or None if there is none.
    :param seconds: from the first byte of the request to the last of the response.
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
        if isinstance(self.json, dict):
            return self.json
        raise UnreadableAnswer("The answer is empty", status=self.status)


Flow = Generator[Request, Response, T]


@dataclass(frozen=True)
class Page:
    """One page of a listing.

    :param next_url: the link to the next page; None after the last.
    :param date: the ``Date`` header of the answer.
    :param delta_url: the cursor of the next round of delta; only the last page of a round has it.
    :param unnamed: how many values of the page have no id, so that nobody knows which items they are.
    """

    items: tuple[Any, ...]
    next_url: str | None
    date: str | None = None
    delta_url: str | None = None
    unnamed: int = 0

    @property
    def is_empty(self) -> bool:
        return not (self.items or self.unnamed)


class OutcomeUnknown(Exception):
    """A request was sent and has no usable answer: Graph may or may not have done the job.

    :param cause: the error to raise if the flow cannot find out.
    """

    def __init__(self, cause: OneDriveError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class TransferCut(OutcomeUnknown):
    """A response body broke off after ``received`` bytes had gone to the sink.

    :param is_too_slow: whether this side gave it up because the bytes came too slowly.
    """

    def __init__(self, cause: OneDriveError, received: int, *, is_too_slow: bool = False) -> None:
        super().__init__(cause)
        self.received = received
        self.is_too_slow = is_too_slow
