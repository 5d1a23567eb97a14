"""Files that are published together, at the end of a block."""

from __future__ import annotations

from collections import deque
from typing import Any

from fsspec.transaction import Transaction


class OneDriveTransaction(Transaction):  # type: ignore[misc]  # fsspec ships no types
    """Publishes its files at its end; one that fails ends it, and those after it are discarded.

    fsspec's own, before 2026, leaves the filesystem in the transaction then, and every later file unpublished.
    """

    fs: Any
    files: deque[Any]

    def complete(self, commit: bool = True) -> None:
        """Publish all files, or discard them."""
        fs = self.fs
        files, self.files = list(self.files), deque()
        try:
            while commit and files:
                files[0].commit()
                files.pop(0)
        finally:
            for file in files:
                file.discard()
            fs._intrans, fs._transaction, self.fs = False, None, None  # noqa: SLF001 - as the base does
