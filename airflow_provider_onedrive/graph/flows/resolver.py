"""What a connection's locations mean: from what a user wrote to Graph's ids, asked for once.

https://learn.microsoft.com/en-us/graph/api/resources/onedrive
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote, urlsplit

from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.flows.pages import all_values
from airflow_provider_onedrive.graph.flows.walk import FolderWalk, read_page
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, ItemNotFound, LocationError
from airflow_provider_onedrive.graph.protocol.locations import (
    LINK,
    Address,
    Location,
    address_of,
    item_address,
    site_url,
)
from airflow_provider_onedrive.graph.protocol.messages import Flow, Request
from airflow_provider_onedrive.graph.protocol.web_urls import sharing_token

_SITE_ROOTS = ("sites", "teams", "personal")
_KEPT_SECONDS = 300.0
_LIBRARY_FIELDS = "id,name,webUrl,driveType"
# https://learn.microsoft.com/en-us/graph/api/shares-get#request-headers: for this request, and nobody gets a share
_REDEEM = {"Prefer": "redeemSharingLinkIfNecessary"}


@dataclass(frozen=True)
class SharedFolder:
    """Something that can be named behind ``shared/``.

    :param origin: ``connection`` for an entry of its field ``shared``, ``shortcut`` for one in the root of ``myfiles``.
    :param target: the location it stands for; of a sharing link its host.
    :param is_link: it is a sharing link.
    """

    name: str
    origin: str
    target: str
    is_link: bool = False

    @property
    def location(self) -> str:
        return f"shared/{self.name}"


class Resolver:
    """Finds what locations mean, and remembers the ids of libraries and shared folders.

    :param settings: of the connection.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._found: dict[Location, Address] = {}
        self._kept_until: dict[Location, float] = {}

    def locate(self, place: Location) -> Flow[Address]:
        """Say where a location is.

        :raises LocationError: if there is no such library or nothing is shared under this name.
        :raises ConfigurationError: if it is the own place of an application, which has none.
        """
        if place.root == "myfiles":
            return (yield from self._own(place))
        if place.root == "sites":
            return (yield from self._in_library(place))
        if place.root == "shared":
            return (yield from self._shared(place))
        if place.root == LINK:
            return (yield from self._linked(place))
        return address_of(place)

    def forget(self, address: Address) -> None:
        """Look up anew what stands at the beginning of an address, unless that was done a moment ago."""
        for place in [place for place, found in self._found.items() if found.base == address.base]:
            if time.monotonic() >= self._kept_until.get(place, 0.0):
                self._found.pop(place, None)
                self._kept_until[place] = time.monotonic() + _KEPT_SECONDS

    def list_shared(self) -> Flow[list[SharedFolder]]:
        """Find all that ``shared/`` can be followed by."""
        named = [_named(name, place) for name, place in self._settings.shared.items()]
        taken = {each.name.casefold() for each in named}
        return named + [each for each in (yield from self._shortcuts()) if each.name.casefold() not in taken]

    def _own(self, place: Location) -> Flow[Address]:
        myfiles = self._settings.myfiles
        if myfiles is not None:
            return (yield from self.locate(myfiles)).aliased_as(place)
        if self._settings.is_app:
            raise ConfigurationError(
                f"{place} is the connection's own place, and an application has none.",
                advice="Put a user (name@company.example) or a drive into the connection's field myfiles.",
            )
        return address_of(place)

    def _in_library(self, place: Location) -> Flow[Address]:
        for count in range(len(place.names), 0, -1):
            library = replace(place, names=place.names[:count], is_folder=False)
            if library in self._found:
                return _below(self._found[library], place, count)
        count, drive_id = yield from _find_library(place)
        library = replace(place, names=place.names[:count], is_folder=False)
        found = address_of(Location("drives", (drive_id,)))
        self._found[library] = replace(found, text=str(library), shown=str(library))
        return _below(self._found[library], place, count)

    def _shared(self, place: Location) -> Flow[Address]:
        if place.is_list_of_shared:
            raise LocationError("'shared' alone names no item.", advice="List it, or write shared/<name>[/path].")
        name = place.ids[0]
        target = next(
            (found for key, found in self._settings.shared.items() if key.casefold() == name.casefold()), None
        )
        if target is not None:
            return (yield from self.locate(target)).aliased_as(place)
        key = replace(place, names=(), is_folder=False)
        if key not in self._found:
            self._found[key] = yield from self._shortcut(key)
        return self._found[key].aliased_as(place)

    def _shortcut(self, place: Location) -> Flow[Address]:
        """Follow a shortcut in the root of ``myfiles``."""
        name = place.ids[0]
        try:
            at = yield from self._own(Location("myfiles", names=(name,)))
            found = (yield Request("GET", at.url())).json
        except (ItemNotFound, ConfigurationError):
            found = {}
        remote = found.get("remoteItem")
        if not remote:
            known = ", ".join(self._settings.shared) or "nothing"
            raise LocationError(
                f"Nothing is shared as {name!r}: the connection's field shared names {known}, and "
                f"{'the item of that name' if found else 'nothing of that name'} in myfiles is a shortcut.",
                advice=f"Add {name!r} to the field shared, or add a shortcut to myfiles in the browser.",
            )
        drive_id = remote["parentReference"]["driveId"]
        return (yield from _item(Request("GET", item_address(drive_id, remote["id"]).url()), place))

    def _shortcuts(self) -> Flow[list[SharedFolder]]:
        found: list[SharedFolder] = []
        try:
            walk = FolderWalk((yield from self._own(Location("myfiles"))), recursive=False)
        except ConfigurationError:  # an application without a place of its own has no shortcuts either
            return found
        while walk.has_more:
            for visit in (yield from read_page(walk)):
                if remote := visit.data.get("remoteItem"):
                    target = f"items/{(remote.get('parentReference') or {}).get('driveId')}/{remote['id']}"
                    found.append(SharedFolder(visit.item.name, "shortcut", target))
        return found

    def _linked(self, place: Location) -> Flow[Address]:
        link = replace(place, names=(), is_folder=False)
        if link not in self._found:
            request = Request("GET", f"/shares/{sharing_token(place.link)}/driveItem", headers=_REDEEM)
            self._found[link] = yield from _item(request, link)
        return replace(self._found[link], names=place.names, shown=str(place))


