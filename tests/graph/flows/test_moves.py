"""Flows that move, with answers written by hand."""

from __future__ import annotations

import pytest
from asking_nothing import no_drive
from placing_steps import (
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
    moved,
    parent,
    patched,
    plan,
    read,
    recycled,
    source,
    source_gone,
    taken,
    there,
)

from airflow_provider_onedrive.graph.flows import moves
from airflow_provider_onedrive.graph.flows.absence import LATER
from airflow_provider_onedrive.graph.protocol.errors import (
    DriveNotFound,
    ItemNotFound,
    LocationError,
    NameAlreadyExists,
    NameHeld,
    PreconditionFailed,
    ServiceUnavailable,
    SourceMissing,
    VerificationFailed,
)
from airflow_provider_onedrive.graph.protocol.messages import Repeat, Response

IN = "drives/d/in/a.csv"

SOURCE_BY_ID = "GET /drives/D/items/S?$select=id"


def away(samples):
    """The folder is in another drive."""
    return parent(samples, drive="E")


def no_hash(samples, item_id):
    return {"file": {"mimeType": "text/csv"}, "item_id": item_id}


def listed(samples, *names):
    """List the source's folder, after its folder was read."""
    place = in_folder("I", "D", "/in")
    values = [samples.file(name, item_id="S" if name == "a.csv" else name, **place) for name in names]
    folder = samples.ok(samples.folder("in", "I", **in_folder("R", "D", "")))
    return ("GET /drives/d/root:/in", folder), ("GET /drives/D/items/I/children?$top=1000", samples.page(*values))


def proven_gone(samples):
    """The source is not found twice, nor in the listing of its folder."""
    return (*source_gone(), *source_gone(), *listed(samples, "b.csv"))


def not_halfway(samples, name="a"):
    """No earlier try has left the item between two names."""
    return proven_absent(samples, f"{name}%20%28renaming%29.csv")


def halfway(answer, name="a"):
    return look_up(answer, f"{name}%20%28renaming%29.csv")


def proven_absent(samples, name="a.csv"):
    """Nothing has the name at the destination: neither two reads nor the listing see it."""
    twice = look_up(missing(), name), look_up(missing(), name), ("GET /drives/D/root?$select=id", Response(200, {}, {}))
    folder = samples.ok(samples.folder("out", "P", **in_folder("R", "D", "")))
    listing = samples.page(samples.file("z.csv", item_id="Z"))
    return (*twice, ("GET /drives/D/items/P", folder), ("GET /drives/D/items/P/children?$top=1000", listing))


def read_source(answer):
    return "GET /drives/D/items/S", answer


def in_place(samples, **more):
    """Look once more before the source is deleted."""
    return read_source(source(samples, **more)[1])


def patches(driver):
    return [request for request in driver.requests if request.method == "PATCH"]


# --- within a drive


def test_a_move(script, samples):
    """One PATCH of the item by its id; what became of it is looked at, so the driver does not repeat it blindly."""
    driver = script(source(samples), parent(samples), patched(moved(samples)))
    item = driver.run(moves.move(plan()))
    assert (item.location, item.id, item.outcome) == ("drives/d/out/a.csv", "S", "created")
    assert driver.last.json == {"parentReference": {"id": "P"}, "name": "a.csv"}
    assert driver.last.repeat is Repeat.IF_REFUSED


def test_a_new_name(script, samples):
    """A destination without a slash at its end is the new name."""
    driver = script(source(samples), parent(samples), patched(moved(samples, "b.csv")))
    assert driver.run(moves.move(plan(destination="drives/d/out/b.csv"))).location == "drives/d/out/b.csv"
    assert driver.last.json["name"] == "b.csv"


def test_a_move_that_takes_long(script, samples):
    """A large move may be accepted only; its monitor says when it is done, and the item is read then."""
    accepted = Response(202, {"location": MONITOR})
    waited = monitor(status="inProgress"), monitor(status="completed"), ("GET /drives/D/items/S", moved(samples))
    item = script(source(samples), parent(samples), patched(accepted), *waited).run(moves.move(plan()))
    assert (item.location, item.outcome) == ("drives/d/out/a.csv", "created")


