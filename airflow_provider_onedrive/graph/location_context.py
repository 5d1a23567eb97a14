"""The base of both clients: reads and finds a connection's locations, and keeps to those that it allows."""

from __future__ import annotations

import time
from collections.abc import Mapping

from airflow_provider_onedrive.graph.auditing import Audit
from airflow_provider_onedrive.graph.auth.permissions import advice_on_denial
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.flows.allowlist import AllowList
from airflow_provider_onedrive.graph.flows.destinations import Relocation
from airflow_provider_onedrive.graph.flows.folder_cache import FolderCache
from airflow_provider_onedrive.graph.flows.resolver import Resolver
from airflow_provider_onedrive.graph.flows.session_state import TaskAttempt
from airflow_provider_onedrive.graph.protocol.addresses import Address
from airflow_provider_onedrive.graph.protocol.errors import AccessDenied, E, ItemNotFound, NotFound
from airflow_provider_onedrive.graph.protocol.location_parser import LocationParser
from airflow_provider_onedrive.graph.protocol.locations import Location, LocationLike
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.protocol.messages import Flow
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.options import DeleteOptions, IfExistsRelocate, RelocateOptions

log = logger(__name__)


class LocationContext:
    """Reads and finds the locations of one connection by its policies.

    :param settings: of the connection.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.audit = Audit(settings)
        self.parser = LocationParser(settings.name_policy)
        self._resolver = Resolver(settings)
        self._allowed = AllowList(settings, self._resolver)
        # Many uploads into one folder look it up once.
        self._folder_cache = FolderCache()

    def locate(self, location: LocationLike) -> Flow[Address]:
        """Turn a location into Graph's terms.

        :raises LocationError: if it cannot be read.
        :raises ConfigurationError: if the connection does not allow it, or it begins with ``myfiles`` and an
            application has no drive of its own.
        """
        return (yield from self._locate(self.parser.parse(location)))

    def forget(self, address: Address) -> None:
        """Look up the beginning of an address anew next time, because nothing was there."""
        self._resolver.forget(address)

    def _explained(self, error: E, operation: str, address: Address) -> E:
        """Return an error with the operation, its location, and the permission that may be missing."""
        if isinstance(error, NotFound):
            self.forget(address)
        # The permissions of a given access token were chosen elsewhere, so the app's registration says nothing of them.
        if isinstance(error, AccessDenied) and error.advice is None and self.settings.auth != "access_token":
            error = error.with_advice(advice_on_denial(operation, is_app=self.settings.is_app))
        return error.about(operation, str(address))

    def _locate(self, location: Location, *, is_removed: bool = False) -> Flow[Address]:
        """Find a location.

        :param is_removed: whether its item is to be deleted or moved.
        """
        address = yield from self._resolver.locate(location)
        yield from self._allowed.check(address, is_removed=is_removed)
        return address

    def _relocation(  # noqa: PLR0917 - the keywords of five methods
        self,
        location: LocationLike,
        destination: LocationLike,
        file_name: str | None,
        if_exists: IfExistsRelocate,
        create_folders: bool,
        attempt: TaskAttempt,
        options: RelocateOptions = RelocateOptions(),
        *,
        is_removed: bool = False,
    ) -> Flow[Relocation]:
        """Plan a move or a copy.

        :param is_removed: whether it is a move.
        :raises LocationError: if a location cannot be read, or names a whole drive.
        """
        source, (folder, name) = self.parser.movable(location), self.parser.destination(destination, file_name)
        seconds = options.timeout_seconds
        end = float("inf") if seconds is None else time.monotonic() + seconds
        return Relocation(
            (yield from self._locate(source, is_removed=is_removed)),
            (yield from self._locate(folder)),
            name,
            if_exists,
            create_folders=create_folders,
            retrying=attempt.retrying,
            may_be_ours=attempt.retrying,
            # An item dict tells more than a name: a later attempt recognises by it what an earlier one has moved.
            facts=location if isinstance(location, Mapping) else {"name": source.name},
            is_over=lambda: time.monotonic() >= end,
            keeper=attempt.keeper_of("") if attempt.retrying or attempt.has_another else None,
        )


def missing_of(error: ItemNotFound, source: Address, destination: Address | None) -> Address:
    """Return which of two addresses an error is about."""
    # An error that names its operation already is about another place than the source.
    return destination if destination is not None and error.operation else source


def log_deletion(deleted: list[DriveItem], address: Address, options: DeleteOptions) -> list[DriveItem]:
    """Log the deleted items, and return them."""
    log.info("%s %s: %d item(s)", "Would delete" if options.dry_run else "Deleted", address, len(deleted))
    return deleted
