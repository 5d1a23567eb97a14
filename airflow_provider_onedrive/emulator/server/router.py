"""From a Graph URL to the handler that answers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from airflow_provider_onedrive.emulator.access import authorization
from airflow_provider_onedrive.emulator.changes import delta
from airflow_provider_onedrive.emulator.errors.problems import Problem, unknown_segment
from airflow_provider_onedrive.emulator.http.messages import Reply, Request
from airflow_provider_onedrive.emulator.items import (
    checkouts,
    children,
    copies,
    previews,
    recycling,
    search,
    search_query,
    versions,
)
from airflow_provider_onedrive.emulator.items import permissions as item_permissions
from airflow_provider_onedrive.emulator.items import requests as items
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.model import addresses
from airflow_provider_onedrive.emulator.server import batch
from airflow_provider_onedrive.emulator.server.state import World
from airflow_provider_onedrive.emulator.sites import drives, list_items, shared_with_me, site_permissions, special
from airflow_provider_onedrive.emulator.sites import segments as places
from airflow_provider_onedrive.emulator.tokens.access_tokens import Token
from airflow_provider_onedrive.emulator.transfers import commits, content, uploads

Handler = Callable[[Call], Reply]

# Stands for one segment of any text; a handler finds it in ``call.tail``.
_ANY = "*"

_ITEM: Mapping[tuple[str, ...], Mapping[str, Handler]] = {
    (): {"GET": items.get, "PATCH": items.update, "PUT": commits.put, "DELETE": items.delete},
    ("children",): {"GET": children.get, "POST": children.create_folder},
    ("content",): {"GET": content.get, "PUT": content.put},
    ("createUploadSession",): {"POST": uploads.create},
    ("permanentDelete",): {"POST": items.delete_permanently},
    ("copy",): {"POST": copies.create},
    ("search",): {"GET": search.get},
    ("thumbnails",): {"GET": previews.thumbnails},
    ("preview",): {"POST": previews.preview},
    ("restore",): {"POST": recycling.restore},
    ("checkout",): {"POST": checkouts.begin},
    ("checkin",): {"POST": checkouts.end},
    ("discardCheckout",): {"POST": checkouts.discard},
    ("permissions",): {"GET": item_permissions.get_all},
    ("permissions", _ANY): {
        "GET": item_permissions.get,
        "PATCH": item_permissions.update,
        "DELETE": item_permissions.delete,
    },
    ("createLink",): {"POST": item_permissions.create_link},
    ("invite",): {"POST": item_permissions.invite},
    ("delta",): {"GET": delta.get},
    ("listItem",): {"GET": list_items.get},
    ("versions",): {"GET": versions.get_all},
    ("versions", _ANY): {"GET": versions.get, "DELETE": versions.delete},
    ("versions", _ANY, "content"): {"GET": versions.get_content},
    ("versions", _ANY, "restoreVersion"): {"POST": versions.restore},
}
# What is a drive's and no item's.
_DRIVE: Mapping[str, Handler] = {
    "list": drives.get_list,
    "recent": shared_with_me.get,
    "sharedWithMe": shared_with_me.get,
    "special": special.get_all,
}


def respond(world: World, request: Request) -> Reply:
    """Answer, or raise the ``Problem`` that is the answer."""
    token = world.tokens.check(request.header("Authorization"))
    world.monitors.finish_due()
    segments = _below_version(addresses.split(request.raw_path))
    if site_permissions.is_meant(segments):
        return site_permissions.respond(world, request, token, segments)
    if batch.is_meant(segments):
        return batch.respond(world, request, respond)
    if search_query.is_meant(segments):
        return search_query.respond(world, request, token)
    found = places.find(world, request, token, segments)
    if isinstance(found, Reply):
        return _only_get(request, found)
    if isinstance(found, drives.Listing):
        authorization.check_drives(world, token, found.drives)
        return _only_get(request, found.reply(world, request))
    return _respond_drive(world, request, token, found)


def _below_version(segments: list[str]) -> list[str]:
    """Return what follows the version; SharePoint's own address for the same API stands for Graph's."""
    match segments:
        case ["v1.0", *rest] | ["_api", "v2.0", *rest]:
            return rest
    raise unknown_segment(segments[0] if segments else "")


def _respond_drive(world: World, request: Request, token: Token, found: drives.Found) -> Reply:
    if not found.rest:
        authorization.check_drives(world, token, [found.drive])
        return _only_get(request, drives.reply(world, found.drive, request))
    function = _DRIVE.get(found.rest[0].partition("(")[0].removeprefix("microsoft.graph."))
    if function and len(found.rest) == 1:
        authorization.check_drives(world, token, [found.drive])
        return _only_get(request, function(Call(world, request, token, found.drive, addresses.ROOT)))
    # A drive itself can be searched too.
    rest = ["root", *found.rest] if search.is_function(found.rest[0]) else found.rest
    segments = special.resolve(world, token, found.drive, rest)
    address, tail = addresses.parse_child(*addresses.parse_item(segments, strict=world.options.strict))
    is_writing = authorization.writes(request.method, tail[-1] if tail else "")
    if not found.is_checked:
        authorization.check_drive(world, token, found.drive, address, is_writing=is_writing)
    return _handler(request, tail)(Call(world, request, token, found.drive, address, tuple(tail)))


def _handler(request: Request, tail: list[str]) -> Handler:
    actions = _actions([name.removeprefix("microsoft.graph.") for name in tail])
    if actions is None:
        raise unknown_segment(tail[0] if (tail[0],) not in _ITEM else tail[-1])
    method = "GET" if request.method == "HEAD" else request.method
    if method not in actions:
        raise _not_allowed()
    return actions[method]


def _actions(tail: list[str]) -> Mapping[str, Handler] | None:
    """Find by the names of the segments; what stands in a function's parentheses is the handler's business."""
    known = _ITEM.get(tuple(name.partition("(")[0] for name in tail))
    if known is None and len(tail) > 1:
        known = _ITEM.get((tail[0], _ANY, *tail[2:]))
    return known


def _only_get(request: Request, reply: Reply) -> Reply:
    if request.method not in {"GET", "HEAD"}:
        raise _not_allowed()
    return reply


def _not_allowed() -> Problem:
    return Problem(405, "methodNotAllowed", "The HTTP method is not allowed for this resource.")
