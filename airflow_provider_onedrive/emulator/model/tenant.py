"""The directory: one tenant, its registered application, its users and groups, its sites and their drives."""

from __future__ import annotations

import itertools
import secrets
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from airflow_provider_onedrive.emulator.errors.problems import malformed_drive, missing_item
from airflow_provider_onedrive.emulator.model import ids
from airflow_provider_onedrive.emulator.model.drive import Drive, Identity
from airflow_provider_onedrive.emulator.model.library import Library, Personality
from airflow_provider_onedrive.emulator.model.names import NameRules, UsualNameRules
from airflow_provider_onedrive.emulator.model.site import DEFAULT_SEGMENT, SharePointSite

APPLICATION_NAME = "Airflow"
# Measured: a personal site has this second library, which clients must ignore.
CACHE_LIBRARY = "PersonalCacheLibrary"


@dataclass(eq=False)
class User:
    """A user. Without a drive the user never opened OneDrive.

    :param is_licensed: OneDrive opens at the first visit.
    """

    upn: str
    drive: Drive | None
    id: str
    is_licensed: bool = True

    @property
    def identity(self) -> Identity:
        return user_identity(self.id, self.upn)

    @property
    def display_name(self) -> str:
        return display_name(self.upn)

    @property
    def site_path(self) -> str:
        """Return where the personal site is, or would be."""
        # Measured: SharePoint replaces `@` and `.` of the principal name.
        return "/personal/" + self.upn.replace("@", "_").replace(".", "_")


@dataclass(eq=False)
class Group:
    """:param site_path: of its site, whose libraries are its drives."""

    id: str
    name: str
    mail: str
    site_path: str