def test_move_that_is_accepted_and_not_done_is_repeated(script, samples):
    """The end of a monitor is believed when the item is there."""
    accepted = Response(202, {"location": MONITOR}), monitor(status="completed")
    steps = [
        step
        for item in (source(samples)[1], moved(samples))
        for step in (patched(accepted[0]), accepted[1], read_source(item))
    ]
    assert script(source(samples), parent(samples), *steps).run(moves.move(plan())).outcome == "created"


def test_move_that_is_answered_well_and_not_done_is_repeated(script, samples):
    """200 with the item where it was is no success: it is sent again, a little later each time, and not for ever."""
    stays = patched(source(samples)[1])
    driver = script(source(samples), parent(samples), *[stays] * 4, patched(moved(samples)))
    assert driver.run(moves.move(plan())).location == "drives/d/out/a.csv"
    assert [request.failures for request in patches(driver)] == [0, 1, 2, 3, 4]
    with pytest.raises(ServiceUnavailable, match="said that the item was moved, and it was not") as caught:
        script(source(samples), parent(samples), *[stays] * 5).run(moves.move(plan()))
    assert (caught.value.is_retryable, caught.value.path) == (True, "/drives/D/items/S")


@pytest.mark.parametrize("half", ["folder", "name"])
def test_move_that_is_half_done_is_repeated(script, samples, half):
    """Folder and name are both to be right."""
    wrong = (
        moved(samples) if half == "folder" else at(samples, name="b.csv", item_id="S", place=in_folder("I", "D", "/in"))
    )
    driver = script(source(samples), parent(samples), patched(wrong), patched(moved(samples, "b.csv")))
    assert driver.run(moves.move(plan(file_name="b.csv"))).name == "b.csv"


@pytest.mark.parametrize("name", ["A\u0308.csv", "\u00e4.csv"])
def test_move_is_done_under_another_form_of_its_name(script, samples, name):
    """OneDrive may keep the case and the normal form that the name had; and leave out the folder's id."""
    place = {"parentReference": {"driveId": "D", "path": "/drives/D/root:/out"}}
    answer = at(samples, name=name, item_id="S", place=place)
    item = script(source(samples), parent(samples), patched(answer)).run(moves.move(plan(file_name="a\u0308.csv")))
    assert item.outcome == "created"


def test_lost_answer_of_a_move_that_was_done(script, samples):
    """The item is there: it is not sent again."""
    driver = script(source(samples), parent(samples), patched(lost()), read_source(moved(samples)))
    item = driver.run(moves.move(plan()))
    assert (item.location, item.outcome) == ("drives/d/out/a.csv", "created")


def test_lost_answer_of_a_move_that_was_not_done(script, samples):
    """The item is where it was: it is sent again, a few times."""
    round_ = patched(lost()), read_source(source(samples)[1])
    driver = script(source(samples), parent(samples), *round_ * 4, patched(moved(samples)))
    assert driver.run(moves.move(plan())).id == "S"
    assert [request.failures for request in patches(driver)] == [0, 1, 2, 3, 4]
    with pytest.raises(ServiceUnavailable, match="No answer came"):
        script(source(samples), parent(samples), *round_ * 5).run(moves.move(plan()))


def test_fail(script, samples):
    """Graph says that the name is taken, and both stay."""
    steps = (source(samples), parent(samples), patched(taken()), there(samples, OTHER))
    with pytest.raises(NameAlreadyExists):
        script(*steps).run(moves.move(plan()))


def test_skip(script, samples):
    """Both stay, and what is there is returned."""
    steps = (source(samples), parent(samples), patched(taken()), there(samples, OTHER))
    item = script(*steps).run(moves.move(plan(if_exists="skip")))
    assert (item.id, item.outcome) == ("T", "skipped")


def test_replace(script, samples):
    """What is there goes to the recycle bin, exactly the version that was seen, and then the move is done."""
    steps = (patched(taken()), there(samples, OTHER), recycled(), patched(moved(samples)))
    driver = script(source(samples), parent(samples), *steps)
    assert driver.run(moves.move(plan(if_exists="replace"))).outcome == "replaced"
    assert driver.requests[4].headers == {"If-Match": '"{T},1"'}


