"""Which items of a tree are meant, for listings, sensors and watchers alike."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_onedrive.graph.content.filters import Filters
from airflow_provider_onedrive.graph.content.selection import Selection, kind_of
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError
from airflow_provider_onedrive.graph.protocol.models import DriveItem

LATER = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def items(samples: Any) -> dict[str, DriveItem]:
    """One item of each kind."""
    data = {
        "file": samples.file("a", b"abc"),
        "folder": samples.folder("a", size=10),
        "oneNote notebook": samples.item("a", "N", size=10, package={"type": "oneNote"}),
        "shortcut": samples.item("a", "S", remoteItem={"id": "X"}),
    }
    return {kind: DriveItem.from_json(each, lambda *_: "myfiles/a") for kind, each in data.items()}


@pytest.mark.parametrize(
    ("selection", "kinds"),
    [
        (Selection(), "file"),
        (Selection(kind="folder"), "folder"),
        (Selection(kind="any"), "file folder oneNote notebook shortcut"),
        (Selection(Filters(max_size=2), "any"), "folder oneNote notebook shortcut"),
        (Selection(Filters(min_size=4), "any"), "folder oneNote notebook shortcut"),
        (Selection(Filters(newer_than=LATER), "any"), ""),
        (Selection(Filters(exclude="a"), "any"), ""),
    ],
)
def test_selection_compares_kind_size_and_time(items: Any, selection: Selection, kinds: str) -> None:
    """Only a file has a size of its own; all of them have a time."""
    assert " ".join(kind for kind, item in items.items() if selection.matches(item, "a")) == kinds


def test_kinds_have_names(items: Any) -> None:
    """A notebook and a shortcut are neither file nor folder."""
    assert {kind: kind_of(item) for kind, item in items.items()} == {kind: kind for kind in items}


@pytest.mark.parametrize(
    ("selection", "is_deep"),
    [
        (Selection(), False),
        (Selection(recursive=True), True),
        (Selection(Filters("x/*")), True),
        (Selection(Filters("**")), True),
        (Selection(Filters("*")), False),
    ],
)
def test_pattern_may_reach_into_folders(items: Any, selection: Selection, is_deep: bool) -> None:
    """As if the selection were recursive."""
    assert (selection.is_deep, selection.matches(items["file"], "x/a")) == (is_deep, is_deep)


def test_groups_come_with_the_item(items: Any) -> None:
    """The named groups of the regular expression, from the path."""
    selection = Selection(Filters(regex=r"(?P<year>\d+)/"), recursive=True)
    assert selection.with_groups(items["file"], "2026/a").groups == {"year": "2026"}


@pytest.mark.parametrize("selection", [Selection(kind="files"), Selection(Filters(""))])
def test_selection_that_cannot_be_meant_is_refused(selection: Selection) -> None:
    with pytest.raises(ConfigurationError, match=r"kind is 'files'|file_pattern is empty"):
        selection.check()
