"""The exception tree, and the one place where a response becomes an error."""

from __future__ import annotations

import copy
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_onedrive.graph.protocol import errors
from airflow_provider_onedrive.graph.protocol.errors import (
    GraphError,
    OneDriveError,
    error_from,
    error_from_dict,
    retry_after_seconds,
)


def tree(kind: type[OneDriveError]) -> list[type[OneDriveError]]:
    found = [kind]
    for below in kind.__subclasses__():
        found += tree(below)
    return [each for each in found if each.__module__ == errors.__name__]


TREE = tree(OneDriveError)
GRAPH = [kind for kind in TREE if issubclass(kind, GraphError)]
BUILTINS = {
    "LocationError": ValueError,
    "ConfigurationError": ValueError,
    "ItemNotFound": FileNotFoundError,
    "DriveNotFound": FileNotFoundError,
    "SourceMissing": FileNotFoundError,
    "NameAlreadyExists": FileExistsError,
    "NameHeld": FileExistsError,
    "AccessDenied": PermissionError,
}
MAY_PASS = {
    *("VerificationFailed", "SourceChanged", "Stopped", "ItemNotFound", "DriveNotFound", "PreconditionFailed"),
    *("RangeNotSatisfiable", "Locked", "Throttled", "ResyncRequired", "ServiceUnavailable", "NameHeld"),
    *("CopyUnfinished", "CopyLost", "FilesFailed"),
}
SECRET_URL = "https://contoso.sharepoint.com/x?tempauth=SECRET"


def made(kind: type[OneDriveError]) -> OneDriveError:
    """Make an error with every field filled."""
    if not issubclass(kind, GraphError):
        return kind("It went wrong", advice="Mend it.").about("upload to", "myfiles/a.csv")
    error = kind(
        "The resource could not be found",
        status=404,
        code="itemNotFound",
        inner_code="gone",
        request_id="8d2f",
        retry_after_seconds=7.0,
        method="GET",
        path="/drives/d/root",
    )
    return error.about("look at", "myfiles/a.csv")


def state(error: OneDriveError) -> tuple[object, ...]:
    return type(error), str(error), error.args, vars(error)


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_errors_survive_pickle_and_copies(kind):
    """An error crosses process borders whole: kind, text and every field."""
    error = made(kind)
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert other is not error
        assert state(other) == state(error)


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_errors_survive_a_trigger_event(kind):
    """As a dict an error goes through JSON and comes back the same."""
    error = made(kind)
    assert state(error_from_dict(json.loads(json.dumps(error.to_dict())))) == state(error)


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_errors_are_the_builtin_they_claim(kind):
    """Whoever catches FileNotFoundError, FileExistsError, PermissionError or ValueError gets ours."""
    builtins = {builtin for builtin in set(BUILTINS.values()) if issubclass(kind, builtin)}
    assert builtins == {BUILTINS[kind.__name__]} if kind.__name__ in BUILTINS else not builtins


def test_the_tree_has_no_other_members():
    """A new class gets its line in these tests."""
    assert set(BUILTINS) <= {kind.__name__ for kind in TREE}
    assert len(TREE) == 29


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_which_errors_may_pass(kind):
    """404, 410, 412, 416, 423, 429, 5xx, a held name, a changed source or copy, an unfinished one may pass."""
    assert kind.is_retryable is (kind.__name__ in MAY_PASS)


@pytest.mark.parametrize("kind", GRAPH, ids=lambda kind: kind.__name__)
def test_the_text_of_a_graph_error(kind):
    """The text says what was tried, where, what Graph said, its request id and what to do."""
    text = str(made(kind))
    assert text.startswith("Cannot look at myfiles/a.csv: The resource could not be found.")
    assert "(404 itemNotFound gone; GET /drives/d/root; request id 8d2f)" in text
    assert text.endswith(kind.default_advice)


def test_the_advice_of_a_place_comes_before_the_classes():
    """Whoever raises an error may know better what to do, also that nothing can be done."""
    assert str(errors.QuotaExceeded("Full")).endswith("Free space in the drive or raise its quota.")
    assert str(errors.QuotaExceeded("Full", advice="Empty the bin.")) == "Full. Empty the bin."
    assert str(errors.QuotaExceeded("Full", advice="")) == "Full."


@pytest.mark.parametrize("message", ["Full", "Full.", "Full!", "Full?"])
def test_sentences_end_once(message):
    """The message becomes a sentence, and one that is one stays so."""
    assert str(OneDriveError(message)) == ("Full." if message == "Full" else message)


def test_a_held_name_keeps_what_graph_said():
    """A name held by nothing that can be seen is Graph's refusal in every field, with other advice."""
    refusal = made(errors.NameAlreadyExists)
    held = errors.NameHeld.of(refusal)
    assert vars(held) == vars(refusal)
    assert str(held).endswith("retry later, or use another name.")


