"""Graph's resources as frozen, typed values.

https://learn.microsoft.com/en-us/graph/api/resources/driveitem
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, NoReturn
from urllib.parse import unquote

from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, UnreadableAnswer
from airflow_provider_onedrive.graph.protocol.fields import (
    count,
    header_text,
    identifier,
    nested,
    optional,
    required,
    unreadable,
)
from airflow_provider_onedrive.graph.protocol.hidden_names import hidden_names
from airflow_provider_onedrive.graph.protocol.times import read_time

# "26-" is what Microsoft's page shows; closed ranges, "26-99", were recorded. Only the beginning counts for us.
_RANGE = re.compile(r"(\d{1,18})-", re.ASCII)

MAX_FILE_BYTES = 250 * 1024**3
"""https://support.microsoft.com/office/64883a5d-228e-48f5-b3d2-eb39e07630fa"""
MAX_FOLDER_BYTES = 2**63 - 1
"""Graph's integers are Edm.Int64."""

Locate = Callable[[str, str, str], str]
"""``(drive_id, item_id, path) -> location``: names an item on a connection."""


@dataclass(frozen=True)
class DriveItem:
    """A file, folder or package.

    :param location: canonical text that names the item on the same connection.
    :param path: relative to the drive's root, without a leading ``/``; empty for the root itself.
    :param size: in bytes; None where Graph does not say, or says what no file has.
    :param created_at: by the server's clock, as ``modified_at`` is; None where Graph gives no time.
    :param client_modified_at: the time that the uploading program set (``fileSystemInfo``).
    :param hashes: of a file's content, by Graph's names (``quickXorHash``); a new file may have none for a while.
    :param child_count: of a folder, the number of items directly in it.
    :param package_type: of a package, such as ``oneNote``: neither a file nor a folder.
    :param is_shortcut: it points to a folder of another drive.
    :param parent_id: of the folder it is in; None if Graph does not send it.
    :param drive_type: ``personal``, ``business`` or ``documentLibrary``; None if Graph does not send it.
    :param outcome: ``created``, ``replaced``, ``renamed``, ``skipped`` or ``already_there``; None of an item that was
        only read.
    :param server_rewrote: SharePoint changed the file after the upload, as it does to Office files, PDF and HTML.
    :param local_path: the path of the downloaded file.
    :param groups: the named groups of the regular expression that matched the item.
    """

    location: str
    drive_id: str
    id: str
    name: str
    path: str
    size: int | None
    is_folder: bool
    etag: str | None
    ctag: str | None
    mime_type: str | None
    created_at: datetime | None
    modified_at: datetime | None
    client_modified_at: datetime | None
    web_url: str | None
    hashes: Mapping[str, str] = field(default_factory=dict)
    child_count: int | None = None
    package_type: str | None = None
    parent_id: str | None = None
    drive_type: str | None = None
    is_root: bool = False
    is_shortcut: bool = False
    outcome: str | None = None
    server_rewrote: bool = False
    local_path: str | None = None
    groups: Mapping[str, str] = field(default_factory=dict)

    @property
    def may_hold_something(self) -> bool:
        """Whether it is a folder that may have items in it: Graph may leave out the count."""
        return self.is_folder and self.child_count != 0

    @property
    def quick_xor_hash(self) -> str | None:
        return self.hashes.get("quickXorHash")

    @classmethod
    def from_json(cls, data: Mapping[str, Any], locate: Locate) -> DriveItem:
        """Read a ``driveItem`` as Graph sends it.

        :param locate: names the item; see :data:`Locate`.
        """
        # A listing of a hundred thousand items comes through here: no field is read twice.
        parent, file, folder = (nested(data, name) for name in ("parentReference", "file", "folder"))
        # Graph leaves parentReference, size and times out of some items (OD#535, OD#561, OD#834, OD#907).
        drive_id = identifier(parent, "driveId") if parent.get("driveId") else ""
        # Without its name an item would be taken for another one, or for one that was renamed.
        item_id, name = identifier(data), required(data, "name", str)
        parent_path: str | None = optional(parent, "path", str)
        is_root, is_folder = optional(data, "root", dict) is not None, data.get("folder") is not None
        path = "" if is_root else _folder(parent_path or "") + name
        # A path that is only guessed would make the location of another item.
        names_path = is_root or parent_path is not None
        location = locate(drive_id, item_id, path) if names_path else _location_by_id(drive_id, item_id)
        hidden_names.add_item(location, f"items/{drive_id}/{item_id}")
        return cls(
            location=location,
            drive_id=drive_id,
            id=item_id,
            name=name,
            path=path,
            size=_size(data, is_folder=is_folder),
            is_folder=is_folder,
            etag=header_text(data, "eTag"),
            ctag=optional(data, "cTag", str),
            mime_type=optional(file, "mimeType", str),
            created_at=read_time(data.get("createdDateTime")),
            modified_at=read_time(data.get("lastModifiedDateTime")),
            client_modified_at=read_time(nested(data, "fileSystemInfo").get("lastModifiedDateTime")),
            web_url=optional(data, "webUrl", str),
            hashes={name: value for name, value in nested(file, "hashes").items() if value and isinstance(value, str)},
            child_count=count(folder, "childCount"),
            package_type=_package_type(data),
            parent_id=optional(parent, "id", str),
            drive_type=optional(parent, "driveType", str),
            is_root=is_root,
            is_shortcut=optional(data, "remoteItem", dict) is not None,
        )

    def serialize(self) -> NoReturn:
        """Refuse to be an XCom: Airflow calls this, and the next task could not read what it would store.

        Airflow 2 would replace the text of a ``TypeError`` by one of its own.

        :raises ConfigurationError: always.
        """
        message = f"The item {self.location} cannot be an XCom as it is"
        raise ConfigurationError(message, advice="Return item.to_dict(), a plain dict.")

    def to_dict(self) -> dict[str, Any]:
        """Return the item dict of XCom: plain JSON, times as ISO-8601 UTC, optional keys only where they apply."""
        always = {key: _plain(getattr(self, key)) for key in _XCOM_KEYS}
        optional = {key: getattr(self, key) for key in ("outcome", "server_rewrote", "local_path", "groups")}
        return always | {key: value for key, value in optional.items() if value}


