"""Names of files and folders that nothing else contains, and what looks for them in logs and errors."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

FOLDER, FILE, OTHER, NEW, LOCAL = (
    "Okapi Vault",
    "Zebra Quark (1).csv",
    "Ibex é'Tarn.csv",
    "Gecko-Fjord.csv",
    "Wombat Ledger.csv",
)
WORDS = ("okapi", "vault", "zebra", "quark", "ibex", "tarn", "gecko", "fjord", "wombat", "ledger")
FILES = {f"{FOLDER}/{FILE}": b"1", f"{FOLDER}/{OTHER}": b"22", f"{FOLDER}/sub/{FILE}": b"333"}


def shown_by(error: BaseException | None) -> str:
    """All that a log may show of an error: its text, its fields, and the chain of its causes."""
    chain = []
    while error is not None:
        chain += [str(error), repr(error), repr(vars(error))]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(chain)


class NameWatch:
    """Looks for the words."""

    def __init__(self, logged: Callable[[], str]) -> None:
        self._logged = logged
        self.seen = ""
        """All that was looked at."""

    def logged(self) -> str:
        return self._logged()

    def check(self, what: str, *shown: object) -> None:
        text = "\n".join((self.logged(), *map(str, shown)))
        self.seen += text
        for word in WORDS:
            at = text.lower().find(word)
            assert at < 0, f"{what}: {text[max(at - 600, 0) : at + 200]}"


@pytest.fixture
def name_watch(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> NameWatch:
    """Everything that is logged from now on, at DEBUG, with its tracebacks."""
    caplog.set_level(logging.DEBUG)

    def logged() -> str:
        text: Any = caplog.text + "".join(capfd.readouterr())
        caplog.clear()
        return str(text)

    return NameWatch(logged)
