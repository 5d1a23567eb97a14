"""The directory: one tenant, its registered application, its users and their drives."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote

from airflow_provider_onedrive.emulator.tree import Drive, Identity

APPLICATION_NAME = "Airflow"


@dataclass(frozen=True)
class User:
    """A user without a drive has a mailbox, so to say, but never opened OneDrive."""

    upn: str
    drive: Drive | None
    id: str

    @property
    def identity(self) -> Identity:
        return user_identity(self.id, self.upn)


@dataclass
class Tenant:
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    client_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(30))
    users: list[User] = field(default_factory=list)

    def add_user(self, upn: str, *, provisioned: bool = True) -> User:
        user_id = str(uuid.uuid4())
        owner = user_identity(user_id, upn)
        drive = Drive(owner=owner, web_path=_web_path(upn)) if provisioned else None
        user = User(upn, drive, user_id)
        self.users.append(user)
        return user

    def user(self, key: str) -> User | None:
        """Find by user principal name or by id; neither minds case."""
        return next((user for user in self.users if key.lower() in {user.upn.lower(), user.id}), None)

    def drive(self, drive_id: str) -> Drive | None:
        return next((drive for drive in self.drives() if drive.id == drive_id), None)

    def drives(self) -> Iterable[Drive]:
        return (user.drive for user in self.users if user.drive)

    def is_called(self, name: str) -> bool:
        """Say whether this is its id or a domain of its users."""
        return name.lower() == self.id or name.lower() in {user.upn.rpartition("@")[2].lower() for user in self.users}

    def application_identity(self) -> Identity:
        return {"application": {"id": self.client_id, "displayName": APPLICATION_NAME}}


def user_identity(user_id: str, upn: str) -> Identity:
    display_name = upn.partition("@")[0].replace(".", " ").title()
    return {"user": {"email": upn, "id": user_id, "displayName": display_name}}


def _web_path(upn: str) -> str:
    return "/personal/" + quote(upn.replace("@", "_").replace(".", "_"))
