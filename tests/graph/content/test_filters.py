"""Which files are meant, without a tree."""

from __future__ import annotations

from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_onedrive.graph.content.filters import Filters, matches, split_location
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
names = st.text("abAB.[]!*?-", min_size=1, max_size=8)


@given(names, names)
def test_a_pattern_of_a_name_is_that_of_a_shell(name: str, pattern: str) -> None:
    """``*`` and ``?`` as fnmatch knows them, ``[`` is literal, and case does not count."""
    expected = fnmatchcase(name.lower(), pattern.replace("[", "[[]").lower())
    assert matches(f"any/where/{name}", pattern) is expected


@given(st.lists(names, min_size=1, max_size=4), st.lists(st.one_of(names, st.just("**")), min_size=2, max_size=4))
def test_a_pattern_of_a_path_goes_name_by_name(path: list[str], pattern: list[str]) -> None:
    """With a ``/`` the path is compared: ``**`` stands for any number of folders, any other name for one."""
    pattern = [name.replace("**", "*") if name != "**" else name for name in pattern]
    assert matches("/".join(path), "/".join(pattern)) is _walks(path, pattern)


def _walks(path: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not path
    if pattern == ["**"]:
        return bool(path)
    if pattern[0] == "**":
        return any(_walks(path[start:], pattern[1:]) for start in range(len(path) + 1))
    first = pattern[0].replace("[", "[[]").lower()
    return bool(path) and fnmatchcase(path[0].lower(), first) and _walks(path[1:], pattern[1:])


@pytest.mark.parametrize(
    ("pattern", "path", "is_meant"),
    [
        ("*.csv", "a/b/c.CSV", True),
        ("*.csv", "a.csv.gz", False),
        ("a/*.csv", "a/b/c.csv", False),
        ("a/**/*.csv", "a/c.csv", True),
        ("**/*.csv", "c.csv", True),
        ("a**/b", "ab", False),
        ("**", "a/b", True),
        ("2026*/", "2026-01/x/y.csv", True),
        ("2026*/", "2025-01/2026.csv", False),
        ("[1].txt", "[1].txt", True),
        ("[1].txt", "1.txt", False),
        ("a+b(1)$.txt", "a+b(1)$.txt", True),
        ("ü?.txt", "ÜÄ.txt", True),
    ],
)
def test_patterns(pattern: str, path: str, is_meant: bool) -> None:
    """What people write, and what they expect of it."""
    assert matches(path, pattern) is is_meant


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("myfiles/in/*.csv", ("myfiles/in/", "*.csv")),
        ("myfiles/*/in/a.csv", ("myfiles/", "*/in/a.csv")),
        ("/data/2026-??/", ("/data/", "2026-??/")),
        ("/*.csv", ("/", "*.csv")),
        ("*.csv", ("./", "*.csv")),
        ("s3://conn@bucket/a/**", ("s3://conn@bucket/a/", "**")),
        ("myfiles/in/[a].csv", ("myfiles/in/[a].csv", None)),
        ("myfiles/**/b?.csv", ("myfiles/", "**/b?.csv")),
        ("https://contoso.sharepoint.com/sites/x/a?id=1", ("https://contoso.sharepoint.com/sites/x/a?id=1", None)),
        ("HTTPS://contoso.sharepoint.com/:x:/s/a?e=*", ("HTTPS://contoso.sharepoint.com/:x:/s/a?e=*", None)),
        (" https://contoso.sharepoint.com/a?id=1\n", (" https://contoso.sharepoint.com/a?id=1\n", None)),
        (Path("/data/*"), (Path("/data/*"), None)),
        ({"id": "?"}, ({"id": "?"}, None)),
    ],
)
def test_split_location_begins_pattern_at_first_wildcard(path: Any, parts: tuple[Any, str | None]) -> None:
    """The names before the first wildcard are the folder; an address from the browser has no pattern."""
    assert split_location(path) == parts


@pytest.mark.parametrize(
    ("pattern", "is_deep"),
    [(None, False), ("*.csv", False), ("a/*", True), ("**", True), (["*.csv"], False), (["*.csv", "a/*"], True)],
)
def test_some_patterns_reach_into_folders(pattern: Any, is_deep: bool) -> None:
    """A slash or two stars mean files below, without ``recursive``; of a list, one pattern that does is enough."""
    assert Filters(file_pattern=pattern).is_deep is is_deep


