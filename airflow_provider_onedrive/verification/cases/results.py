"""What cases observe of the client's results."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from airflow_provider_onedrive.graph.protocol.errors import OneDriveError
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.verification.facts import raised

UNIT_BYTES = 320 * 1024
TEN_MEBIBYTES = 10 * 1024 * 1024


def bytes_of(size: int) -> bytes:
    """Return a content of a size; the same in each run, so that its hash is the same."""
    pattern = bytes(range(251))  # a prime number, so that no fragment repeats another one
    return (pattern * (size // len(pattern) + 1))[:size]


def of_item(item: DriveItem) -> dict[str, Any]:
    """Return what a report says of an item that a case has made."""
    return {
        "name": item.name,
        "size": item.size if not item.is_folder else "a folder's",
        "is folder": item.is_folder,
        "outcome": item.outcome,
        "quickXorHash": item.quick_xor_hash,
        "rewritten": item.server_rewrote,
        "has eTag": item.etag is not None,
        "has times": None not in (item.created_at, item.modified_at),
        "by path": not item.location.startswith("items/") and item.location.endswith(item.name),
    }


def names_of(items: Iterable[DriveItem]) -> list[str]:
    """Return the sorted names of items."""
    return sorted(each.name for each in items)


def error_of(act: Callable[[], object]) -> dict[str, Any]:
    """Return the error of an action; an empty object if there is none."""
    try:
        act()
    except OneDriveError as error:
        return raised(error)
    return {}
