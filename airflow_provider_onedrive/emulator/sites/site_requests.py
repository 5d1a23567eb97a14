"""Sites themselves, the sites below them, and the lists that their libraries also are.

https://learn.microsoft.com/graph/api/site-get
https://learn.microsoft.com/graph/api/site-search
https://learn.microsoft.com/graph/api/site-getallsites
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from airflow_provider_onedrive.emulator.access import authorization
from airflow_provider_onedrive.emulator.errors.problems import access_denied, item_not_found
from airflow_provider_onedrive.emulator.http.messages import Reply, Request, json_reply
from airflow_provider_onedrive.emulator.items import views
from airflow_provider_onedrive.emulator.model import clock
from airflow_provider_onedrive.emulator.model.drive import Drive
from airflow_provider_onedrive.emulator.model.site import SharePointSite
from airflow_provider_onedrive.emulator.server.state import World
from airflow_provider_onedrive.emulator.sites import drives, list_items, site_addresses
from airflow_provider_onedrive.emulator.tokens.access_tokens import Token
from airflow_provider_onedrive.emulator.tokens.permissions import Place

_DRIVES = frozenset({"drive", "drives"})


def respond(world: World, request: Request, token: Token, segments: list[str]) -> Reply | None:
    """Answer what follows ``/sites``; None when it leads to a drive."""
    if segments in ([], ["getAllSites"], ["getAllSites()"], ["microsoft.graph.getAllSites()"]):
        return _listing(world, request, token, is_all=bool(segments))
    site, rest = site_addresses.find(world, token, segments)
    if rest and rest[0] in _DRIVES:
        return None
    match rest:
        case ["lists", key, *tail] if tail[:1] != ["drive"]:
            return list_items.respond(world, request, token, _library(site, key), tail)
    authorization.check_site(world, token, site)
    return _of_site(world, request, site, rest)


def site_json(world: World, site: SharePointSite) -> dict[str, Any]:
    host = site_addresses.host(world)
    value = {
        "createdDateTime": clock.text(site.created),
        "description": "",
        "displayName": site.title,
        "id": site.id(host),
        "lastModifiedDateTime": clock.text(max([site.created, *(drive.root.modified for drive in site.drives)])),
        "name": site.name,
        "webUrl": world.store_url + site.web_path,
    }
    return value | ({"root": {}, "siteCollection": {"hostname": host}} if site.is_top else {})


def collection(world: World, request: Request, kind: str, values: Iterable[dict[str, Any]]) -> Reply:
    shown = [views.select(value, request.option("select")) for value in values]
    return json_reply(200, {"@odata.context": f"{world.graph_url}/v1.0/$metadata#{kind}", "value": shown})


def _of_site(world: World, request: Request, site: SharePointSite, rest: list[str]) -> Reply:
    match rest:
        case []:
            context = {"@odata.context": f"{world.graph_url}/v1.0/$metadata#sites/$entity"}
            value = site_json(world, site)
            if "drive" in (request.option("expand") or ""):
                value["drive"] = views.drive_json(world, site.drive)
            return json_reply(200, context | views.select(value, request.option("select")))
        case ["sites"]:
            below = [one for one in world.tenant.sites if site.path and one.path.rpartition("/")[0] == site.path]
            return collection(world, request, "sites", (site_json(world, one) for one in below))
        case ["lists"]:
            return collection(world, request, "lists", (drives.list_json(world, drive) for drive in site.drives))
    raise item_not_found()


def _listing(world: World, request: Request, token: Token, *, is_all: bool) -> Reply:
    """Search, or list all: which only applications may, and which shows personal sites as well."""
    site_addresses.check_account(token)
    if is_all and token.user:
        raise access_denied()
    authorization.check_place(token, Place.SITE, is_writing=False)
    if is_all:
        return collection(world, request, "sites", (_listed(world, site) for site in world.tenant.sites))
    wanted = (request.query.get("search") or request.option("search") or "").strip('"*').lower()
    found = [site for site in world.tenant.sites if not site.is_personal and _matches(site, wanted)]
    return collection(world, request, "sites", (site_json(world, site) for site in found))


def _listed(world: World, site: SharePointSite) -> dict[str, Any]:
    value = site_json(world, site) | {"isPersonalSite": site.is_personal}
    return value | ({"name": None} if site.is_personal else {})


def _matches(site: SharePointSite, wanted: str) -> bool:
    return any(wanted in text.lower() for text in (site.name, site.title, site.path))


def _library(site: SharePointSite, key: str) -> Drive:
    """Find by the id of the list, or by name."""
    by_id = next((drive for drive in site.drives if drive.library.list_id == key.lower()), None)
    found = by_id or site.library(key)
    if found is None:
        raise item_not_found()
    return found
