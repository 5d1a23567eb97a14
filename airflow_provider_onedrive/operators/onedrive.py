"""Upload, update, save, list and download; the other operators are imported here for their users."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_onedrive.graph.content.filters import check_kind, is_list, split_location
from airflow_provider_onedrive.graph.content.paths import (
    check_local_path,
    check_local_paths,
    split_local_path,
    without_credentials,
)
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.locations import LocationLike, shown
from airflow_provider_onedrive.graph.protocol.options import DownloadOptions, IfExists, IfExistsSave
from airflow_provider_onedrive.graph.protocol.web_urls import is_web_address
from airflow_provider_onedrive.graph.tracking.conditions import Kind, too_many
from airflow_provider_onedrive.operators.base import (
    OneDriveUploadingOperator,
    check_when_parsed,
    local_or_stored,
    local_sources,
)
from airflow_provider_onedrive.operators.deletion import OneDriveDeleteOperator
from airflow_provider_onedrive.operators.foldersync import OneDriveFolderSyncOperator
from airflow_provider_onedrive.operators.many import (
    FILTER_FIELDS,
    OneDriveFilteringOperator,
    OneDriveManyFilesOperator,
    is_many,
    is_many_local,
)
from airflow_provider_onedrive.operators.server_side import (
    OneDriveCopyOperator,
    OneDriveCreateFolderOperator,
    OneDriveMoveOperator,
)
from airflow_provider_onedrive.state.documents import document_path, safe_name
from airflow_provider_onedrive.state.upload_sessions import attempt_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_onedrive.graph.client import Client

__all__ = [
    "OneDriveCopyOperator",
    "OneDriveCreateFolderOperator",
    "OneDriveDeleteOperator",
    "OneDriveDownloadOperator",
    "OneDriveFolderSyncOperator",
    "OneDriveListOperator",
    "OneDriveMoveOperator",
    "OneDriveSaveOperator",
    "OneDriveUpdateOperator",
    "OneDriveUploadOperator",
]


class OneDriveUploadOperator(OneDriveUploadingOperator, OneDriveManyFilesOperator):
    """Create a file from a local one, and return its item dict; or from the files of a folder, and return a list.

    More parameters: :class:`~airflow_provider_onedrive.operators.base.OneDriveUploadingOperator` and
    :class:`~airflow_provider_onedrive.operators.many.OneDriveManyFilesOperator`.

    :param local_path: the path of a file on the worker, or an object such as ``s3://conn_id@bucket/key``, which is sent
        as it is read. Ending in ``/``, or with ``recursive``, it is a folder; with ``*``, ``**`` or ``?`` a pattern,
        unless a file has just this name.
        A list of files, folders and patterns is many files.
    :param location: the file; or its folder, ending in ``/`` or with ``file_name``.
    :param file_name: the name in the folder; None takes that of the source.
    :param if_exists: what happens when the name is taken: ``fail``, ``replace``, ``rename`` ("a 1.csv"), ``skip``, or
        ``skip_if_same`` (same size and hash: nothing is transferred; else it is replaced).
    :param create_folders: create the missing folders on the way; otherwise a missing one is an error.
    :param follow_symlinks: also upload what symbolic links in a folder point to; else they are left out.
    """

    template_fields = ("onedrive_conn_id", "local_path", "location", "file_name", *FILTER_FIELDS)

    def __init__(
        self,
        *,
        local_path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        location: LocationLike,
        file_name: str | None = None,
        if_exists: IfExists = "fail",
        create_folders: bool = False,
        follow_symlinks: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.local_path = local_path
        self.location = location
        self.file_name = file_name
        self.if_exists = if_exists
        self.create_folders = create_folders
        self.follow_symlinks = follow_symlinks
        check_when_parsed(local_path, check_local_paths)

    def run_task(self, context: Context) -> dict[str, Any] | list[dict[str, Any]]:
        if is_many_local(self.local_path, recursive=self.recursive):
            return self._upload_many(context)
        self.refuse_for_one()
        with self.connected() as client:
            item = client.upload(
                self.location,
                local_path=local_or_stored(self.local_path or ""),  # a template may make None of it
                file_name=self.file_name,
                if_exists=self.if_exists,
                create_folders=self.create_folders,
                options=self.upload_options,
                attempt=attempt_of(context),
            )
        return item.to_dict()

    def _upload_many(self, context: Context) -> list[dict[str, Any]]:
        # Only Graph knows the kind of an item whose address has no mark of a folder.
        is_folder = is_many(self.location, recursive=False) or is_web_address(str(self.location))
        if self.file_name is not None or not is_folder:
            given: Any = self.local_path if is_list(self.local_path) else [self.local_path]
            paths = " and ".join(without_credentials(str(path)) for path in given)
            raise ConfigurationError(
                f"{paths} is many files, and {shown(self.location)} names one.",
                advice="End the location in '/', and give no file_name.",
            )
        folder, pattern = split_local_path(self.local_path)
        sources = list(map(local_sources, folder)) if is_list(folder) else local_or_stored(folder)
        attempt, choice = attempt_of(context), self.choice(context, pattern)
        with self.connected() as client:
            report = client.upload_folder(
                self.location,
                local_path=sources,
                if_exists=self.if_exists,
                create_folders=self.create_folders,
                options=self.transfer_options(
                    attempt, upload=self.upload_options, follow_symlinks=self.follow_symlinks
                ),
                attempt=attempt,
                **choice,
            )
        return self.reported(report, context, "uploaded")


class OneDriveUpdateOperator(OneDriveUploadingOperator):
    """Replace the content of a file that exists; returns its item dict.

    More parameters: :class:`~airflow_provider_onedrive.operators.base.OneDriveUploadingOperator`.

    :param local_path: the path of a file on the worker, or an object such as ``s3://conn_id@bucket/key``, which is sent
        as it is read.
    :param location: the file; or its folder, ending in ``/`` or with ``file_name``.
    :param file_name: the name in the folder; None takes that of the source.
    :param expected_etag: the version that is meant, by the ``etag`` of an earlier item; None takes any.
    """

    template_fields = ("onedrive_conn_id", "local_path", "location", "file_name", "expected_etag")

    def __init__(
        self,
        *,
        local_path: str | os.PathLike[str],
        location: LocationLike,
        file_name: str | None = None,
        expected_etag: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.local_path = local_path
        self.location = location
        self.file_name = file_name
        self.expected_etag = expected_etag
        check_when_parsed(local_path, check_local_path)

    def run_task(self, context: Context) -> dict[str, Any]:
        with self.connected() as client:
            item = client.update(
                self.location,
                local_path=local_or_stored(self.local_path or ""),  # a template may make None of it
                file_name=self.file_name,
                expected_etag=self.expected_etag,
                options=self.upload_options,
                attempt=attempt_of(context),
            )
        return item.to_dict()


class OneDriveSaveOperator(OneDriveUploadingOperator):
    """Create a file or replace it, from a local file or from content; returns its item dict.

    More parameters: :class:`~airflow_provider_onedrive.operators.base.OneDriveUploadingOperator`.

    :param location: the file; or its folder, ending in ``/`` or with ``file_name``.
    :param local_path: the path of a file on the worker, or an object such as ``s3://conn_id@bucket/key``, which is sent
        as it is read.
    :param if_exists: ``replace``, or ``skip_if_same``: if the same content is there nothing is sent, and there is no
        new version that would start a flow of Power Automate.
    :param content: text, bytes, or anything JSON can say; None means that ``local_path`` is given instead.
    :param encoding: of text.
    """

    template_fields = ("onedrive_conn_id", "location", "file_name", "local_path", "content")
    template_fields_renderers: ClassVar[dict[str, str]] = {"content": "json"}

    def __init__(
        self,
        *,
        location: LocationLike,
        file_name: str | None = None,
        local_path: str | os.PathLike[str] | None = None,
        content: Any = None,
        encoding: str = "utf-8",
        if_exists: IfExistsSave = "replace",
        create_folders: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.if_exists = if_exists
        self.location = location
        self.file_name = file_name
        self.local_path = local_path
        self.content = content
        self.encoding = encoding
        self.create_folders = create_folders
        check_when_parsed(local_path, check_local_path)

    def run_task(self, context: Context) -> dict[str, Any]:
        with self.connected() as client:
            item = client.save(
                self.location,
                content=None if self.content is None else as_content(self.content),
                local_path=local_or_stored(self.local_path),
                encoding=self.encoding,
                file_name=self.file_name,
                if_exists=self.if_exists,
                create_folders=self.create_folders,
                options=self.upload_options,
                attempt=attempt_of(context),
            )
        return item.to_dict()


class OneDriveListOperator(OneDriveFilteringOperator):
    """List a folder; returns a list of item dicts.

    More parameters: :class:`~airflow_provider_onedrive.operators.many.OneDriveFilteringOperator`. The size of a
    folder or a notebook is not compared.

    :param location: a folder, or a pattern with ``*``, ``**`` or ``?``.
    :param recursive: also the items in the folders below.
    :param kind: ``file``, ``folder`` or ``any``; of a folder only the patterns are compared.
    :param max_items: fail when more match; Airflow maps tasks over at most 1024 items.
    """

    template_fields = ("onedrive_conn_id", "location", *FILTER_FIELDS)

    def __init__(
        self,
        *,
        location: LocationLike,
        recursive: bool = False,
        kind: Kind = "any",
        max_items: int = 1000,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.location = location
        self.recursive = recursive
        self.kind = kind
        self.max_items = max_items

    def run_task(self, context: Context) -> list[dict[str, Any]]:
        check_kind(self.kind)
        folder, pattern = split_location(self.location)
        filters = self.filters(context, pattern)
        with self.connected() as client:
            listing = client.find(folder, filters, kind=self.kind, recursive=self.recursive)
            items = [item.to_dict() for item in islice(listing, self.max_items + 1)]
            if len(items) > self.max_items:
                advice = "Narrow file_pattern or kind, list a smaller folder, or raise max_items."
                raise too_many(self.max_items, str(client.address(folder)), advice)
        return items


class OneDriveDownloadOperator(OneDriveManyFilesOperator):
    """Download a file, and return its item dict with ``local_path``; or the files of a folder, and return a list.

    More parameters: :class:`~airflow_provider_onedrive.operators.many.OneDriveManyFilesOperator`.

    :param location: a file; or a folder, ending in ``/`` or with ``recursive``; or a pattern with ``*``, ``**`` or
        ``?``.
    :param local_path: the file to write; or a directory, ending in ``/`` or existing; or an object such as
        ``s3://conn_id@bucket/key``. None means a private folder of this task instance below ``[onedrive]
        documents_folder``.
    :param expected_etag: the version that is meant, by the ``etag`` of an earlier item; None takes any.
    :param if_exists: what happens when the name is taken: ``fail``, ``replace``, ``rename`` ("a 1.csv"), ``skip``, or
        ``skip_if_same`` (same size and hash: nothing is transferred; else it is replaced).
    :param verify: compare the hash of what was transferred with Graph's.
    """

    template_fields = ("onedrive_conn_id", "location", "local_path", "expected_etag", *FILTER_FIELDS)

    def __init__(
        self,
        *,
        location: LocationLike,
        local_path: str | os.PathLike[str] | None = None,
        expected_etag: str | None = None,
        if_exists: IfExists = "replace",
        verify: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.location = location
        self.local_path = local_path
        self.expected_etag = expected_etag
        self.if_exists = if_exists
        self.verify = verify
        check_when_parsed(local_path, check_local_path)

    def run_task(self, context: Context) -> dict[str, Any] | list[dict[str, Any]]:
        if is_many(self.location, recursive=self.recursive):
            return self._download_many(context)
        self.refuse_for_one()
        with self.connected() as client:
            location, target = self._target(client, context)
            return client.download(
                location,
                target,
                if_exists=self.if_exists,
                expected_etag=self.expected_etag,
                options=DownloadOptions(self.verify),
                attempt=attempt_of(context),
            ).to_dict()

    def _download_many(self, context: Context) -> list[dict[str, Any]]:
        if self.expected_etag is not None:
            raise ConfigurationError("expected_etag is of one file, and many are meant.", advice="Leave it out.")
        folder, pattern = split_location(self.location)
        attempt, choice = attempt_of(context), self.choice(context, pattern)
        with self.connected() as client:
            path = self.local_path
            if path is None:
                base = client.stat(folder)
                path = document_path(context["ti"], base.path or base.name or "drive")
            report = client.download_folder(
                folder,
                local_or_stored(path),
                if_exists=self.if_exists,
                options=self.transfer_options(attempt, download=DownloadOptions(self.verify)),
                attempt=attempt,
                **choice,
            )
        return self.reported(report, context, "downloaded")

    def _target(self, client: Client, context: Context) -> tuple[LocationLike, Any]:
        """Return the target; if its name comes from the item, the item is read first."""
        path = self.local_path
        if path is not None and not (isinstance(path, str) and "://" in path and path.endswith("/")):
            return self.location, local_or_stored(path)
        item = client.stat(self.location)
        if path is None:
            return item.to_dict(), document_path(context["ti"], item.path or item.name)
        return item.to_dict(), local_or_stored(f"{path}{safe_name(item.name)}")


def as_content(content: Any) -> str | bytes | bytearray:
    """Return text and bytes as they are, and anything else as JSON.

    :raises ConfigurationError: if JSON has no form for it.
    """
    if isinstance(content, (str, bytes, bytearray)):
        return content
    try:
        return json.dumps(content, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        message = f"content of type {type(content).__name__} cannot be saved: {error}"
        raise ConfigurationError(message, advice="Pass text, bytes or a JSON value.") from error
