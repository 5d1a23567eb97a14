"""Every fault at every step: an operation succeeds, or says what went wrong and has lost nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from fault_operations import OPERATIONS
from fault_oracle import Trial
from fault_scenarios import Named, Scenario, every_fault, every_quirk, several_faults
from fault_scene import NEW, OLD, OPTIONS, Operation, Scene


def each(scenarios: Iterable[Named]) -> Callable[..., Any]:
    return pytest.mark.parametrize("scenario", [pytest.param(scenario, id=name) for name, scenario in scenarios])


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_nothing_goes_wrong(scene: Scene, operation: Operation, secrets: list[str]) -> None:
    """Each operation asks what it is said to ask, and ends as it is said to end."""
    trial = Trial(scene, Scenario(operation), secrets)
    trial.run()
    assert [request.operation for request in scene.emulator.requests] == operation.all_steps


@each(every_fault())
def test_one_fault(scene: Scene, scenario: Scenario, secrets: list[str]) -> None:
    """One fault, once, twice or for ever: what passes is survived, all else is told and loses nothing."""
    Trial(scene, scenario, secrets).run()


@each(every_quirk())
def test_one_quirk(scene: Scene, scenario: Scenario, secrets: list[str]) -> None:
    """What SharePoint does by itself does no harm, or is reported and loses nothing."""
    Trial(scene, scenario, secrets).run()


@each(several_faults())
def test_several_faults(scene: Scene, scenario: Scenario, secrets: list[str]) -> None:
    """What is true of one fault is true of several."""
    Trial(scene, scenario, secrets).run()


@pytest.mark.parametrize("in_answer", [True, False], ids=["in_answer", "later"])
@pytest.mark.parametrize("size", ["page", "large_page"])
@pytest.mark.parametrize("method", ["upload", "update", "save"])
def test_a_page_that_sharepoint_rewrites(scene: Scene, tmp_path: Path, method: str, size: str, in_answer: bool) -> None:
    """It is not sent again, though its size and hash are others: the item says that it was rewritten."""
    (tmp_path / "a.html").write_bytes(NEW[size])
    if method == "update":
        scene.drive.put("in/a.html", OLD)
    scene.drive.folder("in")
    scene.emulator.quirks.rewrite_office, scene.emulator.quirks.rewrite_in_answer = True, in_answer
    item = getattr(scene.connect(), method)("myfiles/in/a.html", local_path=tmp_path / "a.html", options=OPTIONS)
    there = scene.drive.read("in/a.html")
    assert there.startswith(NEW[size])
    assert len(there) > len(NEW[size])
    assert item.server_rewrote or not in_answer
    sent = scene.emulator.requests.total(method="PUT").received_bytes
    assert sent == len(NEW[size])
