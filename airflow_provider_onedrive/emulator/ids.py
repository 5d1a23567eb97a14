"""Identifiers in the form OneDrive for work or school gives them."""

from __future__ import annotations

import base64
import secrets
import uuid


def new_drive_id() -> str:
    """``b!`` and the GUIDs of site, web and list: 66 characters."""
    guids = b"".join(uuid.uuid4().bytes_le for _ in range(3))
    return "b!" + base64.urlsafe_b64encode(guids).decode().rstrip("=")


def new_item_prefix() -> bytes:
    """Return the four bytes that all items of a drive have in common."""
    return secrets.token_bytes(4)


def item_id(prefix: bytes, guid: uuid.UUID) -> str:
    """``01`` and base32 of the prefix and the GUID that also stands in the eTag: 34 characters."""
    return "01" + base64.b32encode(prefix + guid.bytes_le).decode()


def etag(guid: uuid.UUID, version: int) -> str:
    """Return the tag; its quotation marks are part of it, in JSON and in headers alike."""
    return f'"{{{str(guid).upper()}}},{version}"'


def ctag(guid: uuid.UUID, version: int) -> str:
    return f'"c:{{{str(guid).upper()}}},{version}"'
