"""Changes that SharePoint makes to uploaded files: it writes properties into Office files, PDF and HTML.

The additions are harmless and of constant size. A file whose content does not fit its name stays unchanged.
"""

from __future__ import annotations

import re
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from typing import IO

from airflow_provider_onedrive.emulator.model.contents import Content

# Office files are rewritten in memory up to this size, larger ones in a temporary file.
_SPOOL_BYTES = 4 * 1024 * 1024
_PIECE_BYTES = 512 * 1024
_TAIL_BYTES = 2048
_PART = b'<?xml version="1.0" encoding="UTF-8"?><properties source="SharePoint"/>'
_COMMENT = b"\n<!-- SharePoint: property promotion -->\n"
_START = re.compile(rb"startxref\s+(\d+)\s+%%EOF")


def rewrite(name: str, content: Content) -> Content | None:
    """Return the rewritten content; None = SharePoint leaves this file unchanged."""
    stem, _, extension = name.rpartition(".")
    change = _CHANGES.get(extension.lower()) if stem else None
    return change(content) if change and content.size else None


def _office(content: Content) -> Content | None:
    """Append a part that nothing refers to."""
    with tempfile.SpooledTemporaryFile(_SPOOL_BYTES) as file:
        for piece in content.pieces():
            file.write(piece)
        if not zipfile.is_zipfile(file):
            return None
        try:
            with zipfile.ZipFile(file, "a") as package:
                package.writestr(zipfile.ZipInfo(_free_part(package.namelist())), _PART)
        except zipfile.BadZipFile:
            return None
        return _content(file)


def _free_part(names: list[str]) -> str:
    # Office itself uses the low numbers.
    taken, number = set(names), 10
    while f"customXml/item{number}.xml" in taken:
        number += 1
    return f"customXml/item{number}.xml"


def _pdf(content: Content) -> Content | None:
    """Append an update without objects: a comment, and the offset of the cross-reference table again."""
    tail = b"".join(content.pieces(max(0, content.size - _TAIL_BYTES)))
    starts = _START.findall(tail)
    if not starts:
        return None
    # The number is of a fixed width, so that the file grows by the same amount each time.
    return _appended(content, b"\n%% SharePoint: property promotion\nstartxref\n%010d\n%%%%EOF\n" % int(starts[-1]))


def _html(content: Content) -> Content:
    return _appended(content, _COMMENT)


def _appended(content: Content, data: bytes) -> Content:
    longer = Content()
    longer.extend(content)
    longer.append(data)
    return longer


def _content(file: IO[bytes] | tempfile.SpooledTemporaryFile[bytes]) -> Content:
    file.seek(0)
    content = Content()
    while piece := file.read(_PIECE_BYTES):
        content.append(piece)
    return content


_Change = Callable[[Content], "Content | None"]
_CHANGES: Mapping[str, _Change] = {
    **dict.fromkeys(("docx", "docm", "dotx", "xlsx", "xlsm", "xltx", "pptx", "pptm", "potx", "ppsx"), _office),
    "pdf": _pdf,
    **dict.fromkeys(("html", "htm"), _html),
}
