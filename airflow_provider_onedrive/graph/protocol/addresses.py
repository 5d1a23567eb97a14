"""An item's address in Graph. Quoting happens here and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote, urlencode

from airflow_provider_onedrive.graph.protocol.errors import UnreadableAnswer
from airflow_provider_onedrive.graph.protocol.hidden_names import hidden_names
from airflow_provider_onedrive.graph.protocol.locations import Location
from airflow_provider_onedrive.graph.protocol.names import comparison_key

_BASES = {
    "myfiles": "/me/drive/root",
    "users": "/users/{}/drive/root",
    "groups": "/groups/{}/drive/root",
    "drives": "/drives/{}/root",
    "items": "/drives/{}/items/{}",
}


@dataclass(frozen=True)
class Address:
    """A location in Graph's terms.

    :param base: the path of the item that ``names`` start from, such as ``/users/a%40b.c/drive/root``.
    :param names: the path below it.
    :param text: the beginning of each location below ``skip``.
    :param shown: the location as the user wrote it.
    :param skip: the names of the drive-relative path that ``text`` stands for; None if they are not known.
    """

    base: str
    names: tuple[str, ...]
    text: str
    shown: str
    skip: tuple[str, ...] | None = ()

    def __str__(self) -> str:
        return self.shown

    def url(self, action: str = "") -> str:
        """Build the path of the item, or of an action on it (``children``, ``content``)."""
        # An empty path must be written without the colon; the closing colon is needed only if an action follows it
        # (https://github.com/rclone/rclone/issues/3664).
        path = f":/{'/'.join(map(quote_name, self.names))}" if self.names else ""
        separator = ":/" if path else "/"
        return f"{self.base}{path}{separator}{action}" if action else f"{self.base}{path}"

    @property
    def drive_root(self) -> str:
        """The root of the drive this lies in, to tell a missing drive from a missing file."""
        return re.sub(r"/items/[^/]+$", "/root", self.base)

    @property
    def drive(self) -> str:
        """The path of the drive itself."""
        return self.drive_root.removesuffix("/root")

    @property
    def is_base(self) -> bool:
        return not self.names

    @property
    def is_drive_root(self) -> bool:
        return self.is_base and self.base == self.drive_root

    @property
    def parent(self) -> Address:
        return replace(self, names=self.names[:-1], shown=self.shown.rstrip("/").rpartition("/")[0] + "/")

    def below(self, path: str) -> Address:
        """Address an item below this one."""
        return replace(self, names=(*self.names, *path.split("/")), shown=f"{self.shown.rstrip('/')}/{path}")

    def through(self, drive_id: str, folder_id: str) -> Address:
        """Address the same item through the id of its folder: no name above it can be mistaken."""
        return replace(self, base=item_url(drive_id, folder_id), names=self.names[-1:])

    def aliased_as(self, alias: Location) -> Address:
        """Address an item below this one in the words of an alias of it, such as ``myfiles``."""
        skip = None if self.skip is None else self.skip_of_names
        return replace(self, names=(*self.names, *alias.names), text=alias.root_text, shown=str(alias), skip=skip)

    @property
    def skip_of_names(self) -> tuple[str, ...]:
        """The names of this item's own drive-relative path."""
        return (*(self.skip or ()), *self.names)

    @property
    def as_parent(self) -> dict[str, str]:
        """What is known of this folder, as the ``parentReference`` of the items in it names it."""
        reference = {}
        if drive := re.match(r"/drives/([^/]+)/(?:items/([^/]+)$)?", self.base):
            reference["driveId"] = unquote(drive[1])
            if drive[2] and self.is_base:
                reference["id"] = unquote(drive[2])
        if self.base == self.drive_root:
            reference["path"] = path_reference("/".join(self.names))
        return reference

    def by_id(self, drive_id: str, item_id: str) -> Address:
        """Address the same item by its own id, which stays when it is renamed."""
        return replace(self, base=item_url(drive_id, item_id), names=())

    def sibling(self, item_id: str) -> Address:
        """Address another item of the same drive by its id, where the id of the drive is not known."""
        return replace(self, base=f"{self.drive}/items/{_quote_id(item_id)}", names=())

    def locate(self, drive_id: str, item_id: str, path: str) -> str:
        """Write the location of an item: below ``text`` if it lies there, else by its ids."""
        names = tuple(path.split("/")) if path else ()
        # Somebody may have moved the item out of the folder since it was listed; its ids are right wherever it is.
        if self.skip is None or not _starts_with(names, self.skip):
            return f"items/{drive_id}/{item_id}"
        return "/".join((self.text, *names[len(self.skip) :]))


def address_of(location: Location) -> Address:
    """Turn a location into Graph's terms, of any root but those of :data:`LOOKED_UP`."""
    ids = [_quote_id(part) for part in location.ids]
    base = _BASES[location.root].format(*ids)
    return Address(base, location.names, location.root_text, str(location), _skip(location))


def item_address(drive_id: str, item_id: str) -> Address:
    """Address an item by its ids."""
    return address_of(Location("items", (drive_id, item_id)))


def site_url(host_or_id: str, names: Sequence[str] = ()) -> str:
    """Build the path of a site by its id, or by its host and its path there.

    https://learn.microsoft.com/en-us/graph/api/site-getbypath
    """
    below = f":/{'/'.join(map(quote_name, names))}" if names else ""
    return f"/sites/{_quote_id(host_or_id)}{below}"


def item_url(drive_id: str, item_id: str, action: str = "") -> str:
    """Build the path of an item by its ids, or of an action on it."""
    return f"/drives/{_quote_id(drive_id)}/items/{_quote_id(item_id)}" + (f"/{action}" if action else "")


def path_reference(path: str) -> str:
    """Return the drive-relative path of a folder as a ``parentReference`` has it."""
    return "/".join(("/root:", *(quote_name(name) for name in path.split("/") if name)))


def quote_name(name: str) -> str:
    """Percent-encode one name of a path: everything but RFC 3986's unreserved characters.

    https://learn.microsoft.com/en-us/graph/onedrive-addressing-driveitems#path-encoding
    """
    hidden_names.add(name)  # all that a request's path quotes
    # The space becomes %20 and never "+", which is a plus in a path.
    # Windows and JSON both allow half a character in a name, which UTF-8 does not.
    return quote(name, safe="", errors="surrogatepass")


def query_of(params: Mapping[str, Any]) -> str:
    """Return the query of a URL; OData's own characters stay readable."""
    return urlencode(params, quote_via=quote, safe="$,()'")


def _quote_id(text: str) -> str:
    # Graph leaves the parentReference out of some items (OD#535). A path without the drive's id is always 404, which
    # would look as if the item had been deleted.
    if not text:
        raise UnreadableAnswer("The answer's field 'driveId' is missing", field="driveId")
    # RFC 3986 allows these in a path as they are: "!" and "," stand in Graph's ids, "@" in user names.
    return quote(text, safe="!@$,")


def _skip(location: Location) -> tuple[str, ...] | None:
    if location.root != "items":
        return ()
    return None if location.label_path is None else tuple(filter(None, location.label_path.split("/")))


def _starts_with(names: tuple[str, ...], skip: tuple[str, ...]) -> bool:
    return [comparison_key(name) for name in names[: len(skip)]] == [comparison_key(name) for name in skip]
