"""The control path on the Graph origin, for scripts in other languages: ``{graph_url}/__emulator__/...``.

Each request carries ``X-Emulator-Key`` (printed at the start, ``emulator.control_key``). Without it the answer is 404.
A ``Host`` that is not this machine's is answered with 421 (:mod:`~airflow_provider_onedrive.emulator.http.hosts`).
Bodies are JSON. Requests here meet no fault and are not logged.

=======  =============  ===============================================================================================
method   path           effect
=======  =============  ===============================================================================================
GET      ``log``        return the requests so far and their total; ``?method= &path= &origin= &operation=`` filter,
                        ``&offset= &limit=`` page. Paths have no query and show neither tokens nor upload URLs
DELETE   ``log``        clear it
GET      ``faults``     return the current script, with the ``hits`` of each rule
POST     ``faults``     load a script (:mod:`~airflow_provider_onedrive.emulator.faults.script`)
DELETE   ``faults``     remove all rules
GET      ``quirks``     return all quirks (:class:`~airflow_provider_onedrive.emulator.faults.quirks.Quirks`)
POST     ``quirks``     set the named ones
GET      ``throttling`` return the budget and the units used; null = no budget
POST     ``throttling`` set the budget, as in a script; null = none
POST     ``files``      create ``{"path": "a/b.csv", "text": "..."}`` or ``"base64"``, optional ``"user"``; the path of
                        a folder ends in ``/``. The answer is the driveItem
POST     ``expire``     ``{"tokens": true, "downloads": true}``: refuse all tokens or download URLs issued so far
POST     ``devices``    ``{"user_code": "..."}``: sign in the device as the first user or as ``"user"``; with
                        ``"decline": true`` decline it
POST     ``reset``      start with an empty tenant; the answer is the environment of the new connection
=======  =============  ===============================================================================================
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any

from airflow_provider_onedrive.emulator.errors.problems import Problem, invalid_request, missing_item
from airflow_provider_onedrive.emulator.facade import Facade
from airflow_provider_onedrive.emulator.faults import records
from airflow_provider_onedrive.emulator.faults.quirks import Quirks
from airflow_provider_onedrive.emulator.http import hosts
from airflow_provider_onedrive.emulator.http.log import LoggedRequest
from airflow_provider_onedrive.emulator.http.messages import Reply, Request, json_reply

PREFIX = "/__emulator__"
KEY_HEADER = "X-Emulator-Key"
# Files come base64-encoded in JSON, so this is about 48 MiB of content; larger ones are uploaded.
_MAX_BYTES = 64 * 1024 * 1024
# A sharing token, or the id of a copy, grants access by itself: the log must not show it.
_SECRETS = re.compile(r"(/shares/|/monitor/|/operations/)[^/]+")


class Control:
    def __init__(self, emulator: Facade, key: str) -> None:
        self._emulator = emulator
        self._key = key.encode()

    def serves(self, path: str) -> bool:
        return path == PREFIX or path.startswith(PREFIX + "/")

    def respond(self, request: Request) -> Reply:
        # A web page that resolves its name to 127.0.0.1 must not control the emulator.
        hosts.check(request, *self._emulator.state.authority.hosts)
        # Without the key the path looks as if it did not exist.
        if not hmac.compare_digest((request.header(KEY_HEADER) or "").encode(), self._key):
            raise missing_item()
        name = request.path.removeprefix(PREFIX).strip("/")
        action = _ACTIONS.get((request.method, name))
        if action is None:
            actions = ", ".join(f"{method} {path}" for method, path in _ACTIONS)
            raise Problem(404, "itemNotFound", f"There is no {request.method} {name!r} here; there are: {actions}.")
        try:
            value = action(self._emulator, _Question(request))
        except (records.ScriptError, LookupError, OSError) as error:
            raise invalid_request(str(error)) from None
        # Answers contain secrets such as the environment of the connection.
        return json_reply(200, value, {"Cache-Control": "no-store"})


class _Question:
    def __init__(self, request: Request) -> None:
        self.options = request.query
        self._body = request.body

    def value(self) -> Any:
        """Return the body. Its content type is not checked."""
        try:
            return json.loads(self._body.read(_MAX_BYTES))
        except (ValueError, RecursionError) as error:
            raise records.ScriptError(f"The body is not JSON: {error}.") from None

    def number(self, name: str, usual: int) -> int:
        text = self.options.get(name, str(usual))
        if not (text.isascii() and text.isdigit()):
            raise records.ScriptError(f"{name} must be a whole number, not {text!r}.")
        # Nine digits are enough, and int() has an error of its own for thousands of them.
        return int(text[:9])


def _log(emulator: Facade, question: _Question) -> Any:
    wanted = {name: question.options.get(name) for name in ("method", "path", "origin", "operation")}
    try:
        re.compile(wanted["path"] or "")
    except re.error as error:
        raise records.ScriptError(f"path is not a regular expression: {error}.") from None
    entries, total = emulator.requests.matching(**wanted), emulator.requests.total(**wanted)
    offset = question.number("offset", 0)
    page = entries[offset : offset + question.number("limit", 1000)]
    return {"requests": [_entry(entry) for entry in page], "total": asdict(total)}


def _entry(entry: LoggedRequest) -> dict[str, Any]:
    shown = {field.name: getattr(entry, field.name) for field in fields(entry) if field.name != "target"}
    path = _SECRETS.sub(r"\1...", entry.path)
    return shown | {"path": path, "operation": entry.operation, "resource_units": entry.resource_units}


def _forget_log(emulator: Facade, _: _Question) -> Any:
    emulator.requests.clear()
    emulator.leaks.clear()
    return {}


def _faults(emulator: Facade, _: _Question) -> Any:
    rules = emulator.faults.rules
    return emulator.faults.document() | {"hits": [rule.hits for rule in rules]}


def _load_faults(emulator: Facade, question: _Question) -> Any:
    emulator.faults.load(question.value())
    return _faults(emulator, question)


def _forget_faults(emulator: Facade, question: _Question) -> Any:
    emulator.faults.clear()
    return _faults(emulator, question)


def _quirks(emulator: Facade, _: _Question) -> Any:
    return records.values(emulator.quirks)


def _set_quirks(emulator: Facade, question: _Question) -> Any:
    named = records.expect_object(question.value(), "quirks")
    given = records.read(Quirks, named, "quirks")
    for name in named:
        setattr(emulator.quirks, name, getattr(given, name))
    return _quirks(emulator, question)


def _throttling(emulator: Facade, _: _Question) -> Any:
    budget = emulator.throttling
    return None if budget is None else records.values(budget) | {"used": emulator.state.throttling.used()}


def _set_throttling(emulator: Facade, question: _Question) -> Any:
    emulator.faults.load({"throttling": question.value()})
    return _throttling(emulator, question)


def _put_file(emulator: Facade, question: _Question) -> Any:
    value = records.expect_object(question.value(), "files")
    for name in value:
        records.check_name(name, ("path", "text", "base64", "user"), "files", "key")
    path = value.get("path")
    if not isinstance(path, str) or not path.strip("/"):
        raise records.ScriptError("files: path must be the path of a file or, ending in /, of a folder.")
    drive = emulator.drive(value.get("user"))
    return drive.folder(path) if path.endswith("/") else drive.put(path, _content(value))


def _content(value: Mapping[str, Any]) -> bytes:
    text, packed = value.get("text", ""), value.get("base64", "")
    if not isinstance(text, str) or not isinstance(packed, str):
        raise records.ScriptError("files: text and base64 must be texts.")
    try:
        return text.encode() or base64.b64decode(packed, validate=True)
    except (binascii.Error, ValueError) as error:
        raise records.ScriptError(f"files: {error}.") from None


def _expire(emulator: Facade, question: _Question) -> Any:
    value = records.expect_object(question.value(), "expire")
    for name in value:
        records.check_name(name, ("tokens", "downloads"), "expire", "key")
    if value.get("tokens"):
        emulator.state.tokens.expire_all()
    if value.get("downloads"):
        emulator.revoke_download_urls()
    return {}


def _approve(emulator: Facade, question: _Question) -> Any:
    value = records.expect_object(question.value(), "devices")
    for name in value:
        records.check_name(name, ("user_code", "user", "decline"), "devices", "key")
    try:
        if value.get("decline"):
            emulator.decline_device(str(value.get("user_code")))
        else:
            emulator.approve_device(str(value.get("user_code")), value.get("user"))
    except LookupError as error:
        raise records.ScriptError(f"devices: {error}.") from None
    return {}


def _reset(emulator: Facade, _: _Question) -> Any:
    emulator.reset()
    return {"environment": emulator.environment}


_ACTIONS: Mapping[tuple[str, str], Callable[[Facade, _Question], Any]] = {
    ("GET", "log"): _log,
    ("DELETE", "log"): _forget_log,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _load_faults,
    ("DELETE", "faults"): _forget_faults,
    ("GET", "quirks"): _quirks,
    ("POST", "quirks"): _set_quirks,
    ("GET", "throttling"): _throttling,
    ("POST", "throttling"): _set_throttling,
    ("POST", "files"): _put_file,
    ("POST", "expire"): _expire,
    ("POST", "devices"): _approve,
    ("POST", "reset"): _reset,
}
