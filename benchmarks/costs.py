"""What one run costs, and what several runs of the same say together."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MIB, GIB = 1024**2, 1024**3
_UNIT_OF_RSS = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Cost:
    """Of one run.

    :param seconds: on the clock.
    :param memory_bytes: for our own program what it took beyond the idle process, for others their whole process.
    """

    seconds: float
    cpu_seconds: float
    memory_bytes: float


def times(cost: Cost, factor: float) -> Cost:
    """Let a part of a task stand for the whole; memory stays."""
    return Cost(cost.seconds * factor, cost.cpu_seconds * factor, cost.memory_bytes)


@dataclass
class Figures:
    """Several runs of the same."""

    name: str
    costs: list[Cost] = field(default_factory=list)

    def all(self, of: Callable[[Cost], float]) -> list[float]:
        return [of(cost) for cost in self.costs]

    def median(self, of: Callable[[Cost], float]) -> float:
        return statistics.median(self.all(of))

    def spread(self, of: Callable[[Cost], float]) -> tuple[float, float]:
        return min(self.all(of)), max(self.all(of))


def of_program(command: Sequence[str | Path], environment: Mapping[str, str] | None = None) -> Cost:
    """Run a program to its end and take the cost of all of it.

    :raises RuntimeError: with what it said, if it fails.
    """
    began = time.perf_counter()
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, text=True
    ) as process:
        said = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}:\n{said[-2000:]}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _UNIT_OF_RSS)


def of_worker(python: str | Path, worker: Path, work: Mapping[str, Any]) -> Cost:
    """Let a worker program do something; it takes the cost of that alone, without its start."""
    return Cost(**told_by(python, worker, work))


def told_by(python: str | Path, worker: Path, work: Mapping[str, Any]) -> Any:
    """Run a worker program and return what it printed."""
    with subprocess.Popen(
        [str(python), str(worker)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        said, complained = process.communicate(json.dumps(dict(work)))
    if process.returncode:
        raise RuntimeError(f"{worker.name} {work.get('do')}:\n{complained[-3000:]}")
    return json.loads(said.splitlines()[-1])
