"""Many requests in one.

https://learn.microsoft.com/graph/json-batching
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from io import BufferedReader, BytesIO
from typing import Any

from airflow_provider_onedrive.emulator.errors.problems import Problem, bad_request
from airflow_provider_onedrive.emulator.http.messages import Body, Reply, Request, json_reply, problem_reply
from airflow_provider_onedrive.emulator.options import Options
from airflow_provider_onedrive.emulator.server.pipeline import RequestPipeline

# Documented: at most 20 requests in one batch.
MAX_PARTS = 20
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_ADDRESS = "/v1.0/$batch"
_FAILED = 400
_OPTIONAL: tuple[tuple[str, Any], ...] = (("headers", {}), ("dependsOn", []))
_SHOWN = ("Content-Type", "Location", "Retry-After", "ETag", "WWW-Authenticate")
Respond = Callable[[Request], Reply]


@dataclass(frozen=True)
class Part:
    """:param body: bytes that would have been sent in a request of its own."""

    id: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    depends_on: tuple[str, ...] = ()

    def request(self, outer: Request) -> Request:
        """Return it as a request of its own. The token is that of the batch."""
        headers = Message()
        for name, value in self.headers.items():
            # Documented: the parts use the token of the batch.
            if name.lower() not in {"authorization", "content-length", "host"}:
                headers[name] = value
        for name in ("Authorization", "Host"):
            if outer.header(name) is not None:
                headers[name] = str(outer.header(name))
        headers["Content-Length"] = str(len(self.body))
        # BytesIO has all of a BufferedReader that a body needs.
        body = Body(BufferedReader(BytesIO(self.body)), len(self.body))
        target = f"/v1.0/{self.url.lstrip('/')}"
        return Request(self.method, target, headers, body, outer.origin, outer.graph_url, outer.login_url)


@dataclass(frozen=True)
class _Inner:
    """Answers the parts. A batch within a batch is refused."""

    route: Respond

    def respond(self, request: Request) -> Reply:
        if is_meant(request.path.split("/")[2:]):
            raise bad_request("A batch cannot hold a batch.")
        return self.route(request)

    def problem(self, request: Request, problem: Problem) -> Reply:
        return problem_reply(request, problem)


@dataclass
class _Run:
    """Sends the parts one after the other."""

    pipeline: RequestPipeline
    outer: Request
    inner: _Inner
    statuses: dict[str, int] = field(default_factory=dict)

    def send(self, part: Part) -> dict[str, Any]:
        # Documented: a request whose dependency failed gets 424 and is not sent.
        if any(self.statuses[key] >= _FAILED for key in part.depends_on):
            reply = problem_reply(self.outer, Problem(424, "FailedDependency", "A request that this one needs failed."))
        else:
            reply = self._answer(part.request(self.outer))
        self.statuses[part.id.lower()] = reply.status
        return _shown(part, reply)

    def _answer(self, request: Request) -> Reply:
        reply = self.pipeline.answer(self.inner, request)
        self.pipeline.log(request, reply)
        return reply


def is_meant(segments: list[str]) -> bool:
    return segments == ["$batch"]


@dataclass(frozen=True)
class Batch:
    """Answers ``$batch``."""

    pipeline: RequestPipeline
    options: Options

    def respond(self, request: Request, route: Respond) -> Reply:
        """Answer all parts.

        :param route: answers a request, or raises the ``Problem`` that is the answer.
        """
        if request.method != "POST":
            raise Problem(405, "methodNotAllowed", "The HTTP method is not allowed for this resource.")
        run = _Run(self.pipeline, request, _Inner(route))
        responses = [run.send(part) for part in _ordered(_parts(request.json()))]
        # The documentation promises no order: a client that relies on one fails here.
        return json_reply(200, {"responses": responses[::-1] if self.options.strict else responses})


def _parts(envelope: dict[str, Any]) -> list[Part]:
    asked = envelope.get("requests")
    if not isinstance(asked, list) or not asked:
        raise bad_request("Invalid batch payload format.")
    if len(asked) > MAX_PARTS:
        raise bad_request(
            f"Number of batch request steps exceeds the maximum value. The maximum number of steps is {MAX_PARTS}."
        )
    parts = [_part(each) for each in asked]
    ids = [part.id.lower() for part in parts]
    if len(set(ids)) < len(ids):
        raise bad_request("Request Id is duplicated in the batch.")
    for part in parts:
        if not set(part.depends_on) <= set(ids) - {part.id.lower()}:
            raise bad_request(f"The request '{part.id[:50]}' depends on one that is not in the batch.")
    return parts


def _part(value: object) -> Part:
    if not isinstance(value, dict):
        raise bad_request("Invalid batch payload format.")
    part_id, method, url = (value.get(name) for name in ("id", "method", "url"))
    if not isinstance(part_id, str) or not part_id or not isinstance(method, str) or not isinstance(url, str):
        raise bad_request("Each request must hold an id, a method and a url, all of them texts.")
    if method.upper() not in METHODS or not url.isprintable() or " " in url:
        raise bad_request(f"The request '{part_id[:50]}' has an invalid method or url.")
    headers, depends_on = (default if value.get(name) is None else value[name] for name, default in _OPTIONAL)
    if not _is_headers(headers) or not _is_ids(depends_on):
        raise bad_request(f"The request '{part_id[:50]}' has invalid headers or dependsOn.")
    body = _body(part_id, headers, value.get("body"))
    return Part(part_id, method.upper(), url, headers, body, tuple(key.lower() for key in depends_on))


def _is_ids(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(key, str) for key in value)


def _is_headers(headers: object) -> bool:
    return isinstance(headers, dict) and all(
        isinstance(value, str) and value.isprintable() and name.isprintable() for name, value in headers.items()
    )


def _body(part_id: str, headers: Mapping[str, str], body: object) -> bytes:
    """Return the bytes of a body, which is JSON or base64."""
    if body is None:
        return b""
    content_type = next((value for name, value in headers.items() if name.lower() == "content-type"), None)
    if content_type is None:
        raise bad_request(f"Write request id : {part_id[:50]} does not contain Content-Type header or body.")
    if "json" in content_type:
        return json.dumps(body).encode()
    try:
        # Clients send either alphabet of base64, and some omit the padding.
        text = str(body).replace("-", "+").replace("_", "/")
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise bad_request(f"The body of the request '{part_id[:50]}' is not base64.") from None


def _ordered(parts: list[Part]) -> Iterator[Part]:
    """Yield each part after those that it depends on."""
    waiting, done = list(parts), set[str]()
    while waiting:
        ready = [part for part in waiting if done.issuperset(part.depends_on)]
        if not ready:
            raise bad_request("The requests of the batch depend on each other in a circle.")
        waiting = [part for part in waiting if part not in ready]
        done.update(part.id.lower() for part in ready)
        yield from ready


def _shown(part: Part, reply: Reply) -> dict[str, Any]:
    headers = {name: value for name, value in reply.headers.items() if name in _SHOWN}
    shown: dict[str, Any] = {"id": part.id, "status": reply.status, "headers": headers}
    data = b"".join(reply.pieces())
    if not data or part.method == "HEAD":
        return shown
    if "json" in reply.headers.get("Content-Type", ""):
        # A fault may have replaced the body by a text that is not JSON.
        with contextlib.suppress(ValueError):
            return shown | {"body": json.loads(data)}
    return shown | {"body": base64.b64encode(data).decode()}
