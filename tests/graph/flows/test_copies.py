"""Flows that copy on the server, with answers written by hand."""

from __future__ import annotations

import json
import pickle

import pytest
from placing_steps import (
    CONFLICT,
    CONTENT,
    MONITOR,
    OTHER,
    asked,
    at,
    failed,
    in_folder,
    look_up,
    lost,
    missing,
    monitor,
    parent,
    plan,
    read,
    recycled,
    source,
    taken,
    there,
)

from airflow_provider_onedrive.graph.flows import copies
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    BadRequest,
    ConfigurationError,
    CopyLost,
    CopyUnfinished,
    ItemNotFound,
    LocationError,
    Locked,
    NameAlreadyExists,
    NameHeld,
    PreconditionFailed,
    QuotaExceeded,
    ResyncRequired,
    ServiceUnavailable,
    Throttled,
    Unauthenticated,
)
from airflow_provider_onedrive.graph.protocol.messages import OutcomeUnknown, Repeat, Response


@pytest.fixture
def begun(samples):
    """What stands before the request for a copy: the source, the folder, and a free name."""
    return source(samples), parent(samples), look_up(missing())


def test_a_copy(script, samples, begun):
    """Source, folder and name are looked at, the copy is asked for, and its monitor until it has ended."""
    driver = script(*begun, asked(), monitor(status="inProgress", http=202), monitor(), read(samples))
    item = driver.run(copies.copy(plan()))
    assert (item.location, item.id, item.outcome) == ("drives/d/out/a.csv", "T", "created")
    request = driver.requests[3]
    assert request.json == {"parentReference": {"driveId": "D", "id": "P"}, "name": "a.csv"}
    assert request.repeat is Repeat.IF_REFUSED


def test_a_new_name(script, samples):
    """A destination that does not end in a slash is the new name; in a folder ``file_name`` is."""
    for destination, file_name in (("drives/d/out/b.csv", None), ("drives/d/out/", "b.csv")):
        steps = (look_up(missing(), "b.csv"), asked(), monitor(), read(samples, name="b.csv"))
        driver = script(source(samples), parent(samples), *steps)
        item = driver.run(copies.copy(plan(destination=destination, file_name=file_name)))
        assert item.location == "drives/d/out/b.csv"
        assert driver.requests[3].json["name"] == "b.csv"


def test_the_monitor_needs_no_token(script, samples, begun):
    """Its address is the permission itself; pauses between the questions grow, up to a quarter of a minute."""
    driver = script(*begun, asked(), *[monitor(status="waiting")] * 9, monitor(), read(samples))
    driver.run(copies.copy(plan()))
    questions = [request for request in driver.requests if request.url == MONITOR]
    assert all(request.preauthorized for request in questions)
    assert [request.failures for request in questions] == [0, 1, 2, 3, 4, 5, 6, 6, 6, 6]


@pytest.mark.parametrize(
    ("http", "body", "expected"),
    [
        (202, {"status": "notStarted"}, (False, None)),
        (202, {"status": "inProgress", "percentageComplete": 27.8}, (False, None)),
        (200, {"status": "inProgress", "percentComplete": 3}, (False, None)),
        (200, {"status": "somethingNew"}, (False, None)),
        (202, {"status": "updating", "id": "job"}, (False, None)),
        (202, {"status": "completed", "resourceId": "T"}, (True, "T")),
        (200, {"status": "Completed", "resourceId": "T", "id": "job"}, (True, "T")),
        (303, {"status": "completed", "resourceId": "T"}, (True, "T")),
        (303, None, (True, None)),
        (200, {"id": "T", "name": "a.csv", "file": {}}, (True, "T")),
    ],
)
def test_the_status_counts(script, http, body, expected):
    """Not HTTP's code but the status says whether a copy has ended; without one, what old answers look like."""
    now = script((f"GET {MONITOR}", Response(http, {}, body))).run(copies.progress(MONITOR))
    assert ((now.is_ended, now.item_id), now.error) == (expected, None)


