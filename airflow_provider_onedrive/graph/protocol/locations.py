"""The location grammar: text that names a place. Quoting happens here and nowhere else.

::

    myfiles[/path]                  the connection's own place
    shared/<name>[/path]            what the connection calls so, or a shortcut in the root of myfiles
    users/<id or UPN>[/path]        the OneDrive of a user
    groups/<id>[/path]              the library of a group
    drives/<drive-id>[/path]        a drive
    items/<drive-id>/<item-id>[/path]
    sites/<host>[/<sites|teams|personal>/<name>[/<subsite>...]]/<library>[/path]
    https://...                     an address from the browser, or a sharing link

Plain text, not percent-encoded; names are sent exactly as written, unless the connection's ``name_policy`` is
``replace``: then what OneDrive does not take in names is replaced as they are read. A trailing ``/`` means "this is a
folder".
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, LocationError
from airflow_provider_onedrive.graph.protocol.names import check_name, check_new_name, repaired
from airflow_provider_onedrive.graph.protocol.web_urls import is_web_address, read_web_address

MAX_PATH_CHARACTERS = 400

_BASES = {
    "myfiles": "/me/drive/root",
    "users": "/users/{}/drive/root",
    "groups": "/groups/{}/drive/root",
    "drives": "/drives/{}/root",
    "items": "/drives/{}/items/{}",
}
_ID_COUNTS = {"myfiles": 0, "shared": 1, "users": 1, "groups": 1, "drives": 1, "items": 2, "sites": 1}
LINK = "https:"
"""The root of a sharing link."""
LOOKED_UP = frozenset({"shared", "sites", LINK})
"""Roots that only Graph can turn into ids."""
_ILLEGAL_IN_IDS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_LINK = re.compile(r"(?is)(https?://)(?:[^/?#\s]*@)?([^/?#\s]*).*")


@dataclass(frozen=True)
class Location:
    """A parsed location.

    :param root: the root word; ``https:`` for a sharing link.
    :param ids: what follows the root word: a user, a drive id, or a drive id and an item id; of a site and of a
        sharing link the host.
    :param names: the path below, one name per folder; of a site also its own path and the library.
    :param is_folder: whether the text ended in ``/``.
    :param label: for an item dict: the location it was listed under, better to read than two ids.
    :param label_path: the drive-relative path that ``label`` stands for; None where there is no label.
    :param link: of a sharing link the whole of it, which is a secret.
    """

    root: str
    ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    is_folder: bool = False
    label: str = ""
    label_path: str | None = None
    link: str = field(default="", repr=False)

    def __str__(self) -> str:
        return "/".join((self.root_text, *self.names)) + ("/" if self.is_folder else "")

    @property
    def root_text(self) -> str:
        if self.link:
            return f"https://{self.ids[0]}/ (sharing link)"
        return self.label or "/".join((self.root, *self.ids))

    @property
    def is_root(self) -> bool:
        """Whether this names a whole place rather than something in it (an item by id is something in it)."""
        return not self.names and self.root not in ("items", LINK)

    @property
    def is_list_of_shared(self) -> bool:
        """Whether this is ``shared`` alone: no item, but all that can be named behind it."""
        return self.root == "shared" and not self.ids

    @property
    def name(self) -> str:
        return self.names[-1] if self.names else ""

    @property
    def parent(self) -> Location:
        return replace(self, names=self.names[:-1], is_folder=True)

    def __truediv__(self, name: str) -> Location:
        """Name something directly below."""
        return _checked(replace(self, names=(*self.names, name), is_folder=False), f"{self}/{name}")


@dataclass(frozen=True)
class Address:
    """A location in Graph's terms.

    :param base: the path of the item that ``names`` start from, such as ``/users/a%40b.c/drive/root``.
    :param names: the path below it.
    :param text: what a location below ``skip`` names starts with.
    :param shown: the location as the user wrote it.
    :param skip: the names of the drive-relative path that ``text`` stands for; None where they are not known.
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
        """Address something below."""
        return replace(self, names=(*self.names, *path.split("/")), shown=f"{self.shown.rstrip('/')}/{path}")

    def through(self, drive_id: str, folder_id: str) -> Address:
        """Address the same item through the id of its folder: no name above it can be mistaken."""
        return replace(self, base=item_url(drive_id, folder_id), names=self.names[-1:])

    def aliased_as(self, place: Location) -> Address:
        """Address what lies below this in the words of a place that stands for it, such as ``myfiles``."""
        skip = None if self.skip is None else self.skip_of_names
        return replace(self, names=(*self.names, *place.names), text=place.root_text, shown=str(place), skip=skip)

    @property
    def skip_of_names(self) -> tuple[str, ...]:
        """The names of this item's own drive-relative path."""
        return (*(self.skip or ()), *self.names)

    def by_id(self, drive_id: str, item_id: str) -> Address:
        """Address the same item by its own id, whatever it is named."""
        return replace(self, base=item_url(drive_id, item_id), names=())

    def locate(self, drive_id: str, item_id: str, path: str) -> str:
        """Name an item found from here: below ``text`` where it lies there, else by its ids."""
        names = tuple(path.split("/")) if path else ()
        if self.skip is None or not _starts_with(names, self.skip):
            return f"items/{drive_id}/{item_id}"
        return "/".join((self.text, *names[len(self.skip) :]))


