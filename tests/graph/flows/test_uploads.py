"""Flows that put content into a drive, with answers written by hand: one PUT, and what a taken name means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from upload_steps import (
    AT,
    BY_ID,
    CONFLICT,
    CONTENT,
    LARGE,
    OTHER,
    create,
    created,
    file,
    look_up,
    lost,
    missing,
    nothing,
    opened,
    parent,
    plan_of,
    put,
    put_by_id,
    read,
    sent,
    stale,
    taken,
)

from airflow_provider_onedrive.graph.content.sources import FileSource, MemorySource
from airflow_provider_onedrive.graph.flows import uploads
from airflow_provider_onedrive.graph.flows.absence import LATER
from airflow_provider_onedrive.graph.flows.folder_cache import FolderCache
from airflow_provider_onedrive.graph.flows.session_state import OpenSession, TaskAttempt
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    BadRequest,
    ConfigurationError,
    ItemNotFound,
    LocalFileError,
    LocationError,
    Locked,
    NameAlreadyExists,
    NameHeld,
    PreconditionFailed,
    QuotaExceeded,
    ServiceUnavailable,
    Throttled,
    UnreadableAnswer,
)
from airflow_provider_onedrive.graph.protocol.messages import OutcomeUnknown, Repeat, Response
from airflow_provider_onedrive.graph.protocol.models import MAX_FILE_BYTES
from airflow_provider_onedrive.graph.protocol.options import (
    MAX_FRAGMENT_BYTES,
    MAX_SINGLE_PUT_BYTES,
    UNIT_BYTES,
    UploadOptions,
)

ROOT = "/drives/d/root"
MOMENT = datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
PARENT = f"GET {ROOT}:/x"
ROOT_IS_THERE = f"GET {ROOT}?$select=id", Response(200, {}, {})
NO_PARENT = (PARENT, missing()), ROOT_IS_THERE


def listed(samples: Any, folder: str, *names: str) -> tuple[Any, Any]:
    """List a folder in the root, or the root itself, after it was read."""
    read_folder = (f"GET {ROOT}:/{folder}", samples.folder(folder)) if folder else (f"GET {ROOT}", samples.root())
    listing = f"GET /drives/D/items/{read_folder[1]['id']}/children?$top=1000"
    values = [samples.file(name, item_id=name) for name in names]
    return (read_folder[0], samples.ok(read_folder[1])), (listing, samples.page(*values))


def upload_of(content: bytes, conflict: str = "fail", **more):
    return uploads.upload(plan_of(content, conflict, **more))


# --- where it goes


def test_the_folder_comes_first(script, samples):
    """The parent is resolved before anything is sent, and the file goes through its id."""
    item = script(parent(samples), put(created(samples))).run(create())
    assert (item.location, item.outcome) == ("drives/d/x/a.csv", "created")


def test_a_missing_folder_is_not_made_silently(script, samples):
    """Graph's PUT would create the folder; without create_folders it is an error and nothing is sent."""
    with pytest.raises(ItemNotFound, match="find the folder drives/d/x/"):
        script(*NO_PARENT, *NO_PARENT, *listed(samples, "", "y")).run(create())


def made(samples):
    return (
        *NO_PARENT,
        (f"GET {ROOT}", samples.ok(samples.root())),
        ("POST /drives/D/items/R/children", samples.ok(samples.folder("x"), 201)),
    )


def test_a_missing_folder_is_made_on_demand(script, samples):
    """With create_folders the folder is created, then the file in it."""
    driver = script(*made(samples), put(created(samples)))
    assert driver.run(create(create_folders=True)).outcome == "created"


def test_a_folder_that_cannot_be_seen_yet(script, samples):
    """404 in a folder just made or read is waited for, a little longer each time, and a few times only."""
    for folder in (made(samples), [parent(samples)]):
        driver = script(*folder, *[put(missing())] * 4, put(created(samples)))
        assert driver.run(create(create_folders=True)).outcome == "created"
        assert [request.failures for request in driver.requests if request.method == "PUT"] == [0, 1, 2, 3, 4]
        assert driver.bodies[-5:] == [CONTENT] * 5
        with pytest.raises(ItemNotFound):
            script(*folder, *[put(missing())] * 5).run(create(create_folders=True))


