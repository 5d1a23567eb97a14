"""Flows of an upload session, with answers written by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from asking_nothing import no_drive
from upload_steps import (
    AT,
    BY_ID,
    CONFLICT,
    IN_UNITS,
    LARGE,
    UP,
    asked,
    cancelled,
    committed,
    created,
    failed,
    look_up,
    lost,
    missing,
    nothing,
    opened,
    plan_of,
    ranges,
    sent,
    stale,
    taken,
    units,
)

from airflow_provider_onedrive.graph.content.sources import MemorySource
from airflow_provider_onedrive.graph.flows import uploads
from airflow_provider_onedrive.graph.flows.session_state import OpenSession
from airflow_provider_onedrive.graph.flows.sessions import FRAGMENT_BYTES, QUOTA_CHECK_BYTES, FragmentSize, cancellation
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    BadRequest,
    DriveNotFound,
    ItemNotFound,
    Locked,
    NameAlreadyExists,
    NameHeld,
    NotSupported,
    PreconditionFailed,
    QuotaExceeded,
    RangeNotSatisfiable,
    ServiceUnavailable,
    SourceChanged,
    Throttled,
    Unauthenticated,
    VerificationFailed,
)
from airflow_provider_onedrive.graph.protocol.messages import OutcomeUnknown, Repeat, Response
from airflow_provider_onedrive.graph.protocol.models import UploadSession
from airflow_provider_onedrive.graph.protocol.options import MAX_FRAGMENT_BYTES, UNIT_BYTES, UploadOptions

TOTAL = len(LARGE)
QUOTA = "GET /drives/D?$select=quota"
REFUSED = [AccessDenied("expired", status=403), Unauthenticated("expired", status=401), missing()]


def locked() -> Locked:
    return Locked("The file is open", status=423)


def upload_of(content: bytes = LARGE, conflict: str = "fail", **more):
    return uploads.upload(plan_of(content, conflict, **{"options": IN_UNITS, **more}))


def accepted(samples, start: int, number: int = 1):
    """A fragment is taken, and the next one is to begin at this unit."""
    return sent(samples.expects(f"{start * UNIT_BYTES}-{TOTAL - 1}"), number)


def stands_at(samples, start: int, number: int = 1):
    """The session says that it wants to go on at this unit."""
    return asked(samples.expects(f"{start * UNIT_BYTES}-{TOTAL - 1}"), number)


def whole(samples, number: int = 1, answer: Response | Exception | None = None):
    """A session and all its fragments."""
    last = sent(answer or created(samples, LARGE), number)
    return opened(samples, number), accepted(samples, 1, number), accepted(samples, 2, number), last


# --- fragments


@pytest.mark.parametrize("conflict", ["fail", "replace", "rename"])
def test_fragments(script, samples, conflict):
    """Fragments follow each other, each but the last a multiple of 320 KiB, and go without a token."""
    driver = script(*whole(samples))
    assert driver.run(upload_of(conflict=conflict)).outcome == "created"
    assert driver.requests[0].json == {"item": {CONFLICT: conflict}}
    assert not driver.requests[0].preauthorized
    assert ranges(driver) == units(0, 1, 2, None)
    assert b"".join(driver.bodies) == LARGE
    assert all(request.preauthorized for request in driver.requests[1:])


def test_no_fragment_is_sent_twice_blindly(script, samples):
    """Where nobody knows what became of one the session is asked, so the driver repeats none by itself."""
    driver = script(*whole(samples))
    driver.run(upload_of())
    assert {request.repeat for request in driver.requests[1:]} == {Repeat.IF_REFUSED}
    assert not any(request.waits_for_lock for request in driver.requests[1:])


@pytest.mark.parametrize("count", [1, 2])
def test_a_whole_number_of_fragments(script, samples, count):
    """There is no empty fragment at the end."""
    content = LARGE[: count * UNIT_BYTES]
    steps = [sent(samples.expects(f"{end * UNIT_BYTES}-")) for end in range(1, count)]
    driver = script(opened(samples), *steps, sent(created(samples, content)))
    driver.run(upload_of(content))
    assert len(ranges(driver)) == count


def test_an_expected_version(script, samples):
    """The eTag is compared when the session is made."""
    driver = script(*whole(samples, answer=created(samples, LARGE, status=200)))
    assert driver.run(upload_of(conflict="replace", if_match='"{F},1"')).outcome == "replaced"
    assert driver.requests[0].headers == {"If-Match": '"{F},1"'}


def test_a_rename(script, samples):
    """A rename means the same at every size."""
    driver = script(*whole(samples, answer=created(samples, LARGE, "a 1.csv")))
    assert driver.run(upload_of(conflict="rename")).outcome == "renamed"


def test_the_time_of_the_source(script, samples):
    """A session always says the source's modification time, in whole seconds of UTC."""
    source = MemorySource(LARGE, modified_at=datetime(2024, 1, 2, 3, 4, 5, 678, tzinfo=UTC))
    driver = script(*whole(samples))
    driver.run(upload_of(source))
    assert driver.requests[0].json["item"]["fileSystemInfo"] == {"lastModifiedDateTime": "2024-01-02T03:04:05Z"}


