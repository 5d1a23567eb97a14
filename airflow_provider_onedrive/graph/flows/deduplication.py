"""Flows that find out whether a file is the one that was to be uploaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from airflow_provider_onedrive.graph.content.hashing import Comparison, compare
from airflow_provider_onedrive.graph.flows.absence import holder_of
from airflow_provider_onedrive.graph.flows.items import item_of, stat_or_none
from airflow_provider_onedrive.graph.flows.upload_plan import Upload
from airflow_provider_onedrive.graph.protocol.addresses import Address
from airflow_provider_onedrive.graph.protocol.errors import GraphError, IsFolder, LocationError, NameHeld
from airflow_provider_onedrive.graph.protocol.messages import Flow, Request
from airflow_provider_onedrive.graph.protocol.models import DriveItem

# Up to 16 seconds; a hash may be missing for a while: https://learn.microsoft.com/en-us/graph/api/resources/hashes
_HASH_READS = 5
_CONFLICT = 409


def find_ours(plan: Upload) -> Flow[DriveItem | None]:
    """Look for what we, or an earlier try, may have put there although no answer came: same size, same hash."""
    item = yield from stat_or_none(plan.address)
    return item if item is not None and (yield from is_same(item, plan)) else None


def find_ours_or_free(plan: Upload) -> Flow[tuple[Address, DriveItem | None]]:
    """Look for what an earlier try may have put under the name or a numbered one; else find the first free name."""
    address, number = plan.address, 0
    while (item := (yield from stat_or_none(address))) is not None:
        if number == 0:
            refuse_no_file(item)
        if (yield from is_same(item, plan)):
            return address, item
        number += 1
        address = numbered(plan.address, number)
    return address, None


def free_name(address: Address) -> Flow[Address]:
    """Find a numbered name that is free, in few looks: of a thousand names that are taken, about twenty are read."""
    taken, free = 0, 1
    while (yield from stat_or_none(numbered(address, free))) is not None:
        taken, free = free, 2 * free
    while free - taken > 1:
        middle = (taken + free) // 2
        if (yield from stat_or_none(numbered(address, middle))) is None:
            free = middle
        else:
            taken = middle
    return numbered(address, free)


def numbered(address: Address, number: int) -> Address:
    """Return the address of ``a 1.csv`` for ``a.csv``: Graph numbers names so."""
    name = PurePosixPath(address.names[-1])
    return replace(address, names=(*address.names[:-1], f"{name.stem} {number}{name.suffix}"))


def is_same(item: DriveItem, plan: Upload) -> Flow[bool]:
    """Compare by size and hash. What SharePoint rewrote, and what never gets a hash, is not the same."""
    _, comparison = yield from compared(item, plan)
    return comparison is Comparison.SAME


def compared(item: DriveItem, plan: Upload) -> Flow[tuple[DriveItem, Comparison]]:
    """Compare an item with the source; a hash that Graph has not made yet is waited for, some seconds.

    :return: the item as it was read last, and how it compares.
    """
    comparison = compare(item, plan.source, plan.digests)
    reads = 0
    while comparison is Comparison.UNKNOWN and reads < _HASH_READS:
        reads += 1
        by_id = plan.address.by_id(item.drive_id, item.id)
        response = yield Request("GET", by_id.url(), failures=reads)
        item = item_of(response, by_id)
        comparison = compare(item, plan.source, plan.digests)
    return item, comparison


def refused(plan: Upload, refusal: GraphError) -> Flow[DriveItem]:
    """Find out what a refusal (409, 412, 400) is about.

    :return: the file, where an earlier try of the same task has put it there.
    :raises LocationError: if something has the name that is no file.
    :raises NameHeld: if nothing that can be seen has the name.
    :raises GraphError: the refusal itself, else.
    """
    is_taken = refusal.status == _CONFLICT
    item = yield from holder_of(plan.address) if is_taken else stat_or_none(plan.address)
    refuse_no_file(item)
    if item is not None and plan.retrying and (yield from is_same(item, plan)):
        return replace(item, outcome="already_there")
    raise NameHeld.of(refusal) if _is_held(plan, item, refusal) else refusal


def refuse_no_file(item: DriveItem | None) -> None:
    """Refuse a name that something has that is no file.

    :param item: what has the name; None if nothing can be seen.
    :raises IsFolder: if it is a folder.
    :raises LocationError: if it is a notebook.
    """
    if item is not None and item.package_type:
        raise LocationError(f"A {item.package_type} notebook named {item.name!r} is there.", advice="Use another name.")
    if item is not None and item.is_folder:
        raise IsFolder(
            f"A folder named {item.name!r} is there.", advice="End the location in '/' to put the file into it."
        )


def _is_held(plan: Upload, item: DriveItem | None, refusal: GraphError) -> bool:
    """Recognise a name that is taken by nothing one can see, or that was refused although it may be taken."""
    # A taken name is no reason to refuse "replace" and "rename": something invisible has it, such as an open session.
    return refusal.status == _CONFLICT and (item is None or plan.conflict != "fail")