def test_folder_of_the_cache_that_was_made_anew_is_read_again(script, samples):
    """After the 404s of the folder that was read before, the one that has its name now takes the file."""
    cache = FolderCache()
    new = f"PUT /drives/D/items/NEW:/a.csv:/content?{CONFLICT}=fail"
    script(parent(samples), put(created(samples))).run(create(folder_cache=cache))
    again = (PARENT, samples.ok(samples.folder("x", "NEW"))), (new, created(samples))
    assert script(*[put(missing())] * 5, *again).run(create(folder_cache=cache)).outcome == "created"


def test_folder_of_the_cache_is_read_again_after_some_seconds(script, samples):
    """Somebody may have moved it: it keeps its id, and files would follow it to where nobody looks for them."""
    now = [0.0]
    cache = FolderCache(clock=lambda: now[0])
    for seconds, steps in ((0, [parent(samples)]), (9, []), (11, [parent(samples)])):
        now[0] = seconds
        script(*steps, put(created(samples))).run(create(folder_cache=cache))


def test_folder_that_does_not_name_its_drive_is_not_kept_in_the_cache(script, samples):
    """The next upload reads it again, and may get the whole answer."""
    cache = FolderCache()
    with pytest.raises(UnreadableAnswer, match="'driveId' is missing"):
        script((PARENT, samples.ok(samples.folder("x", parentReference=None)))).run(create(folder_cache=cache))
    script(parent(samples), put(created(samples))).run(create(folder_cache=cache))


def test_a_file_where_the_folder_should_be(script, samples):
    """A file on the way is an error, and nothing is sent."""
    with pytest.raises(LocationError, match="is a file, and a folder is meant"):
        script((PARENT, samples.ok(samples.file("x")))).run(create("replace"))


@pytest.mark.parametrize("if_exists", ["fail", "rename"])
def test_an_item_by_its_id_exists(script, if_exists):
    """Who names an item by its id cannot mean a new one."""
    with pytest.raises(LocationError, match="names an item that exists"):
        script().run(uploads.create(AT.by_id("D", "F"), MemorySource(CONTENT), if_exists))


@pytest.mark.parametrize(
    "flow",
    [
        lambda source: uploads.create(AT, source, "fail"),
        lambda source: uploads.update(AT, source),
    ],
)
def test_a_file_that_onedrive_does_not_take(script, flow):
    """A file above 250 GB is refused before anything is sent; one of 250 GB is not."""
    with pytest.raises(LocalFileError, match="250 GB"):
        script().run(flow(FileSource(Path("a.bin"), MAX_FILE_BYTES + 1, 0)))
    with pytest.raises(AssertionError, match="the flow asks GET"):
        script().run(flow(FileSource(Path("a.bin"), MAX_FILE_BYTES, 0)))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"on_locked": "break"}, "on_locked"),
        ({"single_put_bytes": -1}, "single_put_bytes"),
        ({"single_put_bytes": MAX_SINGLE_PUT_BYTES + 1}, "single_put_bytes"),
        ({"fragment_bytes": 0}, "fragment_bytes"),
        ({"fragment_bytes": UNIT_BYTES + 1}, "fragment_bytes"),
        ({"fragment_bytes": MAX_FRAGMENT_BYTES + UNIT_BYTES}, "fragment_bytes"),
    ],
)
def test_options_that_cannot_be_meant(script, options, named):
    """What Graph would refuse is refused before anything is sent, and the error names the parameter."""
    for flow in (
        create(options=UploadOptions(**options)),
        uploads.update(AT, MemorySource(b""), options=UploadOptions(**options)),
    ):
        with pytest.raises(ConfigurationError, match=named):
            script().run(flow)


@pytest.mark.parametrize(
    "options",
    [{}, {"single_put_bytes": 0, "fragment_bytes": UNIT_BYTES}, {"fragment_bytes": MAX_FRAGMENT_BYTES}],
)
def test_options_that_can(options):
    """The limits themselves are allowed, and the largest fragment is below 60 MiB."""
    UploadOptions(**options).check()
    assert MAX_FRAGMENT_BYTES < 60 * 1024 * 1024


# --- one PUT


