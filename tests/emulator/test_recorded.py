"""What drives were recorded to do, played again in the local OneDrive."""

from __future__ import annotations

import json

import pytest
from recorded_reports import FOLDER, read_report

from airflow_provider_onedrive.verification.facts import differences
from airflow_provider_onedrive.verification.reference import expected
from airflow_provider_onedrive.verification.report import LOCAL

OPEN = json.loads((FOLDER / "open.json").read_text(encoding="utf-8"))
REPORTS = sorted(path for path in FOLDER.glob("*.json") if path.name != "open.json")


@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
def test_recorded_facts(path):
    """The local OneDrive does the same, but for what is listed as open with its reason."""
    report = read_report(path.read_text(encoding="utf-8"))
    local = expected(report.cases, report.drive_type, is_app=report.is_app)
    # The class of an error is the client's, and may become a narrower one; the facts beside it stay.
    every = {name: differences(facts, local[name]) for name, facts in report.observed.items()}
    different = {name: [each for each in several if "raised: " not in each] for name, several in every.items()}
    different = {name: each for name, each in different.items() if each}
    hint = (
        "`make recorded` writes it anew" if report.service == LOCAL else f"correct it, or name it in {FOLDER}/open.json"
    )
    assert different.keys() == OPEN.get(path.name, {}).keys(), f"{hint}: {different}"


def test_local_reports_are_marked():
    """They are no evidence, and there is one for each kind of account."""
    local = {
        path.name: read_report(path.read_text(encoding="utf-8")) for path in REPORTS if path.name.startswith("local")
    }
    assert {each.drive_type for each in local.values()} == {"business", "personal"}
    assert {each.service for each in local.values()} == {LOCAL}
    assert all(len(each.observed) > 90 for each in local.values())


def test_only_reports_of_the_service_have_open_cases():
    """Each is a report that is there."""
    assert OPEN.keys() <= {path.name for path in REPORTS if not path.name.startswith("local")}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "no report of format 1"),
        ({"drive_type": "other"}, "no report of format 1"),
        ({"cases": [{"case": "nosuchcase", "result": "differs", "observed": {}}]}, "no such cases: nosuchcase"),
        ({"tenant": "https://contoso.example"}, "an address"),
        ({"user": "anna@contoso"}, "an address"),
        ({"id": "11111111-2222-3333-4444-555555555555"}, "an id"),
    ],
)
def test_refused_reports(change, message):
    """A report that says too much, or that nobody can replay, is not taken."""
    data = {"format": 1, "service": LOCAL, "drive_type": "business", "identity": "user", "cases": []}
    assert read_report(json.dumps(data)).cases == []
    with pytest.raises(ValueError, match=message):
        read_report(json.dumps(data | change))


def test_difference_is_seen():
    """A recorded status that the local OneDrive does not have, and a property that it lacks."""
    recorded = {"status": 422, "properties": {"a": "text", "b": "number"}}
    local = {"status": 400, "properties": {"a": "text"}}
    assert differences(recorded, local) == [
        "properties: b: 'number', expected missing",
        "status: 422, expected 400",
    ]
