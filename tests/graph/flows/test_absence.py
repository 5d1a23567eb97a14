"""Proofs of an absence, with answers written by hand: one answer of 404 proves nothing."""

from __future__ import annotations

from typing import Any

import pytest
from asking_nothing import PARSER, no_drive

from airflow_provider_onedrive.graph.flows.absence import (
    LATER,
    exists,
    find_again,
    folder_surely,
    gone_among,
    has_gone,
    holder_of,
    is_unlisted,
    stat_surely,
    surely,
)
from airflow_provider_onedrive.graph.flows.items import stat
from airflow_provider_onedrive.graph.protocol.addresses import address_of
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    DriveNotFound,
    ItemNotFound,
    LocationError,
    NameAlreadyExists,
    ServiceUnavailable,
)
from airflow_provider_onedrive.graph.protocol.messages import Flow, Response
from airflow_provider_onedrive.graph.protocol.models import DriveItem
from airflow_provider_onedrive.graph.protocol.retry import RetryPolicy

AT = address_of(PARSER.parse("drives/D/in/a.csv"))
ROOT = "GET /drives/D/root?$select=id"
ROOT_IS_THERE = (ROOT, Response(200, {}, {"id": "R"}))
BY_PATH = "GET /drives/D/root:/in/a.csv"
FOLDER = "GET /drives/D/root:/in"

Step = tuple[str, Response | Exception]


def missing() -> ItemNotFound:
    return ItemNotFound("The resource could not be found.", status=404)


def seen(samples: Any, item_id: str = "A", folder_id: str | None = "P") -> DriveItem:
    """Return an item that was seen in a folder."""
    parent = {"driveId": "D", "path": "/drives/D/root:/in"} | ({"id": folder_id} if folder_id else {})
    data = samples.file(f"{item_id}.csv", item_id=item_id, parentReference=parent)
    return DriveItem.from_json(data, AT.locate)


def read(item_id: str = "A", *, is_there: bool = False) -> Step:
    return f"GET /drives/D/items/{item_id}?$select=id", Response(200, {}, {"id": item_id}) if is_there else missing()


def entry(item_id: str) -> dict[str, Any]:
    return {"id": item_id, "name": f"{item_id}.csv"}


def listing(answer: Response | Exception, folder_id: str = "P", page_items: int = 1000) -> Step:
    return f"GET /drives/D/items/{folder_id}/children?$top={page_items}&$select=id,name", answer


def folder(answer: Response | Exception, folder_id: str = "P") -> Step:
    return f"GET /drives/D/items/{folder_id}", answer


def all_of_it(samples: Any, *names: str, page_items: int = 1000) -> Step:
    """List a folder by its path's id with the fields that an item needs."""
    values = [samples.file(name, item_id=f"ID{number}", parent="/in") for number, name in enumerate(names)]
    return f"GET /drives/D/items/P/children?$top={page_items}", samples.page(*values)


# --- an item that was seen


def test_item_has_gone_if_two_reads_and_the_listing_agree(script: Any, samples: Any) -> None:
    """The second read waits: the 404s that were recorded had passed after seconds."""
    driver = script(read(), read(), listing(samples.page(entry("X"))))
    assert driver.run(has_gone(seen(samples)))
    assert [request.failures for request in driver.requests] == [0, LATER, 0]
    assert RetryPolicy(jitter=lambda: 0).backoff(LATER) >= 2


def test_item_has_gone_if_its_folder_is_empty(script: Any, samples: Any) -> None:
    """Graph lists a file as an empty folder, so an empty listing is looked at twice."""
    steps = read(), read(), listing(samples.page()), folder(samples.ok(samples.folder("in")))
    assert script(*steps).run(has_gone(seen(samples)))


@pytest.mark.parametrize("missed", [0, 1])
def test_item_that_a_read_finds_is_there(script: Any, samples: Any, missed: int) -> None:
    """It has not gone, whatever was answered before; the listing is not needed then."""
    assert not script(*[read()] * missed, read(is_there=True)).run(has_gone(seen(samples)))


def test_item_that_the_listing_shows_is_there(script: Any, samples: Any) -> None:
    """Two reads by its id that are wrong are not enough; it may stand on any page."""
    steps = listing(samples.page(entry("X"), next_url="https://g/2")), ("GET https://g/2", samples.page(entry("A")))
    assert not script(read(), read(), *steps).run(has_gone(seen(samples)))