def parse(location: str | Mapping[str, Any], name_policy: str = "error") -> Location:
    """Read a location.

    :param location: text, or an item dict as it stands in XCom (it addresses by id).
    :param name_policy: what happens to names that OneDrive does not take: ``error`` or ``replace``.
    :raises LocationError: quoting the text, with what is wrong and the nearest valid form.
    """
    if isinstance(location, Mapping):
        return _from_item(location)
    if not isinstance(location, str):
        raise LocationError(f"A location is text or an item dict, not {type(location).__name__}: {location!r}")
    return _from_text(location, name_policy)


def upload_target(
    location: str | Mapping[str, Any], file_name: str | None, local_path: object = None, name_policy: str = "error"
) -> Location:
    """Say which file an upload means: a location ending in ``/``, or given with ``file_name``, is the folder.

    :raises LocationError: if no name can be told.
    """
    place = parse(location, name_policy)
    if isinstance(location, Mapping) and location.get("is_folder"):
        place = replace(place, is_folder=True)
    file_name = None if file_name is None else str(file_name)  # a native template may make a number of it
    if file_name is not None and not file_name.strip():
        raise LocationError(f"file_name is empty for {place}.", advice="Check the template that makes it.")
    if not (place.is_folder or file_name or place.is_root):
        return _writable(place, name_policy)
    name = file_name or (PurePath(str(local_path)).name if local_path is not None else "")
    if not name:
        raise LocationError(
            f"{place} is a folder and no name is given.", advice=f"Write {place}<name> or pass file_name."
        )
    if "/" in name:
        raise LocationError(
            f"file_name {_without_secret(name)!r} has a slash.", advice="Put the folders into the location."
        )
    name = repaired(name) if name_policy == "replace" else name
    return _writable(replace(place, is_folder=False) / name, name_policy)


def new_folder(location: str | Mapping[str, Any], name_policy: str = "error") -> Location:
    """Say which folder is to be created.

    :raises LocationError: if the location names a whole place or the name is reserved.
    """
    place = parse(location, name_policy)
    if not place.names:
        raise LocationError(f"{place} names no folder to create.", advice="Write the new folder's name behind it.")
    return _writable(place, name_policy)


def deletable(location: str | Mapping[str, Any], name_policy: str = "error") -> Location:
    """Say what is to be deleted: never a whole place, which is what an empty template names.

    :raises LocationError: if the location names a whole place.
    """
    place = parse(location, name_policy)
    if place.is_root:
        raise LocationError(f"{place} is a whole place and is never deleted.", advice="Name something in it.")
    return place


def movable(location: str | Mapping[str, Any], name_policy: str = "error") -> Location:
    """Say what is to be moved or copied: never a whole place.

    :raises LocationError: if the location names a whole place.
    """
    place = parse(location, name_policy)
    if place.is_root:
        raise LocationError(f"{place} is a whole place and is never moved or copied.", advice="Name something in it.")
    return place


