"""One request as it is, and all that came back: for the facts that the client's methods do not show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from airflow_provider_onedrive.graph.protocol.errors import GraphError
from airflow_provider_onedrive.graph.protocol.messages import READING_METHODS, Flow, Repeat, Request, Response, T

_BAD = 400
_ANY_SUCCESS = range(200, _BAD)


class Runner(Protocol):
    """The part of a client that is needed."""

    def run(self, flow: Flow[T], /) -> T: ...


@dataclass(frozen=True)
class Answer:
    """An answer of any status.

    :param headers: names in lower case; of a refusal there are none.
    :param body: the JSON; an empty object if there is none.
    :param content: of a download.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    content: bytes = field(default=b"", repr=False)
    code: str | None = None
    inner_code: str | None = None
    message: str | None = field(default=None, repr=False)

    @property
    def is_refusal(self) -> bool:
        return self.status >= _BAD

    def text(self, *path: str) -> str:
        """Return a text of the body; an empty one if it is not there."""
        value: Any = self.body
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value if isinstance(value, str) else ""

    @property
    def values(self) -> list[dict[str, Any]]:
        """The objects of a listing."""
        value = self.body.get("value")
        return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


class _Bytes:
    """Takes the body of a download."""

    def __init__(self) -> None:
        self.status = 200
        self.content = bytearray()

    def begin(self, status: int, _headers: Mapping[str, str]) -> None:
        self.status, self.content = status, bytearray()

    def write(self, piece: bytes) -> None:
        self.content += piece


def send(
    client: Runner,
    method: str,
    url: str,
    *,
    json: Any = None,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    preauthorized: bool = False,
) -> Answer:
    """Send a request, and return its answer; a refusal is an answer too.

    :param url: a path below the API's version, or a whole URL that the service gave.
    :param preauthorized: the URL is of an upload, a download or a monitor: it gets no token.
    :raises OneDriveError: if no answer came, or one that is not Graph's.
    """
    request = Request(
        method,
        url,
        headers=headers or {},
        json=json,
        body=None if content is None else _pieces(content),
        body_bytes=len(content or b""),
        preauthorized=preauthorized,
        repeat=Repeat.ALWAYS if method in READING_METHODS else Repeat.IF_REFUSED,
        waits_for_lock=False,
        takes_any_json=True,
        expected_statuses=_ANY_SUCCESS,
    )
    return _answered(client, request)


def download(client: Runner, url: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Fetch a small content from a download URL."""
    sink = _Bytes()
    request = Request("GET", url, headers=headers or {}, sink=sink, preauthorized=True)
    answer = _answered(client, request)
    return Answer(**{**vars(answer), "content": bytes(sink.content)})


def _answered(client: Runner, request: Request) -> Answer:
    try:
        response = client.run(_once(request))
    except GraphError as error:
        if error.status is None or error.status < _BAD:
            raise
        return Answer(error.status, code=error.code, inner_code=error.inner_code, message=error.message)
    body = response.json if isinstance(response.json, dict) else {}
    return Answer(response.status, response.headers, body)


def _once(request: Request) -> Flow[Response]:
    return (yield request)


def _pieces(content: bytes) -> Callable[[], list[bytes]]:
    # Without an empty piece, which would end a chunked body.
    return lambda: [content] if content else []
