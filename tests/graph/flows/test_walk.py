"""A walk of a tree, with answers written by hand."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from asking_nothing import PARSER, no_drive

from airflow_provider_onedrive.graph.flows.absence import LATER
from airflow_provider_onedrive.graph.flows.items import ITEM_FIELDS
from airflow_provider_onedrive.graph.flows.walk import DeltaWalk, FolderWalk, Walk, read_items, read_page, walk_of
from airflow_provider_onedrive.graph.protocol.addresses import address_of
from airflow_provider_onedrive.graph.protocol.errors import AccessDenied, DriveNotFound, ItemNotFound
from airflow_provider_onedrive.graph.protocol.messages import Flow, Response
from airflow_provider_onedrive.graph.protocol.models import DriveItem

ROOT = address_of(PARSER.parse("drives/D"))
FOLDER = ROOT.by_id("D", "IN")
FIELDS = f"children?$top=1000&$select={ITEM_FIELDS}"
OK = ("GET /drives/D/root?$select=id", Response(200, {}, {"id": "R"}))


def listing(item_id: str) -> str:
    return f"GET /drives/D/items/{item_id}/{FIELDS}"


def missing() -> ItemNotFound:
    return ItemNotFound("no", status=404)


def look(item_id: str, answer: Any) -> list[tuple[str, Any]]:
    return [(f"GET /drives/D/items/{item_id}", answer)]


def looks(item_id: str, count: int = 3) -> list[tuple[str, Any]]:
    """Find neither the listing of a folder nor the folder, so many times."""
    return [(listing(item_id), missing()), OK, (f"GET /drives/D/items/{item_id}", missing()), OK] * count


def test_root_that_is_missing_for_a_moment_is_listed(script: Any, samples: Any) -> None:
    """One 404 of its listing proves nothing; the second look finds it."""
    there, page = samples.ok(samples.folder("in", "IN")), samples.page(samples.file("a.csv"))
    steps = (listing("IN"), missing()), OK, *look("IN", there), *look("IN", there), (listing("IN"), page)
    assert script(*steps).run(paths(FolderWalk(FOLDER))) == ["a.csv"]


def test_poll_believes_that_its_root_is_missing(script: Any) -> None:
    """It costs no more requests and no pause: the next poll looks again."""
    driver = script((listing("IN"), missing()), OK)
    with pytest.raises(ItemNotFound):
        driver.run(paths(FolderWalk(FOLDER, is_poll=True)))
    assert [request.failures for request in driver.requests] == [0, 0]


def ids(item_id: str, page_items: int = 1000) -> str:
    """Ask for the listing that proves what is not there."""
    return f"GET /drives/D/items/{item_id}/children?$top={page_items}&$select=id,name"


def inside(samples: Any, name: str, item_id: str) -> dict[str, Any]:
    """Make a folder of which Graph says that it is in ``FOLDER``."""
    parent = {"driveId": "D", "id": "IN", "path": "/drives/D/root:/x/in"}
    data: dict[str, Any] = samples.folder(name, item_id, child_count=1, parentReference=parent)
    return data


def paths(walk: Walk) -> Flow[list[str]]:
    """Read a walk, and return the paths."""
    found: list[str] = []
    while walk.has_more:
        found += [visit.path for visit in (yield from read_page(walk))]
    return found


def test_walk_reads_pages_and_folders(script: Any, samples: Any) -> None:
    """Each item once, with its path below the root, wherever that lies."""
    sub = samples.folder("sub", "S", child_count=1, parent="/x/in")
    driver = script(
        (listing("IN"), samples.page(sub, samples.folder("empty", "E"), next_url="https://g/2")),
        ("GET https://g/2", samples.page(samples.file("a.csv", item_id="A", parent="/x/in"))),
        (listing("S"), samples.page(samples.file("b.csv", item_id="B", parent="/x/in/sub"))),
    )
    assert driver.run(paths(FolderWalk(FOLDER))) == ["sub", "empty", "a.csv", "sub/b.csv"]


def test_walk_of_one_folder_stays_in_it(script: Any, samples: Any) -> None:
    """Without ``recursive`` no other folder is asked for."""
    driver = script((listing("IN"), samples.page(samples.folder("sub", "S", child_count=1))))
    assert driver.run(paths(FolderWalk(FOLDER, recursive=False))) == ["sub"]


def test_frontier_names_all_pages_that_can_be_asked_for(script: Any, samples: Any) -> None:
    """The next page of a folder, and the first of each folder in it; they may be taken in any order."""
    walk = FolderWalk(FOLDER)
    subs = [samples.folder(name, name, child_count=1) for name in ("x", "y")]
    (step,) = walk.frontier()
    page = script((listing("IN"), samples.page(*subs, next_url="https://g/2"))).run(walk.read(step))
    assert [visit.path for visit in walk.take(step, page)] == ["x", "y"]
    steps = walk.frontier()
    assert [(step.visit and step.visit.path, step.url) for step in steps] == [
        ("x", None),
        ("y", None),
        (None, "https://g/2"),
    ]
    assert not walk.has_more
    late = script((listing("y"), samples.page(samples.file("b.csv")))).run(walk.read(steps[1]))
    assert [visit.path for visit in walk.take(steps[1], late)] == ["y/b.csv"]


def test_folder_that_vanished_unproven_is_left_out_and_named(
    script: Any, samples: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """One answer everywhere: one warning, and the walk knows which folder it did not read."""
    sub, gone = samples.folder("sub", "S", child_count=1), samples.folder("gone", "G", child_count=1)
    walk = FolderWalk(FOLDER)
    driver = script(
        (listing("IN"), samples.page(sub, gone)),
        *looks("G"),
        (listing("S"), samples.page(samples.file("b.csv"))),
    )
    with caplog.at_level(logging.WARNING):
        assert driver.run(paths(walk)) == ["sub", "gone", "sub/b.csv"]
    assert caplog.messages == ["gone in drives/D vanished while it was listed, and is left out."]
    assert [(visit.path, visit.item.id) for visit in walk.unread] == [("gone", "G")]
    assert [request.failures for request in driver.requests if request.url == listing("G")[4:]] == [0, LATER, LATER + 1]


def test_folder_that_is_proven_gone_holds_nothing(script: Any, samples: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The listing of the folder above does not show it any more: all is known, and there is nothing to warn of."""
    walk = FolderWalk(FOLDER)
    driver = script(
        (listing("IN"), samples.page(inside(samples, "gone", "G"))),
        *looks("G"),
        (ids("IN"), samples.page(samples.file())),
    )
    with caplog.at_level(logging.WARNING):
        assert driver.run(paths(walk)) == ["gone"]
    assert (walk.unread, walk.is_root_unread, caplog.messages) == ([], False, [])


