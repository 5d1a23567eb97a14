"""The quirks of SharePoint that apply before and after the handlers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from airflow_provider_onedrive.emulator.errors.defaults import graph_error
from airflow_provider_onedrive.emulator.errors.problems import Problem, access_denied, missing_session
from airflow_provider_onedrive.emulator.faults import rewriting
from airflow_provider_onedrive.emulator.faults.quirks import Quirks
from airflow_provider_onedrive.emulator.http.messages import Reply, Request
from airflow_provider_onedrive.emulator.model import addresses, keys
from airflow_provider_onedrive.emulator.model.drive import Drive, Item
from airflow_provider_onedrive.emulator.model.tenant import Tenant
from airflow_provider_onedrive.emulator.options import Options
from airflow_provider_onedrive.emulator.server import item_path
from airflow_provider_onedrive.emulator.server.item_path import ItemPath
from airflow_provider_onedrive.emulator.server.refusals import Refusals
from airflow_provider_onedrive.emulator.server.repeating_listings import RepeatingListings
from airflow_provider_onedrive.emulator.sites.drives import DriveAddress, Drives
from airflow_provider_onedrive.emulator.sites.special import SpecialFolders
from airflow_provider_onedrive.emulator.tokens.access_tokens import Tokens

_COMMITS = frozenset({"upload", "fragment", "session_commit"})
_CREATIONS = _COMMITS | {"create_folder", "update"}
_SESSIONS = frozenset({"fragment", "session_status", "session_cancel", "session_commit"})
_READS = frozenset({"GET", "HEAD"})
_OK, _CREATED = 200, 201
_BUSY = frozenset({429, 503})


@dataclass(frozen=True)
class QuirkEffects:
    """Applies quirks before and after the handlers."""

    tenant: Tenant
    tokens: Tokens
    drives: Drives
    special_folders: SpecialFolders
    quirks: Quirks
    refusals: Refusals
    listings: RepeatingListings
    options: Options

    def before(self, request: Request) -> None:
        """Refuse a request with a ``Problem``, or let it pass."""
        if request.operation in _SESSIONS:
            self._check_session(_guid(request.target))
        elif request.origin == "graph" and not self.refusals.are_off:
            target = self._target(request)
            if target:
                self.refusals.check(request, target)

    def after(self, request: Request, reply: Reply) -> None:
        """Change the answer to a request. A ``Problem`` replaces it."""
        if reply.status in _BUSY and self.quirks.retry_after_missing:
            reply.headers.pop("Retry-After", None)
        value = _json(reply)
        if value is None:
            return
        if request.operation == "create_session":
            self._note_session(value)
        if request.operation in _CREATIONS:
            self._note_item(request, reply, value)
        if request.operation == "children" and self.quirks.repeating_listings:
            self._repeat(request, reply, value)
        self._show(request, reply, value)
        if request.operation in _COMMITS and self.quirks.failing_commits:
            self._fail(request)

    def _check_session(self, guid: str) -> None:
        end = self.quirks.tempauths.get(guid)
        if self.quirks.tempauth_seconds is not None and end is not None and self.quirks.clock() >= end:
            raise access_denied()
        if self.quirks.take("session_invisible_uses", guid):
            raise missing_session()

    def _note_session(self, value: dict[str, Any]) -> None:
        guid = _guid(str(value.get("uploadUrl", "")))
        self.quirks.start("session_invisible_uses", guid)
        if self.quirks.tempauth_seconds is not None:
            self.quirks.tempauths[guid] = self.quirks.clock() + self.quirks.tempauth_seconds

    def _note_item(self, request: Request, reply: Reply, value: dict[str, Any]) -> None:
        """Apply the quirks of a write to the item that was just written."""
        owned = self._item(request, value)
        if owned is None:
            return
        drive, item = owned
        # Only new items are invisible for a while; a replaced file was visible before.
        if reply.status == _CREATED:
            self.quirks.start("invisible_reads", item.id)
        if request.operation in _COMMITS:
            self.quirks.start("hash_missing_reads", item.id)
            if self.quirks.rewrite_office and _rewrite(drive, item) and self.quirks.rewrite_in_answer:
                _tell(reply, value, item)

    def _repeat(self, request: Request, reply: Reply, value: dict[str, Any]) -> None:
        target = self._target(request)
        if target and target.item and self.listings.apply(request, target.item, value):
            reply.body = json.dumps(value).encode()

    def _show(self, request: Request, reply: Reply, value: dict[str, Any]) -> None:
        is_read = request.method in _READS
        hidden = [each for each in _files(value) if self._hides_hash(str(each.get("id")), is_read=is_read)]
        for each in hidden:
            each["file"].pop("hashes", None)
        if hidden:
            reply.body = json.dumps(value).encode()
        if request.operation == "get" and "file" in value and self.quirks.take_next("editor_opens"):
            self._open_in_editor(request, value)

    def _hides_hash(self, item_id: str, *, is_read: bool) -> bool:
        # Only reads count down; the answer of the upload itself never has the hash.
        take = self.quirks.take if is_read else self.quirks.is_due
        return take("hash_missing_reads", item_id)

    def _open_in_editor(self, request: Request, value: dict[str, Any]) -> None:
        owned = self._item(request, value)
        if owned:
            drive, item = owned
            drive.advance_etag(item)

    def _fail(self, request: Request) -> None:
        if self.quirks.take_next("failing_commits"):
            error = graph_error(self.quirks.failing_commit_status, request.operation)
            raise Problem(self.quirks.failing_commit_status, error.code, error.message)

    def _item(self, request: Request, value: dict[str, Any]) -> tuple[Drive, Item] | None:
        """Find the item of an answer by its own id, else by the request's URL."""
        drive = self.tenant.drive(str((value.get("parentReference") or {}).get("driveId")))
        # The answer may have been reduced by $select, so the URL is the second source.
        target = self._target(request) if request.origin == "graph" else None
        drive = drive or (target.drive if target else None)
        item = drive.live(str(value.get("id"))) if drive else None
        item = item or (target.item if target else None)
        return (drive, item) if drive and item else None

    def _target(self, request: Request) -> ItemPath | None:
        """Return where a Graph URL leads; None when it may not be followed, which is the router's matter."""
        try:
            token = self.tokens.check(request.header("Authorization"))
            segments = keys.expand(addresses.split(request.raw_path), request.query)
            owned = self.drives.find(token, segments[2 if segments[:1] == ["_api"] else 1 :])
            if not isinstance(owned, DriveAddress) or not owned.rest:
                return None
            named = self.special_folders.resolve(token, owned.drive, owned.rest)
            address, _ = item_path.descend(owned.drive, *addresses.parse_item(named, strict=self.options.strict))
            return item_path.follow(owned.drive, address)
        except Problem:
            return None


