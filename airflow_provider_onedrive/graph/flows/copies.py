"""Flows that copy on the server: no byte passes through this machine.

Graph accepts a copy at once and tells its end at a *monitor*, an address that needs no token: it is a secret. Whether
the name is taken is told there too. https://learn.microsoft.com/en-us/graph/api/driveitem-copy and
https://learn.microsoft.com/en-us/graph/long-running-actions-overview
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_onedrive.graph.flows.destinations import (
    READS,
    ROUNDS,
    Relocation,
    clear_target,
    is_copy,
    is_same_drive,
    missing_part,
    names_for,
    parent_of,
    read_target,
    source_of,
)
from airflow_provider_onedrive.graph.flows.items import CONFLICT
from airflow_provider_onedrive.graph.protocol.addresses import Address, item_url
from airflow_provider_onedrive.graph.protocol.denials import advice_on
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    BadRequest,
    CopyLost,
    CopyUnfinished,
    GraphError,
    ItemNotFound,
    LocationError,
    Locked,
    NameAlreadyExists,
    NameHeld,
    NotSupported,
    OneDriveError,
    QuotaExceeded,
    ResyncRequired,
    ServiceUnavailable,
    Throttled,
    Unauthenticated,
)
from airflow_provider_onedrive.graph.protocol.fields import identifier, nested, objects, optional
from airflow_provider_onedrive.graph.protocol.hidden_names import hidden_names
from airflow_provider_onedrive.graph.protocol.logs import logger
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
from airflow_provider_onedrive.graph.protocol.redaction import without_urls

log = logger(__name__)

# What was just made is missing for some seconds, even by its id (recorded on a personal drive in 2026).
_SENDS = 5
_LONGEST_PAUSE = 6
"""Pauses between two questions to a monitor double so many times: from half a second to a quarter of a minute."""
_SHOWN_DETAILS = 5
_SEE_OTHER = 303
_MONITOR_STATUSES = (200, 202, _SEE_OTHER)
_ALL = 100  # per cent
_FORBIDDEN = 403
_REMAINS = "A part of the copy can remain: look at it, and delete it before you copy again."

# In lower case, as the codes below: https://learn.microsoft.com/en-us/graph/api/resources/asyncjobstatus writes
# "deleteFailed", and rclone has seen other spellings in the field errorCode of older monitors.
_FAILED = frozenset({"failed", "cancelled", "deletefailed"})
_BY_CODE: Mapping[str, type[GraphError]] = {
    "namealreadyexists": NameAlreadyExists,
    "conflict": NameAlreadyExists,
    "itemnotfound": ItemNotFound,
    "accessdenied": AccessDenied,
    "quotalimitreached": QuotaExceeded,
    "insufficientspace": QuotaExceeded,
    "activitylimitreached": Throttled,
    "toomanyrequests": Throttled,
    "resourcelocked": Locked,
    "notsupported": NotSupported,
    "servicenotavailable": ServiceUnavailable,
    "generalexception": ServiceUnavailable,
    "cancelled": ServiceUnavailable,
}


@dataclass(frozen=True)
class Copy:
    """A copy that Graph has accepted, or one that was not needed.

    :param target: the name through the id of its folder.
    :param outcome: what will have been done when it ends well.
    :param monitor_url: a secret: it needs no token.
    :param item: what is there already; there is no monitor then.
    :param is_repeated: it was asked for more than once, because an answer was lost: a taken name may be its own work.
    """

    target: Address
    drive_id: str
    folder_id: str
    outcome: str = "created"
    monitor_url: str = field(default="", repr=False)
    item: DriveItem | None = None
    is_repeated: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the destination as plain JSON, without the monitor URL; :func:`copied` needs it."""
        names = ("drive_id", "folder_id", "outcome", "is_repeated")
        return {"name": self.target.names[-1], **{name: getattr(self, name) for name in names}}


