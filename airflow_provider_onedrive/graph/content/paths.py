"""Local paths as users write them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, LocalFileError

_PASSWORD = re.compile(r"(://[^/@:]*):[^/@]*@")


def absolute(local_path: str | os.PathLike[str] | None) -> Path:
    """Return the absolute path.

    :raises LocalFileError: if it is empty, which would mean the worker's current folder.
    :raises ConfigurationError: if it is the text of a URL: only the operators know which store it names.
    """
    text = "" if local_path is None else os.fspath(local_path)
    if not text.strip():
        raise LocalFileError("local_path is empty.", advice="Check the template that makes it.")
    if "://" in text:
        raise ConfigurationError(
            f"local_path {without_credentials(text)!r} is text that names an object of a store, not a local file.",
            advice="Pass an ObjectStoragePath or a UPath; the operators make one of such a text.",
        )
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:  # "~name" without a user of that name is a file's name
        return Path(text).absolute()


def without_credentials(text: str) -> str:
    """Return a text without the password in ``scheme://user:password@bucket/key``; a connection's id stays."""
    return _PASSWORD.sub(r"\1:***@", text)
