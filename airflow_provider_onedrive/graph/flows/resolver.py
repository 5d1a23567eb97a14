"""Turns a connection's locations into addresses in Graph. Each id is asked for once.

https://learn.microsoft.com/en-us/graph/api/resources/onedrive
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote, urlsplit

from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.flows.absence import surely
from airflow_provider_onedrive.graph.flows.items import LATER
from airflow_provider_onedrive.graph.flows.pages import all_values
from airflow_provider_onedrive.graph.flows.walk import FolderWalk, read_page
from airflow_provider_onedrive.graph.protocol.addresses import Address, address_of, item_address, site_url
from airflow_provider_onedrive.graph.protocol.errors import (
    BadRequest,
    ConfigurationError,
    ItemNotFound,
    LocationError,
    NotFound,
    UnreadableAnswer,
)
from airflow_provider_onedrive.graph.protocol.fields import has_id, identifier, nested, optional, required
from airflow_provider_onedrive.graph.protocol.locations import DOCUMENT, LINK, Location
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.protocol.messages import Flow, Request
from airflow_provider_onedrive.graph.protocol.names import comparison_key
from airflow_provider_onedrive.graph.protocol.web_urls import sharing_token

log = logger(__name__)

# The managed paths of SharePoint Online: two names of the URL's path make a site below each of them.
_SITE_ROOTS = ("sites", "teams", "personal")
_KEPT_SECONDS = 300.0
_LIBRARY_FIELDS = "id,name,webUrl,driveType"
# https://learn.microsoft.com/en-us/graph/api/shares-get#request-headers: access is granted for this request only.
# redeemSharingLink would add the folder to those shared with the user, for good.
_REDEEM = {"Prefer": "redeemSharingLinkIfNecessary"}


@dataclass(frozen=True)
class SharedFolder:
    """A folder or file that a location can name after ``shared/``.

    :param origin: ``connection`` for an entry of its field ``shared``, ``shortcut`` for one in the root of ``myfiles``.
    :param target: the location it stands for; of a sharing link only the host, because the link is a secret.
    :param is_link: whether it is a sharing link.
    """

    name: str
    origin: str
    target: str
    is_link: bool = False

    @property
    def location(self) -> str:
        return f"shared/{self.name}"


class Resolver:
    """Finds the address of each location, and remembers the ids of libraries and shared folders.

    :param settings: of the connection.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._addresses: dict[Location, Address] = {}
        self._kept_until: dict[Location, float] = {}

    def locate(self, location: Location) -> Flow[Address]:
        """Return the address of a location.

        :raises LocationError: if the library does not exist, or nothing is shared under this name.
        :raises ConfigurationError: if it begins with ``myfiles`` and the connection is an application's without one.
        """
        if location.root == "myfiles":
            return (yield from self._own(location))
        if location.root == "sites":
            return (yield from self._in_library(location))
        if location.root == "shared":
            return (yield from self._shared(location))
        if location.root == LINK:
            return (yield from self._linked(location))
        if location.root == DOCUMENT:
            return (yield from self._document(location))
        return address_of(location)

    def forget(self, address: Address) -> None:
        """Look up the beginning of an address anew next time, unless that was done in the last minutes.

        A library or shared folder may have been replaced by another of its name. A sensor that waits for a file asks
        every minute, and must not look the library up each time.
        """
        for location in [each for each, cached in self._addresses.items() if cached.base == address.base]:
            if time.monotonic() >= self._kept_until.get(location, 0.0):
                self._addresses.pop(location, None)
                self._kept_until[location] = time.monotonic() + _KEPT_SECONDS

    def list_shared(self) -> Flow[list[SharedFolder]]:
        """Return all folders and files that a location can name after ``shared/``."""
        # Not by sharedWithMe: Microsoft ends it in November 2026, and its answers were incomplete for a year before.
        # https://learn.microsoft.com/en-us/graph/api/drive-sharedwithme
        named = [_named(name, location) for name, location in self._settings.shared.items()]
        taken = {comparison_key(each.name) for each in named}
        return named + [each for each in (yield from self._shortcuts()) if comparison_key(each.name) not in taken]

    def _own(self, location: Location) -> Flow[Address]:
        myfiles = self._settings.myfiles
        if myfiles is not None:
            return (yield from self.locate(myfiles)).aliased_as(location)
        if self._settings.is_app:
            raise ConfigurationError(
                f"{location} is in the connection's own drive, and an application has none.",
                advice="Put a user (name@company.example) or a drive into the connection's field myfiles.",
            )
        return address_of(location)

    def _in_library(self, location: Location) -> Flow[Address]:
        # The longest first: a subsite's library is cached under a longer path than a library of its parent site.
        for count in range(len(location.names), 0, -1):
            library = replace(location, names=location.names[:count], is_folder=False)
            if library in self._addresses:
                return _below(self._addresses[library], location, count)
        count, drive_id = yield from _find_library(location)
        library = replace(location, names=location.names[:count], is_folder=False)
        address = address_of(Location("drives", (drive_id,)))
        self._addresses[library] = replace(address, text=str(library), shown=str(library))
        return _below(self._addresses[library], location, count)

    def _shared(self, location: Location) -> Flow[Address]:
        if location.is_list_of_shared:
            raise LocationError("'shared' alone names no item.", advice="List it, or write shared/<name>[/path].")
        name = location.ids[0]
        shared = {comparison_key(key): target for key, target in self._settings.shared.items()}
        if (target := shared.get(comparison_key(name))) is not None:
            return (yield from self.locate(target)).aliased_as(location)
        # Copies, moves and delta do not follow a shortcut by its own id, so the item it points to is addressed.
        key = replace(location, names=(), is_folder=False)
        if key not in self._addresses:
            self._addresses[key] = yield from self._shortcut(key)
        return self._addresses[key].aliased_as(location)

    def _shortcut(self, location: Location) -> Flow[Address]:
        """Follow a shortcut in the root of ``myfiles``."""
        name = location.ids[0]
        try:
            address = yield from self._own(Location("myfiles", names=(name,)))
            data = yield from surely(address, _properties)
        except (NotFound, ConfigurationError):
            data = {}
        remote = nested(data, "remoteItem")
        if not remote:
            named = ", ".join(self._settings.shared) or "nothing"
            reason = "the item of that name in myfiles is not a shortcut" if data else "myfiles has no such shortcut"
            raise LocationError(
                f"Nothing is shared as {name!r}: the connection's field shared names {named}, and {reason}.",
                advice=f"Add {name!r} to the field shared, or add a shortcut to myfiles in the browser.",
            )
        drive_id = identifier(nested(remote, "parentReference"), "driveId")
        return (yield from _item(Request("GET", item_address(drive_id, identifier(remote)).url()), location))

    def _shortcuts(self) -> Flow[list[SharedFolder]]:
        shortcuts: list[SharedFolder] = []
        try:
            walk = FolderWalk((yield from self._own(Location("myfiles"))), recursive=False)
        except ConfigurationError:  # an application without a drive of its own has no shortcuts either
            return shortcuts
        while walk.has_more:
            for visit in (yield from read_page(walk)):
                try:
                    target = _target_of(visit.data)
                except UnreadableAnswer as error:  # the others are of use
                    log.warning("The shortcut %s cannot be used: %s.", visit.item.location, error.message)
                    continue
                if target:
                    shortcuts.append(SharedFolder(visit.item.name, "shortcut", target))
        return shortcuts

    def _linked(self, location: Location) -> Flow[Address]:
        link = replace(location, names=(), is_folder=False)
        if link not in self._addresses:
            request = Request("GET", f"/shares/{sharing_token(location.link)}/driveItem", headers=_REDEEM)
            self._addresses[link] = yield from _item(request, link)
        return replace(self._addresses[link], names=location.names, shown=str(location))

    def _document(self, location: Location) -> Flow[Address]:
        document = replace(location, names=(), is_folder=False)
        if document not in self._addresses:
            self._addresses[document] = yield from _in_libraries(document)
        return replace(self._addresses[document], names=location.names, shown=str(location))