@pytest.mark.parametrize(
    ("body", "percent", "words"),
    [
        ({"percentageComplete": 27.8}, 27.8, "27.8 %"),
        ({"percentComplete": 3}, 3.0, "3 %"),
        ({"percentageComplete": "much"}, None, "under way"),
        ({}, None, "under way"),
    ],
)
def test_how_far_it_is(script, body, percent, words):
    """The percentage has two names, and may be left out."""
    now = script(monitor(status="inProgress", **body)).run(copies.progress(MONITOR))
    assert (now.percent, copies.progress_text(now)) == (percent, words)


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        ({"code": "nameAlreadyExists", "message": "Name already exists"}, NameAlreadyExists, "Name already exists"),
        ({"code": "quotaLimitReached", "message": "Full"}, QuotaExceeded, "Full"),
        ({"code": "accessDenied", "message": "No"}, AccessDenied, "No"),
        ({"code": "itemNotFound", "message": "Gone"}, ItemNotFound, "Gone"),
        ({"code": "activityLimitReached", "message": "Slow"}, Throttled, "Slow"),
        ({"code": "resourceLocked", "message": "Open"}, Locked, "Open"),
        ({"code": "generalException", "message": "Oh"}, ServiceUnavailable, "Oh"),
        ({"code": "invalidRequest", "message": "Bad"}, BadRequest, "Bad"),
        ({"code": "neverSeen", "message": "New"}, BadRequest, "New"),
        ({}, BadRequest, "ended as failed"),
        (None, BadRequest, "ended as failed"),
    ],
)
def test_why_a_copy_failed(script, error, kind, text):
    """The code of the monitor's error says which error it is; what nobody knows is not tried again."""
    now = script(monitor(status="failed", error=error)).run(copies.progress(MONITOR))
    assert type(now.error) is kind
    assert text in str(now.error)


def test_why_a_tree_failed(script):
    """Without a code of its own the details say it; they are shown, some of them, and URLs are not."""
    details = [
        {"code": "nameAlreadyExists", "message": f"See https://x/?SECRET {n}", "target": f"{n}.csv"} for n in "1234567"
    ]
    now = script(failed(None, details=details)).run(copies.progress(MONITOR))
    assert type(now.error) is NameAlreadyExists
    assert "1.csv: See (URL) 1; 2.csv" in str(now.error)
    assert "5.csv: See (URL) 5 and 2 more" in str(now.error)
    assert "A part of the copy can remain" in str(now.error)
    assert "SECRET" not in repr(vars(now.error))
    assert not copies.begins_anew(now.error)


@pytest.mark.parametrize("code", ["NameAlreadyExists", "AccessDenied_Secret"])
def test_an_old_form_of_failure(script, code):
    """Old monitors say ``errorCode``, with more behind an underscore."""
    now = script(monitor(status="failed", errorCode=code)).run(copies.progress(MONITOR))
    assert type(now.error).__name__ == code.partition("_")[0]


def test_a_copy_that_was_cancelled(script):
    """Whoever cancelled it, a retry may help."""
    assert isinstance(script(monitor(status="cancelled")).run(copies.progress(MONITOR)).error, ServiceUnavailable)


@pytest.mark.parametrize("kind", [ItemNotFound, AccessDenied, Unauthenticated, ResyncRequired, BadRequest])
def test_a_monitor_that_is_gone(script, kind):
    """A monitor that knows nothing any more says nothing about the copy."""
    now = script(monitor(kind("gone", status=404))).run(copies.progress(MONITOR))
    assert isinstance(now.error, CopyLost)
    assert now.is_ended


def test_a_monitor_that_fails(script):
    """5xx of the monitor says nothing about the copy either, and may pass."""
    with pytest.raises(ServiceUnavailable):
        script(monitor(ServiceUnavailable("oh", status=500))).run(copies.progress(MONITOR))


def test_after_a_monitor_that_is_gone(script, samples, begun):
    """The destination is looked at again: the copy is there, or is asked for once more."""
    gone = (
        *begun,
        asked(),
        monitor(missing()),
    )
    item = script(*gone, there(samples)).run(copies.copy(plan()))
    assert (item.id, item.outcome) == ("T", "created")
    item = script(*gone, look_up(missing()), asked(), monitor(), read(samples)).run(copies.copy(plan()))
    assert (item.id, item.outcome) == ("T", "created")


def test_monitors_that_are_always_gone(script, samples, begun):
    """That has an end."""
    rounds = [step for _ in range(3) for step in (look_up(missing()), asked(), monitor(missing()))]
    with pytest.raises(CopyLost):
        script(*begun, asked(), monitor(missing()), *rounds).run(copies.copy(plan()))


def test_time_is_up(script, samples, begun):
    """The wait is given up when time is up; the copy itself goes on, and a retry may find it."""
    with pytest.raises(CopyUnfinished, match="still going on") as caught:
        script(*begun, asked(), monitor(status="inProgress")).run(copies.copy(plan(is_over=lambda: True)))
    assert caught.value.is_retryable


# --- a name that is taken


def test_fail(script, samples):
    """What is there stays, and nothing is asked for."""
    with pytest.raises(NameAlreadyExists, match=r"'a\.csv' is taken"):
        script(source(samples), parent(samples), there(samples, OTHER)).run(copies.copy(plan()))


