"""How far a transfer is, and what it has cost: counted by whoever moves the bytes, said every few seconds.

Threads count for themselves and are added up when somebody asks, so no lock is needed, which a signal handler or a fork
might find taken.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

SAY_SECONDS = 10.0
"""How often a transfer says how far it is."""

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
_KIB, _MIB, _MINUTE, _HOUR = 1024, 1024**2, 60, 3600


@dataclass(frozen=True)
class Totals:
    """What has been moved, and what it cost.

    :param bytes_sent: of content, those included that had to be sent again; ``bytes_received`` likewise.
    :param requests: each attempt counts; those for a token do not.
    :param resumed_bytes: what an earlier try had sent or fetched.
    :param throttled_seconds: of pauses that Graph asked for; where several threads waited at once, they count once.
    :param files: that are done.
    """

    bytes_sent: int = 0
    bytes_received: int = 0
    requests: int = 0
    resumed_bytes: int = 0
    throttled_seconds: float = 0.0
    files: int = 0

    def __str__(self) -> str:
        return (
            f"{self.requests} requests, {self.bytes_sent} bytes sent, {self.bytes_received} received, "
            f"{self.resumed_bytes} by an earlier try, throttled for {self.throttled_seconds:.1f} s"
        )


@dataclass
class _Tally:
    """What one thread has counted; no other writes to it.

    :param done_bytes: of the content, each byte once.
    :param attempt_bytes: of them, those whose request has no answer yet.
    """

    bytes_sent: int = 0
    bytes_received: int = 0
    requests: int = 0
    resumed_bytes: int = 0
    files: int = 0
    done_bytes: int = 0
    attempt_bytes: int = 0
    expected_bytes: int = 0
    expected_files: int = 0
    pauses: list[tuple[float, float]] = field(default_factory=list)


class Progress:
    """Counts one transfer, of one file or of many.

    What is counted here also counts for its parent. The outermost that has a title says how far it is: one line for
    a file, however many threads bring its parts, and one for a folder, however many files are in it.

    :param title: what the lines begin with; without one nothing is said.
    :param total_bytes: how many there will be, what an earlier try did included; None is not known.
    :param total_files: where it is of many.
    :param clock: seconds that only grow.
    :param say: takes a line.
    """

    def __init__(
        self,
        title: str = "",
        *,
        total_bytes: int | None = None,
        total_files: int | None = None,
        parent: Progress | None = None,
        say_seconds: float = SAY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        say: Callable[[str], object] = log.info,
    ) -> None:
        self.title = title
        self._total_bytes = total_bytes
        self._total_files = total_files
        self.chain: tuple[Progress, ...] = (self, *(parent.chain if parent else ()))
        self._say_seconds = say_seconds
        self._clock = clock
        self._say = say
        self._tallies: dict[int, _Tally] = {}
        titled = [each for each in self.chain if each.title]
        self._speaker = titled[-1] if titled else None
        self._last_said = deque([(clock(), 0)])

    # --- what whoever moves the bytes reports

    def request(self) -> None:
        """Count an attempt to ask something; the one before has ended."""
        for tally in self._mine():
            tally.requests += 1
            tally.attempt_bytes = 0

    def sent(self, count: int) -> None:
        """Count content that leaves."""
        for tally in self._mine():
            tally.bytes_sent += count
            tally.done_bytes += count
            tally.attempt_bytes += count
        self._say_if_due()

    def received(self, count: int) -> None:
        """Count content that came; it stays, whatever becomes of the request."""
        for tally in self._mine():
            tally.bytes_received += count
            tally.done_bytes += count
        self._say_if_due()

    def failed(self) -> None:
        """Take back what this thread's last request sent: it will be sent again."""
        for tally in self._mine():
            tally.done_bytes -= tally.attempt_bytes
            tally.attempt_bytes = 0

    def throttled(self, start: float, end: float) -> None:
        """Count a pause, on any clock that only grows."""
        for tally in self._mine():
            tally.pauses.append((start, end))

    # --- what whoever knows the transfer reports

    def resumed(self, count: int) -> None:
        """Say how much an earlier try has done of this file; saying it again corrects it."""
        change = count - self._sum("resumed_bytes")
        for tally in self._mine():
            tally.resumed_bytes += change
            tally.done_bytes += change

    def expect(self, byte_count: int, file_count: int = 0) -> None:
        """Say that there will be so much more; for transfers whose files are found while others are moved."""
        tally = self.tally()
        tally.expected_bytes += byte_count
        tally.expected_files += file_count

    def file_done(self, unmoved_bytes: int = 0) -> None:
        """Count a file.

        :param unmoved_bytes: how much of it need not be moved, because it is there.
        """
        for tally in self._mine():
            tally.files += 1
            tally.done_bytes += unmoved_bytes
        self._say_if_due()

    # --- what is known

    @property
    def totals(self) -> Totals:
        names = ("bytes_sent", "bytes_received", "requests", "resumed_bytes", "files")
        pauses = [pause for tally in list(self._tallies.values()) for pause in tally.pauses]
        return Totals(**{name: self._sum(name) for name in names}, throttled_seconds=_covered(pauses))

    @property
    def total_bytes(self) -> int | None:
        expected = self._sum("expected_bytes")
        return expected or None if self._total_bytes is None else self._total_bytes + expected

    @property
    def total_files(self) -> int | None:
        expected = self._sum("expected_files")
        return expected or None if self._total_files is None else self._total_files + expected

    @property
    def done_bytes(self) -> int:
        """How far it is; never beyond the end, though a part may have to be moved twice."""
        done, total = max(self._sum("done_bytes"), 0), self.total_bytes
        return done if total is None else min(done, total)

    def line(self, seconds: float, moved_bytes: int) -> str:
        """Say how far it is.

        :param moved_bytes: in the last ``seconds``; at that rate the rest is reckoned.
        """
        done, total, files = self.done_bytes, self.total_bytes, self.total_files
        rate = moved_bytes / seconds if seconds > 0 else 0.0
        parts = [_size(done) if total is None else f"{_size(done)} of {_size(total)} ({_percent(done, total)} %)"]
        if files is not None:
            parts.insert(0, f"{self._sum('files')} of {files} files")
        parts.append(f"{rate / _MIB:.1f} MiB/s")
        if total is not None and rate:
            parts.append(f"{_duration((total - done) / rate)} left")
        return f"{self.title}: {', '.join(parts)}"

    def _say_if_due(self) -> None:
        if self._speaker is not None:
            self._speaker.say_if_due()

    def say_if_due(self) -> None:
        """Say a line, unless another thread is about it: taking the only element is one step for all of them."""
        now = self._clock()
        try:
            said_at, moved_bytes = last = self._last_said.pop()
        except IndexError:
            return
        try:
            if now - said_at >= self._say_seconds:
                last = now, self._moved_bytes
                self._say(self.line(now - said_at, last[1] - moved_bytes))
        finally:
            self._last_said.append(last)

    @property
    def _moved_bytes(self) -> int:
        return self._sum("bytes_sent") + self._sum("bytes_received")

    def _mine(self) -> list[_Tally]:
        return [each.tally() for each in self.chain]

    def tally(self) -> _Tally:
        """Return what the calling thread counts here; a number is given to another thread only after its end."""
        thread = threading.get_ident()
        return self._tallies.get(thread) or self._tallies.setdefault(thread, _Tally())

    def _sum(self, name: str) -> int:
        return sum(getattr(tally, name) for tally in list(self._tallies.values()))


