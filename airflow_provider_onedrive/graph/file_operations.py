"""The client's methods that move the content of one file."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import BinaryIO, Literal, TextIO, cast, overload

from airflow_provider_onedrive.graph.auditing import audited
from airflow_provider_onedrive.graph.call_advice import location_first
from airflow_provider_onedrive.graph.content.sinks import OpenFile
from airflow_provider_onedrive.graph.content.sources import Content, LocalPath, Source, name_of, opened_source
from airflow_provider_onedrive.graph.content.spooled import UploadingFile, UploadingText, spooled
from airflow_provider_onedrive.graph.flows import downloads, uploads
from airflow_provider_onedrive.graph.flows.absence import surely
from airflow_provider_onedrive.graph.flows.session_state import OpenSession, TaskAttempt
from airflow_provider_onedrive.graph.flows.sessions import cancellation
from airflow_provider_onedrive.graph.operations import Operations
from airflow_provider_onedrive.graph.protocol.addresses import Address
from airflow_provider_onedrive.graph.protocol.driver import FlowDriver
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.locations import LocationLike
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.protocol.messages import Flow
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.options import (
    DownloadOptions,
    IfExists,
    IfExistsSave,
    OpenMode,
    UploadOptions,
    check_choice,
)
from airflow_provider_onedrive.graph.transfers import download as localcopy
from airflow_provider_onedrive.graph.transfers.download import Download

log = logger(__name__)

UploadFlow = Callable[..., Flow[DriveItem]]
"""Takes the address, the source, and ``open_session``."""


class FileOperations(Operations):
    """Uploads, downloads and open files."""

    @location_first
    @audited
    def upload(
        self,
        location: LocationLike,
        *,
        content: Content | None = None,
        local_path: LocalPath | None = None,
        file_name: str | None = None,
        encoding: str = "utf-8",
        if_exists: IfExists = "fail",
        create_folders: bool = False,
        options: UploadOptions = UploadOptions(),
        attempt: TaskAttempt = TaskAttempt(),
    ) -> DriveItem:
        """Create a file.

        :param location: the file; or its folder, ending in ``/`` or with ``file_name``.
        :param content: text, bytes, or a file object that is open for reading in binary mode.
        :param local_path: the path of a local file, or an ``ObjectStoragePath``, whose object is sent as it is read.
        :param file_name: the name in the folder; None takes that of the source.
        :param encoding: of text.
        :param if_exists: what happens when the name is taken: ``fail``, ``replace``, ``rename`` ("a 1.csv"), ``skip``,
            or ``skip_if_same`` (same size and hash: nothing is transferred; else it is replaced).
        :param create_folders: create the missing folders on the way; otherwise a missing one is an error.
        :param options: how the bytes are moved.
        :param attempt: the attempt of a task that calls; the default is a program that runs once.
        """
        self.settings.policy.check({"verify": options.verify})
        flow_for = self._creation(if_exists, options, create_folders=create_folders)
        with opened_source(content, local_path, encoding) as source:
            return self._upload("upload to", flow_for, source, self._file(location, file_name, local_path), attempt)

    @location_first
    @audited
    def update(
        self,
        location: LocationLike,
        *,
        content: Content | None = None,
        local_path: LocalPath | None = None,
        file_name: str | None = None,
        encoding: str = "utf-8",
        expected_etag: str | None = None,
        options: UploadOptions = UploadOptions(),
        attempt: TaskAttempt = TaskAttempt(),
    ) -> DriveItem:
        """Replace the content of a file that exists. More parameters as for :meth:`upload`.

        :param expected_etag: the version that is meant, by the ``etag`` of an earlier item; None takes any.
        :raises ItemNotFound: if there is no such file.
        """
        self.settings.policy.check({"verify": options.verify})
        flow_for = partial(uploads.update, expected_etag=expected_etag, options=options)
        with opened_source(content, local_path, encoding) as source:
            return self._upload("update", flow_for, source, self._file(location, file_name, local_path), attempt)

    @location_first
    @audited
    def save(
        self,
        location: LocationLike,
        *,
        content: Content | None = None,
        local_path: LocalPath | None = None,
        file_name: str | None = None,
        encoding: str = "utf-8",
        if_exists: IfExistsSave = "replace",
        create_folders: bool = False,
        options: UploadOptions = UploadOptions(),
        attempt: TaskAttempt = TaskAttempt(),
    ) -> DriveItem:
        """Create a file or replace its content. More parameters as for :meth:`upload`.

        :param if_exists: ``replace``, or ``skip_if_same``: if the same content is there nothing is sent, and there is
            no new version that would start a flow of Power Automate.
        """
        if if_exists not in ("replace", "skip_if_same"):
            raise ConfigurationError(
                f"if_exists is {if_exists!r}, and saving always leaves the content there.",
                advice="Use 'replace' or 'skip_if_same', or upload.",
            )
        self.settings.policy.check({"verify": options.verify})
        flow_for = self._creation(if_exists, options, create_folders=create_folders)
        with opened_source(content, local_path, encoding) as source:
            return self._upload("save", flow_for, source, self._file(location, file_name, local_path), attempt)

    def download(
        self,
        location: LocationLike,
        local_path: LocalPath,
        *,
        if_exists: IfExists = "replace",
        expected_etag: str | None = None,
        options: DownloadOptions = DownloadOptions(),
        attempt: TaskAttempt = TaskAttempt(),
    ) -> DriveItem:
        """Fetch a file to the local disk; it appears under its name only when it is complete and verified.

        A download of the same version that was interrupted before is resumed.

        :param location: the file.
        :param local_path: the file to write; or a directory, ending in ``/`` or existing; or an ``ObjectStoragePath``,
            the object to write.
        :param if_exists: what happens when the name is taken: ``fail``, ``replace``, ``rename`` ("a 1.csv"), ``skip``,
            or ``skip_if_same`` (same size and hash: nothing is transferred; else it is replaced).
        :param expected_etag: the version that is meant, by the ``etag`` of an earlier item; None takes any.
        :param options: how the bytes are moved.
        :param attempt: the attempt of a task that calls; the default is a program that runs once.
        """
        self.settings.policy.check({"verify": options.verify})
        plan = Download(if_exists, expected_etag, options, attempt)
        plan.check()
        address = self.address(location)
        driver = FlowDriver(surely(address, partial(downloads.resolve, expected_etag=expected_etag)))
        with self.meter.measured(f"download {address}") as progress:
            with self._explaining("download", address):
                link = self._drive(driver)
            # Only now: the item's answer has both the size and the link.
            progress.expect(link.size)
            target = localcopy.target_of(local_path, link.item.name)
            return self._transfer(
                "download", address, lambda: localcopy.download(self, address, target, link, plan), driver
            )

    @overload
    def open(self, location: LocationLike, mode: Literal["rb", "wb"] = "rb", *, encoding: None = None) -> BinaryIO: ...
    @overload
    def open(self, location: LocationLike, mode: Literal["r", "w"], *, encoding: str | None = None) -> TextIO: ...
    def open(self, location: LocationLike, mode: OpenMode = "rb", *, encoding: str | None = None) -> BinaryIO | TextIO:
        """Open a file, as in ``pandas.read_excel(client.open(...))``; without a mode for reading bytes.

        To read, it is fetched whole: up to 8 MiB into memory, a larger one into a temporary file. What is written is
        saved when the file is closed, and is not if the ``with`` block raises.

        :param location: the file.
        :param mode: ``rb`` and ``wb`` for bytes, ``r`` and ``w`` for text.
        :param encoding: of text.
        :raises ConfigurationError: if the mode is another one: no file is appended to, or changed in parts.
        """
        check_choice("mode", mode, OpenMode)
        if encoding is not None and "b" in mode:
            raise ConfigurationError(f"mode {mode!r} takes no encoding.", advice="Use 'r' or 'w' for text.")
        if "r" in mode:
            file = self._fetched(self.address(location))
            return file if "b" in mode else io.TextIOWrapper(file, encoding or "utf-8")
        self._address(self.parser.upload_target(location, None, ""))  # what is wrong with it is an error now
        writable = UploadingFile(lambda whole: self.save(location, content=whole))
        return cast("BinaryIO", writable) if "b" in mode else UploadingText(writable, encoding or "utf-8")

    def read_bytes(self, location: LocationLike) -> bytes:
        """Return the content of a file.

        :param location: the file.
        """
        with self.open(location) as file:
            return file.read()

    def read_text(self, location: LocationLike, *, encoding: str = "utf-8") -> str:
        """Return the text of a file; its line ends stay as they are.

        :param location: the file.
        :param encoding: of text.
        """
        return self.read_bytes(location).decode(encoding)

    def _fetched(self, address: Address) -> BinaryIO:
        with ExitStack() as closed_on_error, self.meter.measured(f"read {address}"), self._explaining("read", address):
            file = closed_on_error.enter_context(spooled())
            localcopy.read(self, address, OpenFile(file, "a temporary file"))
            file.seek(0)
            closed_on_error.pop_all()
        return file

    def run_upload(self, driver: FlowDriver[DriveItem], session: OpenSession) -> DriveItem:
        """Drive an upload; a session that is open then is ended, unless a later attempt resumes it."""
        with ExitStack() as on_error:
            on_error.push(lambda _kind, error, _traceback: self._leave(session, error))
            return self._drive(driver)

    def _creation(self, if_exists: IfExists, options: UploadOptions, *, create_folders: bool) -> UploadFlow:
        return partial(
            uploads.create,
            if_exists=if_exists,
            create_folders=create_folders,
            options=options,
            # A folder is remembered by its id, which stays when somebody moves it out of the allowed locations.
            folder_cache=None if self.settings.allowed_locations else self._folder_cache,
        )

    def _file(self, location: LocationLike, file_name: str | None, local_path: LocalPath | None) -> Address:
        return self._address(self.parser.upload_target(location, file_name, name_of(local_path)))

    def _upload(
        self, operation: str, flow_for: UploadFlow, source: Source, address: Address, attempt: TaskAttempt
    ) -> DriveItem:
        session = OpenSession(attempt, attempt.keeper_of(""))
        driver = FlowDriver(flow_for(address, source, open_session=session))
        with self.meter.measured(f"{operation} {address}", total_bytes=source.size) as progress:
            session.on_resumed = progress.resumed
            return self._transfer(operation, address, lambda: self.run_upload(driver, session), driver)

    def _leave(self, session: OpenSession, error: BaseException | None) -> None:
        session.read_progress()
        if session.session is None:
            return
        if error is not None and session.is_kept_after(error):
            log.info("The upload session is kept, and the next attempt resumes it.")
            return
        # An open session holds the name of its file: others would get 409 until it expires (OD#747).
        self.send_final(cancellation(session.session))
        session.closed()
