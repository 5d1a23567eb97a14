"""Keeps a client within the limits that the owner of its connection has set, whatever its identity may do."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.flows.items import stat_or_none
from airflow_provider_onedrive.graph.flows.resolver import Resolver
from airflow_provider_onedrive.graph.protocol.addresses import Address, item_address
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.fields import identifier, nested
from airflow_provider_onedrive.graph.protocol.messages import READING_METHODS, Flow, Request
from airflow_provider_onedrive.graph.protocol.models import DriveItem

_FIELDS = "id,name,parentReference,root,folder,file,createdDateTime,lastModifiedDateTime"

Key = tuple[str, str]
"""Drive id and item id."""


def check_reading(settings: Settings, request: Request) -> None:
    """Refuse a request that could change something if the connection is read_only.

    Every request of a client passes here, so no operation can forget the limit.

    :raises ConfigurationError: before anything is sent.
    """
    if settings.read_only and request.method not in READING_METHODS:
        raise ConfigurationError(
            "The connection is read_only, and this request could change something; it was not sent.",
            advice="Use another connection, or empty its field read_only.",
        )
    if is_permanent(request):
        settings.policy.require("permanent_delete", "permanentDelete")


def is_permanent(request: Request) -> bool:
    """Return whether a request, or a part of a batch, deletes something for good."""
    parts = request.json.get("requests") if isinstance(request.json, dict) else None
    urls = [part.get("url") for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    return request.method not in READING_METHODS and any(map(_ends_permanently, (request.url, *urls)))


def _ends_permanently(url: object) -> bool:
    # Raw requests may write the action with its name space, escaped, or as a function.
    action = unquote(str(url).partition("?")[0]).rstrip("/()").lower().rpartition("/")[2]
    return action.removeprefix("microsoft.graph.") == "permanentdelete"


class AllowList:
    """Refuses items outside the connection's ``allowed_locations``.

    It compares the ids of an item and of the folders above it. A path would not do: a folder can be renamed, and one
    item can be named by its path, by its id, through a shortcut and by a sharing link.

    :param resolver: finds the addresses of the allowed locations.
    """

    def __init__(self, settings: Settings, resolver: Resolver) -> None:
        self._locations = settings.allowed_locations
        self._resolver = resolver
        self._roots: set[Key] | None = None
        self._above: dict[Key, Key | None] = {}  # for the life of a client, which is a task's or some minutes

    def check(self, address: Address) -> Flow[None]:
        """Refuse an item that lies outside. If it does not exist, the nearest existing folder above it counts.

        :raises ConfigurationError: if the item lies outside.
        """
        if not self._locations:
            return
        nearest, item = address, (yield from stat_or_none(address))
        while item is None and not nearest.is_base:
            nearest = nearest.parent
            item = yield from stat_or_none(nearest)
        if item is not None and not (yield from self._holds(item)):
            raise self._refusal(str(address))

    def check_items(self, items: Iterable[DriveItem]) -> Flow[None]:
        """Refuse items of which one lies outside.

        :raises ConfigurationError: naming the first that does.
        """
        if not self._locations:
            return
        for item in items:
            if not (yield from self._holds(item)):
                raise self._refusal(item.location)

    def _holds(self, item: DriveItem) -> Flow[bool]:
        roots = yield from self._find_roots()
        # A listing names the parent of each item, so a walk over an allowed folder costs no request here.
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
        """Return the folder above a folder; each is asked for once."""
        if key not in self._above:
            response = yield Request("GET", f"{item_address(*key).url()}?$select={_FIELDS}")
            parent = nested(response.body, "parentReference")
            is_top = response.body.get("root") is not None or not parent.get("id")
            self._above[key] = None if is_top else (key[0], identifier(parent))
        return self._above[key]

    def _find_roots(self) -> Flow[set[Key]]:
        if self._roots is None:
            # Looked up at the first check and not before: most connections have no such list.
            roots = set()
            for location in self._locations:
                address = yield from self._resolver.locate(location)
                item = yield from stat_or_none(address)
                if item is None:
                    raise ConfigurationError(
                        f"The connection's field allowed_locations names {address}, which does not exist.",
                        advice="Correct the field.",
                    )
                roots.add((item.drive_id, item.id))
            self._roots = roots
        return self._roots

    def _refusal(self, shown: str) -> ConfigurationError:
        allowed = ", ".join(map(str, self._locations))
        return ConfigurationError(
            f"{shown} lies outside of the connection's allowed_locations ({allowed}); nothing was done.",
            advice="The owner of the connection can add it to that field.",
        )
