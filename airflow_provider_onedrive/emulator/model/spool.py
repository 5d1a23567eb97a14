"""Where large contents lie while they are needed: files in one directory, open only while they are used."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import threading
import uuid
import weakref
from pathlib import Path

_PREFIX = "onedrive-emulator-"
_LOCK = "in-use"


class Spool:
    """:param directory: None = a temporary one that is created with the first file and removed at the end.

    :param is_persistent: contents survive the process, so content that still grows goes to a file at once.
    """

    def __init__(self, directory: Path | None = None, *, is_persistent: bool = False) -> None:
        self.is_persistent = is_persistent
        self.is_closed = False
        self._directory = directory
        self._lock = threading.Lock()

    def new_file(self) -> Path:
        """Create an empty file. No part of a request is part of its name."""
        path = self.directory / uuid.uuid4().hex
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        return path

    @property
    def directory(self) -> Path:
        with self._lock:
            if self._directory is None or not self._directory.is_dir():
                self._directory = self._temporary()
            return self._directory

    def _temporary(self) -> Path:
        _sweep(Path(tempfile.gettempdir()))
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX))
        lock = locked_file(directory / _LOCK)
        weakref.finalize(self, _remove, directory, lock, os.getpid())
        return directory


# Each process locks a file in its directory; a free lock shows that the process has ended.
def _sweep(parent: Path) -> None:
    """Remove the directory of a process that was killed: its lock is free."""
    for directory in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if directory.stat().st_uid == os.getuid() and (directory / _LOCK).exists():
                _remove(directory, locked_file(directory / _LOCK), os.getpid())


def locked_file(path: Path) -> int:
    """Open a file that only one process at a time may have open.

    :raises BlockingIOError: another process has it.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise
    return file


def _remove(directory: Path, lock: int, process_id: int) -> None:
    """Remove the directory, unless this is a forked child, whose parent still needs it."""
    if process_id == os.getpid():
        shutil.rmtree(directory, ignore_errors=True)
    os.close(lock)


DEFAULT = Spool()
