"""How addresses of personal drives name items: by a path, by ids, or by the GUID that SharePoint has for an item."""

from __future__ import annotations

import re

PERSONAL_HOSTS = ("onedrive.live.com", "my.microsoftpersonalcontent.com", "d.docs.live.net")
"""The hosts of personal drives in browsers, of their storage, and of the paths that Office copies."""

_OFFICE_HOST = "d.docs.live.net"
# The id of a drive is 16 hexadecimal digits; some addresses lose a zero at the beginning (AB#3336).
_DRIVE = re.compile(r"[0-9A-Fa-f]{15,16}")
_SITE = re.compile(r"(?i)/personal/([^/]+)(?:/.*)?")
_PATH = re.compile(r"(?i)/personal/([^/]+)/Documents(/.*)?")
_OFFICE_PATH = re.compile(r"/([^/]+)(/.*)?")
_GUID = re.compile(r"\{?([0-9a-f]{8})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{4})-([0-9a-f]{12})\}?", re.IGNORECASE)


def personal_path(host: str, text: str) -> tuple[str, str] | None:
    """Return the drive id and the path in the drive that a path on a web server means; None if it means none.

    The library of a personal drive is called ``Documents`` there, and is the root of the drive in Graph.
    """
    match = (_OFFICE_PATH if host == _OFFICE_HOST else _PATH).fullmatch(text)
    return (drive_id_of(match.group(1)), match.group(2) or "") if match else None


def drive_of_site(path: str) -> str:
    """Return the drive id in the path of a page; empty if it has none."""
    match = _SITE.fullmatch(path)
    return drive_id_of(match.group(1)) if match else ""


def personal_ids(item: str, cid: str) -> tuple[str, str] | None:
    """Return the ids of drive and item; the item's is empty for the root of the drive. None if they are not clear.

    :param item: ``<drive>!<number>``, ``<drive>!s<GUID>``, ``root``, or the bare GUID.
    :param cid: the id of the drive; without it, the item's id has to name the drive.
    """
    drive, mark, _ = item.partition("!")
    if item.lower() == "root" and cid:
        return drive_id_of(cid), ""
    if guid := _GUID.fullmatch(item):
        return (drive_id_of(cid), _item_id(guid.groups(), drive_id_of(cid))) if cid else None
    # An id of a personal drive begins with the drive's own id: ABC!123 is in the drive ABC.
    is_clear = mark and drive and drive_id_of(cid or drive) == drive_id_of(drive)
    return (drive_id_of(drive), item) if is_clear else None


def drive_id_of(cid: str) -> str:
    """Return the id of a drive as Graph writes it."""
    return cid.lower().zfill(16) if _DRIVE.fullmatch(cid) else cid


def _item_id(guid: tuple[str, ...], drive_id: str) -> str:
    """Return the item id of a GUID.

    The number of an item that is older than 2025 is in its GUID, behind the digits of the drive: with the drive
    946c98d07c563ce7, 7c563ce7-98d0-206c-8094-7d0100000000 is the item 381 (msgraph-sdk-dotnet#2604).
    """
    first, second, third, fourth, last = (part.lower() for part in guid)
    prefix = drive_id.upper().lstrip("0")
    if (third[:2], fourth[:2]) == ("20", "80") and fourth[2:] + third[2:] + second + first == drive_id:
        return f"{prefix}!{int.from_bytes(bytes.fromhex(last), 'little')}"
    return f"{prefix}!s{first}{second}{third}{fourth}{last}"
