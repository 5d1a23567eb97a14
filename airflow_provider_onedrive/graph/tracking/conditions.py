"""The conditions of sensors, written once: a flow that polls, and pure predicates. Both clients drive it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, Protocol, cast

from airflow_provider_onedrive.graph.content.filters import split_location
from airflow_provider_onedrive.graph.content.selection import Selection, is_kind, kind_of
from airflow_provider_onedrive.graph.flows import items
from airflow_provider_onedrive.graph.flows.walk import FolderWalk, read_page
from airflow_provider_onedrive.graph.protocol.addresses import Address
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    ConfigurationError,
    DriveNotFound,
    ItemNotFound,
    LocationError,
    NotFound,
    OneDriveError,
    Stopped,
)
from airflow_provider_onedrive.graph.protocol.item_states import State
from airflow_provider_onedrive.graph.protocol.location_parser import LocationParser, is_folder_dict
from airflow_provider_onedrive.graph.protocol.locations import LocationLike, shown
from airflow_provider_onedrive.graph.protocol.messages import Flow, OutcomeUnknown, Response, T
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.times import read_http_date

Kind = Literal["file", "folder", "any"]

MAX_MATCHES = 1000  # Airflow maps over at most 1024 items, and XCom is not made for listings
IGNORED = ("~$*", "*.tmp", "desktop.ini")
"""The files that Office, browsers and Windows leave beside the files of people."""

_CHECKED_OUT = "checkout"
_POLLS_IN_A_ROW = 3
DOUBT_SECONDS = 5.0
"""The least time between two polls, if the first one ended with an error that may pass."""


class Addressing(Protocol):
    """The part of a client that a condition needs."""

    parser: LocationParser

    def locate(self, location: LocationLike) -> Flow[Address]: ...
    def forget(self, address: Address) -> None: ...


@dataclass(frozen=True)
class PollResult:
    """The result of one poll.

    :param items: enough matches, or none.
    :param busy: the ids of the items that somebody has checked out.
    :param server_time: when Graph answered, by its own clock; None if the answer has no ``Date``.
    """

    items: tuple[DriveItem, ...] = ()
    busy: frozenset[str] = frozenset()
    server_time: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self.items)


@dataclass(frozen=True)
class FileCondition:
    """Holds if enough items match.

    :param location: without a pattern and without a trailing ``/`` this one item; else a folder whose items are
        compared. Of several locations each has to have a match.
    :param selection: the items of a folder that match. A pattern in the location replaces its pattern, and of one item
        only kind, size and time are compared.
    :param min_items: of all locations together.
    :param max_items: more matches are an error: a result that silently lacks some is worse than none.
    :param reads_checkouts: also read which items are checked out.
    """

    location: LocationLike | Sequence[LocationLike]
    selection: Selection
    min_items: int = 1
    max_items: int = MAX_MATCHES
    reads_checkouts: bool = False

    def __str__(self) -> str:
        locations = " and ".join(shown(location) for location in self.locations)
        filters = self.selection.filters
        wanted = " and ".join(map(str, filter(None, (" or ".join(filters.patterns), filters.regex))))
        return f"{wanted} in {locations}" if wanted else locations

    @property
    def locations(self) -> Sequence[LocationLike]:
        several = isinstance(self.location, Sequence) and not isinstance(self.location, str)
        return self.location if several else (self.location,)  # type: ignore[return-value]  # a str is a Sequence too

    @property
    def folders_key(self) -> str:
        """A text that is the same for all conditions that read the same folders."""
        return repr([str(split_location(location)[0]).rstrip("/") for location in self.locations])

    def check(self) -> None:
        """Raise an error if the condition can never hold.

        :raises ConfigurationError: naming the parameter.
        """
        self.selection.check()
        if not self.locations:
            raise ConfigurationError("location is an empty list.", advice="Check the template that makes it.")
        counts = self.min_items, self.max_items
        if not (all(isinstance(count, int) for count in counts) and 1 <= self.min_items <= self.max_items):
            raise ConfigurationError(
                f"min_items is {self.min_items!r} and max_items {self.max_items!r}.",
                advice="Give at least 1, and max_items not below it.",
            )

    def poll(self, client: Addressing) -> Flow[PollResult]:
        """Read the locations once. No match means "not yet", also if the folder itself is still missing.

        :raises OneDriveError: :func:`is_transient` tells which errors waiting may cure.
        """
        self.check()
        results = []
        for location in self.locations:
            results.append((yield from self._poll_location(client, location)))
            if not results[-1]:  # the others need no request as long as one location has no match
                return PollResult()
        matches = tuple(item for each in results for item in each.items)
        if len(matches) > self.max_items:
            raise too_many(self.max_items, str(self), "Narrow file_pattern, or move away the files that are done.")
        busy = frozenset(item_id for each in results for item_id in each.busy)
        return PollResult(matches, busy, results[0].server_time) if len(matches) >= self.min_items else PollResult()

    def _poll_location(self, client: Addressing, location: LocationLike) -> Flow[PollResult]:
        folder, pattern = split_location(location)
        filters = self.selection.filters
        filters = filters if pattern is None else replace(filters, file_pattern=pattern)
        selection = replace(self.selection, filters=filters).read_by(client.parser)
        is_folder = client.parser.parse(folder).is_folder or is_folder_dict(folder)
        in_folder = is_folder or filters.patterns or filters.regex
        address = yield from client.locate(folder)
        try:
            return (yield from _at_once(self._in_folder(address, selection) if in_folder else self._one(address)))
        except OneDriveError as error:
            if isinstance(error, NotFound):
                client.forget(address)  # another folder may have the name by now
            # A missing drive or user is no ItemNotFound: no file can ever appear there, so it ends the wait.
            if isinstance(error, ItemNotFound):
                return PollResult()
            raise error.about("wait for", str(address)) from None

    def _one(self, address: Address) -> Flow[PollResult]:
        # By its location and not in a listing: one request, however many items the folder has.
        item = yield from items.stat(address)
        if not is_kind(item, self.selection.kind):
            raise _of_another_kind(item, address, self.selection.kind)
        filters = replace(self.selection.filters, file_pattern=None, regex=None, exclude=())
        is_there = replace(self.selection, filters=filters).matches(item, item.name)
        return PollResult((item,)) if is_there else PollResult()

    def _in_folder(self, address: Address, selection: Selection) -> Flow[PollResult]:
        fields = items.ITEM_FIELDS + (",publication" if self.reads_checkouts else "")
        walk = FolderWalk(address, recursive=selection.is_deep, fields=fields, is_poll=True)
        matches: list[DriveItem] = []
        busy: set[str] = set()
        # One match too many is enough for the error: the other pages of a huge folder are not read.
        while walk.has_more and len(matches) <= self.max_items:
            for visit in (yield from read_page(walk)):
                if selection.matches(visit.item, visit.path):
                    matches.append(selection.with_groups(visit.item, visit.path))
                if _is_checked_out(visit.data):
                    busy.add(visit.item.id)
        return PollResult(tuple(matches), frozenset(busy), read_http_date(walk.date))


class Stability:
    """Decides which items have stopped changing: size and eTag are the same at two polls.

    :param stable_for_seconds: the least time between the two polls, by the server's clock.
    :param seen: the result of :meth:`to_dict` after an earlier poll.
    """

    def __init__(self, stable_for_seconds: float, seen: Mapping[str, Any] | None = None) -> None:
        self._seconds = stable_for_seconds
        self._seen = {key: tuple(value) for key, value in (seen or {}).items()}

    def to_dict(self) -> dict[str, list[Any]]:
        """Return plain JSON: of each item its size, its eTag, and since when it has had them."""
        return {key: list(value) for key, value in self._seen.items()}

    def stable(self, result: PollResult, now: float) -> list[DriveItem]:
        """Return the stable items of a poll.

        :param now: this machine's time, which is used if the server did not send its own.
        """
        # The server's clock, because polls of one wait may run on machines whose clocks differ.
        moment = result.server_time.timestamp() if result.server_time else now
        before, self._seen = self._seen, {}
        stable = [item for item in result.items if self._is_stable(item, before, moment)]
        # Programs often create a file empty, and write it later.
        return [item for item in stable if item.id not in result.busy and (item.is_folder or item.size)]

    def _is_stable(self, item: DriveItem, before: Mapping[str, tuple[Any, ...]], moment: float) -> bool:
        key, mark = f"{item.drive_id}/{item.id}", (item.size, item.etag)
        seen = before.get(key)
        is_same = seen is not None and seen[:2] == mark
        since = seen[2] if seen is not None and is_same else moment
        self._seen[key] = (*mark, since)
        return is_same and moment - since >= self._seconds


def is_transient(error: OneDriveError) -> bool:
    """Whether to keep waiting after this error: Graph throttles, is unavailable or returns an error of its own."""
    return error.is_retryable and not isinstance(error, (NotFound, Stopped))


class FailedPolls:
    """Decides after each failed poll of one wait whether to go on with it.

    A drive that is not found, and a drive that is refused after it could be read, were seen to be there again seconds
    later. So such an error ends the wait only if several polls in a row end with it.

    :param was_readable: whether the drive could be read before.
    """

    def __init__(self, *, was_readable: bool = False) -> None:
        self._was_readable = was_readable
        self._in_a_row = 0

    def succeeded(self) -> None:
        """Begin the count anew, because a poll could read the drive."""
        self._was_readable, self._in_a_row = True, 0

    def is_doubtful(self, error: OneDriveError) -> bool:
        """Count a failed poll, and return whether its error may have passed at the next one."""
        if not (isinstance(error, DriveNotFound) or (self._was_readable and isinstance(error, AccessDenied))):
            return False
        self._in_a_row += 1
        return self._in_a_row < _POLLS_IN_A_ROW


def too_many(max_items: int, location: str, advice: str) -> ConfigurationError:
    """Return the error of a result that would be cut: one that silently lacks items is worse than none."""
    return ConfigurationError(f"More than {max_items} items of {location} match.", advice=advice)


def _at_once(flow: Flow[T]) -> Flow[T]:
    """Run a flow without its pauses before repetitions: the next poll repeats everything, and comes soon enough."""
    answer: Response | None = None
    problem: Exception | None = None
    while True:
        try:
            request = flow.throw(problem) if problem else flow.send(answer)  # type: ignore[arg-type]  # None begins it
        except StopIteration as end:
            return cast("T", end.value)
        try:
            answer, problem = (yield replace(request, failures=0)), None
        except (OneDriveError, OutcomeUnknown) as raised:
            problem = raised


def _is_checked_out(data: State) -> bool:
    publication = data.get("publication")
    return isinstance(publication, dict) and publication.get("level") == _CHECKED_OUT


def _of_another_kind(item: DriveItem, address: Address, kind: str) -> LocationError:
    fitting = "file" if kind_of(item) == "file" else "any"
    advice = f"Pass kind={fitting!r}, or wait for another location."
    if item.is_folder:
        advice = "End the location with '/' or pass file_pattern='*' to wait for a file in it, or pass kind='folder'."
    return LocationError(f"{address} is a {kind_of(item)}, and the sensor waits for a {kind}.", advice=advice)
