"""Two tries of one task at once: the first is stopped at each step, the second ends or is killed, the first goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from inspect import getmembers, isclass
from pathlib import Path
from typing import Any

import pytest
from try_processes import ALLOW, HAS_TASK_RUNNER, RESUME_DIRECTORY, TryEnd
from try_scene import TryScene
from try_tasks import NOTICED, TASKS, Alone, Task

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.graph.call_advice import PUBLIC_METHODS
from airflow_provider_onedrive.graph.client import Client
from airflow_provider_onedrive.operators import onedrive
from airflow_provider_onedrive.operators.base import OneDriveOperator

PERSONAL = "pat@outlook.example"
READING_METHODS = {
    *("aclose", "children", "close", "copied", "copy_progress", "exists", "find", "read_bytes", "read_text"),
    *("shared_folders", "stat", "stop", "walk"),
}
READING_OPERATORS = {"OneDriveListOperator"}


@pytest.fixture
def scene(  # noqa: PLR0917 - fixtures
    onedrive_emulator: Emulator,
    processes: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    connection: Callable[..., None],
    task: Task,
    personality: str,
    shares: bool,
) -> Iterator[TryScene]:
    """The tries share what they know where Airflow keeps it: in its store, or before 3.3 in a folder."""
    user = onedrive_emulator.users[0]
    if personality == "personal":
        user = PERSONAL
        onedrive_emulator.add_user(PERSONAL, personality="personal")
        connection(myfiles=PERSONAL)
    has_folder = shares and not HAS_TASK_RUNNER
    monkeypatch.setenv(RESUME_DIRECTORY, str(tmp_path / "resumed") if has_folder else "")
    monkeypatch.setenv(ALLOW, "permanent_delete")
    store = tmp_path / "store" if shares and HAS_TASK_RUNNER else None
    made = TryScene(task, onedrive_emulator, onedrive_emulator.drive(user), tmp_path, processes, store)
    made.prepare()
    yield made
    made.close()


shared = pytest.mark.parametrize("shares", [True], ids=["shared"])
alone = pytest.mark.parametrize("shares", [False], ids=["alone"])
each_task = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
_BOTH = ("business", "personal")
_CASES = [
    (task, personality, step, is_done)
    for task in TASKS
    for personality in _BOTH[: 1 + task.is_for_all]
    for step in task.steps.split()
    for is_done in (False, True)
]
# The first is stopped late in one of two cases, once before and once behind the step of the second.
_KILLS = [(*case, number % 4 in {1, 2}) for number, case in enumerate(_CASES)]
_VALUES = {"is_done": ("before", "after"), "is_late": ("early", "late")}


def each(names: str, cases: list[tuple[Any, ...]]) -> Any:
    """Run a test for each case, which is named after its values."""
    ids = ["-".join(_named(*pair) for pair in zip(names.split(), case, strict=True)) for case in cases]
    return pytest.mark.parametrize(names.split(), cases, ids=ids)


def _named(parameter: str, value: Any) -> str:
    return _VALUES[parameter][value] if parameter in _VALUES else getattr(value, "name", value)


each_step = each("task personality step is_done", _CASES)


def meet(scene: TryScene, step: str, alone: Alone, *, is_done: bool) -> tuple[TryEnd, TryEnd]:
    """Stop the first at a step, run the second to its end, and let the first go; return how both ended."""
    first = scene.begin(1, step, is_done=is_done)
    assert first.comes(), f"the first try never came to {step}"
    first.stop()
    second = scene.run(2)
    if not second.error:
        scene.check(alone)
    return first.let_go(), second


@each_step
@shared
def test_orphan_changes_nothing(scene: TryScene, step: str, is_done: bool) -> None:
    """The result is that of one try, and the first ends as taken over or as if it had been alone."""
    first, second = meet(scene, step, NOTICED, is_done=is_done)
    assert second.error == ""
    assert first.error == "" or first.error.startswith("TakenOver"), first.error
    scene.check()
    scene.check_nothing_is_left()


@each_step
@alone
def test_orphan_that_nobody_tells(scene: TryScene, task: Task, step: str, is_done: bool) -> None:
    """If the tries share nothing, the first goes on to its end: this is what comes of it, and no more."""
    first, second = meet(scene, step, task.alone, is_done=is_done)
    assert second.error.partition(":")[0] in {"", *task.alone.later_ends}, second.error
    assert first.error.partition(":")[0] in {"", *task.alone.ends}, first.error
    scene.check(task.alone)


def third_of(scene: TryScene, step: str, *, is_done: bool, is_late: bool) -> tuple[TryEnd, TryEnd]:
    """Kill the second at a step, let the first go, and run the third; return how the first and the third ended.

    :param is_late: the first is stopped with its last request on the way; else behind its first answer.
    """
    steps = scene.task.steps.split()
    first = scene.begin(1, steps[-1] if is_late else steps[0], is_done=not is_late)
    assert first.comes()
    first.stop()
    second = scene.begin(2, step, is_done=is_done)
    if second.comes():  # what the first has done it need not do
        second.kill()
    scene.emulator.faults.clear()
    return first.let_go(), scene.run(3)


def killed(alone: Alone) -> Alone:
    """Allow a version more: that of the second, which was killed when it had made it."""
    return replace(alone, versions=alone.versions + 1)


@each("task personality step is_done is_late", _KILLS)
@shared
def test_third_try_ends_what_a_killed_one_left(scene: TryScene, step: str, is_done: bool, is_late: bool) -> None:
    """The first has lost the work although the second is dead, and the third does what is left."""
    first, third = third_of(scene, step, is_done=is_done, is_late=is_late)
    assert third.error == ""
    assert first.error == "" or first.error.startswith("TakenOver"), first.error
    scene.check(killed(NOTICED))
    scene.check_parts()


@each("task personality step is_done is_late", [case for case in _KILLS if case[1] == "business"])
@alone
def test_third_try_that_knows_nothing(scene: TryScene, task: Task, step: str, is_done: bool, is_late: bool) -> None:
    """The same if the tries share nothing."""
    first, third = third_of(scene, step, is_done=is_done, is_late=is_late)
    assert third.error.partition(":")[0] in {"", *task.alone.later_ends}, third.error
    assert first.error.partition(":")[0] in {"", *task.alone.ends}, first.error
    scene.check(killed(task.alone))


def noted(method: Callable[..., Any], calls: set[str]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        calls.add(method.__name__)
        return method(*args, **kwargs)

    return call


@each_task
@pytest.mark.parametrize("personality", ["business"])
@shared
def test_steps_are_all_of_a_try(scene: TryScene, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """A try that is alone sends these requests, so the tests above stop one at each; and it calls the method."""
    calls: set[str] = set()
    name = task.client_method
    monkeypatch.setattr(Client, name, noted(getattr(Client, name), calls))
    end = scene.run(1)
    assert (end.error, calls) == ("", {name})
    scene.check()
    scene.check_nothing_is_left()
    assert scene.steps() == task.steps.split()


def test_all_that_writes_has_a_task() -> None:
    """Each operator that is not only read with, and each such method of the client; only operators write in tasks."""
    operators = {name for name, each in getmembers(onedrive, isclass) if issubclass(each, OneDriveOperator)}
    public = {name for name in operators if name in onedrive.__all__}
    assert {task.operator.__name__ for task in TASKS} >= public - READING_OPERATORS
    assert {task.client_method for task in TASKS} == set(PUBLIC_METHODS) - READING_METHODS
