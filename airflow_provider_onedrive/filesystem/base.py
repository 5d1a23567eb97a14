"""The part of the filesystem that all its methods need: its client, its paths, and what it remembers."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterable
from dataclasses import fields as fields_of
from typing import TYPE_CHECKING, Any, TypeVar, cast

from fsspec import AbstractFileSystem

from airflow_provider_onedrive.filesystem.info_cache import Info, InfoCache
from airflow_provider_onedrive.filesystem.infos import info_of, virtual_folder
from airflow_provider_onedrive.filesystem.options import DEFAULT_CONN_ID, HIDDEN, FileSystemOptions, without_secrets
from airflow_provider_onedrive.filesystem.paths import SCHEME, PathStripper, another_connection, split_path
from airflow_provider_onedrive.graph.flows.downloads import Link, read_link
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, OneDriveError

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph.client import Client

T = TypeVar("T")
_OPTIONS = {each.name for each in fields_of(FileSystemOptions)} - {"fields"}


class BaseFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec ships no types
    """Makes a client at its first use, one in each process, and remembers for seconds what was read."""

    protocol = SCHEME
    root_marker = ""
    _strip_protocol = PathStripper()
    _client: Client | None

    def __init__(self, conn_id: str | None = None, **storage_options: Any) -> None:
        """Make a filesystem; nothing is looked up or sent.

        :param storage_options: those of :class:`FileSystemOptions`, and the fields of a connection.
        :raises ConfigurationError: naming an option that is unknown or contradicts another one.
        """
        own = {name: storage_options.pop(name) for name in _OPTIONS & storage_options.keys()}
        own["trusted_hosts"] = tuple(own.get("trusted_hosts", ()))
        options = FileSystemOptions(conn_id=conn_id, fields=_without_fsspecs(storage_options), **own)
        options.check()
        super().__init__(use_listings_cache=False)
        self.options = options
        self._begin_process()

    @property
    def storage_options(self) -> dict[str, Any]:
        """The options as they may be shown: fsspec and others log and store them."""
        return self._shown_options

    @storage_options.setter
    def storage_options(self, options: dict[str, Any]) -> None:
        self._shown_options = without_secrets(options)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle how it was made, for a worker of dask or another process.

        :raises ConfigurationError: if that would need a secret.
        """
        if HIDDEN in self.storage_options.values():
            raise ConfigurationError(
                "A filesystem that was made with a secret is not pickled: the secret would be stored and sent along.",
                advice="Make it with conn_id; each process then looks up the connection by itself.",
            )
        return cast("tuple[Any, ...]", super().__reduce__())

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, str]:
        conn_id, _ = split_path(path)
        return {"conn_id": conn_id} if conn_id else {}

    @property
    def fsid(self) -> str:
        """A text that is the same for filesystems of the same connection."""
        return f"{SCHEME}-{self.options.identity}"

    @property
    def client(self) -> Client:
        """The client of this process; the connection is looked up with the first use."""
        if self._pid != os.getpid():  # forked: the parent goes on using its connections
            self._begin_process()
        with self._lock:
            if self._client is None:
                self._client = self.options.client()
                weakref.finalize(self, _close, self._client, self._pid)
            return self._client

    def path_of(self, path: Any) -> Any:
        """Return the location that a path names, or of a list those of all.

        :raises ConfigurationError: if it names another connection.
        """
        if isinstance(path, list):
            return [self.path_of(each) for each in path]
        in_path, name = split_path(path)
        own = None if self.options.fields else self.options.conn_id or DEFAULT_CONN_ID
        if in_path and in_path != own:
            raise another_connection(in_path, own)
        return name

    def invalidate_cache(self, path: str | None = None) -> None:
        """Forget what was read of an item, or of all.

        :param path: the item; None forgets all.
        """
        self.infos.forget(None if path is None else self.path_of(path))
        super().invalidate_cache(path)

    def info_or_none(self, path: Any) -> Info | None:
        """Describe an item; None where Graph finds nothing in a drive that exists: a look, and no proof."""
        name = self.path_of(path)
        recent = self.infos.info(name)
        return self._read_info(name) if recent is None else recent

    def each(self, jobs: Iterable[Callable[[], T]]) -> list[T]:
        """Do jobs in threads, and return their results in order; the first error ends them."""
        results: dict[int, T] = {}
        for number, result in self.client.run_each(jobs, self.options.max_concurrent):
            if isinstance(result, OneDriveError):
                raise result
            results[number] = result
        return [results[number] for number in sorted(results)]

    def _read_info(self, name: str) -> Info | None:
        if self.client.parser.parse(name).is_list_of_shared:
            return virtual_folder(name)
        changes = self.infos.changes
        link = self.client.about("look at", name, read_link)
        if link is None:
            return None
        return self._noted(name, link, changes)

    def _noted(self, name: str, link: Link, changes: int) -> Info:
        info = info_of(name, link.item)
        self.infos.note_infos([info], changes)
        # An open file needs the size and the URL; what Graph left out of them is asked for then.
        if info["type"] == "file" and link.url and link.item.size is not None:
            self.infos.note_link(name, link, changes)
        return info

    def _begin_process(self) -> None:
        # The lock first: in a fork the parent's may be held by a thread that the child does not have.
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._client = None
        seconds = self.options.listings_expiry_time if self.options.use_listings_cache else 0.0
        self.infos = InfoCache(seconds)


def _without_fsspecs(options: dict[str, Any]) -> dict[str, Any]:
    """Leave out what fsspec passes to every filesystem."""
    return {name: value for name, value in options.items() if name not in ("asynchronous", "loop", "max_paths")}


def _close(client: Client, pid: int) -> None:
    if pid == os.getpid():
        client.close()
