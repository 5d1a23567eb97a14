"""Tokens for the machine itself: the metadata service of a virtual machine, and the endpoint of App Service.

https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
"""

from __future__ import annotations

import hmac
import math
import time
from dataclasses import dataclass
from typing import Any

from airflow_provider_onedrive.emulator.entra.login import LoginProblem, json_reply
from airflow_provider_onedrive.emulator.entra.scopes import check_resource
from airflow_provider_onedrive.emulator.http import hosts
from airflow_provider_onedrive.emulator.http.messages import Reply, Request
from airflow_provider_onedrive.emulator.options import Options
from airflow_provider_onedrive.emulator.tokens.access_tokens import Tokens
from airflow_provider_onedrive.emulator.tokens.applications import Application, Applications

_MACHINE = ("client_id", "object_id", "msi_res_id", "mi_res_id")
_APP_SERVICE = ("client_id", "principal_id", "object_id", "mi_res_id")
_KEY_PROOF = "2"


@dataclass(frozen=True)
class ManagedIdentity:
    """Answers the metadata service and the endpoint of App Service."""

    applications: Applications
    tokens: Tokens
    identity_header: str
    hosts: tuple[str, ...]
    resources: frozenset[str]
    options: Options

    def of_machine(self, request: Request) -> Reply:
        """Answer as a virtual machine's metadata service does."""
        hosts.check(request, hosts.METADATA_SERVICE, *self.hosts)
        mistake = _machine_mistake(request)
        if mistake:
            return _machine_error(*mistake)
        application = self._identity(request, _MACHINE)
        if application is None:
            return _machine_error("invalid_request", "Identity not found")
        try:
            token = self._token(request, application)
        except LoginProblem as problem:
            return _machine_error(problem.error, f"AADSTS{problem.number}: {problem.message}")
        # The metadata service sends numbers as texts; App Service sends expires_on only.
        now, seconds = int(time.time()), str(int(self.options.token_lifetime_seconds))
        return json_reply(200, token | {"expires_in": seconds, "ext_expires_in": seconds, "not_before": str(now)})

    def of_app_service(self, request: Request) -> Reply:
        """Answer as App Service and Functions do."""
        header = request.header("X-IDENTITY-HEADER") or ""
        if not hmac.compare_digest(header.encode(), self.identity_header.encode()):
            return _service_error(
                401, "The request is not authorized: the header X-IDENTITY-HEADER is missing or wrong."
            )
        # msal uses this version only; older ones have another secret header.
        if request.query.get("api-version") != "2019-08-01":
            return _service_error(400, "The api-version must be 2019-08-01.")
        application = self._identity(request, _APP_SERVICE)
        if application is None:
            return _service_error(400, "No User Assigned or Delegated Managed Identity found for specified ClientId.")
        try:
            return json_reply(200, self._token(request, application))
        except LoginProblem as problem:
            return _service_error(500, f"AADSTS{problem.number}: {problem.message}")

    def _identity(self, request: Request, names: tuple[str, ...]) -> Application | None:
        """Return the requested identity. Without a name it is the identity of the machine itself."""
        named = next((request.query[name] for name in names if request.query.get(name)), None)
        applications = self.applications
        return applications.managed if named is None else applications.managed_by(named)

    def _token(self, request: Request, application: Application) -> dict[str, Any]:
        resource = request.query.get("resource", "")
        audience = check_resource(self.resources, resource)
        seconds = self.options.token_lifetime_seconds
        token = self.tokens.issue(seconds, application=application, audience=audience, proof=_KEY_PROOF)
        expires_on = str(math.ceil(time.time() + seconds))
        named = {"resource": resource, "token_type": "Bearer", "client_id": application.client_id}
        return {"access_token": token, "expires_on": expires_on, **named}


def _machine_mistake(request: Request) -> tuple[str, str] | None:
    if request.method != "GET":
        return "invalid_request", "The method must be GET."
    # The header, and the refusal of X-Forwarded-For, protect the real service against forged requests.
    if (request.header("Metadata") or "").lower() != "true":
        return "invalid_request", "Required metadata header not specified"
    if request.header("X-Forwarded-For") is not None:
        return "invalid_request", "X-Forwarded-For is not allowed"
    if not request.query.get("api-version"):
        return "invalid_request", "Required query variable 'api-version' is missing"
    return None


def _machine_error(error: str, description: str) -> Reply:
    return json_reply(400, {"error": error, "error_description": description})


def _service_error(status: int, message: str) -> Reply:
    return json_reply(status, {"statusCode": status, "message": message})
