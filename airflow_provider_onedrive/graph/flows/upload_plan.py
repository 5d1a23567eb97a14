"""What is uploaded where, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_onedrive.graph.content.hashing import Digests
from airflow_provider_onedrive.graph.content.sources import Source
from airflow_provider_onedrive.graph.flows.session_state import OpenSession
from airflow_provider_onedrive.graph.protocol.addresses import Address
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.options import UploadOptions

# https://support.microsoft.com/office/64883a5d-228e-48f5-b3d2-eb39e07630fa


@dataclass(frozen=True)
class Upload:
    """What goes where.

    :param address: the file: a name through the id of its folder, or an existing file by its own id.
    :param conflict: what Graph does about a taken name: ``fail`` or ``replace``.
    :param if_match: the eTag that the file must still have, as the caller says; None asks for none.
    :param seen_etag: the eTag that the file had when it was read; None where it was not.
    :param retrying: whether the file may be there already, by an earlier attempt or a request whose answer was lost.
    :param open_session: the state of its upload session.
    :param failures: how often it was sent in vain.
    """

    address: Address
    source: Source
    digests: Digests
    conflict: str = "fail"
    if_match: str | None = None
    seen_etag: str | None = None
    retrying: bool = False
    options: UploadOptions = UploadOptions()
    open_session: OpenSession = field(default_factory=OpenSession)
    failures: int = 0

    @property
    def headers(self) -> dict[str, str]:
        # Some personal items refuse even their current eTag (OD#1716); yet it is sent, because a version was meant.
        # What an earlier try sends late must not replace what this one has sent, so the version that was seen counts.
        etag = self.if_match or self.seen_etag
        return {"If-Match": etag} if etag else {}

    @property
    def waits_for_lock(self) -> bool:
        return self.options.on_locked == "wait"

    @property
    def by_session(self) -> bool:
        """Whether it goes by an upload session, which cannot make an empty file but keeps the modification time."""
        # Only a plain PUT can make an empty file (OD#53). Only a session takes the time together with the content.
        return self.source.size > (0 if self.preserves_mtime else self.options.single_put_bytes)

    @property
    def preserves_mtime(self) -> bool:
        return self.options.preserve_mtime and self.source.modified_at is not None

    @property
    def file_system_info(self) -> dict[str, str]:
        """The source's modification time as ``fileSystemInfo`` takes it."""
        modified_at = self.source.modified_at
        return {} if modified_at is None else {"lastModifiedDateTime": f"{modified_at:%Y-%m-%dT%H:%M:%SZ}"}

    def body(self, start: int, length: int) -> Callable[[], Iterable[bytes]]:
        """Make the body of one request; its hashes are taken as it is sent."""
        return lambda: self.digests.passing(start, length)

    def purpose(self) -> dict[str, Any]:
        """Return the facts that a later attempt compares before it resumes this session."""
        return {
            "source": self.source.fingerprint(),
            "target": self.address.url(),
            # All that Graph has fixed with the session: a later attempt cannot change it there.
            "options": {"conflict": self.conflict, "if_match": self.if_match, **self.file_system_info},
        }


def check_etag(etag: str | None) -> None:
    """Refuse an empty template: it would take whatever version is there.

    :raises ConfigurationError: if it is no eTag.
    """
    is_text = isinstance(etag, str)
    if etag is not None and not (is_text and etag.strip() and etag.isascii() and etag.isprintable()):
        raise ConfigurationError(
            f"expected_etag {etag!r} is no eTag.", advice="Check the template that makes it, or leave it out."
        )