def placed_in(
    destination: str | Mapping[str, Any], file_name: str | None, name_policy: str = "error"
) -> tuple[Location, str | None]:
    """Say into which folder a move or a copy goes, and the name there; None keeps the source's.

    :raises LocationError: if neither a folder nor a name can be told.
    """
    place = parse(destination, name_policy)
    is_folder = place.is_folder or place.is_root or (isinstance(destination, Mapping) and destination.get("is_folder"))
    if is_folder and file_name is None:
        return replace(place, is_folder=True), None
    target = upload_target(destination, file_name, name_policy=name_policy)
    if not target.names:
        raise LocationError(
            f"{place} names an item that exists.",
            advice="If it is a folder to go into, end it in '/'; else name its folder and a name.",
        )
    return target.parent, target.name


def address_of(place: Location) -> Address:
    """Turn a location into Graph's terms, of any root but those of :data:`LOOKED_UP`."""
    ids = [_quote_id(part) for part in place.ids]
    return Address(_BASES[place.root].format(*ids), place.names, place.root_text, str(place), _skip(place))


def parse_myfiles(text: str) -> Location:
    """Read the connection's ``myfiles`` field: a user's name or id, or any location of a drive or folder.

    :raises ConfigurationError: naming the field.
    """
    place = _parse_field("myfiles", text if "/" in text else f"users/{text}")
    if place.root in ("myfiles", "shared"):
        raise ConfigurationError(
            f"The connection's field myfiles names {place.root}, which depends on it.",
            advice="Give a user or a drive.",
        )
    return place


def parse_shared(table: Mapping[str, str]) -> dict[str, Location]:
    """Read the connection's ``shared`` field: names, and what each of them means.

    :param table: values are locations, sharing links, or a drive id and an item id with a slash between them.
    :raises ConfigurationError: naming the field and the entry.
    """
    found = {}
    for name, text in table.items():
        is_pair = text.count("/") == 1 and text.split("/")[0].lower() not in _ID_COUNTS
        place = _parse_field(f"shared, entry {name!r},", f"items/{text}" if is_pair else text)
        if place.root == "shared" or "/" in name:
            raise ConfigurationError(
                f"The connection's field shared, entry {name!r}, is wrong.",
                advice="Use a name without a slash, and a location that does not begin with shared.",
            )
        found[name] = place
    return found


def parse_allowed(texts: Sequence[str]) -> tuple[Location, ...]:
    """Read the connection's ``allowed_locations`` field.

    :raises ConfigurationError: naming the field.
    """
    return tuple(_parse_field("allowed_locations", text) for text in texts)


def _parse_field(name: str, text: str) -> Location:
    try:
        place = parse(text)
    except LocationError as error:
        raise ConfigurationError(f"The connection's field {name} is wrong: {error}") from error
    if place.is_list_of_shared:
        raise ConfigurationError(f"The connection's field {name} names no place.", advice=f"Write {_form('shared')}.")
    return place


def writable_names(path: str) -> str:
    """Say why a path below a folder cannot be written; nothing where it can."""
    try:
        _writable(_checked(Location("myfiles", names=tuple(path.split("/"))), path))
    except LocationError as error:
        return str(error)
    return ""


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


def quote_name(name: str) -> str:
    """Percent-encode one name of a path: everything but RFC 3986's unreserved characters."""
    return quote(name, safe="")


def _quote_id(text: str) -> str:
    return quote(text, safe="!@$,")


def _skip(place: Location) -> tuple[str, ...] | None:
    if place.root != "items":
        return ()
    return None if place.label_path is None else tuple(filter(None, place.label_path.split("/")))


