"""Flows that put content into a drive: one PUT for a small file, an upload session for a larger one.

https://learn.microsoft.com/en-us/graph/api/driveitem-put-content and
https://learn.microsoft.com/en-us/graph/api/driveitem-createuploadsession
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from airflow_provider_onedrive.graph.content.hashing import EVERY_DRIVE, PERSONAL, Comparison, Digests
from airflow_provider_onedrive.graph.content.sources import Source
from airflow_provider_onedrive.graph.flows.absence import folder_surely, holder_of, surely
from airflow_provider_onedrive.graph.flows.deduplication import (
    compared,
    find_ours,
    find_ours_or_free,
    free_name,
    is_same,
    refused,
)
from airflow_provider_onedrive.graph.flows.folder_cache import FolderCache
from airflow_provider_onedrive.graph.flows.items import CONFLICT, expect_file, file, item_of, stat_or_none
from airflow_provider_onedrive.graph.flows.session_state import OpenSession
from airflow_provider_onedrive.graph.flows.sessions import by_session, left_by_earlier_try
from airflow_provider_onedrive.graph.flows.upload_plan import Upload, check_etag
from airflow_provider_onedrive.graph.protocol.addresses import Address
from airflow_provider_onedrive.graph.protocol.errors import (
    BadRequest,
    GraphError,
    ItemNotFound,
    LocalFileError,
    LocationError,
    NameAlreadyExists,
    NameHeld,
    NotFound,
    OneDriveError,
    PreconditionFailed,
    VerificationFailed,
)
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.protocol.messages import Flow, OutcomeUnknown, Repeat, Request
from airflow_provider_onedrive.graph.protocol.models import MAX_FILE_BYTES, DriveItem
from airflow_provider_onedrive.graph.protocol.names import comparison_key
from airflow_provider_onedrive.graph.protocol.options import IfExists, UploadOptions, check_choice

log = logger(__name__)

_SENDS = 5
_VERSIONS = 3
"""How many versions that others make meanwhile an update follows."""
_RENAMES = 4
"""How many free names may be taken by others before they are used."""
# Microsoft's page shows 201 for both; in practice Graph answers 200 if it replaced a file.
_CREATED, _TIMED_OUT = 201, 504


def create(
    address: Address,
    source: Source,
    if_exists: str,
    *,
    create_folders: bool = False,
    options: UploadOptions = UploadOptions(),
    open_session: OpenSession | None = None,
    folder_cache: FolderCache | None = None,
) -> Flow[DriveItem]:
    """Put content under a name in a folder, which must exist unless ``create_folders``.

    :param if_exists: what happens when the name is taken; Graph decides about it, not a look before.
    :param folder_cache: folders that were read a moment ago.
    :raises ItemNotFound: if the folder is missing; Graph's PUT would make it silently.
    """
    check_choice("if_exists", if_exists, IfExists)
    _check(source, options)
    if address.is_base and if_exists in ("fail", "rename"):
        raise LocationError(f"{address} names an item that exists.", advice="Update it, or name its folder and a name.")
    if address.is_base:
        item = yield from surely(address, file)
        plan = _plan(address.by_id(item.drive_id, item.id), item, source, options, open_session)
        return (yield from _put_by_policy(plan, if_exists))
    folders = FolderCache() if folder_cache is None else folder_cache
    put = partial(put_into, options=options, open_session=open_session)
    if (parent := folders.get(address.parent)) is not None:
        try:
            return (yield from put(parent, address, source, if_exists))
        except NotFound:  # the folder has gone, or was made anew
            folders.forget(address.parent)
    # A look before: PUT makes missing folders of a path by itself (OD#83), even those with a typing error.
    parent = yield from folder_surely(address.parent, create=create_folders)
    folders.note(address.parent, parent)
    return (yield from put(parent, address, source, if_exists))


def put_into(
    parent: DriveItem,
    address: Address,
    source: Source,
    if_exists: str,
    *,
    options: UploadOptions = UploadOptions(),
    open_session: OpenSession | None = None,
) -> Flow[DriveItem]:
    """Put content into a folder that was read, under the last name of the address."""
    target = address.through(parent.drive_id, parent.id)
    return (yield from _put_by_policy(_plan(target, parent, source, options, open_session), if_exists))


def _put_by_policy(plan: Upload, if_exists: str) -> Flow[DriveItem]:
    return (yield from _POLICIES.get(if_exists, upload)(replace(plan, conflict=if_exists)))


def _plan(
    target: Address, item: DriveItem, source: Source, options: UploadOptions, open_session: OpenSession | None
) -> Upload:
    """Plan an upload.

    :param item: the folder of the target, or the target itself.
    """
    session = open_session or OpenSession()
    return Upload(
        target,
        source,
        _digests(source, item, options),
        retrying=session.attempt.retrying,
        options=options,
        open_session=session,
    )


def update(
    address: Address,
    source: Source,
    *,
    expected_etag: str | None = None,
    options: UploadOptions = UploadOptions(),
    open_session: OpenSession | None = None,
) -> Flow[DriveItem]:
    """Replace the content of a file that exists, addressed by its id: gone meanwhile is an error, not a new file.

    :raises ItemNotFound: if there is no such file.
    """
    check_etag(expected_etag)
    _check(source, options)
    item = yield from surely(address, file)
    for _ in range(_VERSIONS):
        plan = _plan(address.by_id(item.drive_id, item.id), item, source, options, open_session)
        try:
            plan = replace(plan, conflict="replace", if_match=expected_etag, seen_etag=item.etag)
            if plan.retrying and not plan.by_session and (yield from is_same(item, plan)):
                return replace(item, outcome="already_there")  # else it would get another version
            return (yield from upload(plan))
        except PreconditionFailed as changed:
            if expected_etag is not None:
                raise
            problem = changed
        item = yield from file(plan.address)
    raise problem


def upload(plan: Upload) -> Flow[DriveItem]:
    """Put the content there and compare what Graph has then; the item's ``outcome`` says what became of it.

    :raises NameAlreadyExists: if the name is taken and ``conflict`` is ``fail``.
    :raises PreconditionFailed: if the file is no longer the version of ``if_match``.
    :raises LocationError: if a folder has the name.
    :raises VerificationFailed: if Graph twice has something else than was sent.
    """
    item = yield from _send_until_stored(plan)
    return item if item.outcome == "already_there" else (yield from _verify(plan, item))


def _rename(plan: Upload) -> Flow[DriveItem]:
    """Take the next free name, ``a 1.csv``, where the name is taken by a file.

    Each name is asked for with ``fail``. With Graph's own ``rename`` a request of an earlier try, which comes late,
    would make a second file.
    """
    first, plan = plan.address, replace(plan, conflict="fail")
    for number in range(_RENAMES):
        if plan.retrying:
            # Each time, for the name before it may have been taken for free only because a look missed its holder.
            address, ours = yield from find_ours_or_free(replace(plan, address=first))
            if ours is not None:
                return replace(ours, outcome="already_there")
            plan = replace(plan, address=address)
        elif number:
            plan = replace(plan, address=(yield from free_name(first)))
        try:
            item = yield from upload(plan)
        except NameHeld:
            raise
        except NameAlreadyExists as taken:
            refusal = taken
        else:
            is_new = item.outcome == "created" and plan.address != first
            return replace(item, outcome="renamed") if is_new else item
    raise refusal


def _skip(plan: Upload) -> Flow[DriveItem]:
    """Leave alone whatever is there."""
    item = yield from stat_or_none(plan.address)
    if item is None:
        try:
            return (yield from upload(replace(plan, conflict="fail")))
        except NameHeld:
            raise
        except NameAlreadyExists:
            item = yield from holder_of(plan.address)
            if item is None:
                raise
    return replace(expect_file(item, plan.address), outcome="skipped")


def _skip_if_same(plan: Upload) -> Flow[DriveItem]:
    """Send nothing where the same content is there; else replace exactly the version that was looked at."""
    for _ in range(2):
        item = yield from stat_or_none(plan.address)
        if item is not None and (yield from is_same(expect_file(item, plan.address), plan)):
            return replace(item, outcome="skipped")
        try:
            return (yield from upload(_against(item, plan)))
        except (NameAlreadyExists, PreconditionFailed) as changed:
            problem: GraphError = changed
        except ItemNotFound as gone:
            if item is None:
                raise
            problem = gone
    raise problem


def _against(item: DriveItem | None, plan: Upload) -> Upload:
    """Plan to create where nothing is, or to replace one version of one file."""
    if item is None:
        return replace(plan, conflict="fail")
    return replace(plan, address=plan.address.by_id(item.drive_id, item.id), conflict="replace", if_match=item.etag)


_POLICIES: Mapping[str, Callable[[Upload], Flow[DriveItem]]] = {
    "rename": _rename,
    "skip": _skip,
    "skip_if_same": _skip_if_same,
}


def _send_until_stored(plan: Upload) -> Flow[DriveItem]:
    """Send until Graph has it; where an answer was lost, look before sending again."""
    for failures in range(_SENDS):
        try:
            return (yield from _send(replace(plan, failures=failures)))
        except OutcomeUnknown as unknown:
            if item := (yield from find_ours(plan)):
                return _with_outcome(item, plan, is_new=plan.conflict != "replace")
            problem: Exception = unknown
            plan = replace(plan, retrying=True, options=_after(unknown, plan.options))
        except ItemNotFound as missing:
            # The folder, or the file, was just read: a write may not see yet what a read saw, and such a 404 passes.
            problem = missing
    raise problem


def _after(unknown: OutcomeUnknown, options: UploadOptions) -> UploadOptions:
    """Send smaller parts when the service gave up waiting for the whole."""
    # The storage gives up after about three minutes: rclone made its fragments smaller for the same reason.
    timed_out = getattr(unknown.cause, "status", None) == _TIMED_OUT
    return replace(options, single_put_bytes=0) if timed_out else options


def _send(plan: Upload) -> Flow[DriveItem]:
    is_looked_for = plan.by_session or plan.retrying  # a file that has become small may have been large
    session = (yield from left_by_earlier_try(plan)) if is_looked_for else None
    try:
        item, status = yield from by_session(plan, session) if plan.by_session or session else _put(plan)
    except (NameAlreadyExists, PreconditionFailed, BadRequest) as refusal:
        return (yield from refused(plan, refusal))
    if status is None and plan.retrying:
        return replace(item, outcome="already_there")
    return _with_outcome(item, plan, is_new=plan.conflict != "replace" if status is None else status == _CREATED)


def _put(plan: Upload) -> Flow[tuple[DriveItem, int | None]]:
    # A file that is addressed by its id has no name in the URL that could be taken.
    query = f"?{CONFLICT}={plan.conflict}" if plan.address.names else ""
    size = plan.source.size
    response = yield Request(
        "PUT",
        plan.address.url("content") + query,
        # Graph takes the type of a file from its name, whatever is sent here.
        headers={"Content-Type": "application/octet-stream", **plan.headers},
        body=plan.body(0, size),
        body_bytes=size,
        repeat=Repeat.IF_REFUSED,  # a second one would meet the first, or leave a version too many
        failures=plan.failures,
        waits_for_lock=plan.waits_for_lock,
    )
    return (yield from _with_mtime(plan, item_of(response, plan.address))), response.status


def _with_mtime(plan: Upload, item: DriveItem) -> Flow[DriveItem]:
    """Set the modification time of an empty file.

    It costs a version, so it is done only where it was asked for, and after a lost answer only where a look shows
    another time.
    """
    modified_at = plan.source.modified_at
    if not plan.options.preserve_mtime or modified_at is None:
        return item
    url, info = plan.address.by_id(item.drive_id, item.id).url(), {"fileSystemInfo": plan.file_system_info}
    for failures in range(_SENDS):
        try:
            response = yield Request("PATCH", url, json=info, repeat=Repeat.IF_REFUSED, failures=failures)
        except OutcomeUnknown as unknown:
            problem: OneDriveError = unknown.cause
            current = item_of((yield Request("GET", url)), plan.address)
            # Graph keeps whole seconds (RC#8101).
            if current.client_modified_at == modified_at.replace(microsecond=0):
                return current
        except ItemNotFound as missing:
            problem = missing  # the file was just written: see _send_until_stored
        else:
            return item_of(response, plan.address)
    raise problem


def _verify(plan: Upload, item: DriveItem) -> Flow[DriveItem]:
    """Compare what Graph has with what was sent; send once more what arrived as something else.

    Neither copy is deleted: the first stays as a version of the file.
    """
    if not plan.options.verify:
        return item
    item, comparison = yield from _compared(plan, item)
    if comparison is not Comparison.DIFFERENT:
        return item
    log.warning("%s is not what was sent (%s bytes, %s); sending it again.", item.location, item.size, item.hashes)
    again = replace(plan, address=plan.address.by_id(item.drive_id, item.id), conflict="replace", if_match=item.etag)
    try:
        second = yield from _send_until_stored(again)
    except PreconditionFailed as changed:
        raise VerificationFailed(f"Graph has other content than was sent, and it changed: {changed.message}") from None
    second, comparison = yield from _compared(again, second)
    if comparison is Comparison.DIFFERENT:
        sent, kept = plan.digests.values(), dict(second.hashes)
        raise VerificationFailed(f"Graph has {second.size} bytes {kept}, sent were {plan.source.size} bytes {sent}.")
    return replace(second, outcome=item.outcome)


def _compared(plan: Upload, item: DriveItem) -> Flow[tuple[DriveItem, Comparison]]:
    read, comparison = yield from compared(item, plan)
    if comparison is Comparison.UNKNOWN:
        # Not an error: Graph promises no moment by which a hash exists.
        log.warning("%s has no hash yet; only its size was compared.", item.location)
    return replace(read, outcome=item.outcome, server_rewrote=comparison is Comparison.REWRITTEN), comparison


def _check(source: Source, options: UploadOptions) -> None:
    options.check()
    if source.size > MAX_FILE_BYTES:
        raise LocalFileError(f"The source has {source.size} bytes.", advice="OneDrive takes files up to 250 GB.")


def _digests(source: Source, item: DriveItem, options: UploadOptions) -> Digests:
    # Only quickXorHash is made by every drive; personal ones also have sha1 and sha256, though not of each file.
    names = PERSONAL if item.drive_type == "personal" else EVERY_DRIVE
    return Digests(source, names, while_passing=options.verify)


def _with_outcome(item: DriveItem, plan: Upload, *, is_new: bool) -> DriveItem:
    wanted = plan.address.names[-1] if plan.address.names else item.name
    renamed = comparison_key(item.name) != comparison_key(wanted)
    return replace(item, outcome="renamed" if renamed else "created" if is_new else "replaced")