@pytest.mark.parametrize("proof", ["shown", "not whole", "missing", "forbidden"])
def test_folder_that_its_parent_does_not_disprove_is_not_read(script: Any, samples: Any, proof: str) -> None:
    """It may be there, so nothing is known about what is in it."""
    walk, twice = FolderWalk(FOLDER), samples.page(samples.file(), samples.file())
    steps = {
        "shown": [(ids("IN"), samples.page(samples.folder("gone", "G")))],
        "not whole": [(ids("IN", size), twice) for size in (1000, 500, 250)],
        "missing": [*[(ids("IN"), missing()), OK] * 2, ("GET /drives/D/items/IN?$select=id", missing())],
        "forbidden": [(ids("IN"), AccessDenied("no", status=403))],
    }
    page = samples.page(inside(samples, "gone", "G"))
    assert script((listing("IN"), page), *looks("G"), *steps[proof]).run(paths(walk)) == ["gone"]
    assert [visit.path for visit in walk.unread] == ["gone"]


@pytest.mark.parametrize("is_proven", [True, False])
def test_folder_that_vanishes_between_its_pages_is_not_read_whole(script: Any, samples: Any, is_proven: bool) -> None:
    """Its first page counts, and it is among those that were not read whole, unless it is proven to be gone."""
    walk = FolderWalk(FOLDER)
    driver = script(
        (listing("IN"), samples.page(inside(samples, "sub", "S"))),
        (listing("S"), samples.page(samples.file("b.csv"), next_url="https://g/2")),
        *[("GET https://g/2", missing()), ("GET /drives/D/items/S", missing()), OK] * 3,
        (ids("IN"), samples.page(samples.folder("x" if is_proven else "sub", "X" if is_proven else "S"))),
    )
    assert driver.run(paths(walk)) == ["sub", "sub/b.csv"]
    assert [visit.path for visit in walk.unread] == ([] if is_proven else ["sub"])


