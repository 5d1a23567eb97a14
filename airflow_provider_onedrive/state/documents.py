"""The private folder for downloads without a path: one folder per task instance, which only its owner can read."""

from __future__ import annotations

import logging
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any, Protocol

from airflow_provider_onedrive.compat import ObjectStoragePath, conf
from airflow_provider_onedrive.graph.protocol.digests import digest
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, LocalFileError

log = logging.getLogger(__name__)

# Characters that Windows or a shell would take for something else, hidden names, and halves of surrogate pairs.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|\ud800-\udfff]|^[.-]|[. ]$")
_MAX_BYTES = 200  # file systems take 255, and a temporary name needs some
_MAX_SUFFIX_BYTES = 20  # a longer one is no type of a file
_DAY_SECONDS = 24 * 3600
_ONE_MACHINE = ("LocalExecutor", "SequentialExecutor", "InProcessExecutor")


class TaskInstance(Protocol):
    """The part of Airflow's task instance that names its folder."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int | None


def document_path(ti: TaskInstance, path: str) -> Any:
    """Return ``<documents folder>/<dag>/<run>/<task>/<map index>/<path>``, a ``Path`` or an ``ObjectStoragePath``.

    Each attempt of a task gets the same path, so it replaces the files of the one before. On a disk the folders are
    made with mode 0700, and runs that are older than ``[onedrive] documents_retention_days`` are removed. If other
    workers cannot see that disk, a warning says so.

    :param path: of the item in its drive; each part is made safe.
    :raises LocalFileError: if the folders cannot be made.
    """
    parts = [ti.dag_id, ti.run_id, ti.task_id, str(max(ti.map_index or 0, 0)), *path.split("/")]
    names = [safe_name(part) for part in parts]
    configured = conf.get("onedrive", "documents_folder", fallback="")
    if "://" in configured:
        return ObjectStoragePath("/".join([configured.rstrip("/"), *names]))
    folder = documents_folder()
    _make_private(folder)
    remove_old_runs(folder, _retention_days())
    for name in names[:-1]:
        folder /= name
        _make_private(folder)
    _warn_of_other_workers(folder / names[-1], is_configured=bool(configured))
    return folder / names[-1]


def documents_folder() -> Path:
    """Return ``[onedrive] documents_folder``, or ``onedrive_documents`` below AIRFLOW_HOME."""
    configured = conf.get("onedrive", "documents_folder", fallback="")
    # From the environment, as Airflow itself reads it: it is no option of airflow.cfg.
    home = os.environ.get("AIRFLOW_HOME", "~/airflow")
    return Path(os.path.expandvars(configured or f"{home}/onedrive_documents")).expanduser().absolute()


def remove_old_runs(folder: Path, days: float) -> None:
    """Remove the folders of runs in which no task has written for some days.

    :param folder: the documents folder.
    :param days: 0 removes none.
    """
    if not days:
        return
    for run in list(_folders(folder, levels=2)):
        if time.time() - _last_written(run) > days * _DAY_SECONDS:
            log.info("Removing the documents of an old run: %s", run)
            shutil.rmtree(run, ignore_errors=True)


def safe_name(name: str) -> str:
    """Return a name that every file system takes. A hash keeps changed names apart, and the suffix stays."""
    safe = _UNSAFE.sub("_", name)
    if safe == name and 0 < len(name.encode()) <= _MAX_BYTES:
        return name
    mark, suffix = digest(name, 8), PurePath(safe).suffix
    suffix = suffix if len(suffix.encode()) <= _MAX_SUFFIX_BYTES else ""
    stem = safe.removesuffix(suffix).encode()[: _MAX_BYTES - len(mark) - len(suffix.encode()) - 1]
    return f"{stem.decode(errors='ignore')}-{mark}{suffix}"


def _folders(folder: Path, levels: int) -> Iterator[Path]:
    """Yield the folders at a level below; a folder that cannot be listed, or has just vanished, has none.

    :param levels: 0 yields the folder itself.
    """
    if not levels:
        yield folder
        return
    try:
        below = [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return
    for each in below:
        yield from _folders(each, levels - 1)


def _last_written(run: Path) -> float:
    """Return when a task of a run last made a file.

    The times of the folders tell it: downloaded files have the times of their originals.
    """
    folders = [run, *_folders(run, levels=1), *_folders(run, levels=2)]
    return max((_changed_at(folder) for folder in folders), default=time.time())


def _changed_at(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _retention_days() -> float:
    """Return how long documents are kept.

    :raises ConfigurationError: if it is not a number, or negative.
    """
    text = str(conf.get("onedrive", "documents_retention_days", fallback="30"))
    try:
        days = float(text)
    except ValueError:
        days = -1.0
    if not days >= 0:  # NaN, too
        raise ConfigurationError(
            f"[onedrive] documents_retention_days is {text!r}.", advice="Set it to a number of days."
        )
    return days


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise LocalFileError(
            f"The folder {folder} cannot be made: {error.strerror}.",
            advice="Set [onedrive] documents_folder to a folder that the worker may write to, or pass local_path.",
        ) from error


def _warn_of_other_workers(path: Path, *, is_configured: bool) -> None:
    """Log that only this worker can read a file. A configured folder is taken for one that all workers share."""
    executor = conf.get("core", "executor", fallback="")
    if not is_configured and not executor.endswith(_ONE_MACHINE):
        log.warning(
            "%s is on the disk of this worker (%s) only, and tasks on other workers cannot read it. Set [onedrive] "
            "documents_folder to a shared folder or an object store, or work with the file in this task.",
            path,
            socket.gethostname(),
        )
