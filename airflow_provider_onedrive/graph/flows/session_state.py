"""The upload session that is open, and what a later try on another worker needs to go on with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from airflow_provider_onedrive.graph.protocol.errors import OneDriveError, OwnerUnknown, SourceChanged, TakenOver
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.protocol.models import UploadSession

log = logger(__name__)

STATE_VERSION = 1

Purpose = Callable[[], Mapping[str, Any]]
"""Returns in JSON what is uploaded where and how. It reads of the source, so it is called only if a session is kept."""


class SessionKeeper(Protocol):
    """Where an open session is written down. What it is told is a secret: the upload URL is a permission."""

    def load(self) -> Mapping[str, Any] | None:
        """Return what was saved last, or None."""

    def save(self, state: Mapping[str, Any]) -> bool:
        """Write the state down; when this returns True another process can load it."""

    def forget(self) -> None:
        """Remove the state."""


@dataclass(frozen=True)
class TaskAttempt:
    """The attempt of a task that a call belongs to; the default is a program that is run once.

    :param retrying: whether an earlier attempt of the same task may have done the job already: if so, that is success.
    :param has_another: whether another attempt follows if this one fails.
    :param keeper_of: returns the keeper of a file's upload session, or None. It takes the file's path below the target
        of a folder transfer; empty for a single file.
    """

    retrying: bool = False
    has_another: bool = False
    keeper_of: Callable[[str], SessionKeeper | None] = field(default=lambda _path: None, repr=False)


@dataclass(frozen=True)
class KeptSession:
    """What an earlier try left.

    :param objection: why it is of no use now; empty where it is.
    """

    session: UploadSession
    objection: str = ""


class OpenSession:
    """Knows the upload session of one file that is open now.

    :param attempt: the attempt of a task that opens it.
    :param keeper: where it is written down for a later attempt; None keeps nothing.
    """

    def __init__(self, attempt: TaskAttempt = TaskAttempt(), keeper: SessionKeeper | None = None) -> None:
        self.attempt = attempt
        self._keeper = keeper
        self._has_looked = False
        self._is_kept = False
        self.session: UploadSession | None = None
        self.on_resumed: Callable[[int], object] = lambda _: None
        """Is told how many bytes an earlier try has sent of what is uploaded; none where a session begins anew."""

    def opened(self, session: UploadSession, purpose: Purpose) -> None:
        """Note a new session; it is durable before its first fragment leaves."""
        self.session = session
        # Without another attempt it would only stay behind, with a URL that is a permission.
        if self._keeper is not None and self.attempt.has_another:
            self._is_kept = self._keeper.save(_state(session, purpose()))

    def take_up(self, purpose: Purpose) -> KeptSession | None:
        """Return what an earlier try left; from now on it is the open session. Only the first call looks.

        A later call returns the session of a plan that was given up, where that is still open.
        """
        if self.session is not None:
            return KeptSession(self.session, "what was planned before")
        if self._keeper is None or self._has_looked:
            return None
        self._has_looked = True
        state = self._keeper.load()
        self._is_kept = state is not None
        kept = _kept(state or {}, purpose)
        if kept is not None:
            self.session = kept.session
        elif self._is_kept:
            log.info("What an earlier try kept of its upload is of another version; the upload starts anew.")
            self.closed()
        return kept

    def read_progress(self) -> None:
        """Find what an earlier try left, where this one had no need of it."""
        if self._keeper is not None and self.attempt.retrying and not self._has_looked:
            self._has_looked = True
            state = self._keeper.load()
            self._is_kept = state is not None
            url = (state or {}).get("upload_url")
            self.session = UploadSession(url, None) if isinstance(url, str) else None

    def closed(self) -> None:
        """Note that the session has ended or is lost."""
        if self._keeper is not None and self._is_kept:
            self._keeper.forget()
        self.session, self._is_kept = None, False

    def is_kept_after(self, error: BaseException) -> bool:
        """Whether the session is left open after this error, because a later try can go on with it."""
        # An exception of another kind is a killed task or an error of the DAG: it says nothing about the session. If
        # the source has changed, the bytes that were sent are of no use.
        is_passing = not isinstance(error, OneDriveError) or (
            error.is_retryable and not isinstance(error, SourceChanged)
        )
        # Another try has taken the session over, or has ended it.
        is_others = isinstance(error, (TakenOver, OwnerUnknown))
        return is_others or (self._is_kept and self.attempt.has_another and is_passing)


def _state(session: UploadSession, purpose: Mapping[str, Any]) -> dict[str, Any]:
    expires_at = session.expires_at.isoformat() if session.expires_at else None
    return {
        "version": STATE_VERSION,
        "upload_url": session.upload_url,
        "expires_at": expires_at,
        "purpose": dict(purpose),
    }


def _kept(state: Mapping[str, Any], purpose: Purpose) -> KeptSession | None:
    """Read a state; None where it is of another version or makes no sense."""
    url, kept_for = state.get("upload_url"), state.get("purpose")
    # A worker of another release may have written it.
    if state.get("version") != STATE_VERSION or not (isinstance(url, str) and isinstance(kept_for, Mapping)):
        return None
    changed = [name for name, value in purpose().items() if kept_for.get(name) != value]
    return KeptSession(UploadSession(url, None), f"another {' and '.join(changed)}" if changed else "")
