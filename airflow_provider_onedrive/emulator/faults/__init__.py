"""Scripted faults: rules that state which request meets which fault, the quirks of SharePoint, and throttling.

``faults.add(operation="fragment", times=3, do=status(429, retry_after=2))``

The same as text, for the command line and the control path: see
:mod:`~airflow_provider_onedrive.emulator.faults.script`. A new fault is a class with ``@declare`` and a line here.
A new quirk is a field of :class:`~airflow_provider_onedrive.emulator.faults.quirks.Quirks`.
"""

from __future__ import annotations

from airflow_provider_onedrive.emulator.faults.answers import end_session, expire_token, ignore_range, refuse, status
from airflow_provider_onedrive.emulator.faults.connections import (
    answer_then_drop,
    corrupt_request,
    corrupt_response,
    cut_request,
    cut_response,
    drop_after,
    drop_before,
    stall_response,
)
from airflow_provider_onedrive.emulator.faults.delays import bandwidth, delay, latency
from airflow_provider_onedrive.emulator.faults.false_answers import alter, answer, repeat_next_link, shift_range
from airflow_provider_onedrive.emulator.faults.fault import KINDS, NONE, Fault, FaultContext
from airflow_provider_onedrive.emulator.faults.quirks import Quirks
from airflow_provider_onedrive.emulator.faults.records import ScriptError
from airflow_provider_onedrive.emulator.faults.rules import Rule
from airflow_provider_onedrive.emulator.faults.ruleset import Faults
from airflow_provider_onedrive.emulator.faults.throttling import Budget

__all__ = [
    "KINDS",
    "NONE",
    "Budget",
    "Fault",
    "FaultContext",
    "Faults",
    "Quirks",
    "Rule",
    "ScriptError",
    "alter",
    "answer",
    "answer_then_drop",
    "bandwidth",
    "corrupt_request",
    "corrupt_response",
    "cut_request",
    "cut_response",
    "delay",
    "drop_after",
    "drop_before",
    "end_session",
    "expire_token",
    "ignore_range",
    "latency",
    "refuse",
    "repeat_next_link",
    "shift_range",
    "stall_response",
    "status",
]
