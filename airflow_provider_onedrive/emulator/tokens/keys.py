"""Keys that sign and verify. ``cryptography`` comes with trustme and is imported when a key is first needed."""

# ruff: noqa: PLC0415 - not before a key is needed

from __future__ import annotations

import hashlib
import threading
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.emulator.tokens import jws

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
    from cryptography.x509 import Certificate

# RS256 with a SHA-1 thumbprint, PS256 with SHA-256: both are sent by msal.
ALGORITHMS = ("RS256", "PS256")
# As many as the keys of Entra have.
_KEY_BITS = 2048
_CERTIFICATE_DAYS = 365


class SigningKey:
    """An RSA key that is made when it is first used: to make one takes up to 150 ms."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: RSAPrivateKey | None = None

    def sign(self, claims: dict[str, Any], **header: str) -> str:
        """Return a token with these claims."""
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding

        head = {"typ": "JWT", "alg": "RS256", "x5t": self.id, "kid": self.id} | header
        private = self.private
        return jws.assemble(head, claims, lambda data: private.sign(data, padding.PKCS1v15(), hashes.SHA256()))

    @property
    def private(self) -> RSAPrivateKey:
        from cryptography.hazmat.primitives.asymmetric import rsa

        with self._lock:
            if self._made is None:
                # Under a lock: two first tokens at once must not get two keys.
                self._made = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
        return self._made

    @cached_property
    def public(self) -> RSAPublicKey:
        return self.private.public_key()

    @cached_property
    def id(self) -> str:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        data = self.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return jws.encode(hashlib.sha1(data).digest())  # noqa: S324 - a name of the key, no protection

    @cached_property
    def document(self) -> dict[str, Any]:
        """https://www.rfc-editor.org/rfc/rfc7517#section-5."""
        numbers = self.public.public_numbers()
        key = {"kty": "RSA", "use": "sig", "kid": self.id, "x5t": self.id, "n": _digits(numbers.n)}
        return {"keys": [key | {"e": _digits(numbers.e)}]}


class ClientCertificate:
    """A certificate with its key, as an application signs in with.

    :param expired: its time is over.
    """

    def __init__(self, *, expired: bool = False) -> None:
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        key = SigningKey().private
        made = _self_signed(key, expired=expired)
        self.certificate = made.public_bytes(Encoding.PEM).decode()
        self.private_key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        self.thumbprint = thumbprints(made)[0].hex().upper()


def load_certificate(pem: str) -> Certificate:
    """Read a certificate in PEM.

    :raises ValueError: the text is not a certificate of an RSA key.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    certificate = x509.load_pem_x509_certificate(pem.encode())
    if not isinstance(certificate.public_key(), RSAPublicKey):
        raise ValueError("A client certificate must have an RSA key.")  # noqa: TRY004 - it is text that is wrong
    return certificate


def thumbprints(certificate: Certificate) -> tuple[bytes, bytes]:
    """Return the two a client may name it by: SHA-1 (``x5t``) and SHA-256 (``x5t#S256``)."""
    from cryptography.hazmat.primitives import hashes

    return certificate.fingerprint(hashes.SHA1()), certificate.fingerprint(hashes.SHA256())  # noqa: S303 - its name


def is_signed(parsed: jws.Parsed, key: Any) -> bool:
    """Return True if this RSA key signed a token, with the algorithm that the token names."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    paddings = {
        "RS256": padding.PKCS1v15(),
        "PS256": padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.DIGEST_LENGTH),
    }
    algorithm = str(parsed.header.get("alg"))
    if algorithm not in paddings:
        return False
    try:
        key.verify(parsed.signature, parsed.signed, paddings[algorithm], hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _self_signed(key: RSAPrivateKey, *, expired: bool) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "airflow-provider-onedrive emulator client")])
    end = datetime.now(UTC) + timedelta(days=-1 if expired else _CERTIFICATE_DAYS)
    builder = x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(end - timedelta(days=2 * _CERTIFICATE_DAYS)).not_valid_after(end)
    return builder.sign(key, hashes.SHA256())


def _digits(number: int) -> str:
    return jws.encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))
