"""What can go wrong, and the one place where a response becomes an error.

::

    OneDriveError
      LocationError(ValueError)   ConfigurationError(ValueError)   LocalFileError   Stopped
      VerificationFailed   SourceChanged   FilesFailed   FilesRefused
      CopyUnfinished
        CopyLost
      GraphError
        BadRequest   AccessDenied(PermissionError)
        Unauthenticated
          SignInFailed
        ItemNotFound(FileNotFoundError)
          DriveNotFound   SourceMissing
        NameAlreadyExists(FileExistsError)
          NameHeld
        PreconditionFailed   RangeNotSatisfiable   Locked   Throttled   QuotaExceeded   ResyncRequired   NotSupported
        ServiceUnavailable

Every error survives ``pickle``, ``copy`` and, as a dict, the trip through a trigger event. Its text says what was
tried, on which location, what Graph said and what to do. Codes: https://learn.microsoft.com/en-us/graph/errors
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self

_BAD_REQUEST = 400
_APP_ADVICE = (
    "A token of an application has no OneDrive of its own: put a user (name@company.example) or a drive into the "
    "connection's field myfiles."
)
_URL = re.compile(r"(?i)https?://\S+")


class OneDriveError(Exception):
    """Anything this package raises on purpose.

    :param message: what happened, without a secret in it.
    :param advice: what to do about it; None takes the class's own.
    """

    is_retryable: ClassVar[bool] = False
    """Whether a later try of the same thing may succeed."""
    default_advice: ClassVar[str] = ""

    def __init__(self, message: str, *, advice: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.operation: str | None = None
        self.location: str | None = None

    def about(self, operation: str, location: str) -> Self:
        """Say what was tried and where, unless something nearer to the cause has said it."""
        self.operation = self.operation or operation
        self.location = self.location or location
        return self

    def __str__(self) -> str:
        return " ".join(filter(None, (self.reason, self.remedy)))

    @property
    def reason(self) -> str:
        """What was tried, and what came of it."""
        tried = f"Cannot {self.operation} {self.location}: " if self.operation else ""
        return f"{tried}{_sentence(self.message)}{self._said_by()}"

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return self.default_advice if self.advice is None else self.advice

    def _said_by(self) -> str:
        return ""

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self).__name__, dict(vars(self)))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON for a trigger event; :func:`error_from_dict` is the way back."""
        return {"type": type(self).__name__, **vars(self)}


class LocationError(OneDriveError, ValueError):
    """A location that cannot be understood or cannot be used this way."""


class ConfigurationError(OneDriveError, ValueError):
    """The connection or a parameter is wrong; nothing was sent."""


class LocalFileError(OneDriveError):
    """A local file cannot be read or written."""


class VerificationFailed(OneDriveError):
    """What arrived is not what was sent."""

    is_retryable = True
    default_advice = "Neither copy was deleted; try again."


class SourceChanged(OneDriveError):
    """The source changed while it was read."""

    is_retryable = True
    default_advice = "Upload a file that nobody is writing to."


class FilesFailed(OneDriveError):
    """Some of many files could not be transferred, and a later try may do it; it does only what is missing."""

    is_retryable = True


class FilesRefused(OneDriveError):
    """Some of many files could not be transferred, and never will be as they are."""


class CopyUnfinished(OneDriveError):
    """A copy on the server was still going on when time was up; it may well end by itself."""

    is_retryable = True
    default_advice = "A retry looks at the destination first."


class CopyLost(CopyUnfinished):
    """Nobody says any more how far a copy on the server is."""


class Stopped(OneDriveError):
    """The client was stopped while it worked; nothing more is sent."""

    is_retryable = True


class GraphError(OneDriveError):
    """Graph refused, failed, or could not be reached.

    :param status: the HTTP status, or None when no answer came.
    :param code: ``error.code`` of Graph's envelope.
    :param inner_code: the most specific nested code.
    :param path: the path that was asked for; never a pre-authorised URL.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        inner_code: str | None = None,
        request_id: str | None = None,
        retry_after_seconds: float | None = None,
        method: str | None = None,
        path: str | None = None,
        advice: str | None = None,
    ) -> None:
        super().__init__(message, advice=advice)
        self.status = status
        self.code = code
        self.inner_code = inner_code
        self.request_id = request_id
        self.retry_after_seconds = retry_after_seconds
        self.method = method
        self.path = path

    def _said_by(self) -> str:
        answer = " ".join(str(part) for part in (self.status, self.code, self.inner_code) if part is not None)
        parts = (
            answer,
            " ".join(filter(None, (self.method, self.path))),
            self.request_id and f"request id {self.request_id}",
        )
        known = "; ".join(filter(None, parts))
        return f" ({known})." if known else ""


class BadRequest(GraphError):
    """400 and the other refusals that repeating cannot change."""


class Unauthenticated(GraphError):
    """401, or Entra gave no token."""

    default_advice = "The token was refused; with auth access_token put a fresh one into the connection."


class SignInFailed(Unauthenticated):
    """Entra gave no token: client id, secret or tenant is wrong."""

    default_advice = "Check client id, secret and tenant of the connection."


class AccessDenied(GraphError, PermissionError):
    """403."""

    default_advice = (
        "The identity of the connection lacks the permission: grant it (for an app: Sites.Selected with a grant on "
        "this site, or Files.ReadWrite.All with admin consent), or use another connection."
    )


class ItemNotFound(GraphError, FileNotFoundError):
    """404: nothing of that name is there."""

    is_retryable = True
    default_advice = "Check the location."


class DriveNotFound(ItemNotFound):
    """404 of the drive, user or site itself: no file can ever appear there."""

    default_advice = (
        "There is no such user, drive or site, or the user has no OneDrive yet: check the location and the "
        "connection's field myfiles."
    )


class SourceMissing(ItemNotFound):
    """404 of what was to be moved: a later try would take that for the work of this one, so there is none."""

    is_retryable = False

    @classmethod
    def of(cls, missing: ItemNotFound) -> Self:
        """Make one of Graph's plain 404."""
        error = cls(missing.message)
        vars(error).update(vars(missing))
        return error


