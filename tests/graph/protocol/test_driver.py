"""What stands between flows and HTTP."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_onedrive.graph.protocol.driver import (
    Attempts,
    FlowDriver,
    headers_of,
    lost,
    response_of,
    url_of,
)
from airflow_provider_onedrive.graph.protocol.errors import (
    BadRequest,
    ConfigurationError,
    GraphError,
    ItemNotFound,
    Locked,
    ServiceUnavailable,
    SignInFailed,
    Throttled,
    Unauthenticated,
    UnreadableAnswer,
)
from airflow_provider_onedrive.graph.protocol.messages import (
    MAY_END_LATER,
    OutcomeUnknown,
    Repeat,
    Request,
    Response,
    TransferCut,
)
from airflow_provider_onedrive.graph.protocol.refusals import error_from
from airflow_provider_onedrive.graph.protocol.retry import RetryPolicy

GRAPH = "https://graph.microsoft.com"
REDIRECTS = (100, 102, 103, 199, 300, 301, 302, 303, 304, 305, 307, 308, 399)
"""The statuses that neither succeed nor refuse."""


def waits(request: Request, outcome: GraphError) -> float:
    return Attempts(RetryPolicy(jitter=lambda: 1.0), request, can_renew=False).wait_seconds(outcome)


def first_wait(failures: int) -> float:
    request = Request("PUT", "/x", failures=failures)
    return Attempts(RetryPolicy(jitter=lambda: 1.0), request, can_renew=False).first_wait_seconds


def of(url: str, *, preauthorized: bool = False) -> str:
    return url_of(Request("GET", url, preauthorized=preauthorized), GRAPH)


def test_a_path_is_below_the_version():
    """Flows write paths; the version stands in one place."""
    assert of("/me/drive/root") == f"{GRAPH}/v1.0/me/drive/root"
    assert of("//evil.example/x") == f"{GRAPH}/v1.0//evil.example/x"


def test_a_link_of_graph_itself_is_followed():
    """The next page is where Graph says."""
    assert of(f"{GRAPH}/v1.0/x?$skiptoken=a") == f"{GRAPH}/v1.0/x?$skiptoken=a"


@pytest.mark.parametrize(
    "url",
    [
        "http://graph.microsoft.com/v1.0/x",
        "https://evil.example/v1.0/x",
        "https://graph.microsoft.com.evil.example/x",
        "https://graph.microsoft.com@evil.example/x",
        "https://graph.microsoft.com:8443/x",
        "https://anna@graph.microsoft.com/x",
        "ftp://graph.microsoft.com/x",
        "file:///etc/passwd",
        "https://[graph.microsoft.com/x",
        "",
        "x",
    ],
)
def test_a_link_that_leads_elsewhere(url):
    """A token goes to Graph's own origin over https and nowhere else, whatever a link says."""
    with pytest.raises(ConfigurationError, match="it was not followed"):
        of(url)


@pytest.mark.parametrize(
    "url",
    [
        *("http://contoso.sharepoint.com/x", "ftp://x/y", "x", "", "https://[x/y"),
        *("https://x.example:99999/y", "https://x.example:port/y", f"https://{70 * 'a'}.example/y", "https://x..y/z"),
    ],
)
def test_preauthorised_url_that_cannot_be_used_is_refused(url):
    """It may lead to any host that there can be, but not in the clear."""
    with pytest.raises(ConfigurationError, match="it was not followed"):
        of(url, preauthorized=True)
    assert of("https://contoso.sharepoint.com/x", preauthorized=True) == "https://contoso.sharepoint.com/x"


@given(st.one_of(st.text(), st.text().map("https://".__add__)), st.booleans())
def test_any_link_is_followed_or_refused(url, preauthorized):
    """Nothing that a server writes into a link is a crash, and none takes a token elsewhere."""
    try:
        found = of(url, preauthorized=preauthorized)
    except ConfigurationError:
        return
    assert found.startswith("https://" if preauthorized else f"{GRAPH}/")


