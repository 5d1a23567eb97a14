"""What is expected: the local OneDrive plays the same cases."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.graph.auth.identities import claims_of
from airflow_provider_onedrive.graph.client import AsyncClient, Client
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.retry import RetryPolicy
from airflow_provider_onedrive.verification.case import Case, DriveType, Observation
from airflow_provider_onedrive.verification.run import Connections, Run, target_of
from airflow_provider_onedrive.verification.workspace import Patience

if TYPE_CHECKING:
    from airflow_provider_onedrive.emulator import Emulator

# Nobody else waits for the local OneDrive, and it is never busy.
_QUICK = RetryPolicy(first_wait_seconds=0.01, max_backoff_seconds=0.05, locked_waits_seconds=(0.01,))
_PATIENCE = Patience(5.0, 0.0)
_SITE = "/sites/verification"
_PERMISSIONS = ("Files.ReadWrite.All",)


def is_application(settings: Settings) -> bool:
    """Whether an application signs in, and no user; they are allowed different things."""
    if settings.auth != "access_token":
        return settings.is_app
    claims = claims_of(settings.access_token)
    # A token of a personal account cannot be read, and no application has one.
    return bool(claims) and "scp" not in claims


def expected(cases: Collection[Case], drive_type: DriveType, *, is_app: bool) -> dict[str, Observation]:
    """Return what the local OneDrive does, by the names of the cases."""
    with _emulator(drive_type) as emulator:
        settings, location = _connection(emulator, drive_type, is_app=is_app)
        with Client(settings) as client:
            client.retry_policy = _QUICK
            run = Run(
                Connections(client, lambda: _async_client(settings)), target_of(client, location), cases, _PATIENCE
            )
            return {each.case.name: each.observed for each in run.play()}


def _emulator(drive_type: DriveType) -> Emulator:
    try:
        from airflow_provider_onedrive.emulator import Emulator  # noqa: PLC0415 - it is slow to import

        is_personal = drive_type == "personal"
        sites = {_SITE: ()} if drive_type == "documentLibrary" else None
        return Emulator(personality="personal" if is_personal else "business", sites=sites)
    except ImportError as error:
        raise ConfigurationError(
            f"The local OneDrive, with which is compared, is not installed whole: {error}.",
            advice="Run pip install 'airflow-provider-onedrive[emulator]'.",
        ) from None


def _connection(emulator: Emulator, drive_type: DriveType, *, is_app: bool) -> tuple[Settings, str]:
    stored: dict[str, Any] = json.loads(emulator.connection)
    network = {name: stored["extra"][name] for name in ("graph_url", "authority_url", "ca_certificate")}
    identity = {"client_id": stored["login"], "client_secret": stored["password"], **stored["extra"]}
    if not is_app:
        token = emulator.token(emulator.users[0], permissions=_PERMISSIONS)
        identity = {**network, "auth": "access_token", "access_token": token}
    location = "myfiles/"
    if drive_type == "documentLibrary":
        location = f"drives/{emulator.drive(_SITE.strip('/')).id}/"
    return Settings.from_fields(identity, trusted_hosts=["localhost"]), location


def _async_client(settings: Settings) -> AsyncClient:
    client = AsyncClient(settings)
    client.retry_policy = _QUICK
    return client