def test_replace_of_what_keeps_changing(script, samples):
    """A version that came meanwhile is looked at again; that has an end, and the source stays."""
    stale = recycled(PreconditionFailed("ETag does not match", status=412))
    rounds = (patched(taken()), there(samples, OTHER), stale)
    done = (*rounds, patched(taken()), there(samples, OTHER), recycled(), patched(moved(samples)))
    assert script(source(samples), parent(samples), *done).run(moves.move(plan(if_exists="replace"))).id == "S"
    with pytest.raises(NameHeld):
        script(source(samples), parent(samples), *rounds * 4).run(moves.move(plan(if_exists="replace")))


def test_rename(script, samples):
    """The next names are asked for until one is free; a name that is held by nothing one can see is passed over."""
    held = [look_up(missing(), "a%201.csv")] * 3
    steps = (patched(taken()), there(samples, OTHER), patched(taken()), *held)
    driver = script(source(samples), parent(samples), *steps, patched(moved(samples, "a 2.csv")))
    assert driver.run(moves.move(plan(if_exists="rename"))).outcome == "renamed"
    assert driver.last.json["name"] == "a 2.csv"


def test_replace_of_an_item_that_delete_does_not_find(script, samples):
    """404 of the deletion frees no name while the item is there; one that has gone makes way."""
    line, ids = "GET /drives/D/items/T?$select=id", "GET /drives/D/items/P/children?$top=1000&$select=id,name"
    still = recycled(missing()), (line, samples.ok({"id": "T"}))
    gone = recycled(missing()), (line, missing()), (line, missing()), (ids, samples.page(samples.file("b.csv")))
    steps = patched(taken()), there(samples, OTHER), *still, *gone, patched(moved(samples))
    driver = script(source(samples), parent(samples), *steps)
    assert driver.run(moves.move(plan(if_exists="replace"))).outcome == "replaced"


@pytest.mark.parametrize("if_exists", ["fail", "skip", "replace", "rename"])
def test_move_beside_a_notebook_is_refused(script, samples, if_exists):
    """A notebook has the file's name: both stay."""
    steps = patched(taken()), look_up(samples.ok(samples.item("a.csv", "T", package={"type": "oneNote"})))
    with pytest.raises(LocationError, match=r"A oneNote named 'a\.csv' is there"):
        script(source(samples), parent(samples), *steps).run(moves.move(plan(if_exists=if_exists)))


@pytest.mark.parametrize("if_exists", ["fail", "skip", "replace", "rename"])
def test_a_folder_has_the_name(script, samples, if_exists):
    """It never makes way for a file."""
    steps = (patched(taken()), look_up(samples.ok(samples.folder("a.csv", "T"))))
    with pytest.raises(LocationError, match="End the destination in '/'"):
        script(source(samples), parent(samples), *steps).run(moves.move(plan(if_exists=if_exists)))


def test_a_name_that_is_held(script, samples):
    """Refused although nothing can be seen there: it may become free."""
    with pytest.raises(NameHeld):
        script(source(samples), parent(samples), patched(taken()), *[look_up(missing())] * 3).run(moves.move(plan()))


@pytest.mark.parametrize("misses", [1, 2])
def test_name_that_is_taken_is_looked_at_again(script, samples, misses):
    """A 409 and a 404 contradict each other: the look is repeated, and what holds the name makes way."""
    looks = [look_up(missing())] * misses
    steps = source(samples), parent(samples), patched(taken()), *looks, there(samples, OTHER)
    with pytest.raises(NameAlreadyExists) as caught:
        script(*steps).run(moves.move(plan()))
    assert type(caught.value) is NameAlreadyExists
    replaced = script(*steps, recycled(), patched(moved(samples))).run(moves.move(plan(if_exists="replace")))
    assert replaced.outcome == "replaced"


def test_a_change_of_case(script, samples):
    """The item itself has the name: it does not make way for itself."""
    place = in_folder("P", "D", "/out")
    driver = script(source(samples, place=place), parent(samples), patched(moved(samples, "A.csv")))
    assert driver.run(moves.move(plan(file_name="A.csv"))).name == "A.csv"


