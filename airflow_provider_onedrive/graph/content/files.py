"""Local files that are replaced as a whole."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from airflow_provider_onedrive.graph.content.private import check_replaceable

_FOR_ALL, _FOR_OWNER = 0o666, 0o600


def sync_to_disk(paths: Collection[Path], above: Path) -> None:
    """See that files and their names survive a power cut.

    :param above: a folder that the files lie below; the folders down from it are synced too.
    :raises OSError: if the disk does not take them.
    """
    for path in paths:
        _sync(path)
    for folder in sorted({folder for path in paths for folder in path.parents if folder.is_relative_to(above)}):
        with suppress(PermissionError):  # a folder that may be written to need not be readable
            _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems have no sync of a folder
            raise
    finally:
        os.close(descriptor)


@contextmanager
def replacing(path: Path, *, is_private: bool = False) -> Iterator[BinaryIO]:
    """Yield a new file that replaces ``path`` when the block ends. If the block fails, the old file stays.

    A reader gets the old content or the new one, also after a power cut.

    :param is_private: only the owner may read the file.
    :raises OSError: if it cannot be written.
    """
    check_replaceable(path)
    # Beside its target: a rename to another file system would not be atomic.
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    # O_EXCL also refuses a symbolic link, through which a secret would be written elsewhere.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(new, flags, _FOR_OWNER if is_private else _FOR_ALL)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)  # else the new name may survive a power cut, and the content not
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
