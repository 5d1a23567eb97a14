"""The settings of a connection, read and checked before anything is sent."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_onedrive.graph.config import fields as read
from airflow_provider_onedrive.graph.config.authorities import authorities
from airflow_provider_onedrive.graph.config.certificates import ClientCertificate, client_certificate
from airflow_provider_onedrive.graph.config.deployment import DeploymentPolicy
from airflow_provider_onedrive.graph.config.locations import parse_allowed, parse_myfiles, parse_shared
from airflow_provider_onedrive.graph.protocol.digests import digest
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.location_parser import LocationParser
from airflow_provider_onedrive.graph.protocol.locations import Location
from airflow_provider_onedrive.graph.protocol.names import NAME_POLICIES, NamePolicy

DEFAULT_TIMEOUT_SECONDS = 60.0
# The form that Microsoft asks for, because decorated traffic has priority when it throttles:
# https://learn.microsoft.com/en-us/sharepoint/dev/general-development/how-to-avoid-getting-throttled-or-blocked-in-sharepoint-online
DEFAULT_USER_AGENT = "NONISV|airflow-provider-onedrive|airflow-provider-onedrive/0.1.0"
# Kubernetes projects service account tokens below this directory.
DEFAULT_TOKEN_FILE_ROOTS = ("/var/run/secrets",)


@dataclass(frozen=True)
class Cloud:
    """One of Microsoft's clouds. https://learn.microsoft.com/en-us/graph/deployments."""

    authority_url: str
    graph_url: str


CLOUDS = {
    "global": Cloud("https://login.microsoftonline.com", "https://graph.microsoft.com"),
    "us_gov": Cloud("https://login.microsoftonline.us", "https://graph.microsoft.us"),
    "us_gov_dod": Cloud("https://login.microsoftonline.us", "https://dod-graph.microsoft.us"),
    "china": Cloud("https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"),
}
_MICROSOFT_HOSTS = frozenset(
    urlsplit(url).hostname for cloud in CLOUDS.values() for url in (cloud.authority_url, cloud.graph_url)
)
_TENANT = re.compile(r"[A-Za-z0-9.-]+")
_REQUIRED = {
    "client_secret": ("tenant_id", "client_id", "client_secret"),
    "certificate": ("tenant_id", "client_id", "certificate_private_key", "certificate"),
    "federated": ("tenant_id", "client_id", "federated_token_file"),
    "managed_identity": (),
    "refresh_token": ("client_id", "refresh_token"),
    "access_token": ("access_token",),
}
"""The kinds of identity, and the fields that each of them needs."""
AUTH_KINDS = tuple(_REQUIRED)
_OPTIONAL = {
    "certificate": ("certificate_private_key_passphrase",),
    "managed_identity": ("client_id",),
    "refresh_token": ("tenant_id", "client_secret"),
}
_CREDENTIALS = frozenset(  # besides client_secret: the form keeps a password that another auth does not need
    {
        *("certificate_private_key", "certificate_private_key_passphrase", "certificate"),
        *("federated_token_file", "refresh_token", "access_token"),
    }
)
FIELDS: tuple[str, ...] = (
    *("auth", "client_id", "client_secret", "tenant_id", "myfiles", "shared", "cloud"),
    *("certificate_private_key", "certificate_private_key_passphrase", "certificate", "federated_token_file"),
    *("refresh_token", "access_token", "scopes", "graph_url", "authority_url", "ca_certificate", "proxy"),
    *("timeout_seconds", "max_concurrent", "requests_per_second", "user_agent", "read_only", "allowed_locations"),
    "name_policy",
)
# https://learn.microsoft.com/en-us/azure/aks/workload-identity-overview#service-account-labels-and-annotations
_OF_WORKLOAD_IDENTITY = {
    "client_id": "AZURE_CLIENT_ID",
    "tenant_id": "AZURE_TENANT_ID",
    "federated_token_file": "AZURE_FEDERATED_TOKEN_FILE",
    "authority_url": "AZURE_AUTHORITY_HOST",
}