def test_fail_told_by_the_monitor(script, samples, begun):
    """Graph decides: a name that was free a moment ago is told by the monitor."""
    steps = (*begun, asked(), failed(), there(samples, OTHER))
    with pytest.raises(NameAlreadyExists):
        script(*steps).run(copies.copy(plan()))


def test_skip(script, samples, begun):
    """What is there stays, and is returned; also when the monitor tells of it."""
    for steps in ((*begun[:2], there(samples, OTHER)), (*begun, asked(), failed(), there(samples, OTHER))):
        assert script(*steps).run(copies.copy(plan(if_exists="skip"))).outcome == "skipped"


def test_rename(script, samples):
    """The next free name is asked for, by one's own count: a personal drive does not count for copies."""
    steps = (there(samples, OTHER), there(samples, OTHER, "a%201.csv"), look_up(missing(), "a%202.csv"), asked())
    end = monitor(), read(samples, name="a 2.csv")
    driver = script(source(samples), parent(samples), *steps, *end)
    item = driver.run(copies.copy(plan(if_exists="rename")))
    assert (item.location, item.outcome) == ("drives/d/out/a 2.csv", "renamed")
    assert driver.requests[5].json["name"] == "a 2.csv"


def test_rename_of_a_folder(script, samples):
    """The number stands behind the whole name."""
    folder = samples.ok(samples.folder("v1.d", "S", **in_folder("I", "D", "/in")))
    steps = [("GET /drives/d/root:/in/v1.d", folder), parent(samples)]
    steps += [
        look_up(samples.ok(samples.folder("v1.d", "T")), "v1.d"),
        look_up(missing(), "v1.d%201"),
        asked(),
        monitor(),
    ]
    steps += [("GET /drives/D/items/T", samples.ok(samples.folder("v1.d 1", "T", **in_folder("P", "D", "/out"))))]
    item = script(*steps).run(copies.copy(plan("drives/d/in/v1.d", if_exists="rename")))
    assert (item.location, item.outcome) == ("drives/d/out/v1.d 1", "renamed")


def test_rename_when_the_next_name_goes_too(script, samples, begun):
    """A name that others took meanwhile is passed over."""
    steps = (asked(), failed(), there(samples, OTHER), look_up(missing(), "a%201.csv"), asked(), monitor())
    driver = script(*begun, *steps, read(samples, name="a 1.csv"))
    assert driver.run(copies.copy(plan(if_exists="rename"))).outcome == "renamed"


def test_replace(script, samples):
    """The file that is there goes to the recycle bin, exactly the version that was seen; then the name is free."""
    steps = (there(samples, OTHER), recycled(), look_up(missing()), asked(), monitor(), read(samples))
    driver = script(source(samples), parent(samples), *steps)
    assert driver.run(copies.copy(plan(if_exists="replace"))).outcome == "replaced"
    assert driver.requests[3].headers == {"If-Match": '"{T},1"'}


def test_replace_of_what_changes(script, samples):
    """A version that came meanwhile is looked at again before it goes."""
    changed = recycled(PreconditionFailed("ETag does not match", status=412))
    steps = (
        there(samples, OTHER),
        changed,
        there(samples, OTHER),
        recycled(missing()),
        *proven_gone(samples),
        look_up(missing()),
        asked(),
    )
    driver = script(source(samples), parent(samples), *steps, monitor(), read(samples))
    assert driver.run(copies.copy(plan(if_exists="replace"))).outcome == "replaced"
    keeps_changing = [there(samples, OTHER), changed] * 4
    with pytest.raises(NameHeld):
        script(source(samples), parent(samples), *keeps_changing).run(copies.copy(plan(if_exists="replace")))


def proven_gone(samples):
    """What had the name is not read twice, and not listed."""
    line = "GET /drives/D/items/T?$select=id"
    listed = "GET /drives/D/items/P/children?$top=1000&$select=id,name"
    return (line, missing()), (line, missing()), (listed, samples.page(samples.file("b.csv")))


def test_replace_of_an_item_that_delete_does_not_find_is_repeated(script, samples):
    """404 of the deletion does not free the name while the item is still there."""
    still = recycled(missing()), ("GET /drives/D/items/T?$select=id", samples.ok({"id": "T"}))
    steps = (there(samples, OTHER), *still, recycled(), look_up(missing()), asked(), monitor(), read(samples))
    driver = script(source(samples), parent(samples), *steps)
    assert driver.run(copies.copy(plan(if_exists="replace"))).outcome == "replaced"
    deletions = [request for request in driver.requests if request.method == "DELETE"]
    assert [request.headers for request in deletions] == [{"If-Match": '"{T},1"'}] * 2
    with pytest.raises(ServiceUnavailable, match="still there"):
        script(source(samples), parent(samples), there(samples, OTHER), *still * 4).run(
            copies.copy(plan(if_exists="replace"))
        )


