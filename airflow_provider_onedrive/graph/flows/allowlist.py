"""Keeps a client within the limits that the owner of its connection has set, whatever its identity may do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.flows.absence import find_again
from airflow_provider_onedrive.graph.flows.items import stat_or_none
from airflow_provider_onedrive.graph.flows.resolver import Resolver
from airflow_provider_onedrive.graph.protocol.addresses import Address, item_address
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, LocationError
from airflow_provider_onedrive.graph.protocol.fields import identifier, nested
from airflow_provider_onedrive.graph.protocol.locations import Location
from airflow_provider_onedrive.graph.protocol.messages import READING_METHODS, Flow, Request
from airflow_provider_onedrive.graph.protocol.models import DriveItem

_FIELDS = "id,name,parentReference,root,folder,file,createdDateTime,lastModifiedDateTime"

Key = tuple[str, str]
"""Drive id and item id."""


def check_request(settings: Settings, request: Request) -> None:
    """Refuse a request that could change something if the connection is read_only, or deletes for good unless allowed.

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


@dataclass
class _Memory:
    """What one check has read. The next one reads it anew: a folder may be moved at any time.

    :ivar above: the folder above each folder; None above the root of a drive.
    :ivar roots: the items that the allowed locations name at this moment, as far as that was looked up.
    :ivar is_whole: whether all of them were looked up.
    """

    above: dict[Key, Key | None] = field(default_factory=dict)
    roots: set[Key] = field(default_factory=set)
    is_whole: bool = False


class AllowList:
    """Refuses items outside the connection's ``allowed_locations``.

    It compares the ids of an item and of the folders above it. A path would not do: a folder can be renamed, and one
    item can be named by its path, by its id, through a shortcut and by a sharing link.

    :param resolver: finds the addresses of the allowed locations.
    """

    def __init__(self, settings: Settings, resolver: Resolver) -> None:
        self._locations = settings.allowed_locations
        self._resolver = resolver
        # Only a guess, which saves requests: each check sees that the root it relies on is still the one.
        self._roots: dict[Key, Location] = {}

    def check(self, address: Address, *, is_removed: bool = False) -> Flow[None]:
        """Refuse an item that lies outside. If it does not exist, the nearest existing folder above it counts.

        :param is_removed: whether it is to be deleted or moved, which an allowed location itself never is.
        :raises ConfigurationError: if the item lies outside.
        """
        if not self._locations:
            return
        nearest, item = yield from _nearest(address, (yield from stat_or_none(address)))
        if item is not None and nearest != address and not (yield from self._holds(item, _Memory())):
            # One 404 of an allowed location, or of a folder in it, would have a folder above it refused for good.
            nearest, item = yield from _nearest(address, (yield from _reread(address)))
        if item is None:
            item = yield from find_again(nearest)  # a passing 404 of an id must not hide where the item lies
        if item is not None:
            yield from self._check(item, str(address), _Memory(), is_removed=is_removed and nearest == address)

    def check_items(self, items: Iterable[DriveItem], shown: str | None = None) -> Flow[None]:
        """Refuse items, as they were just read, of which one lies outside.

        :param shown: names the items in the error; None takes the location of each.
        :raises ConfigurationError: naming the first that does.
        """
        memory = _Memory()
        for item in items if self._locations else ():
            yield from self._check(item, shown or item.location, memory)

    def check_removals(self, items: Iterable[DriveItem], *, permanent: bool) -> Flow[None]:
        """Refuse to delete items, as they were listed some time ago, of which one lies outside.

        :raises ConfigurationError: naming the first that does, or that is an allowed location itself.
        """
        memory = _Memory()
        for item in items if self._locations else ():
            # An item that was moved since then has another eTag, and Graph refuses to delete it by the old one.
            is_bound = bool(item.etag) and not permanent
            current = None if is_bound else (yield from stat_or_none(item_address(item.drive_id, item.id)))
            yield from self._check(current or item, item.location, memory, is_removed=True)

    def _check(self, item: DriveItem, shown: str, memory: _Memory, *, is_removed: bool = False) -> Flow[None]:
        if not (yield from self._holds(item, memory)):
            raise self._refusal(shown)
        if is_removed and (item.drive_id, item.id) in memory.roots:
            raise ConfigurationError(
                f"{shown} is one of the connection's allowed_locations, which are neither deleted nor moved.",
                advice="Name something in it.",
            )

    def _holds(self, item: DriveItem, memory: _Memory) -> Flow[bool]:
        root = yield from self._root_above(item, memory)
        if root in memory.roots:
            return True
        if root is not None and (yield from self._key_of(self._roots[root])) == root:
            memory.roots.add(root)
            return True
        if memory.is_whole:
            return False
        # The locations may name other folders by now: the one that is not there any more, and the one that has come.
        yield from self._read_roots(memory)
        return (yield from self._root_above(item, memory)) is not None

    def _root_above(self, item: DriveItem, memory: _Memory) -> Flow[Key | None]:
        """Return the first of the allowed items among an item and the folders above it."""
        if not self._roots:
            yield from self._read_roots(memory)
        passed = {(item.drive_id, item.id)}
        if not passed.isdisjoint(self._roots):
            return passed.pop()
        key = (item.drive_id, item.parent_id) if item.parent_id and not item.is_root else None
        while key is not None and key not in passed:  # a loop of folders ends, should Graph ever send one
            if key in self._roots:
                return key
            passed.add(key)
            key = yield from self._parent(key, memory)
        return None

    def _parent(self, key: Key, memory: _Memory) -> Flow[Key | None]:
        """Return the folder above a folder; one check asks for each once."""
        if key not in memory.above:
            response = yield Request("GET", f"{item_address(*key).url()}?$select={_FIELDS}")
            parent = nested(response.body, "parentReference")
            is_top = response.body.get("root") is not None or not parent.get("id")
            memory.above[key] = None if is_top else (key[0], identifier(parent))
        return memory.above[key]

    def _read_roots(self, memory: _Memory) -> Flow[None]:
        # Looked up at the first check and not before: most connections have no such list.
        roots = {}
        for location in self._locations:
            roots[(yield from self._key_of(location))] = location
        self._roots, memory.roots, memory.is_whole = roots, set(roots), True

    def _key_of(self, location: Location) -> Flow[Key]:
        """Look up which item an allowed location names at this moment.

        :raises ConfigurationError: if it names none.
        """
        address = yield from self._resolver.locate(location)
        item = (yield from stat_or_none(address)) or (yield from find_again(address))
        if item is None:
            raise ConfigurationError(
                f"The connection's field allowed_locations names {address}, which does not exist.",
                advice="Correct the field.",
            )
        return item.drive_id, item.id

    def _refusal(self, shown: str) -> ConfigurationError:
        allowed = ", ".join(map(str, self._locations))
        return ConfigurationError(
            f"{shown} lies outside of the connection's allowed_locations ({allowed}); nothing was done.",
            advice="The owner of the connection can add it to that field.",
        )


def _nearest(address: Address, item: DriveItem | None) -> Flow[tuple[Address, DriveItem | None]]:
    """Return the nearest existing item on the way up from an address, beginning with what was read there."""
    while item is None and not address.is_base:
        address = address.parent
        item = yield from stat_or_none(address)
    return address, item


def _reread(address: Address) -> Flow[DriveItem | None]:
    try:
        return (yield from find_again(address))
    except LocationError:  # a name above it is that of a file, which is judged then
        return None
