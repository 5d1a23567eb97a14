"""One authenticated Graph request with what its address names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator import views
from airflow_provider_onedrive.emulator.addresses import ItemAddress
from airflow_provider_onedrive.emulator.tree import Drive, Identity, Item
from airflow_provider_onedrive.emulator.wire import Reply, Request, json_reply
from airflow_provider_onedrive.emulator.world import World


@dataclass(frozen=True)
class Call:
    world: World
    request: Request
    by: Identity
    drive: Drive
    address: ItemAddress

    def item(self) -> Item:
        return self.address.find(self.drive)

    def conflict(self, body: dict[str, Any] | None = None) -> str | None:
        """Return the conflict behaviour from the query or the body; clients use either prefix."""
        source: dict[str, Any] = self.request.query if body is None else body
        keys = ("@microsoft.graph.conflictBehavior", "@name.conflictBehavior")
        return next((str(source[key]) for key in keys if key in source), None)

    def reply(self, status: int, item: Item) -> Reply:
        context = f"{self.world.graph_url}/v1.0/$metadata#drives('{self.drive.id}')/items/$entity"
        value = {"@odata.context": context} | views.item_json(self.world, self.drive, item)
        return json_reply(status, views.select(value, self.request.option("select")), {"ETag": item.etag})
