"""Errors in the form of Graph. Handlers raise them; one function writes them as replies.

https://learn.microsoft.com/graph/errors
"""

from __future__ import annotations

from collections.abc import Mapping


class Problem(Exception):
    """An answer that is an error."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        inner: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.inner = inner
        self.headers = dict(headers or {})


class ConnectionDropped(Exception):
    """The connection ends here, by a fault rule or because the client went away."""


def invalid_request(message: str, inner: str | None = None) -> Problem:
    return Problem(400, "invalidRequest", message, inner=inner)


def bad_request(message: str) -> Problem:
    return Problem(400, "BadRequest", message)


def unknown_segment(segment: str) -> Problem:
    return bad_request(f"Resource not found for the segment '{segment}'.")


def missing_item() -> Problem:
    return Problem(404, "itemNotFound", "The resource could not be found.")


def malformed_drive() -> Problem:
    """Return the refusal of a drive's id that cannot be one."""
    # https://github.com/abraunegg/onedrive/issues/3881
    return invalid_request("The provided drive id appears to be malformed, or does not represent a valid drive.")


def children_of_file() -> Problem:
    """Return the refusal of the children of an item that is no folder."""
    return Problem(422, "notSupported", "Operation not supported", inner="getChildrenOnNonFolder")


def missing_session() -> Problem:
    return Problem(404, "itemNotFound", "The upload session was not found")


def access_denied() -> Problem:
    return Problem(403, "accessDenied", "Access denied")


def malware_detected(description: str) -> Problem:
    """Return the refusal of a download of a file with malware."""
    message = "Malware was detected in the requested resource."
    return Problem(403, "malwareDetected", message, headers={"X-Virus-Infected": description})


def deletion_on_hold() -> Problem:
    """Return the refusal of a deletion under a retention policy or a litigation hold."""
    # https://github.com/abraunegg/onedrive/issues/338
    return Problem(
        403,
        "accessDenied",
        "Request was cancelled by event received. If attempting to delete a non-empty folder, it's possible that it's "
        "on hold",
    )


def name_taken(message: str = "Name already exists") -> Problem:
    return Problem(409, "nameAlreadyExists", message)


def tag_mismatch(code: str) -> Problem:
    """``notAllowed`` where content is written, ``resourceModified`` where an item is changed or deleted."""
    # Recorded: the first on a PUT of content (AB#24), the second on a PATCH (skilion/onedrive#366).
    return Problem(412, code, "ETag does not match current item's value")


def not_supported(message: str = "The request is not supported by the system.") -> Problem:
    return Problem(501, "notSupported", message)


def too_large() -> Problem:
    # The words are rclone's warning; no document names the status.
    return Problem(413, "requestTooLarge", "The request message is too big.")
