"""The destination of new content and the handling of a taken name, for a PUT and for an upload session."""

from __future__ import annotations

from dataclasses import dataclass, field

from airflow_provider_onedrive.emulator.errors.problems import invalid_request, name_taken
from airflow_provider_onedrive.emulator.items import locks
from airflow_provider_onedrive.emulator.items.preconditions import Preconditions
from airflow_provider_onedrive.emulator.model import names
from airflow_provider_onedrive.emulator.model.contents import Content
from airflow_provider_onedrive.emulator.model.drive import Drive, FileTimes, Identity, Item

# Any other value is refused with an error that lists these three.
CONFLICTS = ("fail", "replace", "rename")
TAKEN = "The specified item name already exists."


def check_conflict(value: str | None, default: str) -> str:
    """https://learn.microsoft.com/graph/api/resources/driveitem#instance-attributes."""
    if value is None:
        return default
    if value not in CONFLICTS:
        raise invalid_request(f"The conflict behavior '{value}' is not one of 'rename', 'fail' or 'replace'.")
    return value


@dataclass(frozen=True)
class Destination:
    """A file that exists (``name`` is None: it was addressed by its id) or a name below a folder.

    :param target: the file, or the folder.
    :param operation: operation of the request that named it.
    """

    target: Item = field(metadata={"stored": "place"})
    name: str | None
    conflict: str
    conditions: Preconditions
    by: Identity = field(default_factory=dict)
    operation: str = ""

    @property
    def target_id(self) -> str:
        return self.target.id

    @property
    def spot(self) -> tuple[str, str]:
        """Return the folder's id and the normalised name. Two destinations of the same file have the same pair."""
        if self.name is None:
            return (self.target.parent or self.target).id, names.key(self.target.name)
        return self.target.id, names.key(self.name)

    def check(self, drive: Drive) -> Item | None:
        """Return the item that would be replaced, or raise the error of the write."""
        drive.get(self.target.id)  # deleted meanwhile: 404
        existing = self.target if self.name is None else self.target.child(self.name)
        self.conditions.check(existing, "notAllowed")
        if existing is not None and self.conflict == "replace":
            locks.check(drive, existing, self.by, self.operation)
        if existing is None:
            drive.check_name(self.target, self.name or "", folder=False)
        # Content never replaces a folder, whatever the conflict behaviour.
        elif self.conflict != "rename" and (self.conflict == "fail" or existing.is_folder):
            raise name_taken(TAKEN)
        return existing

    def write(self, drive: Drive, content: Content, by: Identity, times: FileTimes | None = None) -> tuple[Item, bool]:
        """Return the item, and whether it is new. Called with the drive's lock held."""
        existing = self.check(drive)
        if existing is None:
            return drive.add_file(self.target, self.name or "", content, by, times), True
        if self.conflict == "replace":
            return drive.replace(existing, content, by, times), False
        folder = existing.parent or drive.root
        # `rename` appends a space and the lowest free number before the extension.
        name = drive.free_name(folder, self.name or existing.name, folder=False)
        return drive.add_file(folder, name, content, by, times), True
