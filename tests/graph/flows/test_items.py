"""Flows on items, with answers written by hand."""

from __future__ import annotations

import pytest
from asking_nothing import PARSER, no_drive

from airflow_provider_onedrive.graph.flows import items, removals
from airflow_provider_onedrive.graph.protocol.addresses import address_of
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    BadRequest,
    DriveNotFound,
    ItemNotFound,
    LocationError,
    NameAlreadyExists,
    PreconditionFailed,
    ServiceUnavailable,
    Throttled,
)
from airflow_provider_onedrive.graph.protocol.locations import Location
from airflow_provider_onedrive.graph.protocol.messages import OutcomeUnknown, Repeat, Response
from airflow_provider_onedrive.graph.protocol.options import DeleteOptions
from airflow_provider_onedrive.graph.protocol.retry import RetryPolicy

ROOT = "/drives/d/root"
PAGE = f"$top=1000&$select={items.ITEM_FIELDS}"
GONE = Response(204, {})
OK = Response(200, {}, {"id": "R"})


def at(*names: str):
    return address_of(Location("drives", ("d",), names))


def missing() -> ItemNotFound:
    return ItemNotFound("The resource could not be found.", status=404, code="itemNotFound", request_id="8d2f")


def taken() -> NameAlreadyExists:
    return NameAlreadyExists("Name already exists", status=409, code="nameAlreadyExists")


def lost() -> OutcomeUnknown:
    return OutcomeUnknown(ServiceUnavailable("No answer came"))


def test_looking_at_an_item(script, samples):
    """One request, which may be repeated, and the item as it is."""
    driver = script((f"GET {ROOT}:/x/a%20b.csv", samples.ok(samples.file("a b.csv", parent="/x"))))
    item = driver.run(items.stat(at("x", "a b.csv")))
    assert (item.location, item.outcome) == ("drives/d/x/a b.csv", None)
    assert driver.last.repeat is Repeat.ALWAYS
    assert not driver.last.preauthorized


def test_a_missing_item_in_a_drive_that_exists(script):
    """404 of the path while the drive answers is a missing item: it may come."""
    driver = script((f"GET {ROOT}:/a.csv", missing()), (f"GET {ROOT}?$select=id", OK))
    with pytest.raises(ItemNotFound) as caught:
        driver.run(items.stat(at("a.csv")))
    assert type(caught.value) is ItemNotFound


def test_a_missing_drive(script):
    """404 of the drive too, three times: no waiting can help, and the error keeps what Graph said of the drive."""
    driver = script((f"GET {ROOT}:/a.csv", missing()), *no_drive(missing(), "/drives/d"))
    with pytest.raises(DriveNotFound) as caught:
        driver.run(items.stat(at("a.csv")))
    assert (caught.value.status, caught.value.code, caught.value.request_id) == (404, "itemNotFound", "8d2f")
    assert "myfiles" in str(caught.value)


def test_the_root_of_a_missing_drive(script):
    """404 of a root alone proves nothing: old drives answer so at random. The drive itself is asked for."""
    driver = script((f"GET {ROOT}", missing()), *no_drive(missing(), "/drives/d", of_root=True))
    with pytest.raises(DriveNotFound):
        driver.run(items.stat(at()))
    assert [request.failures for request in driver.requests] == [0, *items.FAILURES_BEFORE_DRIVE_READS]
    assert (
        sum(
            RetryPolicy(jitter=lambda: 0).backoff(failures)
            for failures in items.FAILURES_BEFORE_DRIVE_READS
            if failures
        )
        >= 10
    )


@pytest.mark.parametrize("looks", [0, 1, 2])
def test_the_root_of_a_drive_that_is_there(script, samples, looks):
    """One look that shows the drive is enough: the root is asked for again."""
    seen = [*no_drive(missing(), "/drives/d", of_root=True)[:looks], ("GET /drives/d?$select=id", OK)]
    root = f"GET {ROOT}"
    driver = script((root, missing()), *seen, (root, samples.ok(samples.root())))
    assert driver.run(items.stat(at())).is_root


