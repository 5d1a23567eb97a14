"""Identifiers in the form OneDrive for work or school gives them."""

from __future__ import annotations

import base64
import re
import secrets
import uuid

# Recorded: the root of every drive has this GUID. https://github.com/OneDrive/onedrive-api-docs/issues/1890
ROOT_GUID = uuid.UUID("ea8cc6be-ffdb-43d7-976f-bc7da445c639")
_DRIVE_ID = re.compile(r"b![\w-]{64}|[0-9a-f]{1,16}", re.ASCII | re.IGNORECASE)
_ITEM_ID = re.compile(r"01[A-Z2-7]+|[0-9a-f]{32}", re.ASCII | re.IGNORECASE)


def is_drive_id(text: str) -> bool:
    """Return True if a text has the form of a drive's id."""
    return _DRIVE_ID.fullmatch(text) is not None


def is_malformed_item(text: str) -> bool:
    """Return True if the service takes a text for no id at all. Few others than these were recorded."""
    # 400 for "111a" and "aaaa1", 404 for "112" and "aaa" (docs-contrib#1449).
    is_mixed = text.isascii() and text.isalnum() and not text.isalpha() and not text.isdigit()
    return is_mixed and _ITEM_ID.fullmatch(text) is None


def new_drive_id() -> str:
    return drive_id(uuid.uuid4(), uuid.uuid4(), uuid.uuid4())


def drive_id(site: uuid.UUID, web: uuid.UUID, library: uuid.UUID) -> str:
    """``b!`` and the GUIDs of site collection, web and list: 66 characters."""
    guids = site.bytes_le + web.bytes_le + library.bytes_le
    # Decoded from published ids: the three GUIDs are little-endian.
    return "b!" + base64.urlsafe_b64encode(guids).decode().rstrip("=")


def drive_guids(drive_id: str) -> tuple[uuid.UUID, uuid.UUID, uuid.UUID]:
    """Return the GUIDs of site collection, web and list out of the id of a drive for work or school."""
    data = base64.urlsafe_b64decode(drive_id[2:] + "==")
    site, web, library = (uuid.UUID(bytes_le=data[start : start + 16]) for start in (0, 16, 32))
    return site, web, library


def new_personal_drive_id() -> str:
    """16 hexadecimal digits; the first is a zero, which some of the service's answers lose."""
    # Some answers lose the leading zero, and clients must pad it. https://github.com/abraunegg/onedrive/issues/3336
    return "0" + secrets.token_hex(8)[1:]


def same_drive(drive_id: str) -> str:
    """Return the normal form of a drive's id: a consumer's may be in any case and lack its leading zeros."""
    return drive_id if drive_id.startswith("b!") else drive_id.lower().zfill(16)


def personal_item_id(drive_id: str, guid: uuid.UUID) -> str:
    return f"{drive_id.upper()}!s{guid.hex}"


def same_personal_item(item_id: str) -> str:
    """Return the normal form of a consumer's item id, whose first half is the id of the drive."""
    drive, mark, rest = item_id.partition("!")
    return f"{drive.upper().zfill(16)}{mark}{rest}"


def new_item_prefix() -> bytes:
    """Return the four bytes that all items of a drive have in common."""
    return secrets.token_bytes(4)


def item_id(prefix: bytes, guid: uuid.UUID) -> str:
    """Return ``01`` and base32 of the prefix and the GUID that is also in the eTag: 34 characters."""
    # Decoded from published ids: the last 16 bytes are the GUID of the eTag, little-endian.
    return "01" + base64.b32encode(prefix + guid.bytes_le).decode()


# The quotation marks are part of the value: a client that strips them fails its next If-Match.
def etag(guid: uuid.UUID, version: int) -> str:
    """Return the tag; its quotation marks are part of it, in JSON and in headers alike."""
    return f'"{{{str(guid).upper()}}},{version}"'


def ctag(guid: uuid.UUID, version: int) -> str:
    return f'"c:{{{str(guid).upper()}}},{version}"'


def site_guid(drive_id: str) -> uuid.UUID:
    """Return the GUID of the site that a drive for work or school belongs to; it is part of the drive's id."""
    return uuid.UUID(bytes_le=base64.urlsafe_b64decode(drive_id[2:] + "==")[:16])