def test_lengths_are_said():
    """The length of a body is known, also that of none, so nothing is sent chunked."""
    body = Request("PUT", "/x", headers={"If-Match": "e"}, body=lambda: [b"ab"], body_bytes=2)
    assert headers_of(body) == {"If-Match": "e", "Content-Length": "2"}
    assert headers_of(Request("PUT", "/x"))["Content-Length"] == "0"
    assert headers_of(Request("POST", "/x"))["Content-Length"] == "0"
    assert headers_of(Request("POST", "/x", json={})) == {}
    assert headers_of(Request("GET", "/x")) == {}
    assert headers_of(Request("DELETE", "/x")) == {}


def test_a_download_is_not_compressed():
    """Bytes on the way are the file's bytes: they are counted and resumed."""
    assert headers_of(Request("GET", "/x", sink=object()))["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    ("method", "status"),
    [
        *[("GET", 200), ("PATCH", 200), ("PUT", 200), ("PUT", 201)],
        *[("POST", 200), ("POST", 201)],
    ],
)
def test_an_answer(method, status):
    """A status that means success for its method comes with JSON."""
    response = response_of(Request(method, "/x"), status, {"request-id": "8d2f"}, b'{"a": 1}')
    assert (response.status, response.json, response.request_id) == (status, {"a": 1}, "8d2f")


def test_an_answer_without_a_body():
    """204 has none, 202 with a monitor neither, nor the redirect to a content that was asked for."""
    assert response_of(Request("DELETE", "/x"), 204, {}, b"").json is None
    copy = Request("POST", "/x/copy", expected_statuses=MAY_END_LATER)
    accepted = response_of(copy, 202, {"location": "https://m"}, b"")
    assert (accepted.json, accepted.headers["location"]) == (None, "https://m")
    content = Request("GET", "/x/content", expected_statuses=(302,))
    assert response_of(content, 302, {"location": "https://x"}, b"").headers["location"] == "https://x"


UNEXPECTED = [
    *[(method, status) for method in ("GET", "DELETE", "PATCH", "PUT", "POST") for status in REDIRECTS],
    *[("GET", status) for status in (201, 202, 203, 204, 205, 206, 207, 226)],
    *[("DELETE", status) for status in (200, 201, 202, 206)],
    *[("PATCH", status) for status in (201, 202, 204, 206)],
    *[("PUT", status) for status in (202, 203, 204, 206)],
    *[("POST", status) for status in (202, 203, 204, 206, 207)],
]


@pytest.mark.parametrize("content", [b'{"id": "F"}', b"{}", b""])
@pytest.mark.parametrize(("method", "status"), UNEXPECTED)
def test_status_that_does_not_mean_success_is_refused(method, status, content):
    """A gateway answers with 1xx, 3xx or another 2xx, with or without JSON: nobody knows what Graph did."""
    headers = {"location": "https://portal.example/SECRET", "request-id": "8d2f"}
    with pytest.raises(UnreadableAnswer, match=f"status {status} neither does what was asked") as caught:
        response_of(Request(method, "/x"), status, headers, content)
    error = caught.value
    assert (error.status, error.method, error.path, error.request_id) == (status, method, "/x", "8d2f")
    assert (error.is_retryable, error.was_sent) == (True, True)
    assert "SECRET" not in str(error)


@pytest.mark.parametrize("status", [200, 202, 204, 302])
def test_expected_statuses_replace_those_of_the_method(status):
    """A monitor ends with a redirect, and a GET that asks for one does not accept 200."""
    request = Request("GET", "/x", expected_statuses=(202, 302))
    if status in (202, 302):
        assert response_of(request, status, {}, b'{"a": 1}').status == status
        return
    with pytest.raises(UnreadableAnswer):
        response_of(request, status, {}, b'{"a": 1}')


