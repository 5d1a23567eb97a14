"""Lies of the service: what it can be made to answer, at random, that is not true."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any

from hypothesis import strategies as st

from airflow_provider_onedrive.emulator import Emulator
from airflow_provider_onedrive.emulator.drive import EmulatedDrive
from airflow_provider_onedrive.emulator.faults import (
    Fault,
    Quirks,
    alter,
    answer,
    cut_response,
    drop_after,
    drop_before,
    repeat_next_link,
    shift_range,
    status,
)
from airflow_provider_onedrive.graph.http import cooldown

ALWAYS = 10**6
ERROR = {"error": {"code": "generalException", "message": "It was done all the same."}}
ELSEWHERE = {"Location": "https://elsewhere.example/"}

QUIRKS: list[Mapping[str, Any]] = [
    {"missing_writes": 1},
    {"missing_root_every": 3},
    {"missing_listings": 2},
    {"missing_folders": 2},
    {"missing_listings": 2, "missing_folders": 2, "missing_writes": 1},
    {"folders_on_hold": True},
    {"repeating_listings": 1},
    {"repeating_listings": ALWAYS, "repeating_top": 1000},
    {"repeating_listings": ALWAYS},
    {"invisible_reads": 2},
    {"hash_missing_reads": 2},
    {"hash_missing_reads": 99},
    {"editor_opens": 1},
    {"locked_writes": 1},
    {"failing_commits": 1},
    {"refused_commits": 1},
    {"session_invisible_uses": 1},
    {"sessions_hold_names": True},
    {"tempauth_seconds": 0.0},
]
_QUIRKS_SHARE, _ITEMS_SHARE = 0.3, 0.05
_WITHOUT_ITEM = ("delete", "permanent_delete", "copy", "batch", "monitor", "session_status", "content")

REFUSALS: Mapping[str, Callable[[], Fault]] = {
    **{f"status {number}": lambda number=number: status(number) for number in (403, 404, 429, 503)},
    "drop before": drop_before,
    "drop after": drop_after,
    "cut": lambda: cut_response(0),
}
ANSWERS: Mapping[str, Callable[[], Fault]] = {
    "no body": lambda: answer(body=""),
    "a page": lambda: answer(body="<html>Sign in</html>"),
    "no object": lambda: answer(body=[]),
    "202": lambda: answer(202),
    "202, not done": lambda: answer(202, done=False),
    "202 without a body, not done": lambda: answer(202, body="", done=False),
    "206 without a body": lambda: answer(206, body=""),
    "200 without a body, not done": lambda: answer(200, body="", done=False),
    "201 without a body": lambda: answer(201, body=""),
    "200 with an id, not done": lambda: answer(200, body={"id": "1"}, done=False),
    "200 with a name, not done": lambda: answer(200, body={"id": "1", "name": "b.csv"}, done=False),
    "205, not done": lambda: answer(205, body="", done=False),
    "empty object": lambda: answer(body={}),
    "empty object, not done": lambda: answer(200, body={}, done=False),
    "307 elsewhere, not done": lambda: answer(307, body="", headers=ELSEWHERE, done=False),
    "302 with JSON, not done": lambda: answer(302, body={"id": "1"}, headers=ELSEWHERE, done=False),
    "503, done": lambda: answer(503, body=ERROR),
    "504, done": lambda: answer(504, body=ERROR),
    "404, done": lambda: answer(404, body={"error": {"code": "itemNotFound", "message": "Item does not exist"}}),
}
PROPERTIES: Mapping[str, Callable[[], Fault]] = {
    "no size": lambda: alter(without=["size"]),
    "null size": lambda: alter({"size": None}),
    "negative size": lambda: alter({"size": -1}),
    "no parent": lambda: alter(without=["parentReference"]),
    "null parent": lambda: alter({"parentReference": None}),
    "no hashes": lambda: alter(without=["file/hashes"]),
    "null hash": lambda: alter({"file/hashes": None}),
    "impossible time": lambda: alter({"lastModifiedDateTime": "0001-01-01T00:00:00+01:00", "fileSystemInfo": None}),
    "no eTag": lambda: alter(without=["eTag", "cTag"]),
    "no count": lambda: alter(without=["folder/childCount"]),
    "negative count": lambda: alter({"folder/childCount": -1}),
    "no id": lambda: alter(without=["id"]),
    "null name": lambda: alter({"name": None}),
    "name that is a number": lambda: alter({"name": 7}),
}
# Of single items, which Graph is asked for with all facets. A listing selects some, so an item may have none of these.
KINDS: Mapping[str, Callable[[], Fault]] = {
    "no kind": lambda: alter(without=["file", "folder"]),
    "null folder": lambda: alter({"folder": None}),
    "null file": lambda: alter({"file": None}),
}
DOWNLOADS: Mapping[str, Callable[[], Fault]] = {
    "401 of a fresh link": lambda: answer(401, body="<html>Sign in</html>"),
    "later range": lambda: shift_range(1),
    "earlier range": lambda: shift_range(-1),
    "other total": lambda: shift_range(total=7),
    "no range": lambda: answer(headers={"Content-Range": None}),
    "cut in the middle": lambda: cut_response(2),
}


@dataclass(frozen=True)
class Lie:
    """One lie. Its repr is all that is needed to repeat it.

    :param operations: of the requests that meet it.
    :param after: how many of them pass first.
    :param times: how many of them meet it; None = all that follow.
    """

    name: str
    operations: tuple[str, ...] = ()
    after: int = 0
    times: int | None = 1
    do: Callable[[], Fault] | None = field(default=None, repr=False, compare=False)
    quirks: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def tell(self, emulator: Emulator) -> None:
        for name, value in self.quirks.items():
            setattr(emulator.quirks, name, value)
        if self.do is not None:
            emulator.faults.add(operation=self.operations, after=self.after, times=self.times, do=self.do())


@dataclass(frozen=True)
class ItemLie:
    """A lie about one item: a hold that keeps it, or malware in it.

    :param number: which of the items.
    """

    name: str
    number: int

    def tell(self, emulator: Emulator) -> None:
        drive = emulator.drive()
        paths = [path for path in drive.paths() if self.name == "hold" or not path.endswith("/")]
        if paths:
            path = paths[self.number % len(paths)]
            drive.hold(path) if self.name == "hold" else drive.mark_malware(path)


def lies_about(*operations: str) -> st.SearchStrategy[list[Lie | ItemLie]]:
    """Choose some lies about the requests of an operation.

    :param operations: those of the requests, as the emulator names them.
    """
    # By numbers: each lie is as likely as another one, and Hypothesis draws a number faster than a structure.
    return st.lists(st.integers(0, 2**32).map(lambda seed: _lie(Random(seed), operations)), max_size=3)


def _lie(chance: Random, operations: Sequence[str]) -> Lie | ItemLie:
    kind = chance.random()
    if kind < _QUIRKS_SHARE:
        quirks = chance.choice(QUIRKS)
        return Lie(str(dict(quirks)), quirks=quirks)
    if kind < _QUIRKS_SHARE + _ITEMS_SHARE:
        return ItemLie(chance.choice(["hold", "malware"]), chance.randrange(20))
    operation = chance.choice(operations)
    cases = _cases(operation)
    name = chance.choice(list(cases))
    return Lie(name, (operation,), chance.choice([0, 0, 0, 1, 2, 3]), chance.choice([1, 1, 2, None]), do=cases[name])


def _cases(operation: str) -> Mapping[str, Callable[[], Fault]]:
    if operation == "download":
        return {**REFUSALS, **DOWNLOADS}
    if operation in _WITHOUT_ITEM:
        return {**REFUSALS, **ANSWERS}
    more = {"next link to itself": repeat_next_link} if operation in ("children", "delta") else KINDS
    return {**REFUSALS, **ANSWERS, **PROPERTIES, **more}


@contextmanager
def lying(emulator: Emulator, lies: list[Lie | ItemLie]) -> Iterator[None]:
    """Let the service lie while the block runs."""
    for each in lies:
        each.tell(emulator)
    try:
        yield
    finally:
        be_honest(emulator)


def be_honest(emulator: Emulator) -> None:
    """End all lies, and what follows from them: it is later."""
    emulator.faults.clear()
    emulator.quirks.replace_by(Quirks())
    _release(emulator.drive())
    emulator.finish_copies()
    cooldown.forget_all()


def _release(drive: EmulatedDrive) -> None:
    for path in drive.paths():
        drive.release(path)
        if "malware" in drive.item(path):
            drive.put(path, drive.read(path))  # malware stays until the file is replaced
