"""An authenticated Graph request and the item that its URL addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.http.messages import Request
from airflow_provider_onedrive.emulator.model.addresses import ItemAddress
from airflow_provider_onedrive.emulator.model.drive import Drive, Identity, Item
from airflow_provider_onedrive.emulator.tokens.access_tokens import Token


@dataclass(frozen=True)
class Call:
    """:param tail: the decoded segments that follow the address."""

    request: Request
    token: Token
    drive: Drive
    address: ItemAddress
    tail: tuple[str, ...] = ()

    @property
    def by(self) -> Identity:
        """Return the caller in the form of ``createdBy``."""
        return self.token.identity

    def item(self) -> Item:
        item = self.address.find(self.drive)
        # A change needs the item itself; of a file that is checked out it is refused to others.
        return item.seen_by(self.by) if self.request.method in {"GET", "HEAD"} else item

    def conflict(self, body: dict[str, Any] | None = None) -> str | None:
        """Return the conflict behaviour from the query or the body; clients use either prefix."""
        source: dict[str, Any] = self.request.query if body is None else body
        keys = ("@microsoft.graph.conflictBehavior", "@name.conflictBehavior")
        return next((str(source[key]) for key in keys if key in source), None)
