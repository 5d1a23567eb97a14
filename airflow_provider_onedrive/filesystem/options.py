"""What a filesystem is made with, and how it becomes a client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.graph.config.settings import FIELDS, Settings
from airflow_provider_onedrive.graph.protocol.digests import digest
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.hidden_names import cause_to_show
from airflow_provider_onedrive.graph.protocol.redaction import has_link

if TYPE_CHECKING:
    from airflow_provider_onedrive.graph.client import Client

DEFAULT_CONN_ID = "onedrive_default"
HIDDEN = "***"
"""Stands in the place of a secret."""
BLOCK_BYTES = 5 * 1024 * 1024
_SECRETS = frozenset(
    {
        *("client_secret", "certificate_private_key", "certificate_private_key_passphrase"),
        *("refresh_token", "access_token", "proxy"),
    }
)


@dataclass(frozen=True, kw_only=True)
class FileSystemOptions:
    """The ``storage_options`` of a filesystem, besides the connection's fields.

    :param conn_id: the Airflow connection; None takes ``onedrive_default``, unless fields of a connection are given.
    :param block_size: the bytes that are read ahead of a program that reads on and on, and the size up to which a file
        is fetched whole.
    :param listings_expiry_time: the seconds for which listings and properties are not asked for again; what this
        filesystem itself changes is forgotten at once.
    :param use_listings_cache: whether anything is kept at all.
    :param auto_mkdir: whether writing a file creates the missing folders above it.
    :param permanent: delete for good, and not to the recycle bin.
    :param allow_sign: let ``sign`` return download URLs, which are secrets.
    :param max_concurrent: the number of files or folders that are worked on at once.
    :param trusted_hosts: host names besides Microsoft's that the secrets of the given fields may be sent to.
    :param fields: the fields of a connection, in place of ``conn_id``.
    """

    conn_id: str | None = None
    block_size: int = BLOCK_BYTES
    listings_expiry_time: float = 5.0
    use_listings_cache: bool = True
    auto_mkdir: bool = True
    permanent: bool = False
    allow_sign: bool = False
    max_concurrent: int = 8
    trusted_hosts: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def check(self) -> None:
        """Refuse options that contradict each other; nothing is looked up.

        :raises ConfigurationError: naming the option.
        """
        unknown = sorted(set(self.fields) - set(FIELDS))
        if unknown:
            raise ConfigurationError(
                f"The storage option {unknown[0]} is unknown.", advice="Give conn_id, or the fields of a connection."
            )
        if self.conn_id and (self.fields or self.trusted_hosts):
            raise ConfigurationError(
                "storage_options have both conn_id and fields of a connection.", advice="Give one of them."
            )
        if HIDDEN in self.fields.values():
            raise ConfigurationError(
                "A secret of the storage_options was left out where they were written down.", advice="Use conn_id."
            )

    @property
    def identity(self) -> str:
        """A text that differs for another connection, without a secret."""
        if not self.fields:
            return self.conn_id or DEFAULT_CONN_ID
        public = {name: value for name, value in self.fields.items() if not _is_secret(name, value)}
        return digest(repr(sorted(public.items())))[:16]

    def client(self) -> Client:
        """Make a client: the connection is looked up now, and nothing is sent yet.

        :raises ConfigurationError: naming the field that is wrong.
        """
        if self.fields:
            from airflow_provider_onedrive.graph.client import Client  # noqa: PLC0415 - httpx and msal are slow to import

            return Client(Settings.from_fields(self.fields, trusted_hosts=self.trusted_hosts))
        try:
            from airflow_provider_onedrive.hooks.onedrive import OneDriveHook  # noqa: PLC0415 - Airflow may be missing
        except ImportError as error:
            raise ConfigurationError(
                f"The connection {self.conn_id or DEFAULT_CONN_ID!r} is Airflow's, which cannot be imported: {error}.",
                advice="Without Airflow, give the connection's fields as storage_options.",
            ) from cause_to_show(error)
        return OneDriveHook(self.conn_id or DEFAULT_CONN_ID).get_conn()


def without_secrets(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as they may be shown."""
    return {name: HIDDEN if _is_secret(name, value) else value for name, value in options.items()}


def _is_secret(name: str, value: Any) -> bool:
    # A sharing link in myfiles or shared is one, too.
    return bool(value) and (name in _SECRETS or has_link(str(value)))
