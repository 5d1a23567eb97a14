"""Sends the files of a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

from airflow_provider_onedrive.graph.content.hashing import hash_pieces
from airflow_provider_onedrive.graph.content.localtree import delete_local
from airflow_provider_onedrive.graph.content.sources import Source, source_of
from airflow_provider_onedrive.graph.content.transfer_plan import (
    SAME,
    Choice,
    Entry,
    FolderTransfer,
    Report,
    Step,
    Targets,
    choose,
    key,
    plan,
)
from airflow_provider_onedrive.graph.flows import items, uploads
from airflow_provider_onedrive.graph.flows.absence import folder_surely
from airflow_provider_onedrive.graph.flows.session_state import OpenSession, TaskAttempt
from airflow_provider_onedrive.graph.flows.walk import walk_of
from airflow_provider_onedrive.graph.protocol.addresses import Address
from airflow_provider_onedrive.graph.protocol.driver import FlowDriver
from airflow_provider_onedrive.graph.protocol.errors import (
    ItemNotFound,
    LocalFileError,
    LocationError,
    NameAlreadyExists,
    OneDriveError,
    SourceChanged,
)
from airflow_provider_onedrive.graph.protocol.locations import MAX_PATH_CHARACTERS
from airflow_provider_onedrive.graph.protocol.messages import Flow
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.names import check_new_path
from airflow_provider_onedrive.graph.protocol.options import IfExists, check_choice
from airflow_provider_onedrive.graph.transfers.bulk import (
    Failure,
    Runner,
    carry_out,
    delete_items,
    remote_entry,
    unusable_entry,
)
from airflow_provider_onedrive.graph.transfers.upload_sources import UploadSources

_FEW = 20
"""So many files are looked for one by one; for more, the whole target is listed."""


@dataclass(frozen=True, kw_only=True)
class FolderUpload(FolderTransfer):
    """Which files of a folder are sent, and what becomes of those that are there already.

    :param create_folders: make the target; the folders below it are made anyway.
    :param attempt: the attempt of a task that sends them.
    """

    if_exists: IfExists = "fail"
    create_folders: bool = False
    attempt: TaskAttempt = TaskAttempt()

    @property
    def sources(self) -> UploadSources:
        """How the files to send are listed."""
        return UploadSources(
            recursive=self.recursive,
            follow_symlinks=self.options.follow_symlinks,
            may_be_gone=self.options.move and self.attempt.retrying,
            is_mirrored=self.options.delete_extra,
        )

    def check(self) -> None:
        super().check()
        check_choice("if_exists", self.if_exists, IfExists)


def upload_folder(client: Runner, source: Any, address: Address, transfer: FolderUpload) -> Report:
    """Send the files of a local folder, or of a folder of an object store, or of a list of files and folders.

    :param address: of the folder they go into.
    :raises LocationError: if there are more files than ``max_items``, or more to delete than ``max_delete``.
    """
    transfer.check()
    entries = transfer.sources.entries(source)
    base = _existing(client, address, transfer)
    # By the names that are created: two local names may be repaired to the same one.
    choice = choose(entries, transfer, client.parser.new_path)
    direction = _Upload(client, address, base, transfer)
    targets = direction.read_targets(choice)
    refusal = partial(_refusal, address, base.path if base else "/".join(address.names))
    steps = plan(choice, targets, transfer, refusal=refusal, skip_reason=direction.skip_reason)
    return carry_out(client, direction, transfer, steps)


def _existing(client: Runner, address: Address, transfer: FolderUpload) -> DriveItem | None:
    """Read the target; None where it is still to be made."""
    # A mirror that overlooks its target leaves in it what the source has not, and says nothing of it. Without one,
    # what is to be made needs no proof that it is missing.
    is_proven = transfer.options.delete_extra or not transfer.create_folders
    try:
        return client.run(folder_surely(address) if is_proven else items.folder(address))
    except ItemNotFound:
        if not transfer.create_folders:
            raise
    return None


def _refusal(address: Address, base_path: str, path: str) -> str:
    # The limit is of the path from the drive's root, so the target's own path counts, too.
    if len(base_path) + 1 + len(path) > MAX_PATH_CHARACTERS:
        return f"its path has more than {MAX_PATH_CHARACTERS} characters"
    try:
        check_new_path(path, str(address.below(path)))
    except LocationError as error:
        return str(error)
    return ""


class _Upload:
    """The way up."""

    def __init__(self, client: Runner, address: Address, base: DriveItem | None, transfer: FolderUpload) -> None:
        self._client = client
        self._address = address
        self._base = base
        self._transfer = transfer
        self._options = transfer.options.upload
        self._folders = _Folders(client, address, base, transfer.options.max_concurrent)
        self._sources: dict[str, Source] = {}
        self._has_read_targets = False
        self.title = f"upload to {address}"
        self.takes_any = transfer.if_exists == "skip"

    def read_targets(self, choice: Choice) -> Targets:
        """Read what the target holds: to delete of it, for an earlier try, or where each file would be looked for."""
        compares_many = self._transfer.if_exists in ("skip", "skip_if_same") and len(choice.named) > _FEW
        self._has_read_targets = self._transfer.options.delete_extra or self._transfer.attempt.retrying or compares_many
        if self._base is None or not self._has_read_targets:
            return Targets()
        base, address = self._base, self._address
        # Only the root of a drive has a delta that can be relied on; everything else is addressed by its id.
        at = address if address.is_drive_root else address.by_id(base.drive_id, base.id)
        files = []
        has_delta, recursive = self._client.settings.has_delta, self._transfer.has_folders
        walk = walk_of(at, has_delta=has_delta, recursive=recursive, was_read=True)
        for each in self._client.visits(walk):
            if each.item.is_folder:
                self._folders.note(each.path, each.item)
            else:
                files.append(remote_entry(each))
        # They are there, too: they are not overwritten as if nothing were, and never deleted.
        return Targets([*files, *map(unusable_entry, walk.unusable)])

    def skip_reason(self, source: Entry, target: Entry) -> str:
        """Return the reason to send nothing; an unreadable file is left to the transfer, which raises the error."""
        if target.problem:
            return ""
        transfer = self._transfer
        is_compared = transfer.attempt.retrying or transfer.options.move or transfer.if_exists == "skip_if_same"
        if is_compared and self._is_same(source, target.content):
            return SAME
        return "a file is there" if self.takes_any else ""

    def prepare(self, steps: Sequence[Step]) -> None:
        self._folders.make(steps)

    def transfer(self, step: Step) -> DriveItem:
        parent = self._folders.of(step.path)
        source = self._sources[step.entry.path] = _opened(step.entry)
        # A small file goes in one request, and has no session that a later attempt could resume.
        attempt, is_large = self._transfer.attempt, source.size > self._options.single_put_bytes
        session = OpenSession(attempt, attempt.keeper_of(step.path) if is_large else None)
        return self._client.run_upload(FlowDriver(self._put(step, source, parent, session)), session)

    def delete_extra(self, steps: Sequence[Step]) -> list[Failure]:
        paths = {step.entry.content.id: step.path for step in steps}
        failed = delete_items(self._client, [step.entry.content for step in steps])
        return [(paths[item.id], problem) for item, problem in failed]

    def delete_sources(self, moved: Sequence[tuple[Step, DriveItem]]) -> list[Failure]:
        entries = [step.entry for step, _ in moved]
        return [(entry.path, problem) for entry in entries if (problem := self._delete(entry)) is not None]

    def identity(self, there: Any) -> Any:
        return there.drive_id, there.id

    def _put(self, step: Step, source: Source, parent: DriveItem, session: OpenSession) -> Flow[DriveItem]:
        """Where a look found nothing, there is nothing to compare with, unless somebody is quicker."""
        target, if_exists = self._address.below(step.path), self._transfer.if_exists
        put = partial(uploads.put_into, parent, target, source, options=self._options, open_session=session)
        if self._has_read_targets and step.there is None and if_exists in ("skip", "skip_if_same"):
            try:
                return (yield from put("fail"))
            except NameAlreadyExists:
                pass
        return (yield from put(if_exists))

    def _is_same(self, entry: Entry, item: DriveItem) -> bool:
        if entry.size != item.size:
            return False
        try:
            source = self._sources[entry.path] = source_of(entry.content)
            return not item.size or hash_pieces(source.pieces(0, source.size)) == item.quick_xor_hash
        except (LocalFileError, SourceChanged):
            return False

    def _delete(self, entry: Entry) -> OneDriveError | None:
        try:
            # Compared with what was sent, because the producer may have written to the file since.
            if source_of(entry.content) != self._sources[entry.path]:
                return SourceChanged("It changed after it was sent, and was not deleted.")
            delete_local(entry.content)
        except OneDriveError as problem:
            return None if _has_gone(problem) else problem
        return None


def _opened(entry: Entry) -> Source:
    """Look at what is to be sent; what has gone since its folder was read will not be found by the next try."""
    try:
        return source_of(entry.content)
    except LocalFileError as problem:
        if _has_gone(problem):
            raise SourceChanged(f"{entry.path} has gone since its folder was read.", advice="") from None
        raise


def _has_gone(problem: OneDriveError) -> bool:
    # The error's cause tells it: a file without permission raises the same LocalFileError, and must be reported.
    return isinstance(problem.__cause__, FileNotFoundError)


class _Folders:
    """Knows the folders of a target, and makes what is missing, level by level; what fails, fails for what is in it."""

    def __init__(self, client: Runner, address: Address, base: DriveItem | None, at_once: int) -> None:
        self._client = client
        self._address = address
        self._base = base
        self._at_once = at_once
        self._folders: dict[str, DriveItem | OneDriveError] = {}

    def note(self, path: str, item: DriveItem) -> None:
        """Note a folder that is there."""
        self._folders[key(path)] = item

    def make(self, steps: Sequence[Step]) -> None:
        """Make the folders of all steps."""
        self._folders[""] = self._base or self._client.run(items.folder(self._address, create=True))
        wanted = {key(str(above)): str(above) for step in steps for above in PurePosixPath(step.path).parents}
        missing = [path for name, path in wanted.items() if path != "." and name not in self._folders]
        # Level by level: with one PATCH for a deep path Graph was seen to encode "%" and "#" in a name twice
        # (https://learn.microsoft.com/en-us/answers/questions/5905598).
        for _, level in groupby(sorted(missing, key=_depth), key=_depth):
            paths = list(level)
            jobs = [partial(self._make, path) for path in paths]
            for number, made in self._client.run_each(jobs, self._at_once):
                self._folders[key(paths[number])] = made

    def of(self, path: str) -> DriveItem:
        """Return the folder of a file.

        :raises OneDriveError: if it could not be made.
        """
        folder = self._folders[key(path.rpartition("/")[0])]
        if isinstance(folder, OneDriveError):
            raise folder
        return folder

    def _make(self, path: str) -> DriveItem:
        parent = self.of(path)
        target = self._address.below(path).through(parent.drive_id, parent.id)
        try:
            return self._client.run(items.create_folder(target, exist_ok=True))
        except NameAlreadyExists:
            raise LocationError(
                f"{self._address.below(path)} is a file, and a folder is meant.", advice="Rename it."
            ) from None


def _depth(path: str) -> int:
    return path.count("/")