@pytest.mark.parametrize("if_exists", ["fail", "skip", "replace", "rename"])
def test_a_folder_has_the_name(script, samples, if_exists):
    """A file never takes the place of a folder; probably the folder was meant to be gone into."""
    steps = (source(samples), parent(samples), look_up(samples.ok(samples.folder("a.csv", "T"))))
    with pytest.raises(LocationError, match="End the destination in '/'"):
        script(*steps).run(copies.copy(plan(if_exists=if_exists)))


@pytest.mark.parametrize("if_exists", ["fail", "skip", "replace", "rename"])
def test_copy_beside_a_notebook_is_refused(script, samples, if_exists):
    """A notebook has the file's name: it stays, and the copy is not numbered beside it."""
    notebook = look_up(samples.ok(samples.item("a.csv", "T", package={"type": "oneNote"})))
    with pytest.raises(LocationError, match=r"A oneNote named 'a\.csv' is there.*Only a file takes the place"):
        script(source(samples), parent(samples), notebook).run(copies.copy(plan(if_exists=if_exists)))


def test_copy_of_a_folder_beside_a_folder_is_numbered(script, samples):
    """Only a file beside a folder is a mistake."""
    folder = samples.ok(samples.folder("x", "S", **in_folder("I", "D", "/in")))
    steps = ("GET /drives/d/root:/in/x", folder), parent(samples), look_up(samples.ok(samples.folder("x", "T")), "x")
    copied = ("GET /drives/D/items/T", samples.ok(samples.folder("x 1", "T", **in_folder("P", "D", "/out"))))
    driver = script(*steps, look_up(missing(), "x%201"), asked(), monitor(), copied)
    assert driver.run(copies.copy(plan("drives/d/in/x", if_exists="rename"))).outcome == "renamed"


@pytest.mark.parametrize(
    ("found", "kind"), [("folder", NameAlreadyExists), ("file", NameAlreadyExists), ("notebook", LocationError)]
)
def test_only_a_file_is_replaced_by_a_file(script, samples, found, kind):
    """A folder is never deleted to make way, nor a file for a folder."""
    kinds = {
        "folder": samples.folder("x", "T"),
        "file": samples.file("x"),
        "notebook": samples.item("x", "T", package={}),
    }
    folder = samples.ok(samples.folder("x", "S", **in_folder("I", "D", "/in")))
    steps = (("GET /drives/d/root:/in/x", folder), parent(samples), look_up(samples.ok(kinds[found]), "x"))
    with pytest.raises(kind, match="Only a file takes the place of a file"):
        script(*steps).run(copies.copy(plan("drives/d/in/x", if_exists="replace")))


def test_a_name_that_is_held(script, samples, begun):
    """A name that Graph refuses although nothing can be seen there may become free."""
    steps = (
        asked(taken()),
        look_up(missing()),
        asked(taken()),
        look_up(missing()),
        asked(taken()),
        look_up(missing()),
    )
    with pytest.raises(NameHeld) as caught:
        script(*begun, *steps, asked(taken())).run(copies.copy(plan()))
    assert caught.value.is_retryable


def test_a_personal_drive(script, samples):
    """It does not know the parameter, so it is not sent there."""
    steps = (source(samples), parent(samples, driveType="personal"), look_up(missing()), asked(query=""), monitor())
    script(*steps, read(samples)).run(copies.copy(plan()))


# --- what is refused at once


def test_onto_itself(script, samples):
    """Only with ``rename`` may a copy stand beside its source under the same name."""
    beside = source(samples, place=in_folder("P", "D", "/out"))
    for if_exists in ("fail", "skip", "replace"):
        with pytest.raises(LocationError, match="onto itself"):
            script(beside, parent(samples)).run(copies.copy(plan(if_exists=if_exists)))
    steps = (there(samples), look_up(missing(), "a%201.csv"), asked(), monitor(), read(samples, name="a 1.csv"))
    item = script(beside, parent(samples), *steps).run(copies.copy(plan(if_exists="rename")))
    assert item.name == "a 1.csv"


@pytest.mark.parametrize("if_exists", ["fail", "skip", "replace"])
def test_source_never_makes_way_for_its_own_copy(script, samples, if_exists):
    """What has the name is the source, by whatever texts both are named; with ``replace`` it would be deleted."""
    aliased = source(samples, place=in_folder("OTHER ID OF P", "D", "/out"))
    steps = aliased, parent(samples), look_up(at(samples, item_id="S"))
    with pytest.raises(LocationError, match=r"would take its own place.*if_exists='rename'"):
        script(*steps).run(copies.copy(plan(if_exists=if_exists)))


