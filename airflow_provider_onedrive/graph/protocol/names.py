"""Which names OneDrive takes, and what to write instead of others.

https://support.microsoft.com/office/64883a5d-228e-48f5-b3d2-eb39e07630fa
"""

from __future__ import annotations

import re

from airflow_provider_onedrive.graph.protocol.errors import LocationError

_ILLEGAL = re.compile(r'["*:<>?\\|\x00-\x1f\x7f\ud800-\udfff]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d|\.lock|desktop\.ini)")


def check_name(name: str, shown: str) -> None:
    """Refuse what cannot be a name.

    :param shown: the location that it is part of, for the error.
    :raises LocationError: with the reason, and what to write instead.
    """
    if not name:
        raise LocationError(
            f"{shown!r} has an empty name between two slashes.", advice="Check the template that makes it."
        )
    if name in (".", ".."):
        raise LocationError(f"{shown!r} holds {name!r}, which is no name.", advice="Write the path out.")
    if found := _ILLEGAL.search(name):
        raise LocationError(
            f"{shown!r} holds {found.group()!r}, which OneDrive does not allow in names.",
            advice=_instead_of(found.group(), name),
        )
    if name != name.strip(" ") or name.endswith("."):
        raise LocationError(
            f"{shown!r} holds {name!r}: no name may start or end with a space or end with a dot.",
            advice=f"Write {repaired(name)!r}.",
        )


def check_new_name(name: str, shown: str) -> None:
    """Refuse what Graph would not create, though it may be there.

    :raises LocationError: as :func:`check_name` does.
    """
    if is_reserved(name):
        raise LocationError(f"{name!r} in {shown!r} is a reserved name.", advice=f"Write {repaired(name)!r}.")


def is_reserved(name: str) -> bool:
    return bool(_RESERVED.fullmatch(name)) or name.startswith("~$") or "_vti_" in name


def repaired(name: str) -> str:
    """Replace what OneDrive does not take, so that the same name always becomes the same other one.

    An empty name, ``.`` and ``..`` stay what they are: they are no names but mistakes.
    """
    if name in ("", ".", ".."):
        return name
    text = re.sub(r"^~\$", "__", _ILLEGAL.sub("_", name)).replace("_vti_", "_vti-")
    stem = text.lstrip(" ")
    text = "_" * (len(text) - len(stem)) + stem
    stem = text.rstrip(" .")
    text = stem + "_" * (len(text) - len(stem))
    return f"_{text}" if is_reserved(text) else text


def _instead_of(character: str, name: str) -> str:
    if character == ":":
        return (
            "Times have colons: in place of {{ ts }} or {{ run_id }} use {{ run_id | replace(':', '-') }}, or on "
            "Airflow 3 {{ dag_run.run_after | ts_nodash }}."
        )
    if character in "*?":
        return "Patterns go into file_pattern."
    return f"Write {repaired(name)!r}."
