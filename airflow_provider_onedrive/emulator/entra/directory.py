"""The directory beside the tenant's users: applications, refresh tokens, device codes and trusted issuers."""

from __future__ import annotations

import secrets
from typing import Any

from airflow_provider_onedrive.emulator.entra.device import DeviceCodes
from airflow_provider_onedrive.emulator.entra.refresh import RefreshTokens
from airflow_provider_onedrive.emulator.model.tenant import APPLICATION_NAME, Tenant
from airflow_provider_onedrive.emulator.tokens.applications import Application, Applications, FederatedCredential
from airflow_provider_onedrive.emulator.tokens.claims import lifetime
from airflow_provider_onedrive.emulator.tokens.keys import SigningKey

WORKLOAD_PATH = "workload"
WORKLOAD_SUBJECT = "system:serviceaccount:airflow:worker"


class Directory:
    """:param workload_url: the address of an issuer of federated tokens, which the emulator is as well."""

    def __init__(self, tenant: Tenant, workload_url: str, workload_key: SigningKey) -> None:
        first = Application(APPLICATION_NAME, client_id=tenant.client_id, client_secret=tenant.client_secret)
        self.applications = Applications(first)
        self.refresh_tokens = RefreshTokens()
        self.device_codes = DeviceCodes()
        # App Service sets this value for each process. It protects against forged requests.
        self.identity_header = secrets.token_urlsafe(24)
        self.workload_url = workload_url
        self.workload_key = workload_key

    def trust(self, application: Application, subject: str, audience: str) -> None:
        """Accept federated tokens of the emulator's own issuer in place of an application's secret."""
        credential = FederatedCredential(self.workload_url, subject, audience, self.workload_key.public)
        if (subject, audience) not in {(one.subject, one.audience) for one in application.federated}:
            application.federated.append(credential)

    def federated_token(self, subject: str, audience: str, lifetime_seconds: float, **changes: Any) -> str:
        """Return a token as a cluster gives its workloads."""
        claims = {"iss": self.workload_url, "sub": subject, "aud": audience} | lifetime(lifetime_seconds)
        return self.workload_key.sign(claims | changes)
