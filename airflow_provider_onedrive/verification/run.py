"""Plays cases in a folder of their own."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Collection, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_onedrive.graph.client import AsyncClient, Client
from airflow_provider_onedrive.graph.protocol.errors import (
    ConfigurationError,
    LocationError,
    NameAlreadyExists,
    OneDriveError,
    Stopped,
)
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.verification.case import Case, DriveType, Observation
from airflow_provider_onedrive.verification.cleaning import clean
from airflow_provider_onedrive.verification.facts import Facts, raised
from airflow_provider_onedrive.verification.workspace import NAMES, Patience, Workspace

FOLDER_PREFIX = "airflow-onedrive-verify-"


@dataclass(frozen=True)
class Connections:
    """The clients of one connection.

    :param connect_async: makes one for an event loop.
    """

    client: Client
    connect_async: Callable[[], AsyncClient]


@dataclass(frozen=True)
class Target:
    """Where the cases are played.

    :param folder: an existing folder, in which a new one is made.
    :param name: of the new folder.
    """

    folder: DriveItem
    name: str
    drive_type: DriveType

    @property
    def location(self) -> str:
        return f"{self.folder.location.rstrip('/')}/{self.name}"

    @property
    def words(self) -> Sequence[str]:
        """Texts that no report may show: the names in the location, and the ids."""
        return [*self.location.split("/"), self.folder.name, self.folder.drive_id, self.folder.id]


@dataclass(frozen=True)
class Played:
    """What was observed of one case."""

    case: Case
    observed: Observation


def target_of(client: Client, location: str) -> Target:
    """Read the folder in which the cases are to be played.

    :raises ConfigurationError: if the connection is read_only.
    :raises LocationError: if the location is no folder.
    """
    if client.settings.read_only:
        raise ConfigurationError(
            "The connection is read_only, and the cases create and delete files.",
            advice="Use another connection, or empty its field read_only.",
        )
    folder = client.stat(location)
    if not folder.is_folder:
        raise LocationError(f"{folder.location} is not a folder.", advice="Name a folder; a new one is made in it.")
    # A random name: what is in this folder, and nothing else, is deleted at the end.
    return Target(folder, f"{FOLDER_PREFIX}{secrets.token_hex(6)}", _drive_type(folder))


def _not_allowed() -> ConfigurationError:
    """Return the error of a case that leaves its folder although the connection allows some locations only."""
    return ConfigurationError("The connection allows some locations only, and this case reads others.")


def _drive_type(folder: DriveItem) -> DriveType:
    if folder.drive_type == "personal":
        return "personal"
    return "documentLibrary" if folder.drive_type == "documentLibrary" else "business"


@dataclass
class Run:
    """One run over some cases: an iterator, after whose end or interruption the folder has gone.

    :ivar left: the locations of what could not be deleted.
    """

    connections: Connections
    target: Target
    cases: Collection[Case]
    patience: Patience = Patience()

    def __post_init__(self) -> None:
        self.left: list[str] = []
        self._is_ours = True

    def play(self) -> Generator[Played]:
        """Play the cases, one after the other, and delete the folder whatever happens."""
        try:
            parent = self._create_folder()
            with tempfile.TemporaryDirectory() as local:
                for case in self.cases:
                    yield self._play(case, parent, Path(local))
        finally:
            if self._is_ours:
                # Until this is done, the location is what a second Ctrl-C leaves.
                self.left = [self.target.location]
                self.left = clean(self.connections.client, self.target.location)

    def _create_folder(self) -> DriveItem:
        try:
            return self.connections.client.create_folder(self.target.location)
        except NameAlreadyExists:
            self._is_ours = False  # whoever made it, it was not this run
            raise

    def _play(self, case: Case, parent: DriveItem, local: Path) -> Played:
        if case.is_beyond and self.connections.client.settings.allowed_locations:
            return Played(case, raised(_not_allowed()))
        own = local / case.name
        own.mkdir()
        space = Workspace(
            self.connections.client,
            parent,
            case.name,
            own,
            Facts(NAMES, self.target.words),
            self.connections.connect_async,
            self.patience,
        )
        try:
            observed = case.observe(space)
        except Stopped:
            raise
        except OneDriveError as error:
            observed = raised(error)
        finally:
            with suppress(OneDriveError):  # a session that could not be cancelled expires
                space.cancel_sessions()
        return Played(case, observed)
