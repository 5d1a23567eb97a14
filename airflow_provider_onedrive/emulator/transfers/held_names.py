"""Names that upload sessions hold while they are open, when that quirk is on.

https://github.com/OneDrive/onedrive-api-docs/issues/747
"""

from __future__ import annotations

from airflow_provider_onedrive.emulator.errors.problems import name_taken
from airflow_provider_onedrive.emulator.items.call import Call
from airflow_provider_onedrive.emulator.items.destinations import TAKEN, Destination
from airflow_provider_onedrive.emulator.model.drive import Item


def check(call: Call, destination: Destination) -> Item | None:
    """Return the item that would be replaced; raise what writing would run into, and 409 for a name that is held.

    A session that is committed is not checked here, so it does not stand in its own way.
    """
    existing = destination.check(call.drive)
    if _is_held(call, destination):
        raise name_taken(TAKEN)
    return existing


def _is_held(call: Call, destination: Destination) -> bool:
    # Consumers were seen to get one session after the other.
    if not call.world.quirks.sessions_hold_names or call.drive.personality == "personal":
        return False
    return any(session.destination.spot == destination.spot for session in call.world.sessions.of(call.drive))
