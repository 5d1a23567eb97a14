"""The folder that a body's ``parentReference`` names.

https://learn.microsoft.com/graph/api/resources/itemreference
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from airflow_provider_onedrive.emulator.errors.problems import invalid_request
from airflow_provider_onedrive.emulator.model.drive import Drive, Item

# As an item's own parentReference shows it: percent-encoded, and with the drive's id for work or school.
_PATH = re.compile(r"/drive(?:s/[^/]+)?/root(?::(/.*)?)?", re.DOTALL)


def read(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the reference, an absent one as an empty one."""
    reference = body.get("parentReference") or {}
    if not isinstance(reference, dict):
        raise invalid_request("parentReference is not an object.")
    return reference


def folder(drive: Drive, reference: Mapping[str, Any]) -> Item | None:
    """Find by id, else by path. Empty texts count as absent, as some clients send them. The drive's lock is held."""
    # An id wins over a path if a client sends both.
    item_id, path = str(reference.get("id") or ""), str(reference.get("path") or "")
    if not item_id and not path:
        return None
    folder_item = drive.get(item_id) if item_id else drive.find(drive.root, _names(path))
    if not folder_item.is_folder:
        raise invalid_request("The destination is not a folder.")
    return folder_item


def _names(path: str) -> tuple[str, ...]:
    match = _PATH.fullmatch(path)
    if match is None:
        raise invalid_request("parentReference.path is not the path of a folder.")
    return tuple(unquote(name) for name in (match[1] or "").split("/") if name)