def test_copy_beside_its_source_is_numbered_by_rename(script, samples):
    """The source stays, and only the copy has another name."""
    aliased = source(samples, place=in_folder("OTHER ID OF P", "D", "/out"))
    steps = look_up(at(samples, item_id="S")), look_up(missing(), "a%201.csv"), asked(), monitor()
    driver = script(aliased, parent(samples), *steps, read(samples, name="a 1.csv"))
    assert driver.run(copies.copy(plan(if_exists="rename"))).outcome == "renamed"


@pytest.mark.parametrize("if_exists", ["fail", "skip", "replace"])
def test_copy_onto_its_name_in_another_normal_form_is_refused(script, samples, if_exists):
    """OneDrive takes both normal forms for one name, so the source would make way for its copy."""
    beside = source(samples, name="\u00e4.csv", place=in_folder("P", "D", "/out"))
    with pytest.raises(LocationError, match="onto itself"):
        script(beside, parent(samples)).run(copies.copy(plan(file_name="a\u0308.csv", if_exists=if_exists)))


def test_copy_into_itself_in_another_normal_form_is_refused(script, samples):
    """No folder is made in it for that."""
    folder = samples.ok(samples.folder("\u00e4", "S", **in_folder("I", "D", "/in")))
    with pytest.raises(LocationError, match="cannot go into itself"):
        script(("GET /drives/d/root:/in/%C3%A4", folder)).run(
            copies.copy(plan("drives/d/in/\u00e4", "drives/d/in/a\u0308/new/", create_folders=True))
        )


@pytest.mark.parametrize("destination", ["drives/d/in/x/", "drives/d/IN/X/new/", "drives/d/in/x/y"])
def test_into_itself(script, samples, destination):
    """A folder does not go into itself, and no folder is made in it for that."""
    folder = samples.ok(samples.folder("x", "S", **in_folder("I", "D", "/in")))
    with pytest.raises(LocationError, match="cannot go into itself"):
        script(("GET /drives/d/root:/in/x", folder)).run(
            copies.copy(plan("drives/d/in/x", destination, create_folders=True))
        )


@pytest.mark.parametrize("drive", ["D", "d0"])
def test_into_itself_by_another_name(script, samples, drive):
    """Where the locations do not tell, the ids and paths do."""
    place = in_folder("I", drive, "/in")
    folder = samples.ok(samples.folder("x", "S", **place))
    below = samples.ok(samples.folder("deep", "P", **in_folder("S", drive.upper().lstrip("0"), "/in/x")))
    with pytest.raises(LocationError, match="cannot go into itself"):
        script(("GET /drives/d/root:/in/x", folder), ("GET /drives/e/root:/x/deep", below)).run(
            copies.copy(plan("drives/d/in/x", "drives/e/x/deep/"))
        )


def test_the_same_path_in_another_drive(script, samples):
    """It is another place."""
    folder = samples.ok(samples.folder("x", "S", **in_folder("I", "D", "/in")))
    below = samples.ok(samples.folder("deep", "P", **in_folder("Q", "E", "/in/x")))
    found = samples.ok(samples.folder("x", "T", **in_folder("P", "E", "/in/x/deep")))
    steps = (
        ("GET /drives/d/root:/in/x", folder),
        ("GET /drives/e/root:/in/x/deep", below),
        look_up(missing(), "x", "E"),
    )
    driver = script(*steps, asked(), monitor(), ("GET /drives/E/items/T", found))
    assert driver.run(copies.copy(plan("drives/d/in/x", "drives/e/in/x/deep/"))).location == "drives/e/in/x/deep/x"


def test_the_root_of_a_drive(script, samples):
    """Neither by its name nor by its id."""
    with pytest.raises(LocationError, match="never moved or copied"):
        plan("drives/d/")
    with pytest.raises(LocationError, match="never moved or copied"):
        script(("GET /drives/D/items/R", samples.ok(samples.root()))).run(copies.copy(plan("items/D/R")))


@pytest.mark.parametrize(
    ("destination", "file_name", "text"),
    [
        ("items/D/T", None, "names an item that exists"),
        ({"drive_id": "D", "id": "T"}, None, "names an item that exists"),
        ("drives/d/out/", "", "file_name is empty"),
        ("drives/d/out/", "x/y", "has a slash"),
        ("drives/d/out/CON", None, "reserved name"),
        ("out/", None, "does not start with a known root"),
    ],
)
def test_destinations_that_cannot_be_meant(destination, file_name, text):
    """What names neither a folder nor a new name is refused before anything is sent."""
    with pytest.raises(LocationError, match=text):
        plan(destination=destination, file_name=file_name)


