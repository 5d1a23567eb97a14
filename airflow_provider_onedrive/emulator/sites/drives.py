"""The drive that a URL names.

https://learn.microsoft.com/graph/api/drive-get
https://learn.microsoft.com/graph/api/drive-list
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.errors.problems import (
    Problem,
    bad_request,
    missing_item,
    unknown_segment,
)
from airflow_provider_onedrive.emulator.http.messages import Reply, Request, json_reply
from airflow_provider_onedrive.emulator.items import odata
from airflow_provider_onedrive.emulator.items.views import ItemViews
from airflow_provider_onedrive.emulator.model import clock
from airflow_provider_onedrive.emulator.model.drive import Drive
from airflow_provider_onedrive.emulator.model.site import SharePointSite
from airflow_provider_onedrive.emulator.model.tenant import Group, Tenant, User, no_drive
from airflow_provider_onedrive.emulator.options import Options
from airflow_provider_onedrive.emulator.sites.site_addresses import SiteAddresses
from airflow_provider_onedrive.emulator.store.memory import Store
from airflow_provider_onedrive.emulator.tokens.access_tokens import Token


@dataclass(frozen=True)
class DriveAddress:
    """A drive and the segments that follow it.

    :param is_checked: the caller's permission was checked already, as with a sharing link.
    """

    drive: Drive
    rest: list[str]
    is_checked: bool = False


@dataclass(frozen=True)
class DriveListing:
    """The drives of a user, of a group or of a site."""

    drives: list[Drive]


@dataclass(frozen=True)
class Drives:
    """Finds the drive that a URL names, and describes drives."""

    tenant: Tenant
    store: Store
    views: ItemViews
    addresses: SiteAddresses
    options: Options
    store_url: str

    def reply(self, drive: Drive, request: Request) -> Reply:
        context = {"@odata.context": f"{request.graph_url}/v1.0/$metadata#drives/$entity"}
        return json_reply(200, context | self._shown(drive, request))

    def listing_reply(self, listing: DriveListing, request: Request) -> Reply:
        value = [self._shown(drive, request) for drive in listing.drives]
        return json_reply(200, {"@odata.context": f"{request.graph_url}/v1.0/$metadata#drives", "value": value})

    def list_json(self, drive: Drive) -> dict[str, Any]:
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
            "parentReference": {"siteId": f"{self.addresses.host},{library.site_id},{library.web_id}"},
            "webUrl": self.store_url + library.address,
        }

    def find(self, token: Token, segments: list[str]) -> DriveAddress | DriveListing:
        match segments:
            case ["me", *rest]:
                return self._of_user(token, myself(token), rest)
            case ["users", key, *rest]:
                return self._of_user(token, self.find_user(key), rest)
            case ["groups", key, *rest]:
                return _of_site(self._site_of_group(self.find_group(key)), rest)
            case ["sites", *rest] if rest:
                site, rest = self.addresses.find(token, rest)
                return _of_site(site, rest)
            case ["drives", drive_id, *rest]:
                return DriveAddress(self._drive(drive_id), rest)
        raise unknown_segment(segments[0] if segments else "")

    def find_user(self, key: str) -> User:
        return self.tenant.user(key) or _missing(key)

    def find_group(self, key: str) -> Group:
        # Groups are addressed by id only, users also by principal name.
        return next((group for group in self.tenant.groups if group.id == key.lower()), None) or _missing(key)

    def _of_user(self, token: Token, user: User, segments: list[str]) -> DriveAddress | DriveListing:
        def drive() -> Drive:
            return self._provisioned(token, user, opens=len(segments) == 1)

        return _of_owner(segments, drive, lambda: [drive()])

    def _provisioned(self, token: Token, user: User, *, opens: bool) -> Drive:
        """Return a user's drive. The user's own first visit opens it.

        :param opens: the request names the drive itself and nothing in it.
        """
        # Documented: the first delegated GET provisions the drive of a licensed user; an application's does not.
        if user.drive is None and opens and token.user is user and user.is_licensed:
            self.tenant.provision(user)
            self.store.keep()
        if user.drive is None:
            raise self._no_drive()
        return user.drive

    def _no_drive(self) -> Problem:
        if self.options.unprovisioned == "bad_request":
            # Both answers were seen for a user without OneDrive; clients must accept either.
            return Problem(400, "BadRequest", "Unable to retrieve user's mysite URL.")
        return Problem(404, "ResourceNotFound", "User's mysite not found.")

    def _site_of_group(self, group: Group) -> SharePointSite:
        site = self.tenant.site_at(group.site_path)
        if site is None:
            raise missing_item()
        return site

    def _drive(self, drive_id: str) -> Drive:
        return self.tenant.existing_drive(drive_id)

    def _shown(self, drive: Drive, request: Request) -> dict[str, Any]:
        """Return the selected and expanded properties. The SharePoint ids are written only if selected."""
        wanted = request.option("select") or ""
        value = self.views.drive_json(drive)
        # Documented: sharePointIds is returned only if it is selected.
        if "sharePointIds" in wanted and drive.personality == "business":
            value["sharePointIds"] = self.views.sharepoint_ids(drive)
        value = odata.select(value, wanted)
        expanded = {name.strip() for name in (request.option("expand") or "").split(",")}
        if "list" in expanded and drive.personality == "business":
            value["list"] = self.list_json(drive)
        if "root" in expanded:
            value["root"] = self.views.item_json(drive, drive.root)
        return value


def myself(token: Token) -> User:
    if token.user is None:
        # The message and the code of the service for an application without a user.
        raise bad_request("/me request is only valid with delegated authentication flow.")
    return token.user


def _of_site(site: SharePointSite, segments: list[str]) -> DriveAddress | DriveListing:
    if not site.drives:
        raise missing_item()
    return _of_owner(segments, lambda: site.drive, lambda: site.drives)


def _of_owner(
    segments: list[str], drive: Callable[[], Drive], drives: Callable[[], Sequence[Drive]]
) -> DriveAddress | DriveListing:
    match segments:
        case ["drive", *rest]:
            return DriveAddress(drive(), rest)
        case ["drives"]:
            return DriveListing(list(drives()))
        case ["drives", drive_id, *rest]:
            named = [one for one in drives() if one.is_called(drive_id)]
            return DriveAddress(named[0] if named else no_drive(drive_id), rest)
    raise unknown_segment(segments[0] if segments else "")


def _missing(key: str) -> Any:
    raise Problem(
        404,
        "Request_ResourceNotFound",
        f"Resource '{key}' does not exist or one of its queried reference-property objects are not present.",
    )


def _template(drive: Drive) -> str:
    # The template tells a personal site's library from a team site's.
    return "mySiteDocumentLibrary" if drive.library.drive_type == "business" else "documentLibrary"
