"""Graph's resources as frozen, typed values.

https://learn.microsoft.com/en-us/graph/api/resources/driveitem
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

Locate = Callable[[str, str, str], str]
"""``(drive_id, item_id, path) -> location``: how an item is named on the connection that found it."""


@dataclass(frozen=True)
class DriveItem:
    """A file, folder or package.

    :param location: canonical text that names the item on the same connection.
    :param path: relative to the drive's root, without a leading ``/``; empty for the root itself.
    :param modified_at: by the server's clock.
    :param client_modified_at: as the uploading program said (``fileSystemInfo``).
    :param hashes: of a file's content, by Graph's names (``quickXorHash``); Graph may leave them out for a while.
    :param child_count: of a folder, the number of items directly in it.
    :param package_type: of a package, such as ``oneNote``: neither a file nor a folder.
    :param is_shortcut: it leads to a folder of another drive.
    :param parent_id: of the folder it is in; None where Graph does not say.
    :param drive_type: ``personal``, ``business`` or ``documentLibrary``; None where Graph does not say.
    :param outcome: what was done: ``created``, ``replaced``, ``renamed``, ``skipped``, ``already_there``; None where
        nothing was.
    :param server_rewrote: SharePoint changed the file after the upload, as it does to Office files, PDF and HTML.
    :param local_path: where the item was downloaded to.
    :param groups: the named groups of the regular expression that the item was found by.
    """

    location: str
    drive_id: str
    id: str
    name: str
    path: str
    size: int
    is_folder: bool
    etag: str | None
    ctag: str | None
    mime_type: str | None
    created_at: datetime
    modified_at: datetime
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
        """Whether it is a folder that is not surely empty: Graph may leave the count out."""
        return self.is_folder and self.child_count != 0

    @property
    def quick_xor_hash(self) -> str | None:
        return self.hashes.get("quickXorHash")

    @classmethod
    def from_json(cls, data: Mapping[str, Any], locate: Locate) -> DriveItem:
        """Read a ``driveItem`` as Graph sends it.

        :param locate: names the item; see :data:`Locate`.
        """
        parent, file, folder = (data.get(key) or {} for key in ("parentReference", "file", "folder"))
        drive_id, path = str(parent.get("driveId", "")), _path(data)
        return cls(
            location=locate(drive_id, data["id"], path),
            drive_id=drive_id,
            id=data["id"],
            name=data.get("name", ""),
            path=path,
            size=int(data.get("size", 0)),
            is_folder="folder" in data,
            etag=data.get("eTag"),
            ctag=data.get("cTag"),
            mime_type=file.get("mimeType"),
            created_at=_time(data["createdDateTime"]),
            modified_at=_time(data["lastModifiedDateTime"]),
            client_modified_at=_optional_time((data.get("fileSystemInfo") or {}).get("lastModifiedDateTime")),
            web_url=data.get("webUrl"),
            hashes={name: value for name, value in (file.get("hashes") or {}).items() if value},
            child_count=folder.get("childCount"),
            package_type=_package_type(data),
            parent_id=parent.get("id"),
            drive_type=parent.get("driveType"),
            is_root="root" in data,
            is_shortcut="remoteItem" in data,
        )

    def to_xcom(self) -> dict[str, Any]:
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
    """Where the fragments of a large file go.

    https://learn.microsoft.com/en-us/graph/api/resources/uploadsession

    :param upload_url: a secret: whoever has it may write the file.
    """

    upload_url: str = field(repr=False)
    expires_at: datetime | None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> UploadSession:
        return cls(data["uploadUrl"], _optional_time(data.get("expirationDateTime")))


def next_expected_byte(session: Mapping[str, Any]) -> int | None:
    """Read where an upload session wants to go on; None when it wants nothing more.

    :param session: the JSON of a session's status; the ranges look like ``26-`` or ``26-99``.
    """
    ranges = session.get("nextExpectedRanges") or ()
    return min((int(text.partition("-")[0]) for text in ranges), default=None)


def _package_type(data: Mapping[str, Any]) -> str | None:
    return str((data.get("package") or {}).get("type") or "package") if "package" in data else None


def _path(data: Mapping[str, Any]) -> str:
    """Build the drive-relative path from ``parentReference.path``, which ends in ``root:/percent/encoded``."""
    if "root" in data:
        return ""
    return f"{_folder(str((data.get('parentReference') or {}).get('path') or ''))}{data.get('name', '')}"


@lru_cache  # the items of a page have it in common
def _folder(parent_path: str) -> str:
    """Return the drive-relative path of a parent with a slash behind it; nothing for the root."""
    _, _, below_root = parent_path.partition("root:")
    return "".join(f"{name}/" for name in unquote(below_root).split("/") if name)


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is UTC:
        return moment
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _optional_time(text: str | None) -> datetime | None:
    return _time(text) if text else None


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
