"""What one can do with a location: the public methods of the blocking client, on top of whatever drives a flow."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from airflow_provider_onedrive.graph.auditing import audited
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.flows import absence, items, removals, suggestions
from airflow_provider_onedrive.graph.flows.raw_requests import raw_request
from airflow_provider_onedrive.graph.flows.resolver import SharedFolder
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.listings import Listings
from airflow_provider_onedrive.graph.location_context import log_deletion, missing_of
from airflow_provider_onedrive.graph.protocol.addresses import Address
from airflow_provider_onedrive.graph.protocol.driver import FlowDriver
from airflow_provider_onedrive.graph.protocol.errors import GraphError, ItemNotFound, OneDriveError
from airflow_provider_onedrive.graph.protocol.locations import Location, LocationLike
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.protocol.messages import Flow, Request, T
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.options import DeleteOptions
from airflow_provider_onedrive.graph.transfers.progress import Meter

log = logger(__name__)

Fence = Callable[[Callable[[float], None]], None]
"""Takes a function that waits for some seconds."""


class Operations(Listings, ABC):
    """Every method takes a location (text or item dict) and raises what ``graph.errors`` lists."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.meter = Meter()
        self.fence: Fence = lambda _wait: None
        """Is asked before each step that cannot be repeated; it raises an error where another try does the work."""

    @abstractmethod
    def _drive(self, driver: FlowDriver[T]) -> T:
        """Drive a flow to its end."""

    @abstractmethod
    def run_all(self, flows: Sequence[Flow[None]], at_once: int) -> None:
        """Drive flows to their end, so many at once; the first problem stops all of them."""

    @abstractmethod
    def _wait(self, seconds: float) -> None:
        """Wait, unless the client is stopped."""

    def check_owner(self) -> None:
        """See that no other try of the task does the work.

        :raises TakenOver: if another one does.
        """
        self.fence(self._wait)

    def _check_owner(self, request: Request) -> None:
        if request.needs_owner:
            self.check_owner()

    @abstractmethod
    def send_final(self, request: Request) -> None:
        """Send one request although the client may have been stopped; what comes of it does not matter."""

    def run(self, flow: Flow[T]) -> T:
        """Drive a flow to its end."""
        return self._drive(FlowDriver(flow))

    def address(self, location: LocationLike) -> Address:
        """Turn a location into Graph's terms, as :meth:`locate` does."""
        return self._address(self.parser.parse(location))

    def shared_folders(self) -> list[SharedFolder]:
        """Find all that ``shared/`` can be followed by."""
        return self.run(self._resolver.list_shared())

    def _address(self, location: Location, *, is_removed: bool = False) -> Address:
        try:
            return self.run(self._locate(location, is_removed=is_removed))
        except OneDriveError as error:
            raise error.about("look for", str(location)) from error.__cause__

    def stat(self, location: LocationLike) -> DriveItem:
        """Return an item.

        :param location: the file or folder.
        :raises NotFound: if it does not exist.
        """
        address = self.address(location)
        return self._about("look at", address, absence.stat_surely(address))

    def exists(self, location: LocationLike) -> bool:
        """Return whether an item exists.

        One request if it does. That it does not is proven by some more requests, 2 to 4 seconds later.

        :param location: the file or folder.
        :raises DriveNotFound: if its drive does not exist.
        """
        address = self.address(location)
        return self._about("look at", address, absence.exists(address))

    def children(self, location: LocationLike) -> Iterator[DriveItem]:
        """Yield the items directly in a folder, page by page; of ``shared`` each entry.

        :param location: the folder.
        """
        parsed = self.parser.parse(location)
        if parsed.is_list_of_shared:
            return (self.stat(each.location) for each in self.shared_folders())
        return self.children_of(self._address(parsed))

    def walk(self, location: LocationLike) -> Iterator[DriveItem]:
        """Yield all items below a folder, each folder before its items.

        :param location: the folder.
        """
        return self.walk_from(self.address(location))

    @audited
    def create_folder(
        self,
        location: LocationLike,
        *,
        exist_ok: bool = False,
        create_folders: bool = False,
        attempt: TaskAttempt = TaskAttempt(),
    ) -> DriveItem:
        """Create a folder.

        :param location: the new folder.
        :param exist_ok: a folder that is there already is success.
        :param create_folders: create the missing folders on the way; otherwise a missing one is an error.
        :param attempt: the attempt of a task that calls; the default is a program that runs once.
        """
        address = self._address(self.parser.new_folder(location))
        # An earlier attempt may have created it, and have lost the answer.
        flow = items.make_folder(address, exist_ok=exist_ok or attempt.retrying, create_folders=create_folders)
        return self._about("create", address, flow)

    @audited
    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Ask Graph something that no other method does, with the connection's sign-in, retries and limits.

        :param method: of HTTP; a ``read_only`` connection allows only GET and HEAD.
        :param path: below the API's version, such as ``/me/drive``, or an ``@odata.nextLink``.
        :param json: the body of the request; None sends none.
        :param params: the query, such as ``{"$select": "id"}``.
        :param headers: of the request.
        :return: the JSON of the answer; None if it has no body.
        :raises ConfigurationError: if the path leads elsewhere, or the connection has ``allowed_locations``.
        """
        flow = raw_request(self.settings, method, path, json=json, params=params, headers=headers)
        try:
            return self.run(flow)
        except GraphError as error:
            # Without the query, which may hold a cursor or a name.
            raise error.about("request", path.partition("?")[0]) from error.__cause__

    @audited
    def delete(
        self,
        location: LocationLike,
        *,
        recursive: bool = False,
        permanent: bool = False,
        ignore_if_missing: bool = False,
        options: DeleteOptions = DeleteOptions(),
        attempt: TaskAttempt = TaskAttempt(),
    ) -> list[DriveItem]:
        """Delete a file or folder, to the recycle bin unless ``permanent``; never the root of a drive.

        :param location: the file or folder.
        :param recursive: delete a folder with everything in it; without it, only an empty one.
        :param permanent: not to the recycle bin: it cannot be restored.
        :param ignore_if_missing: if nothing is there, that is success.
        :param options: what limits the deletion.
        :param attempt: the attempt of a task that calls; the default is a program that runs once.
        :return: the item that was deleted, or an empty list.
        """
        self.settings.policy.check({"permanent": permanent, "on_hold": options.on_hold})
        address = self._address(self.parser.deletable(location), is_removed=True)
        flow = removals.remove(
            address,
            recursive=recursive,
            permanent=permanent,
            ignore_if_missing=ignore_if_missing,
            options=options,
            attempt=attempt,
            policy=self.settings.policy,
        )
        return log_deletion(self._about("delete", address, flow), address, options)

    def about(self, operation: str, location: LocationLike, flow_for: Callable[[Address], Flow[T]]) -> T:
        """Drive a flow about a location; its errors name the operation and the location.

        :param flow_for: takes the address of the location.
        """
        address = self.address(location)
        return self._about(operation, address, flow_for(address))

    def _about(self, operation: str, address: Address, flow: Flow[T], destination: Address | None = None) -> T:
        with self._explaining(operation, address, destination):
            return self.run(flow)

    @contextmanager
    def _explaining(self, operation: str, address: Address, destination: Address | None = None) -> Iterator[None]:
        """Raise the errors of a block with the operation, its location, and a similar name that is there.

        :param destination: the folder that something goes into.
        """
        try:
            yield
        except ItemNotFound as error:
            missing = missing_of(error, address, destination)
            raise self._explained(self._with_similar_name(error, missing), operation, missing) from error.__cause__
        except OneDriveError as error:
            raise self._explained(error, operation, address) from error.__cause__

    def _with_similar_name(self, error: ItemNotFound, address: Address) -> ItemNotFound:
        """Return the error with the name that was probably meant, if Graph lists one."""
        with suppress(OneDriveError):  # the first error counts, not one of the search
            return self.run(suggestions.with_similar_name(error, address))
        return error

    def _transfer(
        self,
        operation: str,
        address: Address,
        transfer: Callable[[], DriveItem],
        driver: FlowDriver[Any],
        destination: Address | None = None,
    ) -> DriveItem:
        """Do it, and log its one line, with the last request id of the driver and what it has cost."""
        start = time.monotonic()
        with self._explaining(operation, address, destination):
            item = transfer()
        log.info(
            "Done (%s): %s %s, %s bytes in %.2f s, request id %s, %s, %s",
            item.outcome or "complete",
            operation,
            item.location,
            item.size,
            time.monotonic() - start,
            driver.request_id,
            self.meter.current.totals,
            # No secret: whoever opens it has to sign in.
            item.web_url,
        )
        return item
