"""Where a Graph URL leads in a drive."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_onedrive.emulator.model.addresses import ItemAddress
from airflow_provider_onedrive.emulator.model.drive import Drive, Item


@dataclass(frozen=True)
class ItemPath:
    """The item that a Graph URL addresses.

    :param base: the item whose id, or the root whose name, the URL begins with.
    :param item: None = it does not exist.
    :param path: the items along the path below the base, down to the last that exists.
    """

    drive: Drive
    base: Item
    item: Item | None
    path: tuple[Item, ...]

    @property
    def deepest(self) -> Item:
        """Return the last item along the path that exists."""
        return self.path[-1] if self.path else self.base


def descend(drive: Drive, address: ItemAddress, tail: list[str]) -> tuple[ItemAddress, list[str]]:
    """Follow ``children/{name}``, which is the same as ``:/{name}:``. The id of a child is its key, too."""
    while len(tail) > 1 and tail[0] == "children":
        address, tail = _child(drive, address, tail[1]), tail[2:]
    return address, tail


def follow(drive: Drive, address: ItemAddress) -> ItemPath:
    """Follow the names of an address as far as they exist.

    :raises Problem: the drive has no item of the address's id.
    """
    with drive.lock:
        base = item = drive.get(address.base)
        path: list[Item] = []
        for name in address.names:
            child = item.child(name)
            if child is None:
                return ItemPath(drive, base, None, tuple(path))
            item = child
            path.append(item)
        return ItemPath(drive, base, item, tuple(path))


def _child(drive: Drive, address: ItemAddress, key: str) -> ItemAddress:
    with drive.lock:
        item = drive.live(key)
        if item is not None and item.parent is follow(drive, address).item:
            return ItemAddress(item.id)
    # rclone writes a whole path into the key in its China region.
    return ItemAddress(address.base, (*address.names, *filter(None, key.split("/"))))
