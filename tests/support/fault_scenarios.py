"""Which fault meets which step of an operation, and how often."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fault_operations import OPERATIONS, Operation

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
STALL_SECONDS = 0.3
"""How long a client waits for the next bytes where they stay away."""

_SESSION = {"fragment", "session_status", "session_cancel"}
_LOGIN = {"discovery", "token"}
_WITH_BODY = {"token", "create_folder", "upload", "create_session", "fragment", "update", "session_commit"}
_WITHOUT_ANSWER = {"delete", "permanent_delete", "session_cancel"}
_CONTENT = {"upload", "fragment"}
_CHANGES = {"upload", "create_session", "create_folder", "delete", "permanent_delete"}


@dataclass(frozen=True)
class Step:
    """One request of an operation: its word, and which of those with the same word it is, from 0."""

    operation: str
    number: int
    count: int

    def __str__(self) -> str:
        return self.operation if self.count == 1 else f"{self.operation}{self.number + 1}"

    @property
    def middle(self) -> int:
        """A byte that surely lies within its body, and in the middle of a large one."""
        return UNIT_BYTES // 3 if self.operation == "fragment" and self.number < self.count - 1 else 30

    @property
    def middle_of_answer(self) -> int:
        return 50_000 if self.operation == "download" else 30


def steps_of(asked: Sequence[str]) -> list[Step]:
    """Number what an operation asks."""
    counts = {name: asked.count(name) for name in asked}
    seen = dict.fromkeys(asked, 0)
    found = []
    for name in asked:
        found.append(Step(name, seen[name], counts[name]))
        seen[name] += 1
    return found


@dataclass(frozen=True)
class FaultCase:
    """A kind of fault.

    :param make: makes it for a step.
    :param survived: so many times in a row it must not change how the operation ends.
    :param at: where it changes anything.
    """

    name: str
    make: Callable[[Step], Fault]
    survived: float = 0
    at: Callable[[str], bool] = lambda _: True


def _in_body(operation: str) -> bool:
    return operation in _WITH_BODY


def _in_answer(operation: str) -> bool:
    return operation not in _WITHOUT_ANSWER


def _on_graph(operation: str) -> bool:
    return operation not in _SESSION | _LOGIN | {"download"}


_PASSING = {408, 429, 500, 502, 503, 504, 509}
_STATUSES = (400, 401, 403, 404, 408, 409, 412, 416, 423, 429, 500, 501, 502, 503, 504, 507, 509)

FAULT_CASES = [
    *(FaultCase(f"status_{n}", lambda _, n=n: status(n), 2 * (n in _PASSING)) for n in _STATUSES),
    *(FaultCase(f"status_{n}_at_once", lambda _, n=n: status(n, retry_after=0), 2) for n in (429, 503)),
    *(FaultCase(f"status_{n}_in_400_s", lambda _, n=n: status(n, retry_after=400)) for n in (429, 503)),
    FaultCase("drop_before", lambda _: drop_before(), 2),
    FaultCase("drop_after", lambda _: drop_after(), 2),
    FaultCase("answer_then_drop", lambda _: answer_then_drop(), math.inf),
    FaultCase("cut_request_at_1", lambda _: cut_request(1), 2, _in_body),
    FaultCase("cut_request_at_middle", lambda step: cut_request(step.middle), 2, _in_body),
    FaultCase("cut_request_kept_at_1", lambda _: cut_request(1, keep=True), 2, lambda name: name == "fragment"),
    FaultCase("cut_request_kept", lambda step: cut_request(step.middle, keep=True), 2, lambda name: name == "fragment"),
    FaultCase("cut_response_at_0", lambda _: cut_response(0), 2, _in_answer),
    FaultCase("cut_response_at_middle", lambda step: cut_response(step.middle_of_answer), 2, _in_answer),
    FaultCase("stall_response", lambda step: stall_response(step.middle_of_answer), 2, _in_answer),
    FaultCase("corrupt_request", lambda step: corrupt_request(step.middle), 0, _in_body),
    FaultCase("corrupt_response", lambda step: corrupt_response(step.middle_of_answer), 1, _in_answer),
    FaultCase("delay", lambda _: delay(0.01), math.inf),
    FaultCase("latency", lambda _: latency(0.002, 0.00001), math.inf),
    FaultCase("bandwidth", lambda _: bandwidth(30_000_000, 30_000_000), math.inf),
    FaultCase("expire_token", lambda _: expire_token(), 1, _on_graph),
    FaultCase("ignore_range", lambda _: ignore_range(), 2, lambda name: name == "download"),
]


@dataclass(frozen=True)
class Met:
    """A step meets a fault."""

    step: Step
    case: FaultCase
    often: str

    def __str__(self) -> str:
        return f"{self.step}-{self.case.name}-{self.often}"

    @property
    def rule(self) -> Mapping[str, Any]:
        rule = {"operation": self.step.operation, "after": self.step.number, "do": self.case.make(self.step)}
        # Two wrong bytes that lie a multiple of 160 apart cancel each other in a quickXorHash.
        spread = {"every": self.step.count} if self.case.name.startswith("corrupt") else {}
        return rule | {"times": TIMES[self.often]} | spread

    @property
    def is_survived(self) -> bool:
        """Whether it must not be noticed: it passes soon, and lets a client see that it may."""
        return (TIMES[self.often] or math.inf) <= self.case.survived

    @property
    def spoils_content(self) -> bool:
        return self.case.name == "corrupt_request" and self.step.operation in _CONTENT


@dataclass(frozen=True)
class Scenario:
    """An operation and what it meets; the name says all that is needed to repeat it.

    :param is_mild: the quirks alone must not change how it ends.
    """

    operation: Operation
    meets: tuple[Met, ...] = ()
    quirks: Mapping[str, Any] = field(default_factory=dict)
    is_mild: bool = True

    @property
    def is_stalled(self) -> bool:
        return any(met.case.name == "stall_response" for met in self.meets)

    @property
    def is_survived(self) -> bool:
        """Whether it must end as it would if nothing went wrong."""
        return self.is_mild and all(met.is_survived for met in self.meets)


@dataclass(frozen=True)
class Custom:
    """What SharePoint does.

    :param is_mild: it must not change how an operation ends.
    """

    name: str
    quirks: Mapping[str, Any]
    is_mild: bool = True


CUSTOMS = [
    Custom("rewrites", {"rewrite_office": True}),
    Custom("rewrites_later", {"rewrite_office": True, "rewrite_in_answer": False}),
    Custom("hash_late", {"hash_missing_reads": 2}),
    Custom("hash_never", {"hash_missing_reads": 99}),
    Custom("invisible_once", {"invisible_reads": 1}),
    Custom("invisible_thrice", {"invisible_reads": 3}),
    Custom("session_invisible_once", {"session_invisible_uses": 1}),
    Custom("session_invisible_thrice", {"session_invisible_uses": 3}),
    Custom("session_invisible_always", {"session_invisible_uses": 99}, is_mild=False),
    Custom("no_retry_after", {"retry_after_missing": True}),
    Custom("upload_url_expired", {"tempauth_seconds": 0.0}, is_mild=False),
    Custom("editor_once", {"editor_opens": 1}, is_mild=False),
    Custom("editor_often", {"editor_opens": 99}, is_mild=False),
    Custom("locked_once", {"locked_writes": 1}),
    Custom("locked_thrice", {"locked_writes": 3}),
    Custom("locked_always", {"locked_writes": 99}, is_mild=False),
    Custom("search_late", {"unindexed_searches": 99}),
    Custom("commit_fails_once", {"failing_commits": 1}),
    Custom("commit_fails_always", {"failing_commits": 99}),
    Custom("commit_fails_504", {"failing_commits": 2, "failing_commit_status": 504}),
    Custom("commit_refused_once", {"refused_commits": 1}),
    Custom("commit_refused_twice", {"refused_commits": 2}),
    Custom("commit_refused_503", {"refused_commits": 2, "refused_commit_status": 503}),
    Custom("commit_refused_409", {"refused_commits": 1, "refused_commit_status": 409}, is_mild=False),
    Custom("commit_refused_always", {"refused_commits": 99}, is_mild=False),
    Custom("sessions_hold_names", {"sessions_hold_names": True}),
]


Named = tuple[str, Scenario]


def every_quirk() -> Iterator[Named]:
    """Each quirk for each operation that changes something, and some for the others, chosen by a seed."""
    for operation in OPERATIONS:
        chance = random.Random(operation.name)
        is_change = _CHANGES.intersection(operation.all_steps)
        for custom in CUSTOMS if is_change else chance.sample(CUSTOMS, _SOME_QUIRKS):
            yield f"{operation.name}-{custom.name}", Scenario(operation, (), custom.quirks, custom.is_mild)


def every_fault() -> Iterator[Named]:
    """Each fault at each step of the operations that are unlike, and some at those of the others, chosen by a seed."""
    for operation in OPERATIONS:
        chance = random.Random(operation.name)
        possible = _possible(operation.all_steps, chance)
        if operation.name in _UNLIKE:
            chosen = [met for met in possible if operation.name in _SIGN_INS or met.step.operation not in _LOGIN]
        else:
            chosen = chance.sample(possible, _SOME)
        for met in chosen:
            yield f"{operation.name}-{met}", Scenario(operation, (met,))


def several_faults() -> Iterator[Named]:
    """Some faults and perhaps a quirk for one operation, chosen by a seed, also at steps that only faults lead to."""
    for operation in OPERATIONS:
        mending = _MENDING if "create_session" in operation.steps else []
        for seed in range(_SEEDS):
            chance = random.Random(f"{operation.name} {seed}")
            possible = _possible([*operation.all_steps, *mending], chance)
            meets = tuple(chance.sample(possible, chance.randint(2, 3)))
            custom = chance.choice([*CUSTOMS, None, None])
            quirks, is_mild = (custom.quirks, custom.is_mild) if custom else ({}, True)
            yield f"{operation.name}-seed{seed}", Scenario(operation, meets, quirks, is_mild)


def _possible(asked: Sequence[str], chance: random.Random) -> list[Met]:
    everything = [_met(step, case, chance) for step in steps_of(asked) for case in FAULT_CASES]
    return [met for met in everything if met.case.at(met.step.operation)]


def _met(step: Step, case: FaultCase, chance: random.Random) -> Met:
    often = _RARELY.get(case.name, tuple(TIMES))
    return Met(step, case, chance.choice(often))


_UNLIKE = {
    *("upload_small_fail_free", "upload_small_rename_taken", "upload_small_skip_if_same_taken", "upload_small_nested"),
    *("upload_large_fail_free", "upload_large_replace_taken", "upload_large_rename_taken", "update_large_etag"),
    *("upload_cut", "upload_full_drive", "upload_late_commit", "upload_resumed", "upload_empty_mtime"),
    *("download_large", "download_chunks", "download_at_once", "download_resumed", "create_folder"),
    *("delete_file", "delete_permanent", "delete_folder", "children", "walk"),
}
_SIGN_INS = {"upload_small_fail_free", "update_large_etag", "download_large", "delete_file", "walk"}
_SOME = 12
_SOME_QUIRKS = 6
_RARELY = {"stall_response": ("once",), "cut_request_kept_at_1": ("once", "twice")}
"""What would take long for ever: each time is a wait, or gains one byte."""
_SEEDS = 7
_MENDING = ["session_status", "session_status", "session_commit", "session_cancel"]
