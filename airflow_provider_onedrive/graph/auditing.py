"""One line of JSON for each change that a client makes, or tries to make.

To Microsoft all DAGs that sign in with one application look alike; these lines say which task did what. They are made
of what passes anyway, so they cost no request.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, ParamSpec, TypeVar, cast
from urllib.parse import unquote
from uuid import uuid4

from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.protocol.errors import (
    ConfigurationError,
    GraphError,
    LocationError,
    OneDriveError,
    Stopped,
    TakenOver,
)
from airflow_provider_onedrive.graph.protocol.locations import shown
from airflow_provider_onedrive.graph.protocol.messages import READING_METHODS, OutcomeUnknown, Request, Response
from airflow_provider_onedrive.graph.protocol.redaction import without_links
from airflow_provider_onedrive.graph.protocol.retry import leaves_outcome_unknown

P = ParamSpec("P")
T = TypeVar("T")

LOGGER = "airflow_provider_onedrive.audit"
CLIENT_REQUEST_ID = "client-request-id"

log = logging.getLogger(LOGGER)

_ACCEPTED, _BAD, _FAULT = 202, 400, 500
_IDS = re.compile(r"^(?:https://[^/]+/v1\.0)?/drives/(?P<drive>[^/?:]+)(?:/items/(?P<item>[^/?:]+)|/root)?")
_NAME = re.compile(r":/([^?]+?)(?::/[^/?]*)?(?:\?|$)")
_ACTIONS = {"permanentdelete": "delete_permanently", "copy": "copy", "children": "create_folder"}

Line = dict[str, Any]


@dataclass
class Change:
    """A request that changes something, and the answer to it.

    :ivar response: None until there is one.
    """

    request: Request
    response: Response | None = None

    def answered(self, response: Response) -> Response:
        """Take the answer, and return it."""
        self.response = response
        return response


class Audit:
    """Writes the lines of one client.

    :ivar actor: what each line says of the caller: the connection, and the task with its DAG, run and try.
    :ivar count: how many lines were written.
    """

    def __init__(self, settings: Settings) -> None:
        self.actor: Mapping[str, Any] = {}
        self.count = 0
        self._client_id = settings.client_id or None
        self._has_names = settings.policy.log_names == "full"

    @contextmanager
    def of_request(self, request: Request) -> Iterator[Change]:
        """Write what becomes of a request, if it changes something, when the block ends.

        :return: the request as it is to be sent, with an id that Microsoft's log has too; takes the answer.
        """
        if not _changes(request):
            yield Change(request)
            return
        change = Change(replace(request, headers={**request.headers, CLIENT_REQUEST_ID: str(uuid4())}))
        problem: Exception | None = None
        try:
            yield change
        except (OneDriveError, OutcomeUnknown) as error:
            problem = error
            raise
        finally:  # also where the task is killed while the request is under way
            for line in _lines(change, problem):
                self._write(line)

    @contextmanager
    def of_call(self, action: str, location: Any) -> Iterator[None]:
        """Write that a call of a method failed, if none of its requests did: most refusals come before the first."""
        count = self.count
        try:
            yield
        except OneDriveError as error:
            if self.count == count:
                item = location if isinstance(location, Mapping) else {}
                line = {"action": action, "drive": item.get("drive_id"), "item": item.get("id")}
                where = {"location": shown(location)} if isinstance(location, (str, Mapping)) else {}
                self._write({**line, **_outcome_of(error), **where})
            raise

    def _write(self, line: Line) -> None:
        self.count += 1
        names = () if self._has_names else ("name", "location")
        given = {key: value for key, value in line.items() if key not in names and value is not None}
        # A link may have come in any parameter, such as that of an eTag.
        given = {key: without_links(value) if isinstance(value, str) else value for key, value in given.items()}
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        # ASCII only, so that no name can look like another line, or turn the direction of writing.
        log.info("%s", json.dumps({"time": time, **self.actor, "client_id": self._client_id, **given}))


def audited(method: Callable[P, T]) -> Callable[P, T]:
    """Write a line if a method that changes something fails before it has sent anything."""
    action = method.__name__

    def of_call(args: Any, kwargs: Mapping[str, Any]) -> Any:
        location = None if action == "request" else kwargs.get("location", args[1] if len(args) > 1 else None)
        return args[0].audit.of_call(action, location)

    if iscoroutinefunction(method):

        @wraps(method)
        async def called_async(*args: P.args, **kwargs: P.kwargs) -> Any:
            with of_call(args, kwargs):
                return await method(*args, **kwargs)

        return cast("Callable[P, T]", called_async)

    @wraps(method)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        with of_call(args, kwargs):
            return method(*args, **kwargs)

    return called


def _changes(request: Request) -> bool:
    # The end of a session whose file is not there yet changes nothing.
    return request.needs_owner and not (request.preauthorized and request.method == "DELETE")


def _lines(change: Change, problem: Exception | None) -> Iterator[Line]:
    request, response = change.request, change.response
    if response is not None and _is_step(request, response):
        return
    parts = request.json.get("requests") if isinstance(request.json, dict) else None
    if not (isinstance(parts, list) and request.url.partition("?")[0].endswith("/$batch")):
        yield _line(request, _answered(response, problem), _body(response))
        return
    answers = {part.get("id"): part for part in _objects(_body(response).get("responses"))}
    for part in _objects(parts):
        if str(part.get("method", "")).upper() not in READING_METHODS:
            answer = answers.get(part.get("id"), {})
            outcome = _answered(response, problem) | (_outcome_of_status(answer) if response is not None else {})
            yield _line(_as_request(request, part), outcome, _objects([answer.get("body")], {})[0])


def _is_step(request: Request, response: Response) -> bool:
    """Return whether a request only prepares a change: a session that was opened, a fragment that is not the last."""
    is_fragment = request.preauthorized and "id" not in _body(response)
    return is_fragment or request.url.partition("?")[0].endswith("/createUploadSession")


def _as_request(batch: Request, part: Mapping[str, Any]) -> Request:
    headers = part.get("headers")
    return replace(
        batch,
        method=str(part.get("method", "")).upper(),
        url=str(part.get("url", "")),
        json=part.get("body"),
        headers={**(headers if isinstance(headers, dict) else {}), CLIENT_REQUEST_ID: batch.headers[CLIENT_REQUEST_ID]},
    )


def _line(request: Request, outcome: Line, body: Mapping[str, Any]) -> Line:
    url = request.subject or request.url
    ids = _IDS.match(url)
    drive, addressed = (unquote(ids[each]) if ids and ids[each] else None for each in ("drive", "item"))
    name = _NAME.search(url)
    is_below = bool(name) or _last(request) == "children"  # then the URL has the id of the folder
    parent = body.get("parentReference")
    parent = parent if isinstance(parent, dict) else {}
    item = body.get("id") or (None if is_below else addressed)
    given = request.json if isinstance(request.json, dict) else {}
    return {
        "action": _action(request),
        "drive": parent.get("driveId") or drive,
        "item": item,
        "folder": parent.get("id") or (addressed if is_below else None),
        "name": body.get("name") or given.get("name") or (name and unquote(name[1]).rpartition("/")[2]),
        "etag_before": request.etags.get(str(item)) or request.headers.get("If-Match"),
        "etag_after": body.get("eTag"),
        "bytes": body.get("size", request.body_bytes) if request.body else None,
        **_destination(given),
        CLIENT_REQUEST_ID.replace("-", "_"): request.headers[CLIENT_REQUEST_ID],
        **outcome,
    }


def _destination(given: Mapping[str, Any]) -> Line:
    folder = given.get("parentReference")
    if not isinstance(folder, dict):
        return {}
    return {"to_drive": folder.get("driveId"), "to_folder": folder.get("id")}


def _action(request: Request) -> str:
    if request.takes_any_json:  # nobody here knows what was asked
        return f"request_{request.method.lower()}"
    if request.method == "PATCH":
        return "move" if {"name", "parentReference"} & (request.json or {}).keys() else "set_times"
    if request.method == "DELETE":
        return "delete"
    return _ACTIONS.get(_last(request), "upload")


def _last(request: Request) -> str:
    return request.url.partition("?")[0].rpartition("/")[2].lower()


def _answered(response: Response | None, problem: Exception | None) -> Line:
    if problem is not None:
        return _outcome_of(problem)
    if response is None:
        return {"outcome": "unknown"}
    outcome = "accepted" if response.status == _ACCEPTED else "done"
    return {"outcome": outcome, "status": response.status, "request_id": response.request_id}


def _outcome_of_status(answer: Mapping[str, Any]) -> Line:
    """Read the outcome of a part of a batch."""
    status = answer.get("status")
    if not isinstance(status, int):
        return {"outcome": "unknown"}
    return {"outcome": "done" if status < _BAD else _failure(status), "status": status}


def _outcome_of(problem: Exception) -> Line:
    """Return what became of a change, without the message of the error, which may quote anything."""
    error = problem.cause if isinstance(problem, OutcomeUnknown) else problem
    line: Line = {"error": type(error).__name__}
    if isinstance(error, GraphError):
        line |= {"status": error.status, "code": error.code, "request_id": error.request_id}
    if isinstance(error, (ConfigurationError, LocationError, TakenOver)):
        return {"outcome": "refused", **line}
    is_open = isinstance(problem, (OutcomeUnknown, Stopped))
    if is_open or (isinstance(error, GraphError) and leaves_outcome_unknown(error)):
        return {"outcome": "unknown", **line}
    return {"outcome": _failure(getattr(error, "status", None)), **line}


def _failure(status: int | None) -> str:
    return "refused" if status is not None and _BAD <= status < _FAULT else "failed"


def _body(response: Response | None) -> Mapping[str, Any]:
    return response.json if response is not None and isinstance(response.json, dict) else {}


def _objects(values: Any, default: Any = None) -> list[Any]:
    """Return the objects of a list, and in place of anything else the default, if there is one."""
    given = values if isinstance(values, list) else []
    return [
        each if isinstance(each, dict) else default for each in given if isinstance(each, dict) or default is not None
    ]
