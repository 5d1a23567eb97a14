"""``ObjectStoragePath("onedrive://conn_id@myfiles/Reports/a.csv")``."""

from __future__ import annotations

from typing import Any

from airflow_provider_onedrive.filesystem import OneDriveFileSystem
from airflow_provider_onedrive.filesystem.paths import SCHEME, another_connection

schemes = [SCHEME]


def get_fs(conn_id: str | None, storage_options: dict[str, Any] | None = None) -> OneDriveFileSystem:
    """Return the filesystem of a connection; nothing is looked up before its first use.

    :param conn_id: None takes ``onedrive_default``.
    :param storage_options: more options of the filesystem.
    :raises ConfigurationError: if the options name another connection.
    """
    options = dict(storage_options or {})
    in_options = options.pop("conn_id", None)
    if conn_id and in_options and conn_id != in_options:
        raise another_connection(conn_id, in_options)
    if conn_id or in_options:
        options["conn_id"] = conn_id or in_options
    return OneDriveFileSystem(**options)
