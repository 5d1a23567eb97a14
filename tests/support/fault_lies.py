"""Answers that are not true, as cases of the fault tests: success without an effect, half an answer, another's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from fault_cases import DELETIONS, LOGIN, READS, FaultCase, Step, often, on

from airflow_provider_onedrive.emulator.faults import Fault, alter, answer, repeat_next_link, shift_range

_ELSEWHERE = {"Location": "https://elsewhere.example/signin"}
_SIGN_IN = "<html>Sign in</html>"
_IMPOSSIBLE = "0001-01-01T00:00:00+01:00"
_TIMES = {
    "lastModifiedDateTime": _IMPOSSIBLE,
    "createdDateTime": None,
    "fileSystemInfo/lastModifiedDateTime": "99999-13-32",
}
_REDIRECTS = (302, 307)
# One of them is what Graph says where it has done it; what else it may say is in `_says`.
_SUCCESSES = (200, 202, 204)
_USUAL = {"delete": {204}, "permanent_delete": {204}, "session_cancel": {204}, "copy": {202}, "fragment": {200, 202}}


def _says(number: int) -> Callable[[Step], bool]:
    """Return at which steps a success of this number says nothing."""
    return lambda step: step.operation not in LOGIN and number not in _USUAL.get(step.operation, {200})


def _answers(number: int, body: Any = "", *, done: bool) -> Callable[[Step], Fault]:
    return lambda _: answer(number, body=body, done=done)


def _redirects(number: int, body: Any) -> Callable[[Step], Fault]:
    return lambda _: answer(number, body=body, headers=_ELSEWHERE, done=False)


def _has_body(step: Step) -> bool:
    return step.operation not in {*DELETIONS, "session_cancel", "copy"}


def _twice_at_graph(step: Step) -> float:
    """Entra's answers are read by msal, which takes any JSON for an answer of Entra."""
    return 0 if step.operation in LOGIN else 2


def _empty(step: Step) -> float:
    # A file without bytes is compared with what Graph says, and fetched once more.
    return 1 if step.operation == "download" else _twice_at_graph(step)


def _repeating(step: Step) -> float:
    # A listing is read again; a round of delta is given up at once, and repeated by the next try.
    return 1 if step.operation == "children" else 0


LIES = [
    *(FaultCase(f"redirect_{n}", _redirects(n, _SIGN_IN), _twice_at_graph) for n in _REDIRECTS),
    *(FaultCase(f"redirect_{n}_json", _redirects(n, {"id": "1"}), _twice_at_graph) for n in _REDIRECTS),
    *(FaultCase(f"says_{n}_done", _answers(n, done=True), often(2), _says(n)) for n in _SUCCESSES),
    *(FaultCase(f"says_{n}_not_done", _answers(n, done=False), often(2), _says(n)) for n in _SUCCESSES),
    FaultCase("empty_answer", lambda _: answer(body=""), _empty, _has_body),
    FaultCase("download_url_401", lambda _: answer(401, body=_SIGN_IN), often(2), on("download")),
    FaultCase("range_later", lambda _: shift_range(100), often(math.inf), on("download")),
    FaultCase("range_earlier", lambda _: shift_range(-100), often(math.inf), on("download")),
    FaultCase("range_total", lambda _: shift_range(total=7), often(math.inf), on("download")),
    FaultCase("range_missing", lambda _: answer(headers={"Content-Range": None}), often(math.inf), on("download")),
    FaultCase("next_link_repeats", lambda _: repeat_next_link(), _repeating, on("children", "delta")),
    FaultCase("without_size", lambda _: alter({"size": None}), often(2), on(*READS)),
    FaultCase("impossible_times", lambda _: alter(_TIMES), often(math.inf), on(*READS)),
]
