"""Which requests meet a fault."""

from __future__ import annotations

import random
import re
from collections.abc import Collection
from dataclasses import dataclass, field

from airflow_provider_onedrive.emulator.faults.fault import Fault
from airflow_provider_onedrive.emulator.faults.records import suggestion
from airflow_provider_onedrive.emulator.http.messages import Request
from airflow_provider_onedrive.emulator.http.operations import OPERATIONS


@dataclass
class Rule:
    """A fault and the requests that meet it. Only the count decides, so equal requests meet equal faults again.

    :param method: such as ``PUT``; None = any, as for ``path``, ``origin`` and ``operation``.
    :param path: a regular expression that is searched in the decoded path (without the query).
    :param origin: ``graph``, ``store`` (the second origin) or ``login``.
    :param operation: one or more of :data:`~airflow_provider_onedrive.emulator.http.operations.OPERATIONS`.
    :param times: number of requests that meet the fault, None = all.
    :param after: number of matching requests that pass first.
    :param every: of the following requests, 7 = each seventh.
    :param probability: of the following requests, the share that meets the fault; ``seed`` makes the choice repeatable.
    """

    method: str | None = None
    path: str | None = None
    origin: str | None = None
    operation: str | list[str] | None = None
    times: int | None = 1
    after: int = 0
    every: int | None = None
    probability: float | None = None
    seed: int = 0
    do: Fault = field(default_factory=Fault, metadata={"json": False})
    seen: int = field(default=0, init=False)
    hits: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        _check_numbers(self)
        self._pattern = _pattern(self.path)
        self._operations = _operations(self.operation)
        # Each rule has its own generator, so that other requests do not change which ones it picks.
        self._chances = random.Random(self.seed)

    def matches(self, request: Request) -> bool:
        return (
            self.method in {None, request.method}
            and self.origin in {None, request.origin}
            and (self._operations is None or request.operation in self._operations)
            and (self._pattern is None or self._pattern.search(request.path) is not None)
        )

    def take(self) -> bool:
        """Count a matching request, and return True if it meets the fault."""
        self.seen += 1
        taken = self._is_its_turn(self.seen - self.after) and (self.times is None or self.hits < self.times)
        self.hits += taken
        return taken

    def _is_its_turn(self, number: int) -> bool:
        """:param number: of the request among those that the rule is about, from 1."""
        if number < 1 or (self.every and number % self.every):
            return False
        return self.probability is None or self._chances.random() < self.probability


def _check_numbers(rule: Rule) -> None:
    if rule.every is not None and rule.every < 1:
        raise ValueError("every must be at least 1")
    if rule.probability is not None and not 0 <= rule.probability <= 1:
        raise ValueError("probability must lie between 0 and 1")
    if rule.after < 0 or (rule.times or 0) < 0:
        raise ValueError("after and times must not be negative")


def _pattern(path: str | None) -> re.Pattern[str] | None:
    try:
        return None if path is None else re.compile(path)
    except re.error as error:
        raise ValueError(f"path is not a regular expression: {error}") from None


def _operations(named: str | Collection[str] | None) -> frozenset[str] | None:
    if named is None:
        return None
    operations = frozenset({named} if isinstance(named, str) else named)
    for name in sorted(operations - OPERATIONS):
        raise ValueError(f"unknown operation {name!r}{suggestion(name, OPERATIONS)}".rstrip("."))
    return operations
