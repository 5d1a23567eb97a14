"""Where a move or a copy goes, and what a taken name means there.

Graph decides whether a name is taken, and nothing here takes a name by force: ``replace`` sends what is there to the
recycle bin, and ``rename`` asks for the next name. So both mean the same on every kind of drive; Graph's own
``conflictBehavior`` does not (a personal drive does not know it for copies, and for others it deletes what it replaces
with its history).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any

from airflow_provider_onedrive.graph.content.hashing import Comparison, compare_items
from airflow_provider_onedrive.graph.flows.absence import folder_surely, stat_surely
from airflow_provider_onedrive.graph.flows.items import item_of
from airflow_provider_onedrive.graph.flows.removals import delete
from airflow_provider_onedrive.graph.flows.session_state import SessionKeeper
from airflow_provider_onedrive.graph.protocol.addresses import Address, item_url
from airflow_provider_onedrive.graph.protocol.errors import (
    IsFolder,
    ItemNotFound,
    LocationError,
    NameAlreadyExists,
    NameHeld,
    PreconditionFailed,
)
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.protocol.messages import Flow, Request
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.names import comparison_key
from airflow_provider_onedrive.graph.protocol.options import CrossDrive, IfExistsRelocate, check_choice

log = logger(__name__)

ROUNDS = 4
"""How often a name that others keep taking is tried for."""
# Pauses of up to 3.5 seconds in all: a folder just made was seen to be missing for seconds.
READS = 4

_VANISHED = "The folder was there a moment ago: retry later, or check the destination."
_NAMES = 100
# Up to 16 seconds; a hash may be missing for a while: https://learn.microsoft.com/en-us/graph/api/resources/hashes
_HASH_READS = 5
_BESIDE = "End the destination in '/' to put it into that folder."
_NO_FILE = "Only a file takes the place of a file: delete what is there, or choose another name."
_STILL_COPYING = (
    "An earlier try may still be copying this folder, or have copied a part of it: retry later; or look at it, and "
    "delete it to begin anew."
)


@dataclass(frozen=True)
class Relocation:
    """What goes where.

    :param folder: where it goes.
    :param name: what it is called there; None keeps its name.
    :param cross_drive: how it gets to another drive.
    :param retrying: an earlier attempt of the same task may have done it.
    :param may_be_ours: what has the name may be what we put there, although no answer came.
    :param facts: the item dict that names the source, or the name in its location.
    :param is_over: is asked before each pause whether to give up waiting for a copy.
    :param keeper: where a later attempt finds the id of what was moved; None keeps nothing.
    """

    source: Address
    folder: Address
    name: str | None = None
    if_exists: str = "fail"
    cross_drive: str = "copy"
    create_folders: bool = False
    retrying: bool = False
    may_be_ours: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)
    is_over: Callable[[], bool] = field(default=lambda: False, repr=False)
    keeper: SessionKeeper | None = field(default=None, repr=False)

    def check(self) -> None:
        """Refuse what cannot be meant.

        :raises ConfigurationError: naming the parameter.
        """
        check_choice("if_exists", self.if_exists, IfExistsRelocate)
        check_choice("cross_drive", self.cross_drive, CrossDrive)

    def target(self, name: str, parent: DriveItem) -> Address:
        """Address the new item through the id of its folder."""
        return self.folder.below(self.name or name).through(parent.drive_id, parent.id)


def source_of(plan: Relocation) -> Flow[DriveItem]:
    """Read what is to be moved or copied.

    :raises ItemNotFound: if it is proven not to be there.
    :raises LocationError: if it is the root of a drive.
    """
    item = yield from stat_surely(plan.source)
    if item.is_root:
        raise LocationError(
            f"{plan.source} is the root of a drive and is never moved or copied.", advice="Name something in it."
        )
    return item


def parent_of(plan: Relocation, source: DriveItem) -> Flow[DriveItem]:
    """Find the folder it goes into, or make it.

    :raises LocationError: if a folder would go into itself.
    """
    if source.is_folder and _is_below(str(plan.folder), source.location):
        raise _into_itself(plan)  # before a folder is made in it
    parent = yield from folder_surely(plan.folder, create=plan.create_folders)
    is_inside = parent.id == source.id or _is_below(parent.path, source.path)
    if source.is_folder and is_inside and is_same_drive(parent, source):
        raise _into_itself(plan)
    return parent


def missing_part(plan: Relocation, source: DriveItem, missing: ItemNotFound, operation: str) -> Flow[ItemNotFound]:
    """Return the error of a write that found nothing: about the destination, unless the source has gone.

    :param operation: of the error about the destination.
    """
    try:
        yield Request("GET", f"{item_url(source.drive_id, source.id)}?$select=id")
    except ItemNotFound:
        return missing
    return missing.with_advice(_VANISHED).about(operation, str(plan.folder))


def names_for(plan: Relocation, target: Address, *, is_folder: bool) -> Iterator[Address]:
    """Yield the names to try: with ``rename`` as Graph counts, "a.csv", "a 1.csv"; else the same name again."""
    if plan.if_exists != "rename":
        yield from (target,) * ROUNDS
        return
    yield target
    name = PurePosixPath(target.names[-1])
    stem, suffix = (name.name, "") if is_folder else (name.stem, name.suffix)
    # https://learn.microsoft.com/en-us/graph/api/resources/driveitem#instance-attributes: the lowest free number.
    for number in range(1, _NAMES):
        yield replace(target, names=(f"{stem} {number}{suffix}",))


def read_target(address: Address, failures: int = 0) -> Flow[DriveItem | None]:
    """Read one item of a folder that was just seen, or None where it is missing."""
    try:
        response = yield Request("GET", address.url(), failures=failures)
    except ItemNotFound:
        return None
    return item_of(response, address)


def clear_target(
    plan: Relocation, source: DriveItem, existing: DriveItem | None, refusal: NameAlreadyExists
) -> Flow[DriveItem | None]:
    """Do what ``if_exists`` says about a taken name.

    :param existing: what has the name; None where nothing can be seen.
    :return: the item that makes all else unneeded; None: try again.
    :raises NameAlreadyExists: the refusal, where that is what ``if_exists`` says, or what is there cannot make way.
    :raises LocationError: if the name is that of a folder, which was probably meant to be gone into.
    """
    if existing is not None:
        _refuse_onto_itself(plan, source, existing)
        if existing.is_folder and not source.is_folder:
            raise IsFolder(f"A folder named {existing.name!r} is there.", advice=_BESIDE)
        if existing.package_type and not source.package_type:
            raise LocationError(f"A {existing.package_type} named {existing.name!r} is there.", advice=_NO_FILE)
    if plan.if_exists == "rename":
        return None
    if existing is None:
        raise NameHeld.of(refusal)
    if plan.if_exists == "skip" and _kind(existing) == _kind(source):
        return replace(existing, outcome="skipped")
    if plan.if_exists != "replace":
        if plan.may_be_ours and existing.is_folder:
            raise NameHeld.of(refusal).with_advice(_STILL_COPYING)
        raise refusal.with_advice(_BESIDE if existing.is_folder else None)
    # Graph replaces no folder either: it answers 409 (OD#359), or with the unchanged folder (seen in 2024).
    if not (is_file(existing) and is_file(source)):
        raise refusal.with_advice(_NO_FILE)
    with suppress(PreconditionFailed):  # changed meanwhile: it is looked at again
        yield from delete(existing, if_match=existing.etag)
        log.info(
            "%s went to the recycle bin to make way (id %s, %s bytes).", existing.location, existing.id, existing.size
        )
    return None


def is_copy(existing: DriveItem, source: DriveItem, address: Address) -> Flow[bool]:
    """Return whether an item is proven to be a copy: by size and hash of files, by size and count of folders."""
    if existing.is_folder and source.is_folder:
        facts = (source.size, source.child_count)
        return None not in facts and (existing.size, existing.child_count) == facts
    return (yield from compared(existing, source, address)) is Comparison.SAME


def compared(existing: DriveItem, source: DriveItem, address: Address) -> Flow[Comparison]:
    """Compare two files; hashes that Graph has not made yet are waited for, some seconds."""
    result = compare_items(existing, source)
    reads = 0
    while result is Comparison.UNKNOWN and reads < _HASH_READS:
        reads += 1
        first = yield Request("GET", item_url(existing.drive_id, existing.id), failures=reads)
        other = yield Request("GET", item_url(source.drive_id, source.id))
        # Somebody changed the source while it was copied: the copy may be of either version.
        if other.body.get("eTag") != source.etag:
            return Comparison.UNKNOWN
        result = compare_items(item_of(first, address), item_of(other, address))
    return result


def is_file(item: DriveItem) -> bool:
    return not (item.is_folder or item.package_type)


def is_same_drive(one: DriveItem, other: DriveItem) -> bool:
    """Compare drives; that of a consumer may be said in capitals, and without its leading zero."""
    return _plain_drive_id(one.drive_id) == _plain_drive_id(other.drive_id)


def _plain_drive_id(drive_id: str) -> str:
    # The id of a drive of work or school begins with "b!", and its case counts. That of a personal drive is a number in
    # hexadecimal, which some answers write in capitals and some without its leading zero (AB#3072, AB#3336).
    return drive_id if "!" in drive_id else drive_id.lower().lstrip("0")


def _refuse_onto_itself(plan: Relocation, source: DriveItem, existing: DriveItem) -> None:
    """Refuse to let an item make way for itself: two texts may name one item, and two names be one for OneDrive.

    :raises LocationError: if what is at the destination is the source.
    """
    if plan.if_exists != "rename" and source.id == existing.id and is_same_drive(source, existing):
        raise LocationError(
            f"{plan.source} would take its own place.", advice="Give another name, or pass if_exists='rename'."
        )


def _kind(item: DriveItem) -> tuple[bool, str | None]:
    return item.is_folder, item.package_type


def _is_below(path: str, above: str) -> bool:
    # OneDrive compares names without case (RC#8634).
    return f"{comparison_key(path.rstrip('/'))}/".startswith(f"{comparison_key(above.rstrip('/'))}/")


def _into_itself(plan: Relocation) -> LocationError:
    return LocationError(
        f"{plan.source} is a folder, and {plan.folder} is in it: it cannot go into itself.",
        advice="Choose a destination outside of it.",
    )
