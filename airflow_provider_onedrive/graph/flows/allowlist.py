"""What a connection may touch: the limits that its owner has set, whatever the identity itself may do."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.flows.items import stat_or_none
from airflow_provider_onedrive.graph.flows.resolver import Resolver
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.locations import Address, item_address
from airflow_provider_onedrive.graph.protocol.messages import Flow, Request
from airflow_provider_onedrive.graph.protocol.models import DriveItem

_READING = frozenset({"GET", "HEAD"})
_FIELDS = "id,name,parentReference,root,folder,file,createdDateTime,lastModifiedDateTime"

Key = tuple[str, str]
"""Drive id and item id."""


def check_reading(settings: Settings, request: Request) -> None:
    """Refuse what could change something, where the connection is read_only.

    :raises ConfigurationError: before anything is sent.
    """
    if settings.read_only and request.method not in _READING:
        raise ConfigurationError(
            "The connection is read_only, and this would change something; nothing was sent.",
            advice="Use another connection, or empty its field read_only.",
        )


class Allowed:
    """The connection's ``allowed_locations``, compared by ids: of an item, and of the folders that it is in.

    :param places: finds them.
    """

    def __init__(self, settings: Settings, places: Resolver) -> None:
        self._locations = settings.allowed_locations
        self._places = places
        self._roots: set[Key] | None = None
        self._above: dict[Key, Key | None] = {}

    def check(self, address: Address) -> Flow[None]:
        """See that an item, or the folder where it would come to be, lies within them.

        :raises ConfigurationError: if it does not.
        """
        if not self._locations:
            return
        at, item = address, (yield from stat_or_none(address))
        while item is None and not at.is_base:
            at = at.parent
            item = yield from stat_or_none(at)
        if item is not None and not (yield from self._holds(item)):
            raise self._refusal(str(address))

    def check_items(self, found: Iterable[DriveItem]) -> Flow[None]:
        """See that items that were found lie within them.

        :raises ConfigurationError: naming the first that does not.
        """
        if not self._locations:
            return
        for item in found:
            if not (yield from self._holds(item)):
                raise self._refusal(item.location)

    def _holds(self, item: DriveItem) -> Flow[bool]:
        roots = yield from self._find_roots()
        key: Key | None = (item.drive_id, item.id)
        above = (item.drive_id, item.parent_id) if item.parent_id and not item.is_root else None
        passed: set[Key] = set()
        while key is not None and key not in passed:  # a loop of folders ends, should Graph ever send one
            if key in roots:
                return True
            passed.add(key)
            key, above = above, None if above is None else (yield from self._parent(above))
        return False

    def _parent(self, key: Key) -> Flow[Key | None]:
        """Say which folder a folder is in; each is asked for once."""
        if key not in self._above:
            response = yield Request("GET", f"{item_address(*key).url()}?$select={_FIELDS}")
            parent = (response.json.get("parentReference") or {}).get("id")
            self._above[key] = None if "root" in response.json or not parent else (key[0], str(parent))
        return self._above[key]

    def _find_roots(self) -> Flow[set[Key]]:
        if self._roots is None:
            roots = set()
            for location in self._locations:
                address = yield from self._places.locate(location)
                item = yield from stat_or_none(address)
                if item is None:
                    raise ConfigurationError(
                        f"The connection's field allowed_locations names {address}, which is not there.",
                        advice="Correct the field.",
                    )
                roots.add((item.drive_id, item.id))
            self._roots = roots
        return self._roots

    def _refusal(self, shown: str) -> ConfigurationError:
        allowed = ", ".join(map(str, self._locations))
        return ConfigurationError(
            f"{shown} lies outside of what the connection allows ({allowed}); nothing was done.",
            advice="Whoever owns the connection may add it to the field allowed_locations.",
        )
