"""The operation of a request, from its method, its path and its origin: the terms of rules and of the request log.

The function is pure: it reads neither the tenant nor the body, so it also names requests that are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

from airflow_provider_onedrive.emulator.model import keys

_ITEM = {"GET": "get", "HEAD": "get", "PATCH": "update", "DELETE": "delete", "PUT": "session_commit"}
# The segments that follow an item's address. The key "" is for all other methods.
_TAILS: Mapping[str, Mapping[str, str]] = {
    "children": {"POST": "create_folder", "PUT": "upload", "": "children"},
    "content": {"PUT": "upload", "": "content"},
    "createUploadSession": {"": "create_session"},
    "permanentDelete": {"": "permanent_delete"},
    "delta": {"": "delta"},
    "search": {"": "search"},
    "copy": {"": "copy"},
    "restore": {"": "restore"},
    "versions": {"GET": "versions", "HEAD": "versions", "": "change_versions"},
    "checkout": {"": "checkout"},
    "checkin": {"": "checkout"},
    "discardCheckout": {"": "checkout"},
    "permissions": {"": "permissions"},
    "permission": {"": "permissions"},
    "createLink": {"": "permissions"},
    "invite": {"": "permissions"},
    "thumbnails": {"": "thumbnails"},
    "preview": {"": "preview"},
    "recent": {"": "recent"},
    "sharedWithMe": {"": "shared_with_me"},
}
# An upload URL has no method names in its path, so the HTTP method alone tells the operations apart.
_SESSION = {"PUT": "fragment", "GET": "session_status", "DELETE": "session_cancel", "POST": "session_commit"}
_COLLECTIONS = {
    "$batch": "batch",
    "drives": "drive",
    "me": "user",
    "users": "user",
    "groups": "group",
    "sites": "site",
    "shares": "share",
    "search": "search",
}
_STORE = ("download", "monitor", "page")
_LOGIN = ("token", "device_code", "discovery", "login")

OPERATIONS = frozenset(
    {name for names in _TAILS.values() for name in names.values()}
    | {*_ITEM.values(), *_SESSION.values(), *_COLLECTIONS.values(), *_STORE, *_LOGIN, "other"}
)

# https://learn.microsoft.com/sharepoint/dev/general-development/how-to-avoid-getting-throttled-or-blocked-in-sharepoint-online
_PERMISSION_UNITS = 5
# Parts of a batch are charged one by one, so the batch itself is free.
_FREE = frozenset({*_LOGIN, "batch", "page", "monitor", "other"})
_SINGLE = frozenset(
    {"get", "content", "download", "session_status", "drive", "user", "group", "site", "share", "versions"}
    | {"thumbnails", "preview"}
)


def operation(method: str, path: str, origin: str) -> str:
    """:param path: decoded, without the query."""
    return _BY_ORIGIN.get(origin, _unknown)(method, path)


def resource_units(name: str, query: str = "") -> int:
    """Return the cost in resource units: 1 for one item, 2 for several or a change, 5 with permissions."""
    if name in _FREE:
        return 0
    if name == "permissions" or ("ermissions" in query and _expands_permissions(query)):
        return _PERMISSION_UNITS
    # Delta with a token costs one unit, without one two.
    if name == "delta":
        return 1 if "token=" in query else 2
    return 1 if name in _SINGLE else 2


def _expands_permissions(query: str) -> bool:
    options = dict(parse_qsl(query))
    return "permissions" in options.get("$expand", options.get("expand", ""))


def _of_graph(method: str, path: str) -> str:
    segments = keys.expand([segment for segment in path.split("/") if segment], {})
    # SharePoint's own address of the API has one segment more.
    version_segments = 2 if segments[:1] == ["_api"] else 1
    return _of_segments(method, segments[version_segments:])


def _of_segments(method: str, segments: list[str]) -> str:
    tail = _below_children(_tail(segments))
    if tail == []:
        return _ITEM.get(method, "other")
    name = _function(tail[0]) if tail else _function(segments[-1]) if segments else ""
    if name in _TAILS:
        methods = _TAILS[name]
        return methods.get(method, methods[""])
    return "other" if tail or not segments else _of_collection(segments)


def _below_children(tail: list[str] | None) -> list[str] | None:
    """``children/{name}`` is an item, too."""
    while tail and tail[0] == "children" and len(tail) > 1:
        tail = tail[2:]
    return tail


def _of_collection(segments: list[str]) -> str:
    return "drive" if segments[-1] in {"drive", "drives"} else _COLLECTIONS.get(segments[0], "other")


def _function(segment: str) -> str:
    """``microsoft.graph.search(q='x')`` is ``search``."""
    return segment.partition("(")[0].removeprefix("microsoft.graph.")


def _tail(segments: list[str]) -> list[str] | None:
    """Return the segments that follow the item's address; None = the path names no item."""
    start = next((index for index, _ in enumerate(segments) if _begins_item(segments, index)), None)
    if start is None:
        return None
    base = start + (segments[start] in {"items", "special"})
    rest = segments[base + 1 :]
    if not segments[base : base + 1] or not segments[base].endswith(":"):
        # An item of a list has its driveItem below it.
        return rest[1:] if rest[:1] == ["driveItem"] else rest
    # A path without a closing colon runs to the end of the URL.
    end = next((index for index, segment in enumerate(rest) if segment.endswith(":")), len(rest))
    return rest[end + 1 :]


def _begins_item(segments: list[str], index: int) -> bool:
    segment = segments[index]
    if segment in {"root", "root:"}:
        return index > 0 and segments[index - 1] not in {"sites", "users"}
    return segment in {"items", "special", "driveItem"} and index + 1 < len(segments) + (segment == "driveItem")


def _of_store(method: str, path: str) -> str:
    last = path.rpartition("/")[2]
    if last == "uploadSession":
        return _SESSION.get(method, "other")
    if last == "download.aspx":
        return "download"
    # Both paths occur in monitor URLs of the service.
    return "monitor" if "/monitor/" in path or "/operations/" in path else "page"


def _of_login(_: str, path: str) -> str:
    last = path.rstrip("/").rpartition("/")[2]
    if last == "token":
        return "token"
    if last == "devicecode":
        return "device_code"
    return "discovery" if "/.well-known/" in path or "/discovery/" in path else "login"


def _unknown(_: str, __: str) -> str:
    return "other"


_BY_ORIGIN: Mapping[str, Callable[[str, str], str]] = {"graph": _of_graph, "store": _of_store, "login": _of_login}