def test_folders_as_item_dicts(script, samples):
    """A folder's item dict is a destination, as are a whole drive and a folder by its id."""
    dict_of = {"drive_id": "D", "id": "P", "is_folder": True, "location": "drives/d/out", "path": "out"}
    for destination, url in (
        (dict_of, "/drives/D/items/P"),
        ("items/D/P/", "/drives/D/items/P"),
        ("drives/d", "/drives/d/root"),
    ):
        folder = samples.ok(samples.folder("out", "P", **in_folder("R", "D", "")))
        steps = (source(samples), (f"GET {url}", folder), look_up(missing()), asked(), monitor(), read(samples))
        assert script(*steps).run(copies.copy(plan(destination=destination))).id == "T"


def test_a_word_that_is_none_of_the_choices(script):
    """``skip_if_same`` belongs to uploads."""
    with pytest.raises(ConfigurationError, match="if_exists is 'skip_if_same'"):
        script().run(copies.copy(plan(if_exists="skip_if_same")))


def test_a_missing_folder(script, samples):
    """The destination's folder must exist, and the error says what to do."""
    gone = [("GET /drives/d/root:/out", missing()), ("GET /drives/d/root?$select=id", samples.ok(samples.root()))] * 2
    root = ("GET /drives/d/root", samples.ok(samples.root()))
    gone += [root, ("GET /drives/D/items/R/children?$top=1000", samples.page(samples.folder("in")))]
    with pytest.raises(ItemNotFound, match=r"find the folder drives/d/out/.*create_folders=True"):
        script(source(samples), *gone).run(copies.copy(plan()))


def test_a_folder_just_made(script, samples):
    """It may not be visible at once: 404 there is waited for, a little longer each time, and not for ever."""
    gone = ("GET /drives/d/root:/out", missing()), ("GET /drives/d/root?$select=id", samples.ok(samples.root()))
    made = samples.ok(samples.folder("out", "P"), 201)
    new = (*gone, ("GET /drives/d/root", samples.ok(samples.root())), ("POST /drives/D/items/R/children", made))
    steps = (source(samples), *new, look_up(missing()), asked(missing()), asked(), monitor(), read(samples))
    assert script(*steps).run(copies.copy(plan(create_folders=True))).id == "T"
    driver = script(
        *(source(samples), parent(samples), look_up(missing()), *[asked(missing())] * 5),
        ("GET /drives/D/items/S?$select=id", samples.ok({"id": "S"})),
    )
    with pytest.raises(ItemNotFound, match="Cannot copy to"):
        driver.run(copies.copy(plan()))
    assert [request.failures for request in driver.requests[3:8]] == [0, 1, 2, 3, 4]


def test_copy_is_asked_for_again_where_a_write_does_not_see_what_a_read_saw(script, samples, begun):
    """404 of the request passes: source and folder were just read. Graph did nothing, so no copy is looked for."""
    driver = script(*begun, *[asked(missing())] * 4, asked(), monitor(), read(samples))
    assert driver.run(copies.copy(plan())).outcome == "created"


def test_copy_that_is_lost_and_then_not_found_is_looked_for(script, samples, begun):
    """The 404 of the second request says nothing about the first."""
    reads = [look_up(missing())] * copies.READS
    steps = *begun, asked(lost()), *reads, asked(missing()), look_up(missing()), there(samples)
    item = script(*steps).run(copies.copy(plan()))
    assert (item.id, item.outcome) == ("T", "created")


# --- answers that are lost, and later tries


def test_a_lost_answer_and_the_copy_appears(script, samples, begun):
    """It is looked for before anything is asked for again."""
    item = script(*begun, asked(lost()), look_up(missing()), look_up(missing()), there(samples)).run(
        copies.copy(plan())
    )
    assert (item.id, item.outcome) == ("T", "created")


def test_a_lost_answer_and_nothing_appears(script, samples, begun):
    """Then it is asked for again: with ``fail`` a copy that comes late cannot make two."""
    reads = [look_up(missing())] * copies.READS
    driver = script(*begun, asked(lost()), *reads, asked(), monitor(), read(samples))
    assert driver.run(copies.copy(plan())).outcome == "created"
    assert [request.failures for request in driver.requests if request.method == "POST"] == [0, 1]


def test_a_lost_answer_and_the_copy_comes_late(script, samples, begun):
    """The name that the second one meets is that of the first."""
    reads = [look_up(missing())] * copies.READS
    item = script(*begun, asked(lost()), *reads, asked(), failed(), there(samples)).run(copies.copy(plan()))
    assert (item.id, item.outcome) == ("T", "created")


