"""What one can do with a location: the public methods of both clients, on top of whatever drives a flow."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any, BinaryIO, cast

from airflow_provider_onedrive.graph import downloads, items, localcopy, siblings, uploads
from airflow_provider_onedrive.graph.errors import ConfigurationError, DriveNotFound, ItemNotFound, OneDriveError
from airflow_provider_onedrive.graph.localcopy import DownloadOptions
from airflow_provider_onedrive.graph.locations import (
    Address,
    Location,
    address_of,
    deletable,
    new_folder,
    parse,
    upload_target,
)
from airflow_provider_onedrive.graph.messages import Flow, Request, T
from airflow_provider_onedrive.graph.models import DriveItem
from airflow_provider_onedrive.graph.plans import UploadOptions
from airflow_provider_onedrive.graph.resume import OpenSession
from airflow_provider_onedrive.graph.sessions import cancellation
from airflow_provider_onedrive.graph.settings import Settings
from airflow_provider_onedrive.graph.sinks import OpenFile
from airflow_provider_onedrive.graph.sources import Content, StoredObject, name_of, source_of
from airflow_provider_onedrive.graph.wire import Conversation

log = logging.getLogger(__name__)

LocationLike = str | Mapping[str, Any]
"""A location's text, or an item dict as it stands in XCom."""

_SPOOLED_BYTES = 8 * 1024 * 1024


