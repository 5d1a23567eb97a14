"""How many examples a test of properties tries."""

from __future__ import annotations

from hypothesis import settings


def examples(number: int) -> int:
    """Return the number of a full run, of which others try a part: the profile says which, made for a hundred."""
    return max(1, number * settings.default.max_examples // 100)
