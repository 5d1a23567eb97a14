"""Rules as JSON, the same from Python, pytest, the command line and the control path.

.. code-block:: json

    {
      "faults": [
        {"operation": "fragment", "times": 3, "do": {"status": 429, "retry_after": 2}},
        {"operation": "fragment", "after": 1, "do": {"cut_request": 1048576}},
        {"every": 7, "do": {"status": 503}},
        {"origin": "login", "probability": 0.1, "seed": 42, "do": "drop_after"},
        {"times": null, "do": {"latency": {"seconds": 0.05, "seconds_per_kib": 0.001}}}
      ],
      "quirks": {"rewrite_office": true},
      "throttling": {"units_per_minute": 1250}
    }

A list is short for an object with ``faults`` only. In ``do`` one key names the fault. Its value is the fault's first
parameter, or an object of all parameters; further keys are the other parameters. The other keys of a rule are those of
:class:`~airflow_provider_onedrive.emulator.faults.rules.Rule`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from airflow_provider_onedrive.emulator.faults import records
from airflow_provider_onedrive.emulator.faults.fault import KINDS, Fault
from airflow_provider_onedrive.emulator.faults.records import ScriptError
from airflow_provider_onedrive.emulator.faults.rules import Rule

PARTS = ("faults", "quirks", "throttling")


def parse(document: object) -> Mapping[str, Any]:
    """Return the parts of a document, which is JSON text or the decoded value.

    :raises ScriptError: it is not JSON, or has an unknown part.
    """
    value = _decode(document) if isinstance(document, (str, bytes)) else document
    parts = {"faults": value} if isinstance(value, list) else records.expect_object(value, "The script")
    for name in parts:
        records.check_name(name, PARTS, "The script", "key")
    return parts


def read_rules(value: object) -> list[Rule]:
    if not isinstance(value, list):
        raise ScriptError(f"faults: must be a list, not {value!r}.")
    return [read_rule(rule, f"faults[{index}]") for index, rule in enumerate(value)]


def read_rule(value: object, where: str) -> Rule:
    keys = dict(records.expect_object(value, where))
    for name in keys:
        records.check_name(name, [*records.names(Rule), "do"], where, "key")
    if "do" not in keys:
        raise ScriptError(f"{where}: do is missing.")
    do = read_fault(keys.pop("do"), f"{where}.do")
    if _is_repeated(keys):
        # Else the default would end the rule after one request, which "every" and "probability" make no sense for.
        keys = {"times": None} | keys
    return records.build(Rule, keys, where, do=do)


def write_rule(rule: Rule) -> dict[str, Any]:
    """Return the input of ``read_rule``. For a fault that is not in ``KINDS`` only the name of its class is written."""
    keys = records.write(rule)
    if _is_repeated(keys):
        keys |= {"times": rule.times}
    return {**keys, "do": _write_fault(rule.do)}


def read_fault(value: object, where: str) -> Fault:
    """Read ``"drop_after"``, ``{"cut_request": 1000, "keep": true}`` or ``{"bandwidth": {...}}``."""
    keys = {value: True} if isinstance(value, str) else dict(records.expect_object(value, where))
    # The key of the fault may stand anywhere in the object.
    name = next((key for key in keys if key in KINDS), None)
    if name is None:
        records.check_name(str(next(iter(keys), "")), KINDS, where, "fault")
        raise ScriptError(f"{where}: names no fault.")
    first = keys.pop(name)
    return records.build(KINDS[name], _parameters(KINDS[name], first, where) | keys, where)


def _parameters(kind: type[Fault], first: object, where: str) -> dict[str, Any]:
    if isinstance(first, dict):
        return first
    # JSON has no value for `no parameters`, so true stands for it.
    if first is True:
        return {}
    own = records.names(kind)
    if not own:
        raise ScriptError(f"{where}: {kind.__name__} takes no parameter; write true or the name alone.")
    return {own[0]: first}


def _is_repeated(keys: Mapping[str, Any]) -> bool:
    """Return True if the rule applies until it is removed."""
    return bool({"every", "probability"} & keys.keys())


def _write_fault(fault: Fault) -> str | dict[str, Any]:
    name = type(fault).__name__
    if KINDS.get(name) is not type(fault):
        return name
    keys = records.write(fault)
    needed = [each.name for each in fields(fault) if each.default is MISSING and each.default_factory is MISSING]  # type: ignore[arg-type]
    first = {name: keys.pop(needed[0])} if needed else {name: True} if keys else {}
    return {**first, **keys} or name


def _decode(text: str | bytes) -> object:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ScriptError(
            f"The script is not JSON: {error.msg} in line {error.lineno}, column {error.colno}."
        ) from None
    except (ValueError, RecursionError) as error:
        raise ScriptError(f"The script is not JSON: {error}.") from None


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number in JSON")