def test_a_root_that_is_never_there(script):
    """The drive is there, so the task may be retried."""
    steps = [(f"GET {ROOT}", missing()), ("GET /drives/d?$select=id", OK)]
    with pytest.raises(ServiceUnavailable, match="only its root is not found"):
        script(*steps * 4).run(items.stat(at()))


@pytest.mark.parametrize("looks", [1, 2])
def test_a_drive_that_is_found_again(script, looks):
    """Then only the item is missing."""
    seen = [*no_drive(missing(), "/drives/d")[:looks], ("GET /drives/d?$select=id", OK)]
    with pytest.raises(ItemNotFound):
        script((f"GET {ROOT}:/a.csv", missing()), *seen).run(items.stat(at("a.csv")))


def test_a_drive_whose_root_may_not_be_read(script):
    """With permission on one folder only, the root says 403; the item is missing all the same."""
    driver = script((f"GET {ROOT}:/x/a.csv", missing()), (f"GET {ROOT}?$select=id", AccessDenied("no", status=403)))
    with pytest.raises(ItemNotFound) as caught:
        driver.run(items.stat(at("x", "a.csv")))
    assert type(caught.value) is ItemNotFound


def test_an_item_by_id_in_a_missing_drive(script):
    """By id too, the drive is asked."""
    address = address_of(PARSER.parse("items/d/i"))
    with pytest.raises(DriveNotFound):
        script(("GET /drives/d/items/i", missing()), *no_drive(missing(), "/drives/d")).run(items.stat(address))


@pytest.mark.parametrize("error", [AccessDenied("no"), BadRequest("no"), Throttled("no"), ServiceUnavailable("no")])
def test_other_errors_pass_through(script, error):
    """What is not 404 is not interpreted."""
    with pytest.raises(type(error)):
        script((f"GET {ROOT}:/a.csv", error)).run(items.stat_or_none(at("a.csv")))


def test_whether_an_item_is_there(script, samples):
    """A missing item is None, a missing drive an error."""
    assert script((f"GET {ROOT}:/a", samples.ok(samples.file("a")))).run(items.stat_or_none(at("a"))).name == "a"
    absent = script((f"GET {ROOT}:/a", missing()), (f"GET {ROOT}?$select=id", OK))
    assert absent.run(items.stat_or_none(at("a"))) is None
    with pytest.raises(DriveNotFound):
        script((f"GET {ROOT}:/a", missing()), *no_drive(missing(), "/drives/d")).run(items.stat_or_none(at("a")))


def test_a_page_of_children(script, samples):
    """A page has its items and where the next one is."""
    page = samples.page(samples.file("a.csv", parent="/x"), samples.folder("y", parent="/x"), next_url="https://g/next")
    found = script((f"GET {ROOT}:/x:/children?{PAGE}", page)).run(items.children(at("x")))
    assert [item.location for item in found.items] == ["drives/d/x/a.csv", "drives/d/x/y"]
    assert found.next_url == "https://g/next"
    driver = script(("GET https://g/next", samples.page(samples.file("b.csv", parent="/x"))))
    last = driver.run(items.children(at("x"), found.next_url))
    assert ([item.name for item in last.items], last.next_url) == (["b.csv"], None)


def test_an_empty_folder_and_a_file_tell_apart(script, samples):
    """Graph lists a file as an empty folder, so an empty first page is looked at twice."""
    empty = (f"GET {ROOT}:/x:/children?{PAGE}", samples.page())
    is_folder = (f"GET {ROOT}:/x", samples.ok(samples.folder("x")))
    assert script(empty, is_folder).run(items.children(at("x"))).items == ()
    with pytest.raises(LocationError, match="drives/d/x is a file, and a folder is meant"):
        script(empty, (f"GET {ROOT}:/x", samples.ok(samples.file("x")))).run(items.children(at("x")))


def test_an_empty_later_page_is_an_empty_page(script, samples):
    """A page in the middle may be empty, and the listing goes on."""
    driver = script(("GET https://g/2", samples.page(next_url="https://g/3")))
    page = driver.run(items.children(at("x"), "https://g/2"))
    assert (page.items, page.next_url) == ((), "https://g/3")


