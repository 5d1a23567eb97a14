"""Entra ID: from a URL of the login origin to who answers it.

https://learn.microsoft.com/entra/identity-platform/v2-protocols
"""

from __future__ import annotations

import re

from airflow_provider_onedrive.emulator.entra import discovery, grants, login, managed_identity
from airflow_provider_onedrive.emulator.entra.login import LoginProblem, check_tenant, json_reply
from airflow_provider_onedrive.emulator.errors.problems import Problem
from airflow_provider_onedrive.emulator.http.messages import Reply, Request
from airflow_provider_onedrive.emulator.model import addresses
from airflow_provider_onedrive.emulator.server.state import World

_PATHS = re.compile(
    r"/|/[^/]+/(oauth2|discovery|v2\.0/\.well-known)/.*|/metadata/identity/.*|/msi/.*|/workload/\.well-known/.*",
    re.DOTALL,
)
_GRAPH = ("/v1.0/", "/beta/", "/_api/")


def serves(path: str) -> bool:
    """Say whether a path of the first origin is Entra's, and not Graph's."""
    return _PATHS.fullmatch(path) is not None and not path.startswith(_GRAPH)


def respond(world: World, request: Request) -> Reply:
    try:
        return _route(world, request, addresses.split(request.raw_path))
    except LoginProblem as problem:
        return login.error_reply(request, problem)


def problem_reply(request: Request, problem: Problem) -> Reply:
    """Word trouble that a fault rule asked for as Entra would."""
    error, number = "invalid_request", 90033
    if problem.status in {429, 500, 502, 503, 504}:
        error = "temporarily_unavailable"
    if problem.inner and problem.inner.isdigit():
        error, number = problem.code, int(problem.inner)
    reply = login.error_reply(request, LoginProblem(problem.status, error, number, problem.message))
    reply.headers |= problem.headers
    return reply


def _route(world: World, request: Request, segments: list[str]) -> Reply:
    match segments:
        case []:
            return Reply(200)
        case ["common", "discovery", "instance"]:
            return json_reply(200, discovery.instance(world, request))
        case ["metadata", "identity", "oauth2", "token"]:
            return managed_identity.of_machine(world, request)
        case ["msi", "token"]:
            return managed_identity.of_app_service(world, request)
        case ["workload", ".well-known", document]:
            return _workload(world, document)
    return _route_tenant(world, request, segments[0], segments[1:])


def _route_tenant(world: World, request: Request, tenant: str, segments: list[str]) -> Reply:
    match segments:
        case ["v2.0", ".well-known", "openid-configuration"]:
            check_tenant(world, tenant, error="invalid_tenant")
            return json_reply(200, discovery.openid(world, tenant))
        case ["discovery", "keys"] | ["discovery", "v2.0", "keys"]:
            return json_reply(200, world.key.document)
        case ["oauth2", "v2.0", "token"]:
            return _post(world, request, tenant, is_device=False)
        case ["oauth2", "v2.0", "devicecode"]:
            return _post(world, request, tenant, is_device=True)
    return Reply(404)


def _post(world: World, request: Request, tenant: str, *, is_device: bool) -> Reply:
    if request.method != "POST":
        raise LoginProblem(400, "invalid_request", 900561, "The endpoint only accepts POST requests.")
    check_tenant(world, tenant, error="invalid_request")
    form = login.form(request)
    return json_reply(200, grants.begin_device(world, form) if is_device else grants.answer(world, form, tenant))


def _workload(world: World, document: str) -> Reply:
    known = {"openid-configuration": discovery.workload(world), "jwks.json": world.directory.workload_key.document}
    return json_reply(200, known[document]) if document in known else Reply(404)
