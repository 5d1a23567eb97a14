"""The rows of docs/emulator.md and the tests that they name."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
DOCUMENT = (TESTS.parent / "docs" / "emulator.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" |")]
    for line in DOCUMENT.splitlines()
    if line.startswith("| ") and not line.startswith("| id |")
]


def test_every_row_is_complete():
    """A row has an id, a subject, a mark, evidence and a test, and no id and no subject occurs twice."""
    assert len(ROWS) > 100
    assert {len(row) for row in ROWS} == {5}
    assert all(re.fullmatch(r"[A-Z]\d\d", row[0]) for row in ROWS)
    assert {row[2] for row in ROWS} == {"faithful", "chosen", "missing"}
    for column in (0, 1):
        assert len({row[column] for row in ROWS}) == len(ROWS)


@cache
def functions_of(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", [row for row in ROWS if row[4]], ids=lambda row: row[0])
def test_the_test_exists(row):
    """Each named test exists, in one file."""
    file, _, name = row[4].strip("`").partition("::")
    paths = [*(TESTS / "emulator").rglob(file), *TESTS.glob(file)]
    assert name.startswith("test_")
    assert [name in functions_of(path) for path in paths] == [True]


@pytest.mark.parametrize("row", [row for row in ROWS if row[2] == "faithful"], ids=lambda row: row[0])
def test_faithful_rows_have_evidence_and_a_test(row):
    """A faithful row has a test, and its evidence is of a known kind."""
    assert all(re.match(r"(documentation: |recording\b|client code: |against )", each) for each in row[3].split("; "))
    assert row[4]


def test_missing_rows_name_no_test():
    """A missing row has neither evidence nor a test."""
    assert all(row[3:] == ["", ""] for row in ROWS if row[2] == "missing")


def test_links():
    """Each named source is linked, and each link is used."""
    used = set(re.findall(r"\]\[(\w+)\]", DOCUMENT))
    defined = dict(re.findall(r"^\[(\w+)\]: (\S+)$", DOCUMENT, re.MULTILINE))
    assert used == set(defined)
    assert all(url.startswith("https://") for url in defined.values())
    assert list(defined) == sorted(defined)
