"""Fetches the files of a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from airflow_provider_onedrive.graph.content.files import sync_to_disk
from airflow_provider_onedrive.graph.content.localtree import below, delete_local, local_entries, stored_entries
from airflow_provider_onedrive.graph.content.partfile import Leftovers, checked_name
from airflow_provider_onedrive.graph.content.sinks import explained
from airflow_provider_onedrive.graph.content.sources import is_stored
from airflow_provider_onedrive.graph.content.transfer_plan import (
    Entry,
    FolderTransfer,
    Report,
    Step,
    Targets,
    choose,
    key,
    plan,
)
from airflow_provider_onedrive.graph.flows.absence import folder_surely
from airflow_provider_onedrive.graph.flows.downloads import Link, link_of, resolve
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.flows.walk import FolderWalk, Walk
from airflow_provider_onedrive.graph.protocol.addresses import Address
from airflow_provider_onedrive.graph.protocol.errors import LocalFileError
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.options import IfExists
from airflow_provider_onedrive.graph.transfers import download as localcopy
from airflow_provider_onedrive.graph.transfers.bulk import (
    Failure,
    Runner,
    carry_out,
    delete_items,
    output_of,
    remote_entry,
    unusable_entry,
)
from airflow_provider_onedrive.graph.transfers.download import Download


@dataclass(frozen=True, kw_only=True)
class FolderDownload(FolderTransfer):
    """Which files of a folder are fetched, and what becomes of those that are there already.

    :param attempt: the attempt of a task that fetches them.
    """

    if_exists: IfExists = "replace"
    attempt: TaskAttempt = TaskAttempt()

    @property
    def file(self) -> Download:
        """How each file is fetched; a later attempt leaves alone those that an earlier one fetched."""
        is_again = self.attempt.retrying and self.if_exists == "replace"
        if_exists: IfExists = "skip_if_same" if is_again else self.if_exists
        return Download(if_exists, options=self.options.download, attempt=self.attempt)

    def check(self) -> None:
        super().check()
        self.file.check()


def download_folder(client: Runner, address: Address, folder: Any, transfer: FolderDownload) -> Report:
    """Fetch the files of a folder into a local one, or into one of an object store.

    :param folder: a path, whose folder is made where it is missing, or an ``ObjectStoragePath``.
    :raises LocationError: if there are more files than ``max_items``, or more to delete than ``max_delete``.
    """
    transfer.check()
    output = output_of(folder)
    # By its id from here on, so that nobody can put another folder under its name meanwhile.
    base = client.run(folder_surely(address))
    # With the default fields a listing brings the link of each file, which saves a request for every one.
    at = address.by_id(base.drive_id, base.id)
    walk = FolderWalk(at, recursive=transfer.recursive, fields="", was_read=True)
    choice = choose(_sources(client, walk, transfer), transfer)
    choice = replace(choice, unread=frozenset(_unread_keys(walk)))
    targets = _local(output, transfer) if transfer.options.delete_extra else Targets()
    steps = plan(choice, targets, transfer, refusal=partial(_refusal, output))
    return carry_out(client, _Download(client, address, output, transfer.file), transfer, steps)


def _sources(client: Runner, walk: Walk, transfer: FolderTransfer) -> Iterator[Entry]:
    """Yield the files of a folder, and then the items that cannot be used: the report names each of them."""
    for visit in client.visits(walk):
        if not visit.item.is_folder:
            yield remote_entry(visit, link_of(visit.item, visit.data))
    for item in walk.unusable:
        if transfer.recursive or item.may_be_file:
            yield unusable_entry(item, recursive=transfer.recursive)


def _unread_keys(walk: Walk) -> set[str]:
    """Return the keys of the folders about whose files not all is known."""
    folders = {visit.path for visit in walk.unread} | ({""} if walk.is_root_unread else set())
    # An item without a name may be any of its folder.
    folders |= {item.path if item.has_name else item.path.rpartition("/")[0] for item in walk.unusable}
    return {key(path) for path in folders}


class _Download:
    """The way down."""

    def __init__(self, client: Runner, address: Address, output: Any, file: Download) -> None:
        self._client = client
        self._address = address
        self._output = output
        self._file = file
        self._leftovers = Leftovers()
        self.title = f"download {address}"
        self.takes_any = file.if_exists == "skip"

    def prepare(self, steps: Sequence[Step]) -> None:
        """Folders are made as their files come."""

    def transfer(self, step: Step) -> DriveItem:
        link: Link = step.entry.content
        target = self._target(below(self._output, step.path))
        at = self._address.by_id(link.item.drive_id, link.item.id)
        # The link may be of an older version than the item by now; only the hash would show it.
        if not self._is_sure(link):
            link = self._client.run(resolve(at, expected_etag=self._file.expected_etag))
        return localcopy.download(self._client, at, target, link, self._file)

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
        try:
            self._sync([item for _, item in moved])
        except LocalFileError as problem:
            return [(path, problem) for path in paths.values()]
        failed = delete_items(self._client, [item for _, item in moved])
        return [(paths[item.id], problem) for item, problem in failed]

    def identity(self, there: Any) -> Any:
        path = there.local_path if isinstance(there, DriveItem) else there
        return str(path) if is_stored(self._output) else _inode(path)

    def _sync(self, items: Sequence[DriveItem]) -> None:
        """See that what arrived survives a power cut, before the only other copy of it is deleted.

        :raises LocalFileError: if the disk does not take it.
        """
        if not is_stored(self._output):
            with explained(self._output):
                sync_to_disk([Path(str(item.local_path)) for item in items], self._output.parent)

    def _target(self, target: Any) -> localcopy.Target:
        if is_stored(target):
            return localcopy.StoredTarget(target)
        return localcopy.LocalTarget(target, leftovers=self._leftovers)

    def _is_sure(self, link: Link) -> bool:
        """Return whether a change of the file since it was listed would be noticed."""
        return bool(link.url and link.item.size is not None and link.item.quick_xor_hash and self._file.options.verify)


def _inode(path: Any) -> tuple[int, int] | None:
    """Return what a file is, whatever its name: a disk may take two names for one."""
    try:
        status = os.stat(path)  # noqa: PTH116 - a text or a path
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _local(folder: Any, transfer: FolderTransfer) -> Targets:
    if is_stored(folder):
        return Targets(stored_entries(folder, recursive=transfer.has_folders))
    if not folder.is_dir():
        return Targets()
    entries = local_entries(folder, recursive=transfer.has_folders)
    # A disk may have a file at a path that it lists under another case or normal form.
    return Targets(entries, lambda path: os.path.lexists(folder / path))


def _refusal(output: Any, path: str) -> str:
    """Return why a path from the server cannot be written below a folder: no name and no link may lead out of it."""
    *folders, name = path.split("/")
    try:
        for each in (*folders, name):
            checked_name(each, output)
    except LocalFileError as error:
        return error.message
    # Somebody who can write to the drive must not be able to write outside of the folder on the worker.
    linked = [] if is_stored(output) else [above for above in _down(output, folders) if above.is_symlink()]
    return f"{linked[0]} is a symbolic link, which may lead out of {output}" if linked else ""


def _down(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    for name in names:
        folder /= name
        yield folder
