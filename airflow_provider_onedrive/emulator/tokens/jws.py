"""JSON Web Signatures in their compact form. This module knows no keys.

https://www.rfc-editor.org/rfc/rfc7515#section-7.1
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_PART = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_PARTS = 3


@dataclass(frozen=True)
class Parsed:
    """The parts of a token. Nothing in it is checked yet."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def parse(text: str) -> Parsed:
    """Parse a token.

    :raises ValueError: the text is not a token.
    """
    parts = text.split(".")
    if len(parts) != _PARTS:
        raise ValueError("A token has three parts.")
    header, claims = (_object(part) for part in parts[:2])
    return Parsed(header, claims, text.rpartition(".")[0].encode(), decode(parts[2]) if parts[2] else b"")


def assemble(header: dict[str, Any], claims: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    signed = f"{_text(header)}.{_text(claims)}"
    return f"{signed}.{encode(sign(signed.encode()))}"


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode(text: str) -> bytes:
    """Decode base64url.

    :raises ValueError: the text is not base64url.
    """
    # Python's decoder skips characters that are not base64: many texts would be the same token.
    if not _PART.fullmatch(text):
        raise ValueError("It is not base64url.")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise ValueError("It is not base64url.") from None


def _text(value: dict[str, Any]) -> str:
    return encode(json.dumps(value, separators=(",", ":")).encode())


def _object(part: str) -> dict[str, Any]:
    try:
        value = json.loads(decode(part))
    # Deeply nested JSON is an attack, which must not end the thread.
    except RecursionError:
        value = None
    if not isinstance(value, dict):
        raise ValueError("It is not an object.")  # noqa: TRY004 - it is text that is wrong, not a type
    return value