@dataclass
class Tenant:
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(30))
    users: list[User] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    sites: list[SharePointSite] = field(default_factory=list)
    name_rules: NameRules = field(default_factory=UsualNameRules, repr=False, compare=False, metadata={"stored": False})
    _drives_by_id: dict[str, Drive] = field(default_factory=dict, repr=False, compare=False, metadata={"stored": False})

    def __post_init__(self) -> None:
        if not self.sites:
            self.add_site("", title="Communication site")

    @property
    def domain(self) -> str:
        return self.users[0].upn.rpartition("@")[2] if self.users else "contoso.example"

    @property
    def name(self) -> str:
        """Return the first part of its hosts: ``{name}.sharepoint.com``."""
        return self.domain.partition(".")[0].lower()

    def add_user(
        self, upn: str, *, provisioned: bool = True, licensed: bool = True, personality: Personality = "business"
    ) -> User:
        drive_id = ids.new_personal_drive_id()
        # Recorded: the id of a consumer is that of the drive, the CID.
        user = User(upn, None, drive_id if personality == "personal" else str(uuid.uuid4()), licensed)
        self.users.append(user)
        if personality == "personal":
            library = Library(drive_id, f"/personal/{drive_id}", drive_type="personal")
            user.drive = Drive(owner=user.identity, library=library)
            user.drive.name_rules = self.name_rules
        elif provisioned:
            self.provision(user)
        return user

    def provision(self, user: User) -> Drive:
        """Open OneDrive for a user: a site of two libraries, of which the first is a cache of the service."""
        site = SharePointSite(user.site_path, user.display_name, user.identity, is_personal=True, default=1)
        site.top = site.path
        site.add_library(CACHE_LIBRARY, drive_type="business")
        user.drive = site.add_library("OneDrive", "Documents", "business")
        self._append(site)
        return user.drive

    def add_group(self, name: str) -> Group:
        nickname = "".join(character for character in name if character.isalnum())
        group = Group(str(uuid.uuid4()), name, f"{nickname}@{self.domain}".lower(), f"/sites/{nickname}")
        owner = {"group": {"email": group.mail, "id": group.id, "displayName": f"{name} Owners"}}
        self.add_site(group.site_path, title=name, owner=owner)
        self.groups.append(group)
        return group

    def add_site(
        self,
        path: str,
        *,
        title: str | None = None,
        libraries: Iterable[str] = ("Documents",),
        owner: Identity | None = None,
    ) -> SharePointSite:
        """:param libraries: names. The first is the default library, whose URL ends in ``Shared Documents``."""
        path = "/" + path.strip("/") if path.strip("/") else ""
        if self.site_at(path):
            raise ValueError(f"There is a site {path or '/'} already.")
        title = title or path.rpartition("/")[2]
        # A site without a given owner belongs to a group, as team sites do.
        owner = owner or {"group": {"id": str(uuid.uuid4()), "displayName": f"{title} Owners"}}
        site = SharePointSite(path, title, owner, top=path)
        above = self._site_above(path)
        if above:
            site.collection, site.top = above.collection, above.top
        for name, segment in zip(libraries, itertools.chain([DEFAULT_SEGMENT], itertools.repeat(None)), strict=False):
            site.add_library(name, segment)
        self._append(site)
        return site

    def follow(self, rules: NameRules) -> None:
        """Let every drive compare names by these rules, those that are added later too."""
        self.name_rules = rules
        for drive in self.drives():
            drive.name_rules = rules

    def user(self, key: str) -> User | None:
        """Find by user principal name or by id; neither minds case."""
        return next((user for user in self.users if key.lower() in {user.upn.lower(), user.id}), None)

    def group(self, key: str) -> Group | None:
        """Find by id, name or address."""
        return next((one for one in self.groups if key.lower() in {one.id, one.name.lower(), one.mail}), None)

    def site_at(self, path: str) -> SharePointSite | None:
        path = path.strip("/").lower()
        return next((site for site in self.sites if site.path.strip("/").lower() == path), None)

    def site_of(self, drive: Drive) -> SharePointSite | None:
        return next((site for site in self.sites if any(one is drive for one in site.drives)), None)

    def drive(self, drive_id: str) -> Drive | None:
        wanted = ids.same_drive(drive_id)
        if wanted not in self._drives_by_id:
            self._drives_by_id |= {drive.id: drive for drive in self.drives()}
        return self._drives_by_id.get(wanted)

    def existing_drive(self, drive_id: str) -> Drive:
        """Return a drive.

        :raises Problem: 404, there is none; 400, the text cannot be the id of a drive.
        """
        return self.drive(drive_id) or no_drive(drive_id)

    def drives(self) -> Iterator[Drive]:
        """Yield the drives of users, then those of sites."""
        # A personal site's library is also the drive of its user; it must not be listed twice.
        own = {user.drive.id: user.drive for user in self.users if user.drive}
        yield from own.values()
        for site in list(self.sites):
            yield from (drive for drive in site.drives if drive.id not in own)

    def drive_at(self, path: str) -> tuple[Drive, tuple[str, ...]] | None:
        """Find a drive by the decoded path of a web address, with the names that follow the library's.

        Of two sites the one further below counts.
        """
        names = tuple(name for name in path.split("/") if name)
        # From the longest path down: a site below another site has the longer one.
        for length in range(len(names) - 1, -1, -1):
            site = self.site_at("/".join(names[:length]))
            drive = site.library(names[length]) if site else None
            if drive:
                return drive, names[length + 1 :]
        return self._personal_drive_at(names)

    def is_called(self, name: str) -> bool:
        """Return True if a text is the tenant's id or a domain of its users."""
        return name.lower() == self.id or name.lower() in {user.upn.rpartition("@")[2].lower() for user in self.users}

    def application_identity(self) -> Identity:
        return {"application": {"id": self.client_id, "displayName": APPLICATION_NAME}}

    def _append(self, site: SharePointSite) -> None:
        for drive in site.drives:
            drive.name_rules = self.name_rules
        self.sites.append(site)

    def _site_above(self, path: str) -> SharePointSite | None:
        """Return the parent site. Every site directly below ``/sites/`` starts a collection of its own."""
        parents = [path.rsplit("/", count)[0] for count in range(1, path.count("/") - 1)]
        return next((site for parent in parents if (site := self.site_at(parent))), None)

    def _personal_drive_at(self, names: tuple[str, ...]) -> tuple[Drive, tuple[str, ...]] | None:
        for drive in self.drives():
            address = tuple(drive.library.address.strip("/").split("/"))
            if drive.personality == "personal" and names[: len(address)] == address:
                return drive, names[len(address) :]
        return None


def no_drive(drive_id: str) -> NoReturn:
    raise missing_item() if ids.is_drive_id(drive_id) else malformed_drive()


def display_name(upn: str) -> str:
    return upn.partition("@")[0].replace(".", " ").title()


def user_identity(user_id: str, upn: str) -> Identity:
    return {"user": {"email": upn, "id": user_id, "displayName": display_name(upn)}}
