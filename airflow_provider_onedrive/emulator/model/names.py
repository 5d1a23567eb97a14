"""The names that SharePoint accepts for files and folders.

https://support.microsoft.com/office/restrictions-and-limitations-in-onedrive-and-sharepoint-64883a5d-228e-48f5-b3d2-eb39e07630fa
"""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from pathlib import PurePosixPath
from typing import Protocol

from airflow_provider_onedrive.emulator.errors.problems import Problem, invalid_request

# Documented: 400 characters for the decoded path with the file name.
MAX_PATH_CHARACTERS = 400
# `#` and `%` are allowed: rclone stopped replacing them in 2021. https://github.com/rclone/rclone/issues/4909
_FORBIDDEN = re.compile(r'["*:<>?/\\|\x00-\x1f\x7f\ud800-\udfff]')
_DEVICES = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9])", re.IGNORECASE)
_RESERVED = {".lock", "desktop.ini"}
_OFFICE = {
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".parquet": "application/octet-stream",
}
# Own table: the system's would make the answer depend on the machine.
_TYPES = mimetypes.MimeTypes(filenames=())
for _extension, _type in _OFFICE.items():
    _TYPES.add_type(_type, _extension)


class NameRules(Protocol):
    """How a tenant compares names; its emulator's quirks say it."""

    @property
    def names_without_normal_form(self) -> bool:
        """True = two normal forms of one name are two names."""


class UsualNameRules:
    """The rules of the service."""

    names_without_normal_form = False


def key(name: str) -> str:
    """Return the key by which names are compared: in Unicode normal form C and without case."""
    # Names are compared so and stored as sent. https://github.com/rclone/rclone/issues/8634
    return unicodedata.normalize("NFC", cased_key(unicodedata.normalize("NFC", name)))


def cased_key(name: str) -> str:
    """Return the key by which the names in one folder differ at least: without case, in the normal form as sent."""
    return name.casefold()


def check_segment(name: str) -> None:
    """Raise 400 for a name that cannot even be searched for."""
    if _FORBIDDEN.search(name) or name in {"", ".", ".."}:
        raise _refused(name)


def check_new(name: str, *, folder: bool, at_root: bool) -> None:
    """Raise for a name that cannot be created."""
    check_segment(name)
    if _badly_trimmed(name) or _is_reserved(name) or name.startswith("~" if folder else "~$"):
        raise _refused(name)
    # Documented: `forms` is reserved in the root of a library only.
    if at_root and name.lower() == "forms":
        raise _refused(name)


def check_path(path: str) -> None:
    """Raise for a path, relative to the drive, that is longer than SharePoint allows."""
    if len(path) > MAX_PATH_CHARACTERS:
        raise invalid_request(
            "The specified file or folder name is too long. The URL path for all files and folders must be "
            f"{MAX_PATH_CHARACTERS} characters or less.",
            # A client recognises the permanent error by this inner code.
            inner="pathIsTooLong",
        )


def numbered(name: str, number: int, *, folder: bool) -> str:
    """``name 1.ext``, and ``My Folder 1`` for folders."""
    stem, dot, extension = name.rpartition(".")
    if folder or not stem:
        return f"{name} {number}"
    return f"{stem} {number}{dot}{extension}"


def mime_type(name: str) -> str:
    """Return the type that follows from the name. The client's Content-Type is ignored."""
    extension = PurePosixPath(name).suffix.lower()
    return _TYPES.types_map[True].get(extension, "application/octet-stream")


def _badly_trimmed(name: str) -> bool:
    return name != name.strip(" ") or name.endswith(".")


def _is_reserved(name: str) -> bool:
    return name.lower() in _RESERVED or "_vti_" in name.lower() or _DEVICES.fullmatch(name) is not None


def _refused(name: str) -> Problem:
    return invalid_request(f"The provided name cannot contain illegal characters or be reserved: '{name[:100]}'")
