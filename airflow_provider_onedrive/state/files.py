"""Small private files, and names for them."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path


def atomic_write(path: Path, text: str) -> None:
    """Replace a file as a whole; only its owner can read it. A reader gets the old text or the new one.

    :param text: in ASCII.
    :raises OSError: if it cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    # O_EXCL also refuses a symbolic link, through which the secret would be written elsewhere.
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "w", encoding="ascii") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(file)  # or the new name may survive a power cut, and the text not
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def digest(text: str, characters: int = 64) -> str:
    """Return a text that is safe in file names and keys, and different for different texts."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:characters]
