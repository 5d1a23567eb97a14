"""A budget of resource units for each application, as SharePoint keeps one.

https://learn.microsoft.com/sharepoint/dev/general-development/how-to-avoid-getting-throttled-or-blocked-in-sharepoint-online
"""

from __future__ import annotations

import base64
import functools
import json
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from airflow_provider_onedrive.emulator.errors.problems import Problem
from airflow_provider_onedrive.emulator.http.messages import Reply, Request

_MINUTE_SECONDS = 60
_DAY_SECONDS = 24 * 3600
# The preview sent the headers from 80 % of the minute's budget on.
_HEADERS_FROM = 0.8


@dataclass(frozen=True)
class Budget:
    """:param units_per_minute: the service grants 1250 to 6250, depending on the number of licences; None = no limit.

    :param units_per_day: the service grants 1,200,000 and more.
    :param minute_seconds: length of a minute. A shorter one makes tests faster, because Retry-After shrinks with it.
    :param rate_limit_headers: send ``RateLimit`` headers when 80 % are used, as a preview of 2024 did.
    :param clock: monotonic seconds.
    """

    # The least that Microsoft grants: for up to 1,000 licences.
    units_per_minute: int | None = 1250
    units_per_day: int | None = None
    minute_seconds: int = _MINUTE_SECONDS
    code: Literal["activityLimitReached", "TooManyRequests"] = "activityLimitReached"
    status: Literal[429, 503] = 429
    rate_limit_headers: bool = False
    clock: Callable[[], float] = field(default=time.monotonic, metadata={"json": False})

    def __post_init__(self) -> None:
        bounds = [limit for limit in (self.units_per_minute, self.units_per_day) if limit is not None]
        if not bounds or min(bounds) < 1:
            raise ValueError("a budget must be at least 1 unit")
        if self.minute_seconds < 1:
            raise ValueError("a minute must be at least 1 second")


@dataclass
class Window:
    """The units used since a window opened.

    Units beyond the limit count in the next window, because refused calls count too.
    """

    limit: int
    seconds: float
    opened: float
    used: int = 0

    def roll(self, now: float) -> None:
        passed = int((now - self.opened) // self.seconds)
        if passed > 0:
            self.opened += passed * self.seconds
            self.used = max(0, self.used - passed * self.limit)

    def charge(self, units: int) -> bool:
        """Add units, and return True if the total is within the limit."""
        # A client that hammers loses one whole window more, not a day.
        self.used = min(self.used + units, 2 * self.limit)
        return self.used <= self.limit

    def wait_seconds(self, now: float) -> int:
        """Return when there is something left, in whole seconds."""
        return max(1, math.ceil(self.opened + (self.used // self.limit) * self.seconds - now))


class Throttling:
    """The used units of each application. Without a budget nothing is counted.

    URLs of the second origin name no application, so all their requests share one budget.
    """

    def __init__(self) -> None:
        self._budget: Budget | None = None
        self._windows: dict[str, list[Window]] = {}
        self._lock = threading.Lock()

    @property
    def budget(self) -> Budget | None:
        return self._budget

    @budget.setter
    def budget(self, budget: Budget | None) -> None:
        with self._lock:
            self._budget, self._windows = budget, {}

    def used(self, application: str | None = None) -> int:
        """Return the units of the current minute (or day), None = of the one application that used most."""
        with self._lock:
            windows = self._windows.values() if application is None else [self._windows.get(application, [])]
            return max((each[0].used for each in windows if each), default=0)

    def charge(self, request: Request) -> None:
        """Count a request, one of a batch on its own, and raise the answer that refuses it."""
        budget = self._budget
        if budget is None:
            return
        units = request.resource_units
        if not units:
            return
        with self._lock:
            now, windows = self._current(budget, request)
            exceeded = [window for window in windows if not window.charge(units)]
        if exceeded:
            raise _refusal(budget, max(window.wait_seconds(now) for window in exceeded))

    def add_headers(self, request: Request, reply: Reply) -> None:
        """Add the headers of the preview, when they are wanted and most is used."""
        budget = self._budget
        if budget is None or not budget.rate_limit_headers:
            return
        with self._lock:
            now, (window, *_) = self._current(budget, request)
        if window.used >= window.limit * _HEADERS_FROM:
            reply.headers |= {
                "RateLimit-Limit": str(window.limit),
                "RateLimit-Remaining": str(max(0, window.limit - window.used)),
                "RateLimit-Reset": str(math.ceil(window.opened + window.seconds - now)),
            }

    def _current(self, budget: Budget, request: Request) -> tuple[float, list[Window]]:
        now, key = budget.clock(), _application(request)
        if key not in self._windows:
            bounds = ((budget.units_per_minute, budget.minute_seconds), (budget.units_per_day, _DAY_SECONDS))
            self._windows[key] = [Window(limit, seconds, now) for limit, seconds in bounds if limit]
        for window in self._windows[key]:
            window.roll(now)
        return now, self._windows[key]


def _refusal(budget: Budget, seconds: int) -> Problem:
    headers = {"Retry-After": str(seconds)}
    return Problem(budget.status, budget.code, "The app or user has been throttled.", headers=headers)


def _application(request: Request) -> str:
    """Return the application, from the token and unchecked. Requests without a token count as one."""
    if request.origin != "graph":
        return request.origin
    return _named_in(request.header("Authorization") or "")


@functools.lru_cache(maxsize=1024)
def _named_in(authorization: str) -> str:
    try:
        # The signature was checked when the token was first used; the budget needs only the name.
        packed = authorization.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    except (IndexError, ValueError, RecursionError):
        return ""
    return str(claims.get("appid", "")) if isinstance(claims, dict) else ""
