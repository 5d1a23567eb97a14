"""The location grammar: text that names a place. Quoting happens here and nowhere else.

::

    myfiles[/path]                  the connection's own place
    users/<id or UPN>[/path]        the OneDrive of a user
    drives/<drive-id>[/path]        a drive
    items/<drive-id>/<item-id>[/path]

Plain text, not percent-encoded; names are sent exactly as written. A trailing ``/`` means "this is a folder".
Name rules: https://support.microsoft.com/office/64883a5d-228e-48f5-b3d2-eb39e07630fa
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from airflow_provider_onedrive.graph.errors import ConfigurationError, LocationError

MAX_PATH_CHARACTERS = 400

_BASES = {
    "myfiles": "/me/drive/root",
    "users": "/users/{}/drive/root",
    "drives": "/drives/{}/root",
    "items": "/drives/{}/items/{}",
}
_ID_COUNTS = {"myfiles": 0, "users": 1, "drives": 1, "items": 2}
_LATER_ROOTS = frozenset({"shared", "groups", "sites", "https:", "http:"})
_ILLEGAL = re.compile(r'["*:<>?\\|\x00-\x1f\x7f\ud800-\udfff]')
_ILLEGAL_IN_IDS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_LINK = re.compile(r"(?is)(https?://)(?:[^/?#\s]*@)?([^/?#\s]*).*")
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d|\.lock|desktop\.ini)")


@dataclass(frozen=True)
class Location:
    """A parsed location.

    :param root: ``myfiles``, ``users``, ``drives`` or ``items``.
    :param ids: what follows the root word: a user, a drive id, or a drive id and an item id.
    :param names: the path below, one name per folder.
    :param is_folder: whether the text ended in ``/``.
    :param label: for an item dict: the location it was listed under, better to read than two ids.
    :param label_path: the drive-relative path that ``label`` stands for; None where there is no label.
    """

    root: str
    ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    is_folder: bool = False
    label: str = ""
    label_path: str | None = None

    def __str__(self) -> str:
        return "/".join((self.root_text, *self.names)) + ("/" if self.is_folder else "")

    @property
    def root_text(self) -> str:
        return self.label or "/".join((self.root, *self.ids))

    @property
    def is_root(self) -> bool:
        """Whether this names a whole place rather than something in it (an item by id is something in it)."""
        return not self.names and self.root != "items"

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

    def by_id(self, drive_id: str, item_id: str) -> Address:
        """Address the same item by its own id, whatever it is named."""
        return replace(self, base=item_url(drive_id, item_id), names=())

    def locate(self, drive_id: str, item_id: str, path: str) -> str:
        """Name an item found from here: below ``text`` where it lies there, else by its ids."""
        names = tuple(path.split("/")) if path else ()
        if self.skip is None or not _starts_with(names, self.skip):
            return f"items/{drive_id}/{item_id}"
        return "/".join((self.text, *names[len(self.skip) :]))


def parse(location: str | Mapping[str, Any]) -> Location:
    """Read a location.

    :param location: text, or an item dict as it stands in XCom (it addresses by id).
    :raises LocationError: quoting the text, with what is wrong and the nearest valid form.
    """
    if isinstance(location, Mapping):
        return _from_item(location)
    if not isinstance(location, str):
        raise LocationError(f"A location is text or an item dict, not {type(location).__name__}: {location!r}")
    return _from_text(location)


def upload_target(location: str | Mapping[str, Any], file_name: str | None, local_path: object = None) -> Location:
    """Say which file an upload means: a location ending in ``/``, or given with ``file_name``, is the folder.

    :raises LocationError: if no name can be told.
    """
    place = parse(location)
    if isinstance(location, Mapping) and location.get("is_folder"):
        place = replace(place, is_folder=True)
    file_name = None if file_name is None else str(file_name)  # a native template may make a number of it
    if file_name is not None and not file_name.strip():
        raise LocationError(f"file_name is empty for {place}.", advice="Check the template that makes it.")
    if not (place.is_folder or file_name or place.is_root):
        return _writable(place)
    name = file_name or (PurePath(str(local_path)).name if local_path is not None else "")
    if not name:
        raise LocationError(
            f"{place} is a folder and no name is given.", advice=f"Write {place}<name> or pass file_name."
        )
    if "/" in name:
        raise LocationError(
            f"file_name {_without_secret(name)!r} has a slash.", advice="Put the folders into the location."
        )
    return _writable(replace(place, is_folder=False) / name)


def new_folder(location: str | Mapping[str, Any]) -> Location:
    """Say which folder is to be created.

    :raises LocationError: if the location names a whole place or the name is reserved.
    """
    place = parse(location)
    if not place.names:
        raise LocationError(f"{place} names no folder to create.", advice="Write the new folder's name behind it.")
    return _writable(place)


def deletable(location: str | Mapping[str, Any]) -> Location:
    """Say what is to be deleted: never a whole place, which is what an empty template names.

    :raises LocationError: if the location names a whole place.
    """
    place = parse(location)
    if place.is_root:
        raise LocationError(f"{place} is a whole place and is never deleted.", advice="Name something in it.")
    return place


def movable(location: str | Mapping[str, Any]) -> Location:
    """Say what is to be moved or copied: never a whole place.

    :raises LocationError: if the location names a whole place.
    """
    place = parse(location)
    if place.is_root:
        raise LocationError(f"{place} is a whole place and is never moved or copied.", advice="Name something in it.")
    return place


def placed_in(destination: str | Mapping[str, Any], file_name: str | None) -> tuple[Location, str | None]:
    """Say into which folder a move or a copy goes, and the name there; None keeps the source's.

    :raises LocationError: if neither a folder nor a name can be told.
    """
    place = parse(destination)
    is_folder = place.is_folder or place.is_root or (isinstance(destination, Mapping) and destination.get("is_folder"))
    if is_folder and file_name is None:
        return replace(place, is_folder=True), None
    target = upload_target(destination, file_name)
    if not target.names:
        raise LocationError(
            f"{place} names an item that exists.",
            advice="If it is a folder to go into, end it in '/'; else name its folder and a name.",
        )
    return target.parent, target.name


def address_of(place: Location, myfiles: Location | None) -> Address:
    """Turn a location into Graph's terms.

    :param myfiles: what the connection's ``myfiles`` names; None means the signed-in user's own drive.
    """
    if place.root == "myfiles" and myfiles is not None:
        below = _address(replace(myfiles, names=myfiles.names + place.names))
        skip = None if myfiles.root == "items" else myfiles.names
        return replace(below, text="myfiles", shown=str(place), skip=skip)
    return _address(place)


def parse_myfiles(text: str) -> Location:
    """Read the connection's ``myfiles`` field: a user's name or id, or any location of a drive or folder.

    :raises ConfigurationError: naming the field.
    """
    try:
        place = parse(text if "/" in text else f"users/{text}")
    except LocationError as error:
        raise ConfigurationError(f"The connection's field myfiles is wrong: {error}") from error
    if place.root == "myfiles":
        raise ConfigurationError("The connection's field myfiles names itself.", advice="Give a user or a drive.")
    return place


def writable_names(path: str) -> str:
    """Say why a path below a folder cannot be written; nothing where it can."""
    try:
        _writable(_checked(Location("myfiles", names=tuple(path.split("/"))), path))
    except LocationError as error:
        return str(error)
    return ""


def item_url(drive_id: str, item_id: str, action: str = "") -> str:
    """Build the path of an item by its ids, or of an action on it."""
    return f"/drives/{_quote_id(drive_id)}/items/{_quote_id(item_id)}" + (f"/{action}" if action else "")


def quote_name(name: str) -> str:
    """Percent-encode one name of a path: everything but RFC 3986's unreserved characters."""
    return quote(name, safe="")