class Addresses:
    """Knows the connection's own place.

    :param settings: of the connection.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def address(self, location: LocationLike) -> Address:
        """Turn a location into Graph's terms.

        :raises LocationError: if it cannot be understood.
        :raises ConfigurationError: if it is the own place of an application, which has none.
        """
        return self._address(parse(location))

    def _address(self, place: Location) -> Address:
        if place.root == "myfiles" and self.settings.myfiles is None and self.settings.is_app:
            raise ConfigurationError(
                f"{place} is the connection's own place, and an application has none.",
                advice="Put a user (name@company.example) or a drive into the connection's field myfiles.",
            )
        return address_of(place, self.settings.myfiles)


class Operations(Addresses, ABC):
    """Every method takes a location (text or item dict) and raises what ``graph.errors`` lists."""

    @abstractmethod
    def _converse(self, talk: Conversation[T]) -> T:
        """Drive a flow to its end."""

    @abstractmethod
    def run_all(self, flows: Sequence[Flow[None]], at_once: int) -> None:
        """Drive flows to their end, so many at once; the first problem stops all of them."""

    @abstractmethod
    def say_last(self, request: Request) -> None:
        """Send one request although the client may have been stopped; what comes of it does not matter."""

    def run(self, flow: Flow[T]) -> T:
        """Drive a flow to its end."""
        return self._converse(Conversation(flow))

    def stat(self, location: LocationLike) -> DriveItem:
        """Read what is known about an item."""
        address = self.address(location)
        return self._about("look at", address, items.stat(address))

    def exists(self, location: LocationLike) -> bool:
        """Say whether an item is there; a missing drive is an error."""
        address = self.address(location)
        return self._about("look at", address, items.stat_or_none(address)) is not None

    def children(self, location: LocationLike) -> Iterator[DriveItem]:
        """Give what lies directly in a folder, page by page."""
        return self._children(self.address(location))

    def walk(self, location: LocationLike) -> Iterator[DriveItem]:
        """Give everything below a folder, each folder before what is in it."""
        return self._walk(self.address(location))

    def create_folder(self, location: LocationLike, *, exist_ok: bool = False) -> DriveItem:
        """Create a folder; the one above must exist."""
        address = self._address(new_folder(location))
        return self._about("create", address, items.make_folder(address, exist_ok=exist_ok))

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
        flow_for = partial(uploads.create, if_exists=if_exists, create_folders=create_folders)
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
        flow_for = partial(uploads.create, if_exists=if_exists, create_folders=create_folders)
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
        talk = Conversation(downloads.resolve(address, expected_etag=options.expected_etag))
        with self._explained("download", address):
            link = self._converse(talk)
        target = localcopy.target_of(local_path, link.item.name)
        return self._transfer(
            "download", address, lambda: localcopy.download(self, address, target, link, options), talk
        )

    def open(self, location: LocationLike) -> BinaryIO:
        """Open a file for reading, as in ``pandas.read_excel(client.open(...))``.

        It is fetched whole: up to 8 MiB into memory, a larger one into a temporary file that goes when it is closed.
        """
        address = self.address(location)
        with ExitStack() as closed_on_error, self._explained("read", address):
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
        address = self._address(deletable(location))
        how = items.Removal(recursive, permanent, max_items, dry_run, ignore_if_missing)
        return _logged(self._about("delete", address, items.remove(address, how)), address, how)

    def _children(self, address: Address) -> Iterator[DriveItem]:
        url: str | None = None
        while True:
            page = self._about("list", address, items.children(address, url))
            yield from page.items
            if (url := page.next_url) is None:
                return

    def _walk(self, address: Address) -> Iterator[DriveItem]:
        for item in self._children(address):
            yield item
            if item.is_folder and item.child_count != 0:
                yield from self._walk(address.by_id(item.drive_id, item.id))

    def _about(self, operation: str, address: Address, flow: Flow[T]) -> T:
        with self._explained(operation, address):
            return self.run(flow)

    @contextmanager
    def _explained(self, operation: str, address: Address) -> Iterator[None]:
        """Let errors say what was tried, and where, and what is there instead."""
        try:
            yield
        except OneDriveError as error:
            error.about(operation, str(address))
            if isinstance(error, ItemNotFound) and not isinstance(error, DriveNotFound):
                self._advise(error, address)
            raise

    def _advise(self, error: ItemNotFound, address: Address) -> None:
        """Say what is there instead, if that can be found out; the error stays what it is."""
        with suppress(OneDriveError):
            error.advice = self.run(siblings.advice_on_missing(address)) or error.advice

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
        address = self._address(upload_target(location, file_name, name_of(source)))
        session = open_session or OpenSession()
        talk = Conversation(
            flow_for(address, content, retrying=retrying, options=options, open_session=session),
        )
        return self._transfer(operation, address, lambda: self._deliver(talk, session), talk)

    def _deliver(self, talk: Conversation[DriveItem], session: OpenSession) -> DriveItem:
        """Drive an upload; a session that is open then is ended, unless a later try goes on with it."""
        with ExitStack() as on_error:
            on_error.push(lambda _kind, error, _traceback: self._leave(session, error))
            return self._converse(talk)

    def _leave(self, session: OpenSession, error: BaseException | None) -> None:
        session.look()
        if session.session is None:
            return
        if error is not None and session.outlives(error):
            log.info("The upload session is kept, and the next try goes on with it.")
            return
        self.say_last(cancellation(session.session))
        session.closed()

    def _transfer(
        self, operation: str, address: Address, work: Callable[[], DriveItem], talk: Conversation[Any]
    ) -> DriveItem:
        """Do it, and log its one line, with the last request id of ``talk``."""
        start = time.monotonic()
        with self._explained(operation, address):
            item = work()
        log.info(
            "Done (%s): %s %s, %d bytes in %.2f s, request id %s, %s",
            item.outcome or "complete",
            operation,
            item.location,
            item.size,
            time.monotonic() - start,
            talk.request_id,
            item.web_url,
        )
        return item


class AsyncOperations(Addresses, ABC):
    """The methods of :class:`Operations` that move no bytes, for an event loop."""

    @abstractmethod
    async def run(self, flow: Flow[T]) -> T:
        """Drive a flow to its end."""

    async def stat(self, location: LocationLike) -> DriveItem:
        address = self.address(location)
        return await self._about("look at", address, items.stat(address))

    async def exists(self, location: LocationLike) -> bool:
        address = self.address(location)
        return await self._about("look at", address, items.stat_or_none(address)) is not None

    async def children(self, location: LocationLike) -> AsyncIterator[DriveItem]:
        async for item in self._children(self.address(location)):
            yield item

    async def walk(self, location: LocationLike) -> AsyncIterator[DriveItem]:
        async for item in self._walk(self.address(location)):
            yield item

    async def create_folder(self, location: LocationLike, *, exist_ok: bool = False) -> DriveItem:
        address = self._address(new_folder(location))
        return await self._about("create", address, items.make_folder(address, exist_ok=exist_ok))

    async def delete(
        self,
        location: LocationLike,
        *,
        recursive: bool = False,
        permanent: bool = False,
        max_items: int = 1000,
        dry_run: bool = False,
        ignore_if_missing: bool = False,
    ) -> list[DriveItem]:
        address = self._address(deletable(location))
        how = items.Removal(recursive, permanent, max_items, dry_run, ignore_if_missing)
        return _logged(await self._about("delete", address, items.remove(address, how)), address, how)

    async def _children(self, address: Address) -> AsyncIterator[DriveItem]:
        url: str | None = None
        while True:
            page = await self._about("list", address, items.children(address, url))
            for item in page.items:
                yield item
            if (url := page.next_url) is None:
                return

    async def _walk(self, address: Address) -> AsyncIterator[DriveItem]:
        async for item in self._children(address):
            yield item
            if item.is_folder and item.child_count != 0:
                async for below in self._walk(address.by_id(item.drive_id, item.id)):
                    yield below

    async def _about(self, operation: str, address: Address, flow: Flow[T]) -> T:
        try:
            return await self.run(flow)
        except OneDriveError as error:
            error.about(operation, str(address))
            raise


def _logged(deleted: list[DriveItem], address: Address, how: items.Removal) -> list[DriveItem]:
    log.info("%s %s: %d item(s)", "Would delete" if how.dry_run else "Deleted", address, len(deleted))
    return deleted
