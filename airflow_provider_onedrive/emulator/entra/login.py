"""Errors of Entra ID, and the parts of a request that every endpoint reads.

https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from airflow_provider_onedrive.emulator.http.messages import Reply, Request
from airflow_provider_onedrive.emulator.model import clock
from airflow_provider_onedrive.emulator.model.tenant import Tenant

# Aliases of the user's own tenant, and the tenant of all personal accounts.
SHARED_TENANTS = frozenset({"common", "organizations", "consumers", "9188040d-6c67-4c5b-b112-36a304b66dad"})
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)
# The errors of Entra ID link to this page.
_ERROR_PAGE = "https://login.microsoftonline.com/error?code="


class LoginProblem(Exception):
    """:param number: the digits of the AADSTS code."""

    def __init__(self, status: int, error: str, number: int, message: str, *, suberror: str | None = None) -> None:
        super().__init__(message)
        self.status, self.error, self.number, self.message = status, error, number, message
        self.suberror = suberror


def json_reply(status: int, value: Any) -> Reply:
    headers = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store, no-cache"}
    return Reply(status, json.dumps(value).encode(), headers)


def error_reply(request: Request, problem: LoginProblem) -> Reply:
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
        **({"suberror": problem.suberror} if problem.suberror else {}),
    }
    return json_reply(problem.status, value)


def form(request: Request) -> dict[str, str]:
    """Return the form; the client may show id and secret in it or as HTTP Basic."""
    text = request.body.read().decode("utf-8", "replace")
    # RFC 6749 allows HTTP Basic for the client's credentials, and some libraries use nothing else.
    return dict(parse_qsl(text, keep_blank_values=True)) | _basic(request.header("Authorization"))


def required(fields: dict[str, str], name: str) -> str:
    if not fields.get(name):
        message = f"The request body must contain the following parameter: '{name}'."
        raise LoginProblem(400, "invalid_request", 900144, message)
    return fields[name]


def check_tenant(tenant: Tenant, name: str, *, error: str) -> None:
    """Refuse an address whose tenant is neither this one nor one of the shared names."""
    # Any domain of the tenant names it, as with the real service.
    if tenant.is_called(name) or name.lower() in SHARED_TENANTS:
        return
    if not is_guid(name) and not _DOMAIN.fullmatch(name):
        raise LoginProblem(400, error, 900021, f"Requested tenant identifier '{name}' is not valid.")
    message = f"Tenant '{name}' not found. Check to make sure you have the correct tenant ID."
    raise LoginProblem(400, error, 90002, message)


def is_guid(text: str) -> bool:
    try:
        # uuid.UUID accepts more spellings than Entra ID does.
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _basic(authorization: str | None) -> dict[str, str]:
    scheme, _, packed = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return {}
    try:
        client_id, _, secret = base64.b64decode(packed).decode().partition(":")
    except ValueError:
        return {}
    named = {"client_id": unquote_plus(client_id), "client_secret": unquote_plus(secret)}
    return {name: value for name, value in named.items() if value}