@dataclass(frozen=True)
class CopyProgress:
    """What a monitor says.

    :param percent: None where it does not say.
    :param item_id: of the copy, once it has ended well; None where even then nobody says.
    :param error: why it failed.
    """

    is_ended: bool = False
    percent: float | None = None
    item_id: str | None = None
    error: OneDriveError | None = None


def copy(plan: Relocation) -> Flow[DriveItem]:
    """Copy a file or a folder, and wait for the end.

    :raises NameAlreadyExists: if the name is taken and ``if_exists`` is ``fail``.
    :raises CopyUnfinished: if it was given up; the copy itself goes on.
    """
    plan.check()
    source = yield from source_of(plan)
    return (yield from copy_into(plan, source, (yield from parent_of(plan, source))))


def copy_into(plan: Relocation, source: DriveItem, parent: DriveItem) -> Flow[DriveItem]:
    """Copy into a folder that was read."""
    for _ in range(ROUNDS):
        started = yield from start_into(plan, source, parent)
        if started.item is not None:
            return started.item
        try:
            return (yield from _ended(started, plan.is_over))
        except (NameAlreadyExists, CopyLost) as error:
            if not begins_anew(error):
                raise
            problem: OneDriveError = error
            is_ours = started.is_repeated or isinstance(error, CopyLost)
            plan = replace(plan, may_be_ours=plan.may_be_ours or is_ours)
    raise problem


def begins_anew(error: OneDriveError) -> bool:
    """Return whether a copy that ended with this error is started again after the destination was read.

    The name was free a moment ago; or nobody knows what became of it. A name that is taken further down in a folder
    has no code of its own.
    """
    is_taken = isinstance(error, NameAlreadyExists) and not isinstance(error, NameHeld)
    return isinstance(error, CopyLost) or (is_taken and bool(getattr(error, "code", None)))


def start(plan: Relocation) -> Flow[Copy]:
    """Ask for a copy, where it is needed; do what ``if_exists`` says about a taken name.

    :raises NameAlreadyExists: if the name is taken and ``if_exists`` is ``fail``.
    """
    plan.check()
    source = yield from source_of(plan)
    return (yield from start_into(plan, source, (yield from parent_of(plan, source))))


def start_into(plan: Relocation, source: DriveItem, parent: DriveItem) -> Flow[Copy]:
    """Ask for a copy into a folder that is known.

    It is always asked for under a free name and with ``fail``: so one that was asked for twice is there once.
    """
    target = plan.target(source.name, parent)
    _refuse_onto_itself(plan, source, parent)
    outcome, refusal = "created", _taken(target)
    for address in names_for(plan, target, is_folder=source.is_folder):
        existing = yield from read_target(address)
        begun = Copy(address, parent.drive_id, parent.id, outcome if address is target else "renamed")
        if existing is None:
            try:
                return (yield from _begin(begun, source, parent))
            except ItemNotFound as missing:
                raise (yield from missing_part(plan, source, missing, "copy to")) from None
            except NameAlreadyExists as taken:
                refusal = taken
        elif plan.may_be_ours and (yield from is_copy(existing, source, address)):
            return replace(begun, item=replace(existing, outcome="already_there" if plan.retrying else begun.outcome))
        elif item := (yield from clear_target(plan, source, existing, refusal)):
            return replace(begun, item=item)
        else:
            outcome = "replaced"
    raise NameHeld.of(refusal)


def progress(monitor_url: str, reads: int = 0) -> Flow[CopyProgress]:
    """Ask a monitor once. Its status counts, not that of HTTP: 200, 202 and 303 have all been seen.

    :param looks: how often it was asked before; the driver pauses accordingly.
    """
    pauses = min(reads, _LONGEST_PAUSE)
    try:
        response = yield Request(
            "GET", monitor_url, preauthorized=True, expected_statuses=_MONITOR_STATUSES, failures=pauses
        )
    except (ItemNotFound, AccessDenied, Unauthenticated, ResyncRequired, BadRequest) as gone:
        # A personal drive keeps a monitor for about four hours after the end (OD#63); for others nothing is known.
        return CopyProgress(is_ended=True, error=CopyLost(f"The monitor of the copy is gone: {gone.message}"))
    return _read(response)


