"""The open upload session, and how a later try goes on with it; answers written by hand."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from upload_steps import (
    AT,
    BY_ID,
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
    parent,
    plan_of,
    ranges,
    read,
    sent,
    units,
)

from airflow_provider_onedrive.graph.content.sources import MemorySource
from airflow_provider_onedrive.graph.flows import uploads
from airflow_provider_onedrive.graph.flows.session_state import STATE_VERSION, OpenSession, TaskAttempt
from airflow_provider_onedrive.graph.flows.upload_plan import Upload
from airflow_provider_onedrive.graph.protocol.errors import (
    AccessDenied,
    BadRequest,
    NameAlreadyExists,
    PreconditionFailed,
    QuotaExceeded,
    ServiceUnavailable,
    SourceChanged,
    Stopped,
    Throttled,
    VerificationFailed,
)
from airflow_provider_onedrive.graph.protocol.models import UploadSession
from airflow_provider_onedrive.graph.protocol.options import UNIT_BYTES

TOTAL = len(LARGE)
SESSION = UploadSession(f"{UP}1", None)


@dataclass
class Keeper:
    """Writes JSON down, as Airflow would; its answer to ``save`` says whether it could."""

    text: str | None = None
    is_able: bool = True
    log: list[str] = field(default_factory=list)

    def load(self) -> dict[str, Any] | None:
        state: dict[str, Any] | None = json.loads(self.text) if self.text else None
        return state

    def save(self, state) -> bool:
        self.log.append("save")
        self.text = json.dumps(state) if self.is_able else None
        return self.is_able

    def forget(self) -> None:
        self.log.append("forget")
        self.text = None


@pytest.fixture
def keeper():
    return Keeper()


def plan(keeper: Keeper, conflict: str = "replace", content: bytes = LARGE, *, another: bool = True, **more) -> Upload:
    """Plan an upload by session with what a later try would know."""
    session = OpenSession(TaskAttempt(has_another=another), keeper)
    return plan_of(content, conflict, **{"options": IN_UNITS, "open_session": session, **more})


def stands_at(samples, start: int, number: int = 1):
    return asked(samples.expects(f"{start * UNIT_BYTES}-{TOTAL - 1}"), number)


def accepted(samples, start: int, number: int = 1):
    return sent(samples.expects(f"{start * UNIT_BYTES}-{TOTAL - 1}"), number)


def whole(samples, number: int = 1):
    rest = accepted(samples, 1, number), accepted(samples, 2, number), sent(created(samples, LARGE), number)
    return opened(samples, number), *rest


def interrupted(script, samples, first: Upload) -> Upload:
    """Play a try that ends after its first fragment, and return its plan."""
    driver = script(opened(samples), accepted(samples, 1), sent(Stopped("The task was stopped")))
    with pytest.raises(Stopped):
        driver.run(uploads.upload(first))
    return first


# --- what is written down


def test_a_session_is_kept_before_its_first_fragment_leaves(script, samples, keeper):
    """Whenever the worker dies, what it sent can be found."""

    class Watched(MemorySource):
        def pieces(self, start, length):
            assert keeper.log == ["save"]
            return super().pieces(start, length)

    watched = replace(plan(keeper), source=Watched(LARGE))
    script(*whole(samples)).run(uploads.upload(watched))
    assert keeper.log == ["save", "forget"]


def test_what_is_kept(script, samples, keeper):
    """The state is JSON: its version, the URL, when it ends, and what it is for."""
    interrupted(script, samples, plan(keeper))
    state = keeper.load()
    assert (state["version"], state["upload_url"]) == (STATE_VERSION, f"{UP}1")
    assert state["expires_at"] == "2026-01-03T00:00:00+00:00"
    assert set(state["purpose"]) == {"source", "target", "options"}


@pytest.mark.parametrize("keeps", [None, "last"])
def test_nothing_is_kept_for_nobody(script, samples, keeper, keeps):
    """Without a keeper, or without another try, nothing is written down and the source is not hashed for it."""

    class Unasked(MemorySource):
        def fingerprint(self):
            raise AssertionError

    session = OpenSession(keeper=keeper if keeps else None)
    unasked = plan_of(Unasked(LARGE), options=IN_UNITS, open_session=session)
    script(*whole(samples)).run(uploads.upload(unasked))
    assert "save" not in keeper.log


# --- a later try goes on


def test_a_later_try_goes_on(script, samples, keeper, caplog):
    """It asks the session where it stands, sends what is missing, and its hash is that of the whole."""
    caplog.set_level(logging.INFO)
    interrupted(script, samples, plan(keeper))
    second = plan(keeper, another=False, retrying=True)
    driver = script(stands_at(samples, 1), accepted(samples, 2), sent(created(samples, LARGE)))
    item = driver.run(uploads.upload(second))
    assert ranges(driver) == units(1, 2, None)
    assert item.outcome == "created"
    assert second.digests.values()["quickXorHash"] == samples.hash(LARGE)
    assert (keeper.text, second.open_session.session) == (None, None)
    assert f"at byte {UNIT_BYTES} of {TOTAL}" in caplog.text


def test_a_later_try_that_goes_on_with_other_bytes(script, samples, keeper):
    """What the earlier try sent is compared too: a wrong file is sent again."""
    interrupted(script, samples, plan(keeper))
    wrong = created(samples, bytes(UNIT_BYTES) + LARGE[UNIT_BYTES:])
    again = opened(samples, 2, BY_ID), accepted(samples, 1, 2), accepted(samples, 2, 2), sent(wrong, 2)
    driver = script(stands_at(samples, 1), accepted(samples, 2), sent(wrong), *again)
    with pytest.raises(VerificationFailed):
        driver.run(uploads.upload(plan(keeper, retrying=True)))


def test_a_later_try_of_a_session_that_has_all(script, samples, keeper):
    """Only the commit was missing: no byte is sent."""
    interrupted(script, samples, plan(keeper))
    driver = script(asked(samples.expects()), committed(created(samples, LARGE)))
    assert driver.run(uploads.upload(plan(keeper, retrying=True))).outcome == "created"
    assert keeper.text is None


def test_a_later_try_after_the_commit(script, samples, keeper):
    """The worker died between commit and answer: the session is gone and the file is ours."""
    interrupted(script, samples, plan(keeper))
    driver = script(asked(missing()), look_up(created(samples, LARGE)))
    assert driver.run(uploads.upload(plan(keeper, retrying=True))).outcome == "already_there"
    assert keeper.text is None


@pytest.mark.parametrize("problem", [missing(), AccessDenied("expired", status=403)], ids=repr)
def test_a_later_try_whose_session_expired(script, samples, keeper, problem):
    """Nothing of ours is there: it starts anew, with a session that is kept in turn."""
    interrupted(script, samples, plan(keeper))
    second = plan(keeper, retrying=True)
    driver = script(asked(problem), *nothing(), *whole(samples, 2))
    assert driver.run(uploads.upload(second)).outcome == "created"
    assert keeper.log == ["save", "forget", "save", "forget"]


def test_a_later_try_that_is_interrupted_too(script, samples, keeper):
    """The same session is gone on with again and again."""
    interrupted(script, samples, plan(keeper))
    driver = script(stands_at(samples, 1), sent(Stopped("The task was stopped")))
    with pytest.raises(Stopped):
        driver.run(uploads.upload(plan(keeper, retrying=True)))
    third = script(stands_at(samples, 2), sent(created(samples, LARGE)))
    assert third.run(uploads.upload(plan(keeper, another=False, retrying=True))).outcome == "created"


def test_a_later_try_that_compares_nothing(script, samples, keeper):
    """With verify=False what the earlier try sent is not read again, not even for a hash."""
    read_from: list[int] = []

    class Recorded(MemorySource):
        def pieces(self, start, length):
            read_from.append(start)
            return super().pieces(start, length)

    session = OpenSession(TaskAttempt(has_another=True), keeper)
    flow = uploads.create(AT, Recorded(LARGE), "fail", options=replace(IN_UNITS, verify=False), open_session=session)
    interrupted(script, samples, plan(keeper, "fail"))
    driver = script(parent(samples), stands_at(samples, 1), accepted(samples, 2), sent(created(samples, LARGE)))
    driver.run(flow)
    assert read_from == [UNIT_BYTES, 2 * UNIT_BYTES]


# --- a later try starts anew


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"source": MemorySource(LARGE[::-1])}, "for another source"),
        ({"address": AT.through("D", "Q")}, "for another target"),
        ({"conflict": "rename"}, "for another options"),
        ({"if_match": '"{F},1"'}, "for another options"),
        ({"source": MemorySource(LARGE[1:]), "conflict": "fail"}, "for another source and options"),
    ],
    ids=str,
)
def test_a_session_for_something_else(script, samples, keeper, *, change, said, caplog):
    """What was sent is not what is meant now: that session is cancelled, and the log says why."""
    caplog.set_level(logging.INFO)
    interrupted(script, samples, plan(keeper))
    changed = replace(plan(keeper), **change)
    driver = script(cancelled(), (f"POST {changed.address.url('createUploadSession')}", Stopped("enough")))
    with pytest.raises(Stopped, match="enough"):
        driver.run(uploads.upload(changed))
    assert keeper.text is None
    assert f"An earlier try left an upload session {said}" in caplog.text


@pytest.mark.parametrize("problem", [missing(), failed(), lost(), AccessDenied("x")], ids=repr)
def test_a_session_that_cannot_be_cancelled(script, samples, keeper, problem, caplog):
    """It expires by itself: the upload goes on without it."""
    caplog.set_level(logging.INFO)
    interrupted(script, samples, plan(keeper, "rename"))
    driver = script(cancelled(problem), *whole(samples, 2))
    assert driver.run(uploads.upload(plan(keeper))).outcome == "created"
    assert "could not be cancelled" in caplog.text


@pytest.mark.parametrize(
    "state",
    [
        *({}, {"version": STATE_VERSION}, {"version": STATE_VERSION + 1, "upload_url": "x", "purpose": {}}),
        {"version": STATE_VERSION, "upload_url": None, "purpose": {}},
        {"version": STATE_VERSION, "upload_url": f"{UP}1", "purpose": "x"},
    ],
    ids=str,
)
def test_a_state_of_another_version(script, samples, state, caplog):
    """What cannot be understood is forgotten, which the log says, and is no error."""
    caplog.set_level(logging.INFO)
    keeper = Keeper(json.dumps(state))
    assert script(*whole(samples)).run(uploads.upload(plan(keeper))).outcome == "created"
    assert keeper.log == ["forget", "save", "forget"]
    assert "of another version; the upload starts anew" in caplog.text


def test_a_state_without_a_purpose(script, samples):
    """A URL that is for nobody knows what is not written to; it is cancelled."""
    keeper = Keeper(json.dumps({"version": STATE_VERSION, "upload_url": f"{UP}1", "purpose": {}}))
    driver = script(cancelled(), *whole(samples, 2))
    assert driver.run(uploads.upload(plan(keeper))).outcome == "created"


# --- what becomes of a session when its upload fails

PASSING = [ServiceUnavailable("x"), Throttled("x"), Stopped("x"), KeyboardInterrupt(), SystemExit(), ValueError()]
FINAL = [QuotaExceeded("x"), AccessDenied("x"), BadRequest("x"), NameAlreadyExists("x"), SourceChanged("x")]


def session_of(keeper: Keeper, *, another: bool = True) -> OpenSession:
    session = OpenSession(TaskAttempt(has_another=another), keeper)
    session.opened(SESSION, dict)
    return session


@pytest.mark.parametrize("error", [*PASSING, *FINAL], ids=lambda error: type(error).__name__)
def test_what_a_session_outlives(keeper, error):
    """It is left open where a later try can go on with it, and only there."""
    assert session_of(keeper).is_kept_after(error) is (error in PASSING)


@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_a_session_that_nobody_can_find(keeper, error):
    """Without another try, without a keeper, or where the keeper could not write, it is ended in any case."""
    assert not session_of(keeper, another=False).is_kept_after(error)
    assert not session_of(Keeper(is_able=False)).is_kept_after(error)
    alone = OpenSession(TaskAttempt(has_another=True))
    alone.opened(SESSION, dict)
    assert not alone.is_kept_after(error)


def test_a_session_that_was_taken_up(keeper):
    """What an earlier try kept is kept further, unless this is the last try."""
    session_of(keeper)
    for another in (True, False):
        later = OpenSession(TaskAttempt(has_another=another), keeper)
        assert later.take_up(dict).session == SESSION
        assert later.is_kept_after(Stopped("x")) is another


def test_a_session_that_is_over(keeper):
    """A closed session is forgotten, and so is that it was kept."""
    session = session_of(keeper)
    session.closed()
    assert (session.session, keeper.text) == (None, None)
    assert not session.is_kept_after(Stopped("x"))


# --- several sessions in one upload


def test_a_session_that_was_refused_does_not_stand_in_the_way(script, samples):
    """skip_if_same plans anew after a refusal: its first session is cancelled, or it would hold the name."""
    there = created(samples, b"other", status=200)
    stale = PreconditionFailed("stale", status=412)
    driver = script(
        ("GET /drives/d/root:/x", samples.ok(samples.folder("x"))),
        *(look_up(there), opened(samples, where=BY_ID), *whole(samples)[1:3], sent(stale), read(there)),
        *(look_up(there), cancelled(), opened(samples, 2, BY_ID), *whole(samples, 2)[1:]),
    )
    flow = uploads.create(AT, MemorySource(LARGE), "skip_if_same", options=IN_UNITS)
    assert driver.run(flow).outcome == "created"
