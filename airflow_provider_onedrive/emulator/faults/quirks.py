"""Quirks of SharePoint that surprise clients. All are off; each is switched on by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Literal


@dataclass
class Quirks:
    """Set any of them at any time, as in ``emulator.quirks.rewrite_office = True``.

    A quirk is one field, whose default is off, and the lines that ask for it: scripts, the control path and
    :attr:`are_off` take it from here. Where it depends on the request alone, those lines stand in
    :mod:`~airflow_provider_onedrive.emulator.server.sharepoint`, else in the handler.

    :param rewrite_office: Office files, PDF and HTML are rewritten after an upload: size, hash and tags change.
    :param rewrite_in_answer: the answer to the upload describes the rewritten file; else only the next read does.
    :param hash_missing_reads: the answer to an upload and this many reads after it have no hash of the file.
    :param invisible_reads: a new item is 404 for this many reads by path, and so is everything below a new folder.
    :param session_invisible_uses: the first requests to an upload URL are 404, this many.
    :param retry_after_missing: 429 and 503 have no Retry-After.
    :param tempauth_seconds: an upload URL is refused (403) this long after its creation, however long its session
        lives.
    :param editor_opens: after this many of the next reads of a file somebody opens it in an editor, which moves its
        eTag and nothing else.
    :param locked_writes: the first changes of each file are refused (423), this many.
    :param missing_writes: the first DELETE, PATCH, copy and createUploadSession of each item are 404 although it is
        there, this many of each kind.
    :param missing_root_every: each n-th read of a drive's root, or of its children, is 404; 0 = none.
    :param missing_folders: the first reads of each other folder are 404, this many.
    :param missing_listings: the first reads of each other folder's children are 404, this many.
    :param repeating_listings: the first listings of each folder, this many, repeat an item and lack the one beside it:
        the second page begins with the last item of the first one. If there is one page, it has its first item twice.
    :param repeating_top: only listings by pages of this size do so, as ``$top`` or ``options.page_size`` says; None =
        all. Other sizes give the right listing.
    :param folders_on_hold: deleting a folder that is not empty is refused (403), as under a retention policy.
    :param unindexed_searches: the first searches that match a file or folder do not find it, this many.
    :param failing_commits: this many of the next uploads are answered with ``failing_commit_status`` although the
        file is stored.
    :param refused_commits: this many of the next commits of upload sessions are refused with
        ``refused_commit_status``; the session keeps all its bytes, and can be committed later.
    :param sessions_hold_names: for work or school a session that was neither finished nor cancelled holds its name:
        until it expires another session or a PUT for the same name is refused (409), whatever its conflict behaviour.
    :param names_without_normal_form: the normal forms of Unicode count: a name that is written in another one is
        another item. It applies to items that are created, renamed or moved while it is on.
    :param editor_addresses: the ``webUrl`` of an Office or CSV file is that of its editor, which names it by its GUID
        and not by its path. Delta and searches name the file itself.
    :param plain_paths: through a site, ``parentReference.path`` is not percent-encoded.
    :param empty_file_hash: ``none`` = an empty file has no hash.
    :param cross_drive_moves: a move to another drive is ``async``: accepted with ``Prefer: respond-async`` only;
        ``refused``: never accepted; ``missing``: answered with 404, although it is made.
    :param sessions_need_folders: an upload session below a missing folder is 404, and does not make it.
    :param clock: seconds that only grow.
    """

    # Property promotion of SharePoint. https://github.com/OneDrive/onedrive-api-docs/issues/935
    rewrite_office: bool = False
    rewrite_in_answer: bool = True
    # https://learn.microsoft.com/graph/api/resources/hashes: a hash may be missing right after an upload.
    hash_missing_reads: int = 0
    # Seen right after a folder was created. https://github.com/rclone/rclone/issues/8545
    invisible_reads: int = 0
    # Seen on busy sites; rclone repeats the fragment after five seconds. https://github.com/rclone/rclone/issues/8545
    session_invisible_uses: int = 0
    # Seen on some 429 and 503 answers; abraunegg/onedrive then waits 120 seconds.
    retry_after_missing: bool = False
    # The permission in an upload URL lasted about 24 hours, less than its session.
    # https://github.com/abraunegg/onedrive/issues/3355
    tempauth_seconds: float | None = None
    # Opening a file in a browser moved its eTag, and the next If-Match failed with 412.
    # https://github.com/abraunegg/onedrive/issues/36
    editor_opens: int = 0
    locked_writes: int = 0
    # A deletion by id was 404 for an item that was there, and its repetition worked; the same was seen for what was
    # just written. https://github.com/rclone/rclone/issues/8545
    missing_writes: int = 0
    # Seen in about one request of a hundred on old drives of consumers.
    missing_root_every: int = 0
    missing_folders: int = 0
    missing_listings: int = 0
    # https://github.com/OneDrive/onedrive-api-docs/issues/1472
    repeating_listings: int = 0
    repeating_top: int | None = None
    # https://github.com/abraunegg/onedrive/issues/338
    folders_on_hold: bool = False
    unindexed_searches: int = 0
    # The last fragment was answered 500 although the file existed.
    # https://github.com/OneDrive/onedrive-api-docs/issues/1640
    failing_commits: int = 0
    failing_commit_status: int = 500
    refused_commits: int = 0
    refused_commit_status: int = 423
    # https://github.com/OneDrive/onedrive-api-docs/issues/747
    sessions_hold_names: bool = False
    # For clients that were written for a service without this rule; OneDrive compares in normal form C.
    names_without_normal_form: bool = False
    # https://github.com/microsoftgraph/msgraph-sdk-dotnet/issues/2604
    editor_addresses: bool = True
    # Recorded through sites, beside the encoded form.
    plain_paths: bool = False
    # Empty files had no hash before 2023. https://github.com/OneDrive/onedrive-api-docs/issues/1704
    empty_file_hash: Literal["zero", "none"] = "zero"
    # Recorded from 2018 to 2026, against Microsoft's page on driveItem: move.
    cross_drive_moves: Literal["async", "refused", "missing"] = "async"
    # The contrary was said in 2016. https://github.com/OneDrive/onedrive-api-docs/issues/364
    sessions_need_folders: bool = False
    clock: Callable[[], float] = field(default=time.monotonic, metadata={"json": False}, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.tempauths: dict[str, float] = {}
        self._remaining: dict[tuple[str, str], int] = {}
        self._counted: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()

    @property
    def are_off(self) -> bool:
        return all(getattr(self, name) == default for name, default in _DEFAULTS.items())

    def start(self, name: str, key: str) -> None:
        """Begin the count of a quirk for one thing.

        :param name: of the quirk; its number says how often it happens.
        :param key: the id of an item or session.
        """
        if getattr(self, name):
            self._remaining[name, key] = getattr(self, name)

    def is_due(self, name: str, key: str) -> bool:
        """Return True if a quirk that was started for ``key`` still happens."""
        return bool(getattr(self, name)) and self._remaining.get((name, key), 0) > 0

    def take(self, name: str, key: str) -> bool:
        """Return True if a quirk that was started for ``key`` still happens, and count this time."""
        if not self.is_due(name, key):
            return False
        return self._count_down((name, key), 0)

    def take_first(self, name: str, key: str) -> bool:
        """Return True the first times for each key, as often as the quirk's number says."""
        # While the quirk is off nothing is counted: it may be switched on later.
        return getattr(self, name) > 0 and self._count_down((name, key), getattr(self, name))

    def take_every(self, name: str, key: str) -> bool:
        """Return True each n-th time for a key, where n is the quirk's number."""
        every: int = getattr(self, name)
        with self._lock:
            self._counted[name, key] = self._counted.get((name, key), 0) + 1
            return every > 0 and self._counted[name, key] % every == 0

    def take_next(self, name: str) -> bool:
        """Return True the next times, as often as the quirk's number says; the number counts down."""
        with self._lock:
            remaining: int = getattr(self, name)
            setattr(self, name, max(0, remaining - 1))
        return remaining > 0

    def replace_by(self, other: Quirks) -> None:
        """Set all quirks as ``other`` has them; the clock and the counts stay."""
        for name in _DEFAULTS:
            setattr(self, name, getattr(other, name))

    def _count_down(self, counter: tuple[str, str], initial: int) -> bool:
        with self._lock:
            remaining = self._remaining.get(counter, initial)
            self._remaining[counter] = max(0, remaining - 1)
        return remaining > 0


_DEFAULTS = {each.name: each.default for each in fields(Quirks) if each.metadata.get("json", True)}
