"""What was to be reached, held against what was found."""

from __future__ import annotations

from collections.abc import Iterator

from bench import OURS
from costs import MIB, Cost
from found import Found
from tables import Goal, Table, number

_RCLONE, _PLAIN_RCLONE, _CURL = "rclone, TLS", "rclone, plain HTTP", "curl, TLS"
_DELTA = "rclone, TLS, --fast-list --onedrive-delta"
_MEMORY_MIB = 64


def judge(found: Found) -> list[Goal]:
    """Compare all of it."""
    return [*_large(found), *_many(found), *_listing(found), *_rest(found)]


def _large(found: Found) -> Iterator[Goal]:
    yield _at_least(2, found.up, OURS, _RCLONE, "upload of 1 GiB, TLS")
    put = found.one_put.times(OURS, _CURL)
    yield Goal("one PUT, TLS: at least 0.8 x curl's", f"{put:.2f} x", put >= 0.8)  # noqa: PLR2004 - as the text says
    cpu = found.up.median(OURS, lambda cost: cost.cpu_seconds)
    yield Goal("upload of 1 GiB: at most 1.5 CPU s", f"{cpu:.2f} s", cpu <= 1.5)  # noqa: PLR2004 - as above
    yield _memory(found.up, "upload")
    plain, curl = found.down.times(OURS, _PLAIN_RCLONE), found.down.times(OURS, _CURL)
    yield Goal(
        "download of 1 GiB, TLS: at least 1.2 x rclone's over plain HTTP, or 0.8 x curl's",
        f"{plain:.2f} x, {curl:.2f} x",
        plain >= 1.2 or curl >= 0.8,  # noqa: PLR2004 - as above
    )
    yield _memory(found.down, "download")


def _many(found: Found) -> Iterator[Goal]:
    at_32, at_64 = (f"{OURS}, {at_once} at once" for at_once in (32, 64))
    yield _at_least(10, found.many_up, at_32, _RCLONE, "1,000 small files up, 32 at once")
    few, many = found.many_up.median(at_32), found.many_up.median(at_64)
    yield Goal("at least 500 files/s up, 32 at once", f"{few:.0f}", few >= 500)  # noqa: PLR2004 - as the text says
    yield Goal("more with 64 at once", f"{many:.0f}", many > few)
    yield _at_least(5, found.many_down, at_32, _RCLONE, "1,000 small files down, 32 at once")


def _listing(found: Found) -> Iterator[Goal]:
    slower = found.listing.times("the requests alone", OURS)
    yield Goal("list 20,000: at most 1.1 x the requests alone", f"{slower:.2f} x", slower <= 1.1)  # noqa: PLR2004 - as the text says
    yield _at_least(5, found.listing, OURS, _RCLONE, "list 20,000")
    delta = found.listing.times(OURS, _DELTA)
    yield Goal("list 20,000: faster than rclone's delta", f"{delta:.2f} x", delta > 1)
    yield _at_most(25, found.walk[1], "requests of a walk of 1,000 folders with 20 files each")
    yield _at_most(51, found.delete[1], "requests to list and delete 1,000 files")


def _rest(found: Found) -> Iterator[Goal]:
    fast, slow = found.hashes.median("with numpy"), found.hashes.median("without")
    yield Goal("quickXorHash with numpy: at least 4 GiB/s", f"{fast / 1024:.1f}", fast >= 4 * 1024)
    yield Goal("quickXorHash without: at least 400 MiB/s", f"{slow:.0f}", slow >= 400)  # noqa: PLR2004 - as the text says
    asked = found.requests
    yield _at_most(2, asked.save_cold, "requests of a save")
    yield _at_most(1, asked.save_known, "requests of a save into a folder that is known")
    yield _at_most(2, asked.download, "requests of a small download")
    yield _at_most(1, asked.poke, "requests of a sensor's look")
    added = found.operator.added
    yield Goal("the operator adds at most 30 ms to the client", f"{added:.1f} ms", added <= 30)  # noqa: PLR2004 - as the text says
    sizes = [_mib(table.row(row.name).costs) for table in (found.huge,) for row in table.rows]
    yield Goal("5 GiB up and down: memory stays flat (64 MiB)", _words(sizes), max(sizes) <= _MEMORY_MIB)
    lists = [_mib(table.row(OURS).costs) for table in found.lists.values()]
    yield Goal("list of 100,000: memory stays flat (64 MiB)", _words(lists), max(lists) <= _MEMORY_MIB)


def _at_least(factor: float, table: Table, name: str, other: str, what: str) -> Goal:
    times = table.times(name, other)
    return Goal(f"{what}: at least {factor} x rclone's", f"{times:.2f} x", times >= factor)


def _at_most(most: int, count: int, what: str) -> Goal:
    return Goal(f"{what}: at most {most}", str(count), count <= most)


def _memory(table: Table, what: str) -> Goal:
    most = _mib(table.row(OURS).costs)
    return Goal(f"{what} of 1 GiB: at most 64 MiB beyond the idle process", f"{most:.0f} MiB", most <= _MEMORY_MIB)


def _mib(costs: list[Cost]) -> float:
    return max(cost.memory_bytes for cost in costs) / MIB


def _words(sizes: list[float]) -> str:
    return ", ".join(number(size) for size in sizes) + " MiB"
