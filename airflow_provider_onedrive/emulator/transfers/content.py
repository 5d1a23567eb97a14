"""The content of a file on the Graph origin: the redirect to its download URL, and the simple upload."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_onedrive.emulator.errors.problems import Problem, invalid_request, too_large
from airflow_provider_onedrive.emulator.http.messages import Reply
from airflow_provider_onedrive.emulator.items import conversions, folders
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.items.destinations import Destination, check_conflict
from airflow_provider_onedrive.emulator.items.download_links import DownloadLinks
from airflow_provider_onedrive.emulator.items.preconditions import preconditions
from airflow_provider_onedrive.emulator.items.projection import Projection
from airflow_provider_onedrive.emulator.model import names
from airflow_provider_onedrive.emulator.model.contents import Content
from airflow_provider_onedrive.emulator.model.drive import Item
from airflow_provider_onedrive.emulator.options import Options
from airflow_provider_onedrive.emulator.transfers.held_names import HeldNames

# Microsoft's page says 250 MB since August 2026; older copies say 4 MB.
MAX_PUT_BYTES = 250 * 1024 * 1024


@dataclass(frozen=True)
class ContentRequests:
    """Reads and writes the content of a file on the Graph origin."""

    links: DownloadLinks
    held_names: HeldNames
    projection: Projection
    options: Options

    def get(self, call: Call) -> Reply:
        """https://learn.microsoft.com/graph/api/driveitem-get-content."""
        target = call.request.option("format")
        with call.drive.lock:
            item = call.item()
            _check_readable(item)
            if target is not None:
                conversions.check(item, target)
            elif preconditions(call.request).is_unchanged(item):
                return Reply(304, headers={"ETag": item.etag})
            # The service answers with a redirect and never with the bytes: the URL is on a host that must not get the
            # token.
            location = self.links.create(
                call.drive, item, self.options.download_url_seconds, item.version if item.is_former else None
            )
        return Reply(302, headers={"Location": location + ("&format=pdf" if target else "")})

    def put(self, call: Call) -> Reply:
        """https://learn.microsoft.com/graph/api/driveitem-put-content."""
        conflict = check_conflict(call.conflict(), "replace")
        # A chunked body without a length is accepted, as the service does; a body without either is not.
        if call.request.header("Content-Length") is None and call.request.body.length is not None:
            raise Problem(411, "lengthRequired", "A Content-Length header is required.")
        with call.drive.lock:
            self._check(call, conflict)
        content = _receive(call)
        # The hash of a large file takes seconds, and the drive's lock would block all other requests.
        content.prepare()
        with call.drive.change():
            self._check(call, conflict)
            item, is_new = _destination(call, conflict).write(call.drive, content, call.by)
            return self.projection.reply(call, 201 if is_new else 200, item)

    def _check(self, call: Call, conflict: str) -> None:
        """Refuse before anything is read, and again before anything is created."""
        if not call.address.names:
            self.held_names.check(call.drive, destination_by_id(call, conflict))
            return
        folder, missing = folders.existing_parents(call.drive, call.address)
        if not missing:
            self.held_names.check(call.drive, destination_in(call, folder, conflict))
            return
        # With a missing parent the file cannot exist either, so If-Match fails.
        preconditions(call.request).check(None, "notAllowed")
        for name in missing:
            names.check_new(name, folder=True, at_root=folder is call.drive.root and name is missing[0])
        names.check_new(call.address.names[-1], folder=False, at_root=False)
        names.check_path("/".join([*folder.path_names, *missing, call.address.names[-1]]))


def destination_in(call: Call, parent: Item, conflict: str) -> Destination:
    return Destination(
        parent, call.address.names[-1], conflict, preconditions(call.request), call.by, call.request.operation
    )


def destination_by_id(call: Call, conflict: str) -> Destination:
    item = call.drive.get(call.address.base)
    if item.is_folder:
        raise invalid_request("Content cannot be written to a folder.")
    return Destination(item, None, conflict, preconditions(call.request), call.by, call.request.operation)


def _check_readable(item: Item) -> None:
    # OneNote notebooks cannot be downloaded.
    if item.package is not None:
        raise invalid_request("You cannot get content for a package")
    if item.is_folder:
        raise invalid_request("You cannot get content for a folder")
    if item.parent is not None and item.parent.package is not None:
        raise invalid_request("You cannot get content for a part of a package")


def _receive(call: Call) -> Content:
    if (call.request.body.length or 0) > MAX_PUT_BYTES:
        raise too_large()
    content = Content(spool=call.drive.spool)
    for piece in call.request.body.pieces():
        content.append(piece)
        if content.size > MAX_PUT_BYTES:
            raise too_large()
    return content


def _destination(call: Call, conflict: str) -> Destination:
    """Folders that are missing in a path are created, as the service does it."""
    if not call.address.names:
        return destination_by_id(call, conflict)
    return destination_in(call, folders.make_parents(call), conflict)