def _properties(address: Address) -> Flow[Mapping[str, Any]]:
    return (yield Request("GET", address.url())).body


def _target_of(data: Mapping[str, Any]) -> str:
    """Return the location of the item that a shortcut points to; an empty text if it is none."""
    remote = nested(data, "remoteItem")
    return f"items/{identifier(nested(remote, 'parentReference'), 'driveId')}/{identifier(remote)}" if remote else ""


def _item(request: Request, location: Location) -> Flow[Address]:
    """Address an item by its own ids, and keep the path that it has in its drive."""
    data = (yield replace(request, reads=identifier)).body
    parent = nested(data, "parentReference")
    drive_id, item_id = identifier(parent, "driveId"), identifier(data)
    address = item_address(drive_id, item_id)
    # Graph percent-encodes this path, unlike names: /drives/{id}/root:/a%20b
    _, _, above = (optional(parent, "path", str) or "").partition("root:")
    is_root = data.get("root") is not None
    skip = () if is_root else (*filter(None, unquote(above).split("/")), required(data, "name", str))
    text = f"items/{drive_id}/{item_id}" if location.root in (LINK, DOCUMENT) else str(location)
    return replace(address, text=text, shown=str(location), skip=skip)


def _in_libraries(location: Location) -> Flow[Address]:
    """Look for a document in each library of its site: the GUID in its address is an id in each of them.

    https://learn.microsoft.com/en-us/graph/api/driveitem-get
    """
    host, path, guid = location.ids
    site = yield from _site(host, tuple(filter(None, path.split("/"))), location)
    libraries = yield from _libraries(identifier(site))
    # Twice: the one that has it may have answered 404 for a moment, and the error is for good.
    for failures in (0, LATER):
        for number, library in enumerate(libraries):
            url = item_address(identifier(library), guid).url()
            # Not by /shares, which takes such an address too: it needs a permission on all files.
            with suppress(ItemNotFound, BadRequest):
                return (yield from _item(Request("GET", url, failures=failures if number == 0 else 0), location))
    raise LocationError(
        f"No library of the site has the document of {location}.",
        advice="Copy the address of its folder from the browser, or use Share, Copy link.",
    )


