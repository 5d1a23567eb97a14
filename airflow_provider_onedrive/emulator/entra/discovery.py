"""The documents by which clients discover the endpoints: OpenID discovery, instance discovery, keys.

https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_onedrive.emulator.entra import clouds
from airflow_provider_onedrive.emulator.entra.clouds import Cloud
from airflow_provider_onedrive.emulator.entra.login import SHARED_TENANTS, LoginProblem
from airflow_provider_onedrive.emulator.http.messages import Request
from airflow_provider_onedrive.emulator.model.tenant import Tenant


@dataclass(frozen=True)
class Discovery:
    """Writes the documents that clients discover the endpoints by."""

    tenant: Tenant
    cloud: Cloud | None
    issuer_url: str
    login_urls: tuple[str, ...]
    workload_url: str

    def openid(self, request: Request, tenant: str) -> dict[str, Any]:
        """Return the discovery document of a tenant. That of a shared name has a placeholder for the tenant."""
        oauth = f"{request.login_url}/{tenant}/oauth2/v2.0"
        issuer = "{tenantid}" if tenant.lower() in SHARED_TENANTS else self.tenant.id
        cloud = self.cloud or clouds.CLOUDS["global"]
        return {
            "token_endpoint": f"{oauth}/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": f"{request.login_url}/{tenant}/discovery/v2.0/keys",
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": f"{self.issuer_url}/{issuer}/v2.0",
            "authorization_endpoint": f"{oauth}/authorize",
            "device_authorization_endpoint": f"{oauth}/devicecode",
            "claims_supported": ["sub", "iss", "aud", "exp", "iat", "name", "tid", "ver", "oid", "preferred_username"],
            # Real documents have further regional properties, which msal does not read.
            "tenant_region_scope": None,
            "cloud_instance_name": cloud.instance,
            # Clients that support several clouds read the Graph host from here.
            "msgraph_host": urlsplit(request.graph_url).netloc if self.cloud is None else cloud.graph_host,
        }

    def instance(self, request: Request) -> dict[str, Any]:
        """Return the login hosts that are aliases of one another. An unknown authority is refused."""
        own_host = urlsplit(request.login_url).netloc
        groups = clouds.login_hosts(own_host)
        asked = request.query.get("authorization_endpoint")
        aliases = {f"https://{alias}" for group in groups for alias in group} | set(self.login_urls)
        # msal asks login.microsoftonline.com about hosts that it does not know; an invalid one must be refused.
        if asked is not None and "/".join(asked.split("/")[:3]).lower() not in aliases:
            raise LoginProblem(400, "invalid_instance", 50049, "Unknown or invalid instance.")
        return {
            "tenant_discovery_endpoint": f"{request.login_url}/{self.tenant.id}/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [_metadata(group) for group in groups],
        }

    def workload(self) -> dict[str, Any]:
        """Return the discovery document of the emulator's issuer of federated tokens."""
        url = self.workload_url
        return {
            "issuer": url,
            "jwks_uri": f"{url}/.well-known/jwks.json",
            "id_token_signing_alg_values_supported": ["RS256"],
        }


def _metadata(hosts: Sequence[str]) -> dict[str, Any]:
    return {"preferred_network": hosts[0], "preferred_cache": hosts[0], "aliases": list(hosts)}