def test_listing_that_repeats_an_item_proves_nothing(script: Any, samples: Any) -> None:
    """It may lack another one, however it is asked for."""
    twice = samples.page(entry("X"), entry("X"))
    rounds = [listing(twice, page_items=size) for size in (1000, 500, 250)]
    assert not script(read(), read(), *rounds).run(has_gone(seen(samples)))


def test_listing_that_is_whole_the_second_time_proves_it(script: Any, samples: Any) -> None:
    """Pages of another size end at other names."""
    first = listing(samples.page(entry("X"), entry("X")))
    again = listing(samples.page(entry("X"), entry("Y")), page_items=500)
    assert script(read(), read(), first, again).run(has_gone(seen(samples)))


@pytest.mark.parametrize("number", [0, 1, 2])
def test_item_on_any_round_of_a_listing_is_there(script: Any, samples: Any, number: int) -> None:
    """A listing that repeats an item shows what it shows: the rounds count together."""
    rounds = [samples.page(entry("X"), entry("X"), *([entry("A")] if each == number else [])) for each in range(3)]
    steps = [listing(page, page_items=1000 >> each) for each, page in enumerate(rounds)]
    assert not script(read(), read(), *steps).run(has_gone(seen(samples)))


def test_item_whose_folder_has_gone_too_has_gone(script: Any, samples: Any) -> None:
    """The folder is listed twice, the second time after a pause."""
    driver = script(read(), read(), *[listing(missing()), ROOT_IS_THERE] * 2, read("P"))
    assert driver.run(has_gone(seen(samples)))
    assert [request.failures for request in driver.requests if "children" in request.url] == [0, LATER]


def test_folder_that_shows_itself_has_not_gone_although_its_listing_is_missing(script: Any, samples: Any) -> None:
    """Then nothing is proven of the items in it."""
    steps = read(), read(), *[listing(missing()), ROOT_IS_THERE] * 2, read("P", is_there=True)
    assert not script(*steps).run(has_gone(seen(samples)))


def test_item_of_a_drive_that_does_not_show_itself_is_not_taken_for_gone(script: Any, samples: Any) -> None:
    """The root may be missing for a moment; if it stays so, that is the error."""
    no_root, drive = (ROOT_IS_THERE[0], missing()), "GET /drives/D?$select=id"
    again = (drive, Response(200, {}, {"id": "D"})), listing(samples.page(entry("X")))
    assert script(read(), read(), listing(missing()), no_root, *again).run(has_gone(seen(samples)))
    nothing = listing(missing()), no_root, (drive, missing()), (drive, missing())
    with pytest.raises(DriveNotFound):
        script(read(), read(), *nothing, *nothing).run(has_gone(seen(samples)))


@pytest.mark.parametrize("is_there", [True, False])
def test_folder_whose_listing_is_missing_for_a_moment_is_listed_again(
    script: Any, samples: Any, is_there: bool
) -> None:
    """A 404 of the listing says no more than one of the item."""
    again = listing(samples.page(entry("A" if is_there else "X")))
    driver = script(read(), read(), listing(missing()), ROOT_IS_THERE, again)
    assert driver.run(has_gone(seen(samples))) is not is_there


def test_item_in_a_folder_that_may_not_be_listed_has_gone(script: Any, samples: Any) -> None:
    """A link to one file does not allow to list its folder: the two reads are all that there is."""
    steps = read(), read(), listing(AccessDenied("no", status=403))
    assert script(*steps).run(has_gone(seen(samples)))


def test_item_without_a_folder_has_gone_after_two_reads(script: Any, samples: Any) -> None:
    """Graph may leave out where an item lies."""
    assert script(read(), read()).run(has_gone(seen(samples, folder_id=None)))


@pytest.mark.parametrize("error", [AccessDenied("no", status=403), ServiceUnavailable("no", status=503)])
def test_read_that_fails_otherwise_proves_nothing(script: Any, samples: Any, error: Exception) -> None:
    """Only 404 says that an item is missing."""
    with pytest.raises(type(error)):
        script((read()[0], error)).run(has_gone(seen(samples)))
    with pytest.raises(ServiceUnavailable):
        script(read(), read(), listing(ServiceUnavailable("no", status=503))).run(has_gone(seen(samples)))


def test_many_items_have_one_pause_and_one_listing_for_each_folder(script: Any, samples: Any) -> None:
    """The time since the first answer counts, so only the first of the second reads waits."""
    items = [seen(samples, name, folder_id) for name, folder_id in (("A", "P"), ("B", "P"), ("C", "P"), ("E", None))]
    driver = script(
        *(read("A", is_there=True), read("B"), read("C"), read("E")),
        *(read("B"), read("C", is_there=True), read("E")),
        listing(samples.page(entry("X"))),
    )
    assert driver.run(gone_among(items)) == [False, True, False, True]
    assert [request.failures for request in driver.requests] == [0, 0, 0, 0, LATER, 0, 0, 0]


