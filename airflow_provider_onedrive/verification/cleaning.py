"""Deletes the folder of a run, whatever state it is in, and names what cannot be deleted."""

from __future__ import annotations

from contextlib import suppress

from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.graph.protocol.errors import GraphError, OneDriveError, OnHold, Stopped
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.options import DeleteOptions

# Without a count, which needs listings: the folder is ours with everything in it, and a drive may list it wrongly.
_UNCOUNTED = DeleteOptions(max_items=None)


def clean(client: Client, location: str) -> list[str]:
    """Delete a folder with everything in it, to the recycle bin.

    :param location: of a folder that may be there or not: a request that made it may have lost its answer.
    :return: the locations of what is left.
    """
    try:
        client.delete(location, recursive=True, ignore_if_missing=True, options=_UNCOUNTED)
    except Stopped:
        raise
    except OnHold:
        # Only a deployment permits to empty a folder that a policy keeps.
        if "delete_on_hold" in client.settings.policy.allow:
            _delete_singly(client, location)
    except OneDriveError:
        _delete_singly(client, location)
    else:
        return []
    return _left(client, location)


def _delete_singly(client: Client, location: str) -> None:
    """Delete what can be deleted, item by item; what is left is listed at the end."""
    items: list[DriveItem] = []
    with suppress(GraphError):  # what was listed before it is deleted all the same
        items.append(client.stat(location))
        items.extend(client.walk(location))
    # Files before folders, and each folder before the one that it lies in.
    for item in sorted(items, key=_order):
        try:
            client.delete(item.to_dict(), recursive=True, ignore_if_missing=True, options=_UNCOUNTED)
        except Stopped:
            raise
        except OneDriveError:
            continue


def _order(item: DriveItem) -> tuple[bool, int]:
    return item.is_folder, -item.path.count("/")


def _left(client: Client, location: str) -> list[str]:
    try:
        if not client.exists(location):
            return []
        return [location, *(item.location for item in client.walk(location))]
    except OneDriveError:
        return [location]  # nobody can say more about it
