"""Items as Graph sends them, before all of their fields are read: which item it is, where it lies, and what is wrong.

An item that cannot be used is left out by itself, and the others go on. It counts as present: nobody may delete it, or
report it as deleted, because its state could not be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.graph.protocol.errors import UnreadableAnswer
from airflow_provider_onedrive.graph.protocol.fields import optional, unreadable
from airflow_provider_onedrive.graph.protocol.models import DriveItem, Locate

_KINDS = ("file", "folder", "package", "remoteItem", "bundle", "root")

State = Mapping[str, Any]
"""The JSON of an item that has an id; nobody has looked at its other fields."""


@dataclass(frozen=True, slots=True)
class UnusableItem:
    """An item whose state cannot be read.

    :param path: below the root of the walk; with the id in place of a name that cannot be read.
    :param reason: names the field.
    :param parent_id: of the folder it is in, if that is known.
    :param may_be_folder: then nothing is known about the items in it.
    :param may_be_file: both are true of an item that does not say what it is.
    :param has_name: whether ``path`` is the item's.
    """

    id: str
    path: str
    reason: str
    parent_id: str | None
    may_be_folder: bool
    may_be_file: bool
    has_name: bool

    @classmethod
    def of(cls, data: State, error: UnreadableAnswer, folder_path: str = "") -> UnusableItem:
        """Return an item that could not be read.

        :param folder_path: of the folder it is in, below the root of the walk.
        """
        name = data.get("name")
        is_file = data.get("folder") is None or _has_both(data)
        has_name = isinstance(name, str) and _is_name(name)
        path = "/".join(filter(None, (folder_path, name if has_name else f"(id {data['id']})")))
        return cls(data["id"], path, error.message, parent_id_of(data), may_be_folder(data), is_file, has_name)

    def __str__(self) -> str:
        return f"{self.path} (id {self.id})" if self.has_name else self.path


def read_item(data: State, locate: Locate) -> DriveItem:
    """Read an item.

    :raises UnreadableAnswer: also if it has no name that could be a part of a path, or if nothing says what it is.
    """
    optional(data, "deleted", dict)
    # A folder without its facet would be taken for a file, and be deleted with all that is in it.
    if not _has_kind(data):
        raise UnreadableAnswer("The answer's field 'file' is missing, and so is 'folder'", field="file")
    # Taken for a folder, it could not be listed, which would end the listing of the folder it is in.
    if _has_both(data):
        raise UnreadableAnswer(
            "The answer's field 'folder' is beside 'file', and an item is one of them", field="folder"
        )
    item = DriveItem.from_json(data, locate)
    if not (item.is_root or _is_name(item.name)):
        raise unreadable("name", data.get("name"), str)
    return item


def is_deleted(data: State) -> bool:
    """Return whether a state of delta says that the item has gone. A field of another type says nothing."""
    return type(data.get("deleted")) is dict


def is_root(data: State) -> bool:
    return type(data.get("root")) is dict


def may_be_folder(data: State) -> bool:
    """Return whether an item is a folder, or does not say what it is."""
    return data.get("folder") is not None or not _has_kind(data)


def _has_both(data: State) -> bool:
    return data.get("file") is not None and data.get("folder") is not None


def _has_kind(data: State) -> bool:
    return any(data.get(kind) is not None for kind in _KINDS)


def parent_id_of(data: State) -> str | None:
    """Return the id of the folder that an item is in; None if it is missing or cannot be read."""
    parent = data.get("parentReference")
    parent_id = parent.get("id") if isinstance(parent, dict) else None
    return parent_id if isinstance(parent_id, str) and parent_id else None


def _is_name(name: str) -> bool:
    return bool(name) and "/" not in name
