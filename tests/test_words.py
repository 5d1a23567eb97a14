"""The names in the package: the field's words, and files of one noun each."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import airflow_provider_onedrive

ROOT = Path(airflow_provider_onedrive.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
MOST_LINES = 450

# Words that were used for several things at once. As whole names or between underscores they are not used any more.
WORDS = frozenset(
    """
    place known found told said how placing look outlives settled looks talk converse deliver work
    following durable sealing moments limits recognition siblings trouble habits showing orders places
    """.split()  # noqa: SIM905 - a list would take a line for each word
)
NAMES = frozenset(
    """
    Shelf Shelves FileShelf Known Tree Placing Placement standing_for Way Conversation say_last Polls Feed Pace Slots
    CoolDown Sight only_say UsesClient ending_for_good may_pass let_go World
    """.split()  # noqa: SIM905
)
ALLOWED = {
    "parse_known_args": "argparse",
}


def _names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        for field in ("id", "arg", "attr", "name", "asname"):
            if isinstance(name := getattr(node, field, None), str):
                yield name


def _is_outdated(name: str) -> bool:
    return name.strip("_") in NAMES or not WORDS.isdisjoint(name.lower().split("_"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_names_use_the_words_of_the_field(path):
    """A name says which location, item, event or option it is."""
    text = path.read_text(encoding="utf-8")
    names = {path.stem, *path.relative_to(ROOT).parts[:-1], *_names(ast.parse(text))}
    assert {name for name in names if _is_outdated(name) and name not in ALLOWED} == set()
    assert text.count("\n") <= MOST_LINES


@pytest.mark.parametrize("name", ["place", "_found", "MAX_FOUND_ITEMS", "known_folders", "_Way", "is_durable"])
def test_outdated_names_are_noticed(name):
    """The test above looks at underscore parts, private names and constants too."""
    assert _is_outdated(name)


def test_the_allowed_names_are_in_use():
    """An exception that nothing needs any more is removed."""
    names = {name for path in FILES for name in _names(ast.parse(path.read_text(encoding="utf-8")))}
    assert ALLOWED.keys() <= names
