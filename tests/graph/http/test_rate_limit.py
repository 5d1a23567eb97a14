"""How fast bytes may pass."""

from __future__ import annotations

import time

import pytest

from airflow_provider_onedrive.graph.http.rate_limit import RateLimiter


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_pieces_wait_for_those_before() -> None:
    """The first passes at once, the next when the limit allows it."""
    rate_limiter = RateLimiter(100, Clock())
    assert [rate_limiter.wait_seconds(count) for count in (50, 200, 1)] == [0, 0.5, 2.5]


def test_time_that_passes_counts() -> None:
    """Who waited waits no more; what was not used is not saved up for later."""
    clock = Clock()
    rate_limiter = RateLimiter(100, clock)
    rate_limiter.wait_seconds(100)
    clock.now += 0.75
    assert rate_limiter.wait_seconds(100) == 0.25
    clock.now += 1000
    assert [rate_limiter.wait_seconds(100) for _ in range(2)] == [0, 1]


def test_without_a_limit_nobody_waits() -> None:
    """None lets all pass."""
    rate_limiter = RateLimiter(clock=Clock())
    assert [rate_limiter.wait_seconds(10**12) for _ in range(3)] == [0, 0, 0]


@pytest.mark.parametrize("way", ["up", "down"])
def test_a_client_keeps_to_it(client, onedrive_emulator, tmp_path, way):
    """Bytes wait, up and down: two pieces need at least the time of the first."""
    content = bytes(1024 * 1024)
    onedrive_emulator.drive().put("there.bin", content)
    client.stat("myfiles/there.bin")
    client.rate_limiter = RateLimiter(4 * 1024 * 1024)
    start = time.monotonic()
    if way == "up":
        client.upload("myfiles/a.bin", content=content)
    else:
        client.download("myfiles/there.bin", tmp_path / "a.bin")
    assert time.monotonic() - start >= 0.1
