"""The four clouds and the names they go by.

https://learn.microsoft.com/graph/deployments
https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud
"""

from __future__ import annotations

from dataclasses import dataclass

# Graph's own application id, which is the same in every cloud and tenant.
GRAPH_APPLICATION_ID = "00000003-0000-0000-c000-000000000000"


@dataclass(frozen=True)
class Cloud:
    """:param login_hosts: the first is the one that documents name, the others are aliases of it.

    :param token_issuer: the host in ``iss`` of a v1.0 token.
    """

    name: str
    login_hosts: tuple[str, ...]
    graph_host: str
    instance: str
    token_issuer: str = "sts.windows.net"  # noqa: S105 - a host

    @property
    def hosts(self) -> tuple[str, ...]:
        return (*self.login_hosts, self.graph_host)

    @property
    def login_url(self) -> str:
        return f"https://{self.login_hosts[0]}"

    @property
    def graph_url(self) -> str:
        return f"https://{self.graph_host}"


_US_GOV = ("login.microsoftonline.us", "login.usgovcloudapi.net")
_CHINA = ("login.chinacloudapi.cn", "login.partner.microsoftonline.cn")
_GLOBAL = ("login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net")

CLOUDS = {
    cloud.name: cloud
    for cloud in (
        Cloud("global", _GLOBAL, "graph.microsoft.com", "microsoftonline.com"),
        Cloud("us_gov", _US_GOV, "graph.microsoft.us", "microsoftonline.us"),
        Cloud("us_gov_dod", _US_GOV, "dod-graph.microsoft.us", "microsoftonline.us"),
        Cloud("china", _CHINA, "microsoftgraph.chinacloudapi.cn", "partner.microsoftonline.cn", "sts.chinacloudapi.cn"),
    )
}


def find(name: str | None) -> Cloud | None:
    """Return the cloud of a name; None = no cloud in particular.

    :raises ValueError: there is no cloud of that name.
    """
    if name is None:
        return None
    if name not in CLOUDS:
        raise ValueError(f"There is no cloud {name!r}: {', '.join(CLOUDS)}")
    return CLOUDS[name]


def resources(graph_url: str, cloud: Cloud | None) -> frozenset[str]:
    """Return the names of Graph that a token may be requested for, and may have as its audience."""
    chosen = [cloud] if cloud else CLOUDS.values()
    return frozenset({graph_url, GRAPH_APPLICATION_ID, *(one.graph_url for one in chosen)})


def login_hosts(own_host: str) -> list[tuple[str, ...]]:
    """Return the login hosts, each beside those that are its other names."""
    # The government's two clouds share theirs.
    groups = list(dict.fromkeys(cloud.login_hosts for cloud in CLOUDS.values()))
    # The emulator's own host stands alone: msal must not treat it as an alias of a real one.
    own = [] if any(own_host in hosts for hosts in groups) else [(own_host,)]
    return [*own, *groups]
