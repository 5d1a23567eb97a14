"""Local paths as users give them."""

from __future__ import annotations

import os
import re
from pathlib import Path

from airflow_provider_onedrive.graph.protocol.errors import LocalFileError

_PASSWORD = re.compile(r"(://[^/@:]*):[^/@]*@")


def absolute(local_path: str | os.PathLike[str] | None) -> Path:
    """Return the whole path.

    :raises LocalFileError: if it is empty: that would mean the worker's current folder.
    """
    if local_path is None or not os.fspath(local_path).strip():
        raise LocalFileError("local_path is empty.", advice="Check the template that makes it.")
    try:
        return Path(local_path).expanduser().absolute()
    except RuntimeError:  # "~name" where nobody of that name lives
        return Path(local_path).absolute()


def without_credentials(text: str) -> str:
    """Cut a password out of ``scheme://user:password@bucket/key``; a connection's id stays."""
    return _PASSWORD.sub(r"\1:***@", text)
