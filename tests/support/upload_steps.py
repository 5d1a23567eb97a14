"""What the hand-written conversations about uploads are made of: steps for ``Script``, and plans."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from typing import Any

from airflow_provider_onedrive.graph.content.hashing import EVERY_DRIVE, Digests
from airflow_provider_onedrive.graph.content.sources import MemorySource, Source
from airflow_provider_onedrive.graph.flows import uploads
from airflow_provider_onedrive.graph.flows.upload_plan import Upload
from airflow_provider_onedrive.graph.protocol.addresses import address_of
from airflow_provider_onedrive.graph.protocol.errors import (
    ItemNotFound,
    NameAlreadyExists,
    PreconditionFailed,
    ServiceUnavailable,
)
from airflow_provider_onedrive.graph.protocol.locations import Location
from airflow_provider_onedrive.graph.protocol.messages import Flow, OutcomeUnknown, Response
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.options import UNIT_BYTES, UploadOptions

CONFLICT = "@microsoft.graph.conflictBehavior"
AT = address_of(Location("drives", ("d",), ("x", "a.csv")))
THROUGH = "/drives/D/items/P:/a.csv"
BY_ID = "/drives/D/items/F"
CONTENT = b"a,b\n1,2\n"
OTHER = b"x,y\n8,9\n"
"""As many bytes as CONTENT."""
LARGE = hashlib.shake_128(b"large").digest(2 * UNIT_BYTES + 3)
"""Three fragments of one unit."""
UP = "https://up.example/s"
GONE = Response(204, {})
IN_UNITS = UploadOptions(single_put_bytes=0, fragment_bytes=UNIT_BYTES)

Step = tuple[str, Response | Exception]


def missing() -> ItemNotFound:
    return ItemNotFound("The resource could not be found.", status=404)


def taken() -> NameAlreadyExists:
    return NameAlreadyExists("The specified item name already exists.", status=409)


def stale() -> PreconditionFailed:
    return PreconditionFailed("ETag does not match current item's value", status=412)


def failed(status: int = 500) -> ServiceUnavailable:
    return ServiceUnavailable("It failed", status=status)


def lost(status: int | None = None) -> OutcomeUnknown:
    """Make what a driver throws in where nobody knows: no answer came, or one that says nothing."""
    return OutcomeUnknown(ServiceUnavailable("No answer came", status=status))


def plan_of(
    content: bytes | Source, conflict: str = "fail", names: tuple[str, ...] = EVERY_DRIVE, **more: Any
) -> Upload:
    source = MemorySource(content) if isinstance(content, bytes) else content
    return Upload(AT.through("D", "P"), source, Digests(source, names), conflict, **more)


def create(if_exists: str = "fail", content: bytes = CONTENT, **more: Any) -> Flow[DriveItem]:
    """Begin where the public methods do: at a path, whose folder comes first."""
    return uploads.create(AT, MemorySource(content), if_exists, **more)


def parent(samples: Any, **more: Any) -> Step:
    return "GET /drives/d/root:/x", samples.ok(samples.folder("x", **more))


def put(answer: Response | Exception, conflict: str = "fail") -> Step:
    return f"PUT {THROUGH}:/content?{CONFLICT}={conflict}", answer


def put_by_id(answer: Response | Exception) -> Step:
    return f"PUT {BY_ID}/content", answer


def look_up(answer: Response | Exception, name: str = "a.csv") -> Step:
    return f"GET /drives/D/items/P:/{name}", answer


def read(answer: Response | Exception) -> Step:
    return f"GET {BY_ID}", answer


def nothing() -> tuple[Step, Step]:
    """See that the name is free, in a drive that exists."""
    return look_up(missing()), ("GET /drives/D/root?$select=id", Response(200, {}, {"id": "R"}))


def opened(samples: Any, number: int = 1, where: str = f"{THROUGH}:") -> Step:
    return f"POST {where}/createUploadSession", samples.session(f"{UP}{number}")


def sent(answer: Response | Exception, number: int = 1) -> Step:
    return f"PUT {UP}{number}", answer


def asked(answer: Response | Exception, number: int = 1) -> Step:
    return f"GET {UP}{number}", answer


def cancelled(answer: Response | Exception = GONE, number: int = 1) -> Step:
    return f"DELETE {UP}{number}", answer


def committed(answer: Response | Exception) -> Step:
    return f"PUT {THROUGH}", answer


def created(samples: Any, content: bytes = CONTENT, name: str = "a.csv", status: int = 201, **more: Any) -> Response:
    response: Response = samples.ok(samples.file(name, content, parent="/x", **more), status)
    return response


def file(samples: Any, content: bytes = CONTENT, **more: Any) -> Response:
    """Answer with a file that was there before."""
    return created(samples, content, status=200, **more)


def without_hash(samples: Any, content: bytes = CONTENT) -> Response:
    return created(samples, content, file={"mimeType": "text/csv"})


def ranges(driver: Any) -> list[str]:
    return [request.headers["Content-Range"] for request in driver.requests if "Content-Range" in request.headers]


def units(*ends: int | None) -> list[str]:
    """Return the ranges of LARGE between these units; None is its end."""
    total = len(LARGE)
    marks = [total if end is None else end * UNIT_BYTES for end in ends]
    return [f"bytes {start}-{end - 1}/{total}" for start, end in pairwise(marks)]