@pytest.mark.parametrize("if_exists", ["fail", "skip", "replace", "rename"])
@pytest.mark.parametrize(
    ("name", "asked_name", "quoted"), [("a.csv", "A.csv", "A"), ("\u00e4.csv", "a\u0308.csv", "a%CC%88")]
)
def test_name_that_the_item_itself_has_is_changed_in_two_steps(script, samples, if_exists, *, name, asked_name, quoted):
    """A drive may take another form of an item's own name for taken: it is renamed by way of a third one."""
    own = source(samples, name=name, place=in_folder("P", "D", "/out"))
    between = f"{asked_name.removesuffix('.csv')} (renaming).csv"
    driver = script(
        *(own, parent(samples), patched(taken()), look_up(at(samples, name=name, item_id="S"), f"{quoted}.csv")),
        *(patched(moved(samples, between)), patched(moved(samples, asked_name))),
    )
    item = driver.run(moves.move(plan(file_name=asked_name, if_exists=if_exists)))
    assert (item.name, item.outcome) == (asked_name, "created")
    assert [request.json["name"] for request in patches(driver)] == [asked_name, between, asked_name]


def test_source_never_makes_way_for_itself(script, samples):
    """Two texts may name its folder: what has the name is the source, and it is not deleted."""
    aliased = source(samples, place=in_folder("OTHER ID OF P", "D", "/out"))
    steps = patched(taken()), look_up(at(samples, item_id="S"))
    again = patched(moved(samples, "a (renaming).csv")), patched(moved(samples))
    driver = script(aliased, parent(samples), *steps, *again)
    assert driver.run(moves.move(plan(if_exists="replace"))).id == "S"
    assert "DELETE" not in {request.method for request in driver.requests}


def test_later_try_finds_the_item_between_two_names(script, samples):
    """The earlier try ended after the first step of two: the second one is done now."""
    between = at(samples, name="a (renaming).csv", item_id="S")
    driver = script(
        *(*proven_gone(samples), parent(samples), *proven_absent(samples)),
        *(halfway(between), patched(moved(samples))),
    )
    item = driver.run(moves.move(plan(retrying=True)))
    assert (item.location, item.outcome) == ("drives/d/out/a.csv", "created")
    assert driver.last.json == {"parentReference": {"id": "P"}, "name": "a.csv"}


def test_later_try_by_its_id_finds_the_item_between_two_names(script, samples):
    """The item is there, under a name that nobody wanted."""
    dict_of = {"drive_id": "D", "id": "S", "name": "a.csv", "location": "drives/d/out/a.csv", "path": "out/a.csv"}
    between = read_source(moved(samples, "A (renaming).csv"))
    driver = script(between, parent(samples), patched(moved(samples, "A.csv")))
    item = driver.run(moves.move(plan(dict_of, file_name="A.csv", retrying=True)))
    assert (item.name, item.outcome) == ("A.csv", "created")


def test_later_try_does_not_take_another_item_for_one_between_two_names(script, samples):
    """What an item dict says of the content has to fit."""
    known = {"size": len(CONTENT), "quick_xor_hash": samples.hash(CONTENT), "is_folder": False, "name": "a.csv"}
    dict_of = {"drive_id": "D", "id": "S", "location": IN, "path": "in/a.csv", **known}
    gone = (read_source(missing()), ("GET /drives/D/root?$select=id", Response(200, {}, {}))) * 2
    other = at(samples, OTHER, name="a (renaming).csv", item_id="X")
    with pytest.raises(SourceMissing):
        script(*gone, parent(samples), *proven_absent(samples), halfway(other)).run(
            moves.move(plan(dict_of, retrying=True))
        )


def test_first_try_does_not_look_between_two_names(script, samples):
    """Nobody has begun anything."""
    with pytest.raises(SourceMissing):
        script(*proven_gone(samples)).run(moves.move(plan()))


def test_it_is_there_already(script, samples):
    """To where it is nothing is sent."""
    item = script(source(samples, place=in_folder("P", "D", "/out")), parent(samples)).run(moves.move(plan()))
    assert (item.location, item.outcome) == ("drives/d/out/a.csv", "already_there")