_XCOM_KEYS = (
    *("location", "drive_id", "id", "name", "path", "size", "is_folder", "etag", "ctag", "mime_type"),
    *("created_at", "modified_at", "client_modified_at", "quick_xor_hash", "web_url"),
)


@dataclass(frozen=True)
class UploadSession:
    """An upload session of Graph, which takes the fragments of a large file.

    https://learn.microsoft.com/en-us/graph/api/resources/uploadsession

    :param upload_url: a secret: it is the permission to write the file.
    """

    upload_url: str = field(repr=False)
    expires_at: datetime | None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> UploadSession:
        """Read an ``uploadSession`` as Graph sends it.

        :raises UnreadableAnswer: if it has no URL.
        """
        # The URL may expire before this time (AB#3355), so nothing relies on it.
        return cls(required(data, "uploadUrl", str), read_time(data.get("expirationDateTime")))


def next_expected_byte(session: Mapping[str, Any], size: int) -> int | None:
    """Return the first byte that an upload session still wants; None if it wants no more.

    :param session: the JSON of a session's status; the ranges look like ``26-`` or ``26-99``.
    :param size: of the whole file.
    :raises UnreadableAnswer: if a range is not one of this file.
    """
    name = "nextExpectedRanges"
    # Several, if bytes are missing in the middle.
    ranges = [_RANGE.match(each) if isinstance(each, str) else None for each in optional(session, name, list) or ()]
    starts = [int(each[1]) if each else -1 for each in ranges]
    if not all(0 <= start <= size for start in starts):
        raise UnreadableAnswer(f"The answer's field {name!r} is not a list of ranges of the file", field=name)
    # A range that begins at the end of the file is empty: all bytes have come, and only the commit is missing.
    return min((start for start in starts if start < size), default=None)


def _size(data: Mapping[str, Any], *, is_folder: bool) -> int | None:
    size = optional(data, "size", int)
    # Unknown is not 0: a file without a size would be downloaded as an empty one.
    return size if size is not None and 0 <= size <= (MAX_FOLDER_BYTES if is_folder else MAX_FILE_BYTES) else None


def _location_by_id(drive_id: str, item_id: str) -> str:
    if not drive_id:
        raise unreadable("parentReference", None, dict)  # nobody could find the item again
    return f"items/{drive_id}/{item_id}"


def _package_type(data: Mapping[str, Any]) -> str | None:
    if data.get("package") is None:
        return None
    return optional(nested(data, "package"), "type", str) or "package"


@lru_cache  # the items of a page have it in common
def _folder(parent_path: str) -> str:
    """Return the drive-relative path of a parent with a slash behind it; nothing for the root.

    :param parent_path: ``parentReference.path``, which ends in ``root:/percent/encoded``.
    """
    _, _, below_root = parent_path.partition("root:")
    return "".join(f"{name}/" for name in unquote(below_root).split("/") if name)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
