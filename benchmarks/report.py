"""How measurements are repeated and printed."""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable


class Report:
    """Prints figures, and stops measuring when time is up."""

    def __init__(self, runs: int, longest_seconds: float = float("inf")) -> None:
        self._runs = runs
        self._end = time.monotonic() + longest_seconds

    def measure(self, name: str, unit: str, action: Callable[[], float]) -> float:
        """Run the action several times; each returns one figure."""
        figures: list[float] = []
        while len(figures) < self._runs and (not figures or time.monotonic() < self._end):
            figures.append(action())
        middle = statistics.median(figures)
        spread = f"{min(figures):.4g} to {max(figures):.4g}, {len(figures)} runs"
        print(f"{name:<44} {middle:>9.4g} {unit:<11} ({spread})", flush=True)
        return middle

    def say_machine(self) -> None:
        self.say("machine", f"{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}")
        self.measure("noise: the same loop, again and again", "ms", noise)

    def say(self, name: str, text: str) -> None:
        print(f"{name:<44} {text}", flush=True)

    @property
    def has_time(self) -> bool:
        return time.monotonic() < self._end


def noise() -> float:
    """Do always the same, and return the milliseconds: what they vary is the machine's."""
    began = time.perf_counter()
    sum(number * number for number in range(1_000_000))
    return (time.perf_counter() - began) * 1000
