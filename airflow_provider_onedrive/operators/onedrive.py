"""Upload, update, save, delete, list and download."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from airflow_provider_onedrive.compat import AirflowFailException
from airflow_provider_onedrive.conditions import Kind, Selection, too_many
from airflow_provider_onedrive.documents import document_path, safe_name
from airflow_provider_onedrive.graph.errors import ConfigurationError, ItemNotFound
from airflow_provider_onedrive.graph.localcopy import DownloadOptions
from airflow_provider_onedrive.operators.base import (
    OneDriveOperator,
    OneDriveUploadingOperator,
    is_retry,
    local_or_stored,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_onedrive.graph.client import Client

LocationLike = str | Mapping[str, Any]
IfExists = Literal["fail", "replace", "rename", "skip", "skip_if_same"]


class OneDriveUploadOperator(OneDriveUploadingOperator):
    """Create a file from a local one; returns its item dict.

    More parameters: :class:`~airflow_provider_onedrive.operators.base.OneDriveUploadingOperator`.

    :param local_path: a path on the worker, or an object such as ``s3://conn_id@bucket/key``, which is sent as it is
        read, so that any worker can go on with it.
    :param location: the file to create, or, ending in ``/``, the folder to create it in.
    :param file_name: the name in the folder ``location``; None takes that of ``local_path``.
    :param if_exists: what happens when the name is taken: ``fail``, ``replace``, ``rename``, ``skip``, or
        ``skip_if_same`` (same size and hash: nothing is sent; else it is replaced). It means the same at every size.
    :param create_folders: create the missing folders of the location.
    """

    template_fields = ("onedrive_conn_id", "local_path", "location", "file_name")

    def __init__(
        self,
        *,
        local_path: str | os.PathLike[str],
        location: LocationLike,
        file_name: str | None = None,
        if_exists: IfExists = "fail",
        create_folders: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.local_path = local_path
        self.location = location
        self.file_name = file_name
        self.if_exists = if_exists
        self.create_folders = create_folders

    def work(self, context: Context) -> dict[str, Any]:
        with self.connected() as client:
            item = client.upload(
                local_or_stored(self.local_path),
                self.location,
                file_name=self.file_name,
                if_exists=self.if_exists,
                create_folders=self.create_folders,
                **self.sending(context),
            )
        return item.to_xcom()


class OneDriveUpdateOperator(OneDriveUploadingOperator):
    """Replace the content of a file that exists; returns its item dict.

    More parameters: :class:`~airflow_provider_onedrive.operators.base.OneDriveUploadingOperator`.

    :param local_path: a path on the worker, or an object such as ``s3://conn_id@bucket/key``.
    :param location: the file, or, ending in ``/``, its folder.
    :param file_name: the name in the folder ``location``; None takes that of ``local_path``.
    :param expected_etag: replace only this version, as an earlier item dict's ``etag`` names it; None takes any.
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

    def work(self, context: Context) -> dict[str, Any]:
        with self.connected() as client:
            item = client.update(
                local_or_stored(self.local_path),
                self.location,
                file_name=self.file_name,
                expected_etag=self.expected_etag,
                **self.sending(context),
            )
        return item.to_xcom()


