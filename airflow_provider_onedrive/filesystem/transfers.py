"""The methods that move files and folders between a drive and this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fsspec.callbacks import DEFAULT_CALLBACK, Callback
from fsspec.utils import isfilelike, stringify_path

from airflow_provider_onedrive.filesystem.changes import ChangeMethods, has_slash
from airflow_provider_onedrive.graph.content.transfer_plan import Report
from airflow_provider_onedrive.graph.protocol.errors import IsFolder
from airflow_provider_onedrive.graph.protocol.options import TransferOptions
from airflow_provider_onedrive.graph.transfers.bulk import raise_for

_ANY_NUMBER = 2**62


class TransferMethods(ChangeMethods):
    """Uploads and downloads, verified, and of folders several files at once."""

    def put_file(
        self, lpath: Any, rpath: Any, callback: Callback = DEFAULT_CALLBACK, mode: str = "overwrite", **kwargs: Any
    ) -> None:
        """Send a local file; of a local folder only an empty one is created.

        :param mode: ``create`` refuses a name that is taken.
        """
        name, local_path = self.path_of(rpath), Path(stringify_path(lpath))
        if local_path.is_dir():
            self.makedirs(name, exist_ok=True)
            return
        create_folders = self.options.auto_mkdir
        try:
            if mode == "create":
                item = self.client.upload(name, local_path=local_path, create_folders=create_folders)
            else:
                item = self.client.save(name, local_path=local_path, create_folders=create_folders)
        finally:
            self.invalidate_cache(name)
        _count(callback, item.size or 0)

    def get_file(
        self, rpath: Any, lpath: Any = None, callback: Callback = DEFAULT_CALLBACK, outfile: Any = None, **kwargs: Any
    ) -> None:
        """Fetch a file, verified, which appears when it is complete; of a folder only an empty one is made."""
        if outfile is not None or isfilelike(lpath):
            super().get_file(rpath, lpath, callback=callback, outfile=outfile, **kwargs)
            return
        local_path = Path(stringify_path(lpath))
        local_path.parent.mkdir(parents=True, exist_ok=True)
        try:
            item = self.client.download(self.path_of(rpath), local_path)
        except IsFolder:
            local_path.mkdir(exist_ok=True)
        else:
            _count(callback, item.size or 0)

    def put(
        self,
        lpath: Any,
        rpath: Any,
        recursive: bool = False,
        callback: Callback = DEFAULT_CALLBACK,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Send files and folders; one folder with ``recursive`` as a whole, several of its files at once."""
        source = Path(stringify_path(lpath)) if _is_one(lpath, rpath) else None
        if source is not None and source.is_file():  # whatever its name: for fsspec "[" begins a pattern
            self.put_file(source, self._target(source.name, rpath), callback=callback, **kwargs)
        elif source is not None and source.is_dir() and recursive and maxdepth is None:
            self._put_folder(lpath, rpath, callback)
        else:
            super().put(lpath, rpath, recursive=recursive, callback=callback, maxdepth=maxdepth, **kwargs)

    def _put_folder(self, lpath: Any, rpath: Any, callback: Callback) -> None:
        folder = Path(stringify_path(lpath))
        name = self._target(folder.name, rpath, means_contents=has_slash(lpath))
        self.makedirs(name, exist_ok=True)
        try:
            report = self.client.upload_folder(
                name, local_path=folder, recursive=True, if_exists="replace", options=self._transfer_options
            )
        finally:
            self.invalidate_cache(name)
        _finish(report, callback, "uploaded")
        for each in _empty_folders(folder):
            self.makedirs(f"{name}/{each}", exist_ok=True)

    def get(
        self,
        rpath: Any,
        lpath: Any,
        recursive: bool = False,
        callback: Callback = DEFAULT_CALLBACK,
        maxdepth: int | None = None,
        **kwargs: Any,
    ) -> None:
        """Fetch files and folders; one folder with ``recursive`` as a whole, several of its files at once."""
        is_one = _is_one(rpath, lpath) and not self.is_pattern(rpath)
        if is_one and self.isfile(rpath):
            self.get_file(rpath, self._local_target(rpath, lpath), callback=callback, **kwargs)
        elif is_one and self.isdir(rpath) and recursive and maxdepth is None:
            self._get_folder(rpath, lpath, callback)
        else:
            super().get(rpath, lpath, recursive=recursive, callback=callback, maxdepth=maxdepth, **kwargs)

    def _get_folder(self, rpath: Any, lpath: Any, callback: Callback) -> None:
        name = self.path_of(rpath)
        folder = Path(stringify_path(lpath)) if has_slash(rpath) else self._local_target(rpath, lpath)
        folder.mkdir(parents=True, exist_ok=True)
        report = self.client.download_folder(name, folder, recursive=True, options=self._transfer_options)
        _finish(report, callback, "downloaded")
        self._make_empty_folders(name, folder)

    def _local_target(self, rpath: Any, lpath: Any) -> Path:
        target = Path(stringify_path(lpath))
        is_folder = has_slash(lpath) or target.is_dir()
        return target / self.path_of(rpath).rpartition("/")[2] if is_folder else target

    def _make_empty_folders(self, name: str, folder: Path) -> None:
        for each, info in self.find(name, withdirs=True, detail=True).items():
            below = folder / each.removeprefix(name).lstrip("/")
            # What the download has made is there; a link in its place leads out of the folder, and is left alone.
            if info["type"] == "directory" and not os.path.lexists(below):
                below.mkdir(parents=True, exist_ok=True)

    @property
    def _transfer_options(self) -> TransferOptions:
        return TransferOptions(
            max_items=_ANY_NUMBER, max_concurrent=self.options.max_concurrent, if_none="skip", follow_symlinks=True
        )


def _is_one(source: Any, target: Any) -> bool:
    return not isinstance(source, list) and not isinstance(target, list)


def _count(callback: Callback, size: int) -> None:
    callback.set_size(size)
    callback.relative_update(size)


def _finish(report: Report, callback: Callback, what: str) -> None:
    raise_for(report, what)
    _count(callback, len(report.done))


def _empty_folders(folder: Path) -> list[str]:
    return [
        Path(root).relative_to(folder).as_posix()
        for root, dirs, files in os.walk(folder)
        if not dirs and not files and Path(root) != folder
    ]
