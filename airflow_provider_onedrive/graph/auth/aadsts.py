"""Entra's error codes, with what to do about each and who has to do it.

https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

import re

_NO_TENANT = "There is no such tenant: check tenant_id of the connection."
_SIGN_IN_AGAIN = "Sign in again (airflow-onedrive login), and put the new refresh token into the connection."

_EXEMPT = "The Entra administrator of the tenant sees which policy it is in the sign-in log, and can exempt the app."
CLAIMS = (
    "A conditional access policy wants another proof than the stored sign-in has (a claims challenge). "
    f"{_SIGN_IN_AGAIN} {_EXEMPT}"
)
"""What to do about a refusal that names the claims which a new sign-in has to prove."""

# Entra's description says what is wrong with the request; only the code tells who can correct it.
ADVICE = {
    "7000215": "The client secret is wrong: paste the secret's value, not its id, into the connection's password.",
    "7000222": "The client secret has expired: create a new one in Entra and put it into the connection's password.",
    "7000218": "The app is not a public client: give the client secret, or allow public client flows in Entra.",
    "700016": "The tenant does not know this client id: check login and tenant_id of the connection.",
    "700027": "Entra does not know the certificate: upload its public part to the app registration.",
    "700024": "The federated token is not valid at this time: check the worker's clock, and the token file.",
    "700211": "No federated credential of the app has this issuer: compare it with the app registration.",
    "700212": "No federated credential of the app has this audience: use api://AzureADTokenExchange.",
    "700213": "No federated credential of the app has this subject: compare it with the app registration.",
    "700021": "The federated token's issuer is not the one that the app trusts.",
    "70021": "No federated credential of the app fits the token: compare issuer, subject and audience.",
    "65001": "Nobody has consented to the app's permissions: a tenant administrator has to.",
    "70000": f"The refresh token is not valid. {_SIGN_IN_AGAIN}",
    "70008": f"The refresh token has expired. {_SIGN_IN_AGAIN}",
    "700082": f"The refresh token has expired: it was not used for 90 days. {_SIGN_IN_AGAIN}",
    "50173": f"The refresh token was revoked, as by a new password. {_SIGN_IN_AGAIN}",
    "50076": f"The tenant wants a second factor. {_SIGN_IN_AGAIN}",
    "50079": f"The tenant wants a second factor. {_SIGN_IN_AGAIN}",
    "53000": f"A conditional access policy wants a device that the tenant manages, and a worker is none. {_EXEMPT}",
    "53001": f"A conditional access policy wants a device of the domain, and a worker is none. {_EXEMPT}",
    "53002": f"A conditional access policy wants an app that it approves. {_EXEMPT}",
    "53003": f"A conditional access policy forbids the sign-in, such as from this network. {_EXEMPT}",
    "530032": f"A security policy of the tenant forbids the sign-in. {_EXEMPT}",
    "70043": f"A conditional access policy lets a sign-in last only for some time. {_SIGN_IN_AGAIN} {_EXEMPT}",
    "9002313": f"The refresh token cannot be read. {_SIGN_IN_AGAIN}",
    "90002": _NO_TENANT,
    "900021": _NO_TENANT,
    "900023": _NO_TENANT,
}
_CODE = re.compile(r"AADSTS(\d+)")


def code_in(text: str) -> str | None:
    """Return the number in a description of Entra, such as ``7000215``; None if there is none."""
    match = _CODE.search(text)
    return match.group(1) if match else None


def advice_for(text: str, default: str | None = None) -> str | None:
    """Return what to do about the error that Entra describes.

    :param default: the advice on a code that is not in the table.
    """
    return ADVICE.get(code_in(text) or "", default)
