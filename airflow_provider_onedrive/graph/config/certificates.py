"""The certificate and key that an application signs in with."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.graph.config.fields import required, unstripped, wrong
from airflow_provider_onedrive.graph.config.formats import CERTIFICATE, KEY, PFX, PKCS7, TEXT, format_of, formats_of
from airflow_provider_onedrive.graph.config.pem import CERTIFICATES, KEYS, Block, blocks_of, content_of
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12KeyAndCertificates
    from cryptography.x509 import Certificate

_PRIVATE, _PUBLIC, _PASSPHRASE = "certificate_private_key", "certificate", "certificate_private_key_passphrase"
_NEW_PAIR = (
    "Create an RSA pair, and upload its certificate to the app registration: openssl req -x509 -newkey rsa:2048 -nodes "
    "-days 365 -subj /CN=airflow -keyout key.pem -out certificate.pem"
)
_LEGACY_PFX = "Convert it: openssl pkcs12 -legacy -in FILE -nodes -out pair.pem"
_SSH_KEY = "Convert it: ssh-keygen -p -m PEM -f FILE"
_LEGACY_KEY = "Convert it: openssl pkcs8 -topk8 -in FILE -out key.pem"


@dataclass(frozen=True)
class ClientCertificate:
    """The private key and certificate of an application.

    :param private_key: as PEM text (PKCS #8), decrypted.
    :param certificate: its public part, as PEM text.
    :param expires_at: Entra refuses the certificate after this time.
    """

    private_key: str = field(repr=False)
    certificate: str = field(repr=False)
    expires_at: datetime


def client_certificate(given: Mapping[str, Any], auth: str) -> ClientCertificate:
    """Read the pair from the fields of a connection.

    Each holds PEM text, base64, or the path of a mounted file: PEM, DER, PKCS #7 or PFX. One field may hold both parts.

    :raises ConfigurationError: naming the field.
    """
    private, public = content_of(given, _PRIVATE), content_of(given, _PUBLIC)
    private_name = _PUBLIC if not private and _holds(public, KEY) else _PRIVATE
    public_name = _PRIVATE if not public and _holds(private, CERTIFICATE) else _PUBLIC
    contents = {_PRIVATE: private, _PUBLIC: public}
    for name in (private_name, public_name):
        if not contents[name]:
            required(given, name, auth)
    passphrase = unstripped(given, _PASSPHRASE)
    key = _private_key(private_name, contents[private_name], passphrase)
    certificate = _certificate_of(key, public_name, _certificates(public_name, contents[public_name], passphrase))
    _check_kind(private_name, key)  # last: a pair of the wrong parts has to be corrected first
    return _pair(key, certificate)


def _holds(content: bytes, kind: object) -> bool:
    return not {kind, PFX}.isdisjoint(formats_of(content)) if content else False


def _pair(key: Any, certificate: Certificate) -> ClientCertificate:
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - slow to load, and few need it
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    # Without its chain: msal names the certificate by the first one of the text.
    return ClientCertificate(private, certificate.public_bytes(Encoding.PEM).decode(), certificate.not_valid_after_utc)


def _private_key(name: str, content: bytes, passphrase: str) -> Any:
    if format_of(content) is PFX:
        key = _pfx(name, content, passphrase).key
        if key is None:
            raise wrong(name, "is a PFX file without a private key.", "Export it with its private key.")
        return key
    return _plain_key(name, content, passphrase)


def _plain_key(name: str, content: bytes, passphrase: str) -> Any:
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415 - as above
        load_der_private_key,
        load_pem_private_key,
        load_ssh_private_key,
    )

    block = next((block for block in blocks_of(content) if block.label in KEYS), None)
    if block is None:
        if format_of(content) is not KEY:
            raise _lacks(name, "private key", content)
        return _decrypted(name, load_der_private_key, content, passphrase, _LEGACY_KEY)
    if block.label.startswith("OPENSSH"):
        return _decrypted(name, load_ssh_private_key, block.text.encode(), passphrase, _SSH_KEY)
    return _decrypted(name, load_pem_private_key, block.text.encode(), passphrase, _LEGACY_KEY)


def _decrypted(name: str, load: Callable[..., Any], content: bytes, passphrase: str, conversion: str) -> Any:
    """Load a key with the passphrase as it is written, or without the blanks that were copied with it."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - as above

    is_mismatch = False
    for each in _candidates(passphrase):
        try:
            return load(content, each)
        except TypeError:  # one of key and passphrase is for the other kind
            is_mismatch = True
        except ValueError:
            continue
        except UnsupportedAlgorithm:
            raise wrong(name, "is encrypted or made in a way that cannot be read here.", conversion) from None
    raise _unloaded(name, is_mismatch=is_mismatch, has_passphrase=bool(passphrase.strip()))


def _unloaded(name: str, *, is_mismatch: bool, has_passphrase: bool) -> ConfigurationError:
    if is_mismatch and has_passphrase:
        return wrong(name, "is not encrypted, and there is a passphrase.", f"Remove {_PASSPHRASE}.")
    if is_mismatch:
        return wrong(name, "is encrypted.", "Give its passphrase as well.")
    if has_passphrase:
        return wrong(name, "cannot be read with this passphrase.", f"Check {_PASSPHRASE}.")
    return wrong(name, "holds no private key that can be read.", "Give it as PEM, complete and unchanged.")


def _candidates(passphrase: str) -> list[bytes | None]:
    spellings = (passphrase, passphrase.rstrip("\r\n"), passphrase.strip())
    return list(dict.fromkeys(each.encode(errors="surrogatepass") or None for each in spellings))


def _pfx(name: str, content: bytes, passphrase: str) -> PKCS12KeyAndCertificates:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12  # noqa: PLC0415 - as above

    # A PFX file without a passphrase is made with none by some programs, and with an empty one by others.
    candidates = [*_candidates(passphrase), *([] if passphrase.strip() else [b""])]
    for each in candidates:
        try:
            return load_pkcs12(content, each)
        except ValueError:
            continue
        except UnsupportedAlgorithm:
            break
    passed = "with this passphrase" if passphrase.strip() else "without a passphrase"
    raise wrong(name, f"is a PFX file that cannot be read {passed}.", f"Check {_PASSPHRASE}. {_LEGACY_PFX}")


def _check_kind(name: str, key: Any) -> None:
    """Refuse a key that cannot sign in: msal signs with RSA only, and Entra takes nothing else.

    https://github.com/AzureAD/microsoft-authentication-library-for-dotnet/issues/2573
    """
    from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: PLC0415 - as above

    if not isinstance(key, rsa.RSAPrivateKey):
        is_ec = isinstance(key, ec.EllipticCurvePrivateKey)
        kind = f"an EC key ({key.curve.name})" if is_ec else f"a key of the kind {type(key).__name__}"
        raise wrong(name, f"holds {kind}, and Entra takes RSA keys only.", _NEW_PAIR)


def _certificates(name: str, content: bytes, passphrase: str) -> list[Certificate]:
    """Return the certificates of a content, in its order."""
    from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate  # noqa: PLC0415 - as above

    kind = format_of(content)
    blocks = [block for block in blocks_of(content) if block.label in CERTIFICATES]
    try:
        if blocks:
            return [load_pem_x509_certificate(_renamed(block)) for block in blocks]
        if kind is PFX:
            return _of_pfx(_pfx(name, content, passphrase))
        if kind is PKCS7:
            return certificates_of_pkcs7(content)
        if kind is CERTIFICATE:
            return [load_der_x509_certificate(content)]
    except ConfigurationError:
        raise
    except _unreadable():
        advice = kind.advice or "Give it complete and unchanged."
        raise wrong(name, f"holds {kind.name} that cannot be read.", advice) from None
    raise _lacks(name, "certificate", content)


def _renamed(block: Block) -> bytes:
    # Old programs write another label.
    return block.text.replace("X509 CERTIFICATE", "CERTIFICATE").encode()


def _of_pfx(pfx: PKCS12KeyAndCertificates) -> list[Certificate]:
    own = [pfx.cert.certificate] if pfx.cert else []
    return [*own, *(each.certificate for each in pfx.additional_certs)]


def certificates_of_pkcs7(content: bytes) -> list[Certificate]:
    """Return the certificates of a bundle.

    :raises ValueError: if it cannot be read.
    """
    from cryptography.hazmat.primitives.serialization.pkcs7 import (  # noqa: PLC0415 - as above
        load_der_pkcs7_certificates,
        load_pem_pkcs7_certificates,
    )

    blocks = blocks_of(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # openssl itself writes them in an order that DER forbids
        try:
            if blocks:
                return load_pem_pkcs7_certificates(blocks[0].text.encode())
            return load_der_pkcs7_certificates(content)
        except _unreadable() as error:
            raise ValueError("It is not a bundle of certificates.") from error


def _certificate_of(key: Any, name: str, certificates: list[Certificate]) -> Certificate:
    """Return the certificate of a key: in a chain it may come after its authorities."""
    public = _bytes_of(key.public_key())
    for certificate in certificates:
        with suppress(*_unreadable()):  # an authority in the chain may have a key of a kind that is not known here
            if _bytes_of(certificate.public_key()) == public:
                return certificate
    raise wrong(name, f"does not belong to {_PRIVATE}.", "Give both of one pair.")


def _unreadable() -> tuple[type[Exception], ...]:
    """Return the errors of certificates that are damaged, or of a kind that cannot be read."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - as above
    from cryptography.x509 import InvalidVersion  # noqa: PLC0415 - as above

    return ValueError, UnsupportedAlgorithm, InvalidVersion


def _bytes_of(key: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415 - as above

    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _lacks(name: str, wanted: str, content: bytes) -> ConfigurationError:
    kind = format_of(content)
    if kind is TEXT:
        return wrong(name, "names a file without PEM text, DER or PFX.", "Give the path of a PEM file.")
    return wrong(name, f"holds no {wanted} but {kind.name}.", kind.advice or f"Give the {wanted}.")
