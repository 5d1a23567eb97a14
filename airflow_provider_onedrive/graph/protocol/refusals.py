"""Refusals: the one place where a response of 400 or above becomes an error.

Codes and shapes: https://learn.microsoft.com/en-us/graph/errors
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_onedrive.graph.protocol.denials import advice_on, is_hold
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    BadRequest,
    DriveNotFound,
    GraphError,
    IdentityUnavailable,
    ItemNotFound,
    Locked,
    NameAlreadyExists,
    NotSupported,
    OnHold,
    PreconditionFailed,
    QuotaExceeded,
    RangeNotSatisfiable,
    ResyncRequired,
    ServiceUnavailable,
    Throttled,
    Unauthenticated,
)
from airflow_provider_onedrive.graph.protocol.hidden_names import hidden_names
from airflow_provider_onedrive.graph.protocol.redaction import without_urls

_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _LOCKED = 400, 401, 403, 423
_DENIED = (_UNAUTHORIZED, _FORBIDDEN, _LOCKED)
"""The statuses with which rules refuse that have nothing to do with permissions or with other users of a file."""
_APP_ADVICE = (
    "A token of an application has no OneDrive of its own: put a user (name@company.example) or a drive into the "
    "connection's field myfiles."
)
_LONGEST_PAUSE_SECONDS = 1e9
"""Thirty years: a longer pause is as good as this one, and does not overflow a date or a ``timedelta``."""
_RPS_FAILED = "Unable to initialize RPS"
"""The only mark of a personal drive's random 401: its code is that of a token that has really expired."""
_FULL = "quotalimitreached"
_NO_DRIVE = "The provided drive id appears to be malformed"
"""The only mark of a drive that is not there, where its id cannot be one (OD#1416, AB#3881)."""
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
    code, inner_code = text_or_none(error.get("code")), _inner_code(error)
    kind, advice = _meaning(status, path, message, (code, inner_code, _challenge(headers)))
    return kind(
        without_urls(hidden_names.without_quotes(message)),
        status=status,
        code=code,
        inner_code=inner_code,
        request_id=headers.get("request-id"),
        retry_after_seconds=retry_after_seconds(headers),
        method=method,
        path=path,
        was_sent=True,
        advice=advice,
    )


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Return ``Retry-After``, which Graph sends in whole seconds; None where it is missing or unreadable."""
    text = headers.get("retry-after", "").strip()
    return min(float(text), _LONGEST_PAUSE_SECONDS) if text.isascii() and text.isdigit() else None


def _meaning(
    status: int, path: str, message: str, words: tuple[str | None, ...]
) -> tuple[type[GraphError], str | None]:
    """Return the class of the error, and advice that is better than that of the class.

    :param words: the codes of the answer, and what it asks a token to prove.
    """
    # Graph's own words for it ("/me request is only valid with delegated authentication flow") help nobody.
    if status == _BAD_REQUEST and path.startswith("/me/"):
        return BadRequest, _APP_ADVICE
    if status == _FORBIDDEN and _FULL in [(word or "").lower() for word in words]:  # as some drives say it
        return QuotaExceeded, None
    denial = advice_on(status, *words, message) if status in _DENIED else None
    return OnHold if status == _FORBIDDEN and is_hold(denial) else _class_for(status, message), denial


def _class_for(status: int, message: str) -> type[GraphError]:
    if status == _UNAUTHORIZED and _RPS_FAILED in message:
        return IdentityUnavailable
    if status == _BAD_REQUEST and message.startswith(_NO_DRIVE):
        return DriveNotFound
    # 509 (bandwidth limit exceeded) is one of them, too.
    return _BY_STATUS.get(status, ServiceUnavailable if status >= 500 else BadRequest)  # noqa: PLR2004 - HTTP's own


def _challenge(headers: Mapping[str, str]) -> str | None:
    """Return what a 401 asks a new token to prove; the claims themselves are of no use to a reader."""
    challenge = headers.get("www-authenticate", "")
    return "insufficient_claims" if "insufficient_claims" in challenge else None


def _inner_code(error: Mapping[str, Any]) -> str | None:
    """Return the most specific code."""
    # Graph nests them to any depth, and writes innerError as well as innererror.
    code, inner = None, error.get("innerError") or error.get("innererror")
    while isinstance(inner, dict):
        code, inner = text_or_none(inner.get("code")) or code, inner.get("innerError") or inner.get("innererror")
    return code


def text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