def _find_library(location: Location) -> Flow[tuple[int, str]]:
    """Return how many names lead to the library, and the id of its drive."""
    host, names = location.ids[0], location.names
    # A path does not show where the site ends: /sites/Finance/Audit may be a library or a subsite. A library
    # comes before a subsite of the same name.
    count = 2 if names[0].lower() in _SITE_ROOTS and len(names) > 1 else 0
    while True:
        site = yield from _site(host, names[:count], location)
        libraries = yield from _libraries(identifier(site))
        if count == len(names):
            raise _no_library(location, "", libraries)
        drive_id = _match(libraries, names[count], location)
        if drive_id is not None:
            return count + 1, drive_id
        if not (yield from _has_site(host, names[: count + 1])):
            raise _no_library(location, names[count], libraries)
        count += 1


def _site(host: str, names: tuple[str, ...], location: Location) -> Flow[dict[str, Any]]:
    try:
        return dict((yield Request("GET", site_url(host, names))).body)
    except ItemNotFound as missing:
        advice = f"Is there a site {'/'.join((host, *names))}, and may the identity see it?"
        raise missing.with_advice(advice).about("look for", str(location)) from None


def _has_site(host: str, names: tuple[str, ...]) -> Flow[bool]:
    for failures in (0, LATER):
        with suppress(ItemNotFound):
            yield Request("GET", site_url(host, names), failures=failures)
            return True
    return False


def _libraries(site_id: str) -> Flow[list[dict[str, Any]]]:
    """https://learn.microsoft.com/en-us/graph/api/drive-list."""
    return (yield from all_values(Request("GET", f"{site_url(site_id)}/drives?$select={_LIBRARY_FIELDS}")))


def _match(libraries: list[dict[str, Any]], wanted: str, location: Location) -> str | None:
    """Return the id of the library with this last segment of the address, or else with this name.

    The segment comes first because it never changes: a site's "Shared Documents" is named in the site's language, and
    an owner can rename it.

    :raises LocationError: if two libraries have the name.
    """
    for key in (_segment, lambda library: str(library.get("name") or "")):
        matches = [library for library in libraries if comparison_key(key(library)) == comparison_key(wanted)]
        if len(matches) > 1:
            shown = " and ".join(str(library.get("webUrl")) for library in matches)
            raise LocationError(
                f"{str(location)!r} may mean two libraries: {shown}.",
                advice="Write the last part of the right one's address in place of its name.",
            )
        if matches:
            return identifier(matches[0])
    return None


def _segment(library: Mapping[str, Any]) -> str:
    try:
        path = urlsplit(str(library.get("webUrl") or "")).path
    except ValueError:  # a host that cannot be one
        return ""
    return unquote(path.rstrip("/").rpartition("/")[2])


def _no_library(location: Location, wanted: str, libraries: list[dict[str, Any]]) -> LocationError:
    """Return the error of a library that is not there.

    :raises UnreadableAnswer: if nobody can tell that.
    """
    if not all(map(has_id, libraries)):  # it may be one of those that cannot be read
        raise UnreadableAnswer("A library in the answer has no id", field="id")
    segments = ", ".join(repr(_segment(library)) for library in libraries) or "none that the identity may see"
    missing = f"has no library or subsite {wanted!r}" if wanted else "is a site and names no library in it"
    return LocationError(f"{str(location)!r} {missing}; its libraries are {segments}.", advice="Write one of them.")


def _below(library: Address, location: Location, count: int) -> Address:
    return replace(library, names=location.names[count:], shown=str(location))


def _named(name: str, location: Location) -> SharedFolder:
    return SharedFolder(name, "connection", str(location), is_link=bool(location.link))
