"""The versions of a file.

https://learn.microsoft.com/graph/api/driveitem-list-versions
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.errors.problems import invalid_request, missing_item
from airflow_provider_onedrive.emulator.http.messages import Reply, json_reply
from airflow_provider_onedrive.emulator.items import locks, odata
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.items.download_links import DownloadLinks
from airflow_provider_onedrive.emulator.model import clock
from airflow_provider_onedrive.emulator.model.drive import Item, Version
from airflow_provider_onedrive.emulator.options import Options

_ID = re.compile(r"\d{1,9}\.0", re.ASCII)


def get_all(call: Call) -> Reply:
    with call.drive.lock:
        item = _file(call)
        value = [_json(version) for version in (_current(item), *item.past)]
    selected = [odata.select(version, call.request.option("select")) for version in value]
    context = f"{call.request.graph_url}/v1.0/$metadata#Collection(driveItemVersion)"
    return json_reply(200, {"@odata.context": context, "value": selected})


def get(call: Call) -> Reply:
    """https://learn.microsoft.com/graph/api/driveitemversion-get."""
    with call.drive.lock:
        value = _json(_named(call, _file(call)))
    context = f"{call.request.graph_url}/v1.0/$metadata#driveItemVersion/$entity"
    return json_reply(200, {"@odata.context": context} | odata.select(value, call.request.option("select")))


@dataclass(frozen=True)
class Versions:
    """Lists, reads, restores and deletes versions."""

    links: DownloadLinks
    options: Options

    def get_content(self, call: Call) -> Reply:
        """https://learn.microsoft.com/graph/api/driveitemversion-get-contents."""
        with call.drive.lock:
            item = _file(call)
            version = _named(call, item)
            is_current = version.number == item.version
            # Documented: the current version cannot be downloaded under its version id.
            if is_current and call.drive.personality == "business":
                raise invalid_request("You cannot get the content of the current version.")
            number = None if is_current else version.number
            seconds = self.options.download_url_seconds
            return Reply(302, headers={"Location": self.links.create(call.drive, item, seconds, number)})


def restore(call: Call) -> Reply:
    """https://learn.microsoft.com/graph/api/driveitemversion-restore."""
    with call.drive.change():
        item = _file(call)
        version = _named(call, item)
        if version.number == item.version:
            raise invalid_request("The current version cannot be restored.")
        locks.check(call.drive, item, call.by, call.request.operation)
        call.drive.revert(item, version, call.by)
    return Reply(204)


def delete(call: Call) -> Reply:
    """https://learn.microsoft.com/graph/api/driveitemversion-delete."""
    with call.drive.change():
        item = _file(call)
        version = _named(call, item)
        if call.drive.personality == "personal":
            # The words that clients have met there.
            raise invalid_request("API not found")
        if version.number == item.version:
            raise invalid_request("The current version cannot be deleted.")
        # The current version cannot be deleted, so the file always keeps its content.
        call.drive.forget_version(item, version)
    return Reply(204)


def find(item: Item, number: int) -> Version:
    """Return a version, which may be the current one.

    :raises Problem: 404, there is no version of that number.
    """
    for version in (_current(item), *item.past):
        if version.number == number:
            return version
    raise missing_item()


def _file(call: Call) -> Item:
    item = call.item()
    if item.is_folder:
        raise invalid_request("A folder has no versions.")
    return item


def _named(call: Call, item: Item) -> Version:
    """Find by the id in the address, as ``3.0``; ``current`` is one too."""
    if call.tail[1] == "current":
        return _current(item)
    number = call.tail[1].partition(".")[0]
    if _ID.fullmatch(call.tail[1]) is None:
        raise missing_item()
    return find(item, int(number))


def _current(item: Item) -> Version:
    if item.content is None:
        raise missing_item()
    return Version(item.version, item.content, item.modified, item.modified_by)


def _json(version: Version) -> dict[str, Any]:
    return {
        "id": f"{version.number}.0",
        "lastModifiedBy": version.modified_by,
        "lastModifiedDateTime": clock.text(version.modified),
        "size": version.content.size,
    }