@pytest.mark.parametrize(
    ("conflict", "status", "name", "outcome"),
    [
        ("fail", 201, "a.csv", "created"),
        ("replace", 201, "a.csv", "created"),
        ("replace", 200, "a.csv", "replaced"),
        ("replace", 200, "A.csv", "replaced"),
    ],
)
def test_what_became_of_it(script, samples, conflict, *, status, name, outcome):
    """Graph decides about a taken name, and its answer says what it did."""
    driver = script(put(created(samples, name=name, status=status), conflict))
    assert driver.run(upload_of(CONTENT, conflict)).outcome == outcome
    assert driver.bodies == [CONTENT]
    assert not driver.last.preauthorized
    assert driver.last.headers == {"Content-Type": "application/octet-stream"}


@pytest.mark.parametrize("conflict", ["fail", "replace"])
@pytest.mark.parametrize("if_match", [None, '"{F},1"'])
def test_nothing_is_sent_twice_blindly(script, samples, conflict, if_match):
    """A second PUT would meet the first one's file, leave a second file or a version too many."""
    driver = script(put(created(samples), conflict))
    driver.run(upload_of(CONTENT, conflict, if_match=if_match))
    assert driver.last.repeat is Repeat.IF_REFUSED
    assert driver.last.headers.get("If-Match") == if_match


@pytest.mark.parametrize(("on_locked", "waits"), [("wait", True), ("fail", False)])
def test_a_file_that_is_open(script, samples, on_locked, waits):
    """Whether a locked file is waited for is the caller's choice."""
    driver = script(put(created(samples)))
    driver.run(upload_of(CONTENT, options=UploadOptions(on_locked=on_locked)))
    assert driver.last.waits_for_lock is waits


@pytest.mark.parametrize("conflict", ["fail", "replace"])
@pytest.mark.parametrize("single_put_bytes", [0, 100])
def test_an_empty_file_is_one_put(script, samples, conflict, single_put_bytes):
    """An upload session cannot make an empty file."""
    driver = script(put(created(samples, b""), conflict))
    item = driver.run(upload_of(b"", conflict, options=UploadOptions(single_put_bytes=single_put_bytes)))
    assert item.size == 0
    assert driver.last.body_bytes == 0
    assert driver.last.body is not None


def test_the_largest_single_put(script, samples):
    """Up to single_put_bytes it is one PUT, one byte more is a session."""
    options = UploadOptions(single_put_bytes=len(CONTENT))
    script(put(created(samples))).run(upload_of(CONTENT, options=options))
    more = CONTENT + b"x"
    script(opened(samples), sent(created(samples, more))).run(upload_of(more, options=options))


def test_a_taken_name(script, samples):
    """With fail a taken name is an error, also when the same content is there: somebody else put it there."""
    for content in (CONTENT, b"other"):
        with pytest.raises(NameAlreadyExists) as caught:
            script(put(taken()), look_up(created(samples, content))).run(upload_of(CONTENT))
        assert type(caught.value) is NameAlreadyExists


@pytest.mark.parametrize("content", [CONTENT, b""])
def test_a_taken_name_on_a_later_try(script, samples, content):
    """A later try that finds what the earlier one put there has succeeded."""
    driver = script(put(taken()), look_up(created(samples, content)))
    assert driver.run(upload_of(content, retrying=True)).outcome == "already_there"


@pytest.mark.parametrize("there", [b"other", OTHER, b""])
def test_a_name_taken_by_something_else_on_a_later_try(script, samples, there):
    """Other content, though of the same length, is somebody else's, and the name stays taken."""
    with pytest.raises(NameAlreadyExists):
        script(put(taken()), look_up(created(samples, there))).run(upload_of(CONTENT, retrying=True))


@pytest.mark.parametrize("conflict", ["fail", "replace"])
def test_a_name_that_nothing_one_can_see_has(script, conflict):
    """409 although three looks see nothing there: the name is held, and a later try may succeed."""
    driver = script(put(taken(), conflict), *[look_up(missing())] * 3)
    with pytest.raises(NameHeld, match="an upload that was not finished holds the name".capitalize()) as caught:
        driver.run(upload_of(CONTENT, conflict))
    assert [request.failures for request in driver.requests] == [0, 0, 2, LATER]
    assert (caught.value.is_retryable, caught.value.status) == (True, 409)


