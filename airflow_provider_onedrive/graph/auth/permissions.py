"""The permissions of Microsoft Graph that each operation needs. docs/permissions.md is made of this table.

https://learn.microsoft.com/en-us/graph/permissions-reference
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

# The operations of errors that only read; every other one needs WRITE.
_READERS = frozenset({"look at", "look for", "list", "read", "download", "wait for", "sync"})
SELECTED = "Sites.Selected"


@dataclass(frozen=True)
class Need:
    """The permissions that a group of operations needs. Any one of them is enough; the least comes first.

    :param operations: the operations, in words.
    :param by: the names of their classes.
    :param delegated: for a signed-in user: the first in the user's own drive, the others elsewhere too.
    :param application: for an app without a user.
    :param role: the role on a site that an app with ``Sites.Selected`` needs.
    """

    operations: str
    by: tuple[str, ...]
    delegated: tuple[str, ...]
    application: tuple[str, ...]
    role: str


# Least first, as the reference of each endpoint lists them: "Permissions (from least to most privileged)".
READ = Need(
    "list, download, sync metadata, wait for files",
    ("OneDriveListOperator", "OneDriveDownloadOperator", "OneDriveFolderSyncOperator", "OneDriveFileSensor"),
    (
        *("Files.Read", "Files.ReadWrite", "Files.Read.All", "Files.ReadWrite.All", "Sites.Read.All"),
        *("Sites.ReadWrite.All", "Sites.Manage.All", "Sites.FullControl.All", SELECTED),
    ),
    (
        *("Files.Read.All", "Files.ReadWrite.All", "Sites.Read.All", "Sites.ReadWrite.All", "Sites.Manage.All"),
        *("Sites.FullControl.All", SELECTED),
    ),
    "read",
)
WRITE = Need(
    "upload, update, save, create folders, move, copy, delete",
    (
        *("OneDriveUploadOperator", "OneDriveUpdateOperator", "OneDriveSaveOperator", "OneDriveCreateFolderOperator"),
        *("OneDriveMoveOperator", "OneDriveCopyOperator", "OneDriveDeleteOperator"),
    ),
    (
        *("Files.ReadWrite", "Files.ReadWrite.All", "Sites.ReadWrite.All", "Sites.Manage.All"),
        *("Sites.FullControl.All", SELECTED),
    ),
    ("Files.ReadWrite.All", "Sites.ReadWrite.All", "Sites.Manage.All", "Sites.FullControl.All", SELECTED),
    "write",
)
NEEDS = (READ, WRITE)
_ELSEWHERE = {"read": "Files.Read.All", "write": "Files.ReadWrite.All"}


def is_enough(need: Need, granted: Collection[str], *, is_app: bool) -> bool:
    """Whether a token with these permissions allows the operations somewhere. Graph decides for each drive."""
    return bool(set(need.application if is_app else need.delegated) & set(granted))


def need_of(operation: str) -> Need:
    """Return the permissions that an operation needs, by the word that errors use for it."""
    return READ if operation in _READERS else WRITE


def advice_on_denial(operation: str, *, is_app: bool) -> str:
    """Return which permission is missing, and who can grant it."""
    need = need_of(operation)
    everywhere = _ELSEWHERE[need.role]
    # Graph answers 403 "accessDenied" for a missing permission and for a missing role on the site alike.
    if is_app:
        return (
            "The identity of the connection lacks the permission: an administrator of the tenant grants the app the "
            f"application permission {everywhere}; or {SELECTED}, and then the role {need.role!r} on this site, which "
            "a SharePoint administrator, or an app with Sites.FullControl.All, gives by POST /sites/{id}/permissions."
        )
    return (
        "The identity of the connection lacks the permission: the app needs the delegated permission "
        f"{need.delegated[0]} for the user's own drive and {everywhere} elsewhere, and the user must be allowed to "
        f"{need.role} there."
    )


def markdown() -> str:
    """Return the table for the page on permissions."""
    lines = [
        "| what | classes | delegated (a user signs in) | application (an app alone) |",
        "| --- | --- | --- | --- |",
    ]
    for need in NEEDS:
        classes = ", ".join(f"`{name}`" for name in need.by)
        delegated = f"`{need.delegated[0]}` in the own drive, `{_ELSEWHERE[need.role]}` elsewhere"
        application = f"`{need.application[0]}`, or `{SELECTED}` with the role `{need.role}` on each site"
        lines.append(f"| {need.operations} | {classes} | {delegated} | {application} |")
    return "\n".join(lines) + "\n"
