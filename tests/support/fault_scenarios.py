"""Which fault meets which step of an operation, and how often."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fault_cases import CONNECTIONS, CONTENT, LOGIN, REFUSALS, TIMES, WRITES, FaultCase, Step, steps_of
from fault_customs import CUSTOMS
from fault_lies import LIES
from fault_operations import OPERATIONS
from fault_scene import Operation

STALL_SECONDS = 0.3
"""How long a client waits for the next bytes where they stay away."""
FAULT_CASES = [*REFUSALS, *CONNECTIONS, *LIES]


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
    def times(self) -> float:
        return TIMES[self.often] or math.inf

    def is_survived(self, times: float) -> bool:
        """Return whether it must not be noticed: it passes soon, and lets a client see that it may."""
        return self.case.survived(self.step) >= times

    @property
    def spoils_content(self) -> bool:
        return self.case.name == "corrupt_request" and self.step.operation in CONTENT


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
    def signs_in(self) -> bool:
        """Whether the client has no token from before."""
        return not (self.meets or self.quirks) or any(met.step.operation in LOGIN for met in self.meets)

    @property
    def is_survived(self) -> bool:
        """Whether it must end as it would if nothing went wrong."""
        return self.is_mild and all(met.is_survived(self._times(met.step)) for met in self.meets)

    def _times(self, step: Step) -> float:
        """Return how often in a row a step fails, of all that it meets."""
        return sum(met.times for met in self.meets if met.step == step and met.case.survived(step) < math.inf)


Named = tuple[str, Scenario]


def every_quirk() -> Iterator[Named]:
    """Each quirk for each operation that changes something, and some for the others, chosen by a seed."""
    for operation in OPERATIONS:
        chance = random.Random(operation.name)
        is_change = WRITES.intersection(operation.all_steps)
        for custom in CUSTOMS if is_change else chance.sample(CUSTOMS, _SOME_QUIRKS):
            yield (
                f"{operation.name}-{custom.name}",
                Scenario(operation, (), custom.quirks, custom.is_mild(operation)),
            )


def every_fault() -> Iterator[Named]:
    """Each fault at each step of the operations that are unlike, and some at those of the others, chosen by a seed."""
    for operation in OPERATIONS:
        chance = random.Random(operation.name)
        possible = _possible(operation, (), chance)
        if operation.name in _UNLIKE:
            chosen = [met for met in possible if operation.name in _SIGN_INS or met.step.operation not in LOGIN]
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
            possible = _possible(operation, mending, chance)
            meets = tuple(chance.sample(possible, chance.randint(2, 3)))
            custom = chance.choice([*CUSTOMS, None, None])
            quirks, is_mild = (custom.quirks, custom.is_mild(operation)) if custom else ({}, True)
            yield f"{operation.name}-seed{seed}", Scenario(operation, meets, quirks, is_mild)


def _possible(operation: Operation, more: Sequence[str], chance: random.Random) -> list[Met]:
    steps = steps_of([*operation.all_steps, *more], operation.sure.split())
    return [met for step in steps for case in FAULT_CASES if case.at(step) for met in _meets(step, case, chance)]


def _meets(step: Step, case: FaultCase, chance: random.Random) -> list[Met]:
    return [Met(step, case, times) for times in case.times or (chance.choice(tuple(TIMES)),)]


_UNLIKE = {
    *("upload_small_fail_free", "upload_small_rename_taken", "upload_small_skip_if_same_taken", "upload_small_nested"),
    *("upload_large_fail_free", "upload_large_replace_taken", "upload_large_rename_taken", "update_large_etag"),
    *("upload_cut", "upload_full_drive", "upload_late_commit", "upload_resumed", "upload_empty_mtime"),
    *("download_large", "download_chunks", "download_at_once", "download_resumed", "create_folder"),
    *("delete_file", "delete_permanent", "delete_folder", "delete_matching", "children", "walk", "exists"),
    *("move", "move_replace_taken", "move_elsewhere", "copy", "copy_replace_taken", "copy_rename_taken"),
    *("upload_tree_mirror", "upload_tree_move", "download_tree_mirror", "download_tree_move"),
    *("sync_first", "sync_second", "sync_folder_comes"),
}
_SIGN_INS = {"upload_small_fail_free", "update_large_etag", "download_large", "delete_file", "walk"}
_SOME = 12
_SOME_QUIRKS = 6
_SEEDS = 7
_MENDING = ["session_status", "session_status", "session_commit", "session_cancel"]
