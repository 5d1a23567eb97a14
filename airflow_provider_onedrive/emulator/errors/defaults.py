"""The code and message of an error whose fault rule gives none: Graph's for a status, and Entra's.

https://learn.microsoft.com/graph/errors
https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

_UNEXPECTED = "An unexpected error has occurred."
_TAG = "ETag does not match current item's value"
_LOCKED = "The resource you are attempting to access is locked"
_CHECKED_OUT = "The file is currently checked out or locked for editing by another user."


@dataclass(frozen=True)
class DefaultError:
    """:param inner: on the login origin the digits of the AADSTS code."""

    code: str
    message: str
    inner: str | None = None


_GRAPH: Mapping[int, DefaultError] = {
    400: DefaultError("invalidRequest", "Invalid request"),
    401: DefaultError("InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."),
    403: DefaultError("accessDenied", "Access denied"),
    404: DefaultError("itemNotFound", "The resource could not be found."),
    405: DefaultError("methodNotAllowed", "The HTTP method is not allowed for this resource."),
    406: DefaultError("notAcceptable", "The service cannot return the requested format."),
    409: DefaultError("nameAlreadyExists", "Name already exists"),
    410: DefaultError("gone", "The requested resource is no longer available."),
    411: DefaultError("lengthRequired", "A Content-Length header is required."),
    412: DefaultError("resourceModified", _TAG),
    413: DefaultError("requestTooLarge", "The request message is too big."),
    415: DefaultError("unsupportedMediaType", "The content type of the request is not supported."),
    416: DefaultError("invalidRange", "The requested range is not satisfiable."),
    423: DefaultError("accessDenied", _CHECKED_OUT),
    429: DefaultError("activityLimitReached", "The app or user has been throttled."),
    501: DefaultError("notSupported", "The request is not supported by the system."),
    502: DefaultError("UnknownError", _UNEXPECTED),
    503: DefaultError("serviceNotAvailable", "The service is temporarily unavailable."),
    504: DefaultError("UnknownError", "The request timed out."),
    507: DefaultError("quotaLimitReached", "Insufficient space available to complete the operation."),
    509: DefaultError("bandwidthLimitExceeded", "The bandwidth limit has been exceeded."),
}

# Measured: the same 412 has the code notAllowed where content is written and resourceModified elsewhere.
# https://github.com/abraunegg/onedrive/issues/24
_WRITING_MISMATCH = DefaultError("notAllowed", _TAG)
_SESSION_LOCKED = DefaultError("notAllowed", _LOCKED, "resourceLocked")
_SESSION_GONE = DefaultError("itemNotFound", "The upload session was not found")
_URL_EXPIRED = DefaultError("unauthenticated", "The download URL has expired.")
# The same status has another code or message for some operations.
_BY_OPERATION: Mapping[tuple[int, str], DefaultError] = {
    (401, "download"): _URL_EXPIRED,
    (401, "fragment"): DefaultError("unauthenticated", "The request is not authenticated."),
    **{(404, name): _SESSION_GONE for name in ("fragment", "session_status", "session_cancel", "session_commit")},
    # Clients look for resyncRequired, or for one of its inner codes, before they enumerate again.
    (410, "delta"): DefaultError("resyncRequired", "Resync required", "resyncApplyDifferences"),
    **{(412, name): _WRITING_MISMATCH for name in ("upload", "create_session", "fragment", "session_commit")},
    (416, "fragment"): DefaultError(
        "invalidRange", "Uploaded fragment overlaps with existing data.", "fragmentOverlap"
    ),
    **{(423, name): _SESSION_LOCKED for name in ("create_session", "fragment", "session_commit")},
    # A lock has another message for a deletion than for a change.
    # https://github.com/OneDrive/onedrive-api-docs/issues/912
    (423, "delete"): DefaultError("accessDenied", "Lock token does not match existing lock", "lockMismatch"),
}

_ENTRA_BUSY = DefaultError("temporarily_unavailable", "A transient error has occurred. Please try again.", "90033")
_ENTRA: Mapping[int, DefaultError] = {
    400: DefaultError("invalid_request", "The request body is malformed.", "900144"),
    401: DefaultError("invalid_client", "Invalid client secret provided.", "7000215"),
    403: DefaultError("access_denied", "The resource owner or authorization server denied the request.", "65004"),
    404: DefaultError("invalid_request", "Tenant not found.", "90002"),
    429: DefaultError("temporarily_unavailable", "There are too many incoming requests.", "90055"),
    500: DefaultError("server_error", "The service has run into an unexpected error.", "90020"),
    504: DefaultError("temporarily_unavailable", "The server timed out. Please try again.", "90006"),
}
_ENTRA_CODES: Mapping[str, str] = {
    "invalid_grant": "70000",
    "unauthorized_client": "700016",
    "interaction_required": "50076",
    "authorization_pending": "70016",
    "expired_token": "70020",
}


def graph_error(status: int, operation: str) -> DefaultError:
    return _BY_OPERATION.get((status, operation)) or _GRAPH.get(status, DefaultError("generalException", _UNEXPECTED))


def login_error(status: int, code: str | None = None) -> DefaultError:
    """:param code: OAuth's error code, None = the usual one of the status."""
    usual = _ENTRA.get(status, _ENTRA_BUSY)
    if code is None or code == usual.code:
        return usual
    return replace(usual, code=code, inner=_ENTRA_CODES.get(code, usual.inner))
