"""What a connection says, read and checked before anything is sent."""

from __future__ import annotations

import difflib
import re
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from airflow_provider_onedrive.graph.errors import ConfigurationError
from airflow_provider_onedrive.graph.locations import Location, parse_myfiles

DEFAULT_TIMEOUT_SECONDS = 60.0
DEFAULT_USER_AGENT = "NONISV|airflow-provider-onedrive|airflow-provider-onedrive/0.1.0"


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
_AUTH_KINDS = ("client_secret", "access_token")
_LATER_AUTH_KINDS = ("certificate", "federated", "managed_identity", "refresh_token")
_FIELDS: tuple[str, ...] = (
    *("auth", "client_id", "client_secret", "tenant_id", "myfiles", "cloud", "access_token", "scopes"),
    *("graph_url", "authority_url", "ca_certificate", "proxy", "timeout_seconds", "user_agent"),
)
_LATER_FIELDS = frozenset(
    {
        *("shared", "certificate_private_key", "certificate_private_key_passphrase", "certificate"),
        *("federated_token_file", "refresh_token", "max_concurrent", "requests_per_second", "read_only"),
        "allowed_locations",
    }
)


@dataclass(frozen=True)
class Settings:
    """A Microsoft Graph identity and how to reach it.

    :param myfiles: what ``myfiles`` names; None means the signed-in user's own drive.
    :param scopes: of the token; ``<graph host>/.default`` unless the connection says otherwise.
    :param ca_certificate: PEM text of the authorities to trust; None means the system's.
    :param timeout_seconds: of connecting, and of each wait for the next bytes.
    """

    auth: str
    graph_url: str
    authority_url: str
    scopes: tuple[str, ...]
    tenant_id: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    access_token: str = field(default="", repr=False)
    myfiles: Location | None = None
    ca_certificate: str | None = field(default=None, repr=False)
    proxy: str | None = field(default=None, repr=False)
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    user_agent: str = DEFAULT_USER_AGENT

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any], *, trusted_hosts: Collection[str] = ()) -> Settings:
        """Read the fields of a connection; values may be text, as a connection URI makes them.

        :param trusted_hosts: host names besides Microsoft's that the deployment lets tokens and secrets go to.
        :raises ConfigurationError: naming the field.
        """
        given = {name: value for name, value in fields.items() if value not in (None, "", [], {})}
        _refuse_unknown(given)
        auth = _auth(given)
        cloud = _choice(given, "cloud", CLOUDS, "global")
        graph_url = _url(given, "graph_url", CLOUDS[cloud].graph_url, trusted_hosts)
        return cls(
            auth=auth,
            graph_url=graph_url,
            authority_url=_url(given, "authority_url", CLOUDS[cloud].authority_url, trusted_hosts),
            scopes=_scopes(given) or (f"{graph_url}/.default",),
            ca_certificate=_certificate(given),
            proxy=_proxy(given, trusted_hosts),
            timeout_seconds=_seconds(given),
            user_agent=_header(given, "user_agent") or DEFAULT_USER_AGENT,
            myfiles=parse_myfiles(_text(given, "myfiles")) if "myfiles" in given else None,
            **_identity(given, auth),
        )

    @property
    def authority(self) -> str:
        return f"{self.authority_url}/{self.tenant_id}"

    @property
    def has_delta(self) -> bool:
        """Whether delta can be relied on: other clients have given it up in the national clouds."""
        national = {cloud.graph_url for name, cloud in CLOUDS.items() if name != "global"}
        return self.graph_url not in national

    @property
    def is_app(self) -> bool:
        """Whether the identity is surely an application, which has no drive of its own."""
        return self.auth == "client_secret"


def _refuse_unknown(given: Mapping[str, Any]) -> None:
    """Refuse what is not understood: a limit that is silently ignored is worse than none."""
    for name in given:
        if name in _LATER_FIELDS:
            raise ConfigurationError(
                f"The connection's field {name} is not supported by this version.", advice="Remove it."
            )
        if name not in _FIELDS:
            close = difflib.get_close_matches(name, _FIELDS, n=1)
            advice = f"Did you mean {close[0]}?" if close else "Remove it."
            raise ConfigurationError(f"The connection's field {name} is unknown.", advice=advice)


def _auth(given: Mapping[str, Any]) -> str:
    kind = str(given.get("auth", "client_secret"))
    if kind in _LATER_AUTH_KINDS:
        raise ConfigurationError(
            f"auth {kind!r} is not supported by this version.", advice=f"Use {' or '.join(_AUTH_KINDS)}."
        )
    return _choice(given, "auth", _AUTH_KINDS, "client_secret")


