"""Client assertions: signed with a registered certificate's key, or given out by an issuer the application trusts.

https://learn.microsoft.com/entra/identity-platform/certificate-credentials
https://learn.microsoft.com/entra/workload-id/workload-identity-federation
"""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_onedrive.emulator.entra.login import LoginProblem
from airflow_provider_onedrive.emulator.model import clock
from airflow_provider_onedrive.emulator.tokens import jws, keys
from airflow_provider_onedrive.emulator.tokens.applications import Application, FederatedCredential

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# The clocks of client and server may differ by five minutes.
SKEW_SECONDS = 300


def check(application: Application, text: str, audiences: Collection[str]) -> None:
    """Refuse an assertion that does not prove the identity of the application.

    :param audiences: accepted audiences of an assertion that the application signed itself.
    """
    try:
        parsed = jws.parse(text)
    except ValueError:
        raise _refused(50027, "JWT token is invalid or malformed.") from None
    # The application names itself as issuer by its id, others by their address.
    if str(parsed.claims.get("iss")).startswith("https://"):
        _check_federated(application, parsed)
    else:
        _check_own(application, parsed, audiences)
    _check_time(parsed.claims)


def _check_own(application: Application, parsed: jws.Parsed, audiences: Collection[str]) -> None:
    if parsed.header.get("alg") not in keys.ALGORITHMS:
        algorithm = parsed.header.get("alg")
        raise _refused(5002738, f"Invalid JWT token. '{algorithm}' is not a supported signature algorithm.")
    certificate = _certificate(application, _thumbprint(parsed.header))
    if not keys.is_signed(parsed, certificate.public_key()):
        raise _refused(700027, "Client assertion failed signature validation.")
    if {str(parsed.claims.get(name)).lower() for name in ("iss", "sub")} != {application.client_id}:
        raise _refused(700021, "Client assertion application identifier doesn't match 'client_id' parameter.")
    if str(parsed.claims.get("aud")) not in audiences:
        raise _refused(700023, "Client assertion audience claim does not match Realm issuer.")


def _thumbprint(header: dict[str, Any]) -> bytes:
    # msal sends x5t#S256 with PS256 and the older x5t with RS256; both forms are in use.
    for name in ("x5t#S256", "x5t"):
        try:
            return jws.decode(str(header[name]).rstrip("="))
        except (KeyError, ValueError):
            continue
    message = "Invalid JWT token. No certificate SHA-1 thumbprint, certificate SHA-256 thumbprint, nor keyId specified."
    raise _refused(5002723, message)


def _certificate(application: Application, thumbprint: bytes) -> Certificate:
    certificate = application.certificate(thumbprint)
    named = f"Thumbprint of key used by client: '{thumbprint.hex().upper()}'"
    if certificate is None:
        message = "The certificate with identifier used to sign the client assertion is not registered on application."
        raise _refused(700027, f"{message} [Reason - The key was not found., {named}]")
    # Entra ID checks the expiry of a registered certificate at each sign-in.
    if certificate.not_valid_after_utc <= datetime.now(UTC):
        message = "Client assertion failed signature validation."
        raise _refused(700027, f"{message} [Reason - The key used is expired., {named}]")
    return certificate


def _check_federated(application: Application, parsed: jws.Parsed) -> None:
    """Find the trusted credential. Entra ID reports the first mismatch: issuer, subject, then audience."""
    left = application.federated
    for number, name in ((700211, "issuer"), (700213, "subject"), (700212, "audience")):
        claim = parsed.claims.get(name[:3])
        left = [credential for credential in left if claim == getattr(credential, name)]
        if not left:
            message = f"No matching federated identity record found for presented assertion {name} '{claim}'."
            advice = "Check your federated identity credential Subject, Audience and Issuer against the assertion."
            raise _refused(number, f"{message} {advice}")
    if not any(_is_signed(parsed, credential) for credential in left):
        raise _refused(700027, "Client assertion failed signature validation.")


def _is_signed(parsed: jws.Parsed, credential: FederatedCredential) -> bool:
    return keys.is_signed(parsed, credential.public_key)


def _check_time(claims: dict[str, Any]) -> None:
    begin, end, now = _moment(claims, "nbf"), _moment(claims, "exp"), time.time()
    if begin - SKEW_SECONDS <= now < end:
        return
    begins, ends, current = (clock.text(datetime.fromtimestamp(moment, UTC)) for moment in (begin, end, now))
    times = f"Current time: {current}, assertion valid from {begins}, expiry time of assertion {ends}."
    raise _refused(700024, f"Client assertion is not within its valid time range. {times}")


def _moment(claims: dict[str, Any], name: str) -> float:
    """Return a time in seconds. A missing or impossible time is 0."""
    value = claims.get(name, 0)
    # JSON allows booleans and huge numbers here, which would break the conversion to a date.
    is_time = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**32
    return float(value) if is_time else 0.0


def _refused(number: int, message: str) -> LoginProblem:
    return LoginProblem(401, "invalid_client", number, message)
