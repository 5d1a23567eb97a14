"""Authorization of a request: the permissions of its token and, for a delegated token, the rights of its user."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from airflow_provider_onedrive.emulator.access.rights import Rights, owns
from airflow_provider_onedrive.emulator.access.site_grants import SiteGrants, site_of
from airflow_provider_onedrive.emulator.errors.problems import access_denied
from airflow_provider_onedrive.emulator.model.addresses import ItemAddress
from airflow_provider_onedrive.emulator.model.drive import Drive
from airflow_provider_onedrive.emulator.model.site import SharePointSite
from airflow_provider_onedrive.emulator.tokens.access_tokens import Token
from airflow_provider_onedrive.emulator.tokens.permissions import Kind, Resource, any_allowed

_READING_METHODS = frozenset({"GET", "HEAD"})
# POST, and nothing is changed by it.
_READING_ACTIONS = frozenset({"preview"})


# Every method but GET and HEAD counts as a write, also for actions that Microsoft lists with a read permission.
def writes(method: str, action: str = "") -> bool:
    """:param action: the last segment of the address."""
    return method not in _READING_METHODS and action not in _READING_ACTIONS


@dataclass(frozen=True)
class Authorization:
    """Checks tokens against permissions, site grants and the rights of users."""

    rights: Rights
    site_grants: SiteGrants

    def check_drive(self, token: Token, drive: Drive, address: ItemAddress | None = None, *, is_writing: bool) -> None:
        """Refuse a request on a drive, or on the item at an address in it."""
        # A test denies a whole drive in order to see how a client handles 403 in the middle of its work.
        if drive.deny or not self.may(token, drive, address, is_writing=is_writing):
            raise access_denied()

    def check_drives(self, token: Token, drives: Iterable[Drive]) -> None:
        """Refuse a listing of drives."""
        for drive in drives:
            self.check_drive(token, drive, is_writing=False)

    def check_site(self, token: Token, site: SharePointSite) -> None:
        """Refuse to show a site."""
        roles = self.site_grants.roles(str(site.collection), token.client_id)
        check_resource(token, Resource.SITE, is_writing=False, roles=roles)

    def may(self, token: Token, drive: Drive, address: ItemAddress | None = None, *, is_writing: bool) -> bool:
        """Return True if a token may read, or write, a drive or an item in it."""
        # Files.Read and Files.ReadWrite reach the own drive only; the *.All permissions reach every drive of the
        # tenant.
        is_own = token.user is not None and owns(token.user, drive)
        kind = Kind(Resource.OWN_DRIVE if is_own else Resource.OTHER_DRIVE, is_writing, app_only=token.user is None)
        roles = self.site_grants.roles(site_of(drive.id), token.client_id)
        if not any_allowed(token.permissions, kind, roles):
            return False
        # A delegated token needs both: the permission, and the user's own right to the item.
        return token.user is None or self.rights.may(token.user, drive, address, writes=is_writing)


def check_resource(token: Token, resource: Resource, *, is_writing: bool, roles: Collection[str] = ()) -> None:
    """Refuse a request for a resource that is not a drive.

    :param roles: roles that the site in question granted to the application.
    """
    if not any_allowed(token.permissions, Kind(resource, is_writing, app_only=token.user is None), roles):
        raise access_denied()
