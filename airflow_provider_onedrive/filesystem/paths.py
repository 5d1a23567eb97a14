"""Paths of the filesystem: a location, where ``onedrive://`` and a connection may stand in front of it."""

from __future__ import annotations

from typing import Any

from fsspec.utils import stringify_path

from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, LocationError
from airflow_provider_onedrive.graph.protocol.redaction import without_secret
from airflow_provider_onedrive.graph.protocol.web_urls import is_web_address

SCHEME = "onedrive"
_PREFIXES = (f"{SCHEME}://", f"{SCHEME}::")


def split_path(path: Any) -> tuple[str | None, str]:
    """Return the connection that a path names, None if it names none, and the location without a ``/`` at its end.

    :raises LocationError: if it is an address from the browser, which may be a secret link and is no path.
    """
    text = str(stringify_path(path))
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    if is_web_address(text):
        raise LocationError(
            f"{without_secret(text)} is an address from the browser, and no path of a filesystem.",
            advice="Write the location that `airflow-onedrive stat` shows for it.",
        )
    # Only in front of the first slash: a user's name (users/anna@contoso.com) has an "@" as well.
    first, slash, rest = text.partition("/")
    conn_id, at, root = first.rpartition("@")
    # Airflow 2 puts a slash in front of what follows the connection: onedrive://finance@/myfiles/a.csv.
    return (conn_id or None) if at else None, f"{root}{slash}{rest}".strip("/")


class PathStripper:
    """``_strip_protocol`` of a class; that of an instance also refuses the path of another connection."""

    def __get__(self, instance: Any, owner: type[Any]) -> Any:
        return _stripped if instance is None else instance.path_of


def _stripped(path: Any) -> Any:
    return [_stripped(each) for each in path] if isinstance(path, list) else split_path(path)[1]


def another_connection(in_path: str, conn_id: str | None) -> ConfigurationError:
    """Return the error of a path that names another connection than the filesystem has."""
    return ConfigurationError(
        f"The path names the connection {in_path!r}, and the filesystem has {conn_id or 'another identity'!r}.",
        advice="Name the connection once: in the path, or as conn_id.",
    )
