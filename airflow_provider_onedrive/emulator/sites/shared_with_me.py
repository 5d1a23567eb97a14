"""Items that others shared with the user: deprecated, degraded, and emptied in November 2026.

https://learn.microsoft.com/graph/api/drive-sharedwithme
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.errors.problems import Problem
from airflow_provider_onedrive.emulator.http.messages import Reply, json_reply
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.items.views import ItemViews
from airflow_provider_onedrive.emulator.model.drive import Drive, Item
from airflow_provider_onedrive.emulator.model.tenant import Tenant
from airflow_provider_onedrive.emulator.options import Options
from airflow_provider_onedrive.emulator.sites import drives

# After November 2026 the service may answer with an error instead of an empty list. Microsoft does not say which.
_GONE = {"gone": (410, "gone"), "missing": (404, "itemNotFound")}


@dataclass(frozen=True)
class SharedWithMe:
    """Answers ``sharedWithMe`` and ``recent``."""

    tenant: Tenant
    views: ItemViews
    options: Options

    def get(self, call: Call) -> Reply:
        user = drives.myself(call.token)
        wanted = self.options.shared_with_me
        if wanted in _GONE:
            raise Problem(*_GONE[wanted], "This API has been removed.")
        shared = list(self._shared(call, user.upn)) if wanted != "empty" else []
        # Since November 2025 the service returns one or few items and no nextLink.
        value = [self._json(drive, item) for drive, item in shared[: 1 if wanted == "degraded" else None]]
        return json_reply(
            200, {"@odata.context": f"{call.request.graph_url}/v1.0/$metadata#Collection(driveItem)", "value": value}
        )

    def _shared(self, call: Call, upn: str) -> Iterator[tuple[Drive, Item]]:
        for drive in self.tenant.drives():
            if drive is call.drive:
                continue
            for item in drive.root.walk():
                if any(permission.gives(upn, writes=False) for permission in item.permissions):
                    yield drive, item

    def _json(self, drive: Drive, item: Item) -> dict[str, Any]:
        """Return an item of another drive: it has no parent in the user's own drive."""
        value = self.views.item_json(drive, item)
        named = {
            name: value[name] for name in ("id", "name", "size", "createdDateTime", "lastModifiedDateTime", "webUrl")
        }
        return named | {"remoteItem": self.views.remote_item(drive, item)}
