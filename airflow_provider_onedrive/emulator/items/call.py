"""One authenticated Graph request with what its address names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.http.messages import Reply, Request, json_reply
from airflow_provider_onedrive.emulator.items import projection as showing
from airflow_provider_onedrive.emulator.model.addresses import ItemAddress
from airflow_provider_onedrive.emulator.model.drive import Drive, Identity, Item
from airflow_provider_onedrive.emulator.server.state import World
from airflow_provider_onedrive.emulator.tokens.access_tokens import Token


@dataclass(frozen=True)
class Call:
    """:param tail: the decoded segments that follow the address."""

    world: World
    request: Request
    token: Token
    drive: Drive
    address: ItemAddress
    tail: tuple[str, ...] = ()

    @property
    def by(self) -> Identity:
        """Return who asks, as ``createdBy`` says it."""
        return self.token.identity

    def item(self) -> Item:
        return self.address.find(self.drive)

    def conflict(self, body: dict[str, Any] | None = None) -> str | None:
        """Return the conflict behaviour from the query or the body; clients use either prefix."""
        source: dict[str, Any] = self.request.query if body is None else body
        keys = ("@microsoft.graph.conflictBehavior", "@name.conflictBehavior")
        return next((str(source[key]) for key in keys if key in source), None)

    def reply(self, status: int, item: Item) -> Reply:
        context = f"{self.world.graph_url}/v1.0/$metadata#drives('{self.drive.id}')/items/$entity"
        value = {"@odata.context": context} | showing.show(self.world, self.drive, item, self.request)
        return json_reply(status, value, {"ETag": item.etag})