@pytest.mark.parametrize("missed", [1, 2])
def test_folder_that_is_there_is_listed_again(script: Any, samples: Any, missed: int) -> None:
    """A 404 of its listing alone proves nothing; the next request waits for seconds."""
    walk = FolderWalk(FOLDER)
    there = ("GET /drives/D/items/S", samples.ok(samples.folder("sub", "S", child_count=1)))
    driver = script(
        (listing("IN"), samples.page(samples.folder("sub", "S", child_count=1))),
        *[(listing("S"), missing()), OK, there] * missed,
        (listing("S"), samples.page(samples.file("b.csv"))),
    )
    assert driver.run(paths(walk)) == ["sub", "sub/b.csv"]
    assert (walk.unread, driver.last.failures) == ([], LATER + missed - 1)


@pytest.mark.parametrize("missed", [1, 2])
def test_folder_that_is_missing_for_some_looks_is_read(
    script: Any, samples: Any, caplog: pytest.LogCaptureFixture, missed: int
) -> None:
    """Even if the folder itself is answered with 404 once or twice: the look after that finds it."""
    walk = FolderWalk(FOLDER)
    driver = script(
        (listing("IN"), samples.page(samples.folder("sub", "S", child_count=1))),
        *looks("S", missed),
        (listing("S"), samples.page(samples.file("b.csv"))),
    )
    with caplog.at_level(logging.WARNING):
        assert driver.run(paths(walk)) == ["sub", "sub/b.csv"]
    assert (walk.unread, caplog.messages) == ([], [])
    assert driver.last.failures == LATER + missed - 1


def test_page_that_is_missing_for_a_moment_is_asked_for_again(script: Any, samples: Any) -> None:
    """The listing goes on where it was."""
    walk = FolderWalk(FOLDER)
    driver = script(
        (listing("IN"), samples.page(samples.folder("sub", "S", child_count=2))),
        (listing("S"), samples.page(samples.file("a.csv", item_id="A"), next_url="https://g/2")),
        *(("GET https://g/2", missing()), ("GET /drives/D/items/S", missing()), OK),
        ("GET https://g/2", samples.page(samples.file("b.csv", item_id="B"))),
    )
    assert driver.run(paths(walk)) == ["sub", "sub/a.csv", "sub/b.csv"]
    assert (walk.unread, driver.last.failures) == ([], LATER)


def test_folder_that_is_there_and_cannot_be_listed_is_an_error(script: Any, samples: Any) -> None:
    """A listing that lacks something that exists is no listing."""
    again = ((listing("S"), missing()), OK, ("GET /drives/D/items/S", samples.ok(samples.folder("sub", "S"))))
    driver = script((listing("IN"), samples.page(samples.folder("sub", "S", child_count=1))), *again * 3)
    with pytest.raises(ItemNotFound):
        driver.run(paths(FolderWalk(FOLDER)))


def test_folder_that_may_not_be_read_is_an_error(script: Any, samples: Any) -> None:
    """Only a missing folder is left out."""
    page = samples.page(samples.folder("sub", "S", child_count=1))
    denied = (listing("S"), AccessDenied("no", status=403))
    driver = script((listing("IN"), page), *[denied] * 4)
    with pytest.raises(AccessDenied):
        driver.run(paths(FolderWalk(FOLDER)))
    assert [request.failures for request in driver.requests[1:]] == [0, LATER, LATER, LATER + 2]


def test_drive_that_vanishes_is_an_error(script: Any, samples: Any) -> None:
    """Nothing more can be read then."""
    page = samples.page(samples.folder("sub", "S", child_count=1))
    driver = script((listing("IN"), page), (listing("S"), missing()), *no_drive(missing()))
    with pytest.raises(DriveNotFound):
        driver.run(paths(FolderWalk(FOLDER)))