def test_items_of_two_folders_are_looked_for_in_both(samples: Any) -> None:
    """Each folder speaks for its own items."""
    items = [seen(samples, "A", "P"), seen(samples, "B", "Q")]
    page = samples.page(entry("B"))
    answers = dict([read("A"), read("B"), listing(page, "P"), listing(page, "Q")])
    assert run_in_any_order(gone_among(items), answers) == [True, False]


def run_in_any_order(flow: Flow[Any], answers: dict[str, Response | Exception]) -> Any:
    """Answer each request as often as it comes."""
    try:
        request = next(flow)
        while True:
            answer = answers[f"{request.method} {request.url}"]
            request = flow.throw(answer) if isinstance(answer, Exception) else flow.send(answer)
    except StopIteration as end:
        return end.value


def test_nothing_is_asked_about_no_items(script: Any) -> None:
    """A batch in which all went well needs no look."""
    assert script().run(gone_among([])) == []


# --- a folder of a walk


@pytest.mark.parametrize(("names", "expected"), [("X", True), ("A", False)])
def test_listing_alone_proves_what_reads_have_said(script: Any, samples: Any, names: str, expected: bool) -> None:
    """A walk has looked for its folder three times already."""
    assert script(listing(samples.page(entry(names)))).run(is_unlisted(seen(samples))) is expected


def test_listing_that_is_not_there_proves_nothing_alone(script: Any, samples: Any) -> None:
    """Nor does one that may not be read, or one that is not whole, or that of a folder that nobody names."""
    assert not script(*[listing(missing()), ROOT_IS_THERE] * 2, read("P")).run(is_unlisted(seen(samples)))
    assert not script(listing(AccessDenied("no", status=403))).run(is_unlisted(seen(samples)))
    twice = samples.page(entry("X"), entry("X"))
    rounds = [listing(twice, page_items=size) for size in (1000, 500, 250)]
    assert not script(*rounds).run(is_unlisted(seen(samples)))
    assert not script().run(is_unlisted(seen(samples, folder_id=None)))


# --- an address where nothing was found


def no_folder() -> list[Step]:
    """Find neither the item again, nor its folder."""
    return [(BY_PATH, missing()), ROOT_IS_THERE, (FOLDER, missing()), ROOT_IS_THERE]


def root_with(samples: Any, name: str) -> list[Step]:
    """List the root of the drive, after it was read."""
    page = samples.page(samples.folder(name, "P"))
    return [("GET /drives/D/root", samples.ok(samples.root())), ("GET /drives/D/items/R/children?$top=1000", page)]


def test_item_is_found_by_a_second_read(script: Any, samples: Any) -> None:
    """It was missing for a moment only; the second read waits."""
    driver = script((BY_PATH, samples.ok(samples.file("a.csv", parent="/in"))))
    item = driver.run(find_again(AT))
    assert (item.id, item.location) == ("F", "drives/D/in/a.csv")
    assert driver.last.failures == LATER


@pytest.mark.parametrize("name", ["a.csv", "A.CSV"])
def test_item_is_found_in_the_listing_of_its_folder(script: Any, samples: Any, name: str) -> None:
    """Another kind of request finds it, in whatever case its name is written."""
    there = samples.ok(samples.folder("in"))
    driver = script((BY_PATH, missing()), ROOT_IS_THERE, (FOLDER, there), all_of_it(samples, "x", name))
    item = driver.run(find_again(AT))
    assert (item.id, item.location) == ("ID1", f"drives/D/in/{name}")


@pytest.mark.parametrize(
    ("asked", "listed"), [("a\u0308.csv", "\u00e4.csv"), ("\u00e4.csv", "a\u0308.csv"), ("\u00c4.csv", "a\u0308.csv")]
)
def test_item_is_found_by_its_name_in_another_normal_form(script: Any, samples: Any, asked: str, listed: str) -> None:
    """A Mac writes names in form D, and OneDrive keeps what it was sent."""
    address = address_of(PARSER.parse(f"drives/D/in/{asked}"))
    there = samples.ok(samples.folder("in"))
    steps = (f"GET {address.url()}", missing()), ROOT_IS_THERE, (FOLDER, there), all_of_it(samples, "x", listed)
    assert script(*steps).run(find_again(address)).id == "ID1"


