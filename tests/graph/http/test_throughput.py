"""The least speed of answers. The clock is played, so no test depends on how fast the machine is."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from patience import HANG_SECONDS

from airflow_provider_onedrive.emulator.faults import Fault
from airflow_provider_onedrive.graph.client import AsyncClient, Client
from airflow_provider_onedrive.graph.http import throughput
from airflow_provider_onedrive.graph.http.throughput import MinThroughput, ThroughputGuard, TooSlow
from airflow_provider_onedrive.graph.protocol.errors import ServiceUnavailable

CONTENT = bytes(range(256)) * 64
DRIPPED_BYTES = 64
DOWNLOAD = {"operation": "download"}


class PlayedClock:
    """Stands still, but goes on by ten seconds at each of the next readings while an answer comes byte by byte.

    A wait reads it twice. So 14 readings are seven waits of ten seconds each, and the sixth ends a window.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.slow_readings = 0
        self.is_over = False
        self._readings = 0
        self._read = threading.Condition()

    def __call__(self) -> float:
        with self._read:
            if self.slow_readings:
                self.slow_readings -= 1
                self.now += 10
            self._readings += 1
            self._read.notify_all()
            return self.now

    def dripping(self, content: bytes) -> Iterator[bytes]:
        """Yield bytes one by one, each when the other side is about to wait for it, and then the rest."""
        self.slow_readings = 14
        yield b""
        for number in range(DRIPPED_BYTES):
            before = self._readings
            yield content[number : number + 1]
            with self._read:
                self._read.wait_for(lambda before=before: self._readings > before or self.is_over, HANG_SECONDS)
        yield content[DRIPPED_BYTES:]


class drip(Fault):  # noqa: N801 - reads as a word of a rule
    """Send the first bytes of an answer one by one."""

    def __init__(self, clock: PlayedClock) -> None:
        self._clock = clock

    def after(self, reply: Any, *_: Any) -> None:
        content = b"".join(reply.pieces())
        reply.stream = (self, 0, len(content))
        self.pieces = lambda *_: self._clock.dripping(content)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[PlayedClock]:
    played = PlayedClock()
    monkeypatch.setattr(throughput, "DEFAULT", MinThroughput(clock=played))
    yield played
    played.is_over = True


# --- the measure


def measured(*waits: tuple[int, float]) -> None:
    """Take answers of these bytes and seconds, behind a first byte that took long."""
    now = [0.0]
    guard = ThroughputGuard(MinThroughput(clock=lambda: now[0]))
    guard.expect_answer()
    for count, seconds in ((1, 500.0), *waits):
        start = guard.start()
        now[0] += seconds
        guard.received(count, start)


def test_a_byte_every_half_second_ends_after_a_minute() -> None:
    """It is far below 1 KiB/s."""
    measured(*[(1, 0.5)] * 119)
    with pytest.raises(TooSlow, match="less than 1 KiB/s for 60 s"):
        measured(*[(1, 0.5)] * 120)


@pytest.mark.parametrize(("count", "is_too_slow"), [(60 * 1024, False), (60 * 1024 - 1, True)])
def test_the_limit_is_exact(count: int, is_too_slow: bool) -> None:
    """1 KiB/s over 60 s is enough, one byte less is not."""
    waits = [(count, 30.0), (0, 30.0)]
    if is_too_slow:
        with pytest.raises(TooSlow):
            measured(*waits)
    else:
        measured(*waits)


def test_each_window_counts_by_itself() -> None:
    """A fast beginning does not pay for a slow end."""
    with pytest.raises(TooSlow):
        measured((10**9, 60.0), *[(1, 1.0)] * 60)


def test_neither_the_first_byte_nor_the_own_pauses_count() -> None:
    """A server may work for long before it answers, and a limit on this side is not its fault."""
    now = [0.0]
    guard = ThroughputGuard(MinThroughput(clock=lambda: now[0]))
    for _ in range(3):
        guard.expect_answer()
        for count in (1, 1, 1):
            now[0] += 1000.0  # between two waits
            start = guard.start()
            now[0] += 500.0 if count else 0.0
            if guard._has_begun:
                now[0] = start
            guard.received(count, start)


def test_each_answer_is_measured_anew() -> None:
    """Many small answers on one connection are not a slow one."""
    now = [0.0]
    guard = ThroughputGuard(MinThroughput(clock=lambda: now[0]))
    for _ in range(100):
        guard.expect_answer()
        for _ in range(2):
            start = guard.start()
            now[0] += 30.0
            guard.received(1, start)


# --- real connections


def test_slow_download_is_cut_and_resumed(
    connect: Callable[..., Client], clock: PlayedClock, onedrive_emulator: Any, tmp_path: Any
) -> None:
    """The next request asks only for what is missing."""
    onedrive_emulator.drive().put("a.bin", CONTENT)
    onedrive_emulator.faults.add(**DOWNLOAD, do=drip(clock))
    connect().download("myfiles/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == CONTENT
    first, second = onedrive_emulator.requests.matching(**DOWNLOAD)
    assert (first.status, second.status) == (200, 206)
    assert len(CONTENT) - DRIPPED_BYTES <= second.sent_bytes < len(CONTENT)


def test_download_that_is_always_slow_ends(
    connect: Callable[..., Client], clock: PlayedClock, onedrive_emulator: Any, tmp_path: Any
) -> None:
    """The few bytes that each link brings are no progress."""
    onedrive_emulator.drive().put("a.bin", CONTENT)
    onedrive_emulator.faults.add(**DOWNLOAD, times=None, do=drip(clock))
    with pytest.raises(ServiceUnavailable, match="too slowly, less than 1 KiB/s for 60 s"):
        connect().download("myfiles/a.bin", tmp_path / "a.bin")
    assert len(onedrive_emulator.requests.matching(**DOWNLOAD)) == 7


def test_slow_listing_is_asked_for_again(
    connect: Callable[..., Client], clock: PlayedClock, onedrive_emulator: Any
) -> None:
    """JSON cannot be resumed; it is read anew."""
    onedrive_emulator.drive().put("a.csv", b"1")
    onedrive_emulator.faults.add(operation="children", do=drip(clock))
    assert [item.name for item in connect().children("myfiles/")] == ["a.csv"]
    assert len(onedrive_emulator.requests.matching(operation="children")) == 2


def test_slow_answer_on_an_event_loop_is_asked_for_again(
    connect_async: Callable[..., AsyncClient], clock: PlayedClock, onedrive_emulator: Any
) -> None:
    """One triggerer serves many tasks: none of them waits for a byte every half second."""
    onedrive_emulator.drive().put("a.csv", b"1")
    onedrive_emulator.faults.add(operation="children", do=drip(clock))

    async def listed() -> list[str]:
        async with connect_async() as client:
            return [item.name async for item in client.children("myfiles/")]

    assert asyncio.run(listed()) == ["a.csv"]
    assert len(onedrive_emulator.requests.matching(operation="children")) == 2


@pytest.mark.parametrize("size", [10, 5 * 1024 * 1024], ids=["small", "large"])
def test_slow_answer_to_an_upload_leaves_one_file(
    connect: Callable[..., Client], clock: PlayedClock, onedrive_emulator: Any, size: int
) -> None:
    """Graph has the file although its answer did not come; the flow looks, and nothing is sent twice by mistake."""
    onedrive_emulator.faults.add(operation=["upload", "fragment"], do=drip(clock))
    item = connect().upload("myfiles/a.bin", content=b"a" * size)
    assert item.size == size
    assert onedrive_emulator.drive().paths() == ["a.bin"]
