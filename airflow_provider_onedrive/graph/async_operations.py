"""What one can do with a location on an event loop: what moves no bytes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from airflow_provider_onedrive.graph.auditing import audited
from airflow_provider_onedrive.graph.flows import absence, copies, items, moves, removals, suggestions
from airflow_provider_onedrive.graph.flows.copies import Copy, CopyProgress
from airflow_provider_onedrive.graph.flows.raw_requests import raw_request
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.listings import AsyncListings
from airflow_provider_onedrive.graph.location_context import log_deletion, missing_of
from airflow_provider_onedrive.graph.protocol.addresses import Address
from airflow_provider_onedrive.graph.protocol.errors import GraphError, ItemNotFound, OneDriveError
from airflow_provider_onedrive.graph.protocol.locations import Location, LocationLike
from airflow_provider_onedrive.graph.protocol.messages import Flow, T
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.options import (
    CrossDrive,
    DeleteOptions,
    IfExistsRelocate,
    RelocateOptions,
)


class AsyncOperations(AsyncListings, ABC):
    """The methods of :class:`Operations` that move no bytes, for an event loop."""

    # No upload and no download: their bytes would hold up all other triggers of the loop.
    @abstractmethod
    async def run(self, flow: Flow[T]) -> T:
        """Drive a flow to its end."""

    async def address(self, location: LocationLike) -> Address:
        """Turn a location into Graph's terms, as :meth:`locate` does."""
        return await self._address(self.parser.parse(location))

    async def _address(self, location: Location, *, is_removed: bool = False) -> Address:
        try:
            return await self.run(self._locate(location, is_removed=is_removed))
        except OneDriveError as error:
            raise error.about("look for", str(location)) from error.__cause__

    async def stat(self, location: LocationLike) -> DriveItem:
        address = await self.address(location)
        return await self._about("look at", address, absence.stat_surely(address))

    async def exists(self, location: LocationLike) -> bool:
        address = await self.address(location)
        return await self._about("look at", address, absence.exists(address))

    async def children(self, location: LocationLike) -> AsyncIterator[DriveItem]:
        async for item in self._children(await self.address(location)):
            yield item

    async def walk(self, location: LocationLike) -> AsyncIterator[DriveItem]:
        async for item in self._walk(await self.address(location)):
            yield item

    @audited
    async def create_folder(
        self,
        location: LocationLike,
        *,
        exist_ok: bool = False,
        create_folders: bool = False,
        attempt: TaskAttempt = TaskAttempt(),
    ) -> DriveItem:
        address = await self._address(self.parser.new_folder(location))
        flow = items.make_folder(address, exist_ok=exist_ok or attempt.retrying, create_folders=create_folders)
        return await self._about("create", address, flow)

    @audited
    async def move(
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
        plan = await self.run(
            self._relocation(
                location, destination, file_name, if_exists, create_folders, attempt, options, is_removed=True
            )
        )
        flow = moves.move(replace(plan, cross_drive=cross_drive))
        return await self._about("move", plan.source, flow, plan.folder)

    @audited
    async def start_copy(
        self,
        location: LocationLike,
        destination: LocationLike,
        *,
        file_name: str | None = None,
        if_exists: IfExistsRelocate = "fail",
        create_folders: bool = False,
        attempt: TaskAttempt = TaskAttempt(),
    ) -> Copy:
        plan = await self.run(self._relocation(location, destination, file_name, if_exists, create_folders, attempt))
        return await self._about("copy", plan.source, copies.start(plan), plan.folder)

    async def copy_progress(self, monitor_url: str) -> CopyProgress:
        return await self.run(copies.progress(monitor_url))

    @audited
    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        flow = raw_request(self.settings, method, path, json=json, params=params, headers=headers)
        try:
            return await self.run(flow)
        except GraphError as error:
            raise error.about("request", path.partition("?")[0]) from error.__cause__

    @audited
    async def delete(
        self,
        location: LocationLike,
        *,
        recursive: bool = False,
        permanent: bool = False,
        ignore_if_missing: bool = False,
        options: DeleteOptions = DeleteOptions(),
        attempt: TaskAttempt = TaskAttempt(),
    ) -> list[DriveItem]:
        self.settings.policy.check({"permanent": permanent, "on_hold": options.on_hold})
        address = await self._address(self.parser.deletable(location), is_removed=True)
        flow = removals.remove(
            address,
            recursive=recursive,
            permanent=permanent,
            ignore_if_missing=ignore_if_missing,
            options=options,
            attempt=attempt,
            policy=self.settings.policy,
        )
        return log_deletion(await self._about("delete", address, flow), address, options)

    async def _about(self, operation: str, address: Address, flow: Flow[T], destination: Address | None = None) -> T:
        try:
            return await self.run(flow)
        except ItemNotFound as error:
            missing = missing_of(error, address, destination)
            named = await self._with_similar_name(error, missing)
            raise self._explained(named, operation, missing) from error.__cause__
        except OneDriveError as error:
            raise self._explained(error, operation, address) from error.__cause__

    async def _with_similar_name(self, error: ItemNotFound, address: Address) -> ItemNotFound:
        """Return the error with the name that was probably meant, if Graph lists one."""
        with suppress(OneDriveError):  # the first error counts, not one of the search
            return await self.run(suggestions.with_similar_name(error, address))
        return error
