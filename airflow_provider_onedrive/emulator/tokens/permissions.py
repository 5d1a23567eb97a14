"""A table of the permissions of Microsoft Graph. This module knows neither requests nor tokens.

https://learn.microsoft.com/graph/permissions-reference
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

SELECTED = "Sites.Selected"
DEFAULT_APPLICATION = frozenset({"Files.ReadWrite.All", "Sites.ReadWrite.All"})
DEFAULT_DELEGATED = frozenset({"Files.ReadWrite"})


class Resource(Enum):
    """The kind of resource that a request addresses.

    ``OTHER_DRIVE`` is every drive but the signed-in user's own: another user's, or a library of a site.
    """

    OWN_DRIVE = 0
    OTHER_DRIVE = 1
    SITE = 2
    SITE_PERMISSIONS = 3


@dataclass(frozen=True)
class Kind:
    """A kind of request.

    :param app_only: an application speaks for itself; else it speaks for a signed-in user.
    """

    resource: Resource
    writes: bool
    app_only: bool


@dataclass(frozen=True)
class _Row:
    """:param reaches: for each ``Resource``, in its order: ``r`` read, ``w`` read and write, ``-`` nothing."""

    reaches: str
    delegated: bool = True
    application: bool = True


# Each row is from Microsoft's reference of permissions; what a row does not list is refused.
_TABLE = {
    "Files.Read": _Row("r---", application=False),
    "Files.ReadWrite": _Row("w---", application=False),
    "Files.Read.All": _Row("rr--"),
    "Files.ReadWrite.All": _Row("ww--"),
    "Sites.Read.All": _Row("rrr-"),
    "Sites.ReadWrite.All": _Row("www-"),
    "Sites.Manage.All": _Row("www-"),
    "Sites.FullControl.All": _Row("wwww"),
    "User.Read": _Row("----", application=False),
    "User.Read.All": _Row("----"),
}

# The roles that a site's owner may grant an application that holds Sites.Selected.
ROLES = {"read": "rrr-", "write": "www-", "owner": "www-", "fullcontrol": "www-"}

APPLICATION_PERMISSIONS = frozenset({name for name, row in _TABLE.items() if row.application} | {SELECTED})
DELEGATED_PERMISSIONS = frozenset({name for name, row in _TABLE.items() if row.delegated} | {SELECTED})
# The consent of the test application: everything but the permissions that tests grant themselves.
CONSENTED = DELEGATED_PERMISSIONS - {SELECTED, "Sites.FullControl.All", "Sites.Manage.All"}


def allowed(permission: str, kind: Kind, roles: Collection[str] = ()) -> bool:
    """Return True if a permission alone allows a request.

    :param roles: roles of the application on the site in question, which count for Sites.Selected.
    """
    if permission == SELECTED:
        return any(_reaches(ROLES[role], kind) for role in roles if role in ROLES)
    row = _TABLE.get(permission)
    if row is None or not (row.application if kind.app_only else row.delegated):
        return False
    return _reaches(row.reaches, kind)


def any_allowed(permissions: Collection[str], kind: Kind, roles: Collection[str] = ()) -> bool:
    return any(allowed(permission, kind, roles) for permission in permissions)


def _reaches(reaches: str, kind: Kind) -> bool:
    return reaches[kind.resource.value] in ("w" if kind.writes else "rw")
