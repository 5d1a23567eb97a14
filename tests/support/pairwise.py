"""A sample of a product of parameters in which every pair of values of two parameters occurs.

Nearly all mistakes that a product finds depend on one value or on two together. The sample is the same in every run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import combinations

import pytest

Choice = Sequence[Hashable]
"""Which value each parameter has."""


def add_full_markers(items: Iterable[pytest.Item]) -> None:
    """Of each test with the marker ``pairwise``, leave what is not in the sample to a full run."""
    products = defaultdict[str, list[pytest.Function]](list)
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("pairwise"):
            products[item.nodeid.partition("[")[0]].append(item)
    for tests in products.values():
        tests.sort(key=lambda test: test.nodeid)  # the plug-in that mixes them may have come before
        chosen = sample([_choice(test) for test in tests])
        for number, test in enumerate(tests):
            if number not in chosen:
                test.add_marker(pytest.mark.full)


def sample(choices: Sequence[Choice]) -> set[int]:
    """Return the numbers of the choices to take: again and again the one with the most pairs that none has yet."""
    left = {number: _pairs(choice) for number, choice in enumerate(choices)}
    missing = set[object]().union(*left.values())
    chosen = set[int]()
    while missing:
        best = max(left, key=lambda number: len(left[number] & missing))
        chosen.add(best)
        missing -= left.pop(best)
    return chosen


def _pairs(choice: Choice) -> set[object]:
    return set(combinations(enumerate(choice), min(2, len(choice))))


def _choice(test: pytest.Function) -> Choice:
    """Return the value of each parameter, which is one object in all its tests; names listed together are one."""
    values = test.callspec.params
    together = [_names(mark.args[0]) for mark in test.iter_markers("parametrize")]
    listed = {name for names in together for name in names}
    of_fixtures = [[name] for name in values if name not in listed]
    return [tuple(id(values[name]) for name in names) for names in (*together, *of_fixtures)]


def _names(names: str | Sequence[str]) -> Sequence[str]:
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else names
