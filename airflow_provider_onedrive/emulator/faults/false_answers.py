"""Faults by which the service answers, and the answer is not true."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_onedrive.emulator.faults.fault import Fault, declare
from airflow_provider_onedrive.emulator.http.messages import Reply, Request, json_reply

_ERRORS_FROM = 400
# A range with a first byte; the last bytes of a file have none that could be shifted.
_RANGE = re.compile(r"bytes=(\d{1,18})-(\d{0,18})", re.ASCII)


@declare
@dataclass(frozen=True)
class answer(Fault):  # noqa: N801 - reads as a word of a rule
    """Replace the answer, or parts of it. An error of the service itself stays as it is.

    ``answer(body="")`` is a success without a body, ``answer(302, done=False)`` a redirect in place of an effect.

    :param status: None = the service's own. One below 200 makes sense in a batch only.
    :param body: a text, which is sent as HTML unless the headers name another type, or anything else, which is sent as
        JSON. None = the service's own, and none if it does not handle the request.
    :param headers: headers that are added or replaced; None removes one.
    :param done: False = the request has no effect.
    """

    status: int | None = None
    body: Any = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    done: bool = True

    def __post_init__(self) -> None:
        if self.status is not None and not 100 <= self.status <= 599:  # noqa: PLR2004 - HTTP's statuses
            raise ValueError("a status must lie between 100 and 599")

    def instead(self, *_: object) -> Reply | None:
        return None if self.done else Reply(200)

    def after(self, reply: Reply, *_: object) -> None:
        if reply.status >= _ERRORS_FROM:
            return
        reply.status = self.status or reply.status
        if self.body is not None:
            self._replace_body(reply)
        for name, value in self.headers.items():
            _set(reply.headers, name, value)

    def _replace_body(self, reply: Reply) -> None:
        reply.stream = None
        if not isinstance(self.body, str):
            reply.body = json.dumps(self.body).encode()
            _set(reply.headers, "Content-Type", json_reply(200, None).headers["Content-Type"])
            return
        reply.body = self.body.encode()
        # An empty body keeps the type: a client that only looks at the header is misled by the service, too.
        if self.body:
            _set(reply.headers, "Content-Type", "text/html; charset=utf-8")


@declare
@dataclass(frozen=True)
class repeat_next_link(Fault):  # noqa: N801
    """Link a page to itself: its nextLink is its own address, on the last page too."""

    def after(self, reply: Reply, request: Request, /) -> None:
        # Seen on a drive whose listing never ended. https://github.com/OneDrive/onedrive-api-docs/issues/1431
        value = _json(reply)
        if isinstance(value, dict) and isinstance(value.get("value"), list):
            value.pop("@odata.deltaLink", None)
            value["@odata.nextLink"] = request.graph_url + request.target
            reply.body = json.dumps(value).encode()


@declare
@dataclass(frozen=True)
class alter(Fault):  # noqa: N801
    """Change properties of the items in an answer: of all in a list, and of the children that an item was expanded by.

    ``alter({"size": None}, without=["parentReference", "file/hashes"], name="csv$")``

    :param properties: any values, by the names of the properties; ``/`` leads into an object.
    :param without: names of properties that are removed.
    :param name: a regular expression that is searched in an item's name; None = every item, also one without a name.
    """

    properties: Mapping[str, Any] = field(default_factory=dict)
    without: list[str] = field(default_factory=list)
    name: str | None = None

    def __post_init__(self) -> None:
        try:
            re.compile(self.name or "")
        except re.error as error:
            raise ValueError(f"name is not a regular expression: {error}") from None

    def after(self, reply: Reply, *_: object) -> None:
        value = _json(reply)
        if value is not None:
            for item in _items(value):
                self._alter(item)
            reply.body = json.dumps(value).encode()

    def _alter(self, item: dict[str, Any]) -> None:
        if self.name is not None and not re.search(self.name, str(item.get("name", ""))):
            return
        for name, value in self.properties.items():
            _assign(item, name.split("/"), value)
        for name in self.without:
            *above, last = name.split("/")
            _inner(item, above).pop(last, None)


@declare
@dataclass(frozen=True)
class shift_range(Fault):  # noqa: N801
    """Answer with another part of a file than the one that was requested by its first byte.

    :param bytes: the part begins and ends so much later, or earlier if it is negative, as Content-Range says.
    :param total: is added to the size of the file in Content-Range.
    """

    bytes: int = 0
    total: int = 0

    def before(self, request: Request, *_: object) -> None:
        match = _RANGE.fullmatch(request.header("Range") or "")
        if match:
            first, last = (str(max(0, int(digits) + self.bytes)) if digits else "" for digits in match.groups())
            request.headers.replace_header("Range", f"bytes={first}-{last}")

    def after(self, reply: Reply, *_: object) -> None:
        span, slash, total = reply.headers.get("Content-Range", "").rpartition("/")
        if slash:
            reply.headers["Content-Range"] = f"{span}/{int(total) + self.total}"


def _items(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the items of an answer: those of a list, else itself, each with its expanded children."""
    listed = value.get("value") if isinstance(value, dict) else None
    for item in listed if isinstance(listed, list) else [value]:
        if isinstance(item, dict):
            yield from (child for child in item.get("children", ()) if isinstance(child, dict))
            yield item


def _inner(item: dict[str, Any], path: list[str]) -> dict[str, Any]:
    """Return the object that a path leads to; an empty one that belongs to nothing if there is none."""
    for name in path:
        inner = item.get(name)
        item = inner if isinstance(inner, dict) else {}
    return item


def _assign(item: dict[str, Any], path: list[str], value: Any) -> None:
    """Set a property. Objects that are missing on the way are added."""
    name, *rest = path
    if not rest:
        item[name] = value
        return
    if not isinstance(item.get(name), dict):
        item[name] = {}
    _assign(item[name], rest, value)


def _json(reply: Reply) -> Any:
    """Return the JSON of a success; None = it has none."""
    is_json = "json" in reply.headers.get("Content-Type", "") and reply.stream is None
    return json.loads(reply.body) if is_json and reply.body and reply.status < _ERRORS_FROM else None


def _set(headers: dict[str, str], name: str, value: str | None) -> None:
    """Set a header, or remove it, whatever the case of its name."""
    for same in [each for each in headers if each.lower() == name.lower()]:
        del headers[same]
    if value is not None:
        headers[name] = value
