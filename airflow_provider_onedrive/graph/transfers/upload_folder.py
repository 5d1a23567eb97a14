"""Sends the files of a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import PurePosixPath
from typing import Any

from airflow_provider_onedrive.graph.content.hashing import hash_pieces
from airflow_provider_onedrive.graph.content.localtree import delete_local, local_entries, stored_entries
from airflow_provider_onedrive.graph.content.sources import Source, is_stored, source_of
from airflow_provider_onedrive.graph.content.transfer_plan import (
    SAME,
    Choice,
    Entry,
    Folder,
    Report,
    Step,
    by_key,
    choose,
    key,
    plan,
)
from airflow_provider_onedrive.graph.flows import items, uploads
from airflow_provider_onedrive.graph.flows.session_state import OpenSession
from airflow_provider_onedrive.graph.flows.upload_plan import CONFLICTS, UploadOptions
from airflow_provider_onedrive.graph.flows.walk import walk_of
from airflow_provider_onedrive.graph.protocol.driver import FlowDriver
from airflow_provider_onedrive.graph.protocol.errors import (
    ConfigurationError,
    ItemNotFound,
    LocalFileError,
    LocationError,
    NameAlreadyExists,
    OneDriveError,
    SourceChanged,
)
from airflow_provider_onedrive.graph.protocol.locations import MAX_PATH_CHARACTERS, Address
from airflow_provider_onedrive.graph.protocol.messages import Flow
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.names import check_new_path
from airflow_provider_onedrive.graph.transfers.bulk import (
    Failure,
    Runner,
    carry_out,
    delete_items,
    place_of,
    remote_entry,
)

_FEW = 20
"""So many files are looked for one by one; for more, the whole target is listed."""


@dataclass(frozen=True)
class Uploads:
    """How the files of a folder are sent.

    :param if_exists: what happens to a file whose name is taken; as for a single one.
    :param create_folders: make the target; the folders below it are made anyway.
    :param follow_symlinks: also send what symbolic links of the source point to; else they are left out.
    :param retrying: an earlier try of the same task may have sent some: the same content there is success.
    :param session_of: gives what knows the upload session of a large file, by its path below the target, so that a
        later try can go on with it.
    """

    if_exists: str = "fail"
    create_folders: bool = False
    follow_symlinks: bool = False
    retrying: bool = False
    options: UploadOptions = UploadOptions()
    session_of: Callable[[str], OpenSession] = field(default=lambda _: OpenSession(), repr=False)

    def check(self, how: Folder) -> None:
        """Refuse what cannot be meant.

        :raises ConfigurationError: naming the parameter.
        """
        how.check()
        self.options.check()
        if self.if_exists not in CONFLICTS:
            raise ConfigurationError(f"if_exists is {self.if_exists!r}.", advice=f"Use one of {', '.join(CONFLICTS)}.")
        if how.move and not self.options.verify:
            raise ConfigurationError("move deletes what was verified only.", advice="Leave out verify=False.")


def upload_folder(client: Runner, source: Any, address: Address, how: Folder, sending: Uploads) -> Report:
    """Send the files of a local folder, or of a folder of an object store.

    :param address: of the folder they go into.
    :raises LocationError: if there are more files than ``max_items``, or more to delete than ``max_delete``.
    """
    sending.check(how)
    place = place_of(source)
    entries = (
        stored_entries(place, recursive=how.recursive)
        if is_stored(place)
        else local_entries(place, recursive=how.recursive, follow_symlinks=sending.follow_symlinks)
    )
    base = _existing(client, address, sending)
    choice = choose(entries, how, client.parser.new_path)
    way = _Upload(client, address, base, how, sending)
    targets = way.look(choice)
    refusal = partial(_refusal, address, base.path if base else "/".join(address.names))
    steps = plan(choice, targets, how, refusal=refusal, skip_reason=way.skip_reason)
    return carry_out(client, way, how, steps)


def _existing(client: Runner, address: Address, sending: Uploads) -> DriveItem | None:
    """Read the target; None where it is still to be made."""
    try:
        return client.run(items.folder(address))
    except ItemNotFound:
        if not sending.create_folders:
            raise
        return None


def _refusal(address: Address, base_path: str, path: str) -> str:
    if len(base_path) + 1 + len(path) > MAX_PATH_CHARACTERS:
        return f"its path has more than {MAX_PATH_CHARACTERS} characters"
    try:
        check_new_path(path, str(address.below(path)))
    except LocationError as error:
        return str(error)
    return ""


class _Upload:
    """The way up."""

    def __init__(self, client: Runner, address: Address, base: DriveItem | None, how: Folder, sending: Uploads) -> None:
        self._client = client
        self._address = address
        self._base = base
        self._how = how
        self._sending = sending
        self._folders = _Folders(client, address, base, how.max_concurrent)
        self._sources: dict[str, Source] = {}
        self._is_looked_at = False
        self.title = f"upload to {address}"
        self.takes_any = sending.if_exists == "skip"

    def look(self, choice: Choice) -> dict[str, Entry]:
        """Read what the target holds: to delete of it, for an earlier try, or where each file would be looked for."""
        compares_many = self._sending.if_exists in ("skip", "skip_if_same") and len(choice.named) > _FEW
        self._is_looked_at = self._how.delete_extra or self._sending.retrying or compares_many
        if self._base is None or not self._is_looked_at:
            return {}
        base, address = self._base, self._address
        at = address if address.is_drive_root else address.by_id(base.drive_id, base.id)
        files = []
        walk = walk_of(at, has_delta=self._client.settings.has_delta, recursive=self._how.has_folders)
        for each in self._client.visits(walk):
            if each.item.is_folder:
                self._folders.found(each.path, each.item)
            else:
                files.append(remote_entry(each))
        return by_key(files)

    def skip_reason(self, source: Entry, target: Entry) -> str:
        """Say why nothing is to be sent; what cannot be read is left to the transfer, which says why."""
        if target.problem:
            return ""
        is_compared = self._sending.retrying or self._how.move or self._sending.if_exists == "skip_if_same"
        if is_compared and self._is_same(source, target.content):
            return SAME
        return "a file is there" if self.takes_any else ""

    def prepare(self, steps: Sequence[Step]) -> None:
        self._folders.make(steps)

    def transfer(self, step: Step) -> DriveItem:
        parent = self._folders.of(step.path)
        source = self._sources[step.entry.path] = _opened(step.entry)
        is_large = source.size > self._sending.options.single_put_bytes
        session = self._sending.session_of(step.path) if is_large else OpenSession()
        return self._client.run_upload(FlowDriver(self._put(step, source, parent, session)), session)

    def delete_extra(self, steps: Sequence[Step]) -> list[Failure]:
        paths = {step.entry.content.id: step.path for step in steps}
        failed = delete_items(self._client, [step.entry.content for step in steps])
        return [(paths[item.id], problem) for item, problem in failed]

    def delete_sources(self, moved: Sequence[tuple[Step, DriveItem]]) -> list[Failure]:
        entries = [step.entry for step, _ in moved]
        return [(entry.path, problem) for entry in entries if (problem := self._delete(entry)) is not None]

    def _put(self, step: Step, source: Source, parent: DriveItem, session: OpenSession) -> Flow[DriveItem]:
        """Where a look found nothing, there is nothing to compare with, unless somebody is quicker."""
        target, sending = self._address.below(step.path), self._sending
        how: dict[str, Any] = {"retrying": sending.retrying, "options": sending.options, "open_session": session}
        if self._is_looked_at and step.there is None and sending.if_exists in ("skip", "skip_if_same"):
            try:
                return (yield from uploads.put_into(parent, target, source, "fail", **how))
            except NameAlreadyExists:
                pass
        return (yield from uploads.put_into(parent, target, source, sending.if_exists, **how))

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
    return isinstance(problem.__cause__, FileNotFoundError)


class _Folders:
    """Knows the folders of a target, and makes what is missing, level by level; what fails, fails for what is in it."""

    def __init__(self, client: Runner, address: Address, base: DriveItem | None, at_once: int) -> None:
        self._client = client
        self._address = address
        self._base = base
        self._at_once = at_once
        self._known: dict[str, DriveItem | OneDriveError] = {}

    def found(self, path: str, item: DriveItem) -> None:
        """Note a folder that is there."""
        self._known[key(path)] = item

    def make(self, steps: Sequence[Step]) -> None:
        """Make the folders of all steps."""
        self._known[""] = self._base or self._client.run(items.folder(self._address, create=True))
        wanted = {key(str(above)): str(above) for step in steps for above in PurePosixPath(step.path).parents}
        missing = sorted((path for name, path in wanted.items() if path != "." and name not in self._known), key=_depth)
        for _, level in groupby(missing, key=_depth):
            paths = list(level)
            works = [partial(self._make, path) for path in paths]
            for number, made in self._client.run_each(works, self._at_once):
                self._known[key(paths[number])] = made

    def of(self, path: str) -> DriveItem:
        """Return the folder of a file.

        :raises OneDriveError: if it could not be made.
        """
        found = self._known[key(path.rpartition("/")[0])]
        if isinstance(found, OneDriveError):
            raise found
        return found

    def _make(self, path: str) -> DriveItem:
        parent = self.of(path)
        target = self._address.below(path).through(parent.drive_id, parent.id)
        is_new = parent.outcome == "created"
        try:
            return self._client.run(items.create_folder(target, exist_ok=True, is_parent_new=is_new))
        except NameAlreadyExists:
            raise LocationError(
                f"{self._address.below(path)} is a file, and a folder is meant.", advice="Rename it."
            ) from None


def _depth(path: str) -> int:
    return path.count("/")