def test_the_nearest_to_the_cause_says_where():
    """What was tried is said once, by whoever knows it best."""
    error = OneDriveError("Gone").about("find the folder", "myfiles/x/").about("upload to", "myfiles/x/a.csv")
    assert str(error) == "Cannot find the folder myfiles/x/: Gone."


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.BadRequest),
        (401, errors.Unauthenticated),
        (403, errors.AccessDenied),
        (404, errors.ItemNotFound),
        (405, errors.BadRequest),
        (406, errors.BadRequest),
        (408, errors.ServiceUnavailable),
        (409, errors.NameAlreadyExists),
        (410, errors.ResyncRequired),
        (411, errors.BadRequest),
        (412, errors.PreconditionFailed),
        (413, errors.BadRequest),
        (415, errors.BadRequest),
        (416, errors.RangeNotSatisfiable),
        (423, errors.Locked),
        (429, errors.Throttled),
        (500, errors.ServiceUnavailable),
        (501, errors.NotSupported),
        (502, errors.ServiceUnavailable),
        (503, errors.ServiceUnavailable),
        (504, errors.ServiceUnavailable),
        (507, errors.QuotaExceeded),
        (509, errors.ServiceUnavailable),
    ],
)
def test_which_status_is_which_error(status, kind):
    """The status decides: Graph's codes differ between kinds of drive."""
    assert type(error_from(status, {}, {"error": {"code": "x"}}, method="GET", path="/x")) is kind


@pytest.mark.parametrize(
    ("error", "inner"),
    [
        ({"innerError": {"code": "pathIsTooLong"}}, "pathIsTooLong"),
        ({"innererror": {"code": "resourceLocked"}}, "resourceLocked"),
        ({"innerError": {"code": "outer", "innererror": {"code": "most", "innerError": {"date": "x"}}}}, "most"),
        ({"innerError": {"date": "2026-11-23T05:00:00"}}, None),
        ({"innerError": "text"}, None),
        ({}, None),
    ],
)
def test_the_inner_code_is_the_most_specific(error, inner):
    """Graph nests codes and spells the key both ways."""
    made_error = error_from(400, {}, {"error": {"code": "invalidRequest", **error}}, method="GET", path="/x")
    assert made_error.inner_code == inner
    assert made_error.code == "invalidRequest"


def test_what_graph_said_is_kept():
    """Message, code, request id, seconds to wait, method and path come from the response."""
    headers = {"request-id": "8d2f", "retry-after": "17"}
    body = {"error": {"code": "activityLimitReached", "message": "Slow down"}}
    error = error_from(429, headers, body, method="PUT", path="/drives/d/root:/a.csv:/content")
    assert str(error) == (
        "Slow down. (429 activityLimitReached; PUT /drives/d/root:/a.csv:/content; request id 8d2f). "
        "Run fewer tasks at once against this tenant, or retry later."
    )
    assert error.retry_after_seconds == 17


@pytest.mark.parametrize(
    "body", [None, [], "text", 7, {}, {"error": None}, {"error": "x"}, {"error": {"message": None}}]
)
def test_an_answer_without_graphs_envelope(body):
    """A proxy's error page is an error all the same."""
    error = error_from(502, {}, body, method="GET", path="/x")
    assert type(error) is errors.ServiceUnavailable
    assert str(error).startswith("Graph gave no reason.")


@pytest.mark.parametrize("url", [SECRET_URL, SECRET_URL.upper(), f"'{SECRET_URL}'", f"see({SECRET_URL})."])
def test_a_url_in_graphs_message_is_cut(url):
    """A URL that Graph mentions may be pre-authorised, so no error shows one."""
    error = error_from(404, {}, {"error": {"code": "x", "message": f"Gone: {url}"}}, method="GET", path="/x")
    assert "SECRET" not in str(error) + repr(error) + repr(error.to_dict())
    assert "(URL)" in str(error)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("17", 17),
        (" 120 ", 120),
        ("", None),
        ("1.5", None),
        ("-1", None),
        ("soon", None),
        ("²", None),
        ("٣", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_retry_after(text, seconds):
    """Graph sends whole seconds; what is unreadable counts as absent."""
    assert retry_after_seconds({"retry-after": text}) == seconds
    assert retry_after_seconds({}) is None


@given(st.text())
def test_no_retry_after_is_a_crash(text):
    """Whatever a proxy writes into the header, the answer is read."""
    seconds = retry_after_seconds({"retry-after": text})
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    "data", [{}, {"type": "NoSuchError", "message": "x"}, {"type": "dict", "message": "x"}, {"type": "Any"}]
)
def test_an_event_of_a_later_version(data):
    """An event with an unknown kind of error is still an error of ours."""
    error = error_from_dict(data)
    assert type(error) is OneDriveError
    assert error.message == data.get("message", data.get("type", ""))


def test_an_event_with_less_in_it():
    """An event that an earlier version wrote, without fields of today, can be read and shown."""
    error = error_from_dict({"type": "ItemNotFound", "message": "Gone"})
    assert isinstance(error, FileNotFoundError)
    assert error.status is None
    assert str(error).startswith("Gone.")


def test_notes_travel_along():
    """A note that somebody added is part of the error."""
    error = errors.Locked("Open in Excel")
    error.add_note("by Anna")
    assert pickle.loads(pickle.dumps(error)).__notes__ == ["by Anna"]
