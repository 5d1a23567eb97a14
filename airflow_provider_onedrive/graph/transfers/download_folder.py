"""Fetches the files of a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from airflow_provider_onedrive.graph.content.localtree import below, delete_local, local_entries, stored_entries
from airflow_provider_onedrive.graph.content.partfile import Leftovers, checked_name
from airflow_provider_onedrive.graph.content.sources import is_stored
from airflow_provider_onedrive.graph.content.transfer_plan import Entry, Folder, Report, Step, by_key, choose, key, plan
from airflow_provider_onedrive.graph.flows import items
from airflow_provider_onedrive.graph.flows.downloads import Link, link_of, resolve
from airflow_provider_onedrive.graph.flows.walk import FolderWalk
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, LocalFileError
from airflow_provider_onedrive.graph.protocol.locations import Address
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.transfers import download as localcopy
from airflow_provider_onedrive.graph.transfers.bulk import (
    Failure,
    Runner,
    carry_out,
    delete_items,
    place_of,
    remote_entry,
)
from airflow_provider_onedrive.graph.transfers.download import DownloadOptions


def download_folder(client: Runner, address: Address, folder: Any, how: Folder, fetching: DownloadOptions) -> Report:
    """Fetch the files of a folder into a local one, or into one of an object store.

    :param folder: a path, whose folder is made where it is missing, or an ``ObjectStoragePath``.
    :raises LocationError: if there are more files than ``max_items``, or more to delete than ``max_delete``.
    """
    how.check()
    fetching.check()
    if how.move and not fetching.verify:
        raise ConfigurationError("move deletes what was verified only.", advice="Leave out verify=False.")
    place = place_of(folder)
    base = client.run(items.folder(address))
    walk = FolderWalk(address.by_id(base.drive_id, base.id), recursive=how.recursive, fields="")
    files = (each for each in client.visits(walk) if not each.item.is_folder)
    choice = choose((remote_entry(each, link_of(each.item, each.data)) for each in files), how)
    choice = replace(choice, unread=frozenset(key(each.path) for each in walk.unread))
    targets = _local(place, how) if how.delete_extra else {}
    steps = plan(choice, targets, how, refusal=partial(_refusal, place))
    return carry_out(client, _Download(client, address, place, fetching), how, steps)


class _Download:
    """The way down."""

    def __init__(self, client: Runner, address: Address, place: Any, fetching: DownloadOptions) -> None:
        self._client = client
        self._address = address
        self._place = place
        self._fetching = fetching
        self._leftovers = Leftovers()
        self.title = f"download {address}"
        self.takes_any = fetching.if_exists == "skip"

    def prepare(self, steps: Sequence[Step]) -> None:
        """Folders are made as their files come."""

    def transfer(self, step: Step) -> DriveItem:
        link: Link = step.entry.content
        target = self._target(below(self._place, step.path))
        at = self._address.by_id(link.item.drive_id, link.item.id)
        if not self._is_sure(link):
            link = self._client.run(resolve(at, expected_etag=self._fetching.expected_etag))
        return localcopy.download(self._client, at, target, link, self._fetching)

    def delete_extra(self, steps: Sequence[Step]) -> list[Failure]:
        failed: list[Failure] = []
        for step in steps:
            try:
                delete_local(step.entry.content)
            except LocalFileError as problem:
                failed.append((step.path, problem))
        return failed

    def delete_sources(self, moved: Sequence[tuple[Step, DriveItem]]) -> list[Failure]:
        paths = {item.id: step.entry.path for step, item in moved}
        failed = delete_items(self._client, [item for _, item in moved])
        return [(paths[item.id], problem) for item, problem in failed]

    def _target(self, place: Any) -> localcopy.Target:
        if is_stored(place):
            return localcopy.StoredTarget(place)
        return localcopy.LocalTarget(place, leftovers=self._leftovers)

    def _is_sure(self, link: Link) -> bool:
        """Say whether it would be noticed that the file has changed since it was listed."""
        return bool(link.url and link.item.quick_xor_hash and self._fetching.verify)


def _local(place: Any, how: Folder) -> dict[str, Entry]:
    if is_stored(place):
        return by_key(stored_entries(place, recursive=how.has_folders))
    return by_key(local_entries(place, recursive=how.has_folders)) if place.is_dir() else {}


def _refusal(place: Any, path: str) -> str:
    """Say why a path from the server cannot be written below a folder: no name and no link may lead out of it."""
    *folders, name = path.split("/")
    try:
        for each in (*folders, name):
            checked_name(each, place)
    except LocalFileError as error:
        return error.message
    linked = [] if is_stored(place) else [above for above in _down(place, folders) if above.is_symlink()]
    return f"{linked[0]} is a symbolic link, which may lead out of {place}" if linked else ""


def _down(place: Path, names: Sequence[str]) -> Iterator[Path]:
    for name in names:
        place /= name
        yield place
