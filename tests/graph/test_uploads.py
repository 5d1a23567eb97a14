"""Flows that put content into a drive, with answers written by hand."""

from __future__ import annotations

import pytest

from airflow_provider_onedrive.graph import uploads
from airflow_provider_onedrive.graph.errors import (
    AccessDenied,
    BadRequest,
    DriveNotFound,
    ItemNotFound,
    LocationError,
    Locked,
    NameAlreadyExists,
    OneDriveError,
    PreconditionFailed,
    QuotaExceeded,
    RangeNotSatisfiable,
    ServiceUnavailable,
    SourceChanged,
    Throttled,
    Unauthenticated,
)
from airflow_provider_onedrive.graph.locations import Location, address_of
from airflow_provider_onedrive.graph.messages import OutcomeUnknown, Repeat, Response
from airflow_provider_onedrive.graph.sources import source_of
from airflow_provider_onedrive.graph.uploads import FRAGMENT_BYTES, SINGLE_PUT_BYTES, Upload

CONFLICT = "@microsoft.graph.conflictBehavior"
ROOT = "/drives/d/root"
AT = address_of(Location("drives", ("d",), ("x", "a.csv")), None)
THROUGH = "/drives/D/items/P:/a.csv"
CONTENT = b"a,b\n1,2\n"
LARGE = bytes(range(256)) * (SINGLE_PUT_BYTES // 256) + b"end"
HUGE = bytes(2 * FRAGMENT_BYTES) + b"end"
UP = "https://up.example/s"
GONE = Response(204, {})


def missing() -> ItemNotFound:
    return ItemNotFound("The upload session was not found", status=404)


def taken() -> NameAlreadyExists:
    return NameAlreadyExists("The specified item name already exists.", status=409)


def stale() -> PreconditionFailed:
    return PreconditionFailed("ETag does not match current item's value", status=412)


def lost() -> OutcomeUnknown:
    return OutcomeUnknown(ServiceUnavailable("No answer came"))


def upload_of(content: bytes, conflict: str = "fail", **more):
    return uploads.upload(Upload(AT.through("D", "P"), source_of(content), conflict, **more))


def put(answer, conflict: str = "fail"):
    return f"PUT {THROUGH}:/content?{CONFLICT}={conflict}", answer


def look(answer, name: str = "a.csv"):
    return f"GET /drives/D/items/P:/{name}", answer


def drive():
    return "GET /drives/D/root?$select=id", Response(200, {}, {"id": "R"})


def opened(samples, number: int = 1):
    return f"POST {THROUGH}:/createUploadSession", samples.session(f"{UP}{number}")


def sent(answer, number: int = 1):
    return f"PUT {UP}{number}", answer


def asked(answer, number: int = 1):
    return f"GET {UP}{number}", answer


def cancelled(answer: Response | OneDriveError = GONE, number: int = 1):
    return f"DELETE {UP}{number}", answer


def created(samples, content: bytes = CONTENT, name: str = "a.csv", status: int = 201):
    return samples.ok(samples.file(name, content, parent="/x"), status)


def ranges(talk) -> list[str]:
    return [request.headers["Content-Range"] for request in talk.requests if "Content-Range" in request.headers]


# --- where it goes


def test_the_folder_comes_first(script, samples):
    """The parent is resolved before anything is sent, and the file goes through its id."""
    talk = script((f"GET {ROOT}:/x", samples.ok(samples.folder("x"))), put(created(samples)))
    item = talk.run(uploads.create(AT, source_of(CONTENT), "fail"))
    assert (item.location, item.outcome) == ("drives/d/x/a.csv", "created")


def test_a_missing_folder_is_not_made_silently(script):
    """Graph's PUT would create the folder; without create_folders it is an error and nothing is sent."""
    talk = script((f"GET {ROOT}:/x", missing()), (f"GET {ROOT}?$select=id", Response(200, {}, {})))
    with pytest.raises(ItemNotFound, match="find the folder drives/d/x/"):
        talk.run(uploads.create(AT, source_of(CONTENT), "fail"))


def test_a_missing_folder_is_made_on_demand(script, samples):
    """With create_folders the folder is created, then the file in it."""
    talk = script(
        (f"GET {ROOT}:/x", missing()),
        (f"GET {ROOT}?$select=id", Response(200, {}, {})),
        (f"GET {ROOT}", samples.ok(samples.root())),
        ("POST /drives/D/items/R/children", samples.ok(samples.folder("x"), 201)),
        put(created(samples)),
    )
    assert talk.run(uploads.create(AT, source_of(CONTENT), "fail", create_folders=True)).outcome == "created"


def test_a_file_where_the_folder_should_be(script, samples):
    """A file on the way is an error, and nothing is sent."""
    with pytest.raises(LocationError, match="is a file, and a folder is meant"):
        script((f"GET {ROOT}:/x", samples.ok(samples.file("x")))).run(uploads.create(AT, source_of(CONTENT), "replace"))


# --- one PUT


@pytest.mark.parametrize(
    ("conflict", "status", "name", "outcome"),
    [
        ("fail", 201, "a.csv", "created"),
        ("replace", 201, "a.csv", "created"),
        ("replace", 200, "a.csv", "replaced"),
        ("replace", 200, "A.csv", "replaced"),
        ("rename", 201, "a.csv", "created"),
        ("rename", 201, "a 1.csv", "renamed"),
    ],
)
def test_what_became_of_it(script, samples, conflict, *, status, name, outcome):
    """Graph decides about a taken name, and its answer says what it did."""
    talk = script(put(created(samples, name=name, status=status), conflict))
    assert talk.run(upload_of(CONTENT, conflict)).outcome == outcome
    assert talk.bodies == [CONTENT]
    assert not talk.last.preauthorized
    assert talk.last.headers == {"Content-Type": "application/octet-stream"}


@pytest.mark.parametrize(
    ("conflict", "if_match", "repeat"),
    [
        ("fail", None, Repeat.IF_REFUSED),
        ("rename", None, Repeat.IF_REFUSED),
        ("replace", None, Repeat.ALWAYS),
        ("replace", '"{F},1"', Repeat.IF_REFUSED),
    ],
)
def test_what_may_be_sent_twice(script, samples, conflict, if_match, repeat):
    """A create sent twice would meet its own file, a rename leave two, a conditional replace be refused."""
    talk = script(put(created(samples), conflict))
    talk.run(upload_of(CONTENT, conflict, if_match=if_match))
    assert talk.last.repeat is repeat
    assert talk.last.headers.get("If-Match") == if_match


@pytest.mark.parametrize("conflict", ["fail", "replace", "rename"])
def test_an_empty_file_is_one_put(script, samples, conflict):
    """An upload session cannot make an empty file."""
    talk = script(put(created(samples, b""), conflict))
    assert talk.run(upload_of(b"", conflict)).size == 0
    assert talk.last.body_bytes == 0
    assert talk.last.body is not None


def test_the_largest_single_put(script, samples):
    """Up to the threshold it is one PUT, one byte more is a session."""
    at_most = LARGE[:SINGLE_PUT_BYTES]
    script(put(created(samples, at_most))).run(upload_of(at_most))
    more = LARGE[: SINGLE_PUT_BYTES + 1]
    script(opened(samples), sent(created(samples, more))).run(upload_of(more))


def test_a_taken_name(script, samples):
    """With fail a taken name is an error, also when the same content is there: somebody else put it there."""
    for content in (CONTENT, b"other"):
        talk = script(put(taken()), look(created(samples, content)))
        with pytest.raises(NameAlreadyExists):
            talk.run(upload_of(CONTENT))


@pytest.mark.parametrize(("content", "parent"), [(CONTENT, CONTENT), (b"", b"")])
def test_a_taken_name_on_a_later_try(script, samples, content, parent):
    """A later try that finds what the earlier one put there has succeeded."""
    talk = script(put(taken()), look(created(samples, parent)))
    assert talk.run(upload_of(content, retrying=True)).outcome == "already_there"


@pytest.mark.parametrize("there", [b"other", CONTENT[:-1] + b"3", b""])
def test_a_name_taken_by_something_else_on_a_later_try(script, samples, there):
    """Other content, though of the same length, is somebody else's, and the name stays taken."""
    with pytest.raises(NameAlreadyExists):
        script(put(taken()), look(created(samples, there))).run(upload_of(CONTENT, retrying=True))


def test_a_name_whose_owner_went(script):
    """Taken, and gone when we look: the refusal stands."""
    with pytest.raises(NameAlreadyExists):
        script(put(taken()), look(missing()), drive()).run(upload_of(CONTENT, retrying=True))


@pytest.mark.parametrize("conflict", ["fail", "replace"])
@pytest.mark.parametrize("refusal", [taken(), BadRequest("Cannot create an upload session on a folder", status=400)])
def test_a_folder_of_that_name(script, samples, conflict, refusal):
    """A folder has the file's name: the error says so and what to write."""
    folder = samples.ok(samples.folder("a.csv"))
    talk = script(put(refusal, conflict), look(folder))
    with pytest.raises(LocationError, match=r"A folder named 'a.csv' is there. End the location in '/'"):
        talk.run(upload_of(CONTENT, conflict))
    session = script((opened(samples)[0], refusal), look(folder))
    with pytest.raises(LocationError, match=r"A folder named 'a.csv' is there"):
        session.run(upload_of(LARGE, conflict))


def test_a_refusal_for_another_reason(script):
    """A 400 about something else is passed on."""
    with pytest.raises(BadRequest, match="pathIsTooLong"):
        script(put(BadRequest("no", inner_code="pathIsTooLong")), look(missing()), drive()).run(upload_of(CONTENT))


@pytest.mark.parametrize("error", [AccessDenied("x"), Locked("x"), QuotaExceeded("x"), Throttled("x"), missing()])
def test_a_refusal_that_needs_no_look(script, error):
    """What is no question of names is passed on as it is."""
    with pytest.raises(type(error)):
        script(put(error)).run(upload_of(CONTENT))


# --- one PUT whose answer was lost


@pytest.mark.parametrize(("conflict", "outcome"), [("fail", "created"), ("rename", "created"), ("replace", "replaced")])
def test_an_answer_that_was_lost(script, samples, conflict, outcome):
    """The name holds our content: it was done."""
    more = {"if_match": '"{F},1"'} if conflict == "replace" else {}
    talk = script(put(lost(), conflict), look(created(samples)))
    assert talk.run(upload_of(CONTENT, conflict, **more)).outcome == outcome


def test_a_rename_whose_answer_was_lost(script, samples):
    """The next free name holds our content: it was done under that."""
    talk = script(
        put(lost(), "rename"),
        look(created(samples, b"other")),
        look(created(samples, b"another", "a 1.csv"), "a%201.csv"),
        look(created(samples, CONTENT, "a 2.csv"), "a%202.csv"),
    )
    item = talk.run(upload_of(CONTENT, "rename"))
    assert (item.name, item.outcome) == ("a 2.csv", "renamed")


@pytest.mark.parametrize("conflict", ["fail", "rename", "replace"])
def test_an_answer_that_was_lost_and_nothing_done(script, samples, conflict):
    """Nothing of ours is there: it is sent again, now as one who would recognise his own file."""
    more = {"if_match": '"{F},1"'} if conflict == "replace" else {}
    nothing = [look(created(samples, b"old"))] if conflict == "replace" else [look(missing()), drive()]
    talk = script(put(lost(), conflict), *nothing, put(created(samples), conflict))
    assert talk.run(upload_of(CONTENT, conflict, **more)).outcome == "created"
    assert talk.bodies[-1] == CONTENT
    assert talk.last.repeat is (Repeat.IF_REFUSED if conflict == "rename" else Repeat.ALWAYS)


@pytest.mark.parametrize(("conflict", "refusal"), [("fail", taken()), ("replace", stale())])
def test_a_lost_put_that_came_late(script, samples, conflict, refusal):
    """The first PUT takes effect after we looked: the second one is refused, and the file is ours."""
    more = {"if_match": '"{F},1"'} if conflict == "replace" else {}
    talk = script(put(lost(), conflict), look(missing()), drive(), put(refusal, conflict), look(created(samples)))
    assert talk.run(upload_of(CONTENT, conflict, **more)).outcome == "already_there"


@pytest.mark.parametrize(("conflict", "refusal"), [("fail", taken()), ("replace", stale())])
def test_a_lost_answer_and_other_content(script, samples, conflict, refusal):
    """Somebody else's content is there: Graph is asked again, and its refusal is the error."""
    more = {"if_match": '"{F},1"'} if conflict == "replace" else {}
    other = look(created(samples, b"other"))
    talk = script(put(lost(), conflict), other, put(refusal, conflict), other)
    with pytest.raises(type(refusal)):
        talk.run(upload_of(CONTENT, conflict, **more))


def test_answers_that_are_lost_again_and_again(script):
    """A rename is sent three times at most, and the last loss is the error."""
    with pytest.raises(OutcomeUnknown) as caught:
        script(*[put(lost(), "rename"), look(missing()), drive()] * 3).run(upload_of(CONTENT, "rename"))
    assert type(caught.value.cause) is ServiceUnavailable


@pytest.mark.parametrize("conflict", ["fail", "rename", "replace"])
def test_a_later_try_of_a_rename_looks_first(script, samples, conflict):
    """Only a rename would leave a second copy; it looks before it sends."""
    if conflict == "rename":
        talk = script(look(created(samples, b"other")), look(created(samples, CONTENT, "a 1.csv"), "a%201.csv"))
        assert talk.run(upload_of(CONTENT, conflict, retrying=True)).outcome == "already_there"
    else:
        talk = script(put(created(samples), conflict))
        assert talk.run(upload_of(CONTENT, conflict, retrying=True)).outcome == "created"


def test_a_later_try_of_a_rename_that_finds_nothing(script, samples):
    """Where the earlier try left nothing the later one sends."""
    talk = script(look(missing()), drive(), put(created(samples), "rename"))
    assert talk.run(upload_of(CONTENT, "rename", retrying=True)).outcome == "created"


# --- update


def test_an_update_goes_by_id(script, samples):
    """An update replaces the file that was looked at: gone meanwhile is an error, not a new file."""
    talk = script(
        (f"GET {ROOT}:/x/a.csv", created(samples, status=200)),
        ("PUT /drives/D/items/F/content", created(samples, status=200)),
    )
    assert talk.run(uploads.update(AT, source_of(CONTENT))).outcome == "replaced"
    assert talk.last.repeat is Repeat.ALWAYS


def test_an_update_keeps_the_files_own_name(script, samples):
    """A file found under another spelling of its name is replaced, not renamed."""
    file = created(samples, name="A.CSV", status=200)
    talk = script((f"GET {ROOT}:/x/a.csv", file), ("PUT /drives/D/items/F/content", file))
    assert talk.run(uploads.update(AT, source_of(CONTENT))).outcome == "replaced"


def test_an_update_of_an_expected_version(script, samples):
    """With an eTag Graph compares, and the refusal is passed on."""
    for content in (CONTENT, LARGE):
        action = "PUT /drives/D/items/F/content" if content is CONTENT else "POST /drives/D/items/F/createUploadSession"
        file = created(samples, content, status=200)
        talk = script((f"GET {ROOT}:/x/a.csv", file), (action, stale()), ("GET /drives/D/items/F", file))
        with pytest.raises(PreconditionFailed):
            talk.run(uploads.update(AT, source_of(content), expected_etag="old"))
        assert talk.requests[1].headers["If-Match"] == "old"


def test_a_later_try_of_an_update_of_an_expected_version(script, samples):
    """The earlier try moved the eTag on: the same content there is success, other content is not."""
    talk = script(
        (f"GET {ROOT}:/x/a.csv", created(samples, status=200)),
        ("PUT /drives/D/items/F/content", stale()),
        ("GET /drives/D/items/F", created(samples, status=200)),
    )
    flow = uploads.update(AT, source_of(CONTENT), expected_etag="old", retrying=True)
    assert talk.run(flow).outcome == "already_there"


def test_an_update_of_nothing(script, samples):
    """Missing is an error, and so is a folder."""
    with pytest.raises(ItemNotFound):
        script((f"GET {ROOT}:/x/a.csv", missing()), (f"GET {ROOT}?$select=id", Response(200, {}, {}))).run(
            uploads.update(AT, source_of(CONTENT))
        )
    with pytest.raises(LocationError, match="is a folder, and a file is meant"):
        script((f"GET {ROOT}:/x/a.csv", samples.ok(samples.folder("a.csv")))).run(
            uploads.update(AT, source_of(CONTENT))
        )


# --- upload session


@pytest.mark.parametrize("conflict", ["fail", "replace", "rename"])
def test_fragments(script, samples, conflict):
    """Fragments follow each other, each but the last a multiple of 320 KiB, and go without a token."""
    talk = script(
        opened(samples),
        sent(samples.expects(f"{FRAGMENT_BYTES}-")),
        sent(samples.expects(f"{2 * FRAGMENT_BYTES}-{len(HUGE) - 1}")),
        sent(created(samples, HUGE)),
    )
    assert talk.run(upload_of(HUGE, conflict)).outcome == "created"
    assert talk.requests[0].json == {"item": {CONFLICT: conflict}}
    assert not talk.requests[0].preauthorized
    size, total = FRAGMENT_BYTES, len(HUGE)
    assert ranges(talk) == [
        f"bytes 0-{size - 1}/{total}",
        f"bytes {size}-{2 * size - 1}/{total}",
        f"bytes {2 * size}-{total - 1}/{total}",
    ]
    assert b"".join(talk.bodies) == HUGE
    assert all(request.preauthorized and request.repeat is Repeat.ALWAYS for request in talk.requests[1:])
    assert FRAGMENT_BYTES % (320 * 1024) == 0


@pytest.mark.parametrize("length", [FRAGMENT_BYTES, 2 * FRAGMENT_BYTES])
def test_a_whole_number_of_fragments(script, samples, length):
    """There is no empty fragment at the end."""
    content = HUGE[:length]
    steps = [sent(samples.expects(f"{end}-")) for end in range(FRAGMENT_BYTES, length, FRAGMENT_BYTES)]
    talk = script(opened(samples), *steps, sent(created(samples, content)))
    talk.run(upload_of(content))
    assert ranges(talk)[-1] == f"bytes {length - FRAGMENT_BYTES}-{length - 1}/{length}"


def test_an_expected_version_by_session(script, samples):
    """The eTag is compared when the session is made."""
    talk = script(opened(samples), sent(created(samples, LARGE, status=200)))
    item = talk.run(upload_of(LARGE, "replace", if_match='"{F},1"'))
    assert item.outcome == "replaced"
    assert talk.requests[0].headers == {"If-Match": '"{F},1"'}


@pytest.mark.parametrize("start", [FRAGMENT_BYTES, 123_457, 1])
def test_the_session_says_where_to_go_on(script, samples, start):
    """After 416 the session is asked, and it goes on where the session says, unaligned too."""
    talk = script(
        opened(samples),
        sent(RangeNotSatisfiable("overlap", status=416)),
        asked(samples.expects(f"{start}-{len(HUGE) - 1}")),
        sent(samples.expects(f"{len(HUGE) - 3}-")),
        sent(created(samples, HUGE)),
    )
    talk.run(upload_of(HUGE))
    end = min(start + FRAGMENT_BYTES, len(HUGE))
    assert ranges(talk)[1] == f"bytes {start}-{end - 1}/{len(HUGE)}"
    assert talk.bodies[3] == HUGE[start:end]
    assert talk.requests[2].preauthorized


def test_an_accepted_fragment_says_where_to_go_on(script, samples):
    """The client's own count is not trusted: the answer's is."""
    talk = script(opened(samples), sent(samples.expects("7-")), sent(created(samples, LARGE)))
    talk.run(upload_of(LARGE))
    assert ranges(talk)[1] == f"bytes 7-{len(LARGE) - 1}/{len(LARGE)}"


@pytest.mark.parametrize(
    "problem", [missing(), AccessDenied("expired", status=403), Unauthenticated("expired", status=401)]
)
def test_a_session_that_was_committed(script, samples, problem):
    """The session is gone and the file is there: the answer of the last fragment was lost."""
    talk = script(opened(samples), sent(problem), look(created(samples, LARGE)))
    assert talk.run(upload_of(LARGE)).outcome == "created"


def test_a_session_that_was_committed_as_asked(script, samples):
    """A session that holds no file and wants no bytes has been committed."""
    talk = script(
        opened(samples), sent(RangeNotSatisfiable("overlap")), asked(samples.expects()), look(created(samples, LARGE))
    )
    assert talk.run(upload_of(LARGE)).outcome == "created"


def test_a_session_that_expired(script, samples):
    """The session is gone and so is what it held: a new one starts from the first byte."""
    talk = script(
        opened(samples),
        sent(samples.expects(f"{FRAGMENT_BYTES}-")),
        sent(missing()),
        look(missing()),
        drive(),
        opened(samples, 2),
        sent(samples.expects(f"{FRAGMENT_BYTES}-"), 2),
        sent(samples.expects(f"{2 * FRAGMENT_BYTES}-"), 2),
        sent(created(samples, HUGE), 2),
    )
    assert talk.run(upload_of(HUGE)).outcome == "created"
    assert ranges(talk)[2] == f"bytes 0-{FRAGMENT_BYTES - 1}/{len(HUGE)}"


def test_a_session_that_is_gone_when_asked(script, samples):
    """404 of the status is a lost session too."""
    talk = script(
        opened(samples),
        sent(RangeNotSatisfiable("overlap")),
        asked(missing()),
        look(created(samples, b"other")),
        opened(samples, 2),
        sent(created(samples, LARGE, status=200), 2),
    )
    assert talk.run(upload_of(LARGE, "replace")).outcome == "replaced"


def test_sessions_that_are_lost_again_and_again(script, samples):
    """After three lost sessions it is an error that a later try may cure."""
    steps = [(opened(samples, n), sent(missing(), n), look(missing()), drive()) for n in (1, 2, 3)]
    with pytest.raises(ServiceUnavailable, match="3 upload sessions were lost"):
        script(*(step for each in steps for step in each)).run(upload_of(LARGE))


def test_a_session_that_stands_still(script, samples):
    """A session that wants the same bytes again and again is given up, not sent to for ever."""
    stuck = [sent(RangeNotSatisfiable("no")), asked(samples.expects("0-"))] * 5
    talk = script(
        opened(samples), *stuck, look(missing()), drive(), opened(samples, 2), sent(created(samples, LARGE), 2)
    )
    assert talk.run(upload_of(LARGE)).outcome == "created"


def test_a_name_that_was_taken_meanwhile(script, samples):
    """Refused at the commit the session is deleted, so that it does not block the name, and the refusal raised."""
    talk = script(opened(samples), sent(taken()), cancelled(), look(created(samples, b"other")))
    with pytest.raises(NameAlreadyExists):
        talk.run(upload_of(LARGE))
    assert talk.requests[2].preauthorized


def test_a_later_try_whose_file_was_committed(script, samples):
    """The earlier try's file has the name: a later try by session has succeeded too."""
    talk = script((opened(samples)[0], taken()), look(created(samples, LARGE)))
    assert talk.run(upload_of(LARGE, retrying=True)).outcome == "already_there"


@pytest.mark.parametrize(
    "error", [ServiceUnavailable("x", status=503), Throttled("x"), QuotaExceeded("x"), Locked("x"), SourceChanged("x")]
)
@pytest.mark.parametrize("answer", [GONE, ServiceUnavailable("x"), missing()])
def test_an_upload_that_fails_leaves_no_session(script, samples, error, answer):
    """Whatever ends it, the session is deleted; failing at that changes nothing."""
    with pytest.raises(type(error)):
        script(opened(samples), sent(error), cancelled(answer)).run(upload_of(LARGE))


@pytest.mark.parametrize("error", [QuotaExceeded("x"), AccessDenied("x"), Throttled("x"), missing()])
def test_a_session_that_is_refused(script, samples, error):
    """Where there is no session there is nothing to delete."""
    with pytest.raises(type(error)):
        script((opened(samples)[0], error)).run(upload_of(LARGE))


def test_a_lost_session_in_a_missing_drive(script, samples):
    """When even the drive is gone there is no other session."""
    gone = ("GET /drives/D/root?$select=id", missing())
    with pytest.raises(DriveNotFound):
        script(opened(samples), sent(missing()), look(missing()), gone).run(upload_of(LARGE))


def test_a_rename_by_session(script, samples):
    """A rename means the same at every size."""
    talk = script(opened(samples), sent(created(samples, LARGE, "a 1.csv")))
    assert talk.run(upload_of(LARGE, "rename")).outcome == "renamed"
