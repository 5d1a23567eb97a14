"""Users, groups, sites and their drives, the part of ``Emulator`` that adds and finds them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from airflow_provider_onedrive.emulator.drive import EmulatedDrive
from airflow_provider_onedrive.emulator.sites.site_addresses import SiteAddresses

if TYPE_CHECKING:
    from airflow_provider_onedrive.emulator.model.drive import Drive
    from airflow_provider_onedrive.emulator.model.library import Personality
    from airflow_provider_onedrive.emulator.model.tenant import User
    from airflow_provider_onedrive.emulator.server.state import ServerState


class EmulatedSites:
    """Users, groups, sites and drives of the tenant."""

    @property
    def state(self) -> ServerState:
        raise NotImplementedError

    @property
    def personality(self) -> Personality:
        """The default kind of drives: those of an organisation, or consumers'."""
        raise NotImplementedError

    def user(self, upn: str | None = None) -> User:
        raise NotImplementedError

    def add_user(
        self, upn: str, *, provisioned: bool = True, licensed: bool = True, personality: Personality | None = None
    ) -> None:
        """:param provisioned: False = the user never opened OneDrive and so has no drive.

        :param licensed: False = OneDrive does not open for the user either.
        :param personality: None = the emulator's.
        """
        personality = personality or self.personality
        self.state.tenant.add_user(upn, provisioned=provisioned, licensed=licensed, personality=personality)
        self.state.store.keep()

    def add_group(self, name: str) -> str:
        """Add a group with its site ``/sites/{name}`` and its library; return the id of the group."""
        group = self.state.tenant.add_group(name)
        self.state.store.keep()
        return group.id

    def add_site(self, path: str, *, libraries: Iterable[str] = ("Documents",), title: str | None = None) -> str:
        """Add a site and return its id. A longer path adds it below an existing site.

        :param path: path in its address, such as ``/sites/Finance``.
        :param libraries: names of its libraries. The first is the default one; whatever its name, its address ends in
            ``Shared Documents``.
        """
        site = self.state.tenant.add_site(path, libraries=libraries, title=title)
        self.state.store.keep()
        return site.id(SiteAddresses(self.state.tenant, self.state.store_url).host)

    def drive(self, location: str | None = None) -> EmulatedDrive:
        """Return a drive: that of a user, or a library such as ``sites/Finance/Reports`` or ``groups/Finance team``.

        :param location: None = the first user; a site or a group without a library = its default library.
        :raises LookupError: there is no user, site or drive of that name.
        """
        drive = self._library(location) if location and location.partition("/")[2] else self.user(location).drive
        if drive is None:
            raise LookupError(f"{location or 'The first user'} has no drive")
        self.state.store.keep()
        return EmulatedDrive(drive, self.state.views)

    def _library(self, location: str) -> Drive | None:
        kind, _, rest = location.strip("/").partition("/")
        if kind == "users":
            return self.user(rest).drive
        if kind != "groups":
            return self._library_at(location)
        name, _, library = rest.partition("/")
        group = self.state.tenant.group(name)
        return self._library_at(f"{group.site_path}/{library}") if group else None

    def _library_at(self, path: str) -> Drive | None:
        """Find by the path of a site, or of a library in it; the site counts first."""
        site = self.state.tenant.site_at(path)
        if site:
            return site.drive if site.drives else None
        above, _, name = path.strip("/").rpartition("/")
        site = self.state.tenant.site_at(above)
        return site.library(name) if site else None
