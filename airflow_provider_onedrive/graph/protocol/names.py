"""Which names OneDrive accepts, what replaces the others, and which names it treats as one.

https://support.microsoft.com/office/64883a5d-228e-48f5-b3d2-eb39e07630fa
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from airflow_provider_onedrive.graph.protocol.errors import LocationError
from airflow_provider_onedrive.graph.protocol.hidden_names import hidden_names
from airflow_provider_onedrive.graph.protocol.redaction import without_secret

NamePolicy = Literal["error", "replace"]
"""What happens to a name that OneDrive does not accept."""
NAME_POLICIES: tuple[NamePolicy, ...] = ("error", "replace")
WILDCARDS = "*?"
"""The characters that make a pattern of a name. OneDrive accepts neither in names, so a pattern is never a name."""

# A lone surrogate stands for a byte of a local file name that is not UTF-8. No URL can carry it.
_ILLEGAL = re.compile(r'["*:<>?\\|\x00-\x1f\x7f\ud800-\udfff]')
# Names of devices in Windows, and of files that Windows and SharePoint write themselves.
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d|\.lock|desktop\.ini)")


def check_name(name: str, shown: str) -> None:
    """Refuse what cannot be a name.

    :param shown: the location that the name is part of, for the error.
    :raises LocationError: with the reason, and the name to write instead.
    """
    if not name:
        raise LocationError(
            f"{shown!r} has an empty name between two slashes.", advice="Check the template that makes it."
        )
    if name in (".", ".."):
        raise LocationError(f"{shown!r} holds {name!r}, which is not a name.", advice="Write the path out.")
    if illegal := _ILLEGAL.search(name):
        raise _not_allowed(illegal.group(), name, shown)
    if name != name.strip(" ") or name.endswith("."):
        raise LocationError(
            f"{shown!r} holds {name!r}: no name may start or end with a space or end with a dot.",
            advice=f"Write {repaired(name)!r}.",
        )


def check_new_name(name: str, shown: str) -> None:
    """Refuse a name that Graph does not create, although an item may have it.

    :raises LocationError: as :func:`check_name` does.
    """
    if is_reserved(name):
        raise LocationError(f"{name!r} in {shown!r} is a reserved name.", advice=f"Write {repaired(name)!r}.")


def check_new_path(path: str, shown: str) -> None:
    """Refuse a path below a folder with a name that cannot be created.

    :raises LocationError: as :func:`check_name` does.
    """
    for name in path.split("/"):
        check_name(name, shown)
        check_new_name(name, shown)


def check_pattern(pattern: str) -> None:
    """Refuse a pattern with a character that no name has: it can never match.

    :raises LocationError: as :func:`check_name` does.
    """
    for illegal in _ILLEGAL.finditer(pattern):
        if illegal.group() not in WILDCARDS:
            raise _not_allowed(illegal.group(), pattern, without_secret(pattern), WILDCARDS)


def is_reserved(name: str) -> bool:
    # "~$" begins the owner files of Office; "_vti_" was in the names of FrontPage's folders.
    return bool(_RESERVED.fullmatch(name)) or name.startswith("~$") or "_vti_" in name.lower()


def repaired(name: str, kept: str = "") -> str:
    """Replace the characters that OneDrive does not accept. The same name always becomes the same other one.

    An empty name, ``.`` and ``..`` stay as they are: each of them is a mistake and not a name.

    :param kept: characters to keep: the wildcards of a pattern.
    """
    if name in ("", ".", ".."):
        return name
    text = _ILLEGAL.sub(lambda illegal: illegal.group() if illegal.group() in kept else "_", name)
    text = re.sub(r"^~\$|^ +|[ .]+$", lambda edge: "_" * len(edge.group()), text)
    text = re.sub(r"(?i)_(vti)_", r"_\1-", text)  # last, for a replaced edge may have made one: " vti_x"
    text = f"_{text}" if is_reserved(text) else text
    hidden_names.add(text)
    return text


def repaired_path(path: str, kept: str = "") -> str:
    """Repair each name of a path."""
    return "/".join(repaired(name, kept) for name in path.split("/"))


def comparison_key(path: str) -> str:
    """Return the text that two names or paths share exactly if OneDrive treats them as one.

    OneDrive ignores case and compares in Unicode normal form C, although it stores both forms as they were sent
    (https://github.com/rclone/rclone/issues/8634). Any other difference counts: ``ss`` is not the German sharp s.
    """
    return unicodedata.normalize("NFC", path).lower()


def _not_allowed(character: str, name: str, shown: str, kept: str = "") -> LocationError:
    return LocationError(
        f"{shown!r} holds {character!r}, which OneDrive does not allow in names.",
        advice=_instead_of(character, name, kept),
    )


def _instead_of(character: str, name: str, kept: str) -> str:
    if without_secret(name) != name:  # a repaired link would be a link no longer, and its secret be shown
        return "Give an address as location."
    if character == ":":
        return (
            "Times have colons: in place of {{ ts }} or {{ run_id }} use {{ run_id | replace(':', '-') }}, or on "
            "Airflow 3 {{ dag_run.run_after | ts_nodash }}."
        )
    if character in WILDCARDS:
        return "Patterns go into file_pattern; a local file of such a name needs a file_name."
    return f"Write {repaired_path(name, kept)!r}."
