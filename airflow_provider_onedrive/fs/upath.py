"""``UPath("onedrive://myfiles/Reports/a.csv")``."""

from __future__ import annotations

import fsspec
from upath import UPath

from airflow_provider_onedrive.filesystem import OneDriveFileSystem
from airflow_provider_onedrive.filesystem.paths import SCHEME

# Before the class is made: UPath reads from it how a path begins. Others (msgraphfs) claim the scheme at their import.
fsspec.register_implementation(SCHEME, OneDriveFileSystem, clobber=True)


class OneDrivePath(UPath):
    """A path of ``onedrive://``."""

    __slots__ = ()
