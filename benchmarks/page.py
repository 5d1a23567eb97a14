"""Writes docs/performance.md and its pictures."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path

import charts
import remarks
from bench import OURS
from found import Found
from tables import Goal, Table, number

_CALM = 0.7
_UP, _DOWN = f"{OURS}, up", f"{OURS}, down"


def write(docs: Path, found: Found, goals: Sequence[Goal]) -> None:
    images = docs / "images"
    images.mkdir(exist_ok=True)
    for name, picture in _pictures(found).items():
        (images / f"{name}.svg").write_text(picture, encoding="utf-8")
    (docs / "performance.md").write_text(_page(found, goals), encoding="utf-8")


def _page(found: Found, goals: Sequence[Goal]) -> str:
    parts = [
        remarks.HEAD.format(runs=found.runs, machine=_machine(), noise=_noise(found), calm=_calm(found)),
        "## Goals",
        _rows(["goal", "reached", ""], [[goal.text, goal.reached, goal.state] for goal in goals]),
        *remarks.missed(goals),
        "## Large files",
        *(_section(table) for table in (found.up, found.one_put, found.down)),
        remarks.LARGE,
        "![Speed by size](images/speed-by-size.svg)",
        "![Memory by size](images/memory-by-size.svg)",
        _section(found.huge),
        "## Many small files",
        *(_section(table) for table in (found.many_up, found.many_down)),
        remarks.MANY,
        "![Files a second by how many at once](images/files-by-concurrency.svg)",
        "![Files a second by latency](images/files-by-latency.svg)",
        "## Listing, walking, deleting",
        *(_section(table) for table in (found.listing, found.walk[0], found.delete[0])),
        f"The walk takes {found.walk[1]} requests, the deletion {found.delete[1]} with the listing before it.",
        "![Seconds to list by number of children](images/list-by-count.svg)",
        _growth(found),
        "## Requests",
        _requests(found),
        "## Hashes",
        _section(found.hashes, is_titled=False),
        "## The operator",
        _operator(found),
        remarks.TAIL,
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _section(table: Table, *, is_titled: bool = True) -> str:
    title = f"**{table.title[0].upper()}{table.title[1:]}**\n\n" if is_titled else ""
    return title + table.markdown()


def _rows(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *lines))


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def _noise(found: Found) -> str:
    middle, low, high = statistics.median(found.noise), min(found.noise), max(found.noise)
    return f"{number(middle)} ms, {number(low)} to {number(high)}"


def _calm(found: Found) -> str:
    if found.load < _CALM:
        return "The machine did nothing else."
    return f"**The machine was not calm:** a load of {found.load:.1f} before the run, so all figures are too low."


def _requests(found: Found) -> str:
    asked = found.requests
    lines = [
        ["save into a folder, the first time", str(asked.save_cold)],
        ["save into the same folder again", str(asked.save_known)],
        ["download of a small file", str(asked.download)],
        ["one look of the sensor", str(asked.poke)],
    ]
    return _rows(["", "requests without the token's"], lines)


def _operator(found: Found) -> str:
    taken = found.operator
    lines = [
        ["a task that does nothing", number(taken.nothing), ""],
        ["`OneDriveSaveOperator`, 10 KiB", number(taken.operator), ""],
        ["the client alone, made anew", number(taken.client), ""],
        ["what the operator adds", number(taken.added), f"{taken.lowest:.1f} to {taken.highest:.1f}"],
    ]
    return remarks.OPERATOR + "\n\n" + _rows(["", "ms", "lowest to highest"], lines)


def _growth(found: Found) -> str:
    lines = [
        [f"{count:,}", number(table.median(OURS)), _memory(table), number(table.median("rclone, TLS"))]
        for count, table in found.lists.items()
    ]
    return _rows(["children", "this program, s", "MiB", "rclone, s"], lines)


def _memory(table: Table) -> str:
    return number(table.median(OURS, lambda cost: cost.memory_bytes / 1024**2))


def _pictures(found: Found) -> dict[str, str]:
    return {
        "speed-by-size": _by_size(found, "MiB/s", "Speed over TLS by size"),
        "memory-by-size": _by_size(found, "MiB", "Memory by size (rclone: whole process)"),
        "files-by-concurrency": _by_concurrency(found),
        "files-by-latency": _by_latency(found),
        "list-by-count": charts.lines(
            "Listing, 50 ms a request",
            "children",
            "s",
            {
                name: [(float(count), table.median(name)) for count, table in found.lists.items()]
                for name in (OURS, "rclone, TLS")
            },
            log_across=True,
            log_up=True,
        ),
    }


def _by_size(found: Found, unit: str, title: str) -> str:
    def value(table: Table, name: str) -> float:
        return table.median(name) if unit == "MiB/s" else table.median(name, lambda cost: cost.memory_bytes / 1024**2)

    names = (_UP, _DOWN, "rclone, TLS, up", "rclone, TLS, down")
    series = {name: [(float(size), value(table, name)) for size, table in found.sizes.items()] for name in names}
    shown = {name.replace(", TLS", ""): points for name, points in series.items()}
    return charts.lines(title, "MiB", unit, shown, log_across=True)


def _by_concurrency(found: Found) -> str:
    series = {}
    for way, table in (("up", found.many_up), ("down", found.many_down)):
        ours = [row for row in table.rows if row.name.startswith(OURS)]
        points = [(float(row.name.split()[-3]), table.median(row.name)) for row in ours]
        series[f"this program, {way}"] = points
        rclone = table.median("rclone, TLS")
        series[f"rclone, {way}"] = [(points[0][0], rclone), (points[-1][0], rclone)]
    return charts.lines("10 KiB files, 50 ms a request", "at once", "files/s", series)


def _by_latency(found: Found) -> str:
    names = next(iter(found.latencies.values())).rows
    series = {
        row.name.replace(", TLS", ""): [
            (1000 * seconds, table.median(row.name)) for seconds, table in found.latencies.items()
        ]
        for row in names
    }
    return charts.lines("10 KiB files up", "ms a request", "files/s", series)