class NameAlreadyExists(GraphError, FileExistsError):
    """409: the name is taken."""

    default_advice = "Choose another name, or if_exists='replace' or 'rename', or save instead of upload."


class NameHeld(NameAlreadyExists):
    """409 although nothing can be seen that has the name, or although it may be replaced.

    An upload session that was never finished holds its name, and so does a file that is open in Office.
    https://github.com/OneDrive/onedrive-api-docs/issues/747
    """

    is_retryable = True
    default_advice = (
        "An upload that was not finished holds the name until it expires, or the file is open in Office: retry later, "
        "or use another name."
    )

    @classmethod
    def of(cls, refusal: GraphError) -> Self:
        """Make one of Graph's plain refusal."""
        held = cls(refusal.message)
        vars(held).update(vars(refusal))
        return held


class PreconditionFailed(GraphError):
    """412: the item is no longer the version that was expected."""

    is_retryable = True
    default_advice = "Somebody changed the file: read it again and decide."


class RangeNotSatisfiable(GraphError):
    """416: a fragment or range that the server does not want."""

    is_retryable = True


class Locked(GraphError):
    """423: the file is checked out or open for editing."""

    is_retryable = True
    default_advice = "Close the file in Office or wait until it is."


class Throttled(GraphError):
    """429: too many requests."""

    is_retryable = True
    default_advice = "Run fewer tasks at once against this tenant, or retry later."


class QuotaExceeded(GraphError):
    """507: the drive is full."""

    default_advice = "Free space in the drive or raise its quota."


class ResyncRequired(GraphError):
    """410: a delta token is too old."""

    is_retryable = True


class NotSupported(GraphError):
    """501: this kind of drive cannot do it."""


class ServiceUnavailable(GraphError):
    """5xx, or no answer at all."""

    is_retryable = True
    default_advice = "Retry later."


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
    """Make the error that a response of 400 or above stands for.

    :param headers: names in lower case.
    :param body: the parsed JSON, or None where it was none.
    """
    error = body.get("error") if isinstance(body, dict) else None
    error = error if isinstance(error, dict) else {}
    is_lost_app = status == _BAD_REQUEST and path.startswith("/me/")
    return _class_for(status)(
        without_urls(str(error.get("message") or "Graph gave no reason")),
        status=status,
        code=error.get("code"),
        inner_code=_inner_code(error),
        request_id=headers.get("request-id"),
        retry_after_seconds=retry_after_seconds(headers),
        method=method,
        path=path,
        advice=_APP_ADVICE if is_lost_app else None,
    )


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Read ``Retry-After``, which Graph sends in whole seconds; None where absent or unreadable."""
    text = headers.get("retry-after", "").strip()
    return float(text) if text.isascii() and text.isdigit() else None


def without_urls(text: str) -> str:
    """Cut URLs out of a text that others wrote: they may carry a secret."""
    return _URL.sub("(URL)", text)


def error_from_dict(data: Mapping[str, Any]) -> OneDriveError:
    """Rebuild what :meth:`OneDriveError.to_dict` gave."""
    state = dict(data)
    return _restore(str(state.pop("type", "")), state)


def _class_for(status: int) -> type[GraphError]:
    return _BY_STATUS.get(status, ServiceUnavailable if status >= 500 else BadRequest)  # noqa: PLR2004 - HTTP's own


def _inner_code(error: Mapping[str, Any]) -> str | None:
    """Find the most specific code: Graph nests them, and spells the key both ways."""
    code, inner = None, error.get("innerError") or error.get("innererror")
    while isinstance(inner, dict):
        code, inner = inner.get("code") or code, inner.get("innerError") or inner.get("innererror")
    return code


def _restore(name: str, state: dict[str, Any]) -> OneDriveError:
    kind = globals().get(name)
    kind = kind if isinstance(kind, type) and issubclass(kind, OneDriveError) else OneDriveError
    error: OneDriveError = kind(str(state.get("message", name)))
    vars(error).update(state)
    return error


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def stopped() -> Stopped:
    """Say that somebody has ended it."""
    return Stopped("The task was stopped; nothing more is sent")
