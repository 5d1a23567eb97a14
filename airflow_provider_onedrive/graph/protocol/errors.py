"""The exception tree.

::

    OneDriveError
      LocationError(ValueError)
        IsFolder(IsADirectoryError)   IsNoFolder(NotADirectoryError)   FolderNotEmpty(OSError)
      ConfigurationError(ValueError)   LocalFileError   Stopped
      VerificationFailed   SourceChanged   FilesFailed   FilesRefused   TakenOver   OwnerUnknown
      CopyUnfinished
        CopyLost
      DeletionStopped
      GraphError
        BadRequest
        AccessDenied(PermissionError)
          OnHold
        Unauthenticated
          SignInFailed   IdentityUnavailable
        NotFound(FileNotFoundError)
          DriveNotFound   ItemNotFound
            SourceMissing
        NameAlreadyExists(FileExistsError)
          NameHeld
        PreconditionFailed   RangeNotSatisfiable   Locked   Throttled   QuotaExceeded   ResyncRequired   NotSupported
        ServiceUnavailable
          UnreadableAnswer

Every error survives ``pickle``, ``copy`` and, as a dict, the trip through a trigger event. Its text says what was
tried, on which location, what Graph said and what to do.

Nobody changes an error once it is made: :meth:`OneDriveError.about`, :meth:`OneDriveError.with_advice` and
:meth:`GraphError.of` return copies. One error may be shared by several tasks that wait for the same answer.
"""

from __future__ import annotations

import copy
import errno
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self, TypeVar

from airflow_provider_onedrive.graph.protocol.denials import HOLD
from airflow_provider_onedrive.graph.protocol.redaction import presentable, without_urls

E = TypeVar("E", bound="OneDriveError")


