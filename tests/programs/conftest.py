"""What the tests with programs that use the filesystem share."""

from __future__ import annotations

from filesystems import drive, fields, forgotten_filesystems, fs, make_fs

__all__ = ["drive", "fields", "forgotten_filesystems", "fs", "make_fs"]
