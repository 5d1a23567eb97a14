"""Names that upload sessions hold while they are open, when that quirk is on.

https://github.com/OneDrive/onedrive-api-docs/issues/747
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_onedrive.emulator.errors.problems import name_taken
from airflow_provider_onedrive.emulator.faults.quirks import Quirks
from airflow_provider_onedrive.emulator.items.destinations import Destination
from airflow_provider_onedrive.emulator.model.drive import Drive, Item
from airflow_provider_onedrive.emulator.transfers.sessions import Sessions

# https://github.com/MicrosoftDocs/microsoft-graph-docs-contrib/issues/6558
HELD = "An upload session already exists for this file"


@dataclass(frozen=True)
class HeldNames:
    """Checks whether an open session holds a name."""

    sessions: Sessions
    quirks: Quirks

    def check(self, drive: Drive, destination: Destination) -> Item | None:
        """Return the item that would be replaced, or raise the error of the write: 409 for a name that is held.

        A session that is being committed is not checked here, so it does not block itself.
        """
        # The usual errors come first, so that the quirk hides none of them.
        existing = destination.check(drive)
        if self._is_held(drive, destination):
            raise name_taken(HELD)
        return existing

    def _is_held(self, drive: Drive, destination: Destination) -> bool:
        # Consumers were seen to get one session after the other.
        if not self.quirks.sessions_hold_names or drive.personality == "personal":
            return False
        return any(session.destination.spot == destination.spot for session in self.sessions.of(drive))