def _identity(given: Mapping[str, Any], auth: str) -> dict[str, str]:
    if auth == "access_token":
        _header(given, "access_token")
        return {"access_token": _required(given, "access_token", auth)}
    names = ("tenant_id", "client_id", "client_secret")
    identity = {name: _required(given, name, auth) for name in names}
    if not _TENANT.fullmatch(identity["tenant_id"]):
        raise ConfigurationError(
            "The connection's field tenant_id is no tenant.", advice="Give the tenant's id or its domain name."
        )
    return identity


_FORM_NAMES = {"client_id": "login (client id)", "client_secret": "password (client secret)"}


def _required(given: Mapping[str, Any], name: str, auth: str) -> str:
    if text := _text(given, name):
        return text
    raise ConfigurationError(
        f"The connection's field {_FORM_NAMES.get(name, name)} is empty, and auth {auth!r} needs it.",
        advice="Fill it in.",
    )


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name, "")
    if not isinstance(value, str):
        raise ConfigurationError(f"The connection's field {name} is no text.", advice="Put it in quotes.")
    return value.strip()


def _header(given: Mapping[str, Any], name: str) -> str:
    """Read text that becomes a header: the HTTP library's error would show what it cannot send."""
    text = _text(given, name)
    if not (text.isascii() and text.isprintable()):
        raise ConfigurationError(
            f"The connection's field {name} holds a line break or another character that no header can hold.",
            advice="Write it in one line of ASCII.",
        )
    return text


def _choice(given: Mapping[str, Any], name: str, allowed: Collection[str], default: str) -> str:
    value = str(given.get(name, default)).strip()
    if value not in allowed:
        raise ConfigurationError(
            f"The connection's field {name} is {value!r}.", advice=f"Use one of {', '.join(allowed)}."
        )
    return value


def _url(given: Mapping[str, Any], name: str, default: str, trusted_hosts: Collection[str]) -> str:
    """Read a base URL: whoever may edit a connection must not be able to send its secret elsewhere."""
    text = (_text(given, name) or default).rstrip("/")
    parts = _split(text, "https")
    if parts is None or "@" in parts.netloc or parts.path or parts.query or parts.fragment:
        raise ConfigurationError(
            f"The connection's field {name} is no plain https address.", advice=f"Write it like {default}."
        )
    if parts.hostname not in _MICROSOFT_HOSTS and not _is_trusted(parts.hostname, trusted_hosts):
        raise ConfigurationError(
            f"The connection's field {name} is on the host {parts.hostname!r}, which is not trusted; nothing was sent.",
            advice="Whoever runs this Airflow may list the host in [onedrive] trusted_hosts.",
        )
    return text


def _is_trusted(host: str | None, trusted_hosts: Collection[str]) -> bool:
    return host in {trusted.lower() for trusted in trusted_hosts}


def _proxy(given: Mapping[str, Any], trusted_hosts: Collection[str]) -> str | None:
    """Read the proxy's address, which may hold a password and so is not shown.

    Together with an authority of one's own a proxy can read what goes to Microsoft, the secret included.
    """
    text = _text(given, "proxy")
    if not text:
        return None
    parts = _split(text, "http", "https")
    if parts is None:
        raise ConfigurationError(
            "The connection's field proxy is no http address.", advice="Write it like http://proxy.example:3128."
        )
    if "ca_certificate" in given and not _is_trusted(parts.hostname, trusted_hosts):
        raise ConfigurationError(
            "The connection has both proxy and ca_certificate, so the proxy could read its secret; nothing was sent.",
            advice="Whoever runs this Airflow may list the proxy's host in [onedrive] trusted_hosts.",
        )
    return text


def _split(text: str, *schemes: str) -> SplitResult | None:
    """Split an address of a host; None where it is none."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return None
    is_plain = text.isascii() and text.isprintable()
    return parts if is_plain and parts.scheme in schemes and parts.hostname else None


def _scopes(given: Mapping[str, Any]) -> tuple[str, ...]:
    value = given.get("scopes", ())
    if not isinstance(value, (str, list, tuple)):
        raise ConfigurationError("The connection's field scopes is no text and no list.", advice="Put it in quotes.")
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else tuple(map(str, value))


def _seconds(given: Mapping[str, Any]) -> float:
    value = given.get("timeout_seconds", DEFAULT_TIMEOUT_SECONDS)
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds <= 3600:  # noqa: PLR2004 - an hour without a byte is no connection
        raise ConfigurationError(f"The connection's field timeout_seconds is {value!r}.", advice="Give 1 to 3600.")
    return seconds


def _certificate(given: Mapping[str, Any]) -> str | None:
    """Read a PEM from its text or from the file it names, and see that it is one."""
    text = _text(given, "ca_certificate")
    if not text:
        return None
    try:
        pem = text if "-----BEGIN" in text else Path(text).read_text(encoding="ascii")
        ssl.create_default_context(cadata=pem)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The connection's field ca_certificate is no PEM text and no readable PEM file ({type(error).__name__}).",
            advice="Give the certificate's text or the path of a file on every worker.",
        ) from None
    return pem
