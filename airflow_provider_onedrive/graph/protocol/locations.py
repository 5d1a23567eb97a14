"""What a location is once it has been read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_onedrive.graph.protocol.hidden_names import hidden_names
from airflow_provider_onedrive.graph.protocol.redaction import has_link, without_secret

LocationLike = str | Mapping[str, Any]
"""A location as users write it: text, or an item dict as it stands in XCom."""

# https://support.microsoft.com/office/64883a5d-228e-48f5-b3d2-eb39e07630fa: the decoded path, without the host.
MAX_PATH_CHARACTERS = 400

LINK = "https:"
"""The root of a sharing link."""
DOCUMENT = "document"
"""The root of a document that an address names by its GUID, on a site."""
LOOKED_UP = frozenset({"shared", "sites", LINK, DOCUMENT})
"""Roots that only Graph can turn into ids."""


@dataclass(frozen=True)
class Location:
    """A location that has been read.

    :param root: the root word; ``https:`` for a sharing link, ``document`` for a document by its GUID.
    :param ids: the segments after the root word: a user, a drive id, or a drive id and an item id; of a site and of a
        sharing link the host; of a document the host, the path of its site, and the GUID.
    :param names: the path below, one name per folder; of a site also its own path and the library.
    :param is_folder: whether the text is marked as a folder's, by a ``/`` at its end.
    :param label: for an item dict: the location it was listed under, better to read than two ids.
    :param label_path: the drive-relative path that ``label`` stands for; None if there is no label.
    :param link: the whole sharing link, which is a secret.
    """

    root: str
    ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    is_folder: bool = False
    label: str = ""
    label_path: str | None = None
    link: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        hidden_names.add(*self.names)

    def __str__(self) -> str:
        # A link is shown by its host and a remark, after which a slash would be read as a path.
        slash = "/" if self.is_folder and (self.names or not self.link) else ""
        return "/".join((self.root_text, *self.names)) + slash

    @property
    def root_text(self) -> str:
        if self.link:
            return f"https://{self.ids[0]}/ (sharing link)"
        if self.root == DOCUMENT:
            host, site, guid = self.ids
            return "/".join(filter(None, ("https:/", host, site, f"_layouts/15/Doc.aspx?sourcedoc={{{guid}}}")))
        return self.label or "/".join((self.root, *self.ids))

    @property
    def is_root(self) -> bool:
        """Whether this names a whole drive or shared folder, not an item in it. An item by its id is in a drive."""
        return not self.names and self.root not in ("items", LINK, DOCUMENT)

    @property
    def is_list_of_shared(self) -> bool:
        """Whether this is ``shared`` alone, which is not an item but the list of everything shared."""
        return self.root == "shared" and not self.ids

    @property
    def name(self) -> str:
        return self.names[-1] if self.names else ""

    @property
    def parent(self) -> Location:
        return replace(self, names=self.names[:-1], is_folder=True)


def shown(location: LocationLike) -> str:
    """Return a location as it may be logged: an address without the part that may be a secret.

    Every text about a location goes through here, or is that of a :class:`Location`.
    """
    text = str(location.get("location") if isinstance(location, Mapping) else location)
    if "://" not in text and not has_link(text):  # of an address only the host is shown
        hidden_names.add_path(below_root(text))
    return without_secret(text)


def below_root(text: str) -> str:
    """Return the part of a location's text that names files and folders."""
    root, _, rest = text.partition("/")
    ids = {"users": 1, "groups": 1, "drives": 1, "items": 2, "sites": 1, "myfiles": 0, "shared": 0}.get(root.lower())
    return text if ids is None else "/".join(rest.split("/")[ids:])
