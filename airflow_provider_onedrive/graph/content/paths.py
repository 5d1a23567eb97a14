"""Local paths as users write them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from airflow_provider_onedrive.graph.content.filters import is_list, split_path
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, LocalFileError
from airflow_provider_onedrive.graph.protocol.hidden_names import hidden_names
from airflow_provider_onedrive.graph.protocol.redaction import has_address, has_link, without_secret
from airflow_provider_onedrive.graph.protocol.web_urls import is_web_address, without_scheme

_PASSWORD = re.compile(r"(://[^/@:]*):[^/@]*@")


def split_local_path(local_path: Any) -> tuple[Any, str | None]:
    """Split a local path, or one of a store, into its folder and the pattern in it.

    A path that exists as it is written is that file or folder: local names may have ``*`` and ``?``.
    """
    if not isinstance(local_path, str) or has_address(local_path):
        return local_path, None
    return (local_path, None) if "://" not in local_path and _exists(local_path) else split_path(local_path)


def _exists(local_path: str) -> bool:
    try:
        return os.path.lexists(Path(local_path).expanduser())
    except (ValueError, RuntimeError):  # no path at all, or "~name" without a user of that name
        return False


def absolute(local_path: str | os.PathLike[str] | None) -> Path:
    """Return the absolute path.

    :raises LocalFileError: if it is empty, which would mean the worker's current folder.
    :raises ConfigurationError: if it is the text of a URL: only the operators know which store it names; or no path; or
        an address of an item in OneDrive.
    """
    check_local_path(local_path)
    text = "" if local_path is None else os.fspath(local_path)
    refuse_address(text)
    hidden_names.add_local(text)
    if not text.strip():
        raise LocalFileError("local_path is empty.", advice="Check the template that makes it.")
    if "://" in text:
        raise ConfigurationError(
            f"local_path {without_credentials(text)!r} is text that names an object of a store, not a local file.",
            advice="Pass an ObjectStoragePath or a UPath; the operators make one of such a text.",
        )
    try:
        path = Path(text).expanduser().absolute()
    except RuntimeError:  # "~name" without a user of that name is a file's name
        path = Path(text).absolute()
    hidden_names.add_local(path)
    return path


def refuse_address(local_path: str) -> None:
    """Refuse the address of an item in OneDrive, of which a folder's name would be made, and be shown.

    :raises ConfigurationError: without the secret of a sharing link.
    """
    if has_link(local_path) or (is_web_address(local_path) and without_scheme(local_path.partition("//")[2])):
        raise ConfigurationError(
            f"local_path is {without_secret(local_path)!r}, an address of OneDrive or SharePoint.",
            advice="Give it as location; local_path is a file of the worker, or an object of a store.",
        )


def check_local_paths(value: Any) -> None:
    """Refuse what is neither a path nor a list of paths.

    :raises ConfigurationError: naming the type.
    """
    for path in value if is_list(value) else (value,):
        check_local_path(path)


def check_local_path(value: Any) -> None:
    """Refuse what is not one path; None is an empty path.

    :raises ConfigurationError: naming the type.
    """
    if value is None or isinstance(value, (str, os.PathLike)) or hasattr(value, "fs"):
        return
    advice = "Only an upload of many files takes a list." if is_list(value) else "Give a path."
    raise ConfigurationError(
        f"local_path is of type {type(value).__name__}.",
        advice="Give its 'local_path'." if isinstance(value, Mapping) else advice,
    )


def without_credentials(text: str) -> str:
    """Return the text of a path without the password in ``scheme://user:password@bucket/key``; a connection stays."""
    hidden_names.add_local(text)
    return without_password(text)


def without_password(text: str) -> str:
    """Return a sentence that may quote paths, without the passwords in them."""
    return _PASSWORD.sub(r"\1:***@", text)