def test_a_folder_just_made(script, samples):
    """404 in it is waited for, a little longer each time; after five times source or folder has gone."""
    gone = ("GET /drives/d/root:/out", missing()), ("GET /drives/d/root?$select=id", samples.ok(samples.root()))
    made = samples.ok(samples.folder("out", "P", **in_folder("R", "D", "")), 201)
    new = (*gone, ("GET /drives/d/root", samples.ok(samples.root())), ("POST /drives/D/items/R/children", made))
    steps = (source(samples), *new, patched(missing()), patched(moved(samples)))
    assert script(*steps).run(moves.move(plan(create_folders=True))).id == "S"
    driver = script(source(samples), parent(samples), *[patched(missing())] * 4, patched(moved(samples)))
    assert driver.run(moves.move(plan())).id == "S"
    assert [request.failures for request in patches(driver)] == [0, 1, 2, 3, 4]
    steps = (source(samples), parent(samples), *[patched(missing())] * 5)
    with pytest.raises(ItemNotFound, match="Cannot move to"):
        script(*steps, (SOURCE_BY_ID, samples.ok({"id": "S"}))).run(moves.move(plan()))
    with pytest.raises(ItemNotFound) as caught:
        script(*steps, (SOURCE_BY_ID, missing())).run(moves.move(plan()))
    assert caught.value.operation is None


# --- later tries


@pytest.mark.parametrize("retrying", [False, True])
def test_source_that_vanishes_for_a_moment_is_moved(script, samples, retrying):
    """A second look by its path finds it, after a pause, before anything is taken for its copy."""
    driver = script(*source_gone(), source(samples), parent(samples), patched(moved(samples)))
    item = driver.run(moves.move(plan(retrying=retrying)))
    assert (item.id, item.outcome) == ("S", "created")
    assert [request.failures for request in driver.requests[:3]] == [0, 0, LATER]


@pytest.mark.parametrize("retrying", [False, True])
def test_source_that_only_its_folder_shows_is_moved(script, samples, retrying):
    """Its id, which the listing has, leads to it."""
    steps = *source_gone(), *source_gone(), *listed(samples, "b.csv", "a.csv"), parent(samples), patched(moved(samples))
    assert script(*steps).run(moves.move(plan(retrying=retrying))).id == "S"


def test_source_that_is_found_again_is_not_taken_for_moved(script, samples):
    """What has the name at the destination is somebody else's."""
    steps = *source_gone(), source(samples), parent(samples), patched(taken()), there(samples)
    with pytest.raises(NameAlreadyExists):
        script(*steps).run(moves.move(plan(retrying=True)))


def test_root_that_is_found_again_is_not_moved(script, samples):
    """What is found again is checked as what was found at once."""
    root = ("GET /drives/D/items/R", samples.ok(samples.root()))
    gone = (root[0], missing()), ("GET /drives/D/root?$select=id", Response(200, {}, {}))
    with pytest.raises(LocationError, match="never moved or copied"):
        script(*gone, root).run(moves.move(plan("items/D/R")))


def test_source_in_a_folder_whose_listing_is_not_whole_is_not_missing(script, samples):
    """It may be there, so nothing is taken for it; a later attempt may know."""
    value = samples.file("b.csv", item_id="B")
    rounds = [(f"GET /drives/D/items/I/children?$top={size}", samples.page(value, value)) for size in (1000, 500, 250)]
    steps = *source_gone(), *source_gone(), listed(samples)[0], *rounds
    with pytest.raises(ServiceUnavailable, match="not whole"):
        script(*steps).run(moves.move(plan(retrying=True)))


def test_nothing_to_move(script, samples):
    """A first try does not look at the destination, and there is to be no second one that would."""
    with pytest.raises(SourceMissing) as caught:
        script(*proven_gone(samples)).run(moves.move(plan()))
    assert not caught.value.is_retryable
    assert caught.value.status == 404


def test_a_missing_drive(script):
    """It is no missing source."""
    gone = (source_gone()[0], *no_drive(missing(), "/drives/d"))
    with pytest.raises(DriveNotFound):
        script(*gone).run(moves.move(plan(retrying=True)))


