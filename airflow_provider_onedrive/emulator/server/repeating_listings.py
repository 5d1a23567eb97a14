"""The quirk of listings that repeat an item and lack the one beside it.

https://github.com/OneDrive/onedrive-api-docs/issues/1472
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_onedrive.emulator.faults.quirks import Quirks
from airflow_provider_onedrive.emulator.http.messages import Request
from airflow_provider_onedrive.emulator.items import odata
from airflow_provider_onedrive.emulator.model.drive import Item
from airflow_provider_onedrive.emulator.options import Options

_LINK = "@odata.nextLink"
# Stands in the link to the page that repeats an item: links are opaque to clients.
_MARK = "repeats"


@dataclass(frozen=True)
class RepeatingListings:
    """Lets listings repeat an item as the quirk says."""

    quirks: Quirks
    options: Options
    _last_items: dict[str, dict[str, Any]] = field(default_factory=dict)

    def apply(self, request: Request, folder: Item, page: dict[str, Any]) -> bool:
        """Change a page of children, and return True if it is another one now."""
        mark = request.query.get(_MARK)
        if mark is not None:
            return self._cross(mark, page)
        # The first page decides about the whole listing.
        if request.option("skiptoken") is not None or not self._is_met(request, folder, page):
            return False
        if _LINK in page:
            mark = secrets.token_hex(4)
            self._last_items[mark] = page["value"][-1]
            page[_LINK] += f"&{_MARK}={mark}"
        else:
            page["value"][1] = page["value"][0]
        return True

    def _cross(self, mark: str, page: dict[str, Any]) -> bool:
        """Begin a page with the last item of the page before it, in place of its own first item."""
        item = self._last_items.get(mark)
        if item is None or not page["value"]:
            return False
        page["value"][0] = item
        if _LINK in page:
            # Only one item of a listing is repeated.
            page[_LINK] = page[_LINK].replace(f"&{_MARK}={mark}", "")
        return True

    def _is_met(self, request: Request, folder: Item, page: dict[str, Any]) -> bool:
        # A single item has no neighbour, so its listing cannot lie.
        if _LINK not in page and len(page["value"]) < 2:  # noqa: PLR2004
            return False
        top = odata.page_size(request.option("top"), self.options.page_size)
        is_meant = self.quirks.repeating_top in {None, top}
        return is_meant and self.quirks.take_first("repeating_listings", folder.id)
