"""The lines that show how far the demo is: one that is rewritten on a terminal, one after another in a plain log."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

PLAIN_INTERVAL_SECONDS = 20


class Progress:
    """Shows the current step, the seconds since the start, and the thing that the step waits for."""

    def __init__(self, output: TextIO | None = None, interval_seconds: float = PLAIN_INTERVAL_SECONDS) -> None:
        self._output = sys.stdout if output is None else output
        self._interval_seconds = interval_seconds
        self._started = time.monotonic()
        self._shown = ""
        self._shown_at = 0.0

    def seconds(self) -> float:
        return time.monotonic() - self._started

    def print(self, text: str) -> None:
        """Print a block of text below an empty line."""
        self._clear()
        self._write(f"\n{text}\n")

    def update(self, step: str, waits_for: str = "") -> None:
        """Show the step; a plain log gets a line if the text is new, and each `interval_seconds`."""
        text = f"{step}: {waits_for}" if waits_for else step
        line = f"[{self.seconds():4.0f} s] {text}"
        if self._output.isatty():
            width = shutil.get_terminal_size().columns
            self._write(f"\r\x1b[K{line[: width - 1]}")
        elif text != self._shown or self.seconds() - self._shown_at >= self._interval_seconds:
            self._write(f"{line}\n")
            self._shown_at = self.seconds()
        self._shown = text

    def _clear(self) -> None:
        if self._shown and self._output.isatty():
            self._write("\r\x1b[K")
        self._shown = ""

    def _write(self, text: str) -> None:
        self._output.write(text)
        self._output.flush()