def test_item_is_proven_missing_by_a_whole_listing(script: Any, samples: Any) -> None:
    """Neither its address nor its folder has it."""
    there = samples.ok(samples.folder("in"))
    steps = (BY_PATH, missing()), ROOT_IS_THERE, (FOLDER, there), all_of_it(samples, "x", "b.csv")
    assert script(*steps).run(find_again(AT)) is None


def test_listing_that_repeats_an_item_does_not_prove_it_missing(script: Any, samples: Any) -> None:
    """Nobody knows then; a later attempt may."""
    value = samples.file("x", item_id="X")
    rounds = [(f"GET /drives/D/items/P/children?$top={size}", samples.page(value, value)) for size in (1000, 500, 250)]
    steps = (BY_PATH, missing()), ROOT_IS_THERE, (FOLDER, samples.ok(samples.folder("in"))), *rounds
    with pytest.raises(ServiceUnavailable, match=r"drives/D/in/a\.csv was not found, and .* not whole") as caught:
        script(*steps).run(find_again(AT))
    assert caught.value.is_retryable


def test_item_is_found_although_its_folder_was_missing_for_a_moment(script: Any, samples: Any) -> None:
    """The folder is looked for as carefully as the item."""
    driver = script(*no_folder(), *root_with(samples, "in"), all_of_it(samples, "a.csv"))
    assert driver.run(find_again(AT)).id == "ID0"
    assert [request.failures for request in driver.requests] == [LATER, 0, 0, 0, 0, 0, 0]


def test_item_is_proven_missing_with_its_folder(script: Any, samples: Any) -> None:
    """The listing of the folder above it decides."""
    driver = script(*no_folder(), *root_with(samples, "out"))
    assert driver.run(find_again(AT)) is None
    assert [request.failures for request in driver.requests] == [LATER, 0, 0, 0, 0, 0]  # one pause for both


def test_folder_in_another_normal_form_leads_to_its_item(script: Any, samples: Any) -> None:
    """The listing above shows the folder, and the folder's own listing the item."""
    steps = *no_folder(), *root_with(samples, "IN"), all_of_it(samples, "a.csv")
    assert script(*steps).run(find_again(AT)).id == "ID0"


def test_listing_that_is_missing_for_a_moment_is_read_again(script: Any, samples: Any) -> None:
    """A 404 of the listing of a folder that shows itself proves nothing; if it stays so, nobody knows."""
    gone = (BY_PATH, missing()), ROOT_IS_THERE, (FOLDER, samples.ok(samples.folder("in")))
    unlisted = ("GET /drives/D/items/P/children?$top=1000", missing()), ROOT_IS_THERE
    driver = script(*gone, *unlisted, *unlisted, all_of_it(samples, "a.csv"))
    assert driver.run(find_again(AT)).id == "ID0"
    assert driver.last.failures == LATER
    with pytest.raises(ServiceUnavailable, match="its folder is there and cannot be listed"):
        script(*gone, *unlisted, *unlisted, *unlisted).run(find_again(AT))


def test_item_below_an_id_that_is_missing_is_missing(script: Any, samples: Any) -> None:
    """Nothing is above an id, so the item by that id is read twice."""
    address = AT.by_id("D", "P").below("a.csv")
    by_path, folder_by_id = "GET /drives/D/items/P:/a.csv", "GET /drives/D/items/P"
    gone = (by_path, missing()), ROOT_IS_THERE, (folder_by_id, missing()), ROOT_IS_THERE
    driver = script(*gone, (folder_by_id, missing()), ROOT_IS_THERE)
    assert driver.run(find_again(address)) is None
    again = (folder_by_id, samples.ok(samples.folder("in")))
    assert script(*gone, again, all_of_it(samples, "a.csv")).run(find_again(address)).id == "ID0"


def test_item_by_its_id_is_missing_after_a_second_read(script: Any) -> None:
    """Nobody knows in which folder it was."""
    address = AT.by_id("D", "A")
    driver = script(("GET /drives/D/items/A", missing()), ROOT_IS_THERE)
    assert driver.run(find_again(address)) is None
    assert driver.requests[0].failures == LATER


def test_item_of_a_missing_drive_is_an_error(script: Any) -> None:
    """That nothing is there is not proven by a drive that cannot be seen."""
    with pytest.raises(DriveNotFound):
        script((BY_PATH, missing()), *no_drive(missing())).run(find_again(AT))


