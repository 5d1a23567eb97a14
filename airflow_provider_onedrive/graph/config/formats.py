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
_SEQUENCE, _INTEGER, _IDENTIFIER, _VERSION = 0x30, 0x02, 0x06, 0xA0
# What Microsoft's tools and openssl encrypt keys with: the identifiers below pkcs-5 and pkcs-12.
_ENCRYPTIONS = (bytes.fromhex("2a864886f70d0105"), bytes.fromhex("2a864886f70d010c"))
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
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
    """Return what a sequence of DER is, by its first field."""
    tag, value = _element(_element(content)[1])
    if tag == _INTEGER:
        # Keys begin with their version, 0 or 1, and public keys with their modulus.
        return {b"\x03": PFX, b"\x00": KEY, b"\x01": KEY}.get(value, _PUBLIC if len(value) > 1 else _OTHER_DER)
    if tag == _IDENTIFIER:
        return PKCS7 if value == _SIGNED_DATA else _OTHER_DER
    return _format_of_nested(*_element(value)) if tag == _SEQUENCE else _OTHER_DER


def _format_of_nested(tag: int, value: bytes) -> Format:
    """Return what a sequence is whose first field is a sequence, by the first field of that."""
    if tag == _IDENTIFIER:
        return KEY if value.startswith(_ENCRYPTIONS) else _PUBLIC
    # Certificates of version 1 have no version but a serial number, which is not 0.
    is_request = tag == _INTEGER and value == b"\x00"
    return REQUEST if is_request else CERTIFICATE if tag in (_INTEGER, _VERSION) else _OTHER_DER


def _element(content: bytes) -> tuple[int, bytes]:
    """Return the tag and the value of the first element of DER; the tag is 0 if there is none."""
    if len(content) < 2:  # noqa: PLR2004 - a tag and a length
        return 0, b""
    count = content[1] & 0x7F if content[1] & 0x80 else 0
    if not count:  # a short length, or (0x80) one that is not given
        return content[0], content[2:] if content[1] & 0x80 else content[2 : 2 + content[1]]
    begin = 2 + count
    return content[0], content[begin : begin + int.from_bytes(content[2:begin], "big")]