def test_children_of_nothing(script):
    """A missing folder is told from a missing drive here too."""
    with pytest.raises(DriveNotFound):
        script((f"GET {ROOT}:/x:/children?{PAGE}", missing()), *no_drive(missing(), "/drives/d")).run(
            items.children(at("x"))
        )


def test_a_folder_where_a_file_is_meant(script, samples):
    """A folder is no file, and the error says what to write."""
    with pytest.raises(LocationError, match=r"drives/d/x is a folder, and a file is meant. Name the file."):
        script((f"GET {ROOT}:/x", samples.ok(samples.folder("x")))).run(items.file(at("x")))


def test_folders_level_by_level(script, samples):
    """Each missing level is created by its name through the id above it: creation by path encodes ``%#`` twice."""
    driver = script(
        (f"GET {ROOT}:/x/100%25%20%231", missing()),
        (f"GET {ROOT}?$select=id", OK),
        (f"GET {ROOT}:/x", missing()),
        (f"GET {ROOT}?$select=id", OK),
        (f"GET {ROOT}", samples.ok(samples.root())),
        ("POST /drives/D/items/R/children", samples.ok(samples.folder("x", "X"), 201)),
        ("POST /drives/D/items/X/children", samples.ok(samples.folder("100% #1", "Y", parent="/x"), 201)),
    )
    item = driver.run(items.folder(at("x", "100% #1"), create=True))
    assert item.location == "drives/d/x/100% #1"
    body = {"name": "100% #1", "folder": {}, "@microsoft.graph.conflictBehavior": "fail"}
    assert driver.last.json == body
    assert driver.last.repeat is Repeat.IF_REFUSED


def test_a_folder_that_is_there(script, samples):
    """Nothing is created where nothing is missing."""
    driver = script((f"GET {ROOT}:/x", samples.ok(samples.folder("x"))))
    assert driver.run(items.folder(at("x"), create=True)).id == "P"


def test_a_missing_folder(script):
    """Without create the missing folder is named, not the file in it."""
    driver = script((f"GET {ROOT}:/x", missing()), (f"GET {ROOT}?$select=id", OK))
    with pytest.raises(ItemNotFound, match=r"Cannot find the folder drives/d/x: .*create_folders=True"):
        driver.run(items.folder(at("x")))


def test_a_file_on_the_way(script, samples):
    """A file where a folder is needed is an error, and nothing is created."""
    driver = script(
        (f"GET {ROOT}:/x/y", missing()),
        (f"GET {ROOT}?$select=id", OK),
        (f"GET {ROOT}:/x", samples.ok(samples.file("x"))),
    )
    with pytest.raises(LocationError, match="is a file, and a folder is meant"):
        driver.run(items.folder(at("x", "y"), create=True))


def test_no_folder_is_created_in_a_missing_drive(script):
    """create_folders makes folders, not drives."""
    driver = script((f"GET {ROOT}:/x", missing()), *no_drive(missing(), "/drives/d"))
    with pytest.raises(DriveNotFound):
        driver.run(items.folder(at("x"), create=True))


def created_at_once(answer, *more):
    return ("POST /drives/D/items/P/children", answer), *more


THROUGH = at("x", "new").through("D", "P")
LOOK = "GET /drives/D/items/P:/new"


@pytest.mark.parametrize(("problem", "exist_ok"), [(taken(), True), (lost(), False), (lost(), True)])
def test_somebody_else_made_the_folder(script, samples, problem, exist_ok):
    """Two that create the same folder at once both have it; so has one whose answer was lost."""
    driver = script(*created_at_once(problem, (LOOK, samples.ok(samples.folder("new", "N")))))
    assert driver.run(items.create_folder(THROUGH, exist_ok=exist_ok)).id == "N"


