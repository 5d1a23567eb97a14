"""Hold this program beside others, in one run against one emulator: ``make bench``.

It prints tables, and beside each goal what was reached; a full run also writes docs/performance.md and its pictures.
``--small`` only sees that all of it works.
"""

from __future__ import annotations

import argparse
import os
import pickle
import sys
import tempfile
import time
from pathlib import Path

import goals
import large
import many
import page
import small_costs
from bench import Bench, best_folder
from costs import GIB, MIB
from found import Found
from report import Report, noise
from tenant import tenant

ROOT = Path(__file__).parents[1]


def main() -> None:
    options = _options()
    if options.figures:
        found: Found = pickle.loads(Path(options.figures).read_bytes())  # noqa: S301 - a file of our own
        page.write(ROOT / "docs", found, goals.judge(found))
        return
    report = Report(5)
    report.say_machine()
    needed = GIB if options.small else 8 * GIB
    with (
        tempfile.TemporaryDirectory(dir=best_folder(options.folder, needed)) as folder,
        tenant(folder) as served,
    ):
        runs = 1 if options.small else options.runs
        found = _measure(Bench(served, Path(folder), Path(options.clients), runs, options.small), options.huge_gib)
    found.noise += [noise() for _ in range(5)]
    reached = goals.judge(found)
    for goal in reached:
        print(f"{goal.state.replace('*', ''):<7} {goal.text}: {goal.reached}")
    if options.keep:
        Path(options.keep).write_bytes(pickle.dumps(found))
    if not options.small:
        page.write(ROOT / "docs", found, reached)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare this program with others.")
    parser.add_argument("--runs", type=int, default=5, help="of each measurement")
    parser.add_argument("--small", action="store_true", help="once, with little: only see that it works")
    parser.add_argument("--folder", help="where files lie; the default is in memory, where there is room")
    parser.add_argument("--huge-gib", type=int, default=5, help="size of the largest file; 0 leaves it out")
    parser.add_argument("--keep", metavar="FILE", help="also keep the figures")
    parser.add_argument("--figures", metavar="FILE", help="measure nothing: write the page from figures that were kept")
    parser.add_argument("--clients", default=str(ROOT / ".venv-clients"), help="the environment with rclone")
    return parser.parse_args()


def _measure(bench: Bench, huge_gib: int) -> Found:
    began, (load, *_) = time.monotonic(), os.getloadavg()
    found = Found(
        noise=[noise() for _ in range(5)],
        requests=small_costs.requests(bench),
        operator=small_costs.operator(bench),
        hashes=small_costs.hashes(bench),
        up=large.up(bench),
        one_put=large.one_put(bench),
        down=large.down(bench),
        many_up=many.up(bench),
        many_down=many.down(bench),
        listing=many.listing(bench),
        walk=many.walk(bench),
        delete=many.delete(bench),
        sizes=large.sizes(bench),
        latencies=many.latencies(bench),
        lists=many.list_growth(bench),
        huge=_huge(bench, huge_gib),
        runs=bench.runs,
        load=load,
    )
    print(f"\nall in {time.monotonic() - began:.0f} s", file=sys.stderr)
    return found


def _huge(bench: Bench, gib: int) -> large.Table:
    """Use zeros for it, which take no room here, and the disk for what comes back."""
    size = 96 * MIB if bench.is_small else (gib or 1) * GIB
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "huge.bin"
        with path.open("wb") as file:
            file.truncate(size)
        return large.huge(bench, path, size)


if __name__ == "__main__":
    main()
