"""Somebody who signs in for ``airflow-onedrive login``: reads the code that it shows, and enters it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-m", "airflow_provider_onedrive.cli")


def login(emulator: Any, arguments: Sequence[object]) -> tuple[int, str]:
    """Run it to its end; return its exit code and what it printed."""
    command = [*COMMAND, "login", *map(str, arguments)]
    emulator.options.device_interval_seconds = 1  # the shortest that it can ask for
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            if "enter the code " in line:
                emulator.approve_device(line.partition("enter the code ")[2].split()[0])
        return process.wait(), process.stdout.read() if process.stdout else ""


def login_options(emulator: Any, folder: Path) -> list[object]:
    """Return the options of login for the emulator, whose CA certificate is written into a folder."""
    (folder / "ca.pem").write_text(emulator.ca_certificate)
    return [
        *("--client-id", emulator.client_id, "--tenant-id", emulator.tenant_id),
        *("--graph-url", emulator.graph_url, "--authority-url", emulator.authority_url),
        *("--ca-certificate", folder / "ca.pem", "--scopes", "Files.ReadWrite.All"),
    ]