def test_a_lost_answer_and_somebody_elses_file(script, samples, begun):
    """Another content under the name is not taken for the copy."""
    reads = [there(samples, OTHER)] * copies.READS
    with pytest.raises(NameAlreadyExists):
        script(*begun, asked(lost()), *reads, asked(), failed(), there(samples, OTHER)).run(copies.copy(plan()))


def test_answers_that_are_always_lost(script, samples, begun):
    """That has an end."""
    rounds = [asked(lost()), *[look_up(missing())] * copies.READS] * 5
    with pytest.raises(OutcomeUnknown):
        script(*begun, *rounds).run(copies.copy(plan()))


def test_an_answer_without_a_monitor(script, samples, begun):
    """Where nobody says whom to ask, the copy is looked for."""
    assert script(*begun, asked(Response(202, {})), there(samples)).run(copies.copy(plan())).id == "T"


@pytest.mark.parametrize("if_exists", ["fail", "replace", "rename", "skip"])
def test_a_later_try_finds_the_copy(script, samples, if_exists):
    """The same size and hash at the destination is what the earlier try copied."""
    item = script(source(samples), parent(samples), there(samples)).run(
        copies.copy(plan(if_exists=if_exists, retrying=True))
    )
    assert item.outcome == "already_there"


def test_a_later_try_and_another_file(script, samples):
    """Another content is a conflict as it was the first time."""
    with pytest.raises(NameAlreadyExists):
        script(source(samples), parent(samples), there(samples, OTHER)).run(copies.copy(plan(retrying=True)))


def test_a_later_try_finds_the_numbered_copy(script, samples):
    """With ``rename`` it is looked for under each name."""
    steps = (source(samples), parent(samples), there(samples, OTHER), there(samples, name="a%201.csv"))
    item = script(*steps).run(copies.copy(plan(if_exists="rename", retrying=True)))
    assert item.outcome == "already_there"


def test_a_later_try_while_the_first_copy_is_under_way(script, samples, begun):
    """It is asked for again, meets what came meanwhile, and takes it for its own."""
    steps = (*begun, asked(), failed(), there(samples))
    assert script(*steps).run(copies.copy(plan(retrying=True))).outcome == "already_there"


def test_a_hash_that_comes_late(script, samples):
    """What has no hash yet is asked again, the source too, before it is taken for the copy."""

    def without(item_id):
        return {"file": {"mimeType": "text/csv"}, "item_id": item_id}

    steps = [source(samples, **without("S")), parent(samples), there(samples, **without("T"))]
    steps += [read(samples), ("GET /drives/D/items/S", source(samples)[1])]
    assert script(*steps).run(copies.copy(plan(retrying=True))).outcome == "already_there"


def test_a_source_that_changes_while_hashes_are_waited_for(script, samples):
    """Then nothing is known."""
    steps = [source(samples, file={"mimeType": "text/csv"}), parent(samples), there(samples)]
    steps += [read(samples), ("GET /drives/D/items/S", source(samples, eTag='"{S},2"')[1])]
    with pytest.raises(NameAlreadyExists):
        script(*steps).run(copies.copy(plan(retrying=True)))


def test_folder_without_a_size_is_not_taken_for_the_copy(script, samples):
    """Two unknown sizes are not the same size."""
    folder = samples.ok(samples.folder("x", "S", 3, size=None, **in_folder("I", "D", "/in")))
    copied = samples.ok(samples.folder("x", "T", 3, size=None, **in_folder("P", "D", "/out")))
    with pytest.raises(NameHeld, match="may still be copying"):
        script(("GET /drives/d/root:/in/x", folder), parent(samples), look_up(copied, "x")).run(
            copies.copy(plan("drives/d/in/x", retrying=True))
        )


@pytest.mark.parametrize(("content", "outcome"), [(CONTENT, "already_there"), (OTHER, None)])
def test_hash_tells_whether_a_file_without_a_size_is_the_copy(script, samples, content, outcome):
    """Equal hashes are as good as a size, and other hashes are another file."""
    driver = script(source(samples), parent(samples), there(samples, content, size=None))
    if outcome is None:
        with pytest.raises(NameAlreadyExists):
            driver.run(copies.copy(plan(retrying=True)))
    else:
        assert driver.run(copies.copy(plan(retrying=True))).outcome == outcome


def test_file_without_a_size_is_not_taken_for_the_copy(script, samples):
    """It is read again some times; as long as neither its size nor its hash is known it is not the same."""
    unknown = {"size": None, "file": {}}
    steps = [source(samples), parent(samples), there(samples, **unknown)]
    steps += [("GET /drives/D/items/T", at(samples, **unknown)), ("GET /drives/D/items/S", source(samples)[1])] * 5
    with pytest.raises(NameAlreadyExists):
        script(*steps).run(copies.copy(plan(retrying=True)))


