"""What an operation leaves behind: what it logged, and what is in the drives and in the local folder."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from fault_scene import ELSEWHERE, Contents, Scene

from airflow_provider_onedrive.emulator.drive import EmulatedDrive


class Everything(logging.Handler):
    """A context manager that keeps all that is logged, as text and as records, and lets nobody else have it.

    Of thousands of scenarios the logs would fill pytest's reports.
    """

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.lines: list[str] = []

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.lines.append(self.format(record))

    def __enter__(self) -> Self:
        root = logging.getLogger()
        loggers = [root, *map(logging.getLogger, ("httpx", "httpcore", "msal", "airflow_provider_onedrive"))]
        self._levels = [(logger, logger.level) for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.DEBUG)
        self._others, root.handlers = root.handlers, [self]
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger().handlers = self._others
        for logger, level in self._levels:
            logger.setLevel(level)


def contents(scene: Scene) -> dict[str, bytes | None]:
    """Return what is in the drives; of folders only the empty ones, as operations say it."""
    return {
        f"{start}{path}": content
        for start in ("", ELSEWHERE)
        for path, content in _contents(scene.find(start)[0]).items()
    }


def _contents(drive: EmulatedDrive) -> dict[str, bytes | None]:
    files: dict[str, bytes | None] = dict(drive.read_all())
    folders = {path: None for path in drive.paths() if path.endswith("/")}
    return files | {path: None for path in folders if not any(_is_below(each, path) for each in (*files, *folders))}


def local_files(scene: Scene) -> dict[str, bytes]:
    return {path.relative_to(scene.here).as_posix(): path.read_bytes() for path in _walk(scene.here)}


def files_of(found: Contents) -> dict[str, bytes | None]:
    return {path: content for path, content in found.items() if not path.endswith("/")}


def with_folders(found: Mapping[str, Any]) -> set[str]:
    """Return the paths, and those of all folders that they lead through."""
    parts = [path.rstrip("/").split("/") for path in found]
    above = {"/".join(names[:count]) + "/" for names in parts for count in range(1, len(names))}
    return {*found, *above}


def is_part(path: str) -> bool:
    """Return whether it holds a part of a download."""
    name = path.rpartition("/")[2]
    return name.startswith(".") and name.endswith((".part", ".map"))


def is_in_bin(scene: Scene, path: str) -> bool:
    """Return whether it can be restored, by itself or with a folder above it."""
    drive, below = scene.find(path)
    return any(below == gone or below.startswith(f"{gone}/") for gone in drive.recycle_bin)


def _walk(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _is_below(path: str, folder: str) -> bool:
    return path != folder and path.startswith(folder)