@dataclass(frozen=True)
class Settings:
    """A Microsoft Graph identity and how to reach it.

    :param scopes: of the token; ``<graph host>/.default`` unless the connection names others.
    :param certificate: the certificate of an application; None with other kinds of identity.
    :param federated_token_file: the file with the token of a workload identity; None with other kinds of identity.
    :param myfiles: the drive or folder that ``myfiles`` names; None means the signed-in user's own drive.
    :param shared: by name, the location that ``shared/<name>`` stands for; a sharing link is a secret.
    :param ca_certificate: PEM text of the authorities to trust; None means those of the environment or the system.
    :param timeout_seconds: limits connecting, and each wait for the next bytes.
    :param max_concurrent: how many requests one client sends at once, and how many files of a folder it moves at
        once; None leaves both to the operation.
    :param requests_per_second: how many requests one client sends at most; None sets no limit.
    :param read_only: whether every request that could change something is refused.
    :param allowed_locations: items outside of them are refused; empty allows everything that the identity may do.
    :param name_policy: ``error`` refuses names that OneDrive does not accept, ``replace`` replaces the characters.
    :param policy: what the deployment permits; the default permits everything.
    """

    auth: str
    graph_url: str
    authority_url: str
    scopes: tuple[str, ...]
    tenant_id: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    certificate: ClientCertificate | None = None
    federated_token_file: Path | None = None
    refresh_token: str = field(default="", repr=False)
    access_token: str = field(default="", repr=False)
    myfiles: Location | None = None
    shared: Mapping[str, Location] = field(default_factory=dict)
    ca_certificate: str | None = field(default=None, repr=False)
    proxy: str | None = field(default=None, repr=False)
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    max_concurrent: int | None = None
    requests_per_second: float | None = None
    user_agent: str = DEFAULT_USER_AGENT
    read_only: bool = False
    allowed_locations: tuple[Location, ...] = ()
    name_policy: NamePolicy = "error"
    policy: DeploymentPolicy = DeploymentPolicy()

    @classmethod
    def from_fields(
        cls,
        fields: Mapping[str, Any],
        *,
        trusted_hosts: Collection[str] = (),
        token_file_roots: Sequence[str] = DEFAULT_TOKEN_FILE_ROOTS,
        environment: Mapping[str, str] | None = None,
        policy: DeploymentPolicy = DeploymentPolicy(),
    ) -> Settings:
        """Read the fields of a connection. Any value may be text, as in a connection URI.

        :param trusted_hosts: host names besides Microsoft's that tokens and secrets may be sent to.
        :param token_file_roots: directories below which a federated token file may lie.
        :param environment: the variables that fill empty fields of a federated identity; None means the process's.
        :param policy: what the deployment permits; the default permits everything.
        :raises ConfigurationError: naming the field.
        """
        policy.hide_names()  # before there is a client, because errors about the fields quote locations
        # A form stores an empty field as "" or as null.
        given = {name: value for name, value in fields.items() if value not in (None, "", [], {})}
        _refuse_unknown(given)
        auth = read.choice(given, "auth", AUTH_KINDS, "client_secret")
        if auth == "federated":
            given = _of_workload_identity(os.environ if environment is None else environment) | given
        cloud = read.choice(given, "cloud", CLOUDS, "global")
        graph_url = _url(given, "graph_url", CLOUDS[cloud].graph_url, trusted_hosts)
        name_policy = read.choice(given, "name_policy", NAME_POLICIES, "error")
        parser = LocationParser(name_policy)
        allowed_locations = parse_allowed(parser, read.lines(given, "allowed_locations"))
        policy.check_locations(allowed_locations)
        identity = _identity(given, auth, token_file_roots)
        if "tenant_id" in identity:  # else only the token says it, see TokenSource
            policy.check_tenant(identity["tenant_id"])
        return cls(
            auth=auth,
            graph_url=graph_url,
            authority_url=_url(given, "authority_url", CLOUDS[cloud].authority_url, trusted_hosts),
            scopes=read.words(given, "scopes") or (f"{graph_url}/.default",),
            ca_certificate=authorities(given, "ca_certificate"),
            proxy=_proxy(given, trusted_hosts),
            timeout_seconds=_seconds(given),
            max_concurrent=read.whole_number(given, "max_concurrent", 1, 256),
            requests_per_second=read.number(given, "requests_per_second", 0.01, 10_000),
            user_agent=read.header(given, "user_agent") or DEFAULT_USER_AGENT,
            myfiles=parse_myfiles(parser, read.text(given, "myfiles")) if "myfiles" in given else None,
            shared=parse_shared(parser, read.table(given, "shared", '{"team": "drives/<drive-id>/Reports"}')),
            read_only=read.flag(given, "read_only"),
            allowed_locations=allowed_locations,
            name_policy=name_policy,
            policy=policy,
            **identity,
        )

    @property
    def authority(self) -> str:
        return f"{self.authority_url}/{self.tenant_id}"

    @property
    def has_delta(self) -> bool:
        """Whether delta can be relied on.

        Other clients have given it up in the national clouds, and list everything there.
        """
        # abraunegg/onedrive in all of them, rclone in the Chinese one (RC#6444).
        national = {cloud.graph_url for name, cloud in CLOUDS.items() if name != "global"}
        return self.graph_url not in national

    @property
    def is_app(self) -> bool:
        """Whether the identity is an application, which has no drive of its own. An access token may be either's."""
        return self.auth in ("client_secret", "certificate", "federated", "managed_identity")

    @property
    def identity_digest(self) -> str:
        """A digest that differs for another identity. No secret can be read from it."""
        of_certificate = (self.certificate.private_key, self.certificate.certificate) if self.certificate else ()
        parts = (
            *(self.auth, self.graph_url, self.authority, self.client_id, self.scopes, self.client_secret),
            *(of_certificate, str(self.federated_token_file), self.refresh_token, self.access_token),
        )
        return digest(json.dumps(parts))

    @property
    def digest(self) -> str:
        """A digest that differs for other settings. No secret can be read from it."""
        # A link is left out of the repr, as it is a secret, and yet it makes another connection.
        links = [location.link for location in (self.myfiles, *self.shared.values()) if location]
        more = (links, self.ca_certificate, self.proxy)
        return digest(f"{self.identity_digest}{self!r}{more!r}")