def test_a_file_that_may_be_replaced_and_is_refused(script, samples):
    """409 of a replace is a held name too: somebody has the file open."""
    with pytest.raises(NameHeld):
        script(put(taken(), "replace"), look_up(file(samples, OTHER))).run(upload_of(CONTENT, "replace"))


@pytest.mark.parametrize("conflict", ["fail", "replace"])
@pytest.mark.parametrize("refusal", [taken(), BadRequest("Cannot create an upload session on a folder", status=400)])
def test_a_folder_of_that_name(script, samples, conflict, refusal):
    """A folder has the file's name: the error says so and what to write."""
    folder = samples.ok(samples.folder("a.csv"))
    driver = script(put(refusal, conflict), look_up(folder))
    with pytest.raises(LocationError, match=r"A folder named 'a.csv' is there. End the location in '/'"):
        driver.run(upload_of(CONTENT, conflict))
    session = script((opened(samples)[0], refusal), look_up(folder))
    with pytest.raises(LocationError, match=r"A folder named 'a.csv' is there"):
        session.run(upload_of(CONTENT, conflict, options=UploadOptions(single_put_bytes=0)))


def test_a_notebook_of_that_name(script, samples):
    """A notebook has the file's name: it is not touched, and the error says what is there."""
    notebook = samples.ok(samples.item("a.csv", "N", package={"type": "oneNote"}))
    with pytest.raises(LocationError, match=r"A oneNote notebook named 'a.csv' is there. Use another name"):
        script(put(taken(), "replace"), look_up(notebook)).run(upload_of(CONTENT, "replace"))


def test_a_refusal_for_another_reason(script):
    """A 400 about something else is passed on."""
    with pytest.raises(BadRequest, match="pathIsTooLong"):
        script(put(BadRequest("no", inner_code="pathIsTooLong")), *nothing()).run(upload_of(CONTENT))


@pytest.mark.parametrize("error", [AccessDenied("x"), Locked("x"), QuotaExceeded("x"), Throttled("x")])
def test_a_refusal_that_needs_no_look(script, error):
    """What is no question of names is passed on as it is."""
    with pytest.raises(type(error)):
        script(put(error)).run(upload_of(CONTENT))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ({"folder": {"childCount": 1}}, r"A folder named 'a.csv' is there. End the location in '/'"),
        ({"package": {"type": "oneNote"}}, r"A oneNote notebook named 'a.csv' is there. Use another name"),
    ],
)
@pytest.mark.parametrize("single_put_bytes", [0, 100])
def test_rename_beside_a_folder_is_refused(script, samples, kind, text, single_put_bytes):
    """Who names a folder probably wants the file in it, so nothing is numbered."""
    there = look_up(samples.ok(samples.item("a.csv", "N", **kind)))
    begin = put(taken()) if single_put_bytes else (opened(samples)[0], taken())
    options = UploadOptions(single_put_bytes=single_put_bytes)
    with pytest.raises(LocationError, match=text):
        script(parent(samples), begin, there).run(create("rename", options=options))


def free(name):
    """See that a numbered name is free."""
    return look_up(missing(), name), nothing()[1]


def put_as(answer, name):
    return f"PUT /drives/D/items/P:/{name}:/content?{CONFLICT}=fail", answer


def test_rename_takes_the_next_free_name(script, samples):
    """Each name is asked for with "fail", so that a request that comes late makes no second file."""
    there = look_up(file(samples, OTHER))
    renamed = put_as(created(samples, name="a 1.csv"), "a%201.csv")
    item = script(parent(samples), put(taken()), there, *free("a%201.csv"), renamed).run(create("rename"))
    assert (item.name, item.outcome) == ("a 1.csv", "renamed")


def test_rename_of_a_free_name_looks_nowhere(script, samples):
    """It costs what a creation costs."""
    assert script(parent(samples), put(created(samples))).run(create("rename")).outcome == "created"


@pytest.mark.parametrize(("count", "looks"), [(1, 2), (2, 4), (3, 4), (365, 18)])
def test_rename_finds_the_end_of_many_numbers_in_few_looks(samples, count, looks):
    """A report of each day makes hundreds of numbers."""
    names = ["a.csv", *(f"a {number}.csv" for number in range(1, count))]
    asked = []

    def answer(request):
        asked.append(request)
        name = unquote(request.url).partition(":/")[2].partition(":")[0]
        if request.method == "PUT":
            return taken() if name in names else created(samples, name=name)
        if name.endswith(".csv"):
            return created(samples, OTHER, name) if name in names else missing()
        return parent(samples)[1] if name else nothing()[1][1]

    assert driven(create("rename"), answer).name == f"a {count}.csv"
    assert sum("%20" in request.url for request in asked if request.method == "GET") <= looks


