"""The folders of runs on a disk: marked when they are made, and removed when all that is in them is old."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from airflow_provider_onedrive.graph.content.private import check_own, check_owner, make_private_folder, open_private
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.state.files import atomic_write, read_private

log = logger(__name__)

# A leading dot: safe_name() takes it from the names of tasks, which lie in the same folder.
MARKER = ".onedrive_run"
SEEN_OLD = ".onedrive_seen_old"
_MARKER_TEXT = b"This folder was made by airflow-provider-onedrive, which removes it when all that is in it is old.\n"
_DAY_SECONDS = 24 * 3600


def use_run(run: Path) -> float | None:
    """Make the folder of a run if it is missing, and mark it as used now.

    :return: the present time by the clock of the file system; None if the folder is not one of those made here.
    :raises OSError: if it cannot be made, or belongs to another user.
    """
    if not run.is_symlink():
        make_private_folder(run)
    # An empty one may be of an attempt that was killed before it could mark it.
    if run.is_symlink() or not (_is_marked(run) or not any(run.iterdir())):
        return None
    return _touch(run / MARKER)


def remove_old_runs(folder: Path, days: float, now: float) -> None:
    """Remove the marked folders in which nothing has changed for some days.

    The clock of this machine may be wrong for a moment. So a folder goes only if an earlier call has found the same
    content to be old, at least a day before.

    :param folder: has a folder for each DAG, in which the folders of runs lie.
    :param days: 0 removes none.
    :param now: by the clock of the file system, with which the times of the files are compared.
    """
    if not days or folder.is_symlink():
        return
    for run in [run for dag in _folders(folder) for run in _folders(dag)]:
        with suppress(OSError):  # of another user, or removed by another task meanwhile
            if _is_marked(run):
                _remove_if_old(run, days * _DAY_SECONDS, now)


def _remove_if_old(run: Path, age_seconds: float, now: float) -> None:
    seen_at = _seen_old_at(run)
    # A time to come was written while the clock was wrong.
    if seen_at is not None and seen_at <= now:
        if now - seen_at < _DAY_SECONDS:
            return
        # As of then, because something may have been written since.
        if _is_old(run, age_seconds, seen_at):
            _remove(run)
            return
    if _is_old(run, age_seconds, now):
        atomic_write(run / SEEN_OLD, str(now))
    else:
        (run / SEEN_OLD).unlink(missing_ok=True)


def _remove(run: Path) -> None:
    log.info("Removing the documents of an old run: %s", run)
    # The marker last: if this process is killed, a later one goes on.
    for folder in _folders(run):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(run, ignore_errors=True)


def _folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, without links to others; one that has just vanished has none."""
    try:
        return [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _is_marked(run: Path) -> bool:
    try:
        check_owner(run, run.lstat())
        check_own(run / MARKER, (run / MARKER).lstat())
    except OSError:
        return False
    return True


def _touch(marker: Path) -> float:
    with open_private(marker) as file:
        file.write(_MARKER_TEXT)
        os.utime(file.fileno())  # on a file system of the network, its server takes the time
        return os.fstat(file.fileno()).st_mtime


def _seen_old_at(run: Path) -> float | None:
    try:
        return float(read_private(run / SEEN_OLD))
    except (FileNotFoundError, ValueError):
        return None


def _is_old(run: Path, age_seconds: float, now: float) -> bool:
    try:
        return all(now - time > age_seconds for time in _change_times(run))
    except OSError:  # what cannot be read may be new
        return False


def _change_times(run: Path) -> Iterator[float]:
    """Yield when each file and folder in a run was changed, beginning with the marker, which every task touches."""
    yield _changed_at(run / MARKER)
    for folder, folders, files in os.walk(run, onerror=_raise):
        for name in (*folders, *files):
            if (path := Path(folder, name)) != run / SEEN_OLD:
                yield _changed_at(path)
    yield _changed_at(run / MARKER)  # again, as a task may have begun meanwhile


def _changed_at(path: Path) -> float:
    """Return when a file got its content or its place: a download has the modification time of its original."""
    status = path.lstat()
    return max(status.st_mtime, status.st_ctime)


def _raise(error: OSError) -> NoReturn:
    raise error