class OneDriveSaveOperator(OneDriveUploadingOperator):
    """Create a file or replace it, from a local file or from content; returns its item dict.

    More parameters: :class:`~airflow_provider_onedrive.operators.base.OneDriveUploadingOperator`.

    :param location: the file, or, ending in ``/``, its folder.
    :param local_path: a path on the worker, or an object such as ``s3://conn_id@bucket/key``.
    :param if_exists: ``replace``, or ``skip_if_same``: where the same content is there nothing is sent, and there is no
        new version that would set off a flow of Power Automate.
    :param content: text, bytes, or anything JSON can say; None means that ``local_path`` is given instead.
    :param encoding: of text and JSON.
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
        if_exists: Literal["replace", "skip_if_same"] = "replace",
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

    def work(self, context: Context) -> dict[str, Any]:
        if (self.local_path is None) == (self.content is None):
            raise ConfigurationError(
                "Exactly one of local_path and content is needed.",
                advice="None is no content; '' makes an empty file.",
            )
        if self.if_exists not in ("replace", "skip_if_same"):
            raise ConfigurationError(
                f"if_exists is {self.if_exists!r}, and saving always leaves the content there.",
                advice="Use 'replace' or 'skip_if_same', or the upload operator.",
            )
        content = self.content
        source = local_or_stored(self.local_path) if content is None else encoded(content, self.encoding)
        with self.connected() as client:
            item = client.save(
                source,
                self.location,
                file_name=self.file_name,
                if_exists=self.if_exists,
                create_folders=self.create_folders,
                **self.sending(context),
            )
        return item.to_xcom()


class OneDriveDeleteOperator(OneDriveOperator):
    """Delete a file or folder, to the recycle bin; returns the list of the item dicts of what was deleted.

    :param recursive: delete a folder with everything in it; without it, only an empty one.
    :param ignore_if_missing: nothing there is success.
    :param permanent: not to the recycle bin: it cannot be restored.
    :param max_items: refuse to delete a folder that holds more.
    :param dry_run: only say what would be deleted.
    """

    template_fields = ("onedrive_conn_id", "location")

    def __init__(
        self,
        *,
        location: LocationLike,
        recursive: bool = False,
        ignore_if_missing: bool = False,
        permanent: bool = False,
        max_items: int = 1000,
        dry_run: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.location = location
        self.recursive = recursive
        self.ignore_if_missing = ignore_if_missing
        self.permanent = permanent
        self.max_items = max_items
        self.only_say = dry_run  # BaseOperator has a method dry_run

    def work(self, context: Context) -> list[dict[str, Any]]:
        # What an earlier try deleted is missing now. A first try that finds nothing must not lead to a second one,
        # which would take that for its own work.
        may_be_done = is_retry(context) and not self.only_say
        with self.connected() as client:
            try:
                deleted = client.delete(
                    self.location,
                    recursive=self.recursive,
                    ignore_if_missing=self.ignore_if_missing or may_be_done,
                    permanent=self.permanent,
                    max_items=self.max_items,
                    dry_run=self.only_say,
                )
            except ItemNotFound as missing:
                raise AirflowFailException(str(missing)) from missing
        return [item.to_xcom() for item in deleted]


class OneDriveListOperator(OneDriveOperator):
    """List a folder; returns a list of item dicts.

    :param recursive: everything below the folder, not only what is directly in it.
    :param file_pattern: of the name: ``*`` and ``?`` as in a shell, without regard to case; None takes every name.
    :param kind: ``file``, ``folder`` or ``any``.
    :param max_items: fail when more match; Airflow maps tasks over at most 1024 items.
    """

    template_fields = ("onedrive_conn_id", "location", "file_pattern")

    def __init__(
        self,
        *,
        location: LocationLike,
        recursive: bool = False,
        file_pattern: str | None = None,
        kind: Kind = "any",
        max_items: int = 1000,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.location = location
        self.recursive = recursive
        self.file_pattern = file_pattern
        self.kind = kind
        self.max_items = max_items

    def work(self, context: Context) -> list[dict[str, Any]]:  # noqa: ARG002 - Airflow's signature
        selection = Selection(self.file_pattern, self.kind)
        selection.check()
        with self.connected() as client:
            listing = client.walk(self.location) if self.recursive else client.children(self.location)
            found = [item.to_xcom() for item in islice(filter(selection.matches, listing), self.max_items + 1)]
            if len(found) > self.max_items:
                advice = "Narrow file_pattern or kind, list a smaller folder, or raise max_items."
                raise too_many(self.max_items, str(client.address(self.location)), advice)
        return found


class OneDriveDownloadOperator(OneDriveOperator):
    """Download a file; returns its item dict with ``local_path``.

    :param local_path: the file to write, or a folder, ending in ``/`` or existing, or an object such as
        ``s3://conn_id@bucket/key``; None means a private place of this task instance below ``[onedrive]
        documents_folder``.
    :param expected_etag: fetch only this version, as an earlier item dict's ``etag`` names it; None takes any.
    :param if_exists: what happens to what is at ``local_path``: ``replace``, ``fail``, ``rename`` ("a 1.csv"),
        ``skip``, or ``skip_if_same`` (same size and hash: nothing is fetched; else it is replaced).
    :param verify: compare the hash of what came with Graph's.
    """

    template_fields = ("onedrive_conn_id", "location", "local_path", "expected_etag")

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

    def work(self, context: Context) -> dict[str, Any]:
        options = DownloadOptions(self.expected_etag, self.if_exists, self.verify, is_retry(context))
        with self.connected() as client:
            location, target = self._target(client, context)
            return client.download(location, target, options).to_xcom()

    def _target(self, client: Client, context: Context) -> tuple[LocationLike, Any]:
        """Say where it goes; a place that is named by the item needs a look at the item first."""
        path = self.local_path
        if path is not None and not (isinstance(path, str) and "://" in path and path.endswith("/")):
            return self.location, local_or_stored(path)
        item = client.stat(self.location)
        if path is None:
            return item.to_xcom(), document_path(context["ti"], item.path or item.name)
        return item.to_xcom(), local_or_stored(f"{path}{safe_name(item.name)}")


def encoded(content: Any, encoding: str) -> bytes:
    """Turn content into bytes: bytes as they are, text in ``encoding``, anything else as JSON.

    :raises ConfigurationError: if it is neither, or ``encoding`` cannot say it.
    """
    if isinstance(content, (bytes, bytearray)):
        return bytes(content)
    try:
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, allow_nan=False)
        return text.encode(encoding)
    except (TypeError, ValueError, LookupError) as error:
        raise ConfigurationError(
            f"content of type {type(content).__name__} cannot be saved as {encoding}: {error}",
            advice="Give text, bytes, or what JSON can say.",
        ) from error
