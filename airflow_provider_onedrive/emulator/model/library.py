"""Where a drive is: a library of a SharePoint site, or a consumer's OneDrive."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import cached_property
from typing import Literal
from urllib.parse import quote

from airflow_provider_onedrive.emulator.model import ids

Personality = Literal["business", "personal"]
DriveType = Literal["business", "personal", "documentLibrary"]


@dataclass(frozen=True)
class Library:
    """:param web_path: URL path of its site.

    :param name: display name, in the language of the site.
    :param segment: segment of its URL. It stays when the library is renamed.
    """

    drive_id: str
    web_path: str
    name: str = "OneDrive"
    # Measured: the name is localised while the URL says `Documents` or `Shared Documents`, so clients must match by
    # URL or id.
    segment: str = "Documents"
    drive_type: DriveType = "business"

    @cached_property
    def personality(self) -> Personality:
        return "personal" if self.drive_type == "personal" else "business"

    @cached_property
    def address(self) -> str:
        """Return the path of its address."""
        return f"{self.web_path}/{quote(self.segment)}"

    @cached_property
    def site_id(self) -> str:
        """Return the GUID of the site collection. Since 2025 a consumer's drive has one, too."""
        if self.personality == "personal":
            return str(uuid.uuid5(uuid.NAMESPACE_URL, self.drive_id))
        return str(ids.drive_guids(self.drive_id)[0])

    @cached_property
    def web_id(self) -> str:
        return str(ids.drive_guids(self.drive_id)[1])

    @cached_property
    def list_id(self) -> str:
        return str(ids.drive_guids(self.drive_id)[2])