class OneDriveError(Exception):
    """The base of every error that this package raises.

    Whatever a message quotes, a sharing link in it is cut off: users put them into every parameter. Where a deployment
    hides the names of files, a stand-in is shown for each.

    :param message: one clause or sentence about the failure, without a secret.
    :param advice: the next step for the reader; None takes the class's ``default_advice``, an empty text shows none.
    """

    is_retryable: ClassVar[bool] = False
    """Whether a later attempt may succeed."""
    default_advice: ClassVar[str] = ""

    def __init__(self, message: str, *, advice: str | None = None) -> None:
        self.message = presentable(message)
        super().__init__(self.message)
        self.advice = None if advice is None else presentable(advice)
        self.operation: str | None = None
        self.location: str | None = None

    def about(self, operation: str, location: str) -> Self:
        """Return this error with the operation and its location; one that names them already stays as it is."""
        return self if self.operation else self._with(operation=operation, location=presentable(location))

    def with_advice(self, advice: str | None) -> Self:
        """Return this error with another advice."""
        return self._with(advice=None if advice is None else presentable(advice))

    def _with(self, **fields: Any) -> Self:
        """Return a copy with other fields, the same traceback and the same cause."""
        twin = copy.copy(self)
        vars(twin).update(fields)
        # copy() makes the error anew by __reduce__, which carries neither the cause nor the traceback.
        twin.__cause__, twin.__context__ = self.__cause__, self.__context__
        twin.__suppress_context__ = self.__suppress_context__  # after the cause, which sets it
        return twin.with_traceback(self.__traceback__)

    def __str__(self) -> str:
        return " ".join(filter(None, (self.reason, self.remedy)))

    @property
    def reason(self) -> str:
        """The operation, its location, and why it failed."""
        tried = f"Cannot {self.operation} {self.location}: " if self.operation else ""
        return f"{tried}{_sentence(self.message)}{self._details()}"

    @property
    def remedy(self) -> str:
        """The next step for the reader."""
        return self.default_advice if self.advice is None else self.advice

    def _details(self) -> str:
        return ""

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), dict(vars(self)))

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON for a trigger event; :func:`error_from_dict` reads it."""
        return {"type": type(self).__name__, **vars(self)}


class LocationError(OneDriveError, ValueError):
    """A location that cannot be understood or cannot be used this way."""


# Also Python's own errors of files, so that code for local files catches them; so are some errors of Graph below.
class IsFolder(LocationError, IsADirectoryError):
    """A folder, where a file is meant."""


class IsNoFolder(LocationError, NotADirectoryError):
    """A file, where a folder is meant."""


class FolderNotEmpty(LocationError, OSError):
    """A folder that holds something, where only an empty one may be deleted."""

    errno = errno.ENOTEMPTY


class ConfigurationError(OneDriveError, ValueError):
    """The connection or a parameter is wrong; nothing was sent."""


class LocalFileError(OneDriveError):
    """A local file cannot be read or written."""


class VerificationFailed(OneDriveError):
    """The content that arrived differs from the content that was sent."""

    is_retryable = True
    default_advice = "Neither copy was deleted; try again."


class SourceChanged(OneDriveError):
    """The source changed while it was read."""

    is_retryable = True
    default_advice = "Upload a file that nobody is writing to."


class FilesFailed(OneDriveError):
    """Some of many files were not transferred; a later attempt transfers only the missing ones."""

    is_retryable = True


class FilesRefused(OneDriveError):
    """Some of many files cannot be transferred as they are."""


class CopyUnfinished(OneDriveError):
    """A copy on the server had not ended at the timeout; it may still end by itself."""

    is_retryable = True
    default_advice = "A retry looks at the destination first."


class CopyLost(CopyUnfinished):
    """The progress of a copy on the server can no longer be read."""


class DeletionStopped(OneDriveError):
    """An item in a folder on hold is itself refused, so the deletion of what is in the folder has ended there.

    :param deleted: the locations of what had been deleted before.
    :param kept: the locations of what is still there.
    """

    def __init__(self, message: str, *, advice: str | None = None) -> None:
        super().__init__(message, advice=advice)
        self.deleted: list[str] = []
        self.kept: list[str] = []

    def with_items(self, deleted: Iterable[str], kept: Iterable[str]) -> Self:
        """Return this error with the locations of what went and of what stayed."""
        return self._with(deleted=list(map(presentable, deleted)), kept=list(map(presentable, kept)))


class Stopped(OneDriveError):
    """The client was stopped during the operation; it sends nothing more."""

    is_retryable = True


class TakenOver(OneDriveError):
    """Another try of the same task does the work now; this one sends nothing more."""

    # A try of Airflow 2 that ends for good would end the one that has taken over.
    is_retryable = True
    default_advice = "Nothing is to be done: the other try does the work."


class OwnerUnknown(OneDriveError):
    """Airflow does not say whether another try of the same task does the work, so nothing more was sent."""

    is_retryable = True
    default_advice = "Is the API server up? A retry goes on where this try ended."


class GraphError(OneDriveError):
    """Graph refused, failed, or could not be reached.

    :param status: the HTTP status, or None when no answer came.
    :param code: ``error.code`` of the answer, from Graph or Entra; never a code of this package.
    :param inner_code: the most specific nested code.
    :param retry_after_seconds: the pause that the answer asks for.
    :param path: the requested path; never a pre-authorised URL.
    :param was_sent: whether the request left this machine; None where that is not certain.
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
        was_sent: bool | None = None,
        advice: str | None = None,
    ) -> None:
        super().__init__(message, advice=advice)
        self.status = status
        # Texts of others, like Graph's message; a proxy on the way can write what it likes into them.
        self.code = _filtered(code)
        self.inner_code = _filtered(inner_code)
        self.request_id = _filtered(request_id)
        self.retry_after_seconds = retry_after_seconds
        self.method = method
        self.path = None if path is None else presentable(path)
        self.was_sent = was_sent

    @classmethod
    def of(cls, error: GraphError) -> Self:
        """Return another error as one of this class, which says more about its meaning."""
        return _restored(cls, dict(vars(error)))

    def _details(self) -> str:
        answer = " ".join(str(part) for part in (self.status, self.code, self.inner_code) if part is not None)
        request = " ".join(filter(None, (self.method, self.path)))
        details = "; ".join(filter(None, (answer, request, self.request_id and f"request id {self.request_id}")))
        return f" ({details})." if details else ""


class BadRequest(GraphError):
    """400 and the other refusals that repeating cannot change."""


class Unauthenticated(GraphError):
    """401, or Entra gave no token."""

    default_advice = "The token was refused; with auth access_token put a fresh one into the connection."