def test_a_folder_whose_creation_was_lost(script, samples):
    """Nothing was done: it is sent again; done late it is ours."""
    gone = [(LOOK, missing()), ("GET /drives/D/root?$select=id", OK)]
    line = "POST /drives/D/items/P/children"
    made = samples.ok(samples.folder("new", "N"), 201)
    assert script((line, lost()), *gone, (line, made)).run(items.create_folder(THROUGH, exist_ok=False)).id == "N"
    late = script((line, lost()), *gone, (line, taken()), (LOOK, samples.ok(samples.folder("new", "N"))))
    assert late.run(items.create_folder(THROUGH, exist_ok=False)).id == "N"
    with pytest.raises(OutcomeUnknown):
        script(*[(line, lost()), *gone] * 5).run(items.create_folder(THROUGH, exist_ok=False))


def test_a_folder_is_sent_again_after_a_wait(script, samples):
    """Each time it was sent in vain the driver is told to wait longer."""
    line = "POST /drives/D/items/P/children"
    gone = [(LOOK, missing()), ("GET /drives/D/root?$select=id", OK)]
    driver = script(*[(line, lost()), *gone] * 2, (line, samples.ok(samples.folder("new", "N"), 201)))
    driver.run(items.create_folder(THROUGH, exist_ok=False))
    assert [request.failures for request in driver.requests if request.method == "POST"] == [0, 1, 2]


def test_a_parent_that_cannot_be_seen_yet(script, samples):
    """404 of a folder that was just read is waited for, a little longer each time; after five times it is an error."""
    line = "POST /drives/D/items/P/children"
    made = samples.ok(samples.folder("new", "N"), 201)
    driver = script(*[(line, missing())] * 4, (line, made))
    item = driver.run(items.create_folder(THROUGH, exist_ok=False))
    assert (item.id, item.outcome) == ("N", "created")
    assert [request.failures for request in driver.requests] == [0, 1, 2, 3, 4]
    with pytest.raises(ItemNotFound):
        script(*[(line, missing())] * 5).run(items.create_folder(THROUGH, exist_ok=False))


def test_404_of_a_new_folder_does_not_make_it_ours(script, samples):
    """Graph refused the first request, so a folder that is there afterwards is somebody else's."""
    line = "POST /drives/D/items/P/children"
    steps = (line, missing()), (line, taken()), (LOOK, samples.ok(samples.folder("new", "N")))
    with pytest.raises(NameAlreadyExists):
        script(*steps).run(items.create_folder(THROUGH, exist_ok=False))
    assert script(*steps).run(items.create_folder(THROUGH, exist_ok=True)).id == "N"


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_notebook_is_neither_file_nor_folder(script, samples, kind):
    """Graph gives a notebook only page by page, so it is refused by name wherever something else is meant."""
    notebook = samples.ok(samples.item("x", "N", package={"type": "oneNote"}))
    with pytest.raises(LocationError, match=r"oneNote"):
        script((f"GET {ROOT}:/x", notebook)).run(getattr(items, kind)(at("x")))


def test_the_folder_was_there(script, samples):
    """Without exist_ok a folder of the name is an error."""
    driver = script(*created_at_once(taken(), (LOOK, samples.ok(samples.folder("new", "N")))))
    with pytest.raises(NameAlreadyExists):
        driver.run(items.create_folder(THROUGH, exist_ok=False))


@pytest.mark.parametrize("exist_ok", [True, False])
def test_a_file_has_the_folders_name(script, samples, exist_ok):
    """A file of the name is an error in any case."""
    driver = script(*created_at_once(taken(), (LOOK, samples.ok(samples.file("new")))))
    with pytest.raises(NameAlreadyExists):
        driver.run(items.create_folder(THROUGH, exist_ok=exist_ok))


def test_a_new_folder_needs_the_one_above(script):
    """One folder is created, not those above it."""
    driver = script((f"GET {ROOT}:/x", missing()), (f"GET {ROOT}?$select=id", OK))
    with pytest.raises(ItemNotFound, match="Cannot find the folder drives/d/x"):
        driver.run(items.make_folder(at("x", "new"), exist_ok=True))


def remove(address, **more):
    options = {name: more.pop(name) for name in ("max_items", "dry_run") if name in more}
    return removals.remove(address, options=DeleteOptions(**options), **more)