def test_a_later_try(script, samples):
    """The source is gone and the file is there: the earlier try did it."""
    steps = *proven_gone(samples), parent(samples), there(samples)
    item = script(*steps).run(moves.move(plan(retrying=True)))
    assert (item.location, item.outcome) == ("drives/d/out/a.csv", "already_there")


def test_later_try_finds_a_file_that_is_missing_for_a_moment(script, samples):
    """What the earlier try moved is looked for as carefully as its source: the error would be for good."""
    steps = *proven_gone(samples), parent(samples), look_up(missing()), there(samples)
    assert script(*steps).run(moves.move(plan(retrying=True))).outcome == "already_there"


@pytest.mark.parametrize("folder", [True, False], ids=["no folder", "no file"])
def test_a_later_try_that_finds_nothing(script, samples, folder):
    """Neither here nor there: nothing is claimed."""
    gone = ("GET /drives/d/root:/out", missing()), ("GET /drives/d/root?$select=id", Response(200, {}, {}))
    root = samples.page(samples.folder("in", "I"))
    above = ("GET /drives/d/root", samples.ok(samples.root())), ("GET /drives/D/items/R/children?$top=1000", root)
    nothing = (parent(samples), *proven_absent(samples), *not_halfway(samples))
    steps = (*gone, *gone, *above) if folder else nothing
    with pytest.raises(SourceMissing):
        script(*proven_gone(samples), *steps).run(moves.move(plan(retrying=True)))


def test_a_later_try_with_an_item_dict(script, samples):
    """By its id it is found where the earlier try moved it, under whatever number."""
    dict_of = {"drive_id": "D", "id": "S", "name": "a.csv", "location": IN, "path": "in/a.csv"}
    for name, file_name in (("a 1.csv", None), ("b.csv", "b.csv"), ("b 2.csv", "b.csv")):
        steps = (("GET /drives/D/items/S", moved(samples, name)), parent(samples))
        how = {"if_exists": "rename", "retrying": True, "file_name": file_name}
        item = script(*steps).run(moves.move(plan(dict_of, **how)))
        assert (item.location, item.outcome) == (f"drives/d/out/{name}", "already_there")


@pytest.mark.parametrize(("content", "found"), [(CONTENT, True), (OTHER, False), (b"", False)])
def test_a_later_try_knows_the_content(script, samples, content, found):
    """What an item dict says of the content has to fit what is there."""
    known = {"size": len(CONTENT), "quick_xor_hash": samples.hash(CONTENT), "is_folder": False, "name": "a.csv"}
    dict_of = {"drive_id": "D", "id": "S", "location": IN, "path": "in/a.csv", **known}
    gone = (read_source(missing()), ("GET /drives/D/root?$select=id", Response(200, {}, {}))) * 2
    halfway_steps = () if found else not_halfway(samples)
    driver = script(*gone, parent(samples), there(samples, content), *halfway_steps)
    if found:
        assert driver.run(moves.move(plan(dict_of, retrying=True))).outcome == "already_there"
    else:
        with pytest.raises(SourceMissing):
            driver.run(moves.move(plan(dict_of, retrying=True)))


def test_a_later_try_of_a_rename(script, samples):
    """One candidate is it; of several nobody can tell."""
    how = {"if_exists": "rename", "retrying": True}
    steps = (*proven_gone(samples), parent(samples), there(samples))
    assert script(*steps, *proven_absent(samples, "a%201.csv")).run(moves.move(plan(**how))).id == "T"
    several = (there(samples, name="a%201.csv"), *proven_absent(samples, "a%202.csv"))
    with pytest.raises(SourceMissing, match="it may be any of"):
        script(*steps, *several).run(moves.move(plan(**how)))


def test_a_later_try_that_meets_another_file(script, samples):
    """The source is still there, so what is there is somebody else's."""
    steps = (source(samples), parent(samples), patched(taken()), there(samples))
    with pytest.raises(NameAlreadyExists):
        script(*steps).run(moves.move(plan(retrying=True)))


# --- to another drive