class Meter:
    """Knows for each thread which transfer it works for.

    :param how: the clock, and how the transfers are to say how far they are; see :class:`Progress`.
    """

    def __init__(self, **how: Any) -> None:
        self._how = how
        self.whole = Progress(**how)
        """Counts everything."""
        self._thread = threading.local()

    @property
    def current(self) -> Progress:
        """What the calling thread counts for."""
        found: Progress = getattr(self._thread, "progress", self.whole)
        return found

    @contextmanager
    def counting(self, progress: Progress) -> Iterator[Progress]:
        """Let the calling thread count for a transfer."""
        before = self.current
        self._thread.progress = progress
        try:
            yield progress
        finally:
            self._thread.progress = before

    @contextmanager
    def measured(
        self, title: str, *, total_bytes: int | None = None, total_files: int | None = None
    ) -> Iterator[Progress]:
        """Count a transfer within what the calling thread counts for already.

        :param title: of its lines; empty for a part, which says nothing itself.
        """
        progress = Progress(title, total_bytes=total_bytes, total_files=total_files, parent=self.current, **self._how)
        with self.counting(progress):
            yield progress

    def inherited(self, work: Callable[[], T]) -> Callable[[], T]:
        """Let work that another thread will do count for what the calling thread counts for."""
        return partial(self._counted, self.current, work)

    def _counted(self, progress: Progress, work: Callable[[], T]) -> T:
        with self.counting(progress):
            return work()


def _covered(pauses: Sequence[tuple[float, float]]) -> float:
    """Add up pauses; where they overlap, once."""
    seconds, covered_until = 0.0, float("-inf")
    for start, end in sorted(pauses):
        seconds += max(end - max(start, covered_until), 0.0)
        covered_until = max(covered_until, end)
    return seconds


def _percent(done: int, total: int) -> int:
    return 100 * done // total if total else 100


def _size(count: float) -> str:
    power = 0
    while count >= _KIB and power < len(_UNITS) - 1:
        count, power = count / _KIB, power + 1
    return f"{count:.1f} {_UNITS[power]}" if power else f"{count:.0f} bytes"


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole >= _HOUR:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _MINUTE} min {whole % _MINUTE} s" if whole >= _MINUTE else f"{whole} s"
