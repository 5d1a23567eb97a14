"""PEM as people have it: pasted into one line, with written-out line breaks, comments, marks and blanks.

https://www.rfc-editor.org/rfc/rfc7468
"""

from __future__ import annotations

import codecs
import re
import textwrap
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_provider_onedrive.graph.config.fields import text, wrong
from airflow_provider_onedrive.graph.config.small_files import read_small_file, reason_of

_BEGIN = "-----BEGIN"
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
# As JSON, shells and .env files leave it: \n, \\n, \r\n.
_WRITTEN_BREAK = re.compile(r"(?:\\+r)?\\+n|\\+r")
# The old encryption of OpenSSL has two lines of parameters, and an empty line after them (RFC 1421).
_PARAMETERS = re.compile(r"\s*(Proc-Type:\s*4,\s*ENCRYPTED)\s+(DEK-Info:\s*\S+)\s+(.*)", re.DOTALL)
_LINE_CHARACTERS = 64
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{80,}={0,2}\s*")
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",  # what Windows calls Unicode
    codecs.BOM_UTF16_BE: "utf-16-be",
}

CERTIFICATES = frozenset({"CERTIFICATE", "X509 CERTIFICATE"})
KEYS = frozenset(
    {
        *("PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY"),
        "OPENSSH PRIVATE KEY",
    }
)


@dataclass(frozen=True)
class Block:
    """One block of PEM.

    :param label: what it says to hold, such as ``CERTIFICATE``.
    :param text: the block in the form that all libraries read; it may be a private key.
    """

    label: str
    text: str = field(repr=False)


def content_of(given: Mapping[str, Any], name: str) -> bytes:
    """Read the field of a connection that holds PEM text, base64 of a file, or the path of a file; empty if it is.

    A file's content is never quoted in an error: a connection could name any file of a worker.

    :raises ConfigurationError: naming the field.
    """
    value = text(given, name).lstrip("\ufeff")
    if not value or _BEGIN in value:
        return value.encode(errors="replace")
    # A PFX file can only be pasted as base64, as vaults and CI systems keep it.
    if (decoded := _decoded(value)) is not None:
        return decoded
    try:
        return read_small_file(Path(value))
    except (OSError, ValueError) as error:
        raise wrong(
            name,
            f"is neither PEM text nor a readable PEM file ({reason_of(error)}).",
            "Give the text itself or the path of a file on every worker.",
        ) from None


def blocks_of(content: bytes) -> list[Block]:
    """Return the blocks of PEM in a text, whatever is written around them."""
    plain = _WRITTEN_BREAK.sub("\n", _text_of(content))
    return [Block(label, _rewritten(label, body)) for label, body in _BLOCK.findall(plain)]


def _text_of(content: bytes) -> str:
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    return content.decode(errors="replace")


def _rewritten(label: str, body: str) -> str:
    """Break the lines of a block anew: form fields, YAML and .env files turn line breaks into blanks, or indent."""
    if match := _PARAMETERS.fullmatch(body):
        parameters, body = [match[1], match[2], ""], match[3]
    else:
        parameters = []
    # Copies from a web page hold marks of no width, which base64 has not, and OpenSSL takes ASCII only.
    plain = "".join(body.split()).encode("ascii", "ignore").decode()
    lines = textwrap.wrap(plain, _LINE_CHARACTERS)
    return "\n".join((f"-----BEGIN {label}-----", *parameters, *lines, f"-----END {label}-----"))


def _decoded(value: str) -> bytes | None:
    """Return the file whose base64 a text is; None if it is not, as a path is not."""
    value = _WRITTEN_BREAK.sub("\n", value)
    if not _BASE64.fullmatch(value):
        return None
    try:
        content = b64decode("".join(value.split()), validate=True)
    except ValueError:
        return None
    # A long path has the same characters, but means nothing that begins like a file of keys.
    is_file = content.startswith((b"\x30", b"\xfe\xed\xfe\xed")) or _BEGIN in _text_of(content)
    return content if is_file else None