def test_the_hash_of_a_session_is_compared(script, samples):
    """What a session made of other bytes is sent once more, into a session of its own."""
    wrong = created(samples, LARGE[::-1])
    again = [opened(samples, 2, BY_ID), *whole(samples, 2, wrong)[1:]]
    with pytest.raises(VerificationFailed):
        script(*whole(samples, answer=wrong), *again).run(upload_of())


# --- how large they are


def test_fragments_grow_on_a_fast_line():
    """Each quick fragment doubles the next, up to the largest that Graph takes."""
    size = FragmentSize(None)
    seen = []
    for _ in range(5):
        seen.append(size.bytes)
        size.passed(0.5)
    assert seen == [FRAGMENT_BYTES, 2 * FRAGMENT_BYTES, 4 * FRAGMENT_BYTES, *[MAX_FRAGMENT_BYTES] * 2]


def test_fragments_stay_on_a_slow_line():
    """One that took long is no reason for a larger one."""
    size = FragmentSize(None)
    size.passed(30.0)
    assert size.bytes == FRAGMENT_BYTES


def test_fragments_of_a_given_size_stay_so():
    """Whoever says how large they are has it so."""
    size = FragmentSize(UNIT_BYTES)
    size.passed(0.1)
    assert size.bytes == UNIT_BYTES