@pytest.mark.parametrize(
    ("permanent", "request_line"),
    [(False, "DELETE /drives/D/items/F"), (True, "POST /drives/D/items/F/permanentDelete")],
)
def test_deleting_a_file(script, samples, permanent, request_line):
    """What was looked at is deleted, by its id; sending that twice does no harm."""
    driver = script((f"GET {ROOT}:/a.csv", samples.ok(samples.file())), (request_line, GONE))
    assert [item.location for item in driver.run(remove(at("a.csv"), permanent=permanent))] == ["drives/d/a.csv"]
    assert driver.last.repeat is Repeat.ALWAYS


def test_a_dry_run_sends_no_delete(script, samples):
    """A dry run looks and says what would go."""
    driver = script((f"GET {ROOT}:/a.csv", samples.ok(samples.file())))
    assert len(driver.run(remove(at("a.csv"), dry_run=True))) == 1


@pytest.mark.parametrize("more", [{}, {"recursive": True}, {"permanent": True}, {"dry_run": True}])
def test_the_root_is_never_deleted(script, samples, more):
    """An empty template that names a root deletes nothing, however it is asked for."""
    for address in (at(), address_of(PARSER.parse("items/d/R"))):
        driver = script((f"GET {address.url()}", samples.ok(samples.root())))
        with pytest.raises(LocationError, match="is the root of a drive and is never deleted"):
            driver.run(remove(address, **more))


def test_a_folder_that_holds_something(script, samples):
    """A folder that is not empty goes only with recursive."""
    driver = script((f"GET {ROOT}:/x", samples.ok(samples.folder("x", child_count=3))))
    with pytest.raises(LocationError, match=r"drives/d/x is a folder with 3 items. Pass recursive=True"):
        driver.run(remove(at("x")))


def test_a_folder_of_which_nobody_says_what_it_holds(script, samples):
    """Without a count a folder may hold something, so it goes only with recursive too."""
    driver = script((f"GET {ROOT}:/x", samples.ok(samples.folder("x", child_count=None))))
    with pytest.raises(LocationError, match="recursive=True"):
        driver.run(remove(at("x")))


def test_an_empty_folder(script, samples):
    """An empty folder goes without recursive."""
    driver = script((f"GET {ROOT}:/x", samples.ok(samples.folder("x"))), ("DELETE /drives/D/items/P", GONE))
    assert len(driver.run(remove(at("x")))) == 1


def tree(samples):
    """A folder of five: two files and a folder with two more, over two pages."""
    a, b, c, d = (samples.file(name, item_id=name) for name in "abcd")
    return (
        (f"GET {ROOT}:/x", samples.ok(samples.folder("x", "X", child_count=3))),
        (f"GET /drives/D/items/X/children?{PAGE}", samples.page(a, next_url="https://g/2")),
        ("GET https://g/2", samples.page(samples.folder("y", "Y", child_count=2), b)),
        (f"GET /drives/D/items/Y/children?{PAGE}", samples.page(c, d)),
    )


def test_what_lies_below_is_counted_before(script, samples):
    """A folder with exactly max_items below goes, as one."""
    driver = script(*tree(samples), ("DELETE /drives/D/items/X", GONE))
    assert len(driver.run(remove(at("x"), recursive=True, max_items=5))) == 1


def test_a_folder_that_holds_too_much(script, samples):
    """One more than max_items and nothing is deleted."""
    with pytest.raises(LocationError, match=r"drives/d/x holds more than 4 items. Raise max_items"):
        script(*tree(samples)).run(remove(at("x"), recursive=True, max_items=4))


def test_counting_stops_at_the_limit(script, samples):
    """A million items are not read to find that there are more than a thousand."""
    with pytest.raises(LocationError, match="more than 0 items"):
        script(*tree(samples)[:2]).run(remove(at("x"), recursive=True, max_items=0))


def test_a_delete_that_is_refused(script, samples):
    """Other refusals of a DELETE are errors."""
    driver = script(
        (f"GET {ROOT}:/a.csv", samples.ok(samples.file())),
        ("DELETE /drives/D/items/F", PreconditionFailed("x", status=412)),
    )
    with pytest.raises(PreconditionFailed):
        driver.run(remove(at("a.csv")))
