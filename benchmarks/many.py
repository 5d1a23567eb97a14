"""Rows about many small things: files up and down, listing, walking, deleting, each with a latency."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import LATENCY_SECONDS, OURS, SMALL_BYTES, Bench, afresh, counted, into_new
from costs import Cost, times
from tables import Table
from tenant import TLS

AT_ONCE = (8, 16, 32, 64)
_FEW = 200
_FEW_OF_RCLONE = 500


def up(bench: Bench) -> Table:
    count = bench.size(1000, 60)
    table = _rate(f"{count} files of 10 KiB up, 50 ms a request", count)
    path, few = bench.small_files(count), bench.small_files(min(_FEW, count))
    for_rclone = min(_FEW_OF_RCLONE, count)
    rclone_path = bench.small_files(for_rclone)
    fill = _fill(folders=1, files=1)
    for at_once in AT_ONCE[bench.size(1, 2) :]:
        way = _scaled(lambda n=at_once: bench.ours("many_up", path=str(path), at_once=n, count=count), 1)
        table.race({f"{OURS}, {at_once} at once": afresh(bench, way, latency_seconds=LATENCY_SECONDS)}, bench.runs)
    ways: dict[str, Callable[[], Cost]] = {
        "rclone, TLS": _scaled(
            lambda: bench.rclone(TLS, "copy", "--transfers", "32", rclone_path, "od:many0000"), count / for_rclone
        ),
    }
    for name in bench.rivals():
        ways[f"{name}, 32 at once"] = _scaled(
            lambda n=name: bench.rival(n, "many_up", path=str(few), at_once=32, count=count),
            count / min(_FEW, count),
        )
    begin = {"latency_seconds": LATENCY_SECONDS, "fill": fill}
    table.race({name: afresh(bench, way, **begin) for name, way in ways.items()}, bench.runs)
    return table


def down(bench: Bench) -> Table:
    count = bench.size(1000, 60)
    bench.tenant.begin(LATENCY_SECONDS, _fill(folders=1, files=count))
    table = _rate(f"{count} files of 10 KiB down, 50 ms a request", count)
    for at_once in AT_ONCE[bench.size(1, 2) :]:
        ours = into_new(
            bench,
            lambda to, n=at_once: bench.ours("many_down", path=str(to / "down"), at_once=n, count=count),
        )
        table.race({f"{OURS}, {at_once} at once": ours}, bench.runs)
    ways: dict[str, Callable[[Path], Cost]] = {
        "rclone, TLS": lambda to: bench.rclone(TLS, "copy", "--transfers", "32", "od:many0000", to / "down"),
    }
    few = min(_FEW, count)
    for name in bench.rivals():
        ways[f"{name}, 32 at once"] = lambda to, n=name: times(
            bench.rival(n, "many_down", path=str(to / "down"), at_once=32, count=few), count / few
        )
    table.race({name: into_new(bench, way) for name, way in ways.items()}, bench.runs)
    return table


def latencies(bench: Bench) -> dict[float, Table]:
    """Measure the same with other latencies."""
    count, found = bench.size(200, 30), {}
    few = min(_FEW, count)
    path, few_path = bench.small_files(count), bench.small_files(few)
    for seconds in (0.0, 0.05, 0.1, 0.2) if not bench.is_small else (0.0, 0.05):
        table = _rate(f"{count} files of 10 KiB up, {seconds * 1000:.0f} ms a request", count)
        ways = {
            f"{OURS}, {at_once} at once": lambda n=at_once: bench.ours(
                "many_up", path=str(path), at_once=n, count=count
            )
            for at_once in (8, 32, 64)
        }
        ways["rclone, TLS"] = _scaled(
            lambda: bench.rclone(TLS, "copy", "--transfers", "32", few_path, "od:rclone"), count / few
        )
        fresh = {name: afresh(bench, way, latency_seconds=seconds) for name, way in ways.items()}
        table.race(fresh, min(bench.runs, 3))
        found[seconds] = table
    return found


def listing(bench: Bench) -> Table:
    count = bench.size(20_000, 1500)
    bench.tenant.begin(LATENCY_SECONDS, _fill(folders=1, files=count, size=1))
    table = _seconds(f"list {count:,} children, 50 ms a request", ("rclone, TLS", "the requests alone"))
    ways: dict[str, Callable[[], Cost]] = {
        OURS: lambda: bench.ours("list", count=count),
        "the requests alone": lambda: bench.limit(folder="many0000"),
        "rclone, TLS": lambda: bench.rclone(TLS, "lsf", "od:many0000"),
        "rclone, TLS, --fast-list --onedrive-delta": lambda: bench.rclone(
            TLS, "lsf", "-R", "--fast-list", "--onedrive-delta", "od:"
        ),
    }
    for name in bench.rivals():
        if name != "msgraph-sdk":  # it takes minutes
            ways[f"{name}, TLS"] = lambda n=name: bench.rival(n, "list", count=count)
    table.race(ways, bench.runs)
    return table


def list_growth(bench: Bench) -> dict[int, Table]:
    """List folders of other sizes, and see that memory does not grow with them."""
    found = {}
    for count in (1_000, 5_000, 20_000, 100_000) if not bench.is_small else (200, 1_000):
        bench.tenant.begin(LATENCY_SECONDS, _fill(folders=1, files=count, size=1))
        table = _seconds(f"list {count:,} children, 50 ms a request", ("rclone, TLS",))
        ways = {
            OURS: lambda c=count: bench.ours("list", count=c),
            "rclone, TLS": lambda: bench.rclone(TLS, "lsf", "od:many0000"),
        }
        table.race(ways, min(bench.runs, 3))
        found[count] = table
    return found


def walk(bench: Bench) -> tuple[Table, int]:
    """Return the table, and how many requests a walk takes."""
    folders, files = bench.size(1000, 50), 20
    bench.tenant.begin(LATENCY_SECONDS, _fill(folders=folders, files=files, size=1))
    count = folders * files + folders
    table = _seconds(f"walk {folders} folders of {files} files, 50 ms a request", ("rclone, TLS", "rclone, TLS, delta"))
    ways = {
        OURS: lambda: bench.ours("walk", count=count),
        "rclone, TLS": lambda: bench.rclone(TLS, "lsf", "-R", "od:"),
        "rclone, TLS, delta": lambda: bench.rclone(TLS, "lsf", "-R", "--fast-list", "--onedrive-delta", "od:"),
    }
    table.race(ways, bench.runs)
    bench.tenant.requests()
    bench.ours("walk", count=count, is_cold=True)
    return table, counted(bench.tenant.requests())


def delete(bench: Bench) -> tuple[Table, int]:
    """Return the table, and how many requests it takes with the listing before it.

    The emulator does the parts of a batch one after the other, and each would meet the latency; so there is none.
    """
    count = bench.size(1000, 60)
    table = _rate(f"delete {count} files, no latency", count)
    begin = {"fill": _fill(folders=1, files=count, size=1)}
    requests = []

    def ours() -> Cost:
        cost = bench.ours("delete", count=count, is_cold=True)
        requests.append(counted(bench.tenant.requests()))
        return cost

    ways = {OURS: ours, "rclone, TLS": lambda: bench.rclone(TLS, "delete", "od:many0000", "--checkers", "32")}
    table.race({name: afresh(bench, way, **begin) for name, way in ways.items()}, bench.runs)
    return table, max(requests)


def _fill(*, folders: int, files: int, size: int = SMALL_BYTES) -> dict[str, Any]:
    return {"prefix": "many", "folders": folders, "files": files, "size": size}


def _rate(title: str, count: int) -> Table:
    return Table(title, "files/s", count)


def _seconds(title: str, beside: tuple[str, ...]) -> Table:
    return Table(title, "s", beside=beside)


def _scaled(way: Callable[[], Cost], factor: float) -> Callable[[], Cost]:
    return lambda: times(way(), factor)
