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
    if line.startswith("| ") and not line.startswith("| what |")
]


def test_every_row_is_complete():
    """A row has a subject, a mark, a source and a test, and no subject occurs twice."""
    assert len(ROWS) > 100
    assert {len(row) for row in ROWS} == {4}
    assert {row[1] for row in ROWS} == {"faithful", "chosen", "missing"}
    assert len({row[0] for row in ROWS}) == len(ROWS)


@cache
def functions_of(path: Path) -> set[str]:
    return {node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", [row for row in ROWS if row[3]], ids=lambda row: row[0][:40])
def test_the_test_exists(row):
    """Each named test exists, in one file."""
    file, _, name = row[3].strip("`").partition("::")
    paths = [*(TESTS / "emulator").rglob(file), *TESTS.glob(file)]
    assert name.startswith("test_")
    assert [name in functions_of(path) for path in paths] == [True]


@pytest.mark.parametrize("row", [row for row in ROWS if row[1] == "faithful"], ids=lambda row: row[0][:40])
def test_faithful_rows_have_a_source_and_a_test(row):
    """A faithful row has a source and a test."""
    assert row[2]
    assert row[3]


def test_missing_rows_name_no_test():
    """A missing row has neither a source nor a test."""
    assert all(row[2:] == ["", ""] for row in ROWS if row[1] == "missing")


def test_links():
    """Each named source is linked, and each link is used."""
    used = set(re.findall(r"\]\[(\w+)\]", DOCUMENT))
    defined = dict(re.findall(r"^\[(\w+)\]: (\S+)$", DOCUMENT, re.MULTILINE))
    assert used == set(defined)
    assert all(url.startswith("https://") for url in defined.values())
    assert list(defined) == sorted(defined)
