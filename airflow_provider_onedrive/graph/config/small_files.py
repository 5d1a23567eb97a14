"""Reads small files that a connection or an option names: certificates, keys and tokens."""

from __future__ import annotations

import os
import stat
from io import FileIO
from pathlib import Path

MAX_BYTES = 1024 * 1024
"""The largest file: bundles of authorities have a quarter of it."""


def read_small_file(path: Path) -> bytes:
    """Return the content of a regular file of at most 1 MiB. Links are followed: Kubernetes mounts secrets as links.

    :raises OSError: if it cannot be read, or is not such a file; ``strerror`` is the reason.
    """
    # Looked at before it is opened: opening alone can change the state of a device.
    _check(path, path.stat())
    # A pipe that takes the place of the file now does not block.
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with FileIO(file, "rb") as opened:
        _check(path, os.fstat(file))
        content = opened.read(MAX_BYTES + 1)
    # Again by what came: files below /proc have a size of 0.
    if len(content) > MAX_BYTES:
        raise _too_large(path)
    return content


def reason_of(error: OSError | ValueError) -> str:
    """Return why a file could not be read, in words that name nothing of its content."""
    # Only the reasons of this module are sentences; a ValueError is one of a path or of a text.
    if isinstance(error, OSError) and error.errno is None and error.strerror:
        return error.strerror
    return type(error).__name__


def _check(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(None, "it is a folder", str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(None, "it is a device, a pipe or a socket, and not a file", str(path))
    if status.st_size > MAX_BYTES:
        raise _too_large(path)


def _too_large(path: Path) -> OSError:
    return OSError(None, f"it is larger than {MAX_BYTES // 1024} KiB", str(path))
