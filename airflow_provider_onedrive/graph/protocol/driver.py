"""The step between flows and HTTP, without an HTTP library: both clients share it."""

from __future__ import annotations

from collections.abc import Container, Mapping
from types import TracebackType
from typing import Any, Generic, Self, cast
from urllib.parse import urlsplit

from airflow_provider_onedrive.graph.protocol.errors import (
    ConfigurationError,
    GraphError,
    IdentityUnavailable,
    Locked,
    OneDriveError,
    ServiceUnavailable,
    SignInFailed,
    Throttled,
    Unauthenticated,
    UnreadableAnswer,
)
from airflow_provider_onedrive.graph.protocol.fields import parse
from airflow_provider_onedrive.graph.protocol.hidden_names import hidden_names
from airflow_provider_onedrive.graph.protocol.logs import logger
from airflow_provider_onedrive.graph.protocol.messages import Flow, OutcomeUnknown, Repeat, Request, Response, T
from airflow_provider_onedrive.graph.protocol.redaction import without_urls
from airflow_provider_onedrive.graph.protocol.refusals import error_from, retry_after_seconds, text_or_none
from airflow_provider_onedrive.graph.protocol.retry import RetryPolicy, is_graphs_own, leaves_outcome_unknown

log = logger(__name__)

_ACCEPTED, _NO_CONTENT, _SEE_OTHER, _BAD = 202, 204, 303, 400
_SUCCESSES = range(200, 300)
_EXPECTED: Mapping[str, Container[int]] = {
    "GET": (200,),
    "DELETE": (204,),
    "PATCH": (200,),
    "PUT": (200, 201),
    "POST": (200, 201),
}
"""The statuses by which Graph says that it has done what a method asks for.

202 is among the ``expected_statuses`` of what ends later only: of fragments, copies and moves. Of all else it says
nothing, even with a Location, which Graph sends with new items as well.
"""
# SharePoint throttles with both.
_REFUSED = (429, 503)


def url_of(request: Request, graph_url: str) -> str:
    """Return the whole URL of a request.

    :raises ConfigurationError: if a link would take a token to another host, or anything over plain HTTP.
    """
    if request.url.startswith("/"):
        return f"{graph_url}/v1.0{request.url}"
    # A pre-authorised URL may lead anywhere: SharePoint's hosts, and many others for personal drives.
    if _is_encrypted(request.url) and (request.preauthorized or _origin(request.url) == _origin(graph_url)):
        return request.url
    raise ConfigurationError("Graph gave a link that leads to another host or is not encrypted; it was not followed.")


def headers_of(request: Request) -> dict[str, str]:
    """Return the headers of a request."""
    # The length of every body is stated, so that none is sent chunked.
    headers = dict(request.headers)
    if request.sink is not None:
        headers["Accept-Encoding"] = "identity"  # ranges and hashes are those of the plain bytes
    if request.json is None and request.method in ("PUT", "POST"):
        headers["Content-Length"] = str(request.body_bytes)
    return headers


def response_of(request: Request, status: int, headers: Mapping[str, str], content: bytes) -> Response:
    """Return the response of an answer below 400.

    :param headers: names in lower case.
    :raises GraphError: if the status is 400 or above, or the answer is not Graph's.
    """
    body = parse(content)
    hidden_names.add_answer(body)
    if status >= _BAD:
        raise error_from(status, headers, body, method=request.method, path=request.shown)
    if status not in _expected(request):
        # A gateway on the way answers so, with or without JSON: nobody knows whether Graph got the request.
        reason = f"status {status} neither does what was asked nor refuses it"
        raise not_graphs(request, reason, status, headers)
    is_any = request.takes_any_json and (body is not None or not content)
    if not (isinstance(body, dict) or is_any):
        if not _needs_no_body(status, headers):
            raise not_graphs(request, "it is not a JSON object", status, headers)
        body = None
    if isinstance(body, dict) and not request.takes_any_json:
        _check_fields(request, body, status, headers)
    return Response(status, dict(headers), body)


def _check_fields(request: Request, body: Mapping[str, Any], status: int, headers: Mapping[str, str]) -> None:
    """See that an object has what it has to have.

    :raises UnreadableAnswer: if it has not.
    """
    # A copy that failed is told by an object with an error and more; an error alone is what proxies write.
    if body.keys() == {"error"}:
        raise not_graphs(request, "it is an error with the status of a success", status, headers)
    try:
        if request.reads is not None:
            request.reads(body)
    except UnreadableAnswer as error:
        raise error.of_answer(request.method, request.shown, headers.get("request-id")) from None


def _expected(request: Request) -> Container[int]:
    """Return the statuses that are success."""
    # Of any JSON nobody here knows what was asked.
    usual = _SUCCESSES if request.takes_any_json else _EXPECTED[request.method]
    return request.expected_statuses or usual


def not_graphs(
    request: Request, reason: str, status: int | None = None, headers: Mapping[str, str] = {}
) -> UnreadableAnswer:
    """Return the error of an answer that is not Graph's."""
    return UnreadableAnswer(
        f"The answer is not Graph's: {reason}",
        status=status,
        method=request.method,
        path=request.shown,
        request_id=headers.get("request-id"),
        was_sent=True,
    )


def lost(request: Request, reason: str, *, was_sent: bool | None) -> ServiceUnavailable:
    """Return the error of a request without an answer.

    :param was_sent: False if the request surely did not leave this machine; None where that is not certain.
    """
    return ServiceUnavailable(
        f"No answer came: {without_urls(reason)}", method=request.method, path=request.shown, was_sent=was_sent
    )


