"""A local file that appears under its name only when it is complete."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from airflow_provider_onedrive.graph.errors import LocalFileError, OneDriveError
from airflow_provider_onedrive.graph.paths import absolute


class FileSink:
    """Takes a download's bytes into an open file, and counts them."""

    def __init__(self, file: BinaryIO, shown: object) -> None:
        self.written = 0
        self.file = file
        self._shown = shown

    def write(self, piece: bytes) -> None:
        """Take the next bytes.

        :raises LocalFileError: if the disk refuses them.
        """
        with explained(self._shown):
            self.file.write(piece)
        self.written += len(piece)

    def restart(self) -> None:
        """Forget what was written."""
        self.file.seek(0)
        self.file.truncate()
        self.written = 0


@contextmanager
def part_file(target: Path) -> Iterator[FileSink]:
    """Open a temporary file beside the target; leaving the block renames it, an error removes it.

    :param target: the final path; its folders are made.
    :raises LocalFileError: naming the path and the reason.
    """
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    with explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        file = part.open("xb")
    try:
        with explained(target):
            with file:
                yield FileSink(file, target)
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def local_target(local_path: str | os.PathLike[str], name: str) -> Path:
    """Say where a download goes: into ``local_path`` where that is a directory (or ends in ``/``), else to it.

    :raises LocalFileError: if the server's name would leave the directory, or the target is a directory.
    """
    path = absolute(local_path)
    if os.fspath(local_path).endswith(os.sep) or path.is_dir():
        if name in ("", ".", "..") or any(character in name for character in ("/", os.sep, "\0")):
            raise LocalFileError(f"The name {name!r} cannot be used in {path}.", advice="Pass a full local_path.")
        path /= name
    if path.is_dir():
        raise LocalFileError(f"{path} is a directory.", advice="End local_path in '/' or name the file.")
    return path


@contextmanager
def explained(target: object) -> Iterator[None]:
    """Turn an operating system's error into one that says which file."""
    try:
        yield
    except OneDriveError:  # some are operating system's errors by name, such as FileNotFoundError
        raise
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise LocalFileError(f"The local file {target} cannot be written: {reason}.") from error
