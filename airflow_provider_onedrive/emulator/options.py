"""The options of one emulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass
class Options:
    """What may be changed while it runs.

    :param strict: refuse an Authorization header on the second origin (it is recorded either way), and fragments that
        are no multiple of 320 KiB when the session is committed.
    :param page_size: children on one page when the request does not say.
    :param refresh_token_seconds: for so long a refresh token may lie unused.
    :param rotate_refresh_tokens: refuse a refresh token that was used.
    :param copy_polls: so often a copy's monitor says that it is under way; when it is asked once more, the copy is made
        and told. 0 = it is made at once.
    :param copy_seconds: after so long a copy is made although nobody asked its monitor, for clients that wait for the
        item; None = it is made for its monitor only, so that no clock decides a test.
    :param monitor_seconds: for so long the end of a copy can be asked for.
    :param device_interval_seconds: a device that polls faster is told to slow down; it is never told less than 1.
    :param garble_drive_ids: items of a consumer say the id of their drive in capitals and without its leading zero.
    :param unprovisioned: how the drive of a user who has none is refused: 404, or 400.
    :param shared_with_me: what ``sharedWithMe`` and ``recent`` say: nothing, one item, everything; 410, 404.
    :param anonymous_links: False = the organisation forbids links for everybody.
    """

    strict: bool = True
    page_size: int = 200
    token_lifetime_seconds: float = 3599
    download_url_seconds: float = 3600
    session_seconds: float = 24 * 3600
    refresh_token_seconds: float = 90 * 24 * 3600
    rotate_refresh_tokens: bool = True
    device_code_seconds: float = 900
    device_interval_seconds: float = 5
    copy_polls: int = 1
    copy_seconds: float | None = None
    monitor_seconds: float = 4 * 3600
    garble_drive_ids: bool = False
    unprovisioned: Literal["not_found", "bad_request"] = "not_found"
    shared_with_me: Literal["empty", "degraded", "complete", "gone", "missing"] = "empty"
    anonymous_links: bool = True
