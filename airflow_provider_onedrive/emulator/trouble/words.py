"""What a fault says when its rule does not: Graph's words for a status, and Entra's.

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
class Words:
    """:param inner: on the login origin the digits of the AADSTS code."""

    code: str
    message: str
    inner: str | None = None


_GRAPH: Mapping[int, Words] = {
    400: Words("invalidRequest", "Invalid request"),
    401: Words("InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."),
    403: Words("accessDenied", "Access denied"),
    404: Words("itemNotFound", "The resource could not be found."),
    405: Words("methodNotAllowed", "The HTTP method is not allowed for this resource."),
    406: Words("notAcceptable", "The service cannot return the requested format."),
    409: Words("nameAlreadyExists", "Name already exists"),
    410: Words("gone", "The requested resource is no longer available."),
    411: Words("lengthRequired", "A Content-Length header is required."),
    412: Words("resourceModified", _TAG),
    413: Words("requestTooLarge", "The request message is too big."),
    415: Words("unsupportedMediaType", "The content type of the request is not supported."),
    416: Words("invalidRange", "The requested range is not satisfiable."),
    423: Words("accessDenied", _CHECKED_OUT),
    429: Words("activityLimitReached", "The app or user has been throttled."),
    501: Words("notSupported", "The request is not supported by the system."),
    502: Words("UnknownError", _UNEXPECTED),
    503: Words("serviceNotAvailable", "The service is temporarily unavailable."),
    504: Words("UnknownError", "The request timed out."),
    507: Words("quotaLimitReached", "Insufficient space available to complete the operation."),
    509: Words("bandwidthLimitExceeded", "The bandwidth limit has been exceeded."),
}

_WRITING_MISMATCH = Words("notAllowed", _TAG)
_SESSION_LOCKED = Words("notAllowed", _LOCKED, "resourceLocked")
_SESSION_GONE = Words("itemNotFound", "The upload session was not found")
_URL_EXPIRED = Words("unauthenticated", "The download URL has expired.")
# Some operations have words of their own.
_BY_OPERATION: Mapping[tuple[int, str], Words] = {
    (401, "download"): _URL_EXPIRED,
    (401, "fragment"): Words("unauthenticated", "The request is not authenticated."),
    **{(404, name): _SESSION_GONE for name in ("fragment", "session_status", "session_cancel", "session_commit")},
    (410, "delta"): Words("resyncRequired", "Resync required", "resyncApplyDifferences"),
    **{(412, name): _WRITING_MISMATCH for name in ("upload", "create_session", "fragment", "session_commit")},
    (416, "fragment"): Words("invalidRange", "Uploaded fragment overlaps with existing data.", "fragmentOverlap"),
    **{(423, name): _SESSION_LOCKED for name in ("create_session", "fragment", "session_commit")},
    (423, "delete"): Words("accessDenied", "Lock token does not match existing lock", "lockMismatch"),
}

_ENTRA_BUSY = Words("temporarily_unavailable", "A transient error has occurred. Please try again.", "90033")
_ENTRA: Mapping[int, Words] = {
    400: Words("invalid_request", "The request body is malformed.", "900144"),
    401: Words("invalid_client", "Invalid client secret provided.", "7000215"),
    403: Words("access_denied", "The resource owner or authorization server denied the request.", "65004"),
    404: Words("invalid_request", "Tenant not found.", "90002"),
    429: Words("temporarily_unavailable", "There are too many incoming requests.", "90055"),
    500: Words("server_error", "The service has run into an unexpected error.", "90020"),
    504: Words("temporarily_unavailable", "The server timed out. Please try again.", "90006"),
}
_ENTRA_CODES: Mapping[str, str] = {
    "invalid_grant": "70000",
    "unauthorized_client": "700016",
    "interaction_required": "50076",
    "authorization_pending": "70016",
    "expired_token": "70020",
}


def words(status: int, operation: str) -> Words:
    return _BY_OPERATION.get((status, operation)) or _GRAPH.get(status, Words("generalException", _UNEXPECTED))


def login_words(status: int, code: str | None = None) -> Words:
    """:param code: OAuth's word for the error, None = the one that goes with the status."""
    known = _ENTRA.get(status, _ENTRA_BUSY)
    if code is None or code == known.code:
        return known
    return replace(known, code=code, inner=_ENTRA_CODES.get(code, known.inner))
