"""The certificate authorities to trust, of a connection or of the environment."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_onedrive.graph.config.certificates import certificates_of_pkcs7
from airflow_provider_onedrive.graph.config.fields import wrong
from airflow_provider_onedrive.graph.config.formats import CERTIFICATE, PFX, PKCS7, format_of
from airflow_provider_onedrive.graph.config.pem import CERTIFICATES, blocks_of, content_of
from airflow_provider_onedrive.graph.config.small_files import read_small_file, reason_of
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError

_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # in the order of requests; OpenSSL itself reads SSL_CERT_FILE
_ADVICE = "Give the certificate's text or the path of a file on every worker."
_PFX_ADVICE = "Convert it: openssl pkcs12 -in FILE -nokeys -out authorities.pem"


@dataclass(frozen=True)
class Bundle:
    """The authorities that the environment names. Bundles differ if their files do.

    :param variable: the name of the environment variable.
    :param version: the time and the size of the file.
    """

    variable: str
    path: Path
    version: tuple[int, int]


def authorities(given: Mapping[str, Any], name: str) -> str | None:
    """Read the certificates to trust, and refuse what OpenSSL cannot read; None if the field is empty.

    :raises ConfigurationError: naming the field.
    """
    content = content_of(given, name)
    if not content:
        return None
    certificates = pem_of(content)
    if certificates is None:
        kind = format_of(content)
        advice = _PFX_ADVICE if kind is PFX else kind.advice
        raise wrong(name, f"holds no certificate as PEM or DER but {kind.name}.", advice or _ADVICE)
    try:
        # Made only to check: later every request would fail with a TLS error that names no field.
        ssl.create_default_context(cadata=certificates)
    except (OSError, ValueError) as error:
        raise wrong(
            name,
            f"holds PEM text of a certificate that cannot be read ({type(error).__name__}).",
            "Give it complete and unchanged.",
        ) from None
    return certificates


def pem_of(content: bytes) -> str | None:
    """Return the certificates of a content as PEM text; None if it holds none."""
    blocks = [block.text for block in blocks_of(content) if block.label in CERTIFICATES]
    if blocks:
        return "\n".join(blocks).replace("X509 CERTIFICATE", "CERTIFICATE")
    kind = format_of(content)
    if kind is CERTIFICATE:
        return ssl.DER_cert_to_PEM_cert(content)
    return _pem_of_pkcs7(content) if kind is PKCS7 else None


def _pem_of_pkcs7(content: bytes) -> str | None:
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - slow to load, and few need it

    try:
        certificates = certificates_of_pkcs7(content)
    except ValueError:
        return None
    return "".join(each.public_bytes(Encoding.PEM).decode() for each in certificates) or None


def bundle_of(environment: Mapping[str, str] | None = None) -> Bundle | None:
    """Return the authorities that programs with requests or curl trust on this machine; None if none are named.

    :raises ConfigurationError: naming the variable, if its file is not there.
    """
    environment = os.environ if environment is None else environment
    variable = next((name for name in _VARIABLES if environment.get(name, "").strip()), None)
    if variable is None:
        return None
    path = Path(environment[variable].strip())
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise _unusable(variable, path, f"cannot be read ({type(error).__name__})") from None
    return Bundle(variable, path, (status.st_mtime_ns, status.st_size))


def context_of(bundle: Bundle) -> ssl.SSLContext:
    """Return the TLS context that trusts a bundle, and no other authorities.

    :raises ConfigurationError: naming the variable.
    """
    if bundle.path.is_dir():
        return ssl.create_default_context(capath=str(bundle.path))
    try:
        content = read_small_file(bundle.path)
        certificates = pem_of(content)
        if certificates is not None:
            return ssl.create_default_context(cadata=certificates)
    except (OSError, ValueError) as error:
        raise _unusable(bundle.variable, bundle.path, f"cannot be read ({reason_of(error)})") from None
    raise _unusable(bundle.variable, bundle.path, f"holds no certificate but is {format_of(content).name}")


def _unusable(variable: str, path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"The environment variable {variable} names {path}, which {reason}.",
        advice="Correct the variable where this program runs, or put the authorities into the connection's "
        "ca_certificate.",
    )
