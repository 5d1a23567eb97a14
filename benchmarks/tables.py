"""Tables of figures, as text for people and for the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from costs import MIB, Cost, Figures

SHOWN_FROM = 100


@dataclass
class Table:
    """One task, done by several programs in turns.

    :param amount: of ``unit`` that a second is compared by, more being better; None compares the seconds.
    :param beside: the names that the others are compared with.
    """

    title: str
    unit: str
    amount: float | None = None
    beside: tuple[str, ...] = ("rclone, TLS",)
    rows: list[Figures] = field(default_factory=list)

    def value(self, cost: Cost) -> float:
        return cost.seconds if self.amount is None else self.amount / cost.seconds

    def race(self, ways: Mapping[str, Callable[[], Cost]], runs: int) -> None:
        """Let each take its turn, again and again: what disturbs the machine disturbs all of them."""
        figures = {name: Figures(name) for name in ways}
        self.rows += figures.values()
        for _ in range(runs):
            for name, way in ways.items():
                figures[name].costs.append(way())
        print(self.text(), flush=True)

    def median(self, name: str, of: Callable[[Cost], float] | None = None) -> float:
        return self.row(name).median(of or self.value)

    def row(self, name: str) -> Figures:
        return next(row for row in self.rows if row.name == name)

    def times(self, name: str, other: str) -> float:
        """Return how many times better one is than another."""
        mine, its = self.median(name), self.median(other)
        return its / mine if self.amount is None else mine / its

    def text(self) -> str:
        lines = [[cell.replace("`", "") for cell in line] for line in (self.head(), *self.lines())]
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        shown = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        return "\n".join(["", self.title, *(line.rstrip() for line in shown)])

    def markdown(self) -> str:
        lines = [self.head(), ["---"] * len(self.head()), *self.lines()]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def head(self) -> list[str]:
        return ["", self.unit, "lowest to highest", *(f"x {name}" for name in self._others()), "CPU s", "MiB"]

    def lines(self) -> list[list[str]]:
        return [self._line(row) for row in self.rows]

    def _line(self, row: Figures) -> list[str]:
        low, high = row.spread(self.value)
        return [
            row.name,
            number(row.median(self.value)),
            f"{number(low)} to {number(high)}",
            *(f"{self.times(row.name, name):.2f}" for name in self._others()),
            number(row.median(lambda cost: cost.cpu_seconds)),
            number(row.median(lambda cost: cost.memory_bytes / MIB)) if row.costs[0].memory_bytes else "",
        ]

    def _others(self) -> list[str]:
        known = {row.name for row in self.rows}
        return [name for name in self.beside if name in known]


def number(value: float) -> str:
    """Show three digits."""
    if value >= SHOWN_FROM:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 1 else f"{value:.2f}"


@dataclass(frozen=True)
class Goal:
    """What was to be reached, and what was."""

    text: str
    reached: str
    is_met: bool

    @property
    def state(self) -> str:
        return "met" if self.is_met else "**missed**"
