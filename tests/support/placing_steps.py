"""What the hand-written conversations about moves and copies are made of: steps for ``Script``, and plans."""

from __future__ import annotations

from typing import Any

from asking_nothing import PARSER, locate, result_of

from airflow_provider_onedrive.graph.flows.destinations import Relocation
from airflow_provider_onedrive.graph.protocol.errors import ItemNotFound, NameAlreadyExists, ServiceUnavailable
from airflow_provider_onedrive.graph.protocol.messages import OutcomeUnknown, Response

CONFLICT = "@microsoft.graph.conflictBehavior"
MONITOR = "https://monitor.example/m?tempauth=SECRET"
CONTENT = b"a,b\n1,2\n"
OTHER = b"x,y\n8,9\n"
"""As many bytes as CONTENT."""
BIN = Response(204, {})

Step = tuple[str, Response | Exception]


def plan(
    location: Any = "drives/d/in/a.csv",
    destination: Any = "drives/d/out/",
    *,
    file_name: Any = None,
    retrying: bool = False,
    **more: Any,
) -> Relocation:
    """Plan as the client does."""
    source, (folder, name) = PARSER.movable(location), PARSER.destination(destination, file_name)
    return Relocation(
        result_of(locate(source)),
        result_of(locate(folder)),
        name,
        retrying=retrying,
        may_be_ours=retrying,
        facts=location if isinstance(location, dict) else {"name": source.name},
        **more,
    )


def missing() -> ItemNotFound:
    return ItemNotFound("The resource could not be found.", status=404)


def taken() -> NameAlreadyExists:
    return NameAlreadyExists("Name already exists", status=409, code="nameAlreadyExists")


def lost() -> OutcomeUnknown:
    return OutcomeUnknown(ServiceUnavailable("No answer came"))


def in_folder(parent: str, drive: str, path: str, **more: Any) -> dict[str, Any]:
    """Make the ``parentReference`` of an item."""
    return {"parentReference": {"id": parent, "driveId": drive, "path": f"/drives/{drive}/root:{path}", **more}}


def file(samples: Any, content: bytes = CONTENT, item_id: str = "S", name: str = "a.csv", **more: Any) -> Response:
    place = more.pop("place", in_folder("I", "D", "/in"))
    response: Response = samples.ok(samples.file(name, content, item_id=item_id, **place, **more))
    return response


def source(samples: Any, **more: Any) -> Step:
    return "GET /drives/d/root:/in/a.csv", file(samples, **more)


def source_gone() -> tuple[Step, Step]:
    return ("GET /drives/d/root:/in/a.csv", missing()), ("GET /drives/d/root?$select=id", Response(200, {}, {}))


def parent(samples: Any, drive: str = "D", **more: Any) -> Step:
    place = in_folder("R", drive, "", **more)
    return "GET /drives/d/root:/out", samples.ok(samples.folder("out", "P", **place))


def look_up(answer: Response | Exception, name: str = "a.csv", drive: str = "D") -> Step:
    return f"GET /drives/{drive}/items/P:/{name}", answer


def there(samples: Any, content: bytes = CONTENT, name: str = "a.csv", drive: str = "D", **more: Any) -> Step:
    """See what has the name at the destination."""
    return look_up(at(samples, content, name, drive, **more), name, drive)


def at(samples: Any, content: bytes = CONTENT, name: str = "a.csv", drive: str = "D", **more: Any) -> Response:
    return file(samples, content, **{"item_id": "T", "place": in_folder("P", drive, "/out"), "name": name, **more})


def asked(answer: Response | Exception | None = None, query: str = f"?{CONFLICT}=fail") -> Step:
    accepted = Response(202, {"location": MONITOR})
    return f"POST /drives/D/items/S/copy{query}", accepted if answer is None else answer


def monitor(answer: Response | Exception | None = None, http: int = 200, **body: Any) -> Step:
    said = body or {"status": "completed", "resourceId": "T", "percentageComplete": 100.0}
    return f"GET {MONITOR}", Response(http, {}, said) if answer is None else answer


def failed(code: str | None = "nameAlreadyExists", **error: Any) -> Step:
    coded = {} if code is None else {"code": code}
    return monitor(status="failed", error={**coded, "message": "It failed", **error})


def read(samples: Any, content: bytes = CONTENT, name: str = "a.csv", drive: str = "D") -> Step:
    return f"GET /drives/{drive}/items/T", at(samples, content, name, drive)


def recycled(answer: Response | Exception = BIN, item_id: str = "T", drive: str = "D") -> Step:
    return f"DELETE /drives/{drive}/items/{item_id}", answer


def patched(answer: Response | Exception) -> Step:
    return "PATCH /drives/D/items/S", answer


def moved(samples: Any, name: str = "a.csv") -> Response:
    return at(samples, name=name, item_id="S")