@pytest.mark.parametrize(("status", "is_success"), [(200, True), (206, True), (299, True), (199, False), (302, False)])
def test_request_of_a_user_takes_every_success(status, is_success):
    """Nobody here knows what it asks for; but a redirect is no success of anything."""
    request = Request("POST", "/x", takes_any_json=True)
    if is_success:
        assert response_of(request, status, {}, b"[7]").json == [7]
        return
    with pytest.raises(UnreadableAnswer):
        response_of(request, status, {}, b"[7]")


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "GET"])
def test_request_whose_answer_is_not_graphs_is_sent_again(method):
    """What may be sent twice is sent twice: a redirect of a gateway says nothing about the item."""
    assert waits(Request(method, "/x"), redirected(method)) == 0.5


@pytest.mark.parametrize("method", ["PATCH", "POST", "PUT"])
def test_creation_whose_answer_is_not_graphs_has_an_unknown_outcome(method):
    """Graph may have got the request, so the flow looks before it sends another."""
    with pytest.raises(OutcomeUnknown) as caught:
        waits(Request(method, "/x", repeat=Repeat.IF_REFUSED), redirected(method))
    assert isinstance(caught.value.cause, UnreadableAnswer)


def redirected(method):
    with pytest.raises(UnreadableAnswer) as caught:
        response_of(Request(method, "/x"), 307, {}, b'{"id": "F"}')
    return caught.value


@pytest.mark.parametrize(("status", "content"), [(200, b"<html>"), (200, b""), (302, b""), (304, b""), (201, b"\xff")])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_that_is_not_graphs(method, status, content):
    """A sign-in page of a proxy is no item."""
    with pytest.raises(ServiceUnavailable, match="proxy or a sign-in page"):
        response_of(Request(method, "/x"), status, {}, content)


def test_an_error_says_what_was_asked():
    """Method and path stand in an error, a query never."""
    with pytest.raises(ItemNotFound) as caught:
        response_of(Request("GET", "/x?$skiptoken=SECRET"), 404, {}, b"")
    assert (caught.value.method, caught.value.path) == ("GET", "/x")
    assert "SECRET" not in str(caught.value)


def test_an_error_of_a_link_shows_its_path():
    """Of a link that Graph gave only the path is shown: no host, no query."""
    request = Request("GET", f"{GRAPH}/v1.0/drives/d/root/children?$skiptoken=SECRET")
    with pytest.raises(ItemNotFound) as caught:
        response_of(request, 404, {}, b"")
    assert caught.value.path == "/v1.0/drives/d/root/children"
    assert "https" not in str(caught.value) + repr(request)


def test_an_answer_hides_what_is_in_it():
    """A redirect and an upload session hold pre-authorised URLs, so an answer shows its status only."""
    answer = Response(302, {"location": "https://x/SECRET"}, {"uploadUrl": "https://x/SECRET"})
    assert repr(answer) == "Response(status=302)"


@pytest.mark.parametrize("status", [400, 404, 500])
def test_an_error_hides_a_preauthorised_url(status):
    """Of a pre-authorised URL nothing is shown, not even its host."""
    request = Request("PUT", "https://contoso.sharepoint.com/SECRET?SECRET", preauthorized=True)
    with pytest.raises((BadRequest, ItemNotFound, ServiceUnavailable)) as caught:
        response_of(request, status, {}, b"")
    assert "SECRET" not in str(caught.value) + repr(vars(caught.value)) + repr(request)
    assert caught.value.path == "(pre-authorised URL)"
    gone = lost(request, "no route to https://contoso.sharepoint.com/SECRET", was_sent=False)
    assert "SECRET" not in str(gone)


def flow(log):
    """Ask for two things and clean up."""
    try:
        first = yield Request("GET", "/1")
        log.append(first.json)
        second = yield Request("GET", "/2")
        return [first.json, second.json]
    finally:
        log.append("closed")


def test_a_conversation():
    """It goes from request to request and keeps the last request id."""
    with FlowDriver(flow([])) as driver:
        assert driver.request.url == "/1"
        driver.answer(Response(200, {"request-id": "a"}, 1))
        assert driver.request.url == "/2"
        driver.answer(Response(200, {}, 2))
        assert driver.request is None
    assert driver.result == [1, 2]
    assert driver.request_id == "a"


