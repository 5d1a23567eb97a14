"""The rights of a user beyond the own drive: the second half of a delegated permission.

https://learn.microsoft.com/graph/permissions-overview#delegated-permissions
"""

from __future__ import annotations

from airflow_provider_onedrive.emulator.errors.problems import Problem
from airflow_provider_onedrive.emulator.model import sharing
from airflow_provider_onedrive.emulator.model.addresses import ItemAddress
from airflow_provider_onedrive.emulator.model.drive import Drive, Item
from airflow_provider_onedrive.emulator.model.tenant import User

_ROOT = ItemAddress("root")


class Rights:
    """The drives and items that users may open.

    A user may open the own drive, every library of a site, drives that were opened to the user as a whole, and items
    that were shared with the user, directly or through a folder above.
    """

    def __init__(self) -> None:
        self._opened: dict[tuple[str, str], bool] = {}

    def open(self, drive: Drive, user: User, *, writes: bool) -> None:
        self._opened[drive.id, user.id] = writes

    def may(self, user: User, drive: Drive, address: ItemAddress | None, *, writes: bool) -> bool:
        """Return True if a user may read, or write, an item.

        :param address: None = the drive itself.
        """
        # Libraries are open to all users: SharePoint groups are not emulated.
        if owns(user, drive) or _is_library(drive):
            return True
        opened = self._opened.get((drive.id, user.id))
        if opened is not None and (opened or not writes):
            return True
        return _is_shared(user, drive, address or _ROOT, writes=writes)


def owns(user: User, drive: Drive) -> bool:
    return user.drive is drive or drive.owner.get("user", {}).get("id") == user.id


def _is_library(drive: Drive) -> bool:
    return drive.library.drive_type == "documentLibrary"


def _is_shared(user: User, drive: Drive, address: ItemAddress, *, writes: bool) -> bool:
    with drive.lock:
        item = _nearest(drive, address)
        return item is not None and sharing.may(user.upn, item, writes=writes)


def _nearest(drive: Drive, address: ItemAddress) -> Item | None:
    """Return the item of an address or, if there is none, the deepest existing folder of its path."""
    try:
        item = drive.get(address.base)
    except Problem:
        return None
    # A new file has no permissions yet, so those of the deepest existing folder decide.
    for name in address.names:
        below = item.child(name)
        if below is None:
            break
        item = below
    return item
