"""The private folder for downloads that name no path: one place per task instance, readable by nobody else."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path, PurePath
from typing import Protocol

from airflow_provider_onedrive.compat import conf
from airflow_provider_onedrive.graph.errors import LocalFileError

_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|\ud800-\udfff]|^[.-]|[. ]$")
_MAX_BYTES = 200  # file systems take 255, and a temporary name needs some


class TaskInstance(Protocol):
    """What of Airflow's task instance names its place."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int | None


def document_path(ti: TaskInstance, name: str) -> Path:
    """Return ``<documents folder>/<dag>/<run>/<task>/<map index>/<name>``; its folders exist, with mode 0700.

    A later try of the same task gets the same path, so it replaces what an earlier one left.

    :raises LocalFileError: if the folders cannot be made.
    """
    folder = documents_folder()
    _make_private(folder)
    for part in (ti.dag_id, ti.run_id, ti.task_id, str(max(ti.map_index or 0, 0))):
        folder /= safe_name(part)
        _make_private(folder)
    return folder / safe_name(name)


def documents_folder() -> Path:
    """Return ``[onedrive] documents_folder``, or ``onedrive_documents`` below AIRFLOW_HOME."""
    configured = conf.get("onedrive", "documents_folder", fallback="")
    home = os.environ.get("AIRFLOW_HOME", "~/airflow")
    return Path(os.path.expandvars(configured or f"{home}/onedrive_documents")).expanduser().absolute()


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LocalFileError(
            f"The folder {folder} cannot be made: {error.strerror}.",
            advice="Set [onedrive] documents_folder to a folder that the worker may write to, or pass local_path.",
        ) from error


def safe_name(name: str) -> str:
    """Make one name that every file system takes; a hash keeps changed names apart, and the suffix stays."""
    safe = _UNSAFE.sub("_", name)
    if safe == name and 0 < len(name.encode()) <= _MAX_BYTES:
        return name
    mark, suffix = hashlib.sha256(name.encode()).hexdigest()[:8], PurePath(safe).suffix
    suffix = suffix if len(suffix.encode()) <= 20 else ""  # noqa: PLR2004 - longer than any type's
    stem = safe.removesuffix(suffix).encode()[: _MAX_BYTES - len(mark) - len(suffix.encode()) - 1]
    return f"{stem.decode(errors='ignore')}-{mark}{suffix}"
