"""Small private files of text."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_onedrive.graph.content.files import replacing


def atomic_write(path: Path, text: str) -> None:
    """Replace a file as a whole; only its owner can read it. A reader gets the old text or the new one.

    :param text: in ASCII.
    :raises OSError: if it cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with replacing(path, is_private=True) as file:
        file.write(text.encode("ascii"))