def test_missing_root_is_an_error_unless_it_was_seen(script: Any, samples: Any) -> None:
    """Who names a folder learns that it is missing, after a second look; one that delta named may have vanished."""
    with pytest.raises(ItemNotFound):
        script((listing("IN"), missing()), OK, *look("IN", missing()), OK).run(paths(FolderWalk(FOLDER)))
    item = DriveItem.from_json(samples.folder("in", "IN"), ROOT.locate)
    walk = FolderWalk(FOLDER, seen_as=item)
    assert script(*looks("IN")).run(paths(walk)) == []
    assert [visit.item for visit in walk.unread] == [item]


@pytest.mark.parametrize("missed", [1, 2])
@pytest.mark.parametrize("is_there", [True, False])
def test_root_that_was_read_is_listed_again(script: Any, samples: Any, missed: int, is_there: bool) -> None:
    """One or two 404s of its listing, and of itself, pass; of a root that nobody has read they are an error."""
    look = "GET /drives/D/items/IN"
    looked = [(look, samples.ok(samples.folder("in", "IN")))] if is_there else [(look, missing()), OK]
    asked = [(listing("IN"), missing()), OK, *looked] * missed
    driver = script(*asked, (listing("IN"), samples.page(samples.file("a.csv"))))
    assert driver.run(paths(FolderWalk(FOLDER, was_read=True))) == ["a.csv"]
    assert driver.last.failures == LATER + missed - 1


def test_root_that_has_gone_since_it_was_read_is_an_error(script: Any) -> None:
    """It is neither empty nor left out."""
    with pytest.raises(ItemNotFound):
        script(*looks("IN")).run(paths(FolderWalk(FOLDER, was_read=True)))


def test_folder_that_comes_twice_is_entered_once(script: Any, samples: Any) -> None:
    """A folder that is moved meanwhile comes twice, and folders that hold each other come for ever."""
    x, y = (samples.folder(name, name.upper(), child_count=1) for name in ("x", "y"))
    driver = script((listing("IN"), samples.page(x)), (listing("X"), samples.page(y)), (listing("Y"), samples.page(x)))
    assert driver.run(paths(FolderWalk(FOLDER))) == ["x", "x/y", "x/y/x"]


def pages_of(item_id: str, *pages: Any) -> list[tuple[str, Any]]:
    """Answer each round of a listing, which asks for pages of half the size."""
    return [(listing(item_id).replace("1000", f"{1000 >> number}"), page) for number, page in enumerate(pages)]


def files(samples: Any, names: str) -> Any:
    """Make a page of files, each with the id of its name."""
    return samples.page(*(samples.file(name, item_id=name) for name in names))