def test_path_through_a_file_is_an_error(script: Any, samples: Any) -> None:
    """Nothing can lie in a file, so the path has a mistake."""
    there = samples.ok(samples.file("in", item_id="P"))
    empty = ("GET /drives/D/items/P/children?$top=1000", samples.page())
    with pytest.raises(LocationError, match="is a file"):
        script((BY_PATH, missing()), ROOT_IS_THERE, (FOLDER, there), empty, folder(there)).run(find_again(AT))


# --- what is asked for by its address


def test_item_that_is_there_costs_one_request(script: Any, samples: Any) -> None:
    """A proof is made only of what was not found."""
    there = (BY_PATH, samples.ok(samples.file("a.csv", parent="/in")))
    assert script(there).run(exists(AT))
    assert script(there).run(stat_surely(AT)).id == "F"
    assert script(there).run(surely(AT, stat)).id == "F"
    assert script((FOLDER, samples.ok(samples.folder("in")))).run(folder_surely(AT.parent)).id == "P"


def test_item_that_is_missing_for_a_moment_exists(script: Any, samples: Any) -> None:
    """Found by the second read, or in the listing of its folder."""
    gone, there = [(BY_PATH, missing()), ROOT_IS_THERE], (BY_PATH, samples.ok(samples.file("a.csv", parent="/in")))
    assert script(*gone, there).run(exists(AT))
    parent = (FOLDER, samples.ok(samples.folder("in")))
    assert script(*gone, *gone, parent, all_of_it(samples, "a.csv")).run(exists(AT))


def test_item_does_not_exist_if_that_is_proven(script: Any, samples: Any) -> None:
    """Six requests, of which the third waits."""
    parent = (FOLDER, samples.ok(samples.folder("in")))
    driver = script(*[(BY_PATH, missing()), ROOT_IS_THERE] * 2, parent, all_of_it(samples, "x"))
    assert not driver.run(exists(AT))
    assert [request.failures for request in driver.requests] == [0, 0, LATER, 0, 0, 0]


def test_nothing_exists_below_a_file(script: Any, samples: Any) -> None:
    """A path through a file is no error for somebody who asks whether something is there."""
    there = samples.ok(samples.file("in", item_id="P"))
    empty = ("GET /drives/D/items/P/children?$top=1000", samples.page())
    steps = *[(BY_PATH, missing()), ROOT_IS_THERE] * 2, (FOLDER, there), empty, folder(there)
    assert not script(*steps).run(exists(AT))


def test_what_was_missing_for_a_moment_is_read_by_its_id(script: Any, samples: Any) -> None:
    """Another shape of request than the one that was answered with 404."""
    item = samples.ok(samples.file("a.csv", parent="/in"))
    steps = (BY_PATH, missing()), ROOT_IS_THERE, (BY_PATH, item), ("GET /drives/D/items/F", item)
    assert script(*steps).run(surely(AT, stat)).location == "drives/D/in/a.csv"


def test_missing_item_is_an_error_if_that_is_proven(script: Any, samples: Any) -> None:
    """The error is the first one."""
    parent = (FOLDER, samples.ok(samples.folder("in")))
    for flow in (stat_surely(AT), surely(AT, stat)):
        steps = *[(BY_PATH, missing()), ROOT_IS_THERE] * 2, parent, all_of_it(samples, "x")
        with pytest.raises(ItemNotFound):
            script(*steps).run(flow)


def test_folder_that_may_be_created_needs_no_proof(script: Any, samples: Any) -> None:
    """Graph refuses to create what is there, and that is looked at then."""
    root, item = samples.ok(samples.root()), samples.ok(samples.folder("in"))
    refused = NameAlreadyExists("no", status=409)
    driver = script(
        *((FOLDER, missing()), ROOT_IS_THERE, ("GET /drives/D/root", root)),
        *(("POST /drives/D/items/R/children", refused), ("GET /drives/D/items/R:/in", item)),
    )
    assert driver.run(folder_surely(AT.parent, create=True)).id == "P"
    assert not any(request.failures for request in driver.requests)


@pytest.mark.parametrize("misses", [0, 1, 2, 3])
def test_name_that_is_refused_as_taken_is_looked_at_three_times(script: Any, samples: Any, misses: int) -> None:
    """Of a refusal and a 404 that contradict each other, mostly the 404 passes."""
    there = [(BY_PATH, samples.ok(samples.file("a.csv", parent="/in")))] * (misses < 3)
    driver = script(*[(BY_PATH, missing())] * misses, *there)
    item = driver.run(holder_of(AT))
    assert (None if item is None else item.id) == (None if misses == 3 else "F")
    assert [request.failures for request in driver.requests] == [0, 2, LATER][: misses + 1]