def _quote_id(text: str) -> str:
    return quote(text, safe="!@$,")


def _address(place: Location) -> Address:
    ids = [_quote_id(part) for part in place.ids]
    base = _BASES[place.root].format(*ids)
    return Address(base, place.names, place.root_text, str(place), _skip(place))


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


def _from_text(text: str) -> Location:
    is_folder = text.endswith("/")
    word, *rest = (text[:-1] if is_folder else text).split("/")
    root, shown = word.lower(), _without_secret(text)
    if root not in _ID_COUNTS:
        raise LocationError(_unknown_root(shown, word.strip()), advice=_nearest(shown, word.strip()))
    count = _ID_COUNTS[root]
    if len(rest) < count or not all(rest[:count]):
        raise LocationError(f"{shown!r} is not complete.", advice=f"Write {_form(root)}.")
    return _checked(Location(root, tuple(rest[:count]), tuple(rest[count:]), is_folder), shown)


def _checked(place: Location, text: str) -> Location:
    for part in place.ids:
        _check_id(part, text)
    for name in place.names:
        _check_name(name, text)
    if len("/".join(place.names)) > MAX_PATH_CHARACTERS:
        raise LocationError(
            f"The path of {text!r} has more than {MAX_PATH_CHARACTERS} characters.", advice="Shorten it."
        )
    return place