def test_another_drive(script, samples):
    """Copied, compared, and only then deleted: exactly the version that was compared."""
    copied = (look_up(missing(), drive="E"), asked(), monitor(), read(samples, drive="E"))
    driver = script(source(samples), away(samples), *copied, in_place(samples), recycled(item_id="S"))
    item = driver.run(moves.move(plan()))
    assert (item.drive_id, item.outcome) == ("E", "created")
    assert driver.last.headers == {"If-Match": '"{S},1"'}


def test_source_whose_deletion_is_404_is_deleted_again(script, samples):
    """The source of a copy on another drive is still there: 404 of the deletion does not end the move."""
    still = recycled(missing(), item_id="S"), ("GET /drives/D/items/S?$select=id", samples.ok({"id": "S"}))
    copied = (look_up(missing(), drive="E"), asked(), monitor(), read(samples, drive="E"))
    begun = source(samples), away(samples), *copied, in_place(samples)
    driver = script(*begun, *still, recycled(item_id="S"))
    assert driver.run(moves.move(plan())).outcome == "created"
    assert driver.last.headers == {"If-Match": '"{S},1"'}
    with pytest.raises(ServiceUnavailable, match="still there"):
        script(*begun, *still * 4).run(moves.move(plan()))


def test_source_that_goes_while_it_is_copied_is_moved(script, samples):
    """Two reads and the listing of its folder agree that it has gone, as was wanted."""
    line, ids = "GET /drives/D/items/S?$select=id", "GET /drives/D/items/I/children?$top=1000&$select=id,name"
    gone = (line, missing()), (line, missing()), (ids, samples.page(samples.file("b.csv")))
    copied = (look_up(missing(), drive="E"), asked(), monitor(), read(samples, drive="E"))
    begun = source(samples), away(samples), *copied
    for steps in ((read_source(missing()), *gone), (in_place(samples), recycled(missing(), item_id="S"), *gone)):
        assert script(*begun, *steps).run(moves.move(plan())).outcome == "created"


def test_source_that_is_elsewhere_is_not_deleted(script, samples):
    """Somebody moved it while it was copied: it may be the very item that is wanted."""
    copied = (look_up(missing(), drive="E"), asked(), monitor(), read(samples, drive="E"))
    elsewhere = in_place(samples, place=in_folder("X", "D", "/x"))
    with pytest.raises(ServiceUnavailable, match="is not where it was when it was read; nothing was deleted"):
        script(source(samples), away(samples), *copied, elsewhere).run(moves.move(plan()))


def test_source_that_is_missing_for_a_moment_is_not_deleted(script, samples):
    """It is there all the same, but nobody has seen where."""
    copied = (look_up(missing(), drive="E"), asked(), monitor(), read(samples, drive="E"))
    again = read_source(missing()), ("GET /drives/D/items/S?$select=id", samples.ok({"id": "S"}))
    with pytest.raises(ServiceUnavailable, match="still there"):
        script(source(samples), away(samples), *copied, *again).run(moves.move(plan()))


def test_another_drive_that_is_none(script, samples):
    """A consumer's drive has one id in several spellings."""
    place = in_folder("I", "0abc", "/in")
    folder = samples.ok(samples.folder("out", "P", **in_folder("R", "ABC", "")))
    steps = (source(samples, place=place), ("GET /drives/d/root:/out", folder))
    script(*steps, ("PATCH /drives/0abc/items/S", moved(samples))).run(moves.move(plan()))


@pytest.mark.parametrize("content", [OTHER, b"short"])
def test_a_copy_that_is_not_the_same(script, samples, content):
    """The source stays."""
    copied = (look_up(missing(), drive="E"), asked(), monitor(), read(samples, content, drive="E"))
    with pytest.raises(VerificationFailed, match="The source was not deleted"):
        script(source(samples), away(samples), *copied).run(moves.move(plan()))


def test_a_copy_without_a_hash(script, samples):
    """What cannot be compared is not the same: after some looks the source stays."""
    late = ("GET /drives/E/items/T", there(samples, drive="E", **no_hash(samples, "T"))[1])
    looks = [late, ("GET /drives/D/items/S", source(samples)[1])] * 5
    copied = (look_up(missing(), drive="E"), asked(), monitor(), late)
    with pytest.raises(VerificationFailed, match="has no hash"):
        script(source(samples), away(samples), *copied, *looks).run(moves.move(plan()))