def driven(flow, answer):
    """Drive a flow with computed answers."""
    given = None
    while True:
        try:
            request = flow.throw(given) if isinstance(given, Exception) else flow.send(given)
        except StopIteration as end:
            return end.value
        given = answer(request)


def test_rename_whose_next_name_is_taken_meanwhile(script, samples):
    """The next one is found anew."""
    there = look_up(file(samples, OTHER))
    second = look_up(created(samples, OTHER, "a 1.csv"), "a%201.csv")
    again = put_as(taken(), "a%201.csv"), second, second, *free("a%202.csv")
    steps = (put(taken()), there, *free("a%201.csv"), *again, put_as(created(samples, name="a 2.csv"), "a%202.csv"))
    assert script(parent(samples), *steps).run(create("rename")).name == "a 2.csv"


@pytest.mark.parametrize(
    ("name", "outcome"), [("\u00e4.csv", "created"), ("a\u0308.csv", "created"), ("A\u0308 1.csv", "renamed")]
)
def test_name_in_another_normal_form_is_the_same_name(script, samples, name, outcome):
    """OneDrive takes both normal forms of a letter for one name, and may answer with either."""
    at = replace(AT, names=("x", "a\u0308.csv"))
    line = f"PUT /drives/D/items/P:/a%CC%88.csv:/content?{CONFLICT}=fail"
    driver = script(parent(samples), (line, created(samples, name=name)))
    assert driver.run(uploads.create(at, MemorySource(CONTENT), "fail")).outcome == outcome


# --- one PUT whose answer was lost


@pytest.mark.parametrize(("conflict", "outcome"), [("fail", "created"), ("replace", "replaced")])
@pytest.mark.parametrize("if_match", [None, '"{F},1"'])
def test_an_answer_that_was_lost(script, samples, conflict, outcome, if_match):
    """The name holds our content: it was done, and is not done again."""
    driver = script(put(lost(), conflict), look_up(created(samples)))
    assert driver.run(upload_of(CONTENT, conflict, if_match=if_match)).outcome == outcome


def test_a_rename_whose_answer_was_lost(script, samples):
    """The name holds our content: it was done under that."""
    driver = script(parent(samples), put(lost()), look_up(created(samples)))
    assert driver.run(create("rename")).outcome == "created"


@pytest.mark.parametrize("conflict", ["fail", "replace"])
def test_an_answer_that_was_lost_and_nothing_done(script, samples, conflict):
    """Nothing of ours is there: it is sent again after a wait, and never blindly."""
    there = [look_up(created(samples, OTHER))] if conflict == "replace" else nothing()
    driver = script(put(lost(), conflict), *there, put(created(samples), conflict))
    assert driver.run(upload_of(CONTENT, conflict)).outcome == "created"
    assert driver.bodies[-1] == CONTENT
    assert (driver.last.repeat, driver.last.failures) == (Repeat.IF_REFUSED, 1)


@pytest.mark.parametrize(("conflict", "refusal"), [("fail", taken()), ("replace", stale())])
def test_a_lost_put_that_came_late(script, samples, conflict, refusal):
    """The first PUT takes effect after we looked: the second one is refused, and the file is ours."""
    driver = script(put(lost(), conflict), *nothing(), put(refusal, conflict), look_up(created(samples)))
    assert driver.run(upload_of(CONTENT, conflict, if_match='"{F},1"')).outcome == "already_there"


@pytest.mark.parametrize(("conflict", "refusal"), [("fail", taken()), ("replace", stale())])
def test_a_lost_answer_and_other_content(script, samples, conflict, refusal):
    """Somebody else's content is there: Graph is asked again, and its refusal is the error."""
    other = look_up(created(samples, b"other"))
    driver = script(put(lost(), conflict), other, put(refusal, conflict), other)
    with pytest.raises(type(refusal)):
        driver.run(upload_of(CONTENT, conflict, if_match='"{F},1"'))


