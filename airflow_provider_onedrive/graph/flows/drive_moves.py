"""Flows that let Graph itself move an item to another drive, for ``cross_drive="move"``.

Microsoft's page says that no move crosses drives. Recordings of 2018 to 2026 show that it does, with the header
``Prefer: respond-async``: the item keeps its id and its versions, and a folder goes with all that is in it. One of them
shows 404 as the answer to a move that was made, so nothing but the two places tells how a move has ended.

https://learn.microsoft.com/en-us/graph/api/driveitem-move and https://github.com/n8n-io/n8n/issues/32911
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from airflow_provider_onedrive.graph.flows.absence import has_gone
from airflow_provider_onedrive.graph.flows.copies import wait_for
from airflow_provider_onedrive.graph.flows.destinations import (
    READS,
    Relocation,
    clear_target,
    is_same_drive,
    names_for,
    read_target,
)
from airflow_provider_onedrive.graph.flows.items import item_of
from airflow_provider_onedrive.graph.flows.removals import not_deleted
from airflow_provider_onedrive.graph.protocol.addresses import Address, item_url
from airflow_provider_onedrive.graph.protocol.errors import (
    BadRequest,
    CopyLost,
    CopyUnfinished,
    ItemNotFound,
    NameAlreadyExists,
    NameHeld,
    NotSupported,
    OneDriveError,
    ServiceUnavailable,
)
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.protocol.messages import MAY_END_LATER, Flow, OutcomeUnknown, Repeat, Request
from airflow_provider_onedrive.graph.protocol.models import DriveItem

log = logger(__name__)

# As an answer to the PATCH itself they say that Graph moves nothing between these drives.
_REFUSALS = frozenset({400, 405, 501})
_SENDS = 3
_PREFER = {"Prefer": "respond-async"}


@dataclass(frozen=True)
class Asked:
    """What was heard of a request.

    :param problem: why it is not known what became of it.
    :param item_id: by which the monitor names the item.
    :param is_accepted: a monitor was named, or a success was answered.
    """

    problem: OneDriveError | None
    item_id: str | None = None
    is_accepted: bool = False


@dataclass(frozen=True)
class Sighting:
    """Where an item was seen, by its id: at its destination, where it was, in both places, or in none.

    :param there: the item in its new folder.
    :param is_here: it is in the drive and the folder in which it was first read.
    """

    there: DriveItem | None
    is_here: bool

    @property
    def is_moved(self) -> bool:
        return self.there is not None and not self.is_here


def move_there(plan: Relocation, source: DriveItem, parent: DriveItem) -> Flow[DriveItem | None]:
    """Move an item to another drive; None if Graph refuses that, and nothing was done.

    :raises NameAlreadyExists: if the name is taken and ``if_exists`` is ``fail``.
    :raises ServiceUnavailable: if it is not clear where the item is.
    """
    target = plan.target(source.name, parent)
    outcome, refusal = "created", NameAlreadyExists(f"The name {target.names[-1]!r} is taken at the destination")
    for address in names_for(plan, target, is_folder=source.is_folder):
        existing = yield from read_target(address)
        if existing is None:
            try:
                item = yield from _move(plan, source, parent, address)
            except NameAlreadyExists as taken:
                refusal = taken
                continue
            return item and replace(item, outcome=outcome if address is target else "renamed")
        if skipped := (yield from clear_target(plan, source, existing, refusal)):
            return skipped
        outcome = "replaced"
    raise NameHeld.of(refusal)


def is_unmoved(source: DriveItem, address: Address) -> Flow[bool]:
    """Return whether an item that is to be deleted is where it was first read, and not gone.

    :raises ServiceUnavailable: if it is elsewhere: then it may be the very item that was moved.
    """
    try:
        response = yield Request("GET", item_url(source.drive_id, source.id))
    except ItemNotFound as missing:
        if (yield from has_gone(source)):
            return False
        raise not_deleted(missing) from None
    if not _is_in(item_of(response, address), source.drive_id, source.parent_id):
        raise ServiceUnavailable(f"{address} is not where it was when it was read; nothing was deleted")
    return True


def _move(plan: Relocation, source: DriveItem, parent: DriveItem, address: Address) -> Flow[DriveItem | None]:
    """Ask for a move, and look where the item is then; None if Graph refuses it.

    :raises ServiceUnavailable: if it is not clear where the item is, with both places.
    """
    asked = Asked(None)
    for failures in range(_SENDS):
        try:
            asked = yield from _ask(plan, source, parent, address, failures)
        except (BadRequest, NotSupported) as refused:
            # After another answer the first request may still be under way, and a copy would be a second file.
            if failures or refused.status not in _REFUSALS:
                raise _unclear(source, parent, address, refused) if failures else refused from None
            log.info("Graph does not move between these drives (%s): a file is copied instead.", refused.code)
            return None
        sighting = yield from _find(source, parent, address, asked)
        if sighting.is_moved:
            return sighting.there
        # Only where nothing was accepted, and the item is where it was, the same request moves the same item.
        if asked.is_accepted or not sighting.is_here or sighting.there is not None:
            break
    raise _unclear(source, parent, address, asked.problem) from asked.problem


def _ask(plan: Relocation, source: DriveItem, parent: DriveItem, address: Address, failures: int) -> Flow[Asked]:
    """Send the request, and wait for the monitor that it may name."""
    body = {"parentReference": {"driveId": parent.drive_id, "id": parent.id}, "name": address.names[-1]}
    url = item_url(source.drive_id, source.id)
    try:
        response = yield Request(
            "PATCH",
            url,
            json=body,
            headers=_PREFER,
            repeat=Repeat.IF_REFUSED,
            failures=failures,
            expected_statuses=MAY_END_LATER,
        )
    except OutcomeUnknown as unknown:
        return Asked(unknown.cause)
    except (ItemNotFound, ServiceUnavailable) as failed:
        return Asked(failed)  # seen as the answer to a move that was made
    monitor_url = response.headers.get("location")
    try:
        item_id = (yield from wait_for(monitor_url, plan.is_over)).item_id if monitor_url else None
    except CopyLost:
        return Asked(None, is_accepted=True)  # the two places say it
    except CopyUnfinished as unfinished:
        raise unfinished.with_advice("The move itself goes on: a later attempt finds the item.") from None
    except OneDriveError as failed:
        return Asked(failed, is_accepted=True)
    return Asked(None, item_id, is_accepted=True)


def _find(source: DriveItem, parent: DriveItem, address: Address, asked: Asked) -> Flow[Sighting]:
    """Look some times where the item is: in both places, or in none, it may still be under way.

    :raises OneDriveError: if the monitor said that the move failed, and the item is where it was.
    """
    sighting = Sighting(None, is_here=True)
    for reads in range(READS):
        sighting = yield from _read_both(source, parent, address, asked.item_id, reads)
        if sighting.is_moved:
            return sighting
        if asked.problem is not None and _is_final(asked.problem) and sighting.there is None and sighting.is_here:
            raise asked.problem
    return sighting


def _is_final(problem: OneDriveError) -> bool:
    """Return whether an error says that nothing was done, and nothing is under way."""
    return not isinstance(problem, (ItemNotFound, ServiceUnavailable))


def _read_both(
    source: DriveItem, parent: DriveItem, address: Address, item_id: str | None, reads: int
) -> Flow[Sighting]:
    """Look for the item in both drives, by its id."""
    there = None
    for each in dict.fromkeys((item_id or source.id, source.id)):
        there = there or (yield from _read(address.by_id(parent.drive_id, each), reads))
    if there is not None and not _is_in(there, parent.drive_id, parent.id):
        there = None
    here = yield from _read(address.by_id(source.drive_id, source.id), reads)
    is_here = here is not None and _is_in(here, source.drive_id, source.parent_id)
    located = there and replace(there, location=address.locate(there.drive_id, there.id, there.path))
    return Sighting(located, is_here)


def _read(address: Address, reads: int) -> Flow[DriveItem | None]:
    try:
        return (yield from read_target(address, reads))
    except BadRequest:  # an id of another form, which the drive does not read
        return None


def _is_in(item: DriveItem, drive_id: str, parent_id: str | None) -> bool:
    """Return whether an item is in a drive and a folder; what an answer leaves out says nothing."""
    is_drive = not item.drive_id or is_same_drive(item, replace(item, drive_id=drive_id))
    return is_drive and item.parent_id in (parent_id, None)


def _unclear(
    source: DriveItem, parent: DriveItem, address: Address, problem: OneDriveError | None
) -> ServiceUnavailable:
    reason = f" after Graph said: {problem.message}" if problem is not None else ""
    return ServiceUnavailable(
        f"It is not clear whether items/{source.drive_id}/{source.id} was moved to {address}, as "
        f"items/{parent.drive_id}/{source.id}{reason}",
        method="PATCH",
        path=item_url(source.drive_id, source.id),
        advice="Nothing was deleted: look at both places, and retry later.",
    )