def _check_id(part: str, text: str) -> None:
    """Refuse what would be resolved away on its way to Graph, or cannot be sent."""
    if part in (".", "..") or _ILLEGAL_IN_IDS.search(part):
        raise LocationError(f"{text!r} holds {part!r}, which is no id.", advice="Write the id out.")


def _check_name(name: str, text: str) -> None:
    if not name:
        raise LocationError(
            f"{text!r} has an empty name between two slashes.", advice="Check the template that makes it."
        )
    if name in (".", ".."):
        raise LocationError(f"{text!r} holds {name!r}, which is no name.", advice="Write the path out.")
    if found := _ILLEGAL.search(name):
        raise LocationError(
            f"{text!r} holds {found.group()!r}, which OneDrive does not allow in names.",
            advice=_instead_of(found.group()),
        )
    if name != name.strip(" ") or name.endswith("."):
        raise LocationError(
            f"{text!r} holds {name!r}: no name may start or end with a space or end with a dot.", advice="Trim it."
        )


def _writable(place: Location) -> Location:
    """Refuse names that Graph would not create."""
    for name in place.names:
        if _RESERVED.fullmatch(name) or name.startswith("~$") or "_vti_" in name:
            raise LocationError(f"{name!r} in {str(place)!r} is a reserved name.", advice="Choose another.")
    return place


def _instead_of(character: str) -> str:
    if character == ":":
        return (
            "Times have colons: in place of {{ ts }} or {{ run_id }} use {{ run_id | replace(':', '-') }}, or on "
            "Airflow 3 {{ dag_run.run_after | ts_nodash }}."
        )
    if character in "*?":
        return "Patterns go into file_pattern."
    return "Replace it."


def _unknown_root(text: str, word: str) -> str:
    if not text.strip():
        return "The location is empty."
    if word.lower() in _LATER_ROOTS:
        return f"{text!r} starts with {word!r}, which this version does not know yet."
    return f"{text!r} does not start with a known root ({', '.join(_ID_COUNTS)})."


def _without_secret(text: str) -> str:
    """Cut an address to its host, wherever it stands: a sharing link is a secret."""
    return _LINK.sub(r"\1\2/…", text)


def _nearest(text: str, word: str) -> str:
    if not text.strip():
        return "Check the template that makes it; write myfiles/ for the whole place."
    if word.lower() in _LATER_ROOTS:
        return f"Use one of {', '.join(map(_form, _ID_COUNTS))}."
    close = difflib.get_close_matches(word.lower(), _ID_COUNTS, n=1, cutoff=0.7)
    rest = text.lstrip("/") if not close else "/".join((close[0], *text.split("/")[1:]))
    return f"Did you mean {rest if close else f'myfiles/{rest}'!r}?"


def _form(root: str) -> str:
    ids = {"users": "/<id or UPN>", "drives": "/<drive-id>", "items": "/<drive-id>/<item-id>"}
    return f"{root}{ids.get(root, '')}[/path]"


def _starts_with(names: tuple[str, ...], skip: tuple[str, ...]) -> bool:
    """Compare as OneDrive does, without regard to case."""
    return [name.casefold() for name in names[: len(skip)]] == [name.casefold() for name in skip]
