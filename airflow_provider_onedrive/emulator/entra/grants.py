"""The token endpoint: one function for each grant.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#refresh-the-access-token
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.entra import scopes
from airflow_provider_onedrive.emulator.entra.clients import Client, Clients
from airflow_provider_onedrive.emulator.entra.device import DeviceCodes
from airflow_provider_onedrive.emulator.entra.login import SHARED_TENANTS, LoginProblem, required
from airflow_provider_onedrive.emulator.entra.refresh import RefreshGrant, RefreshTokens
from airflow_provider_onedrive.emulator.http.messages import Request
from airflow_provider_onedrive.emulator.model.tenant import Tenant, User
from airflow_provider_onedrive.emulator.options import Options
from airflow_provider_onedrive.emulator.tokens import claims, jws
from airflow_provider_onedrive.emulator.tokens.access_tokens import Tokens
from airflow_provider_onedrive.emulator.tokens.keys import SigningKey

Form = dict[str, str]


@dataclass(frozen=True)
class Grants:
    """Answers the token endpoint."""

    tenant: Tenant
    tokens: Tokens
    clients: Clients
    refresh_tokens: RefreshTokens
    device_codes: DeviceCodes
    key: SigningKey
    issuer_url: str
    resources: frozenset[str]
    options: Options

    def answer(self, form: Form, tenant: str) -> dict[str, Any]:
        """Return the body with a token, or raise the error."""
        grant = required(form, "grant_type")
        respond = {
            "client_credentials": self._client_credentials,
            "refresh_token": self._refresh_token,
            "urn:ietf:params:oauth:grant-type:device_code": self._device_code,
            # The short form of the grant type, as some clients write it.
            "device_code": self._device_code,
        }.get(grant)
        if respond is None:
            message = f"The app requested an unsupported grant type '{grant}'."
            raise LoginProblem(400, "unsupported_grant_type", 70003, message)
        return respond(form, tenant)

    def begin_device(self, request: Request, form: Form) -> dict[str, Any]:
        """Answer a device that wants to sign a user in."""
        application = self.clients.identify(form)
        asked = scopes.for_user(self.resources, required(form, "scope"))
        asked.granted(application)
        lifetime_seconds = self.options.device_code_seconds
        code = self.device_codes.begin(application, asked, lifetime_seconds)
        page = f"{request.login_url}/common/oauth2/deviceauth"
        return {
            "user_code": code.user_code,
            "device_code": code.device_code,
            "verification_uri": page,
            "expires_in": int(lifetime_seconds),
            # RFC 8628 has clients wait five seconds if the interval is missing; 0 would let them poll without a
            # pause.
            "interval": max(1, int(self.options.device_interval_seconds)),
            "message": f"To sign in, use a web browser to open the page {page} and enter the code {code.user_code} to "
            "authenticate.",
        }

    def _client_credentials(self, form: Form, tenant: str) -> dict[str, Any]:
        # An application has no home tenant of its own, so `common` cannot tell where it is registered.
        if tenant.lower() in SHARED_TENANTS:
            message = "No tenant-identifying information found in either the request or implied by any credentials."
            raise LoginProblem(400, "invalid_request", 50059, message)
        client = self.clients.authenticate(form, tenant)
        if client.is_public:
            message = (
                "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."
            )
            raise LoginProblem(401, "invalid_client", 7000216, message)
        audience = scopes.for_application(self.resources, required(form, "scope"))
        seconds = self.options.token_lifetime_seconds
        token = self.tokens.issue(seconds, application=client.application, audience=audience, proof=client.proof)
        return {"token_type": "Bearer", **_lifetimes(seconds), "access_token": token}

    def _refresh_token(self, form: Form, tenant: str) -> dict[str, Any]:
        text = required(form, "refresh_token")
        client = self.clients.authenticate(form, tenant)
        tokens = self.refresh_tokens
        grant = tokens.check(text, client.application, self.options.refresh_token_seconds)
        # A refresh token that was issued to a confidential client needs its secret.
        if client.is_public and not grant.is_public:
            raise _secret_missing()
        asked = scopes.for_user(self.resources, form.get("scope", ""))
        granted = asked.granted(client.application) if asked.names else grant.permissions
        # Documented: refresh tokens are not revoked when they are used. The strict rule makes a test notice a client
        # that loses the new one.
        if self.options.rotate_refresh_tokens:
            tokens.use(text)
        reply = self._for_user(form, _Agreed(client, grant.user, asked, granted))
        return reply | {"refresh_token": tokens.issue(grant)}

    def _device_code(self, form: Form, tenant: str) -> dict[str, Any]:
        client = self.clients.authenticate(form, tenant)
        if client.is_public and not client.application.allows_public:
            raise _secret_missing()
        interval_seconds = self.options.device_interval_seconds
        device_code = required(form, "device_code")
        code, user = self.device_codes.redeem(device_code, client.application, interval_seconds)
        granted = code.asked.granted(client.application)
        reply = self._for_user(form, _Agreed(client, user, code.asked, granted))
        if code.asked.gives_refresh_token:
            grant = RefreshGrant(user, client.application, granted, is_public=client.is_public)
            reply["refresh_token"] = self.refresh_tokens.issue(grant)
        return reply

    def _for_user(self, form: Form, agreed: _Agreed) -> dict[str, Any]:
        seconds = self.options.token_lifetime_seconds
        token = self.tokens.issue(
            seconds,
            agreed.user,
            application=agreed.client.application,
            permissions=agreed.granted | (agreed.asked.sign_in - {"offline_access"}),
            audience=agreed.asked.resource or None,
            proof=agreed.client.proof,
        )
        reply = {"token_type": "Bearer", "scope": agreed.asked.text(agreed.granted), **_lifetimes(seconds)}
        return reply | {"access_token": token} | self._account(form, agreed)

    def _account(self, form: Form, agreed: _Agreed) -> dict[str, str]:
        """Return the properties that identify the user. msal keeps its accounts by them."""
        account: dict[str, str] = {}
        if "openid" in agreed.asked.sign_in:
            account["id_token"] = self._id_token(agreed)
        # msal identifies an account by uid and utid, and caches no account without them.
        if form.get("client_info") == "1":
            ids = {"uid": agreed.user.id, "utid": self.tenant.id}
            account["client_info"] = jws.encode(json.dumps(ids).encode())
        return account

    def _id_token(self, agreed: _Agreed) -> str:
        issued = {"iss": f"{self.issuer_url}/{self.tenant.id}/v2.0", "tid": self.tenant.id}
        identity = claims.of_sign_in(agreed.user, agreed.client.application)
        return self.key.sign(identity | issued | claims.lifetime(self.options.token_lifetime_seconds))


@dataclass(frozen=True)
class _Agreed:
    """The consent of a user."""

    client: Client
    user: User
    asked: scopes.Asked
    granted: frozenset[str]


def _lifetimes(seconds: float) -> dict[str, int]:
    return {"expires_in": int(seconds), "ext_expires_in": int(seconds)}


def _secret_missing() -> LoginProblem:
    message = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
    return LoginProblem(401, "invalid_client", 7000218, message)