def test_answers_that_are_lost_again_and_again(script):
    """It is sent five times at most, and the last loss is the error."""
    with pytest.raises(OutcomeUnknown) as caught:
        script(*[put(lost()), *nothing()] * 5).run(upload_of(CONTENT))
    assert type(caught.value.cause) is ServiceUnavailable


def test_a_service_that_gave_up_waiting(script, samples):
    """After a 504 the content goes in parts: a line that is too slow for the whole may do for them."""
    driver = script(put(lost(504)), *nothing(), opened(samples), sent(created(samples)))
    assert driver.run(upload_of(CONTENT)).outcome == "created"


def test_a_later_try_of_a_rename_looks_first(script, samples):
    """What an earlier try put under a number is found, before anything is sent."""
    driver = script(
        parent(samples),
        look_up(created(samples, b"other")),
        look_up(created(samples, CONTENT, "a 1.csv"), "a%201.csv"),
    )
    assert driver.run(create("rename", open_session=OpenSession(TaskAttempt(retrying=True)))).outcome == "already_there"


@pytest.mark.parametrize("conflict", ["fail", "replace"])
def test_a_later_try_of_another_policy_does_not_look(script, samples, conflict):
    """Graph's answer says what is there."""
    driver = script(put(created(samples), conflict))
    assert driver.run(upload_of(CONTENT, conflict, retrying=True)).outcome == "created"


def test_a_later_try_of_a_rename_that_finds_nothing(script, samples):
    """Where the earlier try left nothing the later one sends, to the first name that is free."""
    later = OpenSession(TaskAttempt(retrying=True))
    assert (
        script(parent(samples), *nothing(), put(created(samples))).run(create("rename", open_session=later)).id == "F"
    )
    steps = look_up(file(samples, OTHER)), *free("a%201.csv"), put_as(created(samples, name="a 1.csv"), "a%201.csv")
    later = OpenSession(TaskAttempt(retrying=True))
    assert script(parent(samples), *steps).run(create("rename", open_session=later)).outcome == "renamed"


# --- modification times


def dated(content: bytes) -> MemorySource:
    return MemorySource(content, modified_at=MOMENT)


def test_a_small_file_has_the_time_of_its_upload(script, samples):
    """One PUT cannot say a time, and another request would cost a version."""
    script(put(created(samples))).run(upload_of(dated(CONTENT)))


def test_a_small_file_keeps_its_time_on_demand(script, samples):
    """Then it goes by a session, which says it."""
    driver = script(opened(samples), sent(created(samples)))
    driver.run(upload_of(dated(CONTENT), options=UploadOptions(preserve_mtime=True)))
    assert driver.requests[0].json["item"]["fileSystemInfo"] == {"lastModifiedDateTime": "2024-01-02T03:04:05Z"}


def test_an_empty_file_keeps_its_time_on_demand(script, samples):
    """A session cannot make it, so the time is said afterwards; the outcome stays that of the PUT."""
    driver = script(put(created(samples, b"")), (f"PATCH {BY_ID}", file(samples, b"", eTag="2")))
    item = driver.run(upload_of(dated(b""), options=UploadOptions(preserve_mtime=True)))
    assert driver.last.json == {"fileSystemInfo": {"lastModifiedDateTime": "2024-01-02T03:04:05Z"}}
    assert (item.outcome, item.etag) == ("created", "2")


def test_content_in_memory_has_no_time_to_keep(script, samples):
    """There is nothing to preserve, so it stays one PUT."""
    script(put(created(samples))).run(upload_of(CONTENT, options=UploadOptions(preserve_mtime=True)))


# --- update


def test_an_update_goes_by_id(script, samples):
    """An update replaces the file that was looked at: gone meanwhile is an error, not a new file."""
    driver = script((f"GET {ROOT}:/x/a.csv", file(samples)), put_by_id(file(samples)))
    assert driver.run(uploads.update(AT, MemorySource(CONTENT))).outcome == "replaced"
    assert driver.last.repeat is Repeat.IF_REFUSED
    with pytest.raises(ItemNotFound):
        script((f"GET {ROOT}:/x/a.csv", file(samples)), *[put_by_id(missing())] * 5).run(
            uploads.update(AT, MemorySource(CONTENT))
        )


