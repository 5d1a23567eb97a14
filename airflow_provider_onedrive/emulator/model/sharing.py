"""Permissions that were granted on an item, to named users or by a link.

https://learn.microsoft.com/graph/api/resources/permission
"""

from __future__ import annotations

import base64
import re
import secrets
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from airflow_provider_onedrive.emulator.model import clock

if TYPE_CHECKING:
    from airflow_provider_onedrive.emulator.model.item import Item

# The secret part of a link: the item's GUID, then random characters.
_LINK = re.compile(r"/:[a-z]:/[a-z]/(?P<web_path>.*/)?(?P<guid>[A-Za-z0-9_-]{22})(?P<rest>[A-Za-z0-9_-]{10,})/?")


@dataclass(frozen=True)
class Permission:
    """:param role: ``read``, ``write`` or ``owner``.

    :param emails: addresses of the named users, in lower case.
    :param link: ``view``, ``edit`` or ``embed``, None = named users without a link.
    :param scope: scope of the link: ``anonymous``, ``organization`` or ``users``.
    :param secret: last segment of the link's URL.
    """

    role: str
    emails: tuple[str, ...] = ()
    link: str | None = None
    scope: str | None = None
    secret: str = ""
    has_password: bool = False
    expires: datetime | None = None
    sign_in_required: bool = True
    id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def is_alive(self) -> bool:
        return self.expires is None or self.expires > clock.now()

    def gives(self, email: str, *, writes: bool) -> bool:
        """Return True if it grants a user access without the link."""
        return email.lower() in self.emails and self.is_alive and (not writes or self.role != "read")


@dataclass(frozen=True)
class LinkAddress:
    """The parts of a link's URL.

    :param web_path: URL path of the item's site.
    """

    web_path: str
    guid: uuid.UUID
    secret: str


def new_secret(item: Item) -> str:
    # The link finds its item without a table of all links.
    guid = base64.urlsafe_b64encode(item.guid.bytes_le).decode().rstrip("=")
    return guid + secrets.token_urlsafe(9)


def link_path(web_path: str, item: Item, secret: str) -> str:
    # Links of SharePoint name the kind of the item in their path.
    kind = "f" if item.is_folder else "u"
    return f"/:{kind}:/g{web_path}/{secret}"


def share_id(url: str) -> str:
    """Return the token of a URL for ``/shares``."""
    return "u!" + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


def parse_link(path: str) -> LinkAddress | None:
    """Parse the path of a link's URL; None = it is not a link."""
    match = _LINK.fullmatch(path)
    if match is None:
        return None
    guid = uuid.UUID(bytes_le=base64.urlsafe_b64decode(match["guid"] + "=="))
    return LinkAddress("/" + (match["web_path"] or "").rstrip("/"), guid, match["guid"] + match["rest"])


def inherited(item: Item) -> Iterator[tuple[Item, Permission]]:
    """Yield the permissions on the item and on the folders above it, each with the item that it was granted on."""
    origin: Item | None = item
    while origin:
        for permission in origin.permissions:
            yield origin, permission
        origin = origin.parent


def may(email: str, item: Item, *, writes: bool) -> bool:
    """Return True if a user has access to an item, by name or by a redeemed link."""
    return any(permission.gives(email, writes=writes) for _, permission in inherited(item))
