"""What a sensor waits for, written once: a flow that looks, and pure predicates. Both clients drive it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property
from typing import Any, Literal, Protocol

from airflow_provider_onedrive.graph import items
from airflow_provider_onedrive.graph.errors import (
    ConfigurationError,
    DriveNotFound,
    ItemNotFound,
    LocationError,
    OneDriveError,
    Stopped,
    Unauthenticated,
)
from airflow_provider_onedrive.graph.locations import Address, parse
from airflow_provider_onedrive.graph.messages import Flow
from airflow_provider_onedrive.graph.models import DriveItem
from airflow_provider_onedrive.graph.retry import is_passing_refusal

Kind = Literal["file", "folder", "any"]

MAX_FOUND_ITEMS = 1000  # Airflow maps over at most 1024, and XCom is no place for a listing


class Addressing(Protocol):
    """What a condition needs of a client."""

    def locate(self, location: str | Mapping[str, Any]) -> Flow[Address]: ...
    def forget(self, address: Address) -> None: ...


@dataclass(frozen=True)
class Selection:
    """Which items of a folder are meant.

    :param file_pattern: of the name: ``*`` and ``?`` as in a shell, anything else literal, without regard to case as
        OneDrive's names are; None takes every name.
    """

    file_pattern: str | None = None
    kind: Kind = "any"

    def matches(self, item: DriveItem) -> bool:
        return self.is_kind(item) and (self._regex is None or self._regex.match(item.name) is not None)

    def is_kind(self, item: DriveItem) -> bool:
        return self.kind == "any" or item.is_folder == (self.kind == "folder")

    def check(self) -> None:
        """Refuse what can match nothing.

        :raises ConfigurationError: naming the parameter.
        """
        if self.kind not in ("file", "folder", "any"):
            raise ConfigurationError(f"kind is {self.kind!r}.", advice="Use 'file', 'folder' or 'any'.")
        if self.file_pattern is None:
            return
        if not str(self.file_pattern).strip():
            raise ConfigurationError(
                "file_pattern is empty.", advice="Check the template that makes it, or leave it out to take every name."
            )
        if "/" in str(self.file_pattern):
            raise ConfigurationError(
                f"file_pattern {self.file_pattern!r} has a slash, and it is compared with names only.",
                advice="Put the folders into the location.",
            )

    @cached_property
    def _regex(self) -> re.Pattern[str] | None:
        if self.file_pattern is None:
            return None
        return re.compile(translate(str(self.file_pattern).replace("[", "[[]")), re.IGNORECASE)


@dataclass(frozen=True)
class FileCondition:
    """Something is there.

    :param location: without ``file_pattern`` and without a trailing ``/`` this one item; else a folder in which
        something matches.
    """

    location: str | Mapping[str, Any]
    file_pattern: str | None = None
    kind: Kind = "file"

    def __str__(self) -> str:
        place = self.location.get("location") if isinstance(self.location, Mapping) else self.location
        return f"{self.file_pattern} in {place}" if self.file_pattern else str(place)

    def look(self, client: Addressing) -> Flow[list[DriveItem]]:
        """Look once; an empty list means "not yet", also where the folder itself is still missing.

        :raises OneDriveError: see :func:`outlives` for which of them waiting may cure.
        """
        selection = Selection(self.file_pattern, self.kind)
        selection.check()
        in_folder = self.file_pattern is not None or parse(self.location).is_folder
        address = yield from client.locate(self.location)
        try:
            return (yield from _matching(address, selection) if in_folder else _one(address, selection))
        except OneDriveError as error:
            if isinstance(error, ItemNotFound):
                client.forget(address)  # what was looked up before may have been replaced by another of the name
                if not isinstance(error, DriveNotFound):
                    return []
            raise error.about("wait for", str(address)) from None


def outlives(error: OneDriveError) -> bool:
    """Whether a wait goes on after this error: Graph was busy, away or confused, and said nothing about the file."""
    if isinstance(error, Unauthenticated):
        return is_passing_refusal(error)
    return error.may_pass and not isinstance(error, (ItemNotFound, Stopped))


def _one(address: Address, selection: Selection) -> Flow[list[DriveItem]]:
    item = yield from items.stat(address)
    if selection.is_kind(item):
        return [item]
    found, advice = (
        (
            "folder",
            "End the location with '/' or pass file_pattern='*' to wait for a file in it, or pass kind='folder'.",
        )
        if item.is_folder
        else ("file", "Pass kind='file', or wait for another location.")
    )
    raise LocationError(f"{address} is a {found}, and the sensor waits for a {selection.kind}.", advice=advice)


def _matching(address: Address, selection: Selection) -> Flow[list[DriveItem]]:
    found: list[DriveItem] = []
    page_url: str | None = None
    while True:
        page = yield from items.children(address, page_url)
        found += filter(selection.matches, page.items)
        if len(found) > MAX_FOUND_ITEMS:
            raise too_many(MAX_FOUND_ITEMS, str(address), "Narrow file_pattern, or move away what was worked off.")
        if page.next_url is None:
            return found
        page_url = page.next_url


def too_many(max_items: int, location: str, advice: str) -> ConfigurationError:
    """Say that a result would be cut: an answer that silently lacks something is worse than none."""
    return ConfigurationError(f"More than {max_items} items of {location} match.", advice=advice)
