"""How far a transfer is, and what it has cost: counted by whoever moves the bytes, said every few seconds.

Threads count for themselves and are added up when somebody asks, so no lock is needed, which a signal handler or a fork
might find taken.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from airflow_provider_onedrive.graph.protocol.logs import logger

log = logger(__name__)

T = TypeVar("T")

LOG_SECONDS = 10.0
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
    """Counts one transfer of a file or a folder.

    Everything that is counted here also counts for its parent. Only the outermost transfer with a title logs its
    progress: one line for a file with several threads, and one for a folder with many files.

    :param title: the beginning of each line; empty logs nothing.
    :param total_bytes: the bytes of the whole transfer, with those of an earlier attempt; None is unknown.
    :param total_files: the files of the whole transfer; None is a transfer of one file.
    :param clock: a monotonic clock, in seconds.
    :param emit: receives each line.
    """

    def __init__(
        self,
        title: str = "",
        *,
        total_bytes: int | None = None,
        total_files: int | None = None,
        parent: Progress | None = None,
        log_seconds: float = LOG_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        emit: Callable[[str], object] = log.info,
    ) -> None:
        self.title = title
        self._total_bytes = total_bytes
        self._total_files = total_files
        self.chain: tuple[Progress, ...] = (self, *(parent.chain if parent else ()))
        self._log_seconds = log_seconds
        self._clock = clock
        self._emit = emit
        self._tallies: dict[int, _Tally] = {}
        titled = [each for each in self.chain if each.title]
        self._speaker = titled[-1] if titled else None
        self._last_line = deque([(clock(), 0)])

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
        self._log_if_due()

    def received(self, count: int) -> None:
        """Count content that came; it stays, whatever becomes of the request."""
        for tally in self._mine():
            tally.bytes_received += count
            tally.done_bytes += count
        self._log_if_due()

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
        """Set the bytes of this file that an earlier attempt transferred; a second call replaces the first."""
        change = count - self._sum("resumed_bytes")
        for tally in self._mine():
            tally.resumed_bytes += change
            tally.done_bytes += change

    def expect(self, byte_count: int, file_count: int = 0) -> None:
        """Add to the expected total, if files are listed while others are transferred."""
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
        self._log_if_due()

    # --- the state of the transfer

    @property
    def totals(self) -> Totals:
        names = ("bytes_sent", "bytes_received", "requests", "resumed_bytes", "files")
        # A copy, here and in _sum: another thread may add its tally meanwhile, and a growing dict cannot be iterated.
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
        """Return the line that shows the progress.

        :param moved_bytes: in the last ``seconds``; at that rate the rest is reckoned.
        """
        done, total, files = self.done_bytes, self.total_bytes, self.total_files
        # Of the last interval only: an average since the start would hide that Graph throttles now.
        rate = moved_bytes / seconds if seconds > 0 else 0.0
        parts = [_size(done) if total is None else f"{_size(done)} of {_size(total)} ({_percent(done, total)} %)"]
        if files is not None:
            parts.insert(0, f"{self._sum('files')} of {files} files")
        parts.append(f"{rate / _MIB:.1f} MiB/s")
        if total is not None and rate:
            parts.append(f"{_duration((total - done) / rate)} left")
        return f"{self.title}: {', '.join(parts)}"

    def _log_if_due(self) -> None:
        if self._speaker is not None:
            self._speaker.log_if_due()

    def log_if_due(self) -> None:
        """Log a line if it is due. Only the thread that takes the single element does so, because ``pop`` is atomic."""
        now = self._clock()
        try:
            logged_at, moved_bytes = last = self._last_line.pop()
        except IndexError:
            return
        try:
            if now - logged_at >= self._log_seconds:
                last = now, self._moved_bytes
                self._emit(self.line(now - logged_at, last[1] - moved_bytes))
        finally:
            self._last_line.append(last)

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

    def __init__(self, **options: Any) -> None:
        self._options = options
        self.whole = Progress(**options)
        """Counts everything."""
        self._thread = threading.local()

    @property
    def current(self) -> Progress:
        """What the calling thread counts for."""
        progress: Progress = getattr(self._thread, "progress", self.whole)
        return progress

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

        :param title: the beginning of its lines; empty for a part, which logs nothing itself.
        """
        progress = Progress(
            title, total_bytes=total_bytes, total_files=total_files, parent=self.current, **self._options
        )
        with self.counting(progress):
            yield progress

    def inherited(self, call: Callable[[], T]) -> Callable[[], T]:
        """Return a call that counts for the transfer of the calling thread, in whichever thread it runs."""
        return partial(self._counted, self.current, call)

    def _counted(self, progress: Progress, call: Callable[[], T]) -> T:
        with self.counting(progress):
            return call()


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
