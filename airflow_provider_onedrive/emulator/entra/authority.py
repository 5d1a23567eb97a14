"""The signing keys and the cloud of the emulator. They stay the same from its start to its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_onedrive.emulator.entra import clouds
from airflow_provider_onedrive.emulator.entra.clouds import Cloud
from airflow_provider_onedrive.emulator.entra.directory import WORKLOAD_PATH, Directory
from airflow_provider_onedrive.emulator.tokens.access_tokens import Tokens
from airflow_provider_onedrive.emulator.tokens.keys import SigningKey

if TYPE_CHECKING:
    from airflow_provider_onedrive.emulator.model.tenant import Tenant


@dataclass(frozen=True)
class Authority:
    """:param cloud: the cloud whose names are used. None = none; tokens for the Graph of every cloud are accepted.

    :param host: name under which other machines reach the emulator; None = they do not.
    :param key: signs access tokens; ``workload_key`` signs federated tokens.
    """

    cloud: Cloud | None = None
    host: str | None = None
    key: SigningKey = field(default_factory=SigningKey)
    workload_key: SigningKey = field(default_factory=SigningKey)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the host names of the emulator besides localhost."""
        return (*(self.cloud.hosts if self.cloud else ()), *([self.host] if self.host else ()))

    def issuer_url(self, url: str) -> str:
        """:param url: of the emulator itself."""
        return self.cloud.login_url if self.cloud else url

    def login_urls(self, url: str) -> tuple[str, ...]:
        return (url, *(f"https://{host}" for host in (self.cloud.login_hosts if self.cloud else ())))

    def tokens(self, tenant: Tenant, directory: Directory, graph_url: str) -> Tokens:
        # Tokens of the emulator always name a real cloud as audience, as clients expect it.
        cloud = self.cloud or clouds.CLOUDS["global"]
        return Tokens(
            tenant,
            directory.applications.first,
            self.key,
            audience=cloud.graph_url,
            audiences=clouds.resources(graph_url, self.cloud),
            token_issuer=cloud.token_issuer,
            challenge=f'Bearer realm="", authorization_uri="{self.issuer_url(graph_url)}/common/oauth2/authorize", '
            f'client_id="{clouds.GRAPH_APPLICATION_ID}"',
        )

    def directory(self, tenant: Tenant, url: str) -> Directory:
        return Directory(tenant, f"{url}/{WORKLOAD_PATH}", self.workload_key)

    def seen_at(self, host: str | None) -> tuple[str, str] | None:
        """Return the addresses of Graph and Entra for a request to one of the cloud's own hosts."""
        name, colon, port = (host or "").lower().partition(":")
        if self.cloud is None or name not in self.cloud.hosts:
            return None
        # A request to graph.microsoft.com must get links to the login host, and vice versa.
        login = self.cloud.login_hosts[0] if name == self.cloud.graph_host else name
        return f"https://{self.cloud.graph_host}{colon}{port}", f"https://{login}{colon}{port}"
