"""Rows that are no race: requests, hashes, and what the operator adds."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from bench import Bench, counted
from tables import Table


@dataclass(frozen=True)
class Requests:
    """How many requests something takes, without those for a token."""

    save_cold: int
    save_known: int
    download: int
    poke: int


def requests(bench: Bench) -> Requests:
    bench.tenant.begin(fill={"prefix": "many", "folders": 1, "files": 1, "size": 10_240})
    one, two = (_asked(bench, "save", count=count) for count in (1, 2))
    download = _asked(bench, "fetch", path=str(bench.new_folder() / "one.bin"))
    bench.in_airflow(do="poke")
    return Requests(one, two - one, download, counted(bench.tenant.requests()))


def _asked(bench: Bench, do: str, **work: Any) -> int:
    bench.tenant.requests()
    bench.ours(do, is_cold=True, **work)
    return counted(bench.tenant.requests())


def hashes(bench: Bench) -> Table:
    """Hash in pieces as they are sent, with and without numpy."""
    bench.tenant.begin()
    size = bench.size(1024, 32)
    table = Table("quickXorHash", "MiB/s", size, beside=())
    ways = {
        "with numpy": lambda: bench.ours("hash", by="numpy", mebibytes=size),
        "without": lambda: bench.ours("hash", by="integers", mebibytes=size),
    }
    table.race(ways, bench.runs)
    return table


@dataclass(frozen=True)
class Operator:
    """Milliseconds: of a task that does nothing, of one that saves 10 KiB, of the client alone, and what is added.

    :param added: for each run, the operator's task less the empty one and less the client.
    """

    nothing: float
    operator: float
    client: float
    added: float
    lowest: float
    highest: float


def operator(bench: Bench) -> Operator:
    bench.tenant.begin()
    taken = bench.in_airflow(do="seconds", runs=bench.size(max(bench.runs, 15), 3))
    ways = (taken["operator"], taken["nothing"], taken["client"])
    added = [1000 * (task - nothing - client) for task, nothing, client in zip(*ways, strict=True)]
    middle = {name: 1000 * statistics.median(seconds) for name, seconds in taken.items()}
    found = Operator(**middle, added=statistics.median(added), lowest=min(added), highest=max(added))
    print(f"\noperator: {found}", flush=True)
    return found
