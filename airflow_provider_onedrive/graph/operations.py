"""What one can do with a location: the public methods of the blocking client, on top of whatever drives a flow."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Unpack, cast

from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.content.sinks import OpenFile
from airflow_provider_onedrive.graph.content.sources import Content, StoredObject, name_of, source_of
from airflow_provider_onedrive.graph.content.transfer_plan import Folder, Report
from airflow_provider_onedrive.graph.flows import copies, downloads, items, moves, removals, uploads
from airflow_provider_onedrive.graph.flows import suggestions as siblings
from airflow_provider_onedrive.graph.flows.copies import Copy, Progress
from airflow_provider_onedrive.graph.flows.destinations import RelocateOptions
from airflow_provider_onedrive.graph.flows.resolver import SharedFolder
from airflow_provider_onedrive.graph.flows.session_state import OpenSession
from airflow_provider_onedrive.graph.flows.sessions import cancellation
from airflow_provider_onedrive.graph.flows.upload_plan import UploadOptions
from airflow_provider_onedrive.graph.listings import Listings
from airflow_provider_onedrive.graph.location_context import log_deletion
from airflow_provider_onedrive.graph.protocol.driver import FlowDriver
from airflow_provider_onedrive.graph.protocol.errors import ItemNotFound, OneDriveError
from airflow_provider_onedrive.graph.protocol.locations import Address, Location, LocationLike
from airflow_provider_onedrive.graph.protocol.messages import Flow, Request, T
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.tracking.sync import Synced, sync_folder
from airflow_provider_onedrive.graph.transfers import bulk as many
from airflow_provider_onedrive.graph.transfers import download as localcopy
from airflow_provider_onedrive.graph.transfers import download_folder as folderdownload
from airflow_provider_onedrive.graph.transfers import upload_folder as folderupload
from airflow_provider_onedrive.graph.transfers.download import DownloadOptions
from airflow_provider_onedrive.graph.transfers.progress import Meter
from airflow_provider_onedrive.graph.transfers.upload_folder import Uploads

log = logging.getLogger(__name__)

_SPOOLED_BYTES = 8 * 1024 * 1024


class Operations(Listings, ABC):
    """Every method takes a location (text or item dict) and raises what ``graph.errors`` lists."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.meter = Meter()

    @abstractmethod
    def _drive(self, driver: FlowDriver[T]) -> T:
        """Drive a flow to its end."""

    @abstractmethod
    def run_all(self, flows: Sequence[Flow[None]], at_once: int) -> None:
        """Drive flows to their end, so many at once; the first problem stops all of them."""

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
        return self.run(self._places.list_shared())

    def _address(self, place: Location) -> Address:
        try:
            return self.run(self._locate(place))
        except OneDriveError as error:
            raise error.about("look for", str(place)) from error.__cause__

    def stat(self, location: LocationLike) -> DriveItem:
        """Read what is known about an item."""
        address = self.address(location)
        return self._about("look at", address, items.stat(address))

    def exists(self, location: LocationLike) -> bool:
        """Say whether an item is there; a missing drive is an error."""
        address = self.address(location)
        return self._about("look at", address, items.stat_or_none(address)) is not None

    def children(self, location: LocationLike) -> Iterator[DriveItem]:
        """Give what lies directly in a folder, page by page; of ``shared`` all that can be named behind it."""
        place = self.parser.parse(location)
        if place.is_list_of_shared:
            return (self.stat(each.location) for each in self.shared_folders())
        return self.children_of(self._address(place))

    def walk(self, location: LocationLike) -> Iterator[DriveItem]:
        """Give everything below a folder, each folder before what is in it."""
        return self.walk_from(self.address(location))

    def create_folder(
        self, location: LocationLike, *, exist_ok: bool = False, create_folders: bool = False
    ) -> DriveItem:
        """Create a folder; the one above must exist, unless ``create_folders``."""
        address = self._address(self.parser.new_folder(location))
        how = items.make_folder(address, exist_ok=exist_ok, create_folders=create_folders)
        return self._about("create", address, how)

    def upload(
        self,
        source: Content,
        location: LocationLike,
        *,
        file_name: str | None = None,
        if_exists: str = "fail",
        create_folders: bool = False,
        retrying: bool = False,
        options: UploadOptions = UploadOptions(),
        open_session: OpenSession | None = None,
    ) -> DriveItem:
        """Create a file.

        :param source: the path of a local file, bytes to send as they are, or an ``ObjectStoragePath``, whose object
            is sent as it is read.
        :param location: the file, or its folder where it ends in ``/`` or ``file_name`` is given.
        :param if_exists: what happens when the name is taken, whatever the size: ``fail``; ``replace``; ``rename``
            ("a 1.csv"); ``skip``; ``skip_if_same``, which sends nothing where size and hash are equal, and replaces
            exactly the version that was looked at where they are not.
        :param create_folders: make the folders on the way; otherwise a missing one is an error.
        :param retrying: an earlier try of the same task may have done it: the same content there is success.
        :param options: how it is sent.
        :param open_session: lets a later try go on with the upload session of this one; None ends it on failure.
        """
        flow_for = partial(
            uploads.create, if_exists=if_exists, create_folders=create_folders, folder_cache=self._folder_cache
        )
        return self._upload(
            "upload to",
            flow_for,
            source,
            location,
            file_name=file_name,
            retrying=retrying,
            options=options,
            open_session=open_session,
        )

    def update(
        self,
        source: Content,
        location: LocationLike,
        *,
        file_name: str | None = None,
        expected_etag: str | None = None,
        retrying: bool = False,
        options: UploadOptions = UploadOptions(),
        open_session: OpenSession | None = None,
    ) -> DriveItem:
        """Replace the content of a file that exists. Parameters as for :meth:`upload`.

        :param expected_etag: the version the file must still have; None takes any.
        """
        flow_for = partial(uploads.update, expected_etag=expected_etag)
        return self._upload(
            "update",
            flow_for,
            source,
            location,
            file_name=file_name,
            retrying=retrying,
            options=options,
            open_session=open_session,
        )

    def save(
        self,
        source: Content,
        location: LocationLike,
        *,
        file_name: str | None = None,
        if_exists: str = "replace",
        create_folders: bool = False,
        retrying: bool = False,
        options: UploadOptions = UploadOptions(),
        open_session: OpenSession | None = None,
    ) -> DriveItem:
        """Create a file or replace its content. Parameters as for :meth:`upload`."""
        flow_for = partial(
            uploads.create, if_exists=if_exists, create_folders=create_folders, folder_cache=self._folder_cache
        )
        return self._upload(
            "save",
            flow_for,
            source,
            location,
            file_name=file_name,
            retrying=retrying,
            options=options,
            open_session=open_session,
        )

    def download(
        self,
        location: LocationLike,
        local_path: str | os.PathLike[str] | StoredObject,
        options: DownloadOptions = DownloadOptions(),
    ) -> DriveItem:
        """Bring a file to the local disk; it appears under its name only when it is complete and verified.

        What an interrupted download of the same version left beside the target is gone on with.

        :param local_path: a file; or a directory, where one is there or the text ends in ``/``; or an
            ``ObjectStoragePath``, which is the object to write.
        """
        options.check()
        address = self.address(location)
        driver = FlowDriver(downloads.resolve(address, expected_etag=options.expected_etag))
        with self.meter.measured(f"download {address}") as progress:
            with self._explaining("download", address):
                link = self._drive(driver)
            progress.expect(link.item.size)
            target = localcopy.target_of(local_path, link.item.name)
            return self._transfer(
                "download", address, lambda: localcopy.download(self, address, target, link, options), driver
            )

    def open(self, location: LocationLike) -> BinaryIO:
        """Open a file for reading, as in ``pandas.read_excel(client.open(...))``.

        It is fetched whole: up to 8 MiB into memory, a larger one into a temporary file that goes when it is closed.
        """
        address = self.address(location)
        with ExitStack() as closed_on_error, self.meter.measured(f"read {address}"), self._explaining("read", address):
            spooled = closed_on_error.enter_context(tempfile.SpooledTemporaryFile(_SPOOLED_BYTES))
            file = cast("BinaryIO", spooled)
            localcopy.read(self, address, OpenFile(file, "a temporary file"))
            file.seek(0)
            closed_on_error.pop_all()
        return file

    def delete(
        self,
        location: LocationLike,
        *,
        recursive: bool = False,
        permanent: bool = False,
        max_items: int = 1000,
        dry_run: bool = False,
        ignore_if_missing: bool = False,
    ) -> list[DriveItem]:
        """Delete an item: to the recycle bin unless ``permanent``, never the root of a drive.

        :param recursive: also a folder that holds something.
        :param max_items: a folder that holds more is refused.
        :param dry_run: only say what would be deleted.
        :param ignore_if_missing: nothing there is no error, and the result is empty; a later try of the same task
            asks for that, because an earlier one may have done it.
        """
        address = self._address(self.parser.deletable(location))
        how = removals.Removal(recursive, permanent, max_items, dry_run, ignore_if_missing)
        return log_deletion(self._about("delete", address, removals.remove(address, how)), address, how)

    def move(self, location: LocationLike, destination: LocationLike, **how: Unpack[RelocateOptions]) -> DriveItem:
        """Move a file or a folder.

        Within a drive it keeps its id and its versions. To another drive a file is copied on the server, compared, and
        then deleted, to the recycle bin; a folder is not moved there.

        :param destination: a folder, where it ends in ``/`` or ``file_name`` is given, or the new name with its path.
        :param how: see :class:`~airflow_provider_onedrive.graph.flows.destinations.RelocateOptions`.
        """
        plan = self.run(self._relocation(location, destination, how))
        driver = FlowDriver(moves.move(plan))
        return self._transfer("move", plan.source, lambda: self._drive(driver), driver)

    def copy(
        self,
        location: LocationLike,
        destination: LocationLike,
        *,
        timeout_seconds: float | None = None,
        **how: Unpack[RelocateOptions],
    ) -> DriveItem:
        """Copy a file or a folder on the server, and wait for the end. Parameters as for :meth:`move`.

        :param timeout_seconds: the time after which
            :class:`~airflow_provider_onedrive.graph.protocol.errors.CopyUnfinished` is raised; the copy continues.
        """
        plan = self.run(self._relocation(location, destination, how))
        end = float("inf") if timeout_seconds is None else time.monotonic() + timeout_seconds
        driver = FlowDriver(copies.copy(plan, lambda: time.monotonic() >= end))
        return self._transfer("copy", plan.source, lambda: self._drive(driver), driver)

    def start_copy(self, location: LocationLike, destination: LocationLike, **how: Unpack[RelocateOptions]) -> Copy:
        """Ask for a copy and do not wait for it. Parameters as for :meth:`move`.

        :return: what :meth:`copy_progress` and :meth:`copied` need; it has the ``item`` where no copy was needed.
        """
        plan = self.run(self._relocation(location, destination, how))
        return self._about("copy", plan.source, copies.start(plan))

    def copy_progress(self, monitor_url: str) -> Progress:
        """Ask once how far a copy is."""
        return self.run(copies.progress(monitor_url))

    def copied(
        self,
        destination: LocationLike,
        copy: Mapping[str, Any],
        item_id: str | None,
        *,
        file_name: str | None = None,
    ) -> DriveItem:
        """Read what was copied.

        :param copy: what ``to_dict`` of the :class:`~airflow_provider_onedrive.graph.flows.copies.Copy` gave.
        :param item_id: as its end said.
        """
        address = self._address(self.parser.destination(destination, file_name)[0])
        return self._about("copy to", address, copies.copied(address, copy, item_id))

    def upload_folder(
        self, source: Any, location: LocationLike, how: Folder = Folder(), sending: Uploads = Uploads()
    ) -> Report:
        """Send the files of a folder, several at once.

        :param source: a local folder, or an ``ObjectStoragePath``.
        :param location: the folder they go into.
        :return: the outcome of each file;
            :func:`~airflow_provider_onedrive.graph.transfers.bulk.raise_for` turns it into an error.
        """
        address = self.address(location)
        with self._explaining("upload to", address):
            return folderupload.upload_folder(self, source, address, how, sending)

    def download_folder(
        self,
        location: LocationLike,
        folder: Any,
        how: Folder = Folder(),
        fetching: DownloadOptions = DownloadOptions(),
    ) -> Report:
        """Fetch the files of a folder, several at once; the rest as :meth:`upload_folder`.

        :param folder: a local folder, which is made where it is missing, or an ``ObjectStoragePath``.
        """
        how = replace(how, filters=how.filters.read_by(self.parser))
        address = self.address(location)
        with self._explaining("download", address):
            return folderdownload.download_folder(self, address, folder, how, fetching)

    def sync_folder(
        self, location: LocationLike, place: Path | StoredObject, *, full_every: timedelta | None = None
    ) -> Synced:
        """Keep a manifest of everything below a folder current; see :mod:`.syncing`.

        :param place: where the manifest is.
        :param full_every: after so long all is listed again; None never does that by itself.
        """
        address = self.address(location)
        with self._explaining("sync", address):
            return sync_folder(self, address, place, full_every)

    def delete_all(
        self, found: Sequence[DriveItem], *, permanent: bool = False
    ) -> list[tuple[DriveItem, OneDriveError]]:
        """Delete many items that were found, each only in the version that was seen, twenty in one request.

        :return: those that could not be deleted, and why; what has gone already counts as deleted.
        """
        self.run(self._allowed.check_items(found))
        return many.delete_items(self, found, permanent=permanent)

    def _about(self, operation: str, address: Address, flow: Flow[T]) -> T:
        with self._explaining(operation, address):
            return self.run(flow)

    @contextmanager
    def _explaining(self, operation: str, address: Address) -> Iterator[None]:
        """Raise the errors of a block with the operation, its location, and a similar name that is there."""
        try:
            yield
        except ItemNotFound as error:
            raise self._explained(self._with_similar_name(error, address), operation, address) from error.__cause__
        except OneDriveError as error:
            raise self._explained(error, operation, address) from error.__cause__

    def _with_similar_name(self, error: ItemNotFound, address: Address) -> ItemNotFound:
        """Return the error with the name that was probably meant, if Graph lists one."""
        with suppress(OneDriveError):  # the first error counts, not one of the search
            advice = self.run(siblings.advice_on_missing(address))
            return error.with_advice(advice) if advice else error
        return error

    def _upload(
        self,
        operation: str,
        flow_for: Callable[..., Flow[DriveItem]],
        source: Content,
        location: LocationLike,
        *,
        file_name: str | None,
        retrying: bool,
        options: UploadOptions,
        open_session: OpenSession | None,
    ) -> DriveItem:
        """Say what goes where, see that it is there, and send it."""
        content = source_of(source)
        address = self._address(self.parser.upload_target(location, file_name, name_of(source)))
        session = open_session or OpenSession()
        driver = FlowDriver(
            flow_for(address, content, retrying=retrying, options=options, open_session=session),
        )
        with self.meter.measured(f"{operation} {address}", total_bytes=content.size) as progress:
            session.on_resumed = progress.resumed
            return self._transfer(operation, address, lambda: self.run_upload(driver, session), driver)

    def run_upload(self, driver: FlowDriver[DriveItem], session: OpenSession) -> DriveItem:
        """Drive an upload; a session that is open then is ended, unless a later try goes on with it."""
        with ExitStack() as on_error:
            on_error.push(lambda _kind, error, _traceback: self._leave(session, error))
            return self._drive(driver)

    def _leave(self, session: OpenSession, error: BaseException | None) -> None:
        session.read_progress()
        if session.session is None:
            return
        if error is not None and session.is_kept_after(error):
            log.info("The upload session is kept, and the next try goes on with it.")
            return
        self.send_final(cancellation(session.session))
        session.closed()

    def _transfer(
        self, operation: str, address: Address, work: Callable[[], DriveItem], driver: FlowDriver[Any]
    ) -> DriveItem:
        """Do it, and log its one line, with the last request id of ``talk`` and what it has cost."""
        start = time.monotonic()
        with self._explaining(operation, address):
            item = work()
        log.info(
            "Done (%s): %s %s, %d bytes in %.2f s, request id %s, %s, %s",
            item.outcome or "complete",
            operation,
            item.location,
            item.size,
            time.monotonic() - start,
            driver.request_id,
            self.meter.current.totals,
            item.web_url,
        )
        return item
