"""A drive told by delta, with answers written by hand."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from asking_nothing import PARSER, no_drive

from airflow_provider_onedrive.graph.flows.delta import CURSOR_LOST, DeltaPathResolver, page, since
from airflow_provider_onedrive.graph.flows.items import ITEM_FIELDS
from airflow_provider_onedrive.graph.protocol.addresses import address_of
from airflow_provider_onedrive.graph.protocol.errors import DriveNotFound, GraphError, ItemNotFound
from airflow_provider_onedrive.graph.protocol.messages import Response

ROOT = address_of(PARSER.parse("drives/D"))
GONE = {"id": "G", "deleted": {"state": "deleted"}, "parentReference": {"driveId": "D"}}


def told(samples: Any, *, has_path: bool) -> list[dict[str, Any]]:
    """Everything of a small drive: a folder with a name that is quoted, and what is in it."""
    data = [
        samples.root(),
        samples.folder("100% ä", "X", child_count=2, parent_id="R"),
        samples.folder("y", "Y", child_count=1, parent="/100%25%20%C3%A4", parent_id="X"),
        samples.file("a.csv", item_id="A", parent="/100%25%20%C3%A4", parent_id="X"),
        samples.file("b.csv", item_id="B", parent="/100%25%20%C3%A4/y", parent_id="Y"),
        samples.file("c.csv", item_id="C", parent_id="R"),
    ]
    for each in data:
        each["parentReference"]["id"] = each.pop("parent_id", None)
        if not has_path:
            del each["parentReference"]["path"]
    return data


PATHS = ["100% ä", "100% ä/a.csv", "100% ä/y", "100% ä/y/b.csv", "c.csv"]


@pytest.mark.parametrize("has_path", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_every_item_once_and_where_it_lies(samples: Any, has_path: bool, seed: int) -> None:
    """In any order, told twice or not, with paths or only with the ids of folders."""
    data = told(samples, has_path=has_path) * 2
    random.Random(seed).shuffle(data)
    tree = DeltaPathResolver(ROOT)
    found = list(itertools.chain.from_iterable(map(tree.items, data)))
    assert sorted(item.path for item in found) == PATHS
    assert {item.location for item in found} == {f"drives/D/{path}" for path in PATHS}
    assert list(tree.homeless()) == []


def test_without_paths_a_folder_comes_before_what_is_in_it(samples: Any) -> None:
    """Whoever makes folders can go by the order."""
    tree, data = DeltaPathResolver(ROOT), told(samples, has_path=False)[::-1]
    found = [item.path for each in data for item in tree.items(each)]
    assert found.index("100% ä") < found.index("100% ä/y") < found.index("100% ä/y/b.csv")


def test_some_have_paths_and_some_have_not(samples: Any) -> None:
    """What lies in a folder that said its path needs none of its own."""
    with_path, without = told(samples, has_path=True), told(samples, has_path=False)
    tree = DeltaPathResolver(ROOT)
    data = [with_path[0], with_path[1], without[2], without[3], without[4], with_path[5]]
    assert sorted(item.path for each in data for item in tree.items(each)) == PATHS


def test_what_is_gone_is_not_there(samples: Any) -> None:
    """delta also tells of the deleted."""
    gone = samples.file("a.csv", item_id="A", deleted={"state": "deleted"})
    assert list(DeltaPathResolver(ROOT).items(gone)) == []


def test_what_lies_in_a_folder_that_never_came(samples: Any) -> None:
    """It is not lost: whoever asks for it by its id learns where it is."""
    tree = DeltaPathResolver(ROOT)
    for data in told(samples, has_path=False)[2:]:
        assert list(tree.items(data)) == []
    assert sorted(data["id"] for data in tree.homeless()) == ["A", "B", "C", "Y"]


def test_pages(script: Any, samples: Any) -> None:
    """Only the fields that are needed, 1000 items on a page, then where Graph says."""
    first = f"GET /drives/D/root/delta?$top=1000&$select={ITEM_FIELDS},deleted"
    driver = script((first, samples.page(samples.root(), next_url="https://g/2")), ("GET https://g/2", samples.page()))
    found = driver.run(page(ROOT, None))
    assert (found.items, found.next_url) == ((samples.root(),), "https://g/2")
    assert driver.run(page(ROOT, found.next_url)).next_url is None


def test_a_missing_drive(script: Any) -> None:
    """No waiting can help."""
    first = f"GET /drives/D/root/delta?$top=1000&$select={ITEM_FIELDS},deleted"
    with pytest.raises(DriveNotFound):
        script((first, missing := ItemNotFound("no")), *no_drive(missing, of_root=True)).run(page(ROOT, None))


def test_the_last_state_of_a_round_counts(script: Any, samples: Any) -> None:
    """Whatever is told several times, on whatever page; the cursor is that of the last page."""
    end = Response(200, {}, {"value": [samples.file("b.csv", item_id="A"), GONE], "@odata.deltaLink": "https://g/next"})
    driver = script(
        ("GET https://g/1", samples.page(samples.file("a.csv", item_id="A"), GONE, next_url="https://g/2")),
        ("GET https://g/2", samples.page(samples.file("back.csv", item_id="G"), next_url="https://g/3")),
        ("GET https://g/3", end),
    )
    told = driver.run(since(ROOT, "https://g/1"))
    assert [(data["id"], data.get("name")) for data in told.items] == [("A", "b.csv"), ("G", None)]
    assert told.cursor == "https://g/next"


@pytest.mark.parametrize("error", CURSOR_LOST)
def test_the_cursor_is_lost_in_the_middle(script: Any, samples: Any, error: type[GraphError]) -> None:
    """Nothing of the round is taken: whoever asked lists all."""
    driver = script(
        ("GET https://g/1", samples.page(samples.file("a.csv", item_id="A"), next_url="https://g/2")),
        ("GET https://g/2", error("gone")),
    )
    with pytest.raises(error):
        driver.run(since(ROOT, "https://g/1"))
