"""One pause for all users of a connection: threads share it in memory, the processes of a host in a file's time.

Throttled requests count against the limits too, so all wait when Graph throttles one.
https://learn.microsoft.com/en-us/sharepoint/dev/general-development/how-to-avoid-getting-throttled-or-blocked-in-sharepoint-online
"""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import random

from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.protocol.digests import digest
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.protocol.retry import LONGEST_PAUSE_SECONDS

log = logger(__name__)

JITTER = 0.2
"""By which share a pause is lengthened at most, at random, so that not all go on at once."""

_COARSEST_SECONDS = 2.0  # the steps of the times of files, on the coarsest file system
_FOR_OTHERS_TO_WRITE = stat.S_IWGRP | stat.S_IWOTH

_until: dict[str, float] = {}
"""By identity, the end of a pause that is in no file."""
_files: dict[str, Path] = {}
"""By identity, the file of a pause: clients of this process that have no folder read it, too."""


class SharedBackoff:
    """The pause of one identity.

    It takes no lock. Of two pauses that begin at once the file may get the shorter one; then one more request is
    throttled.

    :param identity: the identity that Graph throttles; see :func:`identity_of`.
    :param folder: the folder that the processes share; None shares nothing with them.
    :param clock: seconds since the epoch, because they are compared with a file's time.
    :param jitter: returns a number from 0 to 1.
    """

    def __init__(
        self,
        identity: str,
        folder: Path | None = None,
        *,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random,
    ) -> None:
        self._mark = digest(identity, 32)
        self._path = folder and folder / f"{self._mark}.cooldown"
        self._clock = clock
        self._jitter = jitter

    def pause(self, seconds: float) -> None:
        """Begin a pause; a longer one that has begun before stays."""
        if seconds <= 0:
            return
        until = self._clock() + min(seconds, LONGEST_PAUSE_SECONDS)
        # In memory only where no file can be written: who clears the file ends the pause in all processes.
        if self._path is None or not self._is_shared(self._path, until):
            _until[self._mark] = max(until, _until.get(self._mark, 0.0))

    def left_seconds(self) -> float:
        """Return the seconds until the pause ends; 0 if there is none."""
        shared = (self._shared_until(path) for path in self._paths())
        return max(_until.get(self._mark, 0.0) - self._clock(), *(until - self._clock() for until in shared), 0.0)

    def clear(self) -> None:
        """End the pause, in this process and in those that share the folder."""
        _until.pop(self._mark, None)
        for path in self._paths():
            with suppress(OSError):
                if _is_private(path.parent):
                    path.unlink(missing_ok=True)
        _files.pop(self._mark, None)

    def spread(self, seconds: float) -> float:
        """Return the length of a pause with a random share added."""
        return seconds * (1 + JITTER * self._jitter())

    def _paths(self) -> set[Path]:
        return set(filter(None, (self._path, _files.get(self._mark))))

    def _is_shared(self, path: Path, until: float) -> bool:
        """Share a pause in the file, and return whether it, or a longer one, is there."""
        if until > self._shared_until(path):
            self._tell_others(path, until)
        if self._shared_until(path) < until - _COARSEST_SECONDS:
            return False
        _files[self._mark] = path
        return True

    def _shared_until(self, path: Path) -> float:
        """Return the end of the pause in the file; 0 if others could have written it, or if its time makes no sense."""
        try:
            status = path.lstat()
            is_ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid() and _is_private(path.parent)
        except OSError:
            return 0.0
        # The end of the pause is the file's time: utime() sets it at once, so no reader meets half of it.
        return status.st_mtime if is_ours and status.st_mtime <= self._clock() + LONGEST_PAUSE_SECONDS else 0.0

    @staticmethod
    def _tell_others(path: Path, until: float) -> None:
        """Set the file's time. If that fails, the other processes learn of the pause from Graph."""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_private(path.parent):
                log.warning("%s belongs to others or lets them write, so no pause is shared there.", path.parent)
                return
            # No link is followed, and a pipe in place of the file does not block.
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
            with suppress(OSError):
                os.utime(file, (until, until))
            os.close(file)
        except OSError as error:
            log.warning("No pause can be shared in %s: %s.", path.parent, error.strerror)


def identity_of(settings: Settings) -> str:
    """Return the name of the identity that Graph throttles: an application in a tenant, or the one of a token."""
    token = digest(settings.access_token) if settings.access_token else ""
    # Graph counts per application in a tenant, so all users of an application wait together.
    return f"{settings.graph_url} {settings.tenant_id.lower()} {settings.client_id.lower()} {token}"


def shared_folder(parent: str | None = None) -> Path:
    """Return the folder that the processes of a user share.

    :param parent: a folder of any owner; None takes the system's for temporary files.
    """
    return Path(parent or tempfile.gettempdir()) / f"onedrive_cool_down_{os.getuid()}"


def folder_of(option: str | None) -> Path | None:
    """Return the folder that ``[onedrive] cool_down_folder`` means; None if the processes share no pause.

    :param option: None if the option is not set, which means the default folder; empty or ``off`` turns it off.
    """
    return None if option is not None and option.strip() in ("", "off") else shared_folder(option)


def forget_all() -> None:
    """Forget the pauses in memory, as in a new process."""
    _until.clear()
    _files.clear()


def _is_private(folder: Path) -> bool:
    """Return whether a folder belongs to this user, and nobody else can write to it."""
    # In a shared /tmp another user could create the folder first, and pause our processes with it.
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & _FOR_OTHERS_TO_WRITE
