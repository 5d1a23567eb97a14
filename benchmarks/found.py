"""Everything that one run has found."""

from __future__ import annotations

from dataclasses import dataclass

from small_costs import Operator, Requests
from tables import Table


@dataclass
class Found:
    """:param noise: milliseconds of always the same loop, at the beginning and at the end.

    :param walk: with the requests it took; ``delete`` as well. ``sizes``, ``latencies`` and ``lists`` show how costs
        grow.
    :param load: of the machine before the run: programs that wanted a processor.
    """

    noise: list[float]
    requests: Requests
    operator: Operator
    hashes: Table
    up: Table
    one_put: Table
    down: Table
    many_up: Table
    many_down: Table
    listing: Table
    walk: tuple[Table, int]
    delete: tuple[Table, int]
    sizes: dict[str, Table]
    latencies: dict[float, Table]
    lists: dict[int, Table]
    huge: Table
    runs: int
    load: float = 0.0
