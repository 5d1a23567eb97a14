"""The location grammar.

::

    myfiles[/path]                  the connection's own drive or folder
    shared/<name>[/path]            an entry of the connection's field shared, or a shortcut in the root of myfiles
    users/<id or UPN>[/path]        the OneDrive of a user
    groups/<id>[/path]              the library of a group
    drives/<drive-id>[/path]        a drive
    items/<drive-id>/<item-id>[/path]
    sites/<host>[/<sites|teams|personal>/<name>[/<subsite>...]]/<library>[/path]
    https://...                     an address from the browser, or a sharing link

Plain text, not percent-encoded; names are sent exactly as written, unless the connection's ``name_policy`` is
``replace``: then the characters that OneDrive does not accept are replaced as the names are read. A trailing ``/``
means "this is a folder".
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from airflow_provider_onedrive.graph.protocol.errors import LocationError
from airflow_provider_onedrive.graph.protocol.hidden_names import hidden_names
from airflow_provider_onedrive.graph.protocol.locations import (
    DOCUMENT,
    LINK,
    MAX_PATH_CHARACTERS,
    Location,
    LocationLike,
    shown,
)
from airflow_provider_onedrive.graph.protocol.names import (
    WILDCARDS,
    NamePolicy,
    check_name,
    check_new_name,
    check_pattern,
    repaired,
    repaired_path,
)
from airflow_provider_onedrive.graph.protocol.redaction import without_secret
from airflow_provider_onedrive.graph.protocol.web_urls import (
    WebAddress,
    is_folder_address,
    is_web_address,
    read_web_address,
    without_scheme,
)

_ID_FORMS: Mapping[str, tuple[str, ...]] = {
    "myfiles": (),
    "shared": ("<name>",),
    "users": ("<id or UPN>",),
    "groups": ("<id>",),
    "drives": ("<drive-id>",),
    "items": ("<drive-id>", "<item-id>"),
    "sites": ("<host>",),
}
ROOTS = frozenset(_ID_FORMS)
"""The words that a location can begin with."""
_ILLEGAL_IN_IDS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class LocationParser:
    """Reads every location of one connection, so that a text means the same item to whatever reads it.

    A client has one, made from its settings. It reads the locations of operators, sensors, triggers and commands, the
    names that a folder upload creates, and the connection's own fields. Nothing else makes a :class:`Location` of text.

    :param name_policy: what happens to names that OneDrive does not accept: ``error`` refuses them, ``replace``
        replaces the characters. It has no default: a forgotten policy would give a text another meaning.
    """

    def __init__(self, name_policy: NamePolicy) -> None:
        self._repairs = name_policy == "replace"

    def parse(self, location: LocationLike) -> Location:
        """Read a location.

        :param location: text, or an item dict as it stands in XCom (it addresses by id).
        :raises LocationError: quoting the text, with what is wrong and the nearest valid form.
        """
        if isinstance(location, (str, Mapping)):
            shown(location)  # which registers the names in it, also where it cannot be read
        if isinstance(location, Mapping):
            return _from_item(location)
        if not isinstance(location, str):
            # Its content is not shown: a list may hold a sharing link.
            raise LocationError(f"A location is text or an item dict, not {type(location).__name__}.")
        return _from_web_address(location) if is_web_address(location) else self._from_text(location)

    def upload_target(self, location: LocationLike, file_name: str | None, local_path: object = None) -> Location:
        """Return the file that an upload creates. A location ending in ``/``, or with a ``file_name``, is its folder.

        :raises LocationError: if there is no name for it.
        """
        target = self.parse(location)
        if is_folder_dict(location):
            target = replace(target, is_folder=True)
        file_name = None if file_name is None else str(file_name)  # a native template may make a number of it
        if file_name is not None and not file_name.strip():
            raise LocationError(f"file_name is empty for {target}.", advice="Check the template that makes it.")
        if not (target.is_folder or file_name or target.is_root):
            return _creatable(target)
        name = file_name or (PurePath(str(local_path)).name if local_path is not None else "")
        if not name:
            raise LocationError(
                f"{target} is a folder and no name is given.", advice=f"Write {target}<name> or pass file_name."
            )
        hidden_names.add_path(name)
        # A backslash is not a separator: OneDrive refuses it in names, and so does check_name.
        if "/" in name:
            raise LocationError(
                f"file_name {without_secret(name)!r} has a slash.", advice="Put the folders into the location."
            )
        return _creatable(self._child(target, name))

    def new_folder(self, location: LocationLike) -> Location:
        """Return the folder to be created.

        :raises LocationError: if the location names a whole drive, or the name is reserved.
        """
        folder = self.parse(location)
        if not folder.names:
            raise LocationError(f"{folder} names no folder to create.", advice="Write the new folder's name behind it.")
        return _creatable(folder)

    def deletable(self, location: LocationLike) -> Location:
        """Return the item to be deleted: never a whole drive, which is what an empty template names.

        :raises LocationError: if the location names a whole drive.
        """
        return self._inside(location, "deleted")

    def movable(self, location: LocationLike) -> Location:
        """Return the item to be moved or copied: never a whole drive.

        :raises LocationError: if the location names a whole drive.
        """
        return self._inside(location, "moved or copied")

    def destination(self, location: LocationLike, file_name: str | None) -> tuple[Location, str | None]:
        """Return the folder that a move or a copy goes into, and the new name; None keeps the source's name.

        :raises LocationError: if the location names neither a folder nor a new name.
        """
        target = self.parse(location)
        if file_name is None and (target.is_folder or target.is_root or is_folder_dict(location)):
            return replace(target, is_folder=True), None
        target = self.upload_target(location, file_name)
        if not target.names:
            raise LocationError(
                f"{target} names an item that exists.",
                advice="If it is a folder to go into, end it in '/'; else name its folder and a name.",
            )
        return target.parent, target.name

    def pattern(self, pattern: str) -> str:
        """Read a pattern of names (``file_pattern``, or the end of a location): its names are read as any others.

        :raises LocationError: if it can never match, because it has a character that no name has.
        """
        hidden_names.add_path(pattern)
        if self._repairs:
            return repaired_path(str(pattern), WILDCARDS)
        check_pattern(str(pattern))
        return str(pattern)

    def new_path(self, path: str) -> str:
        """Return the path below a folder that a local path is created under."""
        return repaired_path(path) if self._repairs else path

    def _from_text(self, text: str) -> Location:
        is_folder = text.endswith("/")
        # Only one slash is cut: a second one is an empty name, which is what a template without a value makes.
        word, *rest = (text[:-1] if is_folder else text).split("/")
        root, text_shown = word.lower(), without_secret(text)
        if root not in ROOTS:
            raise LocationError(_unknown_root(text_shown), advice=_nearest(text_shown, word.strip()))
        # With or without a slash at its end, it can only be listed.
        if root == "shared" and not rest:
            return Location("shared", is_folder=True)
        count = len(_ID_FORMS[root])
        if len(rest) < count or not all(rest[:count]) or (root == "sites" and not rest[count:]):
            raise LocationError(f"{text_shown!r} is not complete.", advice=f"Write {form_of(root)}.")
        # A host has no case. Ids of drives and items do (https://learn.microsoft.com/en-us/graph/api/resources/driveitem).
        ids = tuple(map(str.lower, rest[:count])) if root == "sites" else tuple(rest[:count])
        return _checked(Location(root, ids, tuple(map(self._name, rest[count:])), is_folder), text_shown)

    def _name(self, name: str) -> str:
        return repaired(name) if self._repairs else name

    def _child(self, folder: Location, name: str) -> Location:
        folder = replace(folder, is_folder=False)
        return _checked(replace(folder, names=(*folder.names, self._name(name))), f"{folder}/{name}")

    def _inside(self, location: LocationLike, action: str) -> Location:
        item = self.parse(location)
        if item.is_root:
            raise LocationError(f"{item} is a whole drive and is never {action}.", advice="Name something in it.")
        return item


def is_folder_dict(location: object) -> bool:
    """Whether a location is the item dict of a folder."""
    return isinstance(location, Mapping) and bool(location.get("is_folder"))


def names_folder(location: object) -> bool:
    """Whether a location, or a local path, is marked as a folder, so that the items in it are meant.

    The mark is a ``/`` at the end, or the one that SharePoint puts into an address; an item dict knows its kind.
    """
    if isinstance(location, Mapping):
        return is_folder_dict(location)
    text = str(location)
    return is_folder_address(text) if is_web_address(text) else text.endswith("/")


def form_of(root: str) -> str:
    """Return how a location with this root is written."""
    library = ("[/<sites|teams|personal>/<name>]/<library>",) if root == "sites" else ()
    return "".join(("/".join((root, *_ID_FORMS[root])), *library, "[/path]"))


def _from_item(item: Mapping[str, Any]) -> Location:
    drive_id, item_id = item.get("drive_id"), item.get("id")
    if not (isinstance(drive_id, str) and isinstance(item_id, str) and drive_id and item_id):
        raise LocationError(
            f"An item dict needs drive_id and id; this one has {sorted(map(str, item))}.",
            advice="Pass an item dict as the operators return it, or text.",
        )
    label, path = str(item.get("location") or ""), str(item.get("path") or "")
    # The ids themselves are no better to read, and a sharing link is not to be read at all.
    hidden_names.add_item(label, f"items/{drive_id}/{item_id}")
    label = "" if label.startswith("items/") or without_secret(label) != label else label
    location = Location("items", (drive_id, item_id), label=label, label_path=path if label else None)
    return _checked(location, location.root_text)


def _from_web_address(text: str) -> Location:
    """Read an address from the browser. Its names are those of items that exist, so none is ever repaired."""
    address = read_web_address(text)
    if address.link:
        return Location(LINK, (address.host,), is_folder=address.is_folder, link=address.link)
    location = _address_location(address)
    # What was read as a path may be a link with a mistake in its beginning.
    return _checked(location, without_secret(str(location)) if location.root == "sites" else str(location))


def _address_location(address: WebAddress) -> Location:
    names = tuple(address.path.split("/")) if address.path else ()
    if address.ids:
        return Location("items", address.ids, is_folder=address.is_folder)
    if address.drive_id:
        return Location("drives", (address.drive_id,), names, address.is_folder)
    if address.document:
        for name in names:
            check_name(name, address.path)
        return Location(DOCUMENT, (address.host, address.path, address.document), is_folder=address.is_folder)
    return Location("sites", (address.host,), names, address.is_folder)


def _checked(location: Location, text: str) -> Location:
    for part in location.ids:
        _check_id(part, text)
    for name in location.names:
        check_name(name, text)
    if len("/".join(location.names)) > MAX_PATH_CHARACTERS:
        raise LocationError(
            f"The path of {text!r} has more than {MAX_PATH_CHARACTERS} characters.", advice="Shorten it."
        )
    return location


def _check_id(part: str, text: str) -> None:
    """Refuse an id that cannot be sent, or that httpx would resolve away as a segment of the URL's path."""
    if part in (".", "..") or _ILLEGAL_IN_IDS.search(part):
        raise LocationError(f"{text!r} holds {part!r}, which is not an id.", advice="Write the id out.")


def _creatable(location: Location) -> Location:
    """Refuse names that Graph does not create. A repaired name is never one of them."""
    for name in location.names:
        check_new_name(name, str(location))
    return location


def _unknown_root(text: str) -> str:
    if not text.strip():
        return "The location is empty."
    return f"{text!r} does not start with a known root ({', '.join(_ID_FORMS)})."


def _nearest(text: str, word: str) -> str:
    if not text.strip():
        return "Check the template that makes it; write myfiles/ for the whole drive."
    if without_scheme(text):
        return "It is an address whose beginning is missing: write https:// in front of it."
    if "://" in text:
        return "Write an address alone, from https:// on."
    close = difflib.get_close_matches(word.lower(), _ID_FORMS, n=1, cutoff=0.7)
    rest = text.lstrip("/") if not close else "/".join((close[0], *text.split("/")[1:]))
    return f"Did you mean {rest if close else f'myfiles/{rest}'!r}?"
