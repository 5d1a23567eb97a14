"""Faults by which the service answers, and the answer is not true."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_onedrive.emulator.faults.fault import Fault, declare
from airflow_provider_onedrive.emulator.http.messages import Reply, Request, json_reply

_ERRORS_FROM = 400


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