def _item(request: Request, place: Location) -> Flow[Address]:
    """Address an item by its own ids, and keep the path that it has in its drive."""
    data = (yield request).json
    parent: Mapping[str, Any] = data.get("parentReference") or {}
    found = item_address(parent["driveId"], data["id"])
    _, _, above = str(parent.get("path") or "").partition("root:")
    skip = () if "root" in data else (*filter(None, unquote(above).split("/")), data["name"])
    text = f"items/{parent['driveId']}/{data['id']}" if place.link else str(place)
    return replace(found, text=text, shown=str(place), skip=skip)


def _find_library(place: Location) -> Flow[tuple[int, str]]:
    """Return how many names lead to the library, and the id of its drive."""
    host, names = place.ids[0], place.names
    count = 2 if names[0].lower() in _SITE_ROOTS and len(names) > 1 else 0
    while True:
        site = yield from _site(host, names[:count], place)
        libraries = yield from _libraries(site["id"])
        if count == len(names):
            raise _no_library(place, "", libraries)
        drive_id = _match(libraries, names[count], place)
        if drive_id is not None:
            return count + 1, drive_id
        if not (yield from _has_site(host, names[: count + 1])):
            raise _no_library(place, names[count], libraries)
        count += 1


def _site(host: str, names: tuple[str, ...], place: Location) -> Flow[dict[str, Any]]:
    try:
        return dict((yield Request("GET", site_url(host, names))).json)
    except ItemNotFound as missing:
        advice = f"Is there a site {'/'.join((host, *names))}, and may the identity see it?"
        raise missing.with_advice(advice).about("look for", str(place)) from None


def _has_site(host: str, names: tuple[str, ...]) -> Flow[bool]:
    try:
        yield Request("GET", site_url(host, names))
    except ItemNotFound:
        return False
    return True


def _libraries(site_id: str) -> Flow[list[dict[str, Any]]]:
    """https://learn.microsoft.com/en-us/graph/api/drive-list."""
    return (yield from all_values(Request("GET", f"{site_url(site_id)}/drives?$select={_LIBRARY_FIELDS}")))


def _match(libraries: list[dict[str, Any]], wanted: str, place: Location) -> str | None:
    """Choose by the address's last segment, and else by the name, which may be in another language.

    :raises LocationError: if two have the name.
    """
    for key in (_segment, lambda library: str(library.get("name") or "")):
        found = [library for library in libraries if key(library).casefold() == wanted.casefold()]
        if len(found) > 1:
            shown = " and ".join(str(library.get("webUrl")) for library in found)
            raise LocationError(
                f"{str(place)!r} may mean two libraries: {shown}.",
                advice="Write the last part of the right one's address in place of its name.",
            )
        if found:
            return str(found[0]["id"])
    return None


def _segment(library: Mapping[str, Any]) -> str:
    return unquote(urlsplit(str(library.get("webUrl") or "")).path.rstrip("/").rpartition("/")[2])


def _no_library(place: Location, wanted: str, libraries: list[dict[str, Any]]) -> LocationError:
    known = ", ".join(repr(_segment(library)) for library in libraries) or "none that the identity may see"
    missing = f"has no library or subsite {wanted!r}" if wanted else "is a site, and a library in it is meant"
    return LocationError(f"{str(place)!r} {missing}; its libraries are {known}.", advice="Write one of them.")


def _below(library: Address, place: Location, count: int) -> Address:
    return replace(library, names=place.names[count:], shown=str(place))


def _named(name: str, place: Location) -> SharedFolder:
    return SharedFolder(name, "connection", str(place), is_link=bool(place.link))
