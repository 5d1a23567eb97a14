"""Flows that move: within a drive the item itself, with its id and its versions; between drives a copy of a file.

https://learn.microsoft.com/en-us/graph/api/driveitem-move. The source goes, to the recycle bin, only when its copy is
there and was compared.
"""

from __future__ import annotations

from dataclasses import replace

from airflow_provider_onedrive.graph.content.hashing import Comparison
from airflow_provider_onedrive.graph.flows.copies import copy_into, wait_for
from airflow_provider_onedrive.graph.flows.destinations import (
    READS,
    Relocation,
    clear_target,
    compared,
    is_file,
    is_same_drive,
    names_for,
    parent_of,
    read_target,
    recycle,
    source_of,
)
from airflow_provider_onedrive.graph.flows.items import folder, item_of
from airflow_provider_onedrive.graph.protocol.addresses import Address, item_url
from airflow_provider_onedrive.graph.protocol.errors import (
    ItemNotFound,
    LocationError,
    NameAlreadyExists,
    NameHeld,
    NotFound,
    PreconditionFailed,
    SourceMissing,
    VerificationFailed,
)
from airflow_provider_onedrive.graph.protocol.messages import Flow, Request, Response
from airflow_provider_onedrive.graph.protocol.models import DriveItem


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
    except ItemNotFound as missing:
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
    for address in names_for(plan, target, is_folder=source.is_folder):
        try:
            item = yield from _patch(source, parent, address)
        except NameAlreadyExists as taken:
            refusal = taken
        else:
            return replace(item, outcome=outcome if address is target else "renamed")
        existing = yield from read_target(address)
        if existing is not None and existing.id == source.id:
            raise refusal
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
    """Change the folder and the name of an item. The change is idempotent, so a lost response is repeated."""
    # Without conflictBehavior: with "replace" Graph ends the item that has the name, with its history, links and
    # permissions (docs-contrib#2423). The parent's own id, because Graph refuses the alias "root" here.
    body = {"parentReference": {"id": parent.id}, "name": address.names[-1]}
    for failures in range(READS + 1):
        try:
            response = yield Request("PATCH", item_url(source.drive_id, source.id), json=body, failures=failures)
        except ItemNotFound:
            if parent.outcome != "created" or failures == READS:
                raise  # else a folder just made may not be visible everywhere yet
        else:
            break
    return (yield from _read_moved(source, address, response))


def _read_moved(source: DriveItem, address: Address, response: Response) -> Flow[DriveItem]:
    """Read the item; a large move may be accepted only, and told at a monitor as a copy is."""
    # 202 with a Location was recorded for a large folder (docs-contrib#290).
    if "id" not in (response.json or {}):
        if url := response.headers.get("location"):
            yield from wait_for(url)
        response = yield Request("GET", item_url(source.drive_id, source.id))
    return item_of(response, address)


def _across(plan: Relocation, source: DriveItem, parent: DriveItem) -> Flow[DriveItem]:
    """Copy to another drive, compare, and only then delete exactly the version that was compared."""
    # A folder has no hash, so nothing proves that all of it has arrived.
    if not is_file(source):
        raise LocationError(
            f"{plan.source} is a {source.package_type or 'folder'}, and only a file is moved to another drive.",
            advice="Copy it, look at the copy, then delete it: OneDriveCopyOperator and OneDriveDeleteOperator.",
        )
    # Not by PATCH: Microsoft's page says that no move crosses drives. With "Prefer: respond-async" Graph was seen to
    # accept it (2018 to 2026), and also to answer 404 to a move that went on.
    item = yield from copy_into(plan, source, parent)
    if item.outcome == "skipped":
        return item
    result = yield from compared(item, source, plan.folder)
    if result is not Comparison.SAME:
        raise VerificationFailed(
            f"The copy {item.location} is not surely what {plan.source} is: {result.value}",
            advice="The source was not deleted; compare both, and delete one of them.",
        )
    try:
        yield from recycle(source)
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
        parent = yield from folder(plan.folder)
    except NotFound:
        raise missing from None
    candidates = yield from _candidates(plan, plan.target(str(name), parent))
    if len(candidates) == 1:
        return replace(candidates[0], outcome="already_there")
    if candidates:
        raise missing.with_advice(
            f"An earlier try has moved it, and with if_exists='rename' it may be any of "
            f"{', '.join(item.location for item in candidates)}: give an item dict as location to have it told apart."
        )
    raise missing


def _candidates(plan: Relocation, target: Address) -> Flow[list[DriveItem]]:
    """List what may be the moved item: with ``rename`` all up to the first name that is free."""
    candidates: list[DriveItem] = []
    tried: set[str] = set()
    for address in names_for(plan, target, is_folder=bool(plan.facts.get("is_folder"))):
        item = None if address.names[-1] in tried else (yield from read_target(address))
        if item is None:
            return candidates
        tried.add(address.names[-1])
        if _may_be(item, plan):
            candidates.append(item)
    return candidates


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