def test_leaving_a_conversation_closes_the_flow():
    """Whatever ends it, the flow cleans up."""
    log = []
    with pytest.raises(KeyboardInterrupt), FlowDriver(flow(log)):
        raise KeyboardInterrupt
    assert log == ["closed"]


def test_a_flow_that_cannot_find_out():
    """An unknown outcome that the flow lets through is to the caller what caused it."""
    cause = ServiceUnavailable("gone")
    for unknown in (OutcomeUnknown(cause), TransferCut(cause, 3)):
        with FlowDriver(flow([])) as driver, pytest.raises(ServiceUnavailable) as caught:
            driver.report(unknown)
        assert caught.value is cause


def test_a_flow_without_requests():
    """A flow may need none."""

    def nothing():
        return 7
        yield Request("GET", "/x")

    with FlowDriver(nothing()) as driver:
        assert driver.request is None
    assert driver.result == 7


QUICK = RetryPolicy(max_attempts=3, jitter=lambda: 1.0)


def said(status: int, message: str = "x"):
    return error_from(status, {}, {"error": {"message": message}}, method="GET", path="/x")


def test_attempts_end():
    """The outcome is raised where there is to be no other attempt."""
    attempts = Attempts(QUICK, Request("GET", "/x"), can_renew=True)
    assert attempts.wait_seconds(said(429)) == 0.5
    assert attempts.wait_seconds(said(429)) == 1
    with pytest.raises(Throttled):
        attempts.wait_seconds(said(429))


def test_what_may_have_happened_is_said():
    """A create that failed at the server is an unknown outcome; one that was refused is an error."""
    create = Request("POST", "/x", repeat=Repeat.IF_REFUSED)
    with pytest.raises(OutcomeUnknown) as caught:
        Attempts(QUICK, create, can_renew=True).wait_seconds(said(504))
    assert caught.value.cause.status == 504
    with pytest.raises(BadRequest):
        Attempts(QUICK, create, can_renew=True).wait_seconds(said(400))
    with pytest.raises(ServiceUnavailable):
        Attempts(RetryPolicy(max_attempts=1), Request("GET", "/x"), can_renew=True).wait_seconds(said(504))


def test_a_token_is_renewed_once():
    """A refused token is replaced once for each request, and does not count as an attempt."""
    attempts = Attempts(QUICK, Request("GET", "/x"), can_renew=True)
    expired = said(401, "Lifetime validation failed, the token is expired.")
    assert attempts.needs_token(expired)
    assert not attempts.needs_token(expired)
    with pytest.raises(Unauthenticated):
        attempts.wait_seconds(expired)


@pytest.mark.parametrize(
    ("outcome", "can_renew", "preauthorized"),
    [
        (said(401), False, False),
        (said(401), True, True),
        (said(401, "Unable to initialize RPS"), True, False),
        (said(403), True, False),
        (SignInFailed("x", status=401), True, False),
    ],
)
def test_when_a_new_token_cannot_help(outcome, can_renew, preauthorized):
    """A given token, a pre-authorised URL, the random 401 and a failed sign-in want no new token."""
    request = Request("GET", "https://x/y", preauthorized=preauthorized)
    assert not Attempts(QUICK, request, can_renew=can_renew).needs_token(outcome)


def test_what_a_flow_tried_in_vain_is_waited_for():
    """A flow that tries again after failures waits as long as a driver would have; the first time it does not wait."""
    assert [first_wait(failures) for failures in range(4)] == [0, 0.5, 1, 2]


def test_a_lock_is_waited_for_or_not():
    """Whoever asked to fail at once at a locked file does; whoever waits has Graph's own refusal in the end."""
    assert waits(Request("PUT", "/x"), Locked("open", status=423)) == 2
    with pytest.raises(Locked):
        waits(Request("PUT", "/x", waits_for_lock=False), Locked("open", status=423))