def silent(host: str, reason: str) -> ServiceUnavailable:
    """Return the error of a host that cannot be reached."""
    return ServiceUnavailable(
        f"{host} does not answer: {without_urls(reason)}",
        was_sent=False,
        advice="Is there a firewall on the way, or is a proxy needed? The connection's field proxy names it, or the "
        "worker's HTTPS_PROXY.",
    )


def too_long(request: Request, seconds: float) -> Throttled:
    """Return the error of a pause that is too long to hold a slot; Graph asked for it on this or another request."""
    return Throttled(
        f"Graph asked this connection to send nothing for {seconds:.0f} s more, so nothing was sent",
        retry_after_seconds=seconds,
        method=request.method,
        path=request.shown,
        was_sent=False,
    )


def asked_pause_seconds(request: Request, response: Response) -> float:
    """Return the pause that the parts of a batch ask for: its status is 200 even if Graph throttles all parts."""
    if not request.url.endswith("/$batch"):
        return 0.0
    # Lenient, because the flow that sent the batch refuses an unreadable answer in better words.
    parts = response.json.get("responses") if isinstance(response.json, dict) else None
    parts = parts if isinstance(parts, list) else []
    refused = [
        part
        for part in parts
        if isinstance(part, dict)
        and part.get("status") in _REFUSED
        and is_graphs_own(request, response.request_id, _part_code(part))
    ]
    # The longest: a shorter one ends while Graph still refuses the part that asked for more.
    return max((retry_after_seconds(part_headers(part)) or 0.0 for part in refused), default=0.0)


def _part_code(part: Mapping[str, Any]) -> str | None:
    body = part.get("body")
    error = body.get("error") if isinstance(body, dict) else None
    return text_or_none(error.get("code")) if isinstance(error, dict) else None


def part_headers(part: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of a part of a batch, names in lower case; none where they cannot be read."""
    headers = part.get("headers")
    return {name.lower(): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}


class FlowDriver(Generic[T]):
    """Steps a flow from request to request; a context manager.

    :param flow: closed when the block is left.
    """

    result: T

    def __init__(self, flow: Flow[T]) -> None:
        self._flow = flow
        self.request: Request | None = None
        self.request_id: str | None = None

    def __enter__(self) -> Self:
        self._step(lambda: next(self._flow))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._flow.close()

    def answer(self, response: Response) -> None:
        """Send the flow the answer to its request.

        :raises UnreadableAnswer: naming the request, if the flow cannot read the answer.
        """
        self.request_id = response.request_id or self.request_id
        try:
            self._step(lambda: self._flow.send(response))
        except UnreadableAnswer as error:
            request = cast("Request", self.request)
            raise error.of_answer(request.method, request.shown, response.request_id) from error.__cause__

    def report(self, problem: OneDriveError | OutcomeUnknown) -> None:
        """Throw a problem into the flow."""
        self._step(lambda: self._flow.throw(problem))

    def _step(self, advance: Any) -> None:
        try:
            self.request = advance()
        except StopIteration as end:
            self.request, self.result = None, end.value
        except OutcomeUnknown as unknown:
            raise unknown.cause from None


class Attempts:
    """Counts the attempts of one request, and decides after each failed one.

    :param can_renew: whether a refused token can be replaced.
    :ivar token: the token of the last attempt; a secret.
    """

    def __init__(self, policy: RetryPolicy, request: Request, *, can_renew: bool) -> None:
        self._policy = policy
        self._request = request
        # A pre-authorised URL has no token, so a new one cannot help.
        self._can_renew = can_renew and not request.preauthorized
        self._count = 0
        self.token = ""

    def needs_token(self, outcome: GraphError) -> bool:
        """Return True once, if the token was refused and a new one may help."""
        is_expired = isinstance(outcome, Unauthenticated)
        if not (self._can_renew and is_expired) or isinstance(outcome, (SignInFailed, IdentityUnavailable)):
            return False
        # Once: if a fresh token is refused as well, the reason is not its age.
        self._can_renew = False
        return True

    def wait_seconds(self, outcome: GraphError) -> float:
        """Return the seconds until the next attempt.

        :raises GraphError: the outcome, if there is no other attempt.
        :raises OutcomeUnknown: if the request may have taken effect nevertheless.
        """
        self._count += 1
        seconds = (
            None if self._ends_at_lock(outcome) else self._policy.delay(self._count, outcome, self._request.repeat)
        )
        if seconds is None:
            raise self._final(outcome)
        log.info("Attempt %d failed, the next follows in %.1f s: %s", self._count, seconds, outcome)
        return seconds

    @property
    def first_wait_seconds(self) -> float:
        """The seconds until the first attempt: more than 0 if the flow itself repeats a request."""
        return self._policy.backoff(self._request.failures) if self._request.failures else 0.0

    def _ends_at_lock(self, outcome: GraphError) -> bool:
        return isinstance(outcome, Locked) and not self._request.waits_for_lock

    def _final(self, outcome: GraphError) -> Exception:
        is_open = self._request.repeat is Repeat.IF_REFUSED and leaves_outcome_unknown(outcome)
        return OutcomeUnknown(outcome) if is_open else outcome


def _is_encrypted(url: str) -> bool:
    return url.isprintable() and _origin(url).startswith("https://")


def _origin(url: str) -> str:
    """Return scheme and host, or nothing where a URL cannot be read."""
    try:
        parts = urlsplit(url)
        _ = parts.port, str(parts.hostname).encode("idna")  # refused now, they do not fail in the resolver later
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc.lower()}" if parts.netloc else ""


def _needs_no_body(status: int, headers: Mapping[str, str]) -> bool:
    if status == _ACCEPTED:
        return "location" in headers  # of a monitor, which shows the progress of a copy or a move
    # A redirect is expected only where its header is the answer: of a content, and of a monitor of an old drive.
    return status == _NO_CONTENT or status not in _SUCCESSES
