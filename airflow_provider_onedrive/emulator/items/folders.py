"""The folders above a name: those that exist, and those that a request creates."""

from __future__ import annotations

from airflow_provider_onedrive.emulator.errors.problems import missing_item, name_taken
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.model import names
from airflow_provider_onedrive.emulator.model.addresses import ItemAddress
from airflow_provider_onedrive.emulator.model.drive import Drive, Item


def existing_parents(drive: Drive, address: ItemAddress) -> tuple[Item, tuple[str, ...]]:
    """Return the deepest folder above a name that exists, and the names that are missing below it."""
    folder, parents = drive.get(address.base), address.names[:-1]
    if not folder.is_folder:
        raise missing_item()
    for index, name in enumerate(parents):
        names.check_segment(name)
        child = folder.child(name)
        if child is None:
            return folder, parents[index:]
        # A file in the middle of a path blocks the name, which is reported like a taken name.
        if not child.is_folder:
            raise name_taken()
        folder = child
    return folder, ()


def make_parents(call: Call) -> Item:
    """Return the folder above a name, created where it is missing."""
    folder, missing = existing_parents(call.drive, call.address)
    for name in missing:
        folder = call.drive.add_folder(folder, name, call.by)
    return folder


def upsert(call: Call, conflict: str | None) -> Item | None:
    """Create the folder that a PATCH by path names. Return None if it exists already and is only changed.

    https://learn.microsoft.com/answers/questions/5905598
    """
    parent = make_parents(call)
    name = call.address.names[-1]
    existing = parent.child(name)
    if existing and (not existing.is_folder or conflict == "fail"):
        raise name_taken()
    if existing and conflict != "rename":
        return None
    if existing:
        name = call.drive.free_name(parent, name, folder=True)
    return call.drive.add_folder(parent, name, call.by)
