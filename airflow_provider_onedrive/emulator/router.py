"""From a Graph URL to the handler that answers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from airflow_provider_onedrive.emulator import addresses, children, content, drives, items, uploads
from airflow_provider_onedrive.emulator.calls import Call
from airflow_provider_onedrive.emulator.problems import Problem, access_denied, unknown_segment
from airflow_provider_onedrive.emulator.tokens import Token
from airflow_provider_onedrive.emulator.wire import Reply, Request
from airflow_provider_onedrive.emulator.world import World

Handler = Callable[[Call], Reply]

_ITEM: Mapping[tuple[str, ...], Mapping[str, Handler]] = {
    (): {"GET": items.get, "PATCH": items.update, "DELETE": items.delete},
    ("children",): {"GET": children.get, "POST": children.create_folder},
    ("content",): {"GET": content.get, "PUT": content.put},
    ("createUploadSession",): {"POST": uploads.create},
    ("permanentDelete",): {"POST": items.delete_permanently},
}


def respond(world: World, request: Request) -> Reply:
    """Answer, or raise the ``Problem`` that is the answer."""
    token = world.tokens.check(request.header("Authorization"))
    version, *segments = addresses.split(request.raw_path) or [""]
    if version != "v1.0":
        raise unknown_segment(version)
    found = drives.find(world, token, segments)
    if isinstance(found, drives.Listing):
        return _only_get(request, found.reply(world))
    return _respond_drive(world, request, token, found)


def _respond_drive(world: World, request: Request, token: Token, found: drives.Found) -> Reply:
    if found.drive.deny or (token.user and token.user.drive is not found.drive):
        raise access_denied()
    if not found.rest:
        return _only_get(request, drives.reply(world, found.drive))
    address, tail = addresses.parse_item(found.rest)
    by = token.user.identity if token.user else world.tenant.application_identity()
    return _handler(request, tail)(Call(world, request, by, found.drive, address))


def _handler(request: Request, tail: list[str]) -> Handler:
    actions = _ITEM.get(tuple(name.removeprefix("microsoft.graph.") for name in tail))
    if actions is None:
        raise unknown_segment(tail[0] if (tail[0],) not in _ITEM else tail[-1])
    method = "GET" if request.method == "HEAD" else request.method
    if method not in actions:
        raise _not_allowed()
    return actions[method]


def _only_get(request: Request, reply: Reply) -> Reply:
    if request.method not in {"GET", "HEAD"}:
        raise _not_allowed()
    return reply


def _not_allowed() -> Problem:
    return Problem(405, "methodNotAllowed", "The HTTP method is not allowed for this resource.")
