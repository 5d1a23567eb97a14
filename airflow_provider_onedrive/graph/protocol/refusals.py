"""Refusals: the one place where a response of 400 or above becomes an error.

Codes and shapes: https://learn.microsoft.com/en-us/graph/errors
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    BadRequest,
    GraphError,
    IdentityUnavailable,
    ItemNotFound,
    Locked,
    NameAlreadyExists,
    NotSupported,
    PreconditionFailed,
    QuotaExceeded,
    RangeNotSatisfiable,
    ResyncRequired,
    ServiceUnavailable,
    Throttled,
    Unauthenticated,
)
from airflow_provider_onedrive.graph.protocol.redaction import without_urls

_BAD_REQUEST, _UNAUTHORIZED = 400, 401
_APP_ADVICE = (
    "A token of an application has no OneDrive of its own: put a user (name@company.example) or a drive into the "
    "connection's field myfiles."
)
_LONGEST_PAUSE_SECONDS = 1e9
"""Thirty years: a longer pause is as good as this one, and does not overflow a date or a ``timedelta``."""
_RPS_FAILED = "Unable to initialize RPS"
"""The only mark of a personal drive's random 401: its code is that of a token that has really expired."""
# The status decides and not the code: Graph sends 412 with "notAllowed" and with "resourceModified", and 423 with
# "accessDenied", "notAllowed" and "resourceLocked" (AB#36, OD#912).
_BY_STATUS: dict[int, type[GraphError]] = {
    401: Unauthenticated,
    403: AccessDenied,
    404: ItemNotFound,
    408: ServiceUnavailable,
    409: NameAlreadyExists,
    410: ResyncRequired,
    412: PreconditionFailed,
    416: RangeNotSatisfiable,
    423: Locked,
    429: Throttled,
    501: NotSupported,
    507: QuotaExceeded,
}


def error_from(status: int, headers: Mapping[str, str], body: Any, *, method: str, path: str) -> GraphError:
    """Return the error of a response of 400 or above.

    :param headers: names in lower case.
    :param body: the parsed JSON, or None where there was none.
    """
    error = body.get("error") if isinstance(body, dict) else None
    error = error if isinstance(error, dict) else {}
    message = text_or_none(error.get("message")) or "Graph gave no reason"
    # Graph's own words for it ("/me request is only valid with delegated authentication flow") help nobody.
    is_lost_app = status == _BAD_REQUEST and path.startswith("/me/")
    return _class_for(status, message)(
        without_urls(message),
        status=status,
        code=text_or_none(error.get("code")),
        inner_code=_inner_code(error),
        request_id=headers.get("request-id"),
        retry_after_seconds=retry_after_seconds(headers),
        method=method,
        path=path,
        was_sent=True,
        advice=_APP_ADVICE if is_lost_app else None,
    )


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return ``Retry-After``, which Graph sends in whole seconds; None where it is missing or unreadable."""
    text = headers.get("retry-after", "").strip()
    return min(float(text), _LONGEST_PAUSE_SECONDS) if text.isascii() and text.isdigit() else None


def _class_for(status: int, message: str) -> type[GraphError]:
    if status == _UNAUTHORIZED and _RPS_FAILED in message:
        return IdentityUnavailable
    # 509 (bandwidth limit exceeded) is one of them, too.
    return _BY_STATUS.get(status, ServiceUnavailable if status >= 500 else BadRequest)  # noqa: PLR2004 - HTTP's own


def _inner_code(error: Mapping[str, Any]) -> str | None:
    """Return the most specific code."""
    # Graph nests them to any depth, and writes innerError as well as innererror.
    code, inner = None, error.get("innerError") or error.get("innererror")
    while isinstance(inner, dict):
        code, inner = text_or_none(inner.get("code")) or code, inner.get("innerError") or inner.get("innererror")
    return code


def text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
