"""Names what a content of certificates or keys is, and the command that converts it."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_onedrive.graph.config.pem import CERTIFICATES, KEYS, blocks_of


@dataclass(frozen=True)
class Format:
    """What a content is.

    :param name: with its article, for an error.
    :param advice: how to get from it what a connection needs.
    """

    name: str
    advice: str = ""


CERTIFICATE = Format("a certificate")
KEY = Format("a private key")
PFX = Format("a PFX file (PKCS #12)", "Convert it: openssl pkcs12 -in FILE -nodes -out pair.pem")
PKCS7 = Format("a PKCS #7 bundle", "Convert it: openssl pkcs7 -print_certs -in FILE -out certificates.pem")
REQUEST = Format("a certificate request", "The authority that signs it returns the certificate.")
TEXT = Format("neither PEM nor DER")

_PUBLIC = Format("a public key", "Give the certificate, which holds it, or the private key.")
_BY_LABEL = {
    **dict.fromkeys(CERTIFICATES, CERTIFICATE),
    **dict.fromkeys(KEYS, KEY),
    **dict.fromkeys(("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"), REQUEST),
    **dict.fromkeys(("PUBLIC KEY", "RSA PUBLIC KEY"), _PUBLIC),
    **dict.fromkeys(("PKCS7", "CMS"), PKCS7),
    "TRUSTED CERTIFICATE": Format(
        "a certificate with OpenSSL's trust settings", "Convert it: openssl x509 -in FILE -out certificate.pem"
    ),
    "X509 CRL": Format("a revocation list"),
}
_BY_BEGINNING = {
    b"\xfe\xed\xfe\xed": Format(
        "a Java keystore",
        "Convert it: keytool -importkeystore -srckeystore FILE -destkeystore pair.pfx -deststoretype pkcs12",
    ),
    b"PuTTY-User-Key-File": Format("a key of PuTTY", "Convert it: puttygen FILE -O private-openssh -o key.pem"),
    b"ssh-": _PUBLIC,
    b"PK\x03\x04": Format("a zip archive", "Unpack it."),
}
# The first fields of a DER sequence, in their order: each of these begins differently.
_BY_DER_FIELD = (
    (bytes.fromhex("020103"), PFX),  # version 3
    (bytes.fromhex("06092a864886f70d010702"), PKCS7),  # the identifier of signed data
    (bytes.fromhex("a003020102"), CERTIFICATE),  # version 3 of X.509
    (bytes.fromhex("06092a864886f70d01050d"), KEY),  # the identifier of PBES2, by which a key is encrypted
)
_FIRST_BYTES = 24
_OTHER_DER = Format("binary (DER) of another kind", "See what it is: openssl asn1parse -inform DER -in FILE")


def format_of(content: bytes) -> Format:
    """Return what a content is; of several kinds in one PEM text the first."""
    return formats_of(content)[0]


def formats_of(content: bytes) -> list[Format]:
    """Return what a content is: a PEM text may hold blocks of several kinds. Nothing is decrypted."""
    if blocks := blocks_of(content):
        return [_BY_LABEL.get(block.label, Format(f"PEM of the kind {block.label}")) for block in blocks]
    if content.startswith(b"\x30"):
        return [_format_of_der(content)]
    return [next((kind for beginning, kind in _BY_BEGINNING.items() if content.startswith(beginning)), TEXT)]


def _format_of_der(content: bytes) -> Format:
    beginning = content[:_FIRST_BYTES]
    for bytes_of_field, kind in _BY_DER_FIELD:
        if bytes_of_field in beginning:
            return kind
    header = 2 + (content[1] & 0x7F if len(content) > 1 and content[1] & 0x80 else 0)
    # A key begins with its version, 0 or 1; a request holds a sequence that does.
    if content[header : header + 3] in (bytes.fromhex("020100"), bytes.fromhex("020101")):
        return KEY
    return REQUEST if bytes.fromhex("020100") in beginning else _OTHER_DER
