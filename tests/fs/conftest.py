"""What the tests of ObjectStoragePath share."""

from __future__ import annotations

from filesystems import drive, forgotten_filesystems

__all__ = ["drive", "forgotten_filesystems"]
