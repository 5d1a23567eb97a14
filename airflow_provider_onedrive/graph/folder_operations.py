"""The client's methods that move the files of a folder, or keep a manifest of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from airflow_provider_onedrive.graph.auditing import audited
from airflow_provider_onedrive.graph.call_advice import location_first
from airflow_provider_onedrive.graph.content.filters import Filters
from airflow_provider_onedrive.graph.content.sources import LocalPath, StoredObject
from airflow_provider_onedrive.graph.content.transfer_plan import Report
from airflow_provider_onedrive.graph.file_operations import FileOperations
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.protocol.errors import OneDriveError
from airflow_provider_onedrive.graph.protocol.locations import LocationLike
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.options import IfExists, TransferOptions
from airflow_provider_onedrive.graph.tracking.sync import Synced, SyncRun, sync_folder
from airflow_provider_onedrive.graph.transfers.bulk import delete_items
from airflow_provider_onedrive.graph.transfers.download_folder import FolderDownload, download_folder
from airflow_provider_onedrive.graph.transfers.upload_folder import FolderUpload, upload_folder
from airflow_provider_onedrive.graph.transfers.upload_sources import MatchingFiles


class FolderOperations(FileOperations):
    """Transfers of folders."""

    @location_first
    @audited
    def upload_folder(
        self,
        location: LocationLike,
        *,
        local_path: LocalPath | Sequence[LocalPath | MatchingFiles],
        filters: Filters = Filters(),
        recursive: bool = False,
        if_exists: IfExists = "fail",
        create_folders: bool = False,
        options: TransferOptions = TransferOptions(),
        attempt: TaskAttempt = TaskAttempt(),
    ) -> Report:
        """Send the files of a folder, several at once.

        :param location: the folder they go into.
        :param local_path: the path of a local folder, or an ``ObjectStoragePath``; or a list of files and folders.
        :param filters: choose among the files.
        :param recursive: also the items in the folders below.
        :param if_exists: what happens when the name is taken: ``fail``, ``replace``, ``rename`` ("a 1.csv"), ``skip``,
            or ``skip_if_same`` (same size and hash: nothing is transferred; else it is replaced).
        :param create_folders: create the missing folders on the way; otherwise a missing one is an error.
        :param options: how the bytes are moved.
        :param attempt: the attempt of a task that calls; the default is a program that runs once.
        :return: the outcome of each file; its ``failed`` has those that could not be sent.
        """
        self.settings.policy.check({"verify": options.upload.verify})
        address = self.address(location)
        transfer = FolderUpload(
            filters=filters,
            recursive=recursive,
            options=options,
            if_exists=if_exists,
            create_folders=create_folders,
            attempt=attempt,
        )
        with self._explaining("upload to", address):
            return upload_folder(self, local_path, address, transfer)

    def download_folder(
        self,
        location: LocationLike,
        local_path: LocalPath,
        *,
        filters: Filters = Filters(),
        recursive: bool = False,
        if_exists: IfExists = "replace",
        options: TransferOptions = TransferOptions(),
        attempt: TaskAttempt = TaskAttempt(),
    ) -> Report:
        """Fetch the files of a folder, several at once. More parameters as for :meth:`upload_folder`.

        :param location: the folder.
        :param local_path: the path of a local folder, which is made if it is missing, or an ``ObjectStoragePath``.
        :return: the outcome of each file; its ``failed`` has those that could not be fetched.
        """
        self.settings.policy.check({"verify": options.download.verify})
        address = self.address(location)
        transfer = FolderDownload(
            # Of a local folder they are taken as they are: its names need not be names that OneDrive accepts.
            filters=filters.read_by(self.parser),
            recursive=recursive,
            options=options,
            if_exists=if_exists,
            attempt=attempt,
        )
        with self._explaining("download", address):
            return download_folder(self, address, local_path, transfer)

    def sync_folder(
        self,
        location: LocationLike,
        manifest: Path | StoredObject,
        *,
        full_every: timedelta | None = None,
        run_key: str | None = None,
        has_succeeded: Callable[[str], bool] | None = None,
    ) -> Synced:
        """Keep a manifest of everything below a folder current.

        :param location: the folder.
        :param manifest: the file, or object of a store, that holds it: JSON Lines, or Parquet if it ends in
            ``.parquet``.
        :param full_every: the time after which all is listed again; None only does so if it must.
        :param run_key: names the run that gets the changes. A call with the key of the last call returns the same
            changes again, for a run that ended before it made use of them. None keeps no changes.
        :param has_succeeded: whether the run of a key has made use of its changes. If the last call's has not, its
            changes are returned too. None takes that for granted.
        :return: the items that changed since the last call.
        """
        address = self.address(location)
        with self._explaining("sync", address):
            return sync_folder(self, address, manifest, full_every, SyncRun(run_key, has_succeeded))

    @audited
    def delete_all(
        self, items: Sequence[DriveItem], *, permanent: bool = False
    ) -> list[tuple[DriveItem, OneDriveError]]:
        """Delete many items, each only in the version that was read, twenty in one request.

        :param items: the items, as a listing returned them.
        :param permanent: not to the recycle bin: it cannot be restored.
        :return: those that could not be deleted, and why; what is missing already counts as deleted.
        """
        self.settings.policy.check({"permanent": permanent})
        self.settings.policy.check_count(len(items))
        # The items need not come from a listing of this client, so each of them is checked.
        self.run(self._allowed.check_removals(items, permanent=permanent))
        return delete_items(self, items, permanent=permanent)
