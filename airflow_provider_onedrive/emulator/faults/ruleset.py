"""The fault rules of one emulator, with its quirks and its throttling budget: the content of a script."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from types import EllipsisType
from typing import Any

from airflow_provider_onedrive.emulator.faults import records
from airflow_provider_onedrive.emulator.faults import script as fault_script
from airflow_provider_onedrive.emulator.faults.fault import NONE, Fault, Several
from airflow_provider_onedrive.emulator.faults.quirks import Quirks
from airflow_provider_onedrive.emulator.faults.rules import Rule
from airflow_provider_onedrive.emulator.faults.throttling import Budget, Throttling
from airflow_provider_onedrive.emulator.http.messages import Request


class Faults:
    """Rules, which apply in the order in which they were added.

    A request meets at most one fault, and in addition every ``latency`` and ``bandwidth`` whose rule it matches.
    """

    def __init__(self, quirks: Quirks | None = None, throttling: Throttling | None = None) -> None:
        self._quirks = quirks or Quirks()
        self._throttling = throttling or Throttling()
        self._rules: list[Rule] = []
        self._lock = threading.Lock()

    @property
    def rules(self) -> list[Rule]:
        with self._lock:
            return list(self._rules)

    def add(
        self,
        *,
        do: Fault,
        method: str | None = None,
        path: str | None = None,
        origin: str | None = None,
        operation: str | Sequence[str] | None = None,
        times: int | EllipsisType | None = ...,
        after: int = 0,
        every: int | None = None,
        probability: float | None = None,
        seed: int = 0,
    ) -> Rule:
        """Add a rule. Its ``hits`` count the requests that met it.

        :param path: a regular expression that is searched in the decoded path (without the query).
        :param origin: ``graph``, ``store`` (the second origin) or ``login``; None = any.
        :param operation: one or more of :data:`~airflow_provider_onedrive.emulator.http.operations.OPERATIONS`, such as
            ``fragment``, ``download``, ``children`` or ``token``.
        :param times: number of requests that meet it, None = all. By default 1, or all with ``every`` or
            ``probability``.
        :param after: number of matching requests that pass first.
        :param every: of the following requests, 7 = each seventh.
        :param probability: of the following requests, the share that meets the fault; the same ``seed`` chooses the
            same ones.
        """
        if isinstance(times, EllipsisType):
            times = 1 if every is None and probability is None else None
        named = operation if isinstance(operation, str) or operation is None else list(operation)
        rule = Rule(method, path, origin, named, times, after, every, probability, seed, do)
        with self._lock:
            self._rules.append(rule)
        return rule

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def load(self, document: object) -> None:
        """Load a script. Each part that it contains replaces the current one; the other parts stay.

        :param document: JSON text, or the list or object that it encodes.
        :raises ScriptError: the position, the error and the most similar name. Nothing is changed.
        """
        parts = fault_script.parse(document)
        # Everything is read before anything is set: a script with an error changes nothing.
        rules = fault_script.read_rules(parts.get("faults", []))
        quirks = records.read(Quirks, parts.get("quirks", {}), "quirks")
        budget = _budget(parts.get("throttling"))
        if "faults" in parts:
            with self._lock:
                self._rules = rules
        if "quirks" in parts:
            self._quirks.replace_by(quirks)
        if "throttling" in parts:
            self._throttling.budget = budget

    def dump(self) -> str:
        """Return the current state as a script for ``load``, without the counts."""
        return json.dumps(self.document(), indent=2)

    def document(self) -> dict[str, Any]:
        budget = self._throttling.budget
        return {
            "faults": [fault_script.write_rule(rule) for rule in self.rules],
            "quirks": records.write(self._quirks),
            "throttling": records.write(budget) if budget else None,
        }

    def take(self, request: Request) -> Fault:
        # The usual case, without the lock.
        if not self._rules:
            return NONE
        with self._lock:
            # All rules are asked under one lock, so that parallel requests share the counts correctly.
            met = list(self._met(request))
        return met[0] if len(met) == 1 else Several(tuple(sorted(met, key=_comes_late)))

    def _met(self, request: Request) -> Iterator[Fault]:
        is_met = False
        for rule in self._rules:
            if (rule.do.shapes or not is_met) and rule.matches(request) and rule.take():
                is_met |= not rule.do.shapes
                yield rule.do


def _comes_late(fault: Fault) -> bool:
    """First a request is slow, then something happens to it."""
    return not fault.shapes


def _budget(value: object) -> Budget | None:
    return None if value is None else records.read(Budget, value, "throttling")
