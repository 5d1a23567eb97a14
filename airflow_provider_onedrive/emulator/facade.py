"""The running emulator as tests and scripts see it."""

from __future__ import annotations

import json

from airflow_provider_onedrive.emulator.emulated_sites import EmulatedSites
from airflow_provider_onedrive.emulator.faults.quirks import Quirks
from airflow_provider_onedrive.emulator.faults.ruleset import Faults
from airflow_provider_onedrive.emulator.faults.throttling import Budget
from airflow_provider_onedrive.emulator.http.log import RequestLog
from airflow_provider_onedrive.emulator.identity import Identities
from airflow_provider_onedrive.emulator.options import Options
from airflow_provider_onedrive.emulator.server.state import ServerState


class Facade(Identities, EmulatedSites):
    """Addresses, the connection, logs, faults and quirks of the emulator."""

    @property
    def state(self) -> ServerState:
        raise NotImplementedError

    @property
    def ca_certificate(self) -> str:
        raise NotImplementedError

    def reset(self) -> None:
        raise NotImplementedError

    @property
    def options(self) -> Options:
        """The settings that may change while the emulator runs. ``reset`` restores those of the constructor."""
        return self.state.options

    @property
    def graph_url(self) -> str:
        return self.state.graph_url

    @property
    def authority_url(self) -> str:
        # The same origin as that of Graph: no path of Entra is one of Graph.
        return self.state.graph_url

    @property
    def store_url(self) -> str:
        return self.state.store_url

    @property
    def page_url(self) -> str:
        """Return the address of the page that lists all drives; ``webUrl`` is that of a drive, a folder or a file."""
        return self.state.store_url + "/"

    @property
    def tenant_id(self) -> str:
        return self.state.tenant.id

    @property
    def client_id(self) -> str:
        return self.state.tenant.client_id

    @property
    def client_secret(self) -> str:
        return self.state.tenant.client_secret

    @property
    def users(self) -> list[str]:
        return [user.upn for user in self.state.tenant.users]

    @property
    def connection(self) -> str:
        """Return the Airflow connection as JSON, as an environment variable takes it."""
        extra = {
            "tenant_id": self.tenant_id,
            **({"myfiles": self.users[0]} if self.users else {}),
            "graph_url": self.graph_url,
            "authority_url": self.authority_url,
            "ca_certificate": self.ca_certificate,
        }
        fields = {"conn_type": "onedrive", "login": self.client_id, "password": self.client_secret, "extra": extra}
        return json.dumps(fields)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AIRFLOW_CONN_ONEDRIVE_DEFAULT": self.connection,
            # Without it a connection may name Microsoft's hosts only.
            "AIRFLOW__ONEDRIVE__TRUSTED_HOSTS": self.state.authority.host or "localhost",
        }

    @property
    def requests(self) -> RequestLog:
        return self.state.requests

    @property
    def leaks(self) -> RequestLog:
        """Return the requests that carried an Authorization header to the second origin."""
        return self.state.leaks

    @property
    def faults(self) -> Faults:
        return self.state.faults

    @property
    def quirks(self) -> Quirks:
        return self.state.quirks

    @property
    def throttling(self) -> Budget | None:
        """The budget of resource units that each application has; None = no limit."""
        return self.state.throttling.budget

    @throttling.setter
    def throttling(self, budget: Budget | None) -> None:
        self.state.throttling.budget = budget

    def finish_copies(self) -> None:
        """Complete every copy, whether or not its monitor was polled."""
        self.state.monitors.finish()

    def revoke_download_urls(self) -> None:
        """Let every download address given so far be refused as expired ones are."""
        self.state.links.revoke()
