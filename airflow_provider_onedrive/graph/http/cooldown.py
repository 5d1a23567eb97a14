"""One pause for all who use a connection: threads share it in memory, the processes of a host by the time of a file.

Refused calls count against the limits too, so everybody waits when one is refused.
https://learn.microsoft.com/en-us/sharepoint/dev/general-development/how-to-avoid-getting-throttled-or-blocked-in-sharepoint-online
"""

from __future__ import annotations

import logging
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

log = logging.getLogger(__name__)

JITTER = 0.2
"""How much longer than it was asked for somebody waits at most, so that not all begin at once."""

_LONGEST_SECONDS = 24 * 3600.0
_FOR_OTHERS_TO_WRITE = stat.S_IWGRP | stat.S_IWOTH

_until: dict[str, float] = {}


class SharedBackoff:
    """Knows until when nothing is to be sent for an identity.

    It takes no lock: of two who ask for a pause at once the file may have the shorter one, and whoever trusts it is
    refused once more.

    :param identity: who is limited.
    :param folder: where processes meet; None shares nothing with them.
    :param clock: seconds since the epoch, for they are compared with a file's time.
    :param jitter: a number from 0 to 1.
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
        """Let nobody send for so long; a longer pause that was asked for before stays."""
        if seconds <= 0:
            return
        until = self._clock() + min(seconds, _LONGEST_SECONDS)
        _until[self._mark] = max(until, _until.get(self._mark, 0.0))
        if self._path is not None and until > self._shared_until(self._path):
            self._tell_others(self._path, until)

    def left_seconds(self) -> float:
        """Return how long the pause still lasts; 0 where there is none."""
        until = _until.get(self._mark, 0.0)
        if self._path is not None:
            until = max(until, self._shared_until(self._path))
        return max(until - self._clock(), 0.0)

    def spread(self, seconds: float) -> float:
        """Lengthen a pause by a share of its own."""
        return seconds * (1 + JITTER * self._jitter())

    def _shared_until(self, path: Path) -> float:
        """Read the file; one that others could have written, or whose time makes no sense, says nothing."""
        try:
            status = path.lstat()
            is_ours = stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid() and _is_private(path.parent)
        except OSError:
            return 0.0
        return status.st_mtime if is_ours and status.st_mtime <= self._clock() + _LONGEST_SECONDS else 0.0

    @staticmethod
    def _tell_others(path: Path, until: float) -> None:
        """Set the file's time; where that cannot be done others find out for themselves."""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_private(path.parent):
                log.warning("%s belongs to others or lets them write, so no pause is shared there.", path.parent)
                return
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
            with suppress(OSError):
                os.utime(file, (until, until))
            os.close(file)
        except OSError as error:
            log.warning("No pause can be shared in %s: %s.", path.parent, error.strerror)


def identity_of(settings: Settings) -> str:
    """Name who is limited: an application in a tenant, or whoever a token is for."""
    token = digest(settings.access_token) if settings.access_token else ""
    return f"{settings.graph_url} {settings.tenant_id.lower()} {settings.client_id.lower()} {token}"


def shared_folder(parent: str | None = None) -> Path:
    """Return where the processes of a user meet.

    :param parent: a folder that may belong to anybody; None takes the system's for temporary files.
    """
    return Path(parent or tempfile.gettempdir()) / f"onedrive_cool_down_{os.getuid()}"


def forget_all() -> None:
    """Forget what is known in memory, as a new process would."""
    _until.clear()


def _is_private(folder: Path) -> bool:
    """Say whether it is a folder of this user in which nobody else can write."""
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & _FOR_OTHERS_TO_WRITE
