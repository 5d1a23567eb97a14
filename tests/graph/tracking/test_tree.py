"""What delta tells of a folder tree, with answers written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.tracking.tree import FolderIndex


@pytest.mark.parametrize(("child_count", "is_listed"), [(3, True), (None, True), (0, False)])
def test_a_folder_that_came_from_elsewhere(samples: Any, child_count: int | None, is_listed: bool) -> None:
    """What is in it has to be listed, unless it is surely empty: delta may leave the count out."""
    watched = DriveItem.from_json(samples.folder("in", "IN"), lambda *_: "myfiles/in")
    arrived = samples.folder("x", "X", parent="/in")
    arrived["parentReference"]["id"] = "IN"
    arrived["folder"] = {} if child_count is None else {"childCount": child_count}
    changes, to_be_listed = FolderIndex(watched).take([arrived])
    assert [item.path for item in changes.created] == ["in/x"]
    assert [item.name for item in to_be_listed] == ["x"] * is_listed


@pytest.fixture
def index(samples: Any) -> Any:
    """Make an index of ``in`` from names of items, each with the name of its folder."""

    def make(**parents: str) -> FolderIndex:
        items = []
        for name, parent in parents.items():
            data = samples.file(f"{name}.csv", item_id=name) if name.islower() else samples.folder(name, name)
            data["parentReference"]["id"] = parent
            items.append(DriveItem.from_json(data, lambda *_: "myfiles/in"))
        return FolderIndex(DriveItem.from_json(samples.folder("in", "IN"), lambda *_: "myfiles/in"), items)

    return make


def test_items_of_an_unread_folder_are_kept(index: Any) -> None:
    """Only what the listing of a folder that was read lacks has been deleted."""
    before = index(S="IN", b="S", T="S", c="T", a="IN")
    changes = before.replaced_by(index(S="IN", new="S"), unread={"S"})
    assert [item.id for item in changes.deleted] == ["a"]
    assert [item.id for item in changes.created] == ["new"]
    assert set(before.by_id) == {"S", "b", "T", "c", "new"}
    assert before.by_id["c"].path == "in/S/T/c.csv"


def test_unread_folder_goes_with_the_folder_above_it(index: Any) -> None:
    """The listing of that one proves it."""
    before = index(P="IN", S="P", b="S")
    assert {item.id for item in before.replaced_by(index(), unread={"S"}).deleted} == {"P", "S", "b"}
    assert len(before) == 0


def test_folders_that_hold_each_other_end(index: Any) -> None:
    """Should Graph ever send a loop, its items lie nowhere; deep trees are no matter."""
    before = index(X="Y", Y="X", a="X")
    assert {item.id for item in before.replaced_by(index(), unread={"Z"}).deleted} == {"X", "Y", "a"}
    deep = index(N0="IN", **{f"N{number}": f"N{number - 1}" for number in range(1, 3000)})
    deep.take([])
    assert (len(deep), deep.by_id["N2999"].path.count("/")) == (3000, 3000)
