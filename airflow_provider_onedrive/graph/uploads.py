"""Flows that put content into a drive: one PUT for a small file, an upload session for a larger one.

https://learn.microsoft.com/en-us/graph/api/driveitem-put-content and
https://learn.microsoft.com/en-us/graph/api/driveitem-createuploadsession
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from airflow_provider_onedrive.graph.errors import (
    AccessDenied,
    BadRequest,
    ConfigurationError,
    ItemNotFound,
    LocationError,
    NameAlreadyExists,
    OneDriveError,
    PreconditionFailed,
    RangeNotSatisfiable,
    ServiceUnavailable,
    Unauthenticated,
)
from airflow_provider_onedrive.graph.items import CONFLICT, file, folder, stat_or_none
from airflow_provider_onedrive.graph.locations import Address
from airflow_provider_onedrive.graph.messages import Flow, OutcomeUnknown, Repeat, Request, Response
from airflow_provider_onedrive.graph.models import DriveItem, UploadSession, next_expected_byte
from airflow_provider_onedrive.graph.sources import Source

SINGLE_PUT_BYTES = 4 * 1024 * 1024
FRAGMENT_BYTES = 32 * 320 * 1024
"""10 MiB: a multiple of 320 KiB as Graph demands, and small enough for three minutes on a slow line."""

CONFLICTS = ("fail", "replace", "rename")
_SENDS = 3
_SESSIONS = 3
_STALLS = 5
_RENAMES = 100


class SessionLost(OneDriveError):
    """The upload session is gone: it was committed, it expired, or its URL did."""

    may_pass = True


@dataclass(frozen=True)
class Upload:
    """What goes where.

    :param address: the file: a name through the id of its folder, or an existing file by its own id.
    :param conflict: what Graph does about a taken name: ``fail``, ``replace`` or ``rename``.
    :param if_match: the eTag that the file must still have; None asks for none.
    :param retrying: whether an earlier try of the same task may have done it already.
    """

    address: Address
    source: Source
    conflict: str = "fail"
    if_match: str | None = None
    retrying: bool = False

    @property
    def headers(self) -> dict[str, str]:
        return {"If-Match": self.if_match} if self.if_match else {}

    @property
    def repeat(self) -> Repeat:
        """Replacing gives the same result twice; so does what recognises its own file, except a second name."""
        recognised = self.retrying and self.conflict != "rename"
        is_replaced = self.conflict == "replace" and not self.if_match
        return Repeat.ALWAYS if recognised or is_replaced else Repeat.IF_REFUSED


def create(
    address: Address, source: Source, conflict: str, *, create_folders: bool = False, retrying: bool = False
) -> Flow[DriveItem]:
    """Put content under a name in a folder, which must exist unless ``create_folders``.

    :raises ItemNotFound: if the folder is missing; Graph's PUT would make it silently.
    """
    if address.is_base and conflict == "replace":
        return (yield from update(address, source, retrying=retrying))
    if address.is_base:
        raise LocationError(f"{address} names an item that exists.", advice="Update it, or name its folder and a name.")
    parent = yield from folder(address.parent, create=create_folders)
    target = address.through(parent.drive_id, parent.id)
    return (yield from upload(Upload(target, source, conflict, retrying=retrying)))


def update(
    address: Address, source: Source, *, expected_etag: str | None = None, retrying: bool = False
) -> Flow[DriveItem]:
    """Replace the content of a file that exists, addressed by its id: gone meanwhile is an error, not a new file.

    :raises ItemNotFound: if there is no such file.
    """
    _check_etag(expected_etag)
    item = yield from file(address)
    target = address.by_id(item.drive_id, item.id)
    return (yield from upload(Upload(target, source, "replace", if_match=expected_etag, retrying=retrying)))


def _check_etag(etag: str | None) -> None:
    """Refuse an empty template: it would replace whatever version is there."""
    if etag is not None and not (etag.strip() and etag.isascii() and etag.isprintable()):
        raise ConfigurationError(
            f"expected_etag {etag!r} is no eTag.", advice="Check the template that makes it, or leave it out."
        )


def upload(plan: Upload) -> Flow[DriveItem]:
    """Put the content there; the item's ``outcome`` says what became of it.

    :raises NameAlreadyExists: if the name is taken and ``conflict`` is ``fail``.
    :raises PreconditionFailed: if the file is no longer the version of ``if_match``.
    :raises LocationError: if a folder has the name.
    """
    if plan.retrying and plan.conflict == "rename" and (found := (yield from find_ours(plan))):
        return replace(found, outcome="already_there")
    for _ in range(_SENDS):
        try:
            return (yield from _send(plan))
        except OutcomeUnknown as unknown:
            if found := (yield from find_ours(plan)):
                return _with_outcome(found, plan, is_new=plan.conflict != "replace")
            problem, plan = unknown, replace(plan, retrying=True)
    raise problem


def _send(plan: Upload) -> Flow[DriveItem]:
    try:
        return (yield from (_put if plan.source.size <= SINGLE_PUT_BYTES else _by_session)(plan))
    except (NameAlreadyExists, PreconditionFailed, BadRequest):
        if found := (yield from _taken_by(plan)):
            return replace(found, outcome="already_there")
        raise


def find_ours(plan: Upload) -> Flow[DriveItem | None]:
    """Look for what we may have put there although no answer came: same size, same hash."""
    for address in _candidates(plan):
        item = yield from stat_or_none(address)
        if item is None or is_same(item, plan.source):
            return item
    return None


def is_same(item: DriveItem, source: Source) -> bool:
    """Compare by size and hash; what has no hash is the same only when it is empty."""
    if item.is_folder or item.size != source.size:
        return False
    return source.size == 0 or item.quick_xor_hash == source.quick_xor_hash


def _taken_by(plan: Upload) -> Flow[DriveItem | None]:
    item = yield from stat_or_none(plan.address)
    if item is not None and item.is_folder:
        raise LocationError(
            f"A folder named {item.name!r} is there.", advice="End the location in '/' to put the file into it."
        )
    return item if item is not None and plan.retrying and is_same(item, plan.source) else None


def _candidates(plan: Upload) -> Iterator[Address]:
    """Give the names Graph may have used: ``a.csv``, then ``a 1.csv`` and so on."""
    yield plan.address
    if plan.conflict == "rename":
        name = PurePosixPath(plan.address.names[-1])
        for number in range(1, _RENAMES):
            yield replace(plan.address, names=(f"{name.stem} {number}{name.suffix}",))


def _put(plan: Upload) -> Flow[DriveItem]:
    query = f"?{CONFLICT}={plan.conflict}" if plan.address.names else ""
    size = plan.source.size
    response = yield Request(
        "PUT",
        plan.address.url("content") + query,
        headers={"Content-Type": "application/octet-stream", **plan.headers},
        body=lambda: plan.source.pieces(0, size),
        body_bytes=size,
        repeat=plan.repeat,
    )
    return _committed(response, plan)


def _by_session(plan: Upload) -> Flow[DriveItem]:
    for _ in range(_SESSIONS):
        session = yield from _create_session(plan)
        try:
            return _committed((yield from _send_fragments(plan, session)), plan)
        except SessionLost as lost:
            reason = lost.message
            if found := (yield from find_ours(plan)):
                return _with_outcome(found, plan, is_new=plan.conflict != "replace")
        except OneDriveError:
            yield from _cancel(session)
            raise
    raise ServiceUnavailable(f"{_SESSIONS} upload sessions were lost one after the other: {reason}")


def _create_session(plan: Upload) -> Flow[UploadSession]:
    # An unused session shows nothing to anybody and expires, so creating one more is harmless.
    body = {"item": {CONFLICT: plan.conflict}}
    response = yield Request("POST", plan.address.url("createUploadSession"), headers=plan.headers, json=body)
    return UploadSession.from_json(response.json)


def _send_fragments(plan: Upload, session: UploadSession) -> Flow[Response]:
    try:
        return (yield from _send_all(plan, session))
    except (ItemNotFound, AccessDenied, Unauthenticated) as problem:
        raise SessionLost(problem.message) from None


def _send_all(plan: Upload, session: UploadSession) -> Flow[Response]:
    start, stalls = 0, 0
    while True:
        try:
            response = yield _fragment(plan, session, start)
        except RangeNotSatisfiable:
            response = yield Request("GET", session.upload_url, preauthorized=True)
        if "id" in response.json:
            return response
        next_byte = next_expected_byte(response.json)
        stalls = stalls + 1 if next_byte == start else 0
        if next_byte is None or stalls == _STALLS:
            raise SessionLost("the session accepts no more bytes and holds no file")
        start = next_byte


def _fragment(plan: Upload, session: UploadSession, start: int) -> Request:
    """Make the PUT of one fragment. Sent twice it is answered 416, and the session says where to go on."""
    length = min(FRAGMENT_BYTES, plan.source.size - start)
    return Request(
        "PUT",
        session.upload_url,
        headers={"Content-Range": f"bytes {start}-{start + length - 1}/{plan.source.size}"},
        body=lambda: plan.source.pieces(start, length),
        body_bytes=length,
        preauthorized=True,
    )


def _cancel(session: UploadSession) -> Flow[None]:
    """Delete the session, so that it does not block the name; failing at that changes nothing."""
    try:
        yield Request("DELETE", session.upload_url, preauthorized=True)
    except (OneDriveError, OutcomeUnknown):
        return


def _committed(response: Response, plan: Upload) -> DriveItem:
    item = DriveItem.from_json(response.json, plan.address.locate)
    return _with_outcome(item, plan, is_new=response.status == 201)  # noqa: PLR2004 - HTTP's own


def _with_outcome(item: DriveItem, plan: Upload, *, is_new: bool) -> DriveItem:
    wanted = plan.address.names[-1] if plan.address.names else item.name
    renamed = item.name.casefold() != wanted.casefold()
    return replace(item, outcome="renamed" if renamed else "created" if is_new else "replaced")
