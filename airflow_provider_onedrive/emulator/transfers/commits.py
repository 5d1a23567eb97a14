"""The commit of an upload session: with its last fragment, or by a request of the client.

https://learn.microsoft.com/graph/api/driveitem-createuploadsession#completing-a-file
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.errors.defaults import graph_error
from airflow_provider_onedrive.emulator.errors.problems import (
    Problem,
    invalid_request,
    missing_item,
    missing_session,
)
from airflow_provider_onedrive.emulator.faults.quirks import Quirks
from airflow_provider_onedrive.emulator.http.messages import Reply, json_reply
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.items.destinations import Destination, check_conflict
from airflow_provider_onedrive.emulator.items.preconditions import preconditions
from airflow_provider_onedrive.emulator.items.views import ItemViews
from airflow_provider_onedrive.emulator.model.drive import Drive, Item
from airflow_provider_onedrive.emulator.options import Options
from airflow_provider_onedrive.emulator.transfers.content import destination_by_id
from airflow_provider_onedrive.emulator.transfers.sessions import Sessions, UploadSession

_SOURCE = "@microsoft.graph.sourceUrl"


@dataclass(frozen=True)
class Commits:
    """Turns upload sessions into files."""

    sessions: Sessions
    quirks: Quirks
    views: ItemViews
    options: Options

    def commit(self, session: UploadSession, destination: Destination | None = None) -> Reply:
        """Make a file of a session. If that is refused, the session and its bytes stay. The session's lock is held."""
        if not session.is_complete:
            raise invalid_request("The upload session is not complete.", "uploadSessionIncomplete")
        # Microsoft's page: such a session may fail at its end. A test should meet that case.
        if session.misaligned and self.options.strict:
            raise invalid_request(
                "The fragments of the upload session are not multiples of 320 KiB.", "uploadSessionFailed"
            )
        self._check_refusal()
        drive = session.drive
        session.content.prepare()
        with drive.change():
            target = destination or session.destination
            item, is_new = target.write(drive, session.content, session.by, session.times)
            value = self.views.item_json(drive, item)
        # Last, so that a refused commit keeps the session and its bytes.
        self.sessions.end(session)
        # A commit that names a destination comes to Graph, all others to SharePoint's own API.
        shown = value if destination else self._shown(drive, value)
        return json_reply(201 if is_new else 200, shown, {"ETag": item.etag})

    def put(self, call: Call) -> Reply:
        """Commit a session to the addressed file, with the conflict behaviour of this request."""
        body = call.request.json()
        source = body.get(_SOURCE)
        if not isinstance(source, str):
            raise invalid_request(f"The body must hold {_SOURCE}.")
        session = self.sessions.at(source)
        # A session cannot be committed to another drive.
        if session.drive is not call.drive:
            raise missing_session()
        with session.lock:
            self.sessions.get(session.secret)  # another request may have been faster
            with call.drive.lock:
                destination = _destination(call, body, session)
            return self.commit(session, destination)

    def _shown(self, drive: Drive, value: dict[str, Any]) -> dict[str, Any]:
        """Write the item as SharePoint does, whose own API answers here."""
        if drive.personality == "personal":
            return value
        # Recorded: the same URL under another name, and a context of another API.
        url = value.pop("@microsoft.graph.downloadUrl")
        context = f"{self.views.store_url}{drive.web_path}/_api/v2.0/$metadata#items/$entity"
        return {"@odata.context": context, "@content.downloadUrl": url, **value}

    def _check_refusal(self) -> None:
        status = self.quirks.refused_commit_status
        if self.quirks.take_next("refused_commits"):
            error = graph_error(status, "session_commit")
            raise Problem(status, error.code, error.message, inner=error.inner)


def _destination(call: Call, body: dict[str, Any], session: UploadSession) -> Destination:
    """Take the address as that of the file, or as its folder's when the body has a name."""
    # The recovery after a 409: the client may change name and behaviour, and sends no byte again.
    conflict = check_conflict(call.conflict(body), session.destination.conflict)
    name = body.get("name")
    if name is not None and not isinstance(name, str):
        raise invalid_request("name is not a text.")
    addressed = call.drive.resolve(call.drive.get(call.address.base), call.address.names)
    if addressed is not None and addressed.is_folder and name:
        return _at(call, addressed, name, conflict)
    if not call.address.names:
        return destination_by_id(call, conflict)
    parent = call.drive.find(call.drive.get(call.address.base), call.address.names[:-1])
    if not parent.is_folder:
        raise missing_item()
    return _at(call, parent, name or call.address.names[-1], conflict)


def _at(call: Call, parent: Item, name: str, conflict: str) -> Destination:
    return Destination(parent, name, conflict, preconditions(call.request), call.by, call.request.operation)
