"""The token endpoint: one function for each grant.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#refresh-the-access-token
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.entra import clients, scopes
from airflow_provider_onedrive.emulator.entra.clients import Client
from airflow_provider_onedrive.emulator.entra.login import SHARED_TENANTS, LoginProblem, required
from airflow_provider_onedrive.emulator.entra.refresh import RefreshGrant
from airflow_provider_onedrive.emulator.model.tenant import User
from airflow_provider_onedrive.emulator.server.state import World
from airflow_provider_onedrive.emulator.tokens import claims, jws

Form = dict[str, str]
Grant = Callable[[World, Form, str], dict[str, Any]]


def answer(world: World, form: Form, tenant: str) -> dict[str, Any]:
    """Return the body that holds a token, or raise why there is none."""
    grant = required(form, "grant_type")
    if grant not in _GRANTS:
        message = f"The app requested an unsupported grant type '{grant}'."
        raise LoginProblem(400, "unsupported_grant_type", 70003, message)
    return _GRANTS[grant](world, form, tenant)


def begin_device(world: World, form: Form) -> dict[str, Any]:
    """Answer a device that wants to sign a user in."""
    application = clients.identify(world, form)
    asked = scopes.for_user(world, required(form, "scope"))
    asked.granted(application)
    lifetime_seconds = world.options.device_code_seconds
    code = world.directory.device_codes.begin(application, asked, lifetime_seconds)
    page = f"{world.login_url}/common/oauth2/deviceauth"
    return {
        "user_code": code.user_code,
        "device_code": code.device_code,
        "verification_uri": page,
        "expires_in": int(lifetime_seconds),
        "interval": max(1, int(world.options.device_interval_seconds)),
        "message": f"To sign in, use a web browser to open the page {page} and enter the code {code.user_code} to "
        "authenticate.",
    }


def _client_credentials(world: World, form: Form, tenant: str) -> dict[str, Any]:
    if tenant.lower() in SHARED_TENANTS:
        message = "No tenant-identifying information found in either the request or implied by any credentials."
        raise LoginProblem(400, "invalid_request", 50059, message)
    client = clients.authenticate(world, form, tenant)
    if client.is_public:
        message = (
            "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."
        )
        raise LoginProblem(401, "invalid_client", 7000216, message)
    audience = scopes.for_application(world, required(form, "scope"))
    seconds = world.options.token_lifetime_seconds
    token = world.tokens.issue(seconds, application=client.application, audience=audience, proof=client.proof)
    return {"token_type": "Bearer", **_lifetimes(seconds), "access_token": token}


def _refresh_token(world: World, form: Form, tenant: str) -> dict[str, Any]:
    text = required(form, "refresh_token")
    client = clients.authenticate(world, form, tenant)
    tokens = world.directory.refresh_tokens
    grant = tokens.check(text, client.application, world.options.refresh_token_seconds)
    if client.is_public and not grant.is_public:
        raise _secret_missing()
    asked = scopes.for_user(world, form.get("scope", ""))
    granted = asked.granted(client.application) if asked.names else grant.permissions
    if world.options.rotate_refresh_tokens:
        tokens.use(text)
    reply = _for_user(world, form, _Agreed(client, grant.user, asked, granted))
    return reply | {"refresh_token": tokens.issue(grant)}


def _device_code(world: World, form: Form, tenant: str) -> dict[str, Any]:
    client = clients.authenticate(world, form, tenant)
    if client.is_public and not client.application.allows_public:
        raise _secret_missing()
    interval_seconds = world.options.device_interval_seconds
    device_code = required(form, "device_code")
    code, user = world.directory.device_codes.redeem(device_code, client.application, interval_seconds)
    granted = code.asked.granted(client.application)
    reply = _for_user(world, form, _Agreed(client, user, code.asked, granted))
    if code.asked.gives_refresh_token:
        grant = RefreshGrant(user, client.application, granted, is_public=client.is_public)
        reply["refresh_token"] = world.directory.refresh_tokens.issue(grant)
    return reply


_GRANTS: dict[str, Grant] = {
    "client_credentials": _client_credentials,
    "refresh_token": _refresh_token,
    "urn:ietf:params:oauth:grant-type:device_code": _device_code,
    "device_code": _device_code,
}


@dataclass(frozen=True)
class _Agreed:
    """What a user agreed to."""

    client: Client
    user: User
    asked: scopes.Asked
    granted: frozenset[str]


def _for_user(world: World, form: Form, agreed: _Agreed) -> dict[str, Any]:
    seconds = world.options.token_lifetime_seconds
    token = world.tokens.issue(
        seconds,
        agreed.user,
        application=agreed.client.application,
        permissions=agreed.granted | (agreed.asked.sign_in - {"offline_access"}),
        audience=agreed.asked.resource or None,
        proof=agreed.client.proof,
    )
    reply = {"token_type": "Bearer", "scope": agreed.asked.text(agreed.granted), **_lifetimes(seconds)}
    return reply | {"access_token": token} | _account(world, form, agreed)


def _account(world: World, form: Form, agreed: _Agreed) -> dict[str, str]:
    """Say who signed in: msal keeps accounts by it."""
    account: dict[str, str] = {}
    if "openid" in agreed.asked.sign_in:
        account["id_token"] = _id_token(world, agreed)
    if form.get("client_info") == "1":
        ids = {"uid": agreed.user.id, "utid": world.tenant.id}
        account["client_info"] = jws.encode(json.dumps(ids).encode())
    return account


def _id_token(world: World, agreed: _Agreed) -> str:
    issued = {"iss": f"{world.issuer_url}/{world.tenant.id}/v2.0", "tid": world.tenant.id}
    said = claims.of_sign_in(agreed.user, agreed.client.application)
    return world.key.sign(said | issued | claims.lifetime(world.options.token_lifetime_seconds))


def _lifetimes(seconds: float) -> dict[str, int]:
    return {"expires_in": int(seconds), "ext_expires_in": int(seconds)}


def _secret_missing() -> LoginProblem:
    message = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
    return LoginProblem(401, "invalid_client", 7000218, message)
