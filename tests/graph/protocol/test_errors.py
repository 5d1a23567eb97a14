"""The exception tree, and the one place where a response becomes an error."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_onedrive.graph.protocol import errors
from airflow_provider_onedrive.graph.protocol.errors import (
    GraphError,
    OneDriveError,
    error_from_dict,
)
from airflow_provider_onedrive.graph.protocol.refusals import error_from, retry_after_seconds


def tree(kind: type[OneDriveError]) -> list[type[OneDriveError]]:
    found = [kind]
    for below in kind.__subclasses__():
        found += tree(below)
    return [each for each in found if each.__module__ == errors.__name__]


TREE = tree(OneDriveError)
GRAPH = [kind for kind in TREE if issubclass(kind, GraphError)]
BUILTINS = {
    "LocationError": (ValueError,),
    "IsFolder": (ValueError, IsADirectoryError, OSError),
    "IsNoFolder": (ValueError, NotADirectoryError, OSError),
    "FolderNotEmpty": (ValueError, OSError),
    "ConfigurationError": (ValueError,),
    "NotFound": (FileNotFoundError, OSError),
    "ItemNotFound": (FileNotFoundError, OSError),
    "DriveNotFound": (FileNotFoundError, OSError),
    "SourceMissing": (FileNotFoundError, OSError),
    "NameAlreadyExists": (FileExistsError, OSError),
    "NameHeld": (FileExistsError, OSError),
    "AccessDenied": (PermissionError, OSError),
    "OnHold": (PermissionError, OSError),
}
MAY_PASS = {
    *("TakenOver", "OwnerUnknown"),
    *("VerificationFailed", "SourceChanged", "Stopped", "NotFound", "ItemNotFound", "DriveNotFound"),
    *("PreconditionFailed", "IdentityUnavailable", "UnreadableAnswer"),
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
        was_sent=True,
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
    builtins = {builtin for several in BUILTINS.values() for builtin in several if issubclass(kind, builtin)}
    assert builtins == set(BUILTINS.get(kind.__name__, ()))


def test_the_tree_has_no_other_members():
    """A new class gets its line in these tests."""
    assert set(BUILTINS) <= {kind.__name__ for kind in TREE}
    assert len(TREE) == 39


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_which_errors_may_pass(kind):
    """404, 410, 412, 416, 423, 429, 5xx, a held name, a changed source, an unfinished copy, a lost owner may pass."""
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


@pytest.mark.parametrize("kind", GRAPH, ids=lambda kind: kind.__name__)
def test_error_of_another_class_keeps_every_field(kind):
    """A name held by nothing visible is Graph's refusal in every field, with the advice of its own class."""
    refusal = made(errors.NameAlreadyExists)
    error = kind.of(refusal)
    assert type(error) is kind
    assert vars(error) == vars(kind("x")) | vars(refusal)
    assert str(error).endswith(kind.default_advice)


def test_about_keeps_the_location_nearest_to_the_cause():
    """The first caller that names operation and location knows them best."""
    error = OneDriveError("Gone").about("find the folder", "myfiles/x/").about("upload to", "myfiles/x/a.csv")
    assert str(error) == "Cannot find the folder myfiles/x/: Gone."


class Outside(OneDriveError):
    """An error of another module, as the flows have some."""

    is_retryable = True


@pytest.mark.parametrize("kind", [*TREE, Outside], ids=lambda kind: kind.__name__)
def test_about_and_advice_leave_the_error_unchanged(kind):
    """Several tasks may hold the same error, so each gets a copy that says what it tried."""
    error = kind("Gone")
    before = state(error)
    copies = [error.about("read", "myfiles/a.csv"), error.with_advice("Look again."), copy.copy(error)]
    assert [type(each) for each in copies] == [kind] * 3
    assert state(error) == before
    assert str(copies[0]).startswith("Cannot read myfiles/a.csv: Gone.")
    assert str(copies[1]) == "Gone. Look again."
    assert pickle.loads(pickle.dumps(copies[0])).is_retryable is kind.is_retryable


def _write() -> None:
    try:
        Path("/").write_text("x")
    except OSError as refusal:
        raise errors.LocalFileError("a.csv cannot be written") from refusal


def _write_about() -> None:
    try:
        _write()
    except OneDriveError as error:
        twin = error.about("download", "myfiles/a.csv").with_advice("Make room.")
        raise twin from error.__cause__


def test_copies_keep_traceback_and_cause():
    """A reader sees where it failed and why, and the failure only once."""
    with pytest.raises(errors.LocalFileError) as caught:
        _write_about()
    text = "".join(traceback.format_exception(caught.value))
    assert isinstance(caught.value.__cause__, IsADirectoryError)
    assert "in _write\n" in text
    assert text.count("LocalFileError: ") == 1
    assert text.count("IsADirectoryError: ") == 1


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (401, "Unable to initialize RPS.", errors.IdentityUnavailable),
        (401, "Lifetime validation failed, the token is expired.", errors.Unauthenticated),
        (403, "Unable to initialize RPS.", errors.AccessDenied),
    ],
)
def test_random_401_of_personal_drives_has_its_own_class(status, message, kind):
    """Graph's words are its only mark; they are read once, where an answer becomes an error."""
    assert type(error_from(status, {}, {"error": {"message": message}}, method="GET", path="/x")) is kind


def test_drive_and_item_are_siblings():
    """A handler of a missing item never takes a missing drive for one."""
    assert not issubclass(errors.DriveNotFound, errors.ItemNotFound)
    assert errors.DriveNotFound.__base__ is errors.ItemNotFound.__base__ is errors.NotFound


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
    assert error.was_sent is True


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
        ("9" * 400, 1e9),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
def test_retry_after(text, seconds):
    """Graph sends whole seconds; what is unreadable counts as absent."""
    assert retry_after_seconds({"retry-after": text}) == seconds
    assert retry_after_seconds({}) is None


@given(st.text() | st.from_regex(r"[0-9]+", fullmatch=True))
def test_no_retry_after_is_a_crash(text):
    """Whatever a proxy writes into the header, the answer is read, and the pause is one that clocks can count."""
    seconds = retry_after_seconds({"retry-after": text})
    assert seconds is None or timedelta(0) <= timedelta(seconds=seconds) < timedelta(days=20_000)


@pytest.mark.parametrize("odd", [7, ["x"], {"x": "y"}, True, None])
def test_codes_and_messages_of_other_types_are_left_out(odd):
    """A code is a text: anything else would not survive the way through an event or a comparison."""
    body = {"error": {"code": odd, "message": odd, "innerError": {"code": odd, "innerError": {"code": "inner"}}}}
    error = error_from(400, {}, body, method="GET", path="/x")
    assert (error.code, error.inner_code) == (None, "inner")
    assert str(error).startswith("Graph gave no reason. (400 inner; GET /x)")


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
    assert error.was_sent is None
    assert str(error).startswith("Gone.")


def test_notes_travel_along():
    """A note that somebody added is part of the error."""
    error = errors.Locked("Open in Excel")
    error.add_note("by Anna")
    assert pickle.loads(pickle.dumps(error)).__notes__ == ["by Anna"]
