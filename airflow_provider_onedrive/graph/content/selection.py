"""Which items of a tree are meant. Pure: the same for listings, conditions and watchers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from airflow_provider_onedrive.graph.content.filters import Filters, check_kind
from airflow_provider_onedrive.graph.protocol.location_parser import LocationParser
from airflow_provider_onedrive.graph.protocol.models import DriveItem


@dataclass(frozen=True)
class Selection:
    """Chooses items by their path, kind, size and time.

    :param filters: of a folder or notebook the size is not compared: it is that of the items in it.
    :param kind: ``file``, ``folder`` or ``any``.
    :param recursive: also the items of the folders; a pattern with ``/`` or ``**`` includes them anyway.
    """

    filters: Filters = Filters()
    kind: str = "file"
    recursive: bool = False

    def check(self) -> None:
        """Raise an error if the selection can never be meant.

        :raises ConfigurationError: naming the parameter.
        """
        self.filters.check()
        check_kind(self.kind)

    def read_by(self, parser: LocationParser) -> Selection:
        """Return the selection with its pattern read as the connection reads names.

        :raises LocationError: if the pattern has a character that no name has.
        """
        return replace(self, filters=self.filters.read_by(parser))

    @property
    def is_deep(self) -> bool:
        """Whether items of the folders are chosen, too."""
        return self.recursive or self.filters.is_deep

    def matches(self, item: DriveItem, path: str) -> bool:
        """Whether an item is chosen.

        :param path: below the folder, names separated by ``/``.
        """
        if not is_kind(item, self.kind) or not (self.is_deep or "/" not in path):
            return False
        # Graph's size of a folder is the sum of all files in it, which nobody means by min_size.
        filters = self.filters if kind_of(item) == "file" else self._without_sizes
        return filters.match(path, item.size, item.modified_at)

    def with_groups(self, item: DriveItem, path: str) -> DriveItem:
        """Return an item with the named groups of the regular expression that its path has."""
        return replace(item, groups=self.filters.groups(path))

    @cached_property
    def _without_sizes(self) -> Filters:
        return replace(self.filters, min_size=None, max_size=None)


def is_kind(item: DriveItem, kind: str) -> bool:
    """Whether an item is of a kind: ``file``, ``folder``, or ``any``, which notebooks and shortcuts are only of."""
    return kind in ("any", kind_of(item))


def kind_of(item: DriveItem) -> str:
    """Return ``file`` or ``folder``, or the name of what is neither."""
    if item.is_folder:
        return "folder"
    # A download of either would fail, so neither is a file for a sensor that waits for one.
    if item.is_shortcut:
        return "shortcut"
    return f"{item.package_type} notebook" if item.package_type else "file"
