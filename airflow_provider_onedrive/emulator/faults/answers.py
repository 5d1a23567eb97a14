"""Faults that change the answer of the service: an error, an expired token, an ignored header."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from airflow_provider_onedrive.emulator.errors.defaults import DefaultError, graph_error, login_error
from airflow_provider_onedrive.emulator.errors.problems import Problem
from airflow_provider_onedrive.emulator.errors.rules import RULES
from airflow_provider_onedrive.emulator.faults.fault import Fault, FaultContext, declare
from airflow_provider_onedrive.emulator.http.messages import Request


@declare
@dataclass(frozen=True)
class status(Fault):  # noqa: N801 - reads as a word of a rule
    """Answer with an error; the request has no effect.

    :param retry_after: seconds, or the header's text (a date). None omits the header, as Graph sometimes does.
    :param code: None = the code that Graph (or Entra) uses with this status for this kind of request.
    :param inner: the innerError's code; on the login origin the digits of the AADSTS code.
    :param headers: further headers of the answer.
    """

    status: int
    retry_after: float | str | None = None
    code: str | None = None
    message: str | None = None
    inner: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # A derived fault may not use the number.
        if type(self) is status and not 300 <= self.status <= 599:  # noqa: PLR2004 - HTTP's statuses without success
            raise ValueError("a status must lie between 300 and 599")

    def before(self, request: Request, *_: object) -> None:
        usual = self._usual(request)
        headers = _expected_headers(self.status, request) | self._retry_after() | dict(self.headers)
        code, message, inner = self.code or usual.code, self.message or usual.message, self.inner or usual.inner
        raise Problem(self.status, code, message, inner=inner, headers=headers)

    def _usual(self, request: Request) -> DefaultError:
        if request.origin == "login":
            return login_error(self.status, self.code)
        # The code that a client gets must be the service's, or its error handling is not tested.
        error = graph_error(self.status, request.operation)
        # The inner code belongs to the usual code.
        return replace(error, inner=None) if self.code else error

    def _retry_after(self) -> dict[str, str]:
        if self.retry_after is None:
            return {}
        return {"Retry-After": self.retry_after if isinstance(self.retry_after, str) else f"{self.retry_after:g}"}


@declare
@dataclass(frozen=True)
class refuse(Fault):  # noqa: N801
    """Refuse as a rule does that no permission lifts; the request has no effect.

    :param rule: a key of :data:`~airflow_provider_onedrive.emulator.errors.rules.RULES`, such as ``hold`` or ``dlp``.
    """

    rule: str

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"rule must be one of {', '.join(sorted(RULES))}")

    def before(self, *_: object) -> None:
        make_problem = RULES[self.rule]
        raise make_problem()


@declare
@dataclass(frozen=True)
class ignore_range(Fault):  # noqa: N801
    """Answer 200 with the whole file although only a part of it was requested."""

    def before(self, request: Request, *_: object) -> None:
        # Documented for downloads: the service may answer with the whole file.
        del request.headers["Range"]


@declare
@dataclass(frozen=True)
class expire_token(Fault):  # noqa: N801
    """Expire the request's token now: the answer is 401 until the client gets a new token."""

    def before(self, request: Request, context: FaultContext, /) -> None:
        # The token itself stays valid by its claims, so the client cannot foresee the 401.
        context.expire_token(request.header("Authorization"))


@declare
@dataclass(frozen=True)
class end_session(Fault):  # noqa: N801
    """End the upload session now: the answer is 404, and the bytes that it had are lost."""

    def before(self, request: Request, context: FaultContext, /) -> None:
        context.end_session(request.target)


def _expected_headers(status_code: int, request: Request) -> dict[str, str]:
    """Return the headers that clients rely on: the address of a fresh enumeration, and the kind of token."""
    if (status_code, request.operation) == (410, "delta"):
        folder, _, function = request.raw_path.rpartition("/")
        return {"Location": f"{request.graph_url}{folder}/{function.partition('(')[0]}"}
    if status_code == 401 and request.origin == "graph":  # noqa: PLR2004
        return {"WWW-Authenticate": 'Bearer realm="", error="invalid_token"'}
    return {}
