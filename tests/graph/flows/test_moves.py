"""Flows that move, with answers written by hand."""

from __future__ import annotations

import pytest
from placing_steps import (
    CONTENT,
    MONITOR,
    OTHER,
    asked,
    failed,
    in_folder,
    look_up,
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


def away(samples):
    """The folder is in another drive."""
    return parent(samples, drive="E")


def no_hash(samples, item_id):
    return {"file": {"mimeType": "text/csv"}, "item_id": item_id}


# --- within a drive


def test_a_move(script, samples):
    """One PATCH of the item by its id; sent twice it is done once, so the driver may repeat it."""
    driver = script(source(samples), parent(samples), patched(moved(samples)))
    item = driver.run(moves.move(plan()))
    assert (item.location, item.id, item.outcome) == ("drives/d/out/a.csv", "S", "created")
    assert driver.last.json == {"parentReference": {"id": "P"}, "name": "a.csv"}
    assert driver.last.repeat is Repeat.ALWAYS


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
    steps = (patched(taken()), there(samples, OTHER), patched(taken()), look_up(missing(), "a%201.csv"))
    driver = script(source(samples), parent(samples), *steps, patched(moved(samples, "a 2.csv")))
    assert driver.run(moves.move(plan(if_exists="rename"))).outcome == "renamed"
    assert driver.last.json["name"] == "a 2.csv"


@pytest.mark.parametrize("if_exists", ["fail", "skip", "replace"])
def test_a_folder_has_the_name(script, samples, if_exists):
    """It never makes way for a file."""
    steps = (patched(taken()), look_up(samples.ok(samples.folder("a.csv", "T"))))
    with pytest.raises(LocationError, match="End the destination in '/'"):
        script(source(samples), parent(samples), *steps).run(moves.move(plan(if_exists=if_exists)))


def test_a_name_that_is_held(script, samples):
    """Refused although nothing can be seen there: it may become free."""
    with pytest.raises(NameHeld):
        script(source(samples), parent(samples), patched(taken()), look_up(missing())).run(moves.move(plan()))


def test_a_change_of_case(script, samples):
    """The item itself has the name: it does not make way for itself."""
    place = in_folder("P", "D", "/out")
    driver = script(source(samples, place=place), parent(samples), patched(moved(samples, "A.csv")))
    assert driver.run(moves.move(plan(file_name="A.csv"))).name == "A.csv"
    refused = (patched(taken()), there(samples, name="A.csv", item_id="S"))
    with pytest.raises(NameAlreadyExists):
        script(source(samples, place=place), parent(samples), *refused).run(
            moves.move(plan(file_name="A.csv", if_exists="replace"))
        )


def test_it_is_there_already(script, samples):
    """To where it is nothing is sent."""
    item = script(source(samples, place=in_folder("P", "D", "/out")), parent(samples)).run(moves.move(plan()))
    assert (item.location, item.outcome) == ("drives/d/out/a.csv", "already_there")


def test_a_folder_just_made(script, samples):
    """404 in it is waited for; without it 404 means that the source has gone."""
    gone = ("GET /drives/d/root:/out", missing()), ("GET /drives/d/root?$select=id", samples.ok(samples.root()))
    made = samples.ok(samples.folder("out", "P", **in_folder("R", "D", "")), 201)
    new = (*gone, ("GET /drives/d/root", samples.ok(samples.root())), ("POST /drives/D/items/R/children", made))
    steps = (source(samples), *new, patched(missing()), patched(moved(samples)))
    assert script(*steps).run(moves.move(plan(create_folders=True))).id == "S"
    with pytest.raises(ItemNotFound):
        script(source(samples), parent(samples), patched(missing())).run(moves.move(plan()))


# --- later tries


def test_nothing_to_move(script):
    """A first try does not look at the destination, and there is to be no second one that would."""
    with pytest.raises(SourceMissing) as caught:
        script(*source_gone()).run(moves.move(plan()))
    assert not caught.value.is_retryable
    assert caught.value.status == 404


def test_a_missing_drive(script):
    """It is no missing source."""
    gone = (source_gone()[0], ("GET /drives/d/root?$select=id", missing()))
    with pytest.raises(DriveNotFound):
        script(*gone).run(moves.move(plan(retrying=True)))


def test_a_later_try(script, samples):
    """The source is gone and the file is there: the earlier try did it."""
    item = script(*source_gone(), parent(samples), there(samples)).run(moves.move(plan(retrying=True)))
    assert (item.location, item.outcome) == ("drives/d/out/a.csv", "already_there")


@pytest.mark.parametrize("folder", [True, False], ids=["no folder", "no file"])
def test_a_later_try_that_finds_nothing(script, samples, folder):
    """Neither here nor there: nothing is claimed."""
    gone = ("GET /drives/d/root:/out", missing()), ("GET /drives/d/root?$select=id", Response(200, {}, {}))
    steps = gone if folder else (parent(samples), look_up(missing()))
    with pytest.raises(SourceMissing):
        script(*source_gone(), *steps).run(moves.move(plan(retrying=True)))


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
    gone = ("GET /drives/D/items/S", missing()), ("GET /drives/D/root?$select=id", Response(200, {}, {}))
    driver = script(*gone, parent(samples), there(samples, content))
    if found:
        assert driver.run(moves.move(plan(dict_of, retrying=True))).outcome == "already_there"
    else:
        with pytest.raises(SourceMissing):
            driver.run(moves.move(plan(dict_of, retrying=True)))


def test_a_later_try_of_a_rename(script, samples):
    """One candidate is it; of several nobody can tell."""
    how = {"if_exists": "rename", "retrying": True}
    steps = (*source_gone(), parent(samples), there(samples))
    assert script(*steps, look_up(missing(), "a%201.csv")).run(moves.move(plan(**how))).id == "T"
    several = (there(samples, name="a%201.csv"), look_up(missing(), "a%202.csv"))
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
    driver = script(source(samples), away(samples), *copied, recycled(item_id="S"))
    item = driver.run(moves.move(plan()))
    assert (item.drive_id, item.outcome) == ("E", "created")
    assert driver.last.headers == {"If-Match": '"{S},1"'}


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
    steps = (source(samples, **empty), away(samples), *copied, read_empty, recycled(item_id="S"))
    assert script(*steps).run(moves.move(plan())).outcome == "created"


def test_a_source_that_changes_meanwhile(script, samples):
    """It stays, and the error says where the copy is."""
    stale = recycled(PreconditionFailed("ETag does not match", status=412), item_id="S")
    copied = (look_up(missing(), drive="E"), asked(), monitor(), read(samples, drive="E"))
    with pytest.raises(PreconditionFailed, match=r"was not deleted; the copy is drives/d/out/a\.csv"):
        script(source(samples), away(samples), *copied, stale).run(moves.move(plan()))


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
    steps = (source(samples), away(samples), there(samples, drive="E"), recycled(item_id="S"))
    assert script(*steps).run(moves.move(plan(retrying=True))).outcome == "already_there"


@pytest.mark.parametrize("kind", ["folder", "notebook"])
def test_only_a_file_goes_to_another_drive(script, samples, kind):
    """A folder cannot be compared as a whole: whoever wants to copies it, looks, and deletes."""
    place = in_folder("I", "D", "/in")
    body = samples.folder("x", "S", **place) if kind == "folder" else samples.item("x", "S", package={}, **place)
    steps = (("GET /drives/d/root:/in/x", samples.ok(body)), away(samples))
    with pytest.raises(LocationError, match=r"only a file is moved to another drive.*Copy it"):
        script(*steps).run(moves.move(plan("drives/d/in/x")))
