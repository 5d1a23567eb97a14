"""Small private files of text."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_onedrive.graph.config.small_files import MAX_BYTES
from airflow_provider_onedrive.graph.content.files import replacing
from airflow_provider_onedrive.graph.content.private import make_named_folder, open_own


def atomic_write(path: Path, text: str) -> None:
    """Replace a file as a whole; only its owner can read it. A reader gets the old text or the new one.

    :param path: in a folder that the deployment has named.
    :param text: in ASCII.
    :raises OSError: if it cannot be written, or if all users of the machine can replace it.
    """
    make_named_folder(path.parent)
    with replacing(path, is_private=True) as file:
        file.write(text.encode("ascii"))


def read_private(path: Path) -> str:
    """Read a file that :func:`atomic_write` has written.

    :raises OSError: if it cannot be read, or if another user may have written it.
    :raises UnicodeDecodeError: if it is not ASCII.
    """
    with open_own(path) as file:
        return file.read(MAX_BYTES).decode("ascii")
