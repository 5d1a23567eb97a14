"""The creation of upload sessions, on the Graph origin.

https://learn.microsoft.com/graph/api/driveitem-createuploadsession
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.errors.problems import invalid_request, missing_item
from airflow_provider_onedrive.emulator.faults.quirks import Quirks
from airflow_provider_onedrive.emulator.http.messages import Reply, json_reply
from airflow_provider_onedrive.emulator.items import folders
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.items.destinations import Destination, check_conflict
from airflow_provider_onedrive.emulator.items.requests import file_times
from airflow_provider_onedrive.emulator.model.contents import Content
from airflow_provider_onedrive.emulator.model.drive import FileTimes, Item
from airflow_provider_onedrive.emulator.options import Options
from airflow_provider_onedrive.emulator.transfers.content import destination_by_id, destination_in
from airflow_provider_onedrive.emulator.transfers.held_names import HeldNames
from airflow_provider_onedrive.emulator.transfers.sessions import Sessions, UploadSession, expiry


@dataclass(frozen=True)
class Uploads:
    """Creates upload sessions."""

    sessions: Sessions
    held_names: HeldNames
    quirks: Quirks
    options: Options
    store_url: str

    def create(self, call: Call) -> Reply:
        """Create a session. An error of the later commit is raised here if it can be foreseen."""
        body = call.request.json()
        item = body.get("item", {})
        if not isinstance(item, dict):
            raise invalid_request("item is not an object.")
        # Microsoft's page shows deferCommit beside `item`; some clients send it inside.
        is_deferred = body.get("deferCommit") is True or item.get("deferCommit") is True
        with call.drive.change():
            session = self._open(call, item, call.conflict(item) or call.conflict(body))
            session.deferred = is_deferred
            # Still under the lock: of two requests at once only one may find the name free.
            self.sessions.add(session)
        context = f"{call.request.graph_url}/v1.0/$metadata#microsoft.graph.uploadSession"
        reply = {"@odata.context": context, "uploadUrl": session.url(self.store_url)}
        return json_reply(200, reply | session.status())

    def _open(self, call: Call, item: dict[str, Any], conflict: str | None) -> UploadSession:
        """Check everything that can be checked before the content. The drive's lock is held."""
        times: FileTimes = file_times(item)
        # Measured: business sessions begin with about 15 minutes, and each fragment extends them.
        # https://github.com/OneDrive/onedrive-api-docs/issues/1260
        expires = expiry(call.drive, self.options.session_seconds)
        destination = self._destination(call, conflict)
        _check_name(item, destination)
        existing = self.held_names.check(call.drive, destination)
        # The bytes of the replaced version become free.
        replaced = existing.size if existing and destination.conflict == "replace" else 0
        # A file that cannot fit is refused before the client sends gigabytes.
        call.drive.quota.check(call.drive.root.size, _size(item) - replaced)
        content = Content(spool=call.drive.spool)
        return UploadSession(call.drive, destination, call.by, times, expires, content=content)

    def _destination(self, call: Call, conflict: str | None) -> Destination:
        """Return the destination. A file that is named by id is replaced; by path the default is to fail.

        That is the documented behaviour. Clients that name no behaviour and expect a replacement need the lenient mode.
        """
        if not call.address.names:
            return destination_by_id(call, check_conflict(conflict, "replace"))
        default = "fail" if self.options.strict else "replace"
        parent = self._parent(call)
        return destination_in(call, parent, check_conflict(conflict, default))

    def _parent(self, call: Call) -> Item:
        """Return the folder of the file. Missing ones are made, as with a PUT: duplicity relies on it."""
        if not self.quirks.sessions_need_folders:
            return folders.make_parents(call)
        parent = call.drive.find(call.drive.get(call.address.base), call.address.names[:-1])
        if not parent.is_folder:
            raise missing_item()
        return parent


def _size(item: dict[str, Any]) -> int:
    """Return the size that the client announces."""
    size = item.get("fileSize", 0)
    if not isinstance(size, int) or size < 0:
        raise invalid_request("fileSize is not a number of bytes.")
    return size


def _check_name(item: dict[str, Any], destination: Destination) -> None:
    name = item.get("name")
    # Documented: the name in the body must be that in the URL.
    if name and name != (destination.name or destination.target.name):
        raise invalid_request("The name in the request body does not match the name in the URL.")
