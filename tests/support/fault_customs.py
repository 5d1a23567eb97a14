"""The quirks of SharePoint as the fault tests use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fault_scene import Operation


@dataclass(frozen=True)
class Custom:
    """What SharePoint does.

    :param is_mild: says whether it must not change how an operation ends.
    """

    name: str
    quirks: Mapping[str, Any]
    is_mild: Callable[[Operation], bool] = lambda _: True


def _never(_: Operation) -> bool:
    return False


def _without_batch(operation: Operation) -> bool:
    """A batch does not wait for a lock: it would hold back nineteen others."""
    return "batch" not in operation.steps


def _after_a_read(operation: Operation) -> bool:
    """Whoever has not read a folder cannot tell one that is missing for a moment from one that was never there."""
    return operation.steps.split()[0] != "children"


CUSTOMS = [
    Custom("rewrites", {"rewrite_office": True}),
    Custom("rewrites_later", {"rewrite_office": True, "rewrite_in_answer": False}),
    Custom("hash_late", {"hash_missing_reads": 2}),
    Custom("hash_never", {"hash_missing_reads": 99}),
    Custom("invisible_once", {"invisible_reads": 1}),
    Custom("invisible_thrice", {"invisible_reads": 3}),
    Custom("session_invisible_once", {"session_invisible_uses": 1}),
    Custom("session_invisible_thrice", {"session_invisible_uses": 3}),
    Custom("session_invisible_always", {"session_invisible_uses": 99}, _never),
    Custom("no_retry_after", {"retry_after_missing": True}),
    Custom("upload_url_expired", {"tempauth_seconds": 0.0}, _never),
    Custom("editor_once", {"editor_opens": 1}, _never),
    Custom("editor_often", {"editor_opens": 99}, _never),
    Custom("locked_once", {"locked_writes": 1}, _without_batch),
    Custom("locked_thrice", {"locked_writes": 3}, _without_batch),
    Custom("locked_always", {"locked_writes": 99}, _never),
    Custom("missing_writes_once", {"missing_writes": 1}),
    Custom("missing_writes_twice", {"missing_writes": 2}),
    # See _after_a_read; nearly every operation begins with a folder.
    Custom("missing_folders", {"missing_folders": 2}, _never),
    Custom("missing_listings", {"missing_listings": 2}, _after_a_read),
    Custom("missing_roots", {"missing_root_every": 2}),
    Custom("repeating_listings", {"repeating_listings": 1}),
    Custom("folders_on_hold", {"folders_on_hold": True}, _never),
    Custom("search_late", {"unindexed_searches": 99}),
    Custom("commit_fails_once", {"failing_commits": 1}),
    Custom("commit_fails_always", {"failing_commits": 99}),
    Custom("commit_fails_504", {"failing_commits": 2, "failing_commit_status": 504}),
    Custom("commit_refused_once", {"refused_commits": 1}),
    Custom("commit_refused_twice", {"refused_commits": 2}),
    Custom("commit_refused_503", {"refused_commits": 2, "refused_commit_status": 503}),
    Custom("commit_refused_409", {"refused_commits": 1, "refused_commit_status": 409}, _never),
    Custom("commit_refused_always", {"refused_commits": 99}, _never),
    Custom("sessions_hold_names", {"sessions_hold_names": True}),
]