def _refuse_unknown(given: Mapping[str, Any]) -> None:
    """Refuse an unknown field: a misspelt ``read_only`` that is ignored is worse than none."""
    for name in given:
        if name not in FIELDS:
            close = difflib.get_close_matches(name, FIELDS, n=1)
            advice = f"Did you mean {close[0]}?" if close else "Remove it."
            raise ConfigurationError(f"The connection's field {name} is unknown.", advice=advice)


def _of_workload_identity(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, variable in _OF_WORKLOAD_IDENTITY.items() if (value := environment.get(variable))}


def _identity(given: Mapping[str, Any], auth: str, token_file_roots: Sequence[str]) -> dict[str, Any]:
    _refuse_what_others_need(given, auth)
    names = (*_REQUIRED[auth], *_OPTIONAL.get(auth, ()))
    identity: dict[str, Any] = {
        name: read.required(given, name, auth) if name in _REQUIRED[auth] else read.text(given, name)
        for name in names
        if not name.startswith("certificate")
    }
    if "tenant_id" in identity:
        identity["tenant_id"] = _tenant(identity["tenant_id"] or "common")  # personal accounts sign in there, too
    if auth == "certificate":
        identity["certificate"] = client_certificate(given, auth)
    if auth == "federated":
        identity["federated_token_file"] = _token_file(identity["federated_token_file"], token_file_roots)
    if auth == "access_token":
        read.header(given, "access_token")  # it is put into one as it is
    return identity


def _refuse_what_others_need(given: Mapping[str, Any], auth: str) -> None:
    """Refuse a credential that the chosen auth does not use: another identity than the intended one would sign in."""
    used = {*_REQUIRED[auth], *_OPTIONAL.get(auth, ())}
    for name in sorted(_CREDENTIALS & set(given) - used):
        kind = next(kind for kind, names in _REQUIRED.items() if name in (*names, *_OPTIONAL.get(kind, ())))
        raise read.wrong(name, f"is not used with auth {auth!r}.", f"Empty it, or set auth to {kind}.")


def _tenant(text: str) -> str:
    if not _TENANT.fullmatch(text):
        raise read.wrong("tenant_id", "is not a tenant.", "Give the tenant's id or its domain name.")
    return text


def _token_file(text: str, roots: Sequence[str]) -> Path:
    """Check that a path is below a root: an editor of connections must not be able to send any file of a worker."""
    # The real path, because a link below the root could lead anywhere.
    path = Path(os.path.realpath(text))
    if not any(path.is_relative_to(os.path.realpath(root)) for root in roots):
        raise read.wrong(
            "federated_token_file",
            f"is {text}, which does not lie below {' or '.join(roots) or 'any allowed directory'}; nothing was read.",
            "The administrator of this Airflow can list its directory in [onedrive] token_file_roots.",
        )
    return Path(text)


def _url(given: Mapping[str, Any], name: str, default: str, trusted_hosts: Collection[str]) -> str:
    """Read a base URL, and check its host: an editor of connections must not be able to send a secret elsewhere."""
    text = (read.text(given, name) or default).rstrip("/")
    parts = read.split_url(text, "https")
    if parts is None or "@" in parts.netloc or parts.path or parts.query or parts.fragment:
        raise read.wrong(name, "is not a plain https address.", f"Write it like {default}.")
    if parts.hostname not in _MICROSOFT_HOSTS and not _is_trusted(parts.hostname, trusted_hosts):
        raise read.wrong(
            name,
            f"is on the host {parts.hostname!r}, which is not trusted; nothing was sent.",
            "The administrator of this Airflow can list the host in [onedrive] trusted_hosts.",
        )
    return text


def _is_trusted(host: str | None, trusted_hosts: Collection[str]) -> bool:
    return host in {trusted.lower() for trusted in trusted_hosts}


def _proxy(given: Mapping[str, Any], trusted_hosts: Collection[str]) -> str | None:
    """Read the proxy's address. It may hold a password, so it is not shown.

    A proxy whose authority is trusted by ``ca_certificate`` can read what is sent to Microsoft, the secret included.
    """
    text = read.text(given, "proxy")
    if not text:
        return None
    parts = read.split_url(text, "http", "https")
    if parts is None:
        raise read.wrong("proxy", "is not an http address.", "Write it like http://proxy.example:3128.")
    if "ca_certificate" in given and not _is_trusted(parts.hostname, trusted_hosts):
        raise ConfigurationError(
            "The connection has both proxy and ca_certificate, so the proxy could read its secret; nothing was sent.",
            advice="The administrator of this Airflow can list the proxy's host in [onedrive] trusted_hosts.",
        )
    return text


def _seconds(given: Mapping[str, Any]) -> float:
    value = given.get("timeout_seconds", DEFAULT_TIMEOUT_SECONDS)
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds <= 3600:  # noqa: PLR2004 - an hour without a byte is no connection
        raise read.wrong("timeout_seconds", f"is {value!r}.", "Give 1 to 3600.")
    return seconds