@pytest.mark.parametrize(("size", "outcome"), [(10, "already_there"), (5, None)])
def test_a_later_try_and_a_folder(script, samples, size, outcome):
    """A folder is the copy when it has as many bytes and items; else it may still be on its way."""
    folder = samples.ok(samples.folder("x", "S", 3, size=10, **in_folder("I", "D", "/in")))
    found = samples.ok(samples.folder("x", "T", 3, size=size, **in_folder("P", "D", "/out")))
    driver = script(("GET /drives/d/root:/in/x", folder), parent(samples), look_up(found, "x"))
    flow = copies.copy(plan("drives/d/in/x", retrying=True))
    if outcome:
        assert driver.run(flow).outcome == outcome
        return
    with pytest.raises(NameHeld, match="may still be copying") as caught:
        driver.run(flow)
    assert caught.value.is_retryable


def test_a_copy_that_cannot_be_seen_yet(script, samples, begun):
    """It is looked for by its id, then by its name, and again after a pause."""
    gone = [("GET /drives/D/items/T", missing()), look_up(missing())]
    driver = script(*begun, asked(), monitor(), *gone, *gone, read(samples))
    assert driver.run(copies.copy(plan())).id == "T"
    assert [request.failures for request in driver.requests[-5:]] == [0, 0, 1, 1, 2]
    by_name = script(*begun, asked(), monitor(status="completed"), there(samples))
    assert by_name.run(copies.copy(plan())).id == "T"


@pytest.mark.parametrize("is_late", [False, True])
def test_copy_whose_id_the_drive_does_not_read_is_looked_for_by_name(script, samples, begun, is_late):
    """A monitor may name an id of another form, which is answered with 400: it is not asked for again."""
    unreadable = ("GET /drives/D/items/T", BadRequest("The provided item ID is not valid", status=400))
    late = [look_up(missing())] * is_late
    driver = script(*begun, asked(), monitor(), unreadable, *late, there(samples))
    assert driver.run(copies.copy(plan())).outcome == "created"


def test_name_that_is_answered_with_400_is_an_error(script, samples, begun):
    """There is no other way to find the copy."""
    bad = BadRequest("no", status=400)
    with pytest.raises(BadRequest):
        script(*begun, asked(), monitor(), ("GET /drives/D/items/T", bad), look_up(bad)).run(copies.copy(plan()))


# --- a copy that is not waited for


def test_start_and_end(script, samples, begun):
    """What a copy that has begun says of itself is enough to read its end, and holds no secret."""
    started = script(*begun, asked()).run(copies.start(plan()))
    assert (started.monitor_url, started.item) == (MONITOR, None)
    kept = json.loads(json.dumps(started.to_dict()))
    assert kept == {"name": "a.csv", "drive_id": "D", "folder_id": "P", "outcome": "created", "is_repeated": False}
    item = script(read(samples)).run(copies.copied(plan().folder, kept, "T"))
    assert (item.location, item.outcome) == ("drives/d/out/a.csv", "created")
    assert "SECRET" not in repr(started)
    assert b"SECRET" not in pickle.dumps(kept)


def test_start_where_no_copy_is_needed(script, samples):
    """There is the item, and no monitor."""
    started = script(source(samples), parent(samples), there(samples)).run(copies.start(plan(if_exists="skip")))
    assert (started.item.outcome, started.monitor_url) == ("skipped", "")


def test_start_with_a_lost_answer(script, samples, begun):
    """That it was asked for twice is told, for a name that is taken then."""
    steps = (*begun, asked(lost()), *[look_up(missing())] * copies.READS, asked())
    assert script(*steps).run(copies.start(plan())).to_dict()["is_repeated"]


@pytest.mark.parametrize("drive_type", ["business", "personal"])
def test_another_drive(script, samples, drive_type):
    """The folder's drive is named in the request, and the copy is read there."""
    folder = parent(samples, drive="E", driveType=drive_type)
    steps = (source(samples), folder, look_up(missing(), drive="E"))
    query = "" if drive_type == "personal" else f"?{CONFLICT}=fail"
    driver = script(*steps, asked(query=query), monitor(), read(samples, drive="E"))
    item = driver.run(copies.copy(plan()))
    assert (item.drive_id, item.id) == ("E", "T")
    assert driver.requests[3].json["parentReference"] == {"driveId": "E", "id": "P"}
    assert at(samples, drive="E").json["parentReference"]["driveId"] == "E"
