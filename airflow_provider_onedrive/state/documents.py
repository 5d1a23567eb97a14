"""The private folder for downloads without a path: one folder per task instance, which only its owner can read."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any, Protocol

from airflow_provider_onedrive.compat import conf
from airflow_provider_onedrive.graph.content.private import Untrusted, make_named_folder, make_private_folder
from airflow_provider_onedrive.graph.protocol.digests import digest
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, LocalFileError
from airflow_provider_onedrive.graph.protocol.hidden_names import cause_to_show
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.state.run_folders import remove_old_runs, use_run
from airflow_provider_onedrive.state.stores import stored_object

log = logger(__name__)

RUNS = "onedrive_runs"
"""The folder in the documents folder in which all runs lie: the documents folder may also hold files of others."""

# Characters that Windows or a shell would take for something else, hidden names, and halves of surrogate pairs.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|\ud800-\udfff]|^[.-]|[. ]$")
_MAX_BYTES = 200  # file systems take 255, and a temporary name needs some
_MAX_SUFFIX_BYTES = 20  # a longer one is no type of a file
_ONE_MACHINE = ("LocalExecutor", "SequentialExecutor", "InProcessExecutor")


class TaskInstance(Protocol):
    """The part of Airflow's task instance that names its folder."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int | None


def document_path(ti: TaskInstance, path: str) -> Any:
    """Return ``<documents folder>/onedrive_runs/<dag>/<run>/<task>/<map index>/<path>``.

    It is a ``Path`` or an ``ObjectStoragePath``. Each attempt of a task gets the same path, so it replaces the files of
    the one before. On a disk the folders have mode 0700, and those of other users are refused. Runs in which nothing
    has changed for ``[onedrive] documents_retention_days`` are removed. If other workers cannot see that disk, a
    warning says so.

    :param path: of the item in its drive; each part is made safe.
    :raises LocalFileError: if the folders cannot be made, or another user may have made one of them.
    """
    parts = [ti.dag_id, ti.run_id, ti.task_id, str(max(ti.map_index or 0, 0)), *path.split("/")]
    dag, run, *names = (safe_name(part) for part in parts)
    configured = conf.get("onedrive", "documents_folder", fallback="")
    if "://" in configured:
        return stored_object("/".join([configured.rstrip("/"), RUNS, dag, run, *names]))
    path_on_disk = _run_folder(dag, run)
    for name in names:
        _make_private(path_on_disk)
        path_on_disk /= name
    _warn_of_other_workers(path_on_disk, is_configured=bool(configured))
    return path_on_disk


def documents_folder() -> Path:
    """Return ``[onedrive] documents_folder``, or ``onedrive_documents`` below AIRFLOW_HOME."""
    configured = conf.get("onedrive", "documents_folder", fallback="")
    # From the environment, as Airflow itself reads it: it is no option of airflow.cfg.
    home = os.environ.get("AIRFLOW_HOME", "~/airflow")
    return Path(os.path.expandvars(configured or f"{home}/onedrive_documents")).expanduser().absolute()


def _run_folder(dag: str, run: str) -> Path:
    """Make the folder of a run, and remove old ones.

    :param dag: its safe name, as ``run``.
    """
    days, runs = _retention_days(), documents_folder() / RUNS
    with _explained(runs.parent):
        make_named_folder(runs.parent)
    for folder in (runs, runs / dag):
        _make_private(folder)
    with _explained(runs / dag / run):
        now = use_run(runs / dag / run)
    # After this run was marked as used, so that no other task takes it for an old one.
    if now is not None:
        remove_old_runs(runs, days, now)
    return runs / dag / run


def safe_name(name: str) -> str:
    """Return a name that every file system takes. A hash keeps changed names apart, and the suffix stays."""
    safe = _UNSAFE.sub("_", name)
    if safe == name and 0 < len(name.encode()) <= _MAX_BYTES:
        return name
    mark, suffix = digest(name, 8), PurePath(safe).suffix
    suffix = suffix if len(suffix.encode()) <= _MAX_SUFFIX_BYTES else ""
    stem = safe.removesuffix(suffix).encode()[: _MAX_BYTES - len(mark) - len(suffix.encode()) - 1]
    return f"{stem.decode(errors='ignore')}-{mark}{suffix}"


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
    with _explained(folder):
        make_private_folder(folder)


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Raise the error of a folder that cannot be made.

    :raises LocalFileError: naming the setting.
    """
    try:
        yield
    except Untrusted as error:
        raise LocalFileError(
            f"The folder {error.filename} cannot be used: {error.strerror}, and could read or change the documents.",
            advice="Set [onedrive] documents_folder to a folder that only the worker's user or group may write to.",
        ) from cause_to_show(error)
    except OSError as error:
        raise LocalFileError(
            f"The folder {folder} cannot be made: {error.strerror}.",
            advice="Set [onedrive] documents_folder to a folder that the worker may write to, or pass local_path.",
        ) from cause_to_show(error)


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
