"""Which drive a URL means.

https://learn.microsoft.com/graph/api/drive-get
https://learn.microsoft.com/graph/api/drive-list
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.errors.problems import Problem, bad_request, item_not_found, unknown_segment
from airflow_provider_onedrive.emulator.http.messages import Reply, Request, json_reply
from airflow_provider_onedrive.emulator.items import views
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.model import clock
from airflow_provider_onedrive.emulator.model.drive import Drive
from airflow_provider_onedrive.emulator.model.site import SharePointSite
from airflow_provider_onedrive.emulator.model.tenant import Group, User
from airflow_provider_onedrive.emulator.server.state import World
from airflow_provider_onedrive.emulator.sites import site_addresses
from airflow_provider_onedrive.emulator.tokens.access_tokens import Token


@dataclass(frozen=True)
class Found:
    """A drive and the segments that follow it.

    :param is_checked: whether the caller may was settled on the way, as with a sharing link.
    """

    drive: Drive
    rest: list[str]
    is_checked: bool = False


@dataclass(frozen=True)
class Listing:
    """The drives of a user, of a group or of a site."""

    drives: list[Drive]

    def reply(self, world: World, request: Request) -> Reply:
        value = [_shown(world, drive, request) for drive in self.drives]
        return json_reply(200, {"@odata.context": f"{world.graph_url}/v1.0/$metadata#drives", "value": value})


def reply(world: World, drive: Drive, request: Request) -> Reply:
    context = {"@odata.context": f"{world.graph_url}/v1.0/$metadata#drives/$entity"}
    return json_reply(200, context | _shown(world, drive, request))


def list_json(world: World, drive: Drive) -> dict[str, Any]:
    """Return a library as the list that it also is: https://learn.microsoft.com/graph/api/resources/list."""
    library = drive.library
    return {
        "createdDateTime": clock.text(drive.created),
        "description": "",
        "displayName": library.name,
        "eTag": f'"{library.list_id},{drive.log.position}"',
        "id": library.list_id,
        "lastModifiedDateTime": clock.text(drive.root.modified),
        "list": {"contentTypesEnabled": False, "hidden": False, "template": _template(drive)},
        "name": library.segment,
        "parentReference": {"siteId": f"{site_addresses.host(world)},{library.site_id},{library.web_id}"},
        "webUrl": world.store_url + library.address,
    }


def get_list(call: Call) -> Reply:
    """https://learn.microsoft.com/graph/api/list-get."""
    if call.drive.personality == "personal":
        raise bad_request("This API is not supported for MSA accounts")
    context = {"@odata.context": f"{call.world.graph_url}/v1.0/$metadata#lists/$entity"}
    return json_reply(200, context | list_json(call.world, call.drive))


def find(world: World, token: Token, segments: list[str]) -> Found | Listing:
    match segments:
        case ["me", *rest]:
            return _of_user(world, token, myself(token), rest)
        case ["users", key, *rest]:
            return _of_user(world, token, find_user(world, key), rest)
        case ["groups", key, *rest]:
            return _of_site(_site_of_group(world, find_group(world, key)), rest)
        case ["sites", *rest] if rest:
            site, rest = site_addresses.find(world, token, rest)
            return _of_site(site, rest)
        case ["drives", drive_id, *rest]:
            return Found(_drive(world, drive_id), rest)
    raise unknown_segment(segments[0] if segments else "")


def myself(token: Token) -> User:
    if token.user is None:
        raise bad_request("/me request is only valid with delegated authentication flow.")
    return token.user


def find_user(world: World, key: str) -> User:
    return world.tenant.user(key) or _missing(key)


def find_group(world: World, key: str) -> Group:
    return next((group for group in world.tenant.groups if group.id == key.lower()), None) or _missing(key)


def _of_user(world: World, token: Token, user: User, segments: list[str]) -> Found | Listing:
    def drive() -> Drive:
        return _provisioned(world, token, user, opens=len(segments) == 1)

    return _of_owner(segments, drive, lambda: [drive()])


def _of_site(site: SharePointSite, segments: list[str]) -> Found | Listing:
    if not site.drives:
        raise item_not_found()
    return _of_owner(segments, lambda: site.drive, lambda: site.drives)


def _of_owner(
    segments: list[str], drive: Callable[[], Drive], drives: Callable[[], Sequence[Drive]]
) -> Found | Listing:
    match segments:
        case ["drive", *rest]:
            return Found(drive(), rest)
        case ["drives"]:
            return Listing(list(drives()))
        case ["drives", drive_id, *rest]:
            named = [one for one in drives() if one.is_called(drive_id)]
            if not named:
                raise item_not_found()
            return Found(named[0], rest)
    raise unknown_segment(segments[0] if segments else "")


def _provisioned(world: World, token: Token, user: User, *, opens: bool) -> Drive:
    """Return a user's drive; the user's own first visit opens it.

    :param opens: the drive itself is asked for, and nothing in it.
    """
    if user.drive is None and opens and token.user is user and user.is_licensed:
        world.tenant.provision(user)
        world.store.keep()
    if user.drive is None:
        raise _no_drive(world)
    return user.drive


def _no_drive(world: World) -> Problem:
    if world.options.unprovisioned == "bad_request":
        return Problem(400, "BadRequest", "Unable to retrieve user's mysite URL.")
    return Problem(404, "ResourceNotFound", "User's mysite not found.")


def _site_of_group(world: World, group: Group) -> SharePointSite:
    site = world.tenant.site_at(group.site_path)
    if site is None:
        raise item_not_found()
    return site


def _drive(world: World, drive_id: str) -> Drive:
    drive = world.tenant.drive(drive_id)
    if drive is None:
        raise item_not_found()
    return drive


def _missing(key: str) -> Any:
    raise Problem(
        404,
        "Request_ResourceNotFound",
        f"Resource '{key}' does not exist or one of its queried reference-property objects are not present.",
    )


def _shown(world: World, drive: Drive, request: Request) -> dict[str, Any]:
    """Show what is selected and expanded; the SharePoint ids only then."""
    wanted = request.option("select") or ""
    value = views.drive_json(world, drive)
    if "sharePointIds" in wanted and drive.personality == "business":
        value["sharePointIds"] = views.sharepoint_ids(world, drive)
    value = views.select(value, wanted)
    expanded = {name.strip() for name in (request.option("expand") or "").split(",")}
    if "list" in expanded and drive.personality == "business":
        value["list"] = list_json(world, drive)
    if "root" in expanded:
        value["root"] = views.item_json(world, drive, drive.root)
    return value


def _template(drive: Drive) -> str:
    return "mySiteDocumentLibrary" if drive.library.drive_type == "business" else "documentLibrary"
