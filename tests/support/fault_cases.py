"""The faults of the emulator as the fault tests use them: which steps each concerns, and what has to be survived."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from airflow_provider_onedrive.emulator.faults import (
    Fault,
    answer_then_drop,
    bandwidth,
    corrupt_request,
    corrupt_response,
    cut_request,
    cut_response,
    delay,
    drop_after,
    drop_before,
    expire_token,
    ignore_range,
    latency,
    stall_response,
    status,
)
from airflow_provider_onedrive.graph.protocol.options import UNIT_BYTES

TIMES = {"once": 1, "twice": 2, "always": None}
STORE = {"fragment", "session_status", "session_cancel", "download", "monitor"}
LOGIN = {"discovery", "token"}
CONTENT = {"upload", "fragment"}
DELETIONS = {"delete", "permanent_delete"}
READS = {"get", "children", "delta"}
WRITES = {"upload", "create_folder", "create_session", "update", "copy", *DELETIONS}
"""What is done to an item or in a folder that was read before; a 404 passes."""
_WITH_BODY = {
    *("token", "create_folder", "upload", "create_session", "fragment", "update", "session_commit", "copy", "batch"),
}
_WITHOUT_ANSWER = {*DELETIONS, "session_cancel", "copy"}


@dataclass(frozen=True)
class Step:
    """One request of an operation: its word, and which of those with the same word it is, from 0.

    :param is_part: it is sent as a part of a batch.
    :param is_sure: it reads what was just seen.
    """

    operation: str
    number: int
    count: int
    is_part: bool = False
    is_sure: bool = False

    def __str__(self) -> str:
        return self.operation if self.count == 1 else f"{self.operation}{self.number + 1}"

    @property
    def middle(self) -> int:
        """A byte that surely lies within its body, and in the middle of a large one."""
        return UNIT_BYTES // 3 if self.operation == "fragment" and self.number < self.count - 1 else 30

    @property
    def middle_of_answer(self) -> int:
        return 50_000 if self.operation == "download" else 30


def steps_of(asked: Sequence[str], sure: Collection[str] = ()) -> list[Step]:
    """Number what an operation asks.

    :param sure: the steps that read what was just seen.
    """
    counts = {name: asked.count(name) for name in asked}
    seen = dict.fromkeys(asked, 0)
    found = []
    for position, name in enumerate(asked):
        step = Step(name, seen[name], counts[name], is_part=_is_part(asked[position:]))
        found.append(Step(name, step.number, step.count, step.is_part, is_sure=str(step) in sure))
        seen[name] += 1
    return found


def _is_part(left: Sequence[str]) -> bool:
    """:param left: the step and those behind it; the emulator notes a batch behind its parts."""
    behind = next((name for name in left if name not in DELETIONS), None)
    return left[0] in DELETIONS and behind == "batch"


@dataclass(frozen=True)
class FaultCase:
    """A kind of fault.

    :param make: makes it for a step.
    :param survived: so many times in a row it must not change how the operation ends.
    :param at: where it changes anything.
    :param times: how often it happens, each by itself; None is one of TIMES, chosen by a seed.
    :param is_alike: others do nearly the same, so the sample has few of them.
    """

    name: str
    make: Callable[[Step], Fault]
    survived: Callable[[Step], float] = lambda _: 0
    at: Callable[[Step], bool] = lambda _: True
    times: tuple[str, ...] | None = None
    is_alike: bool = False


def often(times: float) -> Callable[[Step], float]:
    return lambda _: times


def on(*operations: str) -> Callable[[Step], bool]:
    return lambda step: step.operation in operations


def _in_body(step: Step) -> bool:
    return step.operation in _WITH_BODY


def _in_answer(step: Step) -> bool:
    return step.operation not in _WITHOUT_ANSWER


def _on_graph(step: Step) -> bool:
    # The token of a batch is that of its parts.
    return step.operation not in STORE | LOGIN and not step.is_part


def _not_found(step: Step) -> float:
    # Delta is asked for the root of a drive, and a drive has one.
    return 2 if step.is_sure or step.operation in {*WRITES, "delta"} else 0


_PASSING = {408, 429, 500, 502, 503, 504, 509}
_STATUSES = (400, 401, 408, 409, 412, 416, 423, 429, 500, 501, 502, 503, 504, 507, 509)
# What would take long for ever: each time is a wait, or gains one byte.
_ONCE, _SOON = ("once",), ("once", "twice")
_HOLD = (
    "Request was cancelled by event received. If attempting to delete a non-empty folder, it's possible that it's on "
    "hold"
)


def _throttled(number: int, name: str, seconds: int, survived: Callable[[Step], float]) -> FaultCase:
    return FaultCase(f"status_{number}_{name}", lambda _: status(number, retry_after=seconds), survived, is_alike=True)


REFUSALS = [
    *(FaultCase(f"status_{n}", lambda _, n=n: status(n), often(2 * (n in _PASSING)), is_alike=True) for n in _STATUSES),
    FaultCase("status_403", lambda _: status(403), times=("once", "always")),
    FaultCase("status_404", lambda _: status(404), _not_found, times=("once", "twice", "always")),
    FaultCase("hold", lambda _: status(403, message=_HOLD), at=on(*DELETIONS)),
    *(_throttled(n, "at_once", 0, often(2)) for n in (429, 503)),
    *(_throttled(n, "in_400_s", 400, often(0)) for n in (429, 503)),
    FaultCase("expire_token", lambda _: expire_token(), often(1), _on_graph),
]
CONNECTIONS = [
    FaultCase("drop_before", lambda _: drop_before(), often(2)),
    FaultCase("drop_after", lambda _: drop_after(), often(2)),
    FaultCase("answer_then_drop", lambda _: answer_then_drop(), often(math.inf), is_alike=True),
    FaultCase("cut_request_at_1", lambda _: cut_request(1), often(2), _in_body),
    FaultCase("cut_request_at_middle", lambda step: cut_request(step.middle), often(2), _in_body),
    FaultCase("cut_request_kept_at_1", lambda _: cut_request(1, keep=True), often(2), on("fragment"), _SOON),
    FaultCase("cut_request_kept", lambda step: cut_request(step.middle, keep=True), often(2), on("fragment")),
    FaultCase("cut_response_at_0", lambda _: cut_response(0), often(2), _in_answer),
    FaultCase("cut_response_at_middle", lambda step: cut_response(step.middle_of_answer), often(2), _in_answer),
    FaultCase("stall_response", lambda step: stall_response(step.middle_of_answer), often(2), _in_answer, _ONCE),
    FaultCase("corrupt_request", lambda step: corrupt_request(step.middle), at=_in_body),
    FaultCase("corrupt_response", lambda step: corrupt_response(step.middle_of_answer), often(1), _in_answer),
    FaultCase("delay", lambda _: delay(0.01), often(math.inf), is_alike=True),
    FaultCase("latency", lambda _: latency(0.002, 0.00001), often(math.inf), is_alike=True),
    FaultCase("bandwidth", lambda _: bandwidth(30_000_000, 30_000_000), often(math.inf), is_alike=True),
    FaultCase("ignore_range", lambda _: ignore_range(), often(2), on("download")),
]
