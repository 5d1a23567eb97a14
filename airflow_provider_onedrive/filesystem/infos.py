"""Items as fsspec describes them."""

from __future__ import annotations

from airflow_provider_onedrive.filesystem.info_cache import Info
from airflow_provider_onedrive.graph.protocol.models import DriveItem


def info_of(name: str, item: DriveItem) -> Info:
    """Describe an item by the keys of fsspec, and by those of the item dict that say more.

    :param name: its path, as the program that asked wrote it.
    """
    return {
        "name": name,
        # The size that Graph gives for a folder is that of all in it, which `du` would count twice.
        "size": 0 if item.is_folder else item.size,
        "type": _type_of(item),
        "created": item.created_at,
        "modified": item.modified_at,
        "mtime": item.modified_at.timestamp() if item.modified_at else None,
        "ino": item.id,
        "etag": item.etag,
        "ctag": item.ctag,
        "drive_id": item.drive_id,
        "mime_type": item.mime_type,
        "quick_xor_hash": item.quick_xor_hash,
        "location": item.location,
        "web_url": item.web_url,
    }


def virtual_folder(name: str) -> Info:
    """Describe what is listed like a folder and is no item: ``shared``."""
    return {"name": name, "size": 0, "type": "directory"}


def _type_of(item: DriveItem) -> str:
    if item.package_type:  # a notebook is neither
        return "other"
    return "directory" if item.is_folder else "file"
