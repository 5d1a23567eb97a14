"""The recycle bin, as far as it has an API: restore, for personal accounts only.

https://learn.microsoft.com/graph/api/driveitem-restore
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.errors.problems import invalid_request, name_taken, not_supported
from airflow_provider_onedrive.emulator.http.messages import Reply, json_reply
from airflow_provider_onedrive.emulator.items import references
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.items.projection import Projection
from airflow_provider_onedrive.emulator.model.drive import Item, Recycled


@dataclass(frozen=True)
class Recycling:
    """Restores deleted items and shows them."""

    projection: Projection

    def restore(self, call: Call) -> Reply:
        """Bring it back where it was, or to the folder and under the name that the body gives."""
        if call.drive.personality != "personal":
            raise not_supported()
        body = call.request.json()
        with call.drive.change():
            recycled = find(call)
            if recycled is None:
                call.item()
                raise invalid_request("The item is not in the recycle bin.")
            # Restore fails if the name is taken meanwhile; the client must give another one.
            name = body.get("name") or recycled.item.name
            if not isinstance(name, str):
                raise invalid_request("name is not a text.")
            parent = _parent(call, body, recycled)
            if parent.child(name):
                raise name_taken()
            return self.projection.reply(call, 200, call.drive.restore(recycled, parent, name))

    def show(self, call: Call) -> Reply | None:
        """Answer for a deleted item of a personal account, if the request includes deleted items and names it by id."""
        # https://learn.microsoft.com/graph/api/driveitem-get: for personal accounts only.
        wanted = call.request.query.get("includeDeletedItems", "").lower() == "true"
        recycled = find(call) if wanted and call.drive.personality == "personal" else None
        if recycled is None:
            return None
        value = self.projection.show(call.drive, recycled.item, call.request)
        return json_reply(200, value | {"deleted": {}}, {"ETag": recycled.item.etag})


def find(call: Call) -> Recycled | None:
    return None if call.address.names else call.drive.recycled.get(call.address.base)


def _parent(call: Call, body: dict[str, Any], recycled: Recycled) -> Item:
    named = references.folder(call.drive, references.read(body))
    return named or call.drive.live(recycled.parent_id) or call.drive.root