def _json(reply: Reply) -> dict[str, Any] | None:
    """Return the JSON object of a successful answer; None = there is none."""
    if reply.status not in {_OK, _CREATED} or "json" not in reply.headers.get("Content-Type", "") or reply.stream:
        return None
    value = json.loads(reply.body)
    return value if isinstance(value, dict) else None


def _files(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the files that an answer shows: itself, or those of its page."""
    candidates = [value, *(value.get("value") or ()), *(value.get("children") or ())]
    return (each for each in candidates if isinstance(each, dict) and isinstance(each.get("file"), dict))


def _tell(reply: Reply, value: dict[str, Any], item: Item) -> None:
    """Update the properties of the file in the answer."""
    now: dict[str, Any] = {"size": item.size, "eTag": item.etag, "cTag": item.ctag}
    value |= {name: content for name, content in now.items() if name in value}
    if item.content and "hashes" in value.get("file", ()):
        value["file"]["hashes"]["quickXorHash"] = item.content.quick_xor_hash
    reply.body, reply.headers["ETag"] = json.dumps(value).encode(), item.etag


def _rewrite(drive: Drive, item: Item) -> bool:
    rewritten = rewriting.rewrite(item.name, item.content) if item.content else None
    if rewritten:
        drive.rewrite(item, rewritten)
    return rewritten is not None


def _guid(url: str) -> str:
    return parse_qs(urlsplit(url).query).get("guid", [""])[0].strip("'")
