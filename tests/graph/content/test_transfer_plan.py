"""What a transfer of many files is to do, decided without any."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_onedrive.graph.content.filters import Filters
from airflow_provider_onedrive.graph.content.transfer_plan import (
    Action,
    Entry,
    FolderTransfer,
    Report,
    Step,
    Targets,
    choose,
    plan,
)
from airflow_provider_onedrive.graph.protocol.errors import ConfigurationError, LocationError, Throttled
from airflow_provider_onedrive.graph.protocol.location_parser import LocationParser
from airflow_provider_onedrive.graph.protocol.options import TransferOptions


def transfer(filters: Filters = Filters(), *, recursive: bool = False, **options: Any) -> FolderTransfer:
    return FolderTransfer(filters=filters, recursive=recursive, options=TransferOptions(**options))


MIRROR = transfer(recursive=True, delete_extra=True, allow_empty_source=True)


def entries(*paths: str, **more: Any) -> list[Entry]:
    return [Entry(path, **more) for path in paths]


def decided(sources: list[Entry], how: FolderTransfer, *targets: Entry, **more: Any) -> list[tuple[str, str]]:
    steps = plan(choose(sources, how), Targets(targets), how, **more)
    return [(step.action.value, step.path) for step in steps]


def test_files_go_where_they_lie() -> None:
    """A file keeps its place below the folder, or goes into one folder with all others."""
    sources = entries("a.csv", "x/b.csv")
    assert decided(sources, transfer()) == [("transfer", "a.csv"), ("transfer", "x/b.csv")]
    flat = transfer(keep_directory_structure=False)
    assert decided(sources, flat) == [("transfer", "a.csv"), ("transfer", "b.csv")]


def test_files_below_an_unread_folder_are_not_extra() -> None:
    """A mirror deletes only the files that the source surely has not."""
    targets = entries("x/gone.csv", "X/y/gone.csv", "z/extra.csv", "extra.csv")
    choice = replace(choose([], MIRROR), unread=frozenset({"x"}))
    steps = plan(choice, Targets(targets), MIRROR)
    assert [(step.action, step.path) for step in steps] == [
        (Action.DELETE, "extra.csv"),
        (Action.DELETE, "z/extra.csv"),
    ]
    flat = replace(MIRROR, options=replace(MIRROR.options, keep_directory_structure=False))
    assert plan(choice, Targets(targets), flat) == []  # a file of any name may lie in the folder


@pytest.mark.parametrize(
    ("paths", "how"),
    [
        (("a.csv", "A.csv"), transfer()),
        (("x/a.csv", "X/A.csv"), transfer()),
        (("x/a.csv", "y/a.csv"), transfer(keep_directory_structure=False)),
        (("ÄÖ.csv", "äö.csv"), transfer()),
        (("u\u0308.csv", "\u00fc.csv"), transfer()),
        (("a:b.csv", "a_b.csv"), transfer()),
        (("a:b/x.csv", "A|b/x.csv"), transfer()),
    ],
)
def test_plan_refuses_sources_of_one_name(paths: tuple[str, ...], how: FolderTransfer) -> None:
    """Of several sources that OneDrive would treat as one item none is sent, and each reason names two of them."""
    steps = plan(choose(entries(*paths, "z.csv"), how, LocationParser("replace").new_path), Targets(), how)
    assert [step.action for step in steps] == [Action.REFUSE, Action.REFUSE, Action.TRANSFER]
    assert all(repr(path) in step.reason for step in steps[:2] for path in paths)


def test_plan_refuses_three_sources_of_one_name() -> None:
    """Each of them names another one."""
    steps = plan(choose(entries("a", "A", "z", "a:"), transfer(), lambda path: path.rstrip(":")), Targets(), transfer())
    assert [step.action.value for step in steps] == ["refuse", "refuse", "transfer", "refuse"]
    assert [step.reason.partition(";")[0] for step in steps if step.reason] == [
        "'a' and 'a:' would both become 'a'",
        "'A' and 'a' would both become 'A'",
        "'a:' and 'A' would both become 'a'",
    ]


def test_plan_keeps_names_apart_that_the_server_keeps_apart() -> None:
    """The German sharp s is not ss, whatever case folding makes of it."""
    assert {action for action, _ in decided(entries("ß", "ss"), transfer())} == {"transfer"}


def test_plan_refuses_file_named_like_folder() -> None:
    """The files in the folder are transferred, and the reason names one of them."""
    steps = plan(choose(entries("A", "a/b"), transfer()), Targets(), transfer())
    assert [(step.action.value, step.path) for step in steps] == [("refuse", "A"), ("transfer", "a/b")]
    assert steps[0].reason == "'A' would become 'A', and so would the folder of 'a/b'"


def test_a_problem_is_a_reason() -> None:
    """What cannot be sent and what cannot be written is refused with the reason, and nothing else is."""
    how = transfer()
    choice = choose([*entries("s", problem="it is a socket"), *entries("b:c", "d")], how)
    steps = plan(choice, Targets(), how, refusal=lambda path: "a colon" if ":" in path else "")
    assert [(step.action, step.reason) for step in steps] == [
        (Action.REFUSE, "it is a socket"),
        (Action.REFUSE, "a colon"),
        (Action.TRANSFER, ""),
    ]


def test_what_is_there_may_be_skipped() -> None:
    """Only where something is there it is compared; names are found without regard to case."""
    compared = []

    def skip_reason(source: Entry, target: Entry) -> str:
        compared.append((source.path, target.path))
        return "the same is there"

    found = decided(entries("a", "b"), transfer(), *entries("A"), skip_reason=skip_reason)
    assert (found, compared) == ([("skip", "a"), ("transfer", "b")], [("a", "A")])


def test_too_many_stop_the_reading() -> None:
    """One more than ``max_items`` is enough to know; the rest of a huge tree is not read."""

    def endless() -> Iterator[Entry]:
        while True:
            yield Entry("a")

    with pytest.raises(LocationError, match="more than 3 files"):
        choose(endless(), transfer(max_items=3))


def test_filters_choose_before_anything_is_counted() -> None:
    """``max_items`` is about what is chosen."""
    how = transfer(Filters(file_pattern="*.csv"), max_items=1)
    assert decided(entries("a.txt", "b.txt", "c.csv"), how) == [("transfer", "c.csv")]


def test_nothing_chosen_fails_or_not() -> None:
    """A pattern that matches nothing is an error, unless that is said to be fine."""
    with pytest.raises(LocationError, match="No file was chosen"):
        choose([], transfer())
    assert decided([], transfer(if_none="skip")) == []


def test_a_problem_is_not_filtered_away() -> None:
    """Nobody knows size and time of a socket, nor what an unreadable folder holds."""
    how = transfer(Filters(file_pattern="*.csv", min_size=1, newer_than=datetime(2026, 1, 1, tzinfo=UTC)))
    sources = [*entries("a.csv", "b.txt", problem="a socket"), *entries("x", problem="unreadable", is_folder=True)]
    assert decided(sources, how) == [("refuse", "a.csv"), ("refuse", "x")]


def test_a_mirror_deletes_what_its_source_has_not() -> None:
    """Names are compared without regard to case."""
    assert decided(entries("A"), MIRROR, *entries("a", "b", "x/c")) == [
        ("transfer", "A"),
        ("delete", "b"),
        ("delete", "x/c"),
    ]


@pytest.mark.parametrize(
    "how",
    [
        replace(MIRROR, recursive=False),
        transfer(recursive=True, delete_extra=True, allow_empty_source=True, keep_directory_structure=False),
    ],
)
def test_a_mirror_of_one_folder_leaves_the_folders_in_it(how: FolderTransfer) -> None:
    """Where files go into one folder, the folders in it are none of its business."""
    assert decided([], how, *entries("b", "x/c")) == [("delete", "b")]


def test_a_mirror_deletes_only_what_its_filters_mean() -> None:
    """Other files of the target are not looked at."""
    how = replace(MIRROR, filters=Filters(file_pattern="*.csv"))
    assert decided([], how, *entries("b.csv", "c.txt")) == [("delete", "b.csv")]


def test_a_mirror_keeps_what_the_filters_leave_at_its_source() -> None:
    """A file that is too small to be sent is there all the same, so its larger copy is not superfluous."""
    how = replace(MIRROR, filters=Filters(min_size=5))
    assert decided(entries("a", size=1), how, *entries("a", "b", size=9)) == [("delete", "b")]


def test_a_mirror_deletes_no_notebook() -> None:
    """What could not have been transferred is not superfluous."""
    assert decided([], MIRROR, *entries("Notes", problem="it is a notebook")) == []


def test_a_mirror_has_a_guard() -> None:
    """More than ``max_delete`` is an error that says how to look first."""
    with pytest.raises(LocationError, match=r"3 files of the target.*dry_run=True"):
        decided([], replace(MIRROR, options=replace(MIRROR.options, max_delete=2)), *entries("a", "b", "c"))


@pytest.mark.parametrize("sources", [[], entries("a.txt")])
def test_a_mirror_of_nothing_has_to_be_allowed(sources: list[Entry]) -> None:
    """A disk that is not mounted, or a wrong pattern, leaves no file; that ends the task only if it would delete."""
    how = transfer(Filters(file_pattern="*.csv"), recursive=True, delete_extra=True, if_none="skip")
    with pytest.raises(LocationError, match=r"2 files of the target would be deleted.*allow_empty_source=True"):
        decided(sources, how, *entries("a.csv", "x/b.csv", "c.txt"))
    assert decided(sources, how, *entries("c.txt")) == []
    allowed = replace(how, options=replace(how.options, allow_empty_source=True, if_none="fail"))
    assert decided(sources, allowed, *entries("a.csv", "c.txt")) == [("delete", "a.csv")]


def test_allowing_an_empty_source_means_mirrors_only() -> None:
    """Where nothing is deleted, nothing chosen is still an error."""
    with pytest.raises(LocationError, match="No file was chosen"):
        decided([], transfer(allow_empty_source=True))


@pytest.mark.parametrize(
    ("how", "named"),
    [
        (transfer(move=True, delete_extra=True), "move and delete_extra"),
        (transfer(max_concurrent=0), "max_concurrent"),
        (transfer(max_concurrent=65), "max_concurrent"),
        (transfer(if_none="maybe"), "if_none"),
        (transfer(Filters(regex="(")), "regex"),
    ],
)
def test_what_cannot_be_meant(how: FolderTransfer, named: str) -> None:
    """The error names the parameter."""
    with pytest.raises(ConfigurationError, match=named):
        how.check()


def test_a_report_in_xcom() -> None:
    """Plain JSON; lists are cut, and their lengths are there."""
    report = Report(planned=[Step(Action.REFUSE, f"{number}", Entry("a"), "a colon") for number in range(3)])
    report.fail("a.csv", Throttled("busy"))
    told = report.to_dict(most=2)
    assert json.loads(json.dumps(told)) == told
    assert told["counts"]["planned"] == 3
    assert told["planned"] == [{"path": number, "action": "refuse", "reason": "a colon"} for number in ("0", "1")]
    assert told["failed"][0]["path"] == "a.csv"


# --- names that OneDrive takes for one, on a disk that has a file for each

PAIRS = [("\u00c4.csv", "\u00e4.CSV"), ("\u00fc.csv", "u\u0308.csv"), ("x/a.csv", "X/a.csv")]


@pytest.mark.parametrize(("path", "other"), PAIRS)
def test_file_of_another_case_or_form_is_extra_beside_the_one_of_the_source(path: str, other: str) -> None:
    """Each is judged for itself, and whichever of the two the source has stays."""
    assert decided(entries(path), MIRROR, *entries(path, other)) == [("transfer", path), ("delete", other)]
    assert decided(entries(other), MIRROR, *entries(path, other)) == [("transfer", other), ("delete", path)]


@pytest.mark.parametrize(("path", "other"), PAIRS)
def test_all_files_that_the_source_has_not_are_deleted_in_one_run(path: str, other: str) -> None:
    """Also if OneDrive would take them for one."""
    assert decided([], MIRROR, *entries(path, other)) == [("delete", each) for each in sorted((path, other))]


@pytest.mark.parametrize(("path", "other"), PAIRS)
@pytest.mark.parametrize("is_one", [True, False])
def test_file_of_another_case_or_form_is_extra_if_the_disk_tells_them_apart(
    path: str, other: str, is_one: bool
) -> None:
    """A disk that takes both for one has a file at either path; another one has none at that of the source."""
    steps = plan(choose(entries(path), MIRROR), Targets(entries(other), lambda _: is_one), MIRROR)
    assert [step.path for step in steps if step.action is Action.DELETE] == ([] if is_one else [other])


def test_file_of_another_case_stays_if_the_one_of_the_source_does_not_come() -> None:
    """It may be all there is."""
    large = replace(MIRROR, filters=Filters(min_size=1))
    targets = Targets(entries("A.csv", size=1), lambda _: False)
    assert plan(choose(entries("a.csv", size=0), large), targets, large) == []


def test_file_of_exactly_the_path_is_the_one_that_is_there() -> None:
    """It is compared, and not another one that OneDrive would take for it."""
    for order in (("a.csv", "A.csv"), ("A.csv", "a.csv")):
        targets = Targets(entries(*order))
        assert [targets.at(path) for path in ("a.csv", "A.csv")] == entries("a.csv", "A.csv")
    assert Targets(entries("A.csv")).at("a.csv") == Entry("A.csv")
    assert Targets().at("a.csv") is None