def test_fragments_shrink_when_the_service_gives_up():
    """They halve in whole units down to one, and do not grow again."""
    size = FragmentSize(5 * UNIT_BYTES)
    seen = []
    for _ in range(4):
        size.timed_out()
        size.passed(0.1)
        seen.append(size.bytes // UNIT_BYTES)
    assert seen == [2, 1, 1, 1]


def test_a_fragment_that_takes_too_long(script, samples):
    """After a 504 the session is asked, and the next fragment is smaller."""
    options = UploadOptions(single_put_bytes=0, fragment_bytes=2 * UNIT_BYTES)
    driver = script(opened(samples), sent(lost(504)), stands_at(samples, 0), *whole(samples)[1:])
    driver.run(upload_of(options=options))
    assert ranges(driver)[1:] == units(0, 1, 2, None)


def test_fragments_grow_as_they_are_sent(script, samples):
    """The time that a fragment took decides about the next."""
    content = bytes(3 * FRAGMENT_BYTES)
    driver = script(opened(samples), sent(samples.expects(f"{FRAGMENT_BYTES}-")), sent(created(samples, content)))
    driver.run(upload_of(content, options=UploadOptions()))
    assert [len(body) for body in driver.bodies] == [0, FRAGMENT_BYTES, 2 * FRAGMENT_BYTES]


# --- where a session goes on


@pytest.mark.parametrize("problem", [RangeNotSatisfiable("overlap", status=416), lost(), lost(500), *REFUSED], ids=repr)
@pytest.mark.parametrize("start", [0, UNIT_BYTES, 123_457])
def test_the_session_says_where_to_go_on(script, samples, problem, start):
    """Whatever came in between, the session is asked and gets only what it lacks, from an odd byte too."""
    at_start = samples.expects(f"{start}-{TOTAL - 1}")
    second = samples.expects(f"{TOTAL - 3}-")
    driver = script(opened(samples), sent(problem), asked(at_start), sent(second), sent(created(samples, LARGE)))
    driver.run(upload_of())
    assert ranges(driver)[1] == f"bytes {start}-{start + UNIT_BYTES - 1}/{TOTAL}"
    assert driver.bodies[3] == LARGE[start : start + UNIT_BYTES]
    assert driver.requests[2].preauthorized
    assert driver.requests[3].failures == (0 if start else 1)


def test_an_accepted_fragment_says_where_to_go_on(script, samples):
    """The client's own count is not trusted: the answer's is."""
    seven, rest = samples.expects("7-"), samples.expects(f"{UNIT_BYTES + 7}-")
    driver = script(opened(samples), sent(seven), sent(rest), sent(created(samples, LARGE)))
    driver.run(upload_of())
    assert ranges(driver)[1] == f"bytes 7-{UNIT_BYTES + 6}/{TOTAL}"


def test_a_session_that_is_not_visible_yet(script, samples):
    """404 right after its creation: it is asked again, a little later each time, and then it goes on."""
    driver = script(
        opened(samples), sent(missing()), *[asked(missing())] * 3, stands_at(samples, 0), *whole(samples)[1:]
    )
    assert driver.run(upload_of()).outcome == "created"
    assert [request.failures for request in driver.requests if request.method == "GET"] == [0, 1, 2, 3]


def test_a_session_that_never_becomes_visible(script, samples):
    """After some looks it is taken for lost, and there is another."""
    driver = script(opened(samples), sent(missing()), *[asked(missing())] * 5, *nothing(), *whole(samples, 2))
    assert driver.run(upload_of()).outcome == "created"


@pytest.mark.parametrize("problem", REFUSED, ids=repr)
def test_a_session_that_expired(script, samples, problem):
    """The session has answered before and is gone: a new one starts from the first byte."""
    driver = script(
        *(opened(samples), accepted(samples, 1), sent(problem), asked(problem), *nothing()),
        *whole(samples, 2),
    )
    assert driver.run(upload_of()).outcome == "created"
    assert ranges(driver)[2] == units(0, 1)[0]


@pytest.mark.parametrize("problem", REFUSED[:2], ids=repr)
def test_an_upload_url_that_expired_at_once(script, samples, problem):
    """401 and 403 of both fragment and status are no matter of waiting."""
    driver = script(opened(samples), sent(problem), asked(problem), *nothing(), *whole(samples, 2))
    assert driver.run(upload_of()).outcome == "created"


def test_sessions_that_are_lost_again_and_again(script, samples):
    """After three lost sessions it is an error that a later try may cure."""
    denied = AccessDenied("expired", status=403)
    steps = [(opened(samples, n), sent(denied, n), asked(denied, n), *nothing()) for n in (1, 2, 3)]
    with pytest.raises(ServiceUnavailable, match="3 upload sessions were lost one after the other: expired"):
        script(*(step for each in steps for step in each)).run(upload_of())


def test_a_lost_session_in_a_missing_drive(script, samples):
    """When even the drive is gone there is no other session."""
    lost = opened(samples), accepted(samples, 1), sent(missing()), asked(missing()), look_up(missing())
    with pytest.raises(DriveNotFound):
        script(*lost, *no_drive(missing())).run(upload_of())


def test_a_session_that_stands_still(script, samples):
    """A session that wants the same bytes again and again is given up with what came in between."""
    stuck = [sent(RangeNotSatisfiable("no", status=416)), stands_at(samples, 0)] * 7
    driver = script(opened(samples), *stuck)
    with pytest.raises(RangeNotSatisfiable):
        driver.run(upload_of())
    assert [request.failures for request in driver.requests if request.method == "PUT"] == [0, 1, 2, 3, 4, 5, 6]


def test_a_session_that_takes_nothing_and_says_nothing(script, samples):
    """Accepted fragments without progress end too: that session is lost."""
    still = [sent(samples.expects("0-"))] * 7
    driver = script(opened(samples), *still, *nothing(), *whole(samples, 2))
    assert driver.run(upload_of()).outcome == "created"


def test_failures_are_forgotten_when_something_arrives(script, samples):
    """Only failures in a row count: a bad line may lose a connection with every fragment."""
    trouble = [sent(lost()), stands_at(samples, 0)] * 6
    more = [sent(lost()), stands_at(samples, 1)] * 6
    driver = script(opened(samples), *trouble, accepted(samples, 1), *more, *whole(samples)[2:])
    assert driver.run(upload_of()).outcome == "created"


# --- the last fragment


@pytest.mark.parametrize("conflict", ["fail", "replace"])
def test_a_commit_whose_answer_was_lost(script, samples, conflict):
    """The session is gone and the file is there with our hash: it was committed."""
    driver = script(*whole(samples, answer=lost()), asked(missing()), look_up(created(samples, LARGE)))
    assert driver.run(upload_of(conflict=conflict)).outcome == ("replaced" if conflict == "replace" else "created")


def test_a_commit_whose_answer_was_lost_and_nothing_seen(script, samples):
    """The session is gone and so is what it held: a new one starts from the first byte."""
    driver = script(*whole(samples, answer=lost()), asked(missing()), *nothing(), *whole(samples, 2))
    assert driver.run(upload_of()).outcome == "created"


def test_a_first_fragment_that_is_the_last(script, samples):
    """One fragment may have become the file: 404 of its session is then no matter of waiting."""
    content = LARGE[:UNIT_BYTES]
    driver = script(opened(samples), sent(lost()), asked(missing()), look_up(created(samples, content)))
    assert driver.run(upload_of(content)).outcome == "created"


@pytest.mark.parametrize("problem", [lost(), locked(), RangeNotSatisfiable("overlap", status=416)], ids=repr)
def test_a_session_that_has_all_bytes(script, samples, problem):
    """It is committed by its URL, without sending a byte again, as the plan says."""
    driver = script(*whole(samples, answer=problem), asked(samples.expects()), committed(created(samples, LARGE)))
    assert driver.run(upload_of(conflict="replace", if_match='"{F},1"')).outcome == "created"
    commit = driver.last
    assert commit.json == {"name": "a.csv", CONFLICT: "replace", "@microsoft.graph.sourceUrl": f"{UP}1"}
    assert (commit.headers, commit.repeat) == ({"If-Match": '"{F},1"'}, Repeat.IF_REFUSED)
    assert (commit.waits_for_lock, commit.body_bytes) == (True, 0)


def test_a_fragment_that_leaves_nothing_to_send(script, samples):
    """An answer without an item that wants no more bytes is committed too."""
    driver = script(*whole(samples, answer=samples.expects()), committed(created(samples, LARGE)))
    assert driver.run(upload_of()).outcome == "created"


def test_a_locked_file_that_is_not_waited_for(script, samples):
    """With on_locked="fail" the refusal is the error at once."""
    options = UploadOptions(single_put_bytes=0, fragment_bytes=UNIT_BYTES, on_locked="fail")
    driver = script(*whole(samples, answer=locked()))
    with pytest.raises(Locked):
        driver.run(upload_of(options=options))
    assert not any(request.waits_for_lock for request in driver.requests)


def test_a_file_that_stays_locked(script, samples):
    """The driver waits some seconds for the commit; then it is the error."""
    with pytest.raises(Locked):
        script(*whole(samples, answer=locked()), asked(samples.expects()), committed(locked())).run(upload_of())


def test_an_explicit_commit_whose_answer_was_lost(script, samples):
    """The session is asked: gone it was committed, there it is committed again."""
    refused = *whole(samples, answer=locked()), asked(samples.expects())
    done = script(*refused, committed(lost()), asked(missing()), look_up(created(samples, LARGE)))
    assert done.run(upload_of()).outcome == "created"
    again = script(*refused, committed(lost()), asked(samples.expects()), committed(created(samples, LARGE)))
    assert again.run(upload_of()).outcome == "created"
    assert again.last.failures == 1


def test_explicit_commits_that_are_lost_again_and_again(script, samples):
    """After three it is an error that a later try may cure."""
    refused = *whole(samples, answer=locked()), asked(samples.expects())
    with pytest.raises(ServiceUnavailable):
        script(*refused, *[committed(lost()), asked(samples.expects())] * 3).run(upload_of())


@pytest.mark.parametrize("problem", [BadRequest("x"), NotSupported("x"), missing()], ids=repr)
def test_a_drive_that_commits_no_session(script, samples, problem):
    """Where that is refused the session is ended, and there is another."""
    refused = *whole(samples, answer=locked()), asked(samples.expects())
    driver = script(*refused, committed(problem), cancelled(), *nothing(), *whole(samples, 2))
    assert driver.run(upload_of()).outcome == "created"


# --- refusals


def test_a_name_that_was_taken_meanwhile(script, samples):
    """Refused at the commit the name is looked at, and the refusal raised."""
    with pytest.raises(NameAlreadyExists) as caught:
        script(*whole(samples, answer=taken()), look_up(created(samples, b"other"))).run(upload_of())
    assert type(caught.value) is NameAlreadyExists


def test_a_name_that_is_held(script, samples):
    """Refused although nothing can be seen, another session holds the name: a later try may succeed."""
    for refusal in (taken(), NameAlreadyExists("nameAlreadyExists", status=409)):
        with pytest.raises(NameHeld):
            script((opened(samples)[0], refusal), *[nothing()[0]] * 3).run(upload_of())


def test_a_version_that_changed_meanwhile(script, samples):
    """412 at the commit is the error where other content is there, and success where ours is on a later try."""
    by_commit = whole(samples, answer=stale())
    with pytest.raises(PreconditionFailed):
        script(*by_commit, look_up(created(samples, b"other"))).run(upload_of(conflict="replace", if_match="1"))
    driver = script(*by_commit, look_up(created(samples, LARGE)))
    assert driver.run(upload_of(conflict="replace", if_match="1", retrying=True)).outcome == "already_there"


def test_a_later_try_whose_file_was_committed(script, samples):
    """The earlier try's file has the name: a later try by session has succeeded too."""
    driver = script((opened(samples)[0], taken()), look_up(created(samples, LARGE)))
    assert driver.run(upload_of(retrying=True)).outcome == "already_there"


@pytest.mark.parametrize(
    "error", [ServiceUnavailable("x", status=503), Throttled("x"), QuotaExceeded("x"), SourceChanged("x")], ids=repr
)
def test_an_upload_that_fails_leaves_its_session_to_the_caller(script, samples, error):
    """Whatever ends it, it is known which session is open."""
    session = OpenSession()
    with pytest.raises(type(error)):
        script(opened(samples), sent(error)).run(upload_of(open_session=session))
    assert session.session.upload_url == f"{UP}1"


@pytest.mark.parametrize("error", [QuotaExceeded("x"), AccessDenied("x"), Throttled("x")], ids=repr)
def test_a_session_that_is_refused(script, samples, error):
    """Where there is no session there is nothing to end."""
    session = OpenSession()
    with pytest.raises(type(error)):
        script((opened(samples)[0], error)).run(upload_of(open_session=session))
    assert session.session is None


def test_a_session_in_a_folder_that_cannot_be_seen_yet(script, samples):
    """404 of the creation is not the end, for the folder was just read; after five times it is."""
    refused, session = (opened(samples)[0], missing()), OpenSession()
    assert script(*[refused] * 4, *whole(samples)).run(upload_of()).outcome == "created"
    with pytest.raises(ItemNotFound):
        script(*[refused] * 5).run(upload_of(open_session=session))
    assert session.session is None


def test_cancelling_is_short():
    """Whoever is about to end does not wait long for a session to be deleted."""
    request = cancellation(UploadSession(f"{UP}1", None))
    assert (request.method, request.url, request.preauthorized) == ("DELETE", f"{UP}1", True)
    assert request.timeout_seconds <= 3


# --- room


@dataclass(frozen=True)
class Zeros:
    """As large as one likes."""

    size: int
    modified_at: None = None

    def pieces(self, start, length):
        yield bytes(length)

    def fingerprint(self):
        return {"size": self.size}


def asked_for_room(script, samples, answer, size: int = QUOTA_CHECK_BYTES):
    """Play an upload to the session's creation, which is refused for another reason when it is reached."""
    steps = [(QUOTA, answer), (opened(samples)[0], Throttled("reached", status=429))]
    script(*steps).run(uploads.upload(plan_of(Zeros(size))))


@pytest.mark.parametrize(
    "quota",
    [
        *({"quota": {"remaining": QUOTA_CHECK_BYTES}}, {"quota": {"state": "normal"}}, {"quota": None}, {}),
        {"quota": {"remaining": 0, "state": "normal"}},
    ],
    ids=str,
)
def test_room_for_a_large_file(script, samples, quota):
    """Enough room, or a drive that does not say how much: it is tried."""
    with pytest.raises(Throttled, match="reached"):
        asked_for_room(script, samples, samples.ok(quota))


@pytest.mark.parametrize("problem", [AccessDenied("x"), failed(), missing()], ids=repr)
def test_whoever_may_not_ask_for_room(script, samples, problem):
    """An upload that is allowed does not fail at a question that is not."""
    with pytest.raises(Throttled, match="reached"):
        asked_for_room(script, samples, problem)


@pytest.mark.parametrize(
    "quota", [{"remaining": QUOTA_CHECK_BYTES - 1}, {"remaining": 0, "state": "exceeded"}, {"state": "exceeded"}]
)
def test_no_room_for_a_large_file(script, samples, quota):
    """Where there is surely too little nothing is sent."""
    with pytest.raises(QuotaExceeded, match=f"The file has {QUOTA_CHECK_BYTES} bytes"):
        script((QUOTA, samples.ok({"quota": quota}))).run(uploads.upload(plan_of(Zeros(QUOTA_CHECK_BYTES))))


def test_a_smaller_file_asks_for_no_room(script, samples):
    """The question would cost more than it saves."""
    with pytest.raises(Throttled):
        script((opened(samples)[0], Throttled("reached"))).run(uploads.upload(plan_of(Zeros(QUOTA_CHECK_BYTES - 1))))


def test_the_commit_of_a_file_by_its_id(script, samples):
    """A file that is replaced by its id keeps its name, which is not said again."""
    plan = replace(plan_of(LARGE, "replace", options=IN_UNITS), address=AT.by_id("D", "F"))
    driver = script(
        *(opened(samples, where=BY_ID), *whole(samples, answer=locked())[1:], asked(samples.expects())),
        (f"PUT {BY_ID}", created(samples, LARGE, status=200)),
    )
    assert driver.run(uploads.upload(plan)).outcome == "replaced"
    assert "name" not in driver.last.json


def test_an_unknown_outcome_of_the_flow_is_none(script, samples):
    """Nothing that a session cannot clear up leaves the flow as an unknown outcome."""
    with pytest.raises(ServiceUnavailable) as caught:
        script(opened(samples), *[sent(lost()), stands_at(samples, 0)] * 7).run(upload_of())
    assert not isinstance(caught.value, OutcomeUnknown)