def test_update_repeats_a_write_that_does_not_see_the_file(script, samples):
    """A write may not see yet what a read saw: 404 of a file that was just read passes."""
    driver = script((f"GET {ROOT}:/x/a.csv", file(samples)), *[put_by_id(missing())] * 2, put_by_id(file(samples)))
    assert driver.run(uploads.update(AT, MemorySource(CONTENT))).outcome == "replaced"
    assert [request.failures for request in driver.requests[1:]] == [0, 1, 2]


def test_an_update_keeps_the_files_own_name(script, samples):
    """A file found under another spelling of its name is replaced, not renamed."""
    there = file(samples, name="A.CSV")
    driver = script((f"GET {ROOT}:/x/a.csv", there), put_by_id(there))
    assert driver.run(uploads.update(AT, MemorySource(CONTENT))).outcome == "replaced"


def test_an_update_whose_answer_was_lost(script, samples):
    """The file holds our content: there is one new version, not two."""
    driver = script((f"GET {ROOT}:/x/a.csv", file(samples, b"old")), put_by_id(lost()), read(file(samples)))
    assert driver.run(uploads.update(AT, MemorySource(CONTENT))).outcome == "replaced"


def test_an_update_of_an_expected_version(script, samples):
    """With an eTag Graph compares, and the refusal is passed on."""
    for content, action in ((CONTENT, f"PUT {BY_ID}/content"), (LARGE, f"POST {BY_ID}/createUploadSession")):
        options = UploadOptions(single_put_bytes=len(CONTENT))
        there = file(samples, content)
        driver = script((f"GET {ROOT}:/x/a.csv", there), (action, stale()), read(there))
        with pytest.raises(PreconditionFailed):
            driver.run(uploads.update(AT, MemorySource(content), expected_etag="old", options=options))
        assert driver.requests[1].headers["If-Match"] == "old"


def test_a_later_try_of_an_update_of_an_expected_version(script, samples):
    """The earlier try moved the eTag on: the same content there is success, other content is not."""
    for there in (CONTENT, OTHER):
        refused = () if there is CONTENT else (put_by_id(stale()), read(file(samples, there)))
        driver = script((f"GET {ROOT}:/x/a.csv", file(samples, there)), *refused)
        flow = uploads.update(
            AT, MemorySource(CONTENT), expected_etag="old", open_session=OpenSession(TaskAttempt(retrying=True))
        )
        if there is CONTENT:
            assert driver.run(flow).outcome == "already_there"
        else:
            with pytest.raises(PreconditionFailed):
                driver.run(flow)


def test_an_update_of_nothing(script, samples):
    """Missing is an error, and so is a folder."""
    flow = uploads.update(AT, MemorySource(CONTENT))
    with pytest.raises(ItemNotFound):
        script(*[(f"GET {ROOT}:/x/a.csv", missing()), ROOT_IS_THERE] * 2, *listed(samples, "x", "b.csv")).run(flow)
    with pytest.raises(LocationError, match="is a folder, and a file is meant"):
        script((f"GET {ROOT}:/x/a.csv", samples.ok(samples.folder("a.csv")))).run(
            uploads.update(AT, MemorySource(CONTENT))
        )


@pytest.mark.parametrize("conflict", ["fail", "rename"])
def test_empty_file_whose_time_cannot_be_set_at_once(script, samples, conflict):
    """Only the time is sent again: a second file would meet the first."""
    source = MemorySource(b"", modified_at=datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC))
    set_again = (f"PATCH {BY_ID}", missing()), (f"PATCH {BY_ID}", file(samples, b"", eTag="2"))
    driver = script(put(created(samples, b""), conflict), *set_again)
    driver.run(uploads.upload(plan_of(source, conflict, options=UploadOptions(preserve_mtime=True))))
    assert [request.failures for request in driver.requests] == [0, 0, 1]


def test_session_that_is_not_created_at_once(script, samples):
    """Each further request waits longer."""
    driver = script(*[(opened(samples)[0], missing())] * 2, opened(samples), sent(created(samples)))
    driver.run(uploads.upload(plan_of(CONTENT, options=UploadOptions(single_put_bytes=0))))
    assert [request.failures for request in driver.requests if request.method == "POST"] == [0, 1, 2]
