"""Which permission of Microsoft Graph each operation needs, in one table. docs/permissions.md is made from it.

https://learn.microsoft.com/en-us/graph/permissions-reference
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

_READERS = frozenset({"look at", "look for", "list", "read", "download", "wait for", "sync"})
SELECTED = "Sites.Selected"


@dataclass(frozen=True)
class Need:
    """What one kind of work needs; any one of the permissions is enough, the least comes first.

    :param work: in words.
    :param by: the classes that do it.
    :param delegated: for a signed-in user, in the own drive and, behind it, elsewhere.
    :param application: for an app without a user.
    :param role: that ``Sites.Selected`` must have been given on the site.
    """

    work: str
    by: tuple[str, ...]
    delegated: tuple[str, ...]
    application: tuple[str, ...]
    role: str


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
    """Say whether a token with these permissions may do it at all; where, the service decides."""
    return bool(set(need.application if is_app else need.delegated) & set(granted))


def need_of(operation: str) -> Need:
    """Find what an operation needs, by the word that errors use for it."""
    return READ if operation in _READERS else WRITE


def advice_on_denial(operation: str, *, is_app: bool) -> str:
    """Say which permission is missing, and who can grant it."""
    need = need_of(operation)
    everywhere = _ELSEWHERE[need.role]
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
    """Write the table down."""
    lines = [
        "| what | classes | delegated (a user signs in) | application (an app alone) |",
        "| --- | --- | --- | --- |",
    ]
    for need in NEEDS:
        classes = ", ".join(f"`{name}`" for name in need.by)
        delegated = f"`{need.delegated[0]}` in the own drive, `{_ELSEWHERE[need.role]}` elsewhere"
        application = f"`{need.application[0]}`, or `{SELECTED}` with the role `{need.role}` on each site"
        lines.append(f"| {need.work} | {classes} | {delegated} | {application} |")
    return "\n".join(lines) + "\n"