class SignInFailed(Unauthenticated):
    """Entra gave no token: client id, secret or tenant is wrong."""

    default_advice = "Check client id, secret and tenant of the connection."


class IdentityUnavailable(Unauthenticated):
    """401 because the identity service of personal drives failed; at random, and with a valid token.

    https://github.com/rclone/rclone/issues/5270
    """

    is_retryable = True
    default_advice = "Retry later."


# Also Python's own errors of files, here and below, so that code for local files catches them.
class AccessDenied(GraphError, PermissionError):
    """403."""

    default_advice = (
        "The identity of the connection lacks the permission: grant it (for an app: Sites.Selected with a grant on "
        "this site, or Files.ReadWrite.All with admin consent), or use another connection."
    )


class OnHold(AccessDenied):
    """403: a retention policy or a hold keeps the item, or something in the folder."""

    default_advice = HOLD.advice


class NotFound(GraphError, FileNotFoundError):
    """404 of an item or of its drive."""

    is_retryable = True
    default_advice = "Check the location."


class ItemNotFound(NotFound):
    """404 of an item; its drive may well exist."""


class DriveNotFound(NotFound):
    """404 of the drive, user or site itself: no file can ever appear there."""

    default_advice = (
        # Graph makes a OneDrive when its licensed user asks for it first; a request of an app makes none.
        "There is no such user, drive or site, or the user has no OneDrive yet: check the location and the "
        "connection's field myfiles."
    )


class SourceMissing(ItemNotFound):
    """404 of the source of a move.

    It is not retried: a later attempt would take the missing source for the work of this one.
    """

    is_retryable = False


class NameAlreadyExists(GraphError, FileExistsError):
    """409: the name is taken."""

    default_advice = "Choose another name, or if_exists='replace' or 'rename', or save instead of upload."


class NameHeld(NameAlreadyExists):
    """409 although no visible item has the name, or although it may be replaced.

    An upload session that was never finished holds its name, and so does a file that is open in Office.
    https://github.com/OneDrive/onedrive-api-docs/issues/747
    """

    is_retryable = True
    default_advice = (
        "An upload that was not finished holds the name until it expires, or the file is open in Office: retry later, "
        "or use another name."
    )


class PreconditionFailed(GraphError):
    """412: the item is another version than the expected one."""

    is_retryable = True
    default_advice = "Somebody changed the file: read it again and decide."


class RangeNotSatisfiable(GraphError):
    """416: the server does not accept this fragment or range."""

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
    """501: this kind of drive does not support the operation."""


class ServiceUnavailable(GraphError):
    """5xx, or no answer at all."""

    is_retryable = True
    default_advice = "Retry later."


class UnreadableAnswer(ServiceUnavailable):
    """An answer that is not Graph's, or lacks a field that Graph's always have.

    :param field: the name of the field; None if the whole answer cannot be read.
    """

    default_advice = "Is there a proxy or a sign-in page on the way? If not, retry later."

    def __init__(self, message: str, *, field: str | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.field = field

    def of_answer(self, method: str, path: str, request_id: str | None) -> Self:
        """Return this error with the request whose answer it is about, unless it names one."""
        return self if self.method else self._with(method=method, path=path, request_id=request_id, was_sent=True)


def error_from_dict(data: Mapping[str, Any]) -> OneDriveError:
    """Return the error that :meth:`OneDriveError.to_dict` wrote, also in another version of this package.

    A class that is unknown here becomes :class:`OneDriveError`; a missing field gets its default.
    """
    state = dict(data)
    name = str(state.pop("type", ""))
    # Only a class of this module: the name comes from a trigger's event, which the database has kept.
    kind: Any = globals().get(name)
    is_ours = isinstance(kind, type) and issubclass(kind, OneDriveError)
    error: OneDriveError = _restored(kind if is_ours else OneDriveError, {"message": name, **state})
    return error


def _restored(kind: type[E], state: Mapping[str, Any]) -> E:
    """Make an error with these fields, without its constructor's checks."""
    error = kind(str(state.get("message", "")))
    vars(error).update(state)
    return error


def _filtered(text: str | None) -> str | None:
    return None if text is None else without_urls(text)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def stopped() -> Stopped:
    """Return the error of an operation that somebody has ended."""
    return Stopped("The task was stopped; nothing more is sent")
