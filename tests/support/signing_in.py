"""Somebody who signs in for ``airflow-onedrive login``: reads the code that it shows, and enters it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

COMMAND = (sys.executable, "-m", "airflow_provider_onedrive.cli")


def login(emulator: Any, arguments: Sequence[object]) -> tuple[int, str]:
    """Run it to its end; return its exit code and what it printed."""
    command = [*COMMAND, "login", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            if "enter the code " in line:
                emulator.approve_device(line.partition("enter the code ")[2].split()[0])
        return process.wait(), process.stdout.read() if process.stdout else ""
