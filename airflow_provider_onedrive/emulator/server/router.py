"""From a Graph URL to the handler that answers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from airflow_provider_onedrive.emulator.access import authorization
from airflow_provider_onedrive.emulator.access.authorization import Authorization
from airflow_provider_onedrive.emulator.errors.problems import Problem, unknown_segment
from airflow_provider_onedrive.emulator.http.messages import Reply, Request
from airflow_provider_onedrive.emulator.items import (
    search,
    search_query,
)
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.items.monitors import Monitors
from airflow_provider_onedrive.emulator.items.search_query import SearchQuery
from airflow_provider_onedrive.emulator.model import addresses, keys
from airflow_provider_onedrive.emulator.options import Options
from airflow_provider_onedrive.emulator.server import batch, item_path
from airflow_provider_onedrive.emulator.server.batch import Batch
from airflow_provider_onedrive.emulator.server.routes import ANY, DriveRoutes, Handler, ItemRoutes
from airflow_provider_onedrive.emulator.sites import site_permissions
from airflow_provider_onedrive.emulator.sites.drives import DriveAddress, DriveListing, Drives
from airflow_provider_onedrive.emulator.sites.list_items import ListItems
from airflow_provider_onedrive.emulator.sites.segments import SiteRouter
from airflow_provider_onedrive.emulator.sites.site_permissions import SitePermissions
from airflow_provider_onedrive.emulator.sites.special import SpecialFolders
from airflow_provider_onedrive.emulator.tokens.access_tokens import Token, Tokens


@dataclass(frozen=True)
class Router:
    """Finds the handler of a Graph URL."""

    tokens: Tokens
    monitors: Monitors
    authorization: Authorization
    site_permissions: SitePermissions
    batch: Batch
    search_query: SearchQuery
    site_router: SiteRouter
    drives: Drives
    list_items: ListItems
    special_folders: SpecialFolders
    item_routes: ItemRoutes
    drive_routes: DriveRoutes
    options: Options

    def respond(self, request: Request) -> Reply:
        """Answer, or raise the ``Problem`` that is the answer."""
        token = self.tokens.check(request.header("Authorization"))
        # No thread ends copies: each request ends those whose time has come.
        self.monitors.finish_due()
        segments = _below_version(keys.expand(addresses.split(request.raw_path), request.query))
        if site_permissions.is_meant(segments):
            return self.site_permissions.respond(request, token, segments)
        if batch.is_meant(segments):
            return self.batch.respond(request, self.respond)
        if search_query.is_meant(segments):
            return self.search_query.respond(request, token)
        target = self.site_router.find(request, token, segments)
        if isinstance(target, Reply):
            return _only_get(request, target)
        if isinstance(target, DriveListing):
            self.authorization.check_drives(token, target.drives)
            return _only_get(request, self.drives.listing_reply(target, request))
        return self._respond_drive(request, token, target)

    def _respond_drive(self, request: Request, token: Token, target: DriveAddress) -> Reply:
        if not target.rest:
            self.authorization.check_drives(token, [target.drive])
            return _only_get(request, self.drives.reply(target.drive, request))
        if target.rest[0] == "list":
            return self.list_items.respond(request, token, target.drive, target.rest[1:])
        function = self.drive_routes.get(keys.function_name(target.rest[0]))
        if function and len(target.rest) == 1:
            self.authorization.check_drives(token, [target.drive])
            return _only_get(request, function(Call(request, token, target.drive, addresses.ROOT)))
        # A drive itself can be searched too.
        rest = ["root", *target.rest] if search.is_function(target.rest[0]) else target.rest
        segments = self.special_folders.resolve(token, target.drive, rest)
        named, tail = addresses.parse_item(segments, strict=self.options.strict)
        address, tail = item_path.descend(target.drive, named, tail)
        is_writing = authorization.writes(request.method, tail[-1] if tail else "")
        if not target.is_checked:
            self.authorization.check_drive(token, target.drive, address, is_writing=is_writing)
        return self._handler(request, tail)(Call(request, token, target.drive, address, tuple(tail)))

    def _handler(self, request: Request, tail: list[str]) -> Handler:
        actions = self._actions([name.removeprefix("microsoft.graph.") for name in tail])
        if actions is None:
            raise unknown_segment(tail[0] if (tail[0],) not in self.item_routes else tail[-1])
        method = "GET" if request.method == "HEAD" else request.method
        if method not in actions:
            raise _not_allowed()
        return actions[method]

    def _actions(self, tail: list[str]) -> Mapping[str, Handler] | None:
        """Find the handlers by the segments' names. The handler itself reads a function's parentheses."""
        actions = self.item_routes.get(tuple(keys.function_name(name) for name in tail))
        if actions is None and len(tail) > 1:
            actions = self.item_routes.get((tail[0], ANY, *tail[2:]))
        return actions


def _below_version(segments: list[str]) -> list[str]:
    """Return the segments after the version. SharePoint's own URL of the same API counts as Graph's."""
    match segments:
        case ["v1.0", *rest] | ["_api", "v2.0", *rest]:
            return rest
    raise unknown_segment(segments[0] if segments else "")


def _only_get(request: Request, reply: Reply) -> Reply:
    if request.method not in {"GET", "HEAD"}:
        raise _not_allowed()
    return reply


def _not_allowed() -> Problem:
    return Problem(405, "methodNotAllowed", "The HTTP method is not allowed for this resource.")