def copied(target: Address, copy: Mapping[str, Any], item_id: str | None) -> Flow[DriveItem]:
    """Read what was copied.

    :param target: the folder it went into.
    :param copy: what :meth:`Copy.to_dict` gave.
    :param item_id: as the monitor said; None looks by name.
    """
    address = target.below(copy["name"]).through(copy["drive_id"], copy["folder_id"])
    return (yield from _read_copy(Copy(address, copy["drive_id"], copy["folder_id"], copy["outcome"]), item_id))


def wait_for(monitor_url: str, is_over: Callable[[], bool] = lambda: False) -> Flow[CopyProgress]:
    """Ask a monitor until what it watches has ended, with growing pauses.

    :raises OneDriveError: if it failed.
    """
    reads = 0
    while True:
        now = yield from progress(monitor_url, reads)
        if now.error is not None:
            raise now.error
        if now.is_ended:
            return now
        if is_over():
            raise CopyUnfinished("It was still going on when time was up")
        reads += 1
        log.info("On the server: %s", progress_text(now))


def progress_text(now: CopyProgress) -> str:
    """Return the progress of a copy in words."""
    return "under way" if now.percent is None else f"{now.percent:g} %"


def _begin(begun: Copy, source: DriveItem, parent: DriveItem) -> Flow[Copy]:
    """Ask; where the answer is lost, look whether the copy appears, and else ask again.

    :raises NameAlreadyExists: if Graph says so at once.
    """
    is_repeated = False
    for failures in range(_SENDS):
        try:
            response = yield _request(begun, source, parent, failures)
        except ItemNotFound as missing:
            # Source and folder were just read: a write may not see yet what a read saw, and such a 404 passes.
            problem: Exception = missing
        except OutcomeUnknown as unknown:
            problem, is_repeated = unknown, True
        else:
            if url := response.headers.get("location"):
                return replace(begun, monitor_url=url, is_repeated=is_repeated)
            problem, is_repeated = _no_monitor(response), True
        if is_repeated and (item := (yield from _appeared(begun, source))):
            return replace(begun, item=replace(item, outcome=begun.outcome))
    raise problem


def _request(begun: Copy, source: DriveItem, parent: DriveItem, failures: int) -> Request:
    # A personal drive does not support conflictBehavior here, and fails on a taken name by itself.
    query = "" if parent.drive_type == "personal" else f"?{CONFLICT}=fail"
    return Request(
        "POST",
        f"{item_url(source.drive_id, source.id, 'copy')}{query}",
        json={"parentReference": {"driveId": parent.drive_id, "id": parent.id}, "name": begun.target.names[-1]},
        repeat=Repeat.IF_REFUSED,
        failures=failures,
        expected_statuses=MAY_END_LATER,
        etags={source.id: source.etag},
    )


def _appeared(begun: Copy, source: DriveItem) -> Flow[DriveItem | None]:
    """Look some times whether a copy appears, complete."""
    for reads in range(READS):
        existing = yield from read_target(begun.target, reads)
        if existing is not None and (yield from is_copy(existing, source, begun.target)):
            return existing
    return None


def _ended(started: Copy, is_over: Callable[[], bool]) -> Flow[DriveItem]:
    now = yield from wait_for(started.monitor_url, is_over)
    return (yield from _read_copy(started, now.item_id))


