"""Flows that move: within a drive the item itself, with its id and its versions; between drives a copy of a file.

https://learn.microsoft.com/en-us/graph/api/driveitem-move. The source goes, to the recycle bin, only when its copy is
there and was compared.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from airflow_provider_onedrive.graph.content.hashing import Comparison
from airflow_provider_onedrive.graph.flows.absence import find_again, folder_surely, holder_of
from airflow_provider_onedrive.graph.flows.copies import copy_into, wait_for
from airflow_provider_onedrive.graph.flows.destinations import (
    READS,
    Relocation,
    clear_target,
    compared,
    is_file,
    is_same_drive,
    missing_part,
    names_for,
    parent_of,
    read_target,
    source_of,
)
from airflow_provider_onedrive.graph.flows.drive_moves import is_unmoved, move_there
from airflow_provider_onedrive.graph.flows.items import item_of, stat_or_none
from airflow_provider_onedrive.graph.flows.removals import delete
from airflow_provider_onedrive.graph.protocol.addresses import Address, item_url
from airflow_provider_onedrive.graph.protocol.errors import (
    ItemNotFound,
    LocationError,
    NameAlreadyExists,
    NameHeld,
    NotFound,
    OneDriveError,
    PreconditionFailed,
    ServiceUnavailable,
    SourceMissing,
    VerificationFailed,
)
from airflow_provider_onedrive.graph.protocol.messages import (
    MAY_END_LATER,
    Flow,
    OutcomeUnknown,
    Repeat,
    Request,
    Response,
)
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.names import comparison_key


def move(plan: Relocation) -> Flow[DriveItem]:
    """Move a file or a folder; the item's ``outcome`` says what became of the name at the destination.

    :raises SourceMissing: if it is not there, nor at the destination where an earlier try may have moved it.
    :raises NameAlreadyExists: if the name is taken and ``if_exists`` is ``fail``.
    :raises LocationError: if it cannot go there.
    :raises VerificationFailed: if its copy on another drive is not surely the same; the source stays.
    """
    plan.check()
    try:
        source = yield from source_of(plan)
    except ItemNotFound as missing:  # which is proven, before anything else is taken for it
        return (yield from _moved_before(plan, SourceMissing.of(missing)))
    parent = yield from parent_of(plan, source)
    if is_same_drive(source, parent):
        return (yield from _within(plan, source, parent))
    return (yield from _across(plan, source, parent))


def _within(plan: Relocation, source: DriveItem, parent: DriveItem) -> Flow[DriveItem]:
    """Move within a drive, which is one change: it is done or it is not."""
    target = plan.target(source.name, parent)
    if source.parent_id == parent.id and _is_moved(plan, source, target):
        return replace(source, location=_located(source, target), outcome="already_there")
    outcome = "created"
    _remember(plan, source)
    for address in names_for(plan, target, is_folder=source.is_folder):
        try:
            item = yield from _patch(source, parent, address)
        except ItemNotFound as missing:
            raise (yield from missing_part(plan, source, missing, "move to")) from None
        except NameAlreadyExists as taken:
            refusal = taken
        else:
            _forget(plan)
            return replace(item, outcome=outcome if address is target else "renamed")
        existing = yield from holder_of(address)
        if existing is not None and existing.id == source.id:
            # Another case or normal form of its own name, which this drive takes for a name that is taken.
            return (yield from _renamed_in_two_steps(source, parent, address))
        if skipped := (yield from clear_target(plan, source, existing, refusal)):
            return skipped
        outcome = "replaced"
    raise NameHeld.of(refusal)


def _is_moved(plan: Relocation, source: DriveItem, target: Address) -> bool:
    """Return whether the item is at its destination, under its name or under one that an earlier attempt got."""
    # Compared with their case: a new case of the same name is a change that is wanted.
    names = [address.names[-1] for address in names_for(plan, target, is_folder=source.is_folder)]
    return source.name in (names if plan.retrying else names[:1])


def _patch(source: DriveItem, parent: DriveItem, address: Address) -> Flow[DriveItem]:
    """Change the folder and the name of an item, and see it there.

    :raises ServiceUnavailable: if Graph says that it was moved, and shows it where it was.
    """
    # Without conflictBehavior: with "replace" Graph ends the item that has the name, with its history, links and
    # permissions (docs-contrib#2423). The parent's own id, because Graph refuses the alias "root" here.
    body = {"parentReference": {"id": parent.id}, "name": address.names[-1]}
    url = item_url(source.drive_id, source.id)
    for failures in range(READS + 1):
        try:
            response = yield Request(
                "PATCH",
                url,
                json=body,
                repeat=Repeat.IF_REFUSED,
                failures=failures,
                expected_statuses=MAY_END_LATER,
                etags={source.id: source.etag},
            )
            item = yield from _read_moved(source, address, response)
        except ItemNotFound as missing:
            # Item and folder were just read: a write may not see yet what a read saw, and such a 404 passes.
            problem: OneDriveError = missing
        except OutcomeUnknown as unknown:
            problem = unknown.cause
            moved = yield from stat_or_none(address.by_id(source.drive_id, source.id))
            if moved is not None and _is_at(moved, source, parent, address):
                return replace(moved, location=_located(moved, address))
        else:
            if _is_at(item, source, parent, address):
                return item
            problem = ServiceUnavailable("Graph said that the item was moved, and it was not", method="PATCH", path=url)
    raise problem


def _read_moved(source: DriveItem, address: Address, response: Response) -> Flow[DriveItem]:
    """Read the item; a large move may be accepted only, and told at a monitor as a copy is."""
    # 202 with a Location was recorded for a large folder (docs-contrib#290).
    if "id" not in (response.json or {}):
        if url := response.headers.get("location"):
            yield from wait_for(url)
        response = yield Request("GET", item_url(source.drive_id, source.id))
    return item_of(response, address)


def _is_at(item: DriveItem, source: DriveItem, parent: DriveItem, address: Address) -> bool:
    """Return whether an item has its new folder and name; a change of case or normal form counts if that is all."""
    name, key = address.names[-1], comparison_key(address.names[-1])
    is_named = item.name == name or (comparison_key(item.name) == key != comparison_key(source.name))
    return is_named and item.parent_id in (parent.id, None)


def _renamed_in_two_steps(source: DriveItem, parent: DriveItem, address: Address) -> Flow[DriveItem]:
    """Rename by way of another name, which a later attempt finds; see :func:`_moved_before`."""
    between = _between(address)
    item = yield from _patch(source, parent, between)
    try:
        return replace((yield from _patch(item, parent, address)), outcome="created")
    except NameAlreadyExists as taken:
        advice = f"The item is called {between.names[-1]!r} now, because the name was taken meanwhile."
        raise taken.with_advice(advice) from None


def _between(address: Address) -> Address:
    name = PurePosixPath(address.names[-1])
    return replace(address, names=(*address.names[:-1], f"{name.stem} (renaming){name.suffix}"))


def _across(plan: Relocation, source: DriveItem, parent: DriveItem) -> Flow[DriveItem]:
    """Copy to another drive, compare, and only then delete exactly the version that was compared."""
    if plan.cross_drive == "move":
        _remember(plan, replace(source, drive_id=parent.drive_id))
        if moved := (yield from move_there(plan, source, parent)):
            _forget(plan)
            return moved
    # A folder has no hash, so nothing proves that all of it has arrived.
    if not is_file(source):
        raise LocationError(
            f"{plan.source} is a {source.package_type or 'folder'}, and only a file is moved to another drive.",
            advice="Copy it, look at the copy, then delete it: OneDriveCopyOperator and OneDriveDeleteOperator.",
        )
    item = yield from copy_into(plan, source, parent)
    if item.outcome == "skipped":
        return item
    result = yield from compared(item, source, plan.folder)
    if result is not Comparison.SAME:
        raise VerificationFailed(
            f"The copy {item.location} is not surely what {plan.source} is: {result.value}",
            advice="The source was not deleted; compare both, and delete one of them.",
        )
    if not (yield from is_unmoved(source, plan.source)):
        return item
    try:
        yield from delete(source, if_match=source.etag)
    except PreconditionFailed as changed:
        raise changed.with_advice(
            f"The source changed while it was copied and was not deleted; the copy is {item.location}."
        ) from None
    return item


def _moved_before(plan: Relocation, missing: SourceMissing) -> Flow[DriveItem]:
    """Find what an earlier try moved, now that the source is gone.

    :raises SourceMissing: if it cannot be told.
    """
    name = plan.name or plan.facts.get("name")
    if not (plan.retrying and name):
        raise missing
    try:
        parent = yield from folder_surely(plan.folder)
    except NotFound:
        raise missing from None
    if item := (yield from _remembered(plan, parent)):
        return replace(item, outcome="already_there")
    target = plan.target(str(name), parent)
    candidates = yield from _candidates(plan, target)
    if not candidates and (item := (yield from _left_halfway(plan, parent, target))):
        return item
    if len(candidates) == 1:
        return replace(candidates[0], outcome="already_there")
    if candidates:
        raise missing.with_advice(
            f"An earlier try has moved it, and with if_exists='rename' it may be any of "
            f"{', '.join(item.location for item in candidates)}: give an item dict as location to have it told apart."
        )
    raise missing


def _remember(plan: Relocation, source: DriveItem) -> None:
    """Keep the id of what is moved: with ``rename`` its new name does not tell a later attempt which item it is."""
    if plan.if_exists == "rename" and plan.keeper is not None:
        plan.keeper.save({"drive_id": source.drive_id, "moved_id": source.id})


def _remembered(plan: Relocation, parent: DriveItem) -> Flow[DriveItem | None]:
    """Find what an earlier attempt was about to move, if it is in its new folder."""
    kept = (plan.keeper.load() if plan.if_exists == "rename" and plan.keeper else None) or {}
    drive_id, item_id = kept.get("drive_id"), kept.get("moved_id")
    if not (isinstance(drive_id, str) and isinstance(item_id, str)):
        return None
    item = yield from _read_surely(plan.folder.by_id(drive_id, item_id))
    if item is None or item.parent_id != parent.id:
        return None
    _forget(plan)
    return replace(item, location=_located(item, plan.target(item.name, parent)))


def _forget(plan: Relocation) -> None:
    if plan.if_exists == "rename" and plan.keeper is not None:
        plan.keeper.forget()


def _left_halfway(plan: Relocation, parent: DriveItem, target: Address) -> Flow[DriveItem | None]:
    """End a rename in two steps of which an earlier try did the first."""
    name = plan.source.names[-1] if plan.source.names else str(plan.facts.get("name"))
    if comparison_key(name) != comparison_key(target.names[-1]):
        return None
    item = yield from _read_surely(_between(target))
    if item is None or not _may_be(item, plan):
        return None
    return replace((yield from _patch(item, parent, target)), outcome="created")


def _candidates(plan: Relocation, target: Address) -> Flow[list[DriveItem]]:
    """List what may be the moved item: with ``rename`` all up to the first name that is free."""
    candidates: list[DriveItem] = []
    tried: set[str] = set()
    for address in names_for(plan, target, is_folder=bool(plan.facts.get("is_folder"))):
        item = None if address.names[-1] in tried else (yield from _read_surely(address))
        if item is None:
            return candidates
        tried.add(address.names[-1])
        if _may_be(item, plan):
            candidates.append(item)
    return candidates


def _read_surely(address: Address) -> Flow[DriveItem | None]:
    """Read one item of a folder that was just seen; None if it is proven not to be there."""
    # An error for good follows from it: that the item is neither at its source nor here.
    return (yield from read_target(address)) or (yield from find_again(address))


def _may_be(item: DriveItem, plan: Relocation) -> bool:
    """Compare with the item dict that names the source, as far as there is one."""
    facts = plan.facts
    is_other_kind = facts.get("is_folder", item.is_folder) != item.is_folder
    hashes = facts.get("quick_xor_hash"), item.quick_xor_hash
    is_other_content = all(hashes) and hashes[0] != hashes[1]
    is_other_size = not item.is_folder and facts.get("size", item.size) != item.size
    return not (is_other_kind or is_other_content or is_other_size)


def _located(source: DriveItem, target: Address) -> str:
    return target.locate(source.drive_id, source.id, source.path)
