"""Sites themselves, the sites below them, and the lists that their libraries also are.

https://learn.microsoft.com/graph/api/site-get
https://learn.microsoft.com/graph/api/site-search
https://learn.microsoft.com/graph/api/site-getallsites
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.access import authorization
from airflow_provider_onedrive.emulator.access.authorization import Authorization
from airflow_provider_onedrive.emulator.errors.problems import access_denied, missing_item
from airflow_provider_onedrive.emulator.http.messages import Reply, Request, json_reply
from airflow_provider_onedrive.emulator.items import odata
from airflow_provider_onedrive.emulator.items.views import ItemViews
from airflow_provider_onedrive.emulator.model import clock
from airflow_provider_onedrive.emulator.model.drive import Drive
from airflow_provider_onedrive.emulator.model.site import SharePointSite
from airflow_provider_onedrive.emulator.model.tenant import Tenant
from airflow_provider_onedrive.emulator.sites import site_addresses
from airflow_provider_onedrive.emulator.sites.drives import Drives
from airflow_provider_onedrive.emulator.sites.list_items import ListItems
from airflow_provider_onedrive.emulator.sites.site_addresses import SiteAddresses
from airflow_provider_onedrive.emulator.tokens.access_tokens import Token
from airflow_provider_onedrive.emulator.tokens.permissions import Resource

_DRIVES = frozenset({"drive", "drives"})


@dataclass(frozen=True)
class SiteRequests:
    """Answers requests for sites."""

    tenant: Tenant
    authorization: Authorization
    addresses: SiteAddresses
    drives: Drives
    list_items: ListItems
    views: ItemViews
    store_url: str

    def respond(self, request: Request, token: Token, segments: list[str]) -> Reply | None:
        """Answer the segments after ``/sites``; None = they lead to a drive."""
        if segments in ([], ["getAllSites"], ["getAllSites()"], ["microsoft.graph.getAllSites()"]):
            return self._listing(request, token, is_all=bool(segments))
        site, rest = self.addresses.find(token, segments)
        if rest and rest[0] in _DRIVES:
            return None
        match rest:
            case ["lists", key, *tail] if tail[:1] != ["drive"]:
                return self.list_items.respond(request, token, _library(site, key), tail)
        self.authorization.check_site(token, site)
        return self._of_site(request, site, rest)

    def site_json(self, site: SharePointSite) -> dict[str, Any]:
        host = self.addresses.host
        value = {
            "createdDateTime": clock.text(site.created),
            "description": "",
            "displayName": site.title,
            "id": site.id(host),
            "lastModifiedDateTime": clock.text(max([site.created, *(drive.root.modified for drive in site.drives)])),
            "name": site.name,
            "webUrl": self.store_url + site.web_path,
        }
        return value | ({"root": {}, "siteCollection": {"hostname": host}} if site.is_top else {})

    def collection(self, request: Request, kind: str, values: Iterable[dict[str, Any]]) -> Reply:
        shown = [odata.select(value, request.option("select")) for value in values]
        return json_reply(200, {"@odata.context": f"{request.graph_url}/v1.0/$metadata#{kind}", "value": shown})

    def _of_site(self, request: Request, site: SharePointSite, rest: list[str]) -> Reply:
        match rest:
            case []:
                context = {"@odata.context": f"{request.graph_url}/v1.0/$metadata#sites/$entity"}
                value = self.site_json(site)
                if "drive" in (request.option("expand") or ""):
                    value["drive"] = self.views.drive_json(site.drive)
                return json_reply(200, context | odata.select(value, request.option("select")))
            case ["sites"]:
                below = [one for one in self.tenant.sites if site.path and one.path.rpartition("/")[0] == site.path]
                return self.collection(request, "sites", (self.site_json(one) for one in below))
            case ["lists"]:
                return self.collection(request, "lists", (self.drives.list_json(drive) for drive in site.drives))
        raise missing_item()

    def _listing(self, request: Request, token: Token, *, is_all: bool) -> Reply:
        """Search, or list all: which only applications may, and which shows personal sites as well."""
        site_addresses.check_account(token)
        # Documented: getAllSites is for applications only.
        if is_all and token.user:
            raise access_denied()
        authorization.check_resource(token, Resource.SITE, is_writing=False)
        if is_all:
            return self.collection(request, "sites", (self._listed(site) for site in self.tenant.sites))
        wanted = (request.query.get("search") or request.option("search") or "").strip('"*').lower()
        # Search does not return personal sites, unlike getAllSites.
        matches = [site for site in self.tenant.sites if not site.is_personal and _matches(site, wanted)]
        return self.collection(request, "sites", (self.site_json(site) for site in matches))

    def _listed(self, site: SharePointSite) -> dict[str, Any]:
        value = self.site_json(site) | {"isPersonalSite": site.is_personal}
        # Measured: personal sites are listed with name null.
        return value | ({"name": None} if site.is_personal else {})


def _matches(site: SharePointSite, wanted: str) -> bool:
    return any(wanted in text.lower() for text in (site.name, site.title, site.path))


def _library(site: SharePointSite, key: str) -> Drive:
    """Find by the id of the list, or by name."""
    by_id = next((drive for drive in site.drives if drive.library.list_id == key.lower()), None)
    library = by_id or site.library(key)
    if library is None:
        raise missing_item()
    return library