def _read_copy(copy: Copy, item_id: str | None) -> Flow[DriveItem]:
    """Read it by its id, or by its name where that leads nowhere; it may not be visible everywhere yet."""
    # The second way is needed on personal drives: their monitors name the copy by an id in the form of work or school.
    by_id = [copy.target.by_id(copy.drive_id, item_id)] if item_id else []
    for reads in range(READS):
        for address in (*by_id, copy.target):
            try:
                item = yield from read_target(address, reads)
            except BadRequest:  # a monitor may name an id of another form, which the drive does not read
                if address is copy.target:
                    raise
                item, by_id = None, []
            if item is not None:
                return replace(item, outcome=copy.outcome)
    raise CopyLost("The copy has ended, and nothing can be seen of it")


def _read(response: Response) -> CopyProgress:
    body = response.json or {}
    status = (optional(body, "status", str) or "").lower()
    if status in _FAILED:
        return CopyProgress(is_ended=True, error=_failure(status, body))
    if status == "completed":
        return CopyProgress(is_ended=True, percent=100.0, item_id=_id_of(body, "resourceId"))
    # Monitors of older personal drives redirect to the item, and have no status of their own (OD#852).
    if not status and (response.status == _SEE_OTHER or "id" in body):
        return CopyProgress(is_ended=True, percent=100.0, item_id=_id_of(body, "id"))
    # Microsoft's page of the monitor has one spelling, and its page of the copy has both.
    percent = body.get("percentageComplete", body.get("percentComplete"))
    return CopyProgress(percent=float(percent) if isinstance(percent, (int, float)) and 0 <= percent <= _ALL else None)


def _id_of(body: Mapping[str, Any], name: str) -> str | None:
    return identifier(body, name) if body.get(name) else None


def _failure(status: str, body: Mapping[str, Any]) -> GraphError:
    """Make the error of a copy that failed; of a tree only the details have codes, and a part of it can remain."""
    error = nested(body, "error")
    details = objects(error, "details") if error.get("details") else []
    # Older monitors have errorCode instead: "NameAlreadyExists", or "AccessDenied_" and a reason.
    code = optional(error, "code", str) or (optional(body, "errorCode", str) or "").partition("_")[0] or None
    codes = [code, *(optional(each, "code", str) for each in details), status]
    kind = next((kind for each in codes if each and (kind := _BY_CODE.get(each.lower()))), BadRequest)
    reason = optional(error, "message", str) or f"The copy ended as {status}"
    message = " ".join(filter(None, (reason, _in_words(details))))
    denial = advice_on(_FORBIDDEN, *codes, message) if kind is AccessDenied else None
    advice = " ".join(filter(None, (denial, _REMAINS if details else None))) or None
    return kind(without_urls(hidden_names.without_quotes(message)), code=code, advice=advice)


def _in_words(details: Iterable[Mapping[str, Any]]) -> str:
    lines = [f"{each.get('target') or '?'}: {each.get('message') or each.get('code')}" for each in details]
    more = f" and {len(lines) - _SHOWN_DETAILS} more" if len(lines) > _SHOWN_DETAILS else ""
    return f"({'; '.join(lines[:_SHOWN_DETAILS])}{more})" if lines else ""


def _refuse_onto_itself(plan: Relocation, source: DriveItem, parent: DriveItem) -> None:
    """Refuse to let an item make way for its own copy.

    :raises LocationError: if source and target are the same.
    """
    is_beside = source.parent_id == parent.id and is_same_drive(source, parent)
    is_named_alike = comparison_key(plan.name or source.name) == comparison_key(source.name)
    if is_beside and is_named_alike and plan.if_exists != "rename":
        raise LocationError(
            f"{plan.source} would be copied onto itself.", advice="Give another name, or pass if_exists='rename'."
        )


def _taken(target: Address) -> NameAlreadyExists:
    return NameAlreadyExists(f"The name {target.names[-1]!r} is taken at the destination")


def _no_monitor(response: Response) -> OutcomeUnknown:
    return OutcomeUnknown(
        ServiceUnavailable("Graph did not say where to ask for the copy", status=response.status, method="POST")
    )
