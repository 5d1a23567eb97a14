"""Habits of SharePoint that surprise clients: all off, each switched on by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields

from airflow_provider_onedrive.emulator.trouble.counts import Counts


@dataclass
class Habits:
    """Set any of them at any time, as in ``emulator.habits.rewrite_office = True``.

    :param rewrite_office: Office files, PDF and HTML are rewritten after an upload: size, hash and tags change.
    :param rewrite_in_answer: the upload's own answer says so already; else only the next read does.
    :param hash_missing_reads: a file has no hash in the answer to its upload and in so many reads after it.
    :param invisible_reads: what was just created is 404 in so many reads by path, and so is what lies below a folder
        just created.
    :param session_invisible_uses: the first so many requests to an upload URL are 404.
    :param retry_after_missing: 429 and 503 say nothing of when to try again.
    :param tempauth_seconds: an upload URL is refused (403) so long after it was given, whatever its session says.
    :param editor_opens: so many of the next reads of a file are followed by somebody opening it in an editor, which
        moves its eTag and nothing else.
    :param locked_writes: of each file, the first so many changes are refused (423).
    :param unindexed_searches: a file or folder is not found by the first so many searches that mean it.
    :param failing_commits: so many of the next uploads are answered with an error although the file is there.
    :param refused_commits: so many of the next commits of upload sessions are refused with ``refused_commit_status``;
        the session keeps all its bytes, and can be committed later.
    :param sessions_hold_names: for work or school a session that was neither finished nor cancelled holds its name:
        until it expires another session or a PUT for the same name is refused (409), whatever its conflict behaviour.
    :param clock: seconds that only grow.
    """

    rewrite_office: bool = False
    rewrite_in_answer: bool = True
    hash_missing_reads: int = 0
    invisible_reads: int = 0
    session_invisible_uses: int = 0
    retry_after_missing: bool = False
    tempauth_seconds: float | None = None
    editor_opens: int = 0
    locked_writes: int = 0
    unindexed_searches: int = 0
    failing_commits: int = 0
    failing_commit_status: int = 500
    refused_commits: int = 0
    refused_commit_status: int = 423
    sessions_hold_names: bool = False
    clock: Callable[[], float] = field(default=time.monotonic, metadata={"json": False}, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.unhashed, self.invisible, self.unseen_sessions, self.locks = Counts(), Counts(), Counts(), Counts()
        self.unindexed = Counts()
        self.tempauths: dict[str, float] = {}
        self._lock = threading.Lock()

    @property
    def are_off(self) -> bool:
        return not (
            self.rewrite_office
            or self.hash_missing_reads
            or self.invisible_reads
            or self.session_invisible_uses
            or self.retry_after_missing
            or self.tempauth_seconds is not None
            or self.editor_opens
            or self.locked_writes
            or self.failing_commits
            or self.refused_commits
            or self.sessions_hold_names
        )

    def count_down(self, name: str) -> bool:
        """Say whether it is still the turn of ``editor_opens`` or another count, and count this one."""
        with self._lock:
            left: int = getattr(self, name)
            setattr(self, name, max(0, left - 1))
        return left > 0

    def take_over(self, other: Habits) -> None:
        for each in fields(self):
            if each.init and each.metadata.get("json", True):
                setattr(self, each.name, getattr(other, each.name))
