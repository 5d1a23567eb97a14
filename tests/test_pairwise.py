"""The sample that a run without --full takes of a product of parameters."""

from __future__ import annotations

from itertools import combinations, product

from pairwise import sample


def test_sample_has_every_pair_of_values() -> None:
    """And only a part of the product."""
    choices = list(product("abcde", "fgh", "ij", "kl"))
    chosen = [choices[number] for number in sample(choices)]
    for one, other in combinations(range(4), 2):
        assert {(each[one], each[other]) for each in chosen} == {(each[one], each[other]) for each in choices}
    assert len(chosen) < len(choices) / 3


def test_sample_of_one_parameter_is_all_of_it() -> None:
    """Nothing is left out that nothing else shows."""
    assert sample([["a"], ["b"], ["c"]]) == {0, 1, 2}