def test_an_empty_file(script, samples):
    """It has no hash, and needs none."""
    empty = {"size": 0, "file": {"mimeType": "text/csv"}}
    copied = (look_up(missing(), drive="E"), asked(), monitor())
    read_empty = ("GET /drives/E/items/T", there(samples, drive="E", **empty)[1])
    begun = (source(samples, **empty), away(samples), *copied, read_empty)
    steps = (*begun, in_place(samples, **empty), recycled(item_id="S"))
    assert script(*steps).run(moves.move(plan())).outcome == "created"


def test_a_source_that_changes_meanwhile(script, samples):
    """It stays, and the error says where the copy is."""
    stale = recycled(PreconditionFailed("ETag does not match", status=412), item_id="S")
    copied = (look_up(missing(), drive="E"), asked(), monitor(), read(samples, drive="E"))
    with pytest.raises(PreconditionFailed, match=r"was not deleted; the copy is drives/d/out/a\.csv"):
        script(source(samples), away(samples), *copied, in_place(samples), stale).run(moves.move(plan()))


def test_a_copy_that_fails(script, samples):
    """The source stays."""
    steps = (look_up(missing(), drive="E"), asked(), failed("generalException"))
    with pytest.raises(ServiceUnavailable):
        script(source(samples), away(samples), *steps).run(moves.move(plan()))


def test_skip_on_another_drive(script, samples):
    """Both stay, even where they are the same."""
    steps = (source(samples), away(samples), there(samples, drive="E"))
    assert script(*steps).run(moves.move(plan(if_exists="skip"))).outcome == "skipped"


def test_a_later_try_on_another_drive(script, samples):
    """The copy of an earlier try is compared, and the source deleted."""
    steps = (source(samples), away(samples), there(samples, drive="E"), in_place(samples), recycled(item_id="S"))
    assert script(*steps).run(moves.move(plan(retrying=True))).outcome == "already_there"


@pytest.mark.parametrize("kind", ["folder", "notebook"])
def test_only_a_file_goes_to_another_drive(script, samples, kind):
    """A folder cannot be compared as a whole: whoever wants to copies it, looks, and deletes."""
    place = in_folder("I", "D", "/in")
    body = samples.folder("x", "S", **place) if kind == "folder" else samples.item("x", "S", package={}, **place)
    steps = (("GET /drives/d/root:/in/x", samples.ok(body)), away(samples))
    with pytest.raises(LocationError, match=r"only a file is moved to another drive.*Copy it"):
        script(*steps).run(moves.move(plan("drives/d/in/x")))


@pytest.mark.parametrize("answer", ["lost", "old name"])
def test_change_of_case_that_was_not_done(script, samples, answer):
    """The old name is not taken for the new one, though OneDrive compares names without case."""
    here = source(samples, place=in_folder("P", "D", "/out"))
    first = (patched(lost()), ("GET /drives/D/items/S", moved(samples)))
    steps = first if answer == "lost" else (patched(moved(samples)),)
    driver = script(here, parent(samples), *steps, patched(moved(samples, "A.csv")))
    assert driver.run(moves.move(plan(file_name="A.csv"))).name == "A.csv"


def test_lost_move_whose_item_vanishes_for_a_moment(script, samples):
    """It is asked for again."""
    look = ("GET /drives/D/items/S", missing()), ("GET /drives/D/root?$select=id", Response(200, {}, {}))
    driver = script(source(samples), parent(samples), patched(lost()), *look, patched(moved(samples)))
    assert driver.run(moves.move(plan())).id == "S"


def test_second_name_that_is_taken_meanwhile(script, samples):
    """The error says what the item is called now."""
    own = source(samples, place=in_folder("P", "D", "/out"))
    between = patched(moved(samples, "A (renaming).csv"))
    first = patched(taken()), look_up(at(samples, item_id="S"), "A.csv")
    driver = script(own, parent(samples), *first, between, patched(taken()))
    with pytest.raises(NameAlreadyExists, match=r"called 'A \(renaming\).csv' now"):
        driver.run(moves.move(plan(file_name="A.csv")))
