"""The endpoints of Entra ID: from a URL of the login origin to its handler.

https://learn.microsoft.com/entra/identity-platform/v2-protocols
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow_provider_onedrive.emulator.entra import login
from airflow_provider_onedrive.emulator.entra.discovery import Discovery
from airflow_provider_onedrive.emulator.entra.grants import Grants
from airflow_provider_onedrive.emulator.entra.login import LoginProblem, check_tenant, json_reply
from airflow_provider_onedrive.emulator.entra.managed_identity import ManagedIdentity
from airflow_provider_onedrive.emulator.errors.problems import Problem
from airflow_provider_onedrive.emulator.http.messages import Reply, Request
from airflow_provider_onedrive.emulator.model import addresses
from airflow_provider_onedrive.emulator.model.tenant import Tenant
from airflow_provider_onedrive.emulator.tokens.keys import SigningKey

# Graph and Entra ID share one port here; these paths exist on the login hosts only.
_PATHS = re.compile(
    r"/|/[^/]+/(oauth2|discovery|v2\.0/\.well-known)/.*|/metadata/identity/.*|/msi/.*|/workload/\.well-known/.*",
    re.DOTALL,
)
_GRAPH = ("/v1.0/", "/beta/", "/_api/")


def serves(path: str) -> bool:
    """Return True if a path of the first origin belongs to Entra ID and not to Graph."""
    return _PATHS.fullmatch(path) is not None and not path.startswith(_GRAPH)


@dataclass(frozen=True)
class EntraEndpoints:
    """Routes requests of the login origin."""

    tenant: Tenant
    discovery: Discovery
    grants: Grants
    managed_identity: ManagedIdentity
    key: SigningKey
    workload_key: SigningKey

    def respond(self, request: Request) -> Reply:
        try:
            return self._route(request, addresses.split(request.raw_path))
        except LoginProblem as problem:
            return login.error_reply(request, problem)

    def _route(self, request: Request, segments: list[str]) -> Reply:
        match segments:
            case []:
                return Reply(200)
            case ["common", "discovery", "instance"]:
                return json_reply(200, self.discovery.instance(request))
            case ["metadata", "identity", "oauth2", "token"]:
                return self.managed_identity.of_machine(request)
            case ["msi", "token"]:
                return self.managed_identity.of_app_service(request)
            # A second issuer, which stands for the one of a Kubernetes cluster.
            case ["workload", ".well-known", document]:
                return self._workload(document)
        return self._route_tenant(request, segments[0], segments[1:])

    def _route_tenant(self, request: Request, tenant: str, segments: list[str]) -> Reply:
        match segments:
            case ["v2.0", ".well-known", "openid-configuration"]:
                check_tenant(self.tenant, tenant, error="invalid_tenant")
                return json_reply(200, self.discovery.openid(request, tenant))
            case ["discovery", "keys"] | ["discovery", "v2.0", "keys"]:
                return json_reply(200, self.key.document)
            case ["oauth2", "v2.0", "token"]:
                return self._post(request, tenant, is_device=False)
            case ["oauth2", "v2.0", "devicecode"]:
                return self._post(request, tenant, is_device=True)
        return Reply(404)

    def _post(self, request: Request, tenant: str, *, is_device: bool) -> Reply:
        if request.method != "POST":
            raise LoginProblem(400, "invalid_request", 900561, "The endpoint only accepts POST requests.")
        check_tenant(self.tenant, tenant, error="invalid_request")
        form = login.form(request)
        return json_reply(
            200, self.grants.begin_device(request, form) if is_device else self.grants.answer(form, tenant)
        )

    def _workload(self, document: str) -> Reply:
        documents = {"openid-configuration": self.discovery.workload(), "jwks.json": self.workload_key.document}
        return json_reply(200, documents[document]) if document in documents else Reply(404)


def problem_reply(request: Request, problem: Problem) -> Reply:
    """Write an error of a fault rule in the form of Entra ID."""
    error, number = "invalid_request", 90033
    # Entra ID reports all of these as one OAuth error, and clients decide by the status.
    if problem.status in {429, 500, 502, 503, 504}:
        error = "temporarily_unavailable"
    if problem.inner and problem.inner.isdigit():
        error, number = problem.code, int(problem.inner)
    reply = login.error_reply(request, LoginProblem(problem.status, error, number, problem.message))
    reply.headers |= problem.headers
    return reply