def _from_item(item: Mapping[str, Any]) -> Location:
    drive_id, item_id = item.get("drive_id"), item.get("id")
    if not (isinstance(drive_id, str) and isinstance(item_id, str) and drive_id and item_id):
        raise LocationError(
            f"An item dict needs drive_id and id; this one has {sorted(map(str, item))}.",
            advice="Pass an item dict as the operators return it, or text.",
        )
    label, path = str(item.get("location") or ""), str(item.get("path") or "")
    label = "" if label.startswith("items/") else label
    place = Location("items", (drive_id, item_id), label=label, label_path=path if label else None)
    return _checked(place, place.root_text)


def _from_text(text: str, name_policy: str = "error") -> Location:
    if is_web_address(text):
        return _from_web_address(text)
    is_folder = text.endswith("/")
    word, *rest = (text[:-1] if is_folder else text).split("/")
    root, shown = word.lower(), _without_secret(text)
    if root not in _ID_COUNTS:
        raise LocationError(_unknown_root(shown), advice=_nearest(shown, word.strip()))
    if root == "shared" and not rest:
        return Location("shared", is_folder=True)
    count = _ID_COUNTS[root]
    if len(rest) < count or not all(rest[:count]) or (root == "sites" and not rest[count:]):
        raise LocationError(f"{shown!r} is not complete.", advice=f"Write {_form(root)}.")
    ids = tuple(map(str.lower, rest[:count])) if root == "sites" else tuple(rest[:count])
    names = map(repaired, rest[count:]) if name_policy == "replace" else rest[count:]
    return _checked(Location(root, ids, tuple(names), is_folder), shown)


def _from_web_address(text: str) -> Location:
    found = read_web_address(text)
    if found.link:
        return Location(LINK, (found.host,), link=found.link)
    if found.ids:
        return _checked(Location("items", found.ids), "/".join(("items", *found.ids)))
    return _checked(Location("sites", (found.host,), tuple(found.path.split("/"))), f"sites/{found.host}/{found.path}")


def _checked(place: Location, text: str) -> Location:
    for part in place.ids:
        _check_id(part, text)
    for name in place.names:
        check_name(name, text)
    if len("/".join(place.names)) > MAX_PATH_CHARACTERS:
        raise LocationError(
            f"The path of {text!r} has more than {MAX_PATH_CHARACTERS} characters.", advice="Shorten it."
        )
    return place


def _check_id(part: str, text: str) -> None:
    """Refuse what would be resolved away on its way to Graph, or cannot be sent."""
    if part in (".", "..") or _ILLEGAL_IN_IDS.search(part):
        raise LocationError(f"{text!r} holds {part!r}, which is no id.", advice="Write the id out.")


def _writable(place: Location, name_policy: str = "error") -> Location:
    """Refuse names that Graph would not create, or replace them."""
    if name_policy == "replace":
        return place  # its names were repaired as they were read
    for name in place.names:
        check_new_name(name, str(place))
    return place


def _unknown_root(text: str) -> str:
    if not text.strip():
        return "The location is empty."
    return f"{text!r} does not start with a known root ({', '.join(_ID_COUNTS)})."


def _without_secret(text: str) -> str:
    """Cut an address to its host, wherever it stands: a sharing link is a secret."""
    return _LINK.sub(r"\1\2/…", text)


def _nearest(text: str, word: str) -> str:
    if not text.strip():
        return "Check the template that makes it; write myfiles/ for the whole place."
    close = difflib.get_close_matches(word.lower(), _ID_COUNTS, n=1, cutoff=0.7)
    rest = text.lstrip("/") if not close else "/".join((close[0], *text.split("/")[1:]))
    return f"Did you mean {rest if close else f'myfiles/{rest}'!r}?"


def _form(root: str) -> str:
    ids = {
        "shared": "/<name>",
        "users": "/<id or UPN>",
        "groups": "/<id>",
        "drives": "/<drive-id>",
        "items": "/<drive-id>/<item-id>",
        "sites": "/<host>[/<sites|teams|personal>/<name>]/<library>",
    }
    return f"{root}{ids.get(root, '')}[/path]"


def _starts_with(names: tuple[str, ...], skip: tuple[str, ...]) -> bool:
    """Compare as OneDrive does, without regard to case."""
    return [name.casefold() for name in names[: len(skip)]] == [name.casefold() for name in skip]
