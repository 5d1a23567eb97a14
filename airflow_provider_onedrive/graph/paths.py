"""Local paths as users give them."""

from __future__ import annotations

import os
from pathlib import Path

from airflow_provider_onedrive.graph.errors import LocalFileError


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
