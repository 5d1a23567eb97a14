"""Faults as text."""

from __future__ import annotations

import json

import pytest

from airflow_provider_onedrive.emulator.faults import (
    Budget,
    Faults,
    Rule,
    ScriptError,
    bandwidth,
    corrupt_request,
    corrupt_response,
    cut_request,
    drop_after,
    ignore_range,
    latency,
    stall_response,
    status,
)

SCRIPT = """
{
  "faults": [
    {"operation": "fragment", "times": 3, "do": {"status": 429, "retry_after": 2}},
    {"operation": ["fragment", "upload"], "after": 1, "do": {"cut_request": 1000, "keep": true}},
    {"every": 7, "do": {"status": 503, "headers": {"x-ms-ags-diagnostic": "{}"}}},
    {"origin": "login", "probability": 0.1, "seed": 42, "times": 2, "do": "drop_after"},
    {"times": null, "do": {"bandwidth": {"up_bytes_per_second": 1000000}}},
    {"method": "GET", "path": "/a$", "do": {"latency": 0.05}},
    {"operation": "fragment", "do": {"corrupt_request": 10}},
    {"operation": "download", "do": {"corrupt_response": 20}},
    {"operation": "download", "do": {"stall_response": 30}},
    {"operation": "download", "do": "ignore_range"}
  ],
  "quirks": {"rewrite_office": true, "locked_writes": 2, "refused_commits": 1, "sessions_hold_names": true},
  "throttling": {"units_per_minute": 100, "rate_limit_headers": true}
}
"""


@pytest.fixture
def faults():
    return Faults()


def test_load(faults):
    """The text creates the same rules as the calls."""
    faults.load(SCRIPT)
    assert faults.rules == [
        Rule(operation="fragment", times=3, do=status(429, retry_after=2)),
        Rule(operation=["fragment", "upload"], after=1, do=cut_request(1000, keep=True)),
        Rule(every=7, times=None, do=status(503, headers={"x-ms-ags-diagnostic": "{}"})),
        Rule(origin="login", probability=0.1, seed=42, times=2, do=drop_after()),
        Rule(times=None, do=bandwidth(up_bytes_per_second=1_000_000)),
        Rule(method="GET", path="/a$", do=latency(0.05)),
        Rule(operation="fragment", do=corrupt_request(10)),
        Rule(operation="download", do=corrupt_response(20)),
        Rule(operation="download", do=stall_response(30)),
        Rule(operation="download", do=ignore_range()),
    ]


def test_dump(faults):
    """A dumped script loads again and contains only values that differ from the defaults."""
    faults.load(SCRIPT)
    faults.add(every=2, times=1, do=status(500))
    other = Faults()
    other.load(faults.dump())
    assert other.rules == faults.rules
    assert other.dump() == faults.dump()
    assert json.loads(faults.dump())["faults"][3] == json.loads(SCRIPT)["faults"][3]


def test_parts(emulator):
    """A part of a script replaces the current one; a list contains faults only."""
    emulator.faults.load(SCRIPT)
    emulator.faults.load([{"do": "drop_before"}])
    assert (len(emulator.faults.rules), emulator.quirks.rewrite_office) == (1, True)
    assert emulator.throttling == Budget(units_per_minute=100, rate_limit_headers=True)
    emulator.faults.load({"quirks": {"locked_writes": 1}, "throttling": None})
    assert (len(emulator.faults.rules), emulator.quirks.rewrite_office, emulator.throttling) == (1, False, None)
    assert emulator.quirks.locked_writes == 1


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("{", "The script is not JSON: Expecting property name"),
        ("[{}", "The script is not JSON: Expecting ',' delimiter in line 1, column 4."),
        ('[{"probability": NaN, "do": "drop_after"}]', "The script is not JSON: NaN is not a number in JSON."),
        ("5", "The script: must be an object, not 5."),
        ('{"fault": []}', "The script: unknown key 'fault'; did you mean 'faults'?"),
        ('{"faults": {}}', "faults: must be a list, not {}."),
        ("[[]]", "faults[0]: must be an object, not []."),
        (
            '[{"do": "drop_after"}, {"tims": 3, "do": "drop_after"}]',
            "faults[1]: unknown key 'tims'; did you mean 'times'?",
        ),
        ('[{"times": 3}]', "faults[0]: do is missing."),
        ('[{"times": "3", "do": "drop_after"}]', "faults[0]: times must be a whole number or null, not '3'."),
        ('[{"times": true, "do": "drop_after"}]', "faults[0]: times must be a whole number or null, not True."),
        ('[{"every": 0, "do": "drop_after"}]', "faults[0]: every must be at least 1."),
        ('[{"path": "(", "do": "drop_after"}]', "faults[0]: path is not a regular expression: "),
        (
            '[{"operation": "chidren", "do": "drop_after"}]',
            "faults[0]: unknown operation 'chidren'; did you mean 'children'?",
        ),
        ('[{"do": "drop"}]', "faults[0].do: unknown fault 'drop'; did you mean 'drop_"),
        ('[{"do": {"retry_after": 2}}]', "faults[0].do: unknown fault 'retry_after'"),
        ('[{"do": {}}]', "faults[0].do: unknown fault ''; known are: alter, answer, answer_then_drop, "),
        ('[{"do": {"status": "429"}}]', "faults[0].do: status must be a whole number, not '429'."),
        ('[{"do": {"status": 200}}]', "faults[0].do: a status must lie between 300 and 599."),
        (
            '[{"do": {"status": 429, "retryafter": 1}}]',
            "faults[0].do: unknown key 'retryafter'; did you mean 'retry_after'?",
        ),
        ('[{"do": {"status": true}}]', "faults[0].do: status is missing."),
        ('[{"do": {"drop_after": 3}}]', "faults[0].do: drop_after takes no parameter"),
        ('{"quirks": {"rewrite": true}}', "quirks: unknown key 'rewrite'; did you mean 'rewrite_"),
        ('{"quirks": {"locked_writes": 1.5}}', "quirks: locked_writes must be a whole number, not 1.5."),
        ('{"throttling": {"units_per_minute": 0}}', "throttling: a budget must be at least 1 unit."),
        (
            '{"throttling": {"code": "Busy"}}',
            "throttling: code must be 'activityLimitReached' or 'TooManyRequests', not 'Busy'.",
        ),
    ],
)
def test_errors(faults, script, message):
    """An error names the position, the mistake and the most similar name; nothing of the script is applied."""
    faults.add(do=drop_after())
    with pytest.raises(ScriptError) as caught:
        faults.load(script)
    assert str(caught.value).startswith(message)
    assert len(faults.rules) == 1


@pytest.mark.onedrive_faults([{"method": "GET", "do": {"status": 503}}])
def test_marker(onedrive_emulator):
    """A test of a user names its faults in a marker."""
    assert [rule.do for rule in onedrive_emulator.faults.rules] == [status(503)]