def test_listing_that_repeats_an_item_is_read_again(
    script: Any, samples: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It may lack the neighbour, which pages of another size show; each item comes once, of whatever round."""
    walk = FolderWalk(FOLDER)
    two = samples.page(*files(samples, "ab").json["value"], next_url="https://g/2")
    first, again = pages_of("IN", two, files(samples, "abc"))
    driver = script(first, ("GET https://g/2", files(samples, "bd")), again)
    with caplog.at_level(logging.WARNING):
        assert driver.run(paths(walk)) == ["a", "b", "d", "c"]
    assert (walk.unread, walk.is_root_unread, caplog.messages) == ([], False, [])


def test_links_of_a_listing_that_is_read_again_are_its_own(script: Any, samples: Any) -> None:
    """The second round may lead to the pages of the first: that is no loop."""
    page = samples.page(*files(samples, "a").json["value"], next_url="https://g/2")
    first, again = pages_of("IN", page, page)
    steps = first, ("GET https://g/2", files(samples, "a")), again, ("GET https://g/2", files(samples, "b"))
    assert script(*steps).run(paths(FolderWalk(FOLDER))) == ["a", "b"]


def test_root_that_keeps_repeating_items_is_not_read_whole(
    script: Any, samples: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """After three rounds all items that came are there, and the walk says that others may be missing."""
    walk = FolderWalk(FOLDER)
    driver = script(*pages_of("IN", *(files(samples, f"{name}{name}z") for name in "abc")))
    with caplog.at_level(logging.WARNING):
        assert driver.run(paths(walk)) == ["a", "z", "b", "c"]
    assert caplog.messages == ["The listing of drives/D repeats items, and may lack others."]
    assert (walk.unread, walk.is_root_unread) == ([], True)


def test_folder_that_keeps_repeating_items_is_not_read_whole(
    script: Any, samples: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Only the folder itself; the root and the others are read."""
    walk = FolderWalk(FOLDER)
    sub = samples.folder("sub", "S", child_count=2)
    driver = script((listing("IN"), samples.page(sub)), *pages_of("S", *[files(samples, "aa")] * 3))
    with caplog.at_level(logging.WARNING):
        assert driver.run(paths(walk)) == ["sub", "sub/a"]
    assert caplog.messages == ["The listing of sub repeats items, and may lack others."]
    assert ([visit.item.id for visit in walk.unread], walk.is_root_unread) == (["S"], False)


def test_listing_that_is_whole_the_third_time_is_whole(script: Any, samples: Any) -> None:
    """Only the last round counts."""
    walk = FolderWalk(FOLDER)
    driver = script(*pages_of("IN", files(samples, "aa"), files(samples, "bb"), files(samples, "ab")))
    assert driver.run(paths(walk)) == ["a", "b"]
    assert (walk.unread, walk.is_root_unread) == ([], False)


def test_folder_on_two_pages_is_entered_once(script: Any, samples: Any) -> None:
    """The round that repeats it has entered it already."""
    sub = samples.folder("sub", "S", child_count=1)
    steps = *pages_of("IN", samples.page(sub, sub), samples.page(sub)), (listing("S"), files(samples, "a"))
    assert sorted(script(*steps).run(paths(FolderWalk(FOLDER)))) == ["sub", "sub/a"]


def test_whole_drive_is_walked_by_delta(script: Any, samples: Any) -> None:
    """An item whose folder never came is looked up; one that has vanished is not read."""
    first = f"GET /drives/D/root/delta?$top=1000&$select={ITEM_FIELDS},deleted"
    there, gone = (samples.file(f"{name}.csv", item_id=name) for name in ("there", "gone"))
    for each in (there, gone):
        each["parentReference"] = {"driveId": "D", "id": "ELSEWHERE"}
    walk = walk_of(ROOT, has_delta=True)
    driver = script(
        (first, samples.page(samples.root(), there, next_url="https://g/2")),
        ("GET https://g/2", samples.page(gone, samples.file("a.csv", item_id="A"))),
        ("GET /drives/D/items/gone", missing()),
        ("GET /drives/D/items/there", samples.ok(samples.file("there.csv", item_id="there", parent="/moved"))),
    )
    assert driver.run(paths(walk)) == ["a.csv", "moved/there.csv"]
    assert [visit.item.id for visit in walk.unread] == ["gone"]


@pytest.mark.parametrize(
    ("root", "options", "is_by_delta"),
    [
        (ROOT, {"has_delta": True}, True),
        (ROOT, {"has_delta": False}, False),
        (ROOT, {"has_delta": True, "recursive": False}, False),
        (FOLDER, {"has_delta": True}, False),
    ],
)
def test_only_a_whole_drive_is_walked_by_delta(root: Any, options: Any, is_by_delta: bool) -> None:
    """A drive has one delta, of all of it, and some clouds have none."""
    assert isinstance(walk_of(root, **options), DeltaWalk) is is_by_delta


def test_secret_links_are_not_shown(script: Any, samples: Any) -> None:
    """An item as Graph sent it has the URL of its content, which needs no token."""
    secret = samples.file() | {"@microsoft.graph.downloadUrl": "https://dl.example/secret"}
    walk = FolderWalk(FOLDER, fields="")
    (step,) = walk.frontier()
    page = script(("GET /drives/D/items/IN/children?$top=1000", samples.page(secret))).run(walk.read(step))
    (visit,) = walk.take(step, page)
    assert "secret" not in repr((visit, step))
    assert "secret" in str(visit.data)


def test_items_of_a_walk(script: Any, samples: Any) -> None:
    """For those who need no paths."""
    driver = script((listing("IN"), samples.page(samples.file("a.csv", item_id="A"))))
    assert [item.id for item in driver.run(read_items(FolderWalk(FOLDER)))] == ["A"]
