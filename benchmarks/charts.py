"""Line charts as SVG, written by hand: no library is needed for a few lines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 190, 40, 48
COLOURS = ("#0b6bcb", "#c5461b", "#2f8f4e", "#7a4fbf", "#8a6d00", "#555555")
_DARK = "@media (prefers-color-scheme: dark) { text { fill: #ddd } .grid { stroke: #444 } .back { fill: #111 } }"

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Scale:
    """From values to pixels, by powers of ten where the values span many."""

    values: tuple[float, ...]
    start: float
    end: float
    is_log: bool

    @property
    def bounds(self) -> tuple[float, float]:
        if self.is_log:
            return min(self.values), max(self.values)
        return 0.0, max(self.values) * 1.05 or 1.0

    def at(self, value: float) -> float:
        low, high = self.bounds
        if self.is_log:
            value, low, high = math.log(value), math.log(low), math.log(high)
        part = (value - low) / (high - low) if high > low else 0.5
        return self.start + part * (self.end - self.start)

    def ticks(self) -> list[float]:
        low, high = self.bounds
        if self.is_log:
            return sorted(set(self.values)) if len(set(self.values)) <= 8 else _powers(low, high)  # noqa: PLR2004
        step = 10 ** math.floor(math.log10(high / 2))
        step *= next(factor for factor in (1, 2, 5, 10) if high / (step * factor) <= 6)  # noqa: PLR2004 - six lines
        return [step * number for number in range(int(high / step) + 1)]


def _powers(low: float, high: float) -> list[float]:
    return [10.0**power for power in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]


def lines(
    title: str,
    across: str,
    up: str,
    series: Mapping[str, Points],
    *,
    log_across: bool = False,
    log_up: bool = False,
) -> str:
    """Draw one line for each series.

    :param across: what the horizontal axis shows; ``up`` the vertical one.
    """
    xs = tuple(x for points in series.values() for x, _ in points)
    ys = tuple(y for points in series.values() for _, y in points)
    horizontal = Scale(xs, LEFT, WIDTH - RIGHT, log_across)
    vertical = Scale(ys, HEIGHT - BOTTOM, TOP, log_up)
    head = f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12" role="img"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {head} aria-label="{escape(title)}">',
        f"<style>text {{ fill: #222 }} .grid {{ stroke: #ddd }} .back {{ fill: #fff }} {_DARK}</style>",
        f'<rect class="back" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text x="{LEFT}" y="22" font-size="14" font-weight="bold">{escape(title)}</text>',
        *_axes(horizontal, vertical, across, up),
    ]
    for number, (name, points) in enumerate(series.items()):
        parts += _series(name, points, number, horizontal, vertical)
    return "\n".join([*parts, "</svg>", ""])


def _axes(horizontal: Scale, vertical: Scale, across: str, up: str) -> list[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [
        f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(across)}</text>',
        f'<text x="{LEFT - 4}" y="{TOP - 6}" text-anchor="end" font-size="11">{escape(up)}</text>',
    ]
    for tick in vertical.ticks():
        y = vertical.at(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for tick in horizontal.ticks():
        x = horizontal.at(tick)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{tick:g}</text>')
    return parts


def _series(name: str, points: Points, number: int, horizontal: Scale, vertical: Scale) -> list[str]:
    colour = COLOURS[number % len(COLOURS)]
    placed = [(horizontal.at(x), vertical.at(y)) for x, y in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    row = TOP + 14 + 20 * number
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in placed),
        f'<rect x="{WIDTH - RIGHT + 14}" y="{row - 9}" width="10" height="10" fill="{colour}"/>',
        f'<text x="{WIDTH - RIGHT + 30}" y="{row}">{escape(name)}</text>',
    ]
