"""The client's methods that move or copy on the server: no byte passes through this machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_onedrive.graph.auditing import audited
from airflow_provider_onedrive.graph.flows import copies, moves
from airflow_provider_onedrive.graph.flows.copies import Copy, CopyProgress
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.operations import Operations
from airflow_provider_onedrive.graph.protocol.addresses import Address
from airflow_provider_onedrive.graph.protocol.driver import FlowDriver
from airflow_provider_onedrive.graph.protocol.locations import LocationLike
from airflow_provider_onedrive.graph.protocol.messages import Flow
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.options import CrossDrive, IfExistsRelocate, RelocateOptions


class RelocationOperations(Operations):
    """Moves and copies."""

    @audited
    def move(
        self,
        location: LocationLike,
        destination: LocationLike,
        *,
        file_name: str | None = None,
        if_exists: IfExistsRelocate = "fail",
        create_folders: bool = False,
        cross_drive: CrossDrive = "copy",
        options: RelocateOptions = RelocateOptions(),
        attempt: TaskAttempt = TaskAttempt(),
    ) -> DriveItem:
        """Move a file or a folder.

        Within a drive it keeps its id and its versions. To another drive a file is copied on the server, compared, and
        then deleted, to the recycle bin; a folder is moved there only with ``cross_drive="move"``.

        :param location: the file or folder; never a whole drive.
        :param destination: the new name with its path; or a folder, ending in ``/`` or with ``file_name``.
        :param file_name: the name in the folder; None takes that of the source.
        :param if_exists: what happens when the name is taken: ``fail``; ``replace``, which moves the file that is there
            to the recycle bin; ``rename`` ("a 1.csv"); ``skip``, which changes nothing.
        :param create_folders: create the missing folders on the way; otherwise a missing one is an error.
        :param cross_drive: how a file gets to another drive: ``copy``, which copies, compares and deletes; ``move``,
            which asks Graph to move the file or folder itself, with its id and its versions, and copies a file only if
            Graph refuses that.
        :param options: how Graph is waited for.
        :param attempt: the attempt of a task that calls; the default is a program that runs once.
        """
        plan = self.run(
            self._relocation(
                location, destination, file_name, if_exists, create_folders, attempt, options, is_removed=True
            )
        )
        driver = FlowDriver(moves.move(replace(plan, cross_drive=cross_drive)))
        try:
            return self._transfer("move", plan.source, lambda: self._drive(driver), driver, plan.folder)
        finally:
            self._folder_cache.clear()

    @audited
    def copy(
        self,
        location: LocationLike,
        destination: LocationLike,
        *,
        file_name: str | None = None,
        if_exists: IfExistsRelocate = "fail",
        create_folders: bool = False,
        options: RelocateOptions = RelocateOptions(),
        attempt: TaskAttempt = TaskAttempt(),
    ) -> DriveItem:
        """Copy a file or a folder on the server, and wait for the end. Parameters as for :meth:`move`."""
        plan = self.run(self._relocation(location, destination, file_name, if_exists, create_folders, attempt, options))
        driver = FlowDriver(copies.copy(plan))
        return self._transfer("copy", plan.source, lambda: self._drive(driver), driver, plan.folder)

    @audited
    def start_copy(
        self,
        location: LocationLike,
        destination: LocationLike,
        *,
        file_name: str | None = None,
        if_exists: IfExistsRelocate = "fail",
        create_folders: bool = False,
        attempt: TaskAttempt = TaskAttempt(),
    ) -> Copy:
        """Ask for a copy and do not wait for it. Parameters as for :meth:`move`.

        :return: what :meth:`copy_progress` and :meth:`copied` need; it has the ``item`` if no copy was needed.
        """
        # Without options: there is no wait here that could end.
        plan = self.run(self._relocation(location, destination, file_name, if_exists, create_folders, attempt))
        return self._about("copy", plan.source, copies.start(plan), plan.folder)

    def copy_progress(self, monitor_url: str) -> CopyProgress:
        """Ask once how far a copy is.

        :param monitor_url: of the :class:`~airflow_provider_onedrive.graph.Copy`; a secret, as it needs no token.
        """
        return self.run(copies.progress(monitor_url))

    def copied(
        self,
        destination: LocationLike,
        copy: Mapping[str, Any],
        item_id: str | None,
        *,
        file_name: str | None = None,
    ) -> DriveItem:
        """Read the item of a copy that has ended.

        :param destination: the new name with its path; or a folder, ending in ``/`` or with ``file_name``.
        :param copy: the dict that ``to_dict`` of the :class:`~airflow_provider_onedrive.graph.Copy` returned.
        :param item_id: the ``item_id`` of its progress.
        :param file_name: the name in the folder; None takes that of the source.
        """
        # Only the folder: the name is in the dict, because "rename" may have chosen another one.
        address = self._address(self.parser.destination(destination, file_name)[0])
        return self._about("copy to", address, self._copied(address, copy, item_id))

    def _copied(self, address: Address, copy: Mapping[str, Any], item_id: str | None) -> Flow[DriveItem]:
        item = yield from copies.copied(address, copy, item_id)
        # The ids come from outside of this client, and the folder may have been moved since the copy began.
        yield from self._allowed.check_items([item], f"What was copied to {address}")
        return item
