"""What the tests of the filesystem share."""

from __future__ import annotations

from filesystems import drive, fields, fs, make_fs

__all__ = ["drive", "fields", "fs", "make_fs"]
