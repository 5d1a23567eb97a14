"""A file that is open for reading."""

from __future__ import annotations

import os
from typing import Any

from fsspec.spec import AbstractBufferedFile

from airflow_provider_onedrive.filesystem.infos import info_of
from airflow_provider_onedrive.filesystem.read_cache import AdaptiveCache
from airflow_provider_onedrive.graph.transfers.ranges import RangeReader


class OneDriveReader(AbstractBufferedFile):  # type: ignore[misc]  # fsspec ships no types
    """Reads ranges of the version that the file had when it was opened.

    :param fs: the filesystem, which has the client of this process.
    :param cache_type: one of fsspec's; None reads ahead of a program that reads on, and nothing of one that jumps.
    """

    def __init__(
        self,
        fs: Any,
        path: str,
        reader: RangeReader,
        *,
        block_size: int,
        cache_type: str | None = None,
        cache_options: dict[str, Any] | None = None,
    ) -> None:
        self._reader = reader
        self._pid = os.getpid()
        super().__init__(
            fs,
            path,
            block_size=block_size,
            cache_type=cache_type or AdaptiveCache.name,
            cache_options=cache_options,
            size=reader.size,
        )
        self.details = info_of(path, reader.item)
        self.size = reader.size

    def _fetch_range(self, start: int, end: int) -> bytes:
        if self._pid != os.getpid():  # forked: the parent reads on by its own connections
            self._pid, self._reader.client = os.getpid(), self.fs.client
        return self._reader.read(start, end)
