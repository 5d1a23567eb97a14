"""A SharePoint site with its libraries.

https://learn.microsoft.com/graph/api/resources/site
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

from airflow_provider_onedrive.emulator.model import clock, ids
from airflow_provider_onedrive.emulator.model.drive import Drive, Identity
from airflow_provider_onedrive.emulator.model.library import DriveType, Library

DEFAULT_SEGMENT = "Shared Documents"


@dataclass(eq=False)
class SharePointSite:
    """:param path: path relative to the server, in plain text; empty for the root site.

    :param collection: id of the site collection, which the sites below share.
    :param default: index of the library that ``/drive`` returns.
    """

    path: str
    title: str
    owner: Identity
    is_personal: bool = False
    collection: uuid.UUID = field(default_factory=uuid.uuid4)
    web: uuid.UUID = field(default_factory=uuid.uuid4)
    created: datetime = field(default_factory=clock.now)
    drives: list[Drive] = field(default_factory=list)
    default: int = 0
    top: str = ""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def web_path(self) -> str:
        return quote(self.path)

    @property
    def is_top(self) -> bool:
        """Return True if it is the top site of its collection."""
        return self.path == self.top

    @property
    def drive(self) -> Drive:
        return self.drives[self.default]

    def id(self, host: str) -> str:
        return f"{host},{self.collection},{self.web}"

    def add_library(self, name: str, segment: str | None = None, drive_type: DriveType = "documentLibrary") -> Drive:
        """:param segment: of its address; None = the name."""
        # Drive, site and list have one identity, so the ids are derived from one another.
        drive_id = ids.drive_id(self.collection, self.web, uuid.uuid4())
        drive = Drive(owner=self.owner, library=Library(drive_id, self.web_path, name, segment or name, drive_type))
        self.drives.append(drive)
        return drive

    def library(self, name: str) -> Drive | None:
        """Find by the segment of its address, which counts first, or by name."""
        # Two libraries may share a display name, but not a URL.
        for word in ("segment", "name"):
            for drive in self.drives:
                if getattr(drive.library, word).lower() == name.lower():
                    return drive
        return None
