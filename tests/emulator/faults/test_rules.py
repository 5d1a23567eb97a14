"""The fault ``refuse``: rules that no permission lifts."""

from __future__ import annotations

import pytest

from airflow_provider_onedrive.emulator.errors.rules import RULES
from airflow_provider_onedrive.emulator.faults import refuse


def test_words_of_the_service(graph, emulator, drive, error):
    drive.put("a.csv", b"a")
    for rule in RULES:
        emulator.faults.add(operation="delete", do=refuse(rule))
        status, code, message = error(graph.delete("/root:/a.csv"))
        assert (status, bool(code), bool(message)) == (423 if rule == "blocked" else 403, True, True)
    assert drive.exists("a.csv")
    emulator.faults.add(operation="copy", do=refuse("cross_site"))
    assert error(graph.post("/root:/a.csv:/copy", json={"name": "b.csv"})) == (
        403,
        "notAllowed",
        "Cross-site operations cannot be performed on files larger than 50MiB",
    )


def test_rule_has_a_name(emulator):
    with pytest.raises(ValueError, match="rule must be one of blocked, cross_site"):
        refuse("whim")
