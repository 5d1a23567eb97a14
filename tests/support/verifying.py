"""The connection of an emulator that plays the real drive."""

from __future__ import annotations

import json
from typing import Any

from quick_retries import QUICK

from airflow_provider_onedrive.graph.client import AsyncClient, Client
from airflow_provider_onedrive.graph.config.deployment import DeploymentPolicy
from airflow_provider_onedrive.graph.config.settings import Settings
from airflow_provider_onedrive.verification.run import Connections
from airflow_provider_onedrive.verification.workspace import Patience

# A copy of the emulator ends at the second question; what never comes is waited for this long.
PATIENCE = Patience(1.0, 0.0)


def settings_of(emulator: Any, *, policy: DeploymentPolicy = DeploymentPolicy(), **changes: Any) -> Settings:
    stored = json.loads(emulator.connection)
    fields = {"client_id": stored["login"], "client_secret": stored["password"], **stored["extra"], **changes}
    return Settings.from_fields(fields, trusted_hosts=["localhost"], policy=policy)


def connections_of(settings: Settings) -> Connections:
    client = Client(settings)
    client.retry_policy = QUICK

    def connect_async() -> AsyncClient:
        other = AsyncClient(settings)
        other.retry_policy = QUICK
        return other

    return Connections(client, connect_async)
