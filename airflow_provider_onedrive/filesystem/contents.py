"""The methods that read and write the content of files."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from functools import partial
from typing import Any, BinaryIO

from fsspec.compression import compr
from fsspec.core import get_compression

from airflow_provider_onedrive.filesystem.listings import ListingMethods
from airflow_provider_onedrive.filesystem.reading import OneDriveReader
from airflow_provider_onedrive.filesystem.transaction import OneDriveTransaction
from airflow_provider_onedrive.filesystem.writing import CompressedWriter, OneDriveWriter
from airflow_provider_onedrive.graph.content.spooled import UploadingText
from airflow_provider_onedrive.graph.flows.absence import surely
from airflow_provider_onedrive.graph.flows.downloads import Link, resolve
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, ItemNotFound, NameAlreadyExists
from airflow_provider_onedrive.graph.transfers.ranges import RangeReader

_TEXT = ("encoding", "errors", "newline")


class ContentMethods(ListingMethods):
    """Open files, and whole contents."""

    transaction_type = OneDriveTransaction

    def open(
        self,
        path: Any,
        mode: str = "rb",
        block_size: int | None = None,
        cache_options: dict[str, Any] | None = None,
        compression: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Open a file, as fsspec does; what is written is sent when it is closed, and not if its block raises."""
        more = {"block_size": block_size, "cache_options": cache_options, **kwargs}
        if "r" in mode:
            return super().open(path, mode, compression=compression, **more)
        # fsspec would put wrappers around it that close it when their block raises, or that never close it.
        text = {name: more.pop(name) for name in _TEXT if name in more}
        is_text = "b" not in mode
        file = super().open(path, mode.replace("t", "") + "b" if is_text else mode, **more)
        codec = get_compression(self.path_of(path), compression)
        if codec is not None:
            file = CompressedWriter(file, compr[codec])
        return UploadingText(file, text.pop("encoding", None), **{"newline": None, **text}) if is_text else file

    def _open(  # noqa: PLR0917 - fsspec's
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,
        autocommit: bool = True,
        cache_options: dict[str, Any] | None = None,
        cache_type: str | None = None,
        **_kwargs: Any,
    ) -> Any:
        if mode == "rb":
            size = block_size or self.options.block_size
            reader = self.reader(path)
            return OneDriveReader(
                self, path, reader, block_size=size, cache_type=cache_type, cache_options=cache_options
            )
        if mode not in ("wb", "xb", "ab"):
            raise ConfigurationError(
                f"mode is {mode!r}.",
                advice="Use r, w, x or a, for bytes with b: no file is changed in parts.",
            )
        self.client.parser.upload_target(path, None, "")  # what is wrong with it is an error now
        return self._appended(path, autocommit) if mode == "ab" else self._written(path, mode, autocommit)

    def cat_file(self, path: Any, start: int | None = None, end: int | None = None, **kwargs: Any) -> bytes:
        """Return the content of a file, or a part of it; negative numbers count from its end."""
        return _part(self.reader(self.path_of(path)), start, end)

    def cat_ranges(
        self, paths: Any, starts: Any, ends: Any, max_gap: int | None = None, on_error: str = "return", **kwargs: Any
    ) -> list[Any]:
        """Return parts of files, several at once; all parts of a file are of one version of it.

        :param max_gap: is taken for other filesystems' sake: nothing is fetched that was not asked for.
        :param on_error: ``return`` puts an error in the place of its part, ``raise`` raises it.
        """
        names = [self.path_of(path) for path in paths]
        starts = starts if isinstance(starts, list) else [starts] * len(names)
        ends = ends if isinstance(ends, list) else [ends] * len(names)
        distinct = list(dict.fromkeys(names))
        readers = dict(zip(distinct, self._results([partial(self.reader, name) for name in distinct]), strict=True))
        jobs = [partial(_part_of, readers[name], a, b) for name, a, b in zip(names, starts, ends, strict=True)]
        results = self._results(jobs)
        if on_error == "raise":
            for result in results:
                if isinstance(result, Exception):
                    raise result
        return results

    def cat(self, path: Any, recursive: bool = False, on_error: str = "raise", **kwargs: Any) -> Any:
        """Return the contents of files, several at once; of one file only its content."""
        names = self.expand_path(path, recursive=recursive)
        if recursive:
            names = [name for name in names if not self.isdir(name)]
        if len(names) == 1 and not isinstance(path, list) and names[0] == self.path_of(path):
            return self.cat_file(names[0], **kwargs)
        contents = dict(
            zip(names, self._results([partial(self.cat_file, name, **kwargs) for name in names]), strict=True)
        )
        errors = {name: each for name, each in contents.items() if isinstance(each, Exception)}
        if errors and on_error == "raise":
            raise next(iter(errors.values()))
        return {name: each for name, each in contents.items() if on_error == "return" or name not in errors}

    def pipe_file(self, path: Any, value: Any, mode: str = "overwrite", **kwargs: Any) -> None:
        """Write the content of a file.

        :param mode: ``create`` refuses a name that is taken; Graph decides, so that two writers cannot both succeed.
        """
        self._save(self.path_of(path), "xb" if mode == "create" else "wb", value)

    def pipe(self, path: Any, value: Any = None, **kwargs: Any) -> None:
        """Write the content of a file, or of several at once, by a dict."""
        contents = path if isinstance(path, Mapping) else {path: value}
        self.each([partial(self.pipe_file, name, content, **kwargs) for name, content in contents.items()])

    def sign(self, path: Any, expiration: int = 100, **kwargs: Any) -> str:
        """Return a URL from which everybody who has it can fetch the file; Graph decides for how long, about an hour.

        :raises ConfigurationError: unless the filesystem was made with ``allow_sign=True``.
        """
        if not self.options.allow_sign:
            raise ConfigurationError(
                "sign returns a URL that works without sign-in, and this filesystem does not allow it.",
                advice="Make it with allow_sign=True, and keep the URL secret.",
            )
        return self.link_of(self.path_of(path), fresh=True).url

    def reader(self, name: str) -> RangeReader:
        """Return a reader of the version that a file has now."""
        return RangeReader(self.client, self.client.address(name), self.link_of(name))

    def link_of(self, name: str, *, fresh: bool = False) -> Link:
        """Return a file and the URL of its content.

        :param fresh: do not take what was read some seconds ago.
        :raises IsFolder: if it is a folder.
        """
        recent = None if fresh else self.infos.link(name)
        if recent is not None:
            return recent
        changes = self.infos.changes
        link = self.client.about("read", name, partial(surely, read=resolve))
        self._noted(name, link, changes)
        return link

    def _written(self, path: str, mode: str, autocommit: bool) -> OneDriveWriter:
        if (
            mode == "xb" and self.info_or_none(path) is not None
        ):  # Graph decides when it is sent; this spares writing for nothing
            raise NameAlreadyExists(f"{path} exists.")
        return OneDriveWriter(self, path, mode, partial(self._save, path, mode), autocommit=autocommit)

    def _appended(self, path: str, autocommit: bool) -> OneDriveWriter:
        """Open a file with what it holds, which is replaced as a whole if it is still the same version."""
        try:
            link = self.link_of(path, fresh=True)
        except ItemNotFound:
            return OneDriveWriter(self, path, "ab", partial(self._save, path, "xb"), autocommit=autocommit)
        file = OneDriveWriter(self, path, "ab", partial(self._update, path, link.item.etag), autocommit=autocommit)
        reader = OneDriveReader(
            self, path, RangeReader(self.client, self.client.address(path), link), block_size=self.options.block_size
        )
        with reader:
            shutil.copyfileobj(reader, file, self.options.block_size)
        return file

    def _save(self, path: str, mode: str, content: Any) -> None:
        save = partial(self.client.upload, if_exists="fail") if mode == "xb" else self.client.save
        try:
            save(path, content=content, create_folders=self.options.auto_mkdir)
        finally:
            self.invalidate_cache(path)

    def _update(self, path: str, etag: str | None, content: BinaryIO) -> None:
        try:
            self.client.update(path, content=content, expected_etag=etag)
        finally:
            self.invalidate_cache(path)

    def _results(self, jobs: list[Any]) -> list[Any]:
        """Do jobs in threads, and return what came of each, also an error."""
        results = dict(self.client.run_each(jobs, self.options.max_concurrent))
        return [results[number] for number in range(len(jobs))]


def _part_of(reader: RangeReader | Exception, start: int | None, end: int | None) -> bytes:
    if isinstance(reader, Exception):
        raise reader
    return _part(reader, start, end)


def _part(reader: RangeReader, start: int | None, end: int | None) -> bytes:
    first, last, _ = slice(start, end).indices(reader.size)
    return reader.read(first, last)
