"""The options of one emulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass
class Options:
    """Settings that may change while the emulator runs.

    :param strict: refuse requests that Graph need not accept: an Authorization header on the second origin (it is
        logged either way), and a commit after fragments that are not multiples of 320 KiB.
    :param page_size: children on one page if the request names no number.
    :param session_seconds: lifetime of an upload session after its last fragment; None = 15 minutes for work or school,
        five days for consumers.
    :param refresh_token_seconds: lifetime of a refresh token that is not used.
    :param rotate_refresh_tokens: refuse a refresh token that was used before.
    :param copy_poll_count: how often the monitor of a copy answers that the copy is in progress. The next request
        completes the copy. 0 = the copy is made at once.
    :param copy_seconds: time after which a copy is made although nobody polls its monitor, for clients that wait for
        the item. None = only polls complete a copy, so that no clock decides a test.
    :param monitor_seconds: how long a monitor answers after its copy ended.
    :param device_interval_seconds: a device that polls faster gets ``slow_down``. The answer never says less than 1.
    :param garble_drive_ids: items of a consumer's drive show its id in capitals and without the leading zero.
    :param unprovisioned: how the missing drive of a user is refused: 404 or 400.
    :param shared_with_me: the answer of ``sharedWithMe`` and ``recent``: nothing, one item, everything, 410 or 404.
    :param anonymous_links: False = the organisation forbids links that work for everybody.
    """

    strict: bool = True
    page_size: int = 200
    token_lifetime_seconds: float = 3599
    download_url_seconds: float = 3600
    session_seconds: float | None = None
    refresh_token_seconds: float = 90 * 24 * 3600
    rotate_refresh_tokens: bool = True
    device_code_seconds: float = 900
    device_interval_seconds: float = 5
    copy_poll_count: int = 1
    copy_seconds: float | None = None
    monitor_seconds: float = 4 * 3600
    garble_drive_ids: bool = False
    unprovisioned: Literal["not_found", "bad_request"] = "not_found"
    shared_with_me: Literal["empty", "degraded", "complete", "gone", "missing"] = "empty"
    anonymous_links: bool = True
