"""The certificate and key that an application signs in with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from airflow_provider_onedrive.graph.config.fields import pem, required, text, wrong


@dataclass(frozen=True)
class ClientCertificate:
    """The private key and certificate of an application.

    :param private_key: as PEM text, perhaps encrypted with ``passphrase``.
    :param certificate: its public part, as PEM text.
    :param expires_at: Entra refuses the certificate after this time.
    """

    private_key: str = field(repr=False)
    certificate: str = field(repr=False)
    passphrase: str = field(repr=False)
    expires_at: datetime


def client_certificate(given: Mapping[str, Any], auth: str) -> ClientCertificate:
    """Read the pair from the fields of a connection, each either PEM text or the path of a mounted file.

    :raises ConfigurationError: naming the field.
    """
    for name in ("certificate_private_key", "certificate"):
        required(given, name, auth)
    private_key, certificate = pem(given, "certificate_private_key"), pem(given, "certificate")
    passphrase = text(given, "certificate_private_key_passphrase")
    public = _public_of_key(private_key, passphrase)
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415 - slow to load, and few need it

    try:
        parsed = load_pem_x509_certificate(certificate.encode())
    except ValueError:
        raise wrong("certificate", "holds no certificate.", "Give its public part as PEM.") from None
    if _bytes_of(parsed.public_key()) != public:
        raise wrong("certificate", "does not belong to certificate_private_key.", "Give both of one pair.")
    return ClientCertificate(private_key, certificate, passphrase, parsed.not_valid_after_utc)


def _public_of_key(private_key: str, passphrase: str) -> bytes:
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - as above
        load_pem_private_key,
    )

    name = "certificate_private_key"
    try:
        key = load_pem_private_key(private_key.encode(), passphrase.encode() or None)
    except TypeError:  # one of key and passphrase is for the other kind
        reason = "is not encrypted, and there is a passphrase." if passphrase else "is encrypted."
        advice = "Remove certificate_private_key_passphrase." if passphrase else "Give its passphrase as well."
        raise wrong(name, reason, advice) from None
    except ValueError:
        reason = "cannot be read with this passphrase." if passphrase else "holds no private key."
        raise wrong(
            name, reason, "Check certificate_private_key_passphrase." if passphrase else "Give it as PEM."
        ) from None
    return _bytes_of(key.public_key())


def _bytes_of(key: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415 - as above

    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
