"""Entra ID: discovery and the token endpoint.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import uuid
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from airflow_provider_onedrive.emulator import addresses, clock
from airflow_provider_onedrive.emulator.problems import Problem
from airflow_provider_onedrive.emulator.wire import Reply, Request
from airflow_provider_onedrive.emulator.world import World

_GRAPH_HOSTS = (
    "graph.microsoft.com",
    "graph.microsoft.us",
    "dod-graph.microsoft.us",
    "microsoftgraph.chinacloudapi.cn",
)
_GRAPH_APPLICATION = "00000003-0000-0000-c000-000000000000"
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)
_ERROR_PAGE = "https://login.microsoftonline.com/error?code="


class LoginProblem(Exception):
    """:param number: the digits of the AADSTS code."""

    def __init__(self, status: int, error: str, number: int, message: str) -> None:
        super().__init__(message)
        self.status, self.error, self.number, self.message = status, error, number, message


def respond(world: World, request: Request) -> Reply:
    try:
        return _route(world, request, addresses.split(request.raw_path))
    except LoginProblem as problem:
        return _error_reply(request, problem)


def _route(world: World, request: Request, segments: list[str]) -> Reply:
    match segments:
        case []:
            return Reply(200)
        case ["common", "discovery", "instance"]:
            return _json(200, _instance(world))
        case [tenant, "v2.0", ".well-known", "openid-configuration"]:
            _check_tenant(world, tenant, error="invalid_tenant")
            return _json(200, _discovery(world, tenant))
        case [tenant, "oauth2", "v2.0", "token"]:
            return _token(world, request, tenant)
    return Reply(404)


def problem_reply(request: Request, problem: Problem) -> Reply:
    """Word trouble that a fault rule asked for as Entra would."""
    error = "temporarily_unavailable" if problem.status in {429, 500, 502, 503, 504} else "invalid_request"
    login = LoginProblem(problem.status, error, 90033, problem.message)
    reply = _error_reply(request, login)
    reply.headers |= problem.headers
    return reply


def _instance(world: World) -> dict[str, Any]:
    host = world.graph_url.removeprefix("https://")
    return {
        "tenant_discovery_endpoint": f"{world.graph_url}/{world.tenant.id}/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    }


def _discovery(world: World, tenant: str) -> dict[str, Any]:
    oauth = f"{world.graph_url}/{tenant}/oauth2/v2.0"
    return {
        "token_endpoint": f"{oauth}/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "jwks_uri": f"{world.graph_url}/{tenant}/discovery/v2.0/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": f"{world.graph_url}/{world.tenant.id}/v2.0",
        "authorization_endpoint": f"{oauth}/authorize",
        "device_authorization_endpoint": f"{oauth}/devicecode",
    }


def _token(world: World, request: Request, tenant: str) -> Reply:
    if request.method != "POST":
        raise LoginProblem(400, "invalid_request", 900561, "The endpoint only accepts POST requests.")
    _check_tenant(world, tenant, error="invalid_request")
    form = _form(request)
    grant = _required(form, "grant_type")
    if grant != "client_credentials":
        raise LoginProblem(
            400, "unsupported_grant_type", 70003, f"The app requested an unsupported grant type '{grant}'."
        )
    _check_client(world, form)
    _check_scope(world, _required(form, "scope"))
    seconds = world.options.token_lifetime_seconds
    token = world.tokens.issue(seconds)
    lifetimes = {"expires_in": int(seconds), "ext_expires_in": int(seconds)}
    return _json(200, {"token_type": "Bearer", **lifetimes, "access_token": token})


def _form(request: Request) -> dict[str, str]:
    """Return the form; the client may show id and secret in it or as HTTP Basic."""
    text = request.body.read().decode("utf-8", "replace")
    return dict(parse_qsl(text, keep_blank_values=True)) | _basic(request.header("Authorization"))


def _basic(authorization: str | None) -> dict[str, str]:
    scheme, _, packed = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        client_id, _, secret = base64.b64decode(packed).decode().partition(":")
    except ValueError:
        return {}
    return {"client_id": unquote_plus(client_id), "client_secret": unquote_plus(secret)}


def _required(form: dict[str, str], name: str) -> str:
    if not form.get(name):
        message = f"The request body must contain the following parameter: '{name}'."
        raise LoginProblem(400, "invalid_request", 900144, message)
    return form[name]


def _check_tenant(world: World, tenant: str, *, error: str) -> None:
    if world.tenant.is_called(tenant):
        return
    if not _is_guid(tenant) and not _DOMAIN.fullmatch(tenant):
        raise LoginProblem(400, error, 900021, f"Requested tenant identifier '{tenant}' is not valid.")
    message = f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID."
    raise LoginProblem(400, error, 90002, message)


def _check_client(world: World, form: dict[str, str]) -> None:
    client_id = _required(form, "client_id")
    if client_id.lower() != world.tenant.client_id:
        message = f"Application with identifier '{client_id}' was not found in the directory '{world.tenant.id}'."
        raise LoginProblem(400, "unauthorized_client", 700016, message)
    if not form.get("client_secret"):
        message = (
            "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."
        )
        raise LoginProblem(401, "invalid_client", 7000216, message)
    if not hmac.compare_digest(form["client_secret"].encode(), world.tenant.client_secret.encode()):
        message = (
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
            f"not the client secret ID, for a secret added to app '{client_id}'."
        )
        raise LoginProblem(401, "invalid_client", 7000215, message)


def _check_scope(world: World, scope: str) -> None:
    resource, _, suffix = scope.rpartition("/")
    if suffix != ".default":
        message = (
            f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value with "
            "/.default suffixed to the resource identifier."
        )
        raise LoginProblem(400, "invalid_scope", 1002012, message)
    known = {world.graph_url, _GRAPH_APPLICATION, *(f"https://{host}" for host in _GRAPH_HOSTS)}
    if resource.rstrip("/") not in known:
        message = f"The resource principal named {resource} was not found in the tenant."
        raise LoginProblem(400, "invalid_resource", 500011, message)


def _is_guid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _error_reply(request: Request, problem: LoginProblem) -> Reply:
    correlation = request.header("client-request-id") or request.id
    timestamp = clock.text(clock.now()).replace("T", " ")
    trace = f"Trace ID: {request.id} Correlation ID: {correlation} Timestamp: {timestamp}"
    value = {
        "error": problem.error,
        "error_description": f"AADSTS{problem.number}: {problem.message} {trace}",
        "error_codes": [problem.number],
        "timestamp": timestamp,
        "trace_id": request.id,
        "correlation_id": correlation,
        "error_uri": f"{_ERROR_PAGE}{problem.number}",
    }
    return _json(problem.status, value)


def _json(status: int, value: Any) -> Reply:
    headers = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store, no-cache"}
    return Reply(status, json.dumps(value).encode(), headers)
