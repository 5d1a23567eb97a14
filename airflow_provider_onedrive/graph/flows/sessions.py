"""Flows of an upload session: how one begins, is filled fragment by fragment, goes on after trouble, and ends.

https://learn.microsoft.com/en-us/graph/api/driveitem-createuploadsession
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_onedrive.graph.flows.deduplication import find_ours
from airflow_provider_onedrive.graph.flows.items import CONFLICT, item_of
from airflow_provider_onedrive.graph.flows.upload_plan import Upload
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    BadRequest,
    GraphError,
    ItemNotFound,
    Locked,
    NotSupported,
    OneDriveError,
    QuotaExceeded,
    RangeNotSatisfiable,
    ServiceUnavailable,
    TakenOver,
    Unauthenticated,
)
from airflow_provider_onedrive.graph.protocol.fields import nested, optional
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.protocol.messages import (
    MAY_END_LATER,
    Flow,
    OutcomeUnknown,
    Repeat,
    Request,
    Response,
)
from airflow_provider_onedrive.graph.protocol.models import DriveItem, UploadSession, next_expected_byte
from airflow_provider_onedrive.graph.protocol.options import MAX_FRAGMENT_BYTES, UNIT_BYTES

log = logger(__name__)

FRAGMENT_BYTES = 32 * UNIT_BYTES
"""10 MiB: what the first fragments have, small enough for three minutes on a slow line."""
QUOTA_CHECK_BYTES = 64 * 1024 * 1024
"""From this size on the drive is asked for room before anything is sent."""

# The storage gives up after about three minutes, so a fragment that doubles from two seconds is far from that.
_FAST_SECONDS = 2.0
_SESSIONS = 3
_STATUS_READS = 4
_FAILURES = 7
_COMMITS = 3
_CANCEL_SECONDS = 3.0
_TIMED_OUT = 504
_SOURCE_URL = "@microsoft.graph.sourceUrl"


class SessionLost(OneDriveError):
    """The upload session is gone: it was committed, it expired, or its URL did."""

    is_retryable = True


class FragmentSize:
    """How large the next fragment is: it grows while the line is fast, and shrinks when the service gives up on one.

    :param fixed_bytes: what it stays at unless the service gives up; None lets it grow.
    """

    def __init__(self, fixed_bytes: int | None) -> None:
        self.bytes = fixed_bytes or FRAGMENT_BYTES
        self._most = fixed_bytes or MAX_FRAGMENT_BYTES

    def passed(self, seconds: float) -> None:
        """Note that a fragment took so long."""
        if seconds < _FAST_SECONDS:
            self.bytes = min(2 * self.bytes, self._most)

    def timed_out(self) -> None:
        """Note that the service gave up waiting for a fragment, after about three minutes."""
        self.bytes = self._most = max(self.bytes // 2 // UNIT_BYTES, 1) * UNIT_BYTES


@dataclass
class _Progress:
    """Where a session stands.

    :param is_proven: it has answered, so a 404 means that it is gone; before, that it is perhaps not visible yet.
    :param failures: how often in a row nothing was gained.
    :param problem: what came in between last.
    """

    start: int = 0
    is_proven: bool = False
    failures: int = 0
    problem: OneDriveError | None = None

    def goes_on_at(self, next_byte: int) -> None:
        """Note where the session wants to go on.

        :raises OneDriveError: what is in the way, when nothing was gained too often.
        """
        self.failures = 0 if next_byte > self.start else self.failures + 1
        self.start = next_byte
        if self.failures == _FAILURES:
            raise self.problem or SessionLost("the session takes no more bytes")


def by_session(plan: Upload, session: UploadSession | None) -> Flow[tuple[DriveItem, int | None]]:
    """Upload by a session.

    :param session: one that an earlier try left; None makes one.
    :return: the item, and the status of the answer; None where the item was found without an answer.
    """
    for _ in range(_SESSIONS):
        try:
            response = yield from _fill(plan, session)
        except SessionLost as lost:
            reason, session = lost.message, None
            plan.open_session.closed()
            log.info("The upload session is lost (%s).", reason)
            if item := (yield from find_ours(plan)):
                return item, None
        else:
            plan.open_session.closed()
            return item_of(response, plan.address), response.status
    # Seen also where a file is shared and its folder is not (OD#1231): each session is made, and then missing.
    raise ServiceUnavailable(f"{_SESSIONS} upload sessions were lost one after the other: {reason}")


def cancellation(session: UploadSession, *, is_fenced: bool = True) -> Request:
    """Make the request that ends a session, so that it does not hold the name."""
    return Request(
        "DELETE", session.upload_url, preauthorized=True, is_fenced=is_fenced, timeout_seconds=_CANCEL_SECONDS
    )


def left_by_earlier_try(plan: Upload) -> Flow[UploadSession | None]:
    """Return the session that an earlier try left for the same purpose; one for another is cancelled."""
    kept = plan.open_session.take_up(plan.purpose)
    if kept is None:
        return None
    if not kept.objection:
        return kept.session
    log.info("An earlier try left an upload session for %s; the upload starts anew.", kept.objection)
    yield from _cancel(kept.session)
    plan.open_session.closed()
    return None


def _cancel(session: UploadSession, *, is_fenced: bool = True) -> Flow[None]:
    try:
        yield cancellation(session, is_fenced=is_fenced)
    except TakenOver:
        raise
    except (OneDriveError, OutcomeUnknown) as problem:
        log.info("That session could not be cancelled: %s", problem)


def _fill(plan: Upload, session: UploadSession | None) -> Flow[Response]:
    """Send what is missing; without a session, into a new one.

    :raises SessionLost: if it is gone.
    """
    progress = _Progress(is_proven=session is not None)
    if session is None:
        session = yield from _create(plan)
        plan.open_session.on_resumed(0)
    else:
        status = yield from _status(session, progress)
        # The session's own count: files of 4 GiB and more went wrong where a client trusted its offset (AB#3276).
        byte = next_expected_byte(status.body, plan.source.size)
        progress.start = plan.source.size if byte is None else byte
        log.info("Going on with an earlier try's upload at byte %d of %d.", progress.start, plan.source.size)
        plan.open_session.on_resumed(progress.start)
        if byte is None:
            return (yield from _complete(plan, session, progress))
    return (yield from _send_all(plan, session, progress))


def _create(plan: Upload) -> Flow[UploadSession]:
    yield from _check_quota(plan)
    info = {"fileSystemInfo": plan.file_system_info} if plan.file_system_info else {}
    response = yield Request(
        "POST",
        plan.address.url("createUploadSession"),
        headers=plan.headers,
        # The time of the file here, because a PATCH afterwards would make a second version of it (RC#1716).
        json={"item": {CONFLICT: plan.conflict, **info}},
        failures=plan.failures,
        waits_for_lock=plan.waits_for_lock,
    )
    session = UploadSession.from_json(response.body)
    try:
        plan.open_session.opened(session, plan.purpose)
    except TakenOver:
        # The request was on its way when the other try began, which does not know this session: it would hold the name.
        yield from _cancel(session, is_fenced=False)
        raise
    return session


def _check_quota(plan: Upload) -> Flow[None]:
    """Ask for room before a large upload rather than be refused after it. Graph need not say how much there is.

    :raises QuotaExceeded: if there is surely too little.
    """
    if plan.source.size < QUOTA_CHECK_BYTES:
        return
    try:
        drive = yield Request("GET", f"{plan.address.drive}?$select=quota")
    except GraphError:
        return  # whoever may write need not be allowed to ask
    # Drives that are shared with the user and some tenants have no "remaining", or 0, whatever is free.
    quota = nested(drive.body, "quota")
    remaining = optional(quota, "remaining", int) or (0 if quota.get("state") == "exceeded" else None)
    if remaining is not None and remaining < plan.source.size:
        raise QuotaExceeded(f"The file has {plan.source.size} bytes, and the drive has room for {remaining} more.")


def _send_all(plan: Upload, session: UploadSession, progress: _Progress) -> Flow[Response]:
    size = FragmentSize(plan.options.fragment_bytes)
    while True:
        response = yield from _send_next(plan, session, progress, size)
        if "id" in response.body:
            return response
        next_byte = next_expected_byte(response.body, plan.source.size)
        if next_byte is None:
            return (yield from _complete(plan, session, progress))
        # It may lie within the fragment: Graph was seen to keep a part of one (OD#75).
        progress.goes_on_at(next_byte)


def _send_next(plan: Upload, session: UploadSession, progress: _Progress, size: FragmentSize) -> Flow[Response]:
    """Send one fragment; where that fails in a way that may pass, ask the session where it stands."""
    length = min(size.bytes, plan.source.size - progress.start)
    try:
        response = yield _fragment(plan, session, progress, length)
    except OutcomeUnknown as unknown:
        progress.problem = unknown.cause
        progress.is_proven |= progress.start + length == plan.source.size  # it may have become the file
        if getattr(unknown.cause, "status", None) == _TIMED_OUT:
            size.timed_out()
    except Locked as locked:
        if not plan.waits_for_lock:
            raise
        progress.problem = locked
    except (RangeNotSatisfiable, ItemNotFound, AccessDenied, Unauthenticated) as problem:
        # 416 also comes for bytes that Graph has already.
        progress.problem = problem
    else:
        progress.is_proven = True
        size.passed(response.seconds)
        return response
    return (yield from _status(session, progress))


def _fragment(plan: Upload, session: UploadSession, progress: _Progress, length: int) -> Request:
    start = progress.start
    return Request(
        "PUT",
        session.upload_url,
        headers={"Content-Range": f"bytes {start}-{start + length - 1}/{plan.source.size}"},
        body=plan.body(start, length),
        body_bytes=length,
        repeat=Repeat.IF_REFUSED,  # else only what the session lacks is sent again
        preauthorized=True,
        expected_statuses=MAY_END_LATER,
        is_fenced=start + length == plan.source.size,  # the last one makes the file; the others change nothing yet
        failures=progress.failures,
        waits_for_lock=False,
        subject=plan.address.url(),
    )


def _status(session: UploadSession, progress: _Progress) -> Flow[Response]:
    """Ask a session where it stands.

    :raises SessionLost: if it is gone, or its URL has expired before it.
    """
    reads = 0
    while True:
        try:
            response = yield Request("GET", session.upload_url, preauthorized=True, failures=reads)
        except (ItemNotFound, AccessDenied, Unauthenticated) as problem:
            # A new session may not be visible yet (RC#8545: 404). 403 is a URL that has expired (AB#3355).
            reads += 1
            if progress.is_proven or reads > _STATUS_READS or not isinstance(problem, ItemNotFound):
                raise SessionLost(problem.message) from None
        else:
            progress.is_proven = True
            return response


def _complete(plan: Upload, session: UploadSession, progress: _Progress) -> Flow[Response]:
    """Commit a session that has all bytes, where its last fragment did not.

    https://learn.microsoft.com/en-us/graph/api/driveitem-createuploadsession#handle-upload-conflicts
    """
    for failures in range(_COMMITS):
        try:
            return (yield _commit(plan, session, failures))
        except OutcomeUnknown as unknown:
            problem = unknown.cause
            yield from _status(session, progress)
        except (BadRequest, NotSupported, ItemNotFound) as refused:
            yield from _cancel(session)  # or it would hold the name
            raise SessionLost(refused.message) from None
    raise problem


def _commit(plan: Upload, session: UploadSession, failures: int) -> Request:
    name = {"name": plan.address.names[-1]} if plan.address.names else {}
    return Request(
        "PUT",
        plan.address.url(),
        headers=plan.headers,
        json={**name, CONFLICT: plan.conflict, _SOURCE_URL: session.upload_url},
        repeat=Repeat.IF_REFUSED,
        failures=failures,
        waits_for_lock=plan.waits_for_lock,
    )