@pytest.mark.parametrize(
    ("filters", "is_meant"),
    [
        (Filters(), True),
        (Filters(file_pattern=["*.xlsx", "*.csv"]), True),
        (Filters(file_pattern=("*.xlsx", "out/*.csv")), False),
        (Filters(file_pattern=["*.csv"], exclude=["1.*"]), False),
        (Filters(regex=r"^in/\d+"), True),
        (Filters(regex=r"^IN/"), False),
        (Filters(exclude="*.csv"), False),
        (Filters(exclude=["*.txt", "in/**"]), False),
        (Filters(exclude=["*.txt", "out/**"]), True),
        (Filters(min_size=10, max_size=10), True),
        (Filters(min_size=11), False),
        (Filters(max_size=9), False),
        (Filters(newer_than=NOON), False),
        (Filters(newer_than=NOON.replace(hour=11)), True),
        (Filters(older_than=NOON), False),
        (Filters(older_than=NOON.replace(hour=13)), True),
    ],
)
def test_all_filters_have_to_agree(filters: Filters, is_meant: bool) -> None:
    """Sizes are inclusive, times are not; what is not said is not asked."""
    assert filters.match("in/1.csv", 10, NOON) is is_meant


def test_a_file_without_a_time() -> None:
    """Where a store does not say when, a filter for time takes nothing."""
    assert Filters().match("a", 1, None)
    assert not Filters(older_than=NOON).match("a", 1, None)


@pytest.mark.parametrize(
    "filters",
    [
        *(Filters(file_pattern=" "), Filters(file_pattern=[]), Filters(file_pattern=["*.csv", ""])),
        *(Filters(regex=""), Filters(exclude=""), Filters(exclude=["a", ""]), Filters(regex="(")),
    ],
)
def test_what_an_empty_template_makes_is_refused(filters: Filters) -> None:
    """An empty filter would mean every file, which is never what a template was to say."""
    with pytest.raises(ConfigurationError, match=r"is empty|cannot be read"):
        filters.check()


@pytest.mark.parametrize("pattern", ["['*.csv', '*.xlsx']", '["*.csv"]', "('*.csv', '*.xlsx')", "[]"])
@pytest.mark.parametrize("name", ["file_pattern", "exclude"])
def test_text_of_a_list_is_refused(name: str, pattern: str) -> None:
    """It is what a template makes of a list that is not rendered natively, and it matches no name."""
    with pytest.raises(ConfigurationError, match=f"{name} is the text of a list.*render_template_as_native_obj"):
        Filters(**{name: pattern}).check()


@pytest.mark.parametrize(
    "pattern", ["[1].csv", "[a]", "(1)", "[", "[draft] *.csv", ["(copy) *.csv"], [2026], 2026, 1.5]
)
def test_pattern_may_have_brackets_or_be_a_number(pattern: Any) -> None:
    """Brackets are literal; a native template makes a number of digits."""
    filters = Filters(file_pattern=pattern)
    filters.check()
    text = str(pattern[0] if isinstance(pattern, list) else pattern).replace("*", "a")
    assert filters.match_path(text)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"file_pattern": 1j}, "file_pattern has 1j, which is of type complex"),
        ({"file_pattern": {"a": "*"}}, "file_pattern has {'a': '.'}, which is of type dict"),
        ({"file_pattern": ["*.csv", ["*.xlsx"]]}, "file_pattern has .*, which is of type list"),
        ({"file_pattern": ["*.csv", None]}, "file_pattern has None"),
        ({"file_pattern": b"*"}, "of type bytes"),
        ({"exclude": True}, "exclude has True"),
        ({"regex": ["a"]}, r"regex is \['a'\], which is of type list"),
    ],
)
def test_filter_of_another_type_is_named(given: dict[str, Any], message: str) -> None:
    """It is an error of ours, whose text says which value is wrong."""
    with pytest.raises(ConfigurationError, match=message):
        Filters(**given).check()
